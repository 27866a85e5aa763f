"""The valid set of a session: loaded, read node by node beside everything else, and any of its places on demand."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bftui.backends.client.client_protocol import TriePlan
from bftui.core.valid.node_reading import NodeReading
from bftui.measures.bulk.sample_store import Store
from bftui.measures.calibration.calibration import Calibration, Readings
from bftui.measures.calibration.calibration_runs import AnyCalibration, CalibrationAsked
from bftui.trace.valid_files import parse_valid, read_answers
from bftui.workbench.valid_shown import VALID_SET, AskedSet, ValidShown, numbered

if TYPE_CHECKING:
    from bftui.results.calibration_result import CalibrationResult, CalibrationSettings
    from bftui.session.session import Session
    from bftui.workbench.snapshot import Measured

_Key = tuple[int, "CalibrationSettings"]


class CalibrationWork:
    """One reading of a valid set.

    Attributes:
        job: what reads it.
        finished: whether all of it was known before.
    """

    name = VALID_SET

    def __init__(
        self,
        job: AnyCalibration,
        loaded: int,
        sampler: int,
        known: CalibrationResult | None,
    ) -> None:
        self.job = job
        self.published = 0.0
        self.finished = known is not None
        exact = isinstance(job, Calibration)
        trie = job.compiled.trie if isinstance(job, Calibration) else None
        self.shown = ValidShown(
            loaded,
            job.node,
            sampler,
            job.settings(),
            known or (job.result() if exact else None),
            trie,
            _numbers=numbered(trie),
        )

    @property
    def told(self) -> str:
        return f"{self.name} at {self.job.share:.0%}"

    def close(self) -> None:
        self.job.close()

    def publish(self, measured: Measured, *, running: bool) -> Measured:
        job = self.job
        if job.done or isinstance(job, Calibration):
            self.shown = replace(self.shown, result=job.result())
        self.shown = replace(
            self.shown,
            running=running,
            stopped=not running and not job.done,
            share=job.share,
            left=job.left if running else None,
        )
        return replace(measured, valid=self.shown)

    def read(self, number: int, session: Session) -> NodeReading | None:
        """Reads one place of the set under the sampler in force. Raises ModelError."""
        if not isinstance(self.job, Calibration):
            return None
        node = self.job.compiled.trie.nodes[number]
        plan = TriePlan(self.job.site.prefix, [(number, node)], session.sampler, fit=True)
        found = list(session.model.client.read_trie(plan))
        return found[0]


class ValidSets:
    """What a session knows of valid sets.

    Attributes:
        loaded: the latest one.
    """

    def __init__(self) -> None:
        self.loaded: CalibrationWork | None = None
        self._count = 0
        self._stores: dict[_Key, Store[Readings]] = {}
        self._results: dict[_Key, CalibrationResult] = {}

    def begin(self, session: Session, asked: AskedSet, node: int) -> CalibrationWork:
        """Loads a set after a node; what was read of it is not read again. Raises BftuiError for what names no set."""
        valid = parse_valid(asked.name, read_answers)
        wanted = CalibrationAsked(session.sampler, end=asked.end)
        key = node, wanted.settings(valid)
        store = self._stores.setdefault(key, Store())
        job = session.experiments.start_calibration(valid, wanted, node, store)
        self._count += 1
        number, known = session.sampler_number, self._results.get(key)
        self.loaded = CalibrationWork(job, self._count, number, known)
        return self.loaded

    def keep(self, shown: ValidShown | None) -> None:
        """Remembers what is known of a set, so that it is not read again."""
        if shown is not None and shown.result is not None and shown.result.validity is not None:
            self._results[shown.node, shown.settings] = shown.result

    def clear(self) -> None:
        """Forgets everything: it is about another session."""
        self.loaded = None
        self._stores.clear()
        self._results.clear()
