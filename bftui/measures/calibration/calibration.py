"""Calibration on a valid set at one place: every node of its trie is read, and whole answers are what comes of it."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict

import numpy as np

from bftui.backends.client.client_protocol import TriePlan
from bftui.core.job import Job
from bftui.core.valid.frontier import CUTOFFS, ORACLES, best_points, default_grid
from bftui.core.valid.logit_shape import LogitShape, fit_shape
from bftui.core.valid.node_reading import NodeReading, Setting
from bftui.core.valid.sequence_numbers import (
    NodeAverages,
    SequenceFold,
    SequenceNumbers,
    answer_nodes,
)
from bftui.core.valid.theorem_bounds import fewest_choices, measured_compounding, shape_bound
from bftui.core.valid.token_trie import TrieNode
from bftui.measures.bulk.sample_store import Store
from bftui.measures.calibration.compile_valid import CompiledSet
from bftui.measures.site import Site
from bftui.results.calibration_result import (
    MOST_ANSWERS,
    MOST_PLACES,
    CalibrationPlace,
    CalibrationResult,
    CalibrationSettings,
    CalibrationStep,
    FrontierPoint,
    HeadAndTail,
    OrderCalibration,
    ShapeCalibration,
    TheoremBounds,
    ValidAnswer,
)
from bftui.results.stored_result import StoredResult

CHUNK = 512
"""Nodes that are read with one plan. What is finished is kept after each, and those who go on evaluate the same nodes
together."""

Readings = tuple[NodeReading, ...]


class Calibration(Job):
    """A valid set after the path of a node.

    Attributes:
        site: where answers begin.
        compiled: the answers as tokens of the model.
        readings: of each node of the trie that was read, by its number.
    """

    def __init__(
        self,
        site: Site,
        compiled: CompiledSet,
        settings: CalibrationSettings,
        store: Store[Readings] | None = None,
        key: str = "",
    ) -> None:
        """`store` has what was read before, under `key`, which tells model and prompt, and what was asked of them."""
        self.site, self.compiled = site, compiled
        self._settings = settings
        self._grid = default_grid() if settings.frontier else ()
        self._store: Store[Readings] = Store() if store is None else store
        self._key = key
        self._fold = SequenceFold(compiled.trie, len(self._grid))
        self._found: tuple[int, CalibrationResult] | None = None
        nodes = compiled.trie.nodes
        most = sorted(range(len(nodes)), key=lambda n: (-nodes[n].completions, n))
        self._listed = frozenset(most[:MOST_PLACES])
        self._places: dict[int, CalibrationPlace] = {}
        self._logits: LogitShape | None = None
        super().__init__()

    @property
    def node(self) -> int:
        """The node that answers begin after."""
        return self.site.node

    @property
    def share(self) -> float:
        return self._fold.read / len(self.compiled.trie.nodes)

    @property
    def doing(self) -> str:
        """What it does now, for people."""
        nodes = len(self.compiled.trie.nodes)
        return f"{self._settings.valid}: {self._fold.read:,} of {nodes:,} places"

    def settings(self) -> CalibrationSettings:
        """Says what was asked for."""
        return self._settings

    def stored(self) -> StoredResult | None:
        """Returns what a trace keeps; None before all is read."""
        if not self.done:
            return None
        return StoredResult("calibration", self.node, self._settings, self.result())

    def _work(self) -> Iterator[None]:
        self._logits = fit_shape(
            self.site.model.client.logits(self.site.tree, self.site.node, self.site.sampler)
        )
        nodes = list(enumerate(self.compiled.trie.nodes))
        for start in range(0, len(nodes), CHUNK):
            key = self._key_of(nodes[start : start + CHUNK])
            known = self._store.get(key)
            if known is not None:
                for reading in known:
                    self._take(reading)
                yield
                continue
            site, chunk = self.site, list[NodeReading]()
            plan = TriePlan(site.prefix, nodes[start : start + CHUNK], site.sampler, self._grid)
            for reading in site.model.client.read_trie(plan):
                chunk.append(reading)
                self._take(reading)
                yield
            self._store.put(key, tuple(chunk))

    def _key_of(self, nodes: Sequence[tuple[int, TrieNode]]) -> str:
        """A key for all that these readings depend on: what another version reads otherwise is read again."""
        asked = repr((nodes, self._grid, self.site.sampler))
        return f"{self._key}:{hashlib.sha256(asked.encode()).hexdigest()}"

    def _take(self, reading: NodeReading) -> None:
        self._fold.add(reading)
        if reading.node in self._listed:
            self._places[reading.node] = self._place(reading)

    def _place(self, reading: NodeReading) -> CalibrationPlace:
        node, token_bytes = self.compiled.trie.nodes[reading.node], self.site.model.token_bytes
        return CalibrationPlace(
            text=b"".join(map(token_bytes, node.path)).decode(errors="replace"),
            token_ids=node.path,
            answers=node.completions,
            validity=reading.valid_mass,
            other_spellings=reading.other_mass,
            auc=reading.auc,
            recall_at_precision=reading.recall_at_precision,
            oracle_recall=reading.oracle_recall,
            inversions=reading.inversions,
            gap=reading.gap,
            evenness=reading.evenness,
        )

    # What was found ----------------------------------------------------------------------------------------------

    def result(self) -> CalibrationResult:
        """Says what was found; before all is read that is how far it came."""
        if self._found is None or self._found[0] != self._fold.read:
            self._found = self._fold.read, self._told(self._fold.numbers())
        return self._found[1]

    def _told(self, numbers: SequenceNumbers | None) -> CalibrationResult:
        trie = self.compiled.trie
        if numbers is None:
            return CalibrationResult(
                how="exact",
                answers_in_set=trie.answers,
                nodes=len(trie.nodes),
                read=self._fold.read,
                validity=None,
                diversity=None,
                validity_truncated=None,
                diversity_truncated=None,
                effective=None,
                kl_uniform=None,
                distance_uniform=None,
                other_spellings=None,
                order=None,
                shape=None,
                steps=(),
                bounds=None,
                frontier=(),
                answers=(),
                notes=self.compiled.notes,
            )
        sampled = numbers.sampled
        steps = zip(sampled.step_precision, sampled.step_recall, strict=True)
        return CalibrationResult(
            how="exact",
            answers_in_set=trie.answers,
            nodes=len(trie.nodes),
            read=self._fold.read,
            validity=numbers.validity,
            diversity=numbers.diversity,
            validity_truncated=sampled.validity,
            diversity_truncated=sampled.diversity,
            effective=numbers.effective,
            kl_uniform=numbers.kl_uniform,
            distance_uniform=numbers.distance_uniform,
            other_spellings=numbers.other_spellings,
            order=_order(numbers.nodes),
            shape=_shape(numbers.nodes),
            steps=tuple(CalibrationStep(precision=p, recall=r) for p, r in steps),
            bounds=self._bounds(numbers),
            places=tuple(self._places[node] for node in sorted(self._places)),
            logits=None if self._logits is None else HeadAndTail(**asdict(self._logits)),
            frontier=_frontier(self._grid, numbers),
            answers=self._answers(numbers),
            notes=self.compiled.notes,
        )

    def _bounds(self, numbers: SequenceNumbers) -> TheoremBounds:
        cutoffs = [numbers.sampled]
        cutoffs += [
            point
            for setting, point in zip(self._grid, numbers.grid, strict=True)
            if setting.rule in CUTOFFS
        ]
        return TheoremBounds(
            compounding=measured_compounding(numbers.sampled.precision, cutoffs),
            shape=shape_bound(numbers.validity, fewest_choices(self.compiled.trie)),
        )

    def _answers(self, numbers: SequenceNumbers) -> tuple[ValidAnswer, ...]:
        """The valid answers, the most probable first; of equals the first of the trie."""
        trie, token_bytes = self.compiled.trie, self.site.model.token_bytes
        ends = answer_nodes(trie)
        found = []
        for place in np.argsort(-numbers.logprobs, kind="stable")[:MOST_ANSWERS].tolist():
            path, logprob = trie.nodes[ends[place]].path, float(numbers.logprobs[place])
            text = b"".join(map(token_bytes, path)).decode(errors="replace")
            known = logprob if math.isfinite(logprob) else None
            found.append(ValidAnswer(text=text, token_ids=path, logprob=known))
        return tuple(found)


def _order(nodes: NodeAverages) -> OrderCalibration:
    return OrderCalibration(
        auc=nodes.auc,
        recall_at_precision=nodes.recall_at_precision,
        oracle_recall=nodes.oracle_recall,
        inversions=nodes.inversions,
    )


def _shape(nodes: NodeAverages) -> ShapeCalibration | None:
    if nodes.gap is None:
        return None
    return ShapeCalibration(gap=nodes.gap, evenness=nodes.evenness)


def _frontier(grid: Sequence[Setting], numbers: SequenceNumbers) -> tuple[FrontierPoint, ...]:
    best = best_points(grid, [(point.validity, point.diversity) for point in numbers.grid])
    return tuple(
        FrontierPoint(
            rule=setting.rule,
            value=setting.value,
            temperature=setting.temperature,
            validity=point.validity,
            diversity=point.diversity,
            best=is_best and setting.rule not in ORACLES,
        )
        for setting, point, is_best in zip(grid, numbers.grid, best, strict=True)
    )
