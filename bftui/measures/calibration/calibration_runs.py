"""A valid set after every prompt of a file, on one model."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bftui.core.draws import Purpose, uniform
from bftui.core.errors import BftuiError, Cancelled, ContextFull
from bftui.core.job import Job
from bftui.core.sampler import Sampler
from bftui.core.text import counted, of_path
from bftui.core.valid.valid_sets import LIMIT, Grammar, Valid, ValidSet
from bftui.measures.bulk.sample_store import Store, model_identity
from bftui.measures.calibration.calibration import Calibration, Readings
from bftui.measures.calibration.compile_valid import CompiledSet, compile_valid
from bftui.measures.calibration.grammar_nodes import GrammarCalibration
from bftui.measures.calibration.sampled_calibration import TRIED, SampledCalibration
from bftui.measures.calibration.token_constraint import TokenConstraint
from bftui.measures.site import Site, prompt_site
from bftui.model.loaded_model import Model
from bftui.model.prompt import Prompt, Rendered, framed
from bftui.model.templates import asking
from bftui.results.calibration_result import (
    CalibrationResult,
    CalibrationSettings,
    CaseOf,
    Lead,
    ModelCalibration,
    PromptCalibration,
)
from bftui.trace.header import model_fields
from bftui.trace.prompts_file import PromptLine

AnyCalibration = Calibration | SampledCalibration | GrammarCalibration


@dataclass(frozen=True, slots=True)
class CalibrationAsked:
    """What is asked of every prompt of every model.

    Attributes:
        sets: the valid set of each prompt.
        sampler: of P~.
        end: the texts that end an answer; empty for what is usual after the prompt's template.
        lead, case: which spellings count; see `CalibrationSettings`.
        frontier: whether the grid is measured too.
        samples: how many are drawn where a set is too large to be read.
    """

    sampler: Sampler
    end: tuple[str, ...] = ()
    lead: Lead = "auto"
    case: CaseOf = "given"
    frontier: bool = True
    samples: int = 2000

    def settings(self, valid: Valid) -> CalibrationSettings:
        """Says what was asked for, of one set."""
        return CalibrationSettings(
            valid=valid.name,
            sha256=digest(valid),
            end=self.end,
            lead=self.lead,
            case=self.case,
            frontier=self.frontier,
            sampler=self.sampler,
        )


def digest(valid: Valid) -> str:
    """The SHA-256 of the answers, one a line; of a set that is not written out, of its name and size."""
    if isinstance(valid, Grammar):
        return hashlib.sha256(f"{valid.kind}\n{valid.source}".encode()).hexdigest()
    whole = "\n".join(valid.answers) if valid.count <= LIMIT else f"{valid.name}\n{valid.count}"
    return hashlib.sha256(whole.encode()).hexdigest()


def start_calibration(
    site: Site,
    valid: Valid,
    asked: CalibrationAsked,
    *,
    lines: bool = False,
    store: Store[Readings] | None = None,
    key: str = "",
) -> AnyCalibration:
    """Begins to measure a valid set at a place: exactly, or from samples where it is too large.

    `lines`: whether a line end ends an answer too, where nothing else was named: after all but chat templates.

    Raises UsageError, ModelError for answers that the model cannot write, ContextFull for those with no room.
    """
    if isinstance(valid, Grammar):
        end = asked.end or (("\n",) if lines else ())
        constraint = TokenConstraint(
            site.model, site.prefix, valid.kind, valid.source, end=end, lead=asked.lead
        )
        return GrammarCalibration(site, constraint, asked.settings(valid), notes=valid.notes)
    large = valid.count > LIMIT
    compiled = compile_valid(
        site.model,
        site.prefix,
        _some_of(valid, site.sampler.seed) if large else valid,
        end=asked.end,
        lead=asked.lead,
        case=asked.case,
        lines=lines,
        others=not large,
    )
    settings = asked.settings(valid)
    if large:
        return SampledCalibration(site, valid, compiled, settings, asked.samples)
    _check_room(site, compiled)
    return Calibration(site, compiled, settings, store, key)


def _check_room(site: Site, compiled: CompiledSet) -> None:
    """Refuses answers that end past the context: before the work, not in the middle of it."""
    longest = max(compiled.paths, key=lambda path: len(path.token_ids))
    room = site.model.info.n_ctx - len(site.prefix)
    if len(longest.token_ids) > room:
        shown = repr(longest.text[:40]) + ("…" if len(longest.text) > 40 else "")
        raise ContextFull(
            f"the answer {shown} is {counted(len(longest.token_ids), 'token')} long, and the context of "
            f"{site.model.info.n_ctx} has room for {room} behind the prompt",
            hint="shorten the prompt, leave the answer out, or open the model with a larger --ctx",
        )


def _some_of(valid: ValidSet, seed: int) -> ValidSet:
    drawn = (valid.draw(uniform(seed, Purpose.CONTROL, k)) for k in range(TRIED))
    return ValidSet(valid.name, tuple(dict.fromkeys(drawn)))


class CalibrationRuns(Job):
    """Every prompt on one model.

    Attributes:
        found: what is finished, by the names of the prompts, in their order.
        units, units_done: prompts, and how many of them are finished.
        doing: what is done now, for people.
    """

    def __init__(
        self,
        model: Model,
        name: str,
        lines: Sequence[tuple[PromptLine, Valid]],
        frame: Prompt,
        asked: CalibrationAsked,
        store: Store[Readings],
        *,
        beside_chat: bool = False,
    ) -> None:
        """Renders all prompts, so that one which cannot be asked is found before the work.

        Args:
            name: the MODEL form that was asked for.
            lines: prompts, each with its valid set.
            frame: what they are put into.
            beside_chat: another model of the same command has a chat template.
        """
        self.found: list[tuple[str, CalibrationResult]] = []
        self.units, self.units_done = len(lines), 0
        self._model, self._name, self._asked, self._store = model, name, asked, store
        self._lines = lines
        chat = bool(model.info.chat_template)
        self._prompts: list[Rendered] = [
            self._rendered(line, asking(framed(line, frame), chat, beside_chat))
            for line, _ in lines
        ]
        self._running: AnyCalibration | None = None
        super().__init__()

    @property
    def share(self) -> float:
        running = 0.0 if self._running is None else self._running.share
        return (self.units_done + running) / self.units

    @property
    def seconds_a_unit(self) -> float | None:
        """How long a prompt takes; None before there is something to say."""
        share = self.share
        return self.seconds / (share * self.units) if share > 0.02 / self.units else None

    @property
    def doing(self) -> str:
        which = f"prompt {self.units_done + 1} of {self.units}: " if self.units > 1 else ""
        return which + ("" if self._running is None else self._running.doing)

    def _rendered(self, line: PromptLine, prompt: Prompt) -> Rendered:
        try:
            return self._model.render(prompt)
        except BftuiError as error:
            if self.units == 1:
                raise
            named = f"{error.message} (prompt {line.id})"
            raise type(error)(named, error.reason, error.hint) from error

    def _work(self) -> Iterator[None]:
        identity = model_identity(self._model.info)
        for (line, valid), rendered in zip(self._lines, self._prompts, strict=True):
            place = repr((identity, rendered.token_ids))
            key = hashlib.sha256(place.encode()).hexdigest()
            try:
                with prompt_site(self._model, rendered.token_ids, self._asked.sampler) as site:
                    yield
                    self._running = job = start_calibration(
                        site,
                        valid,
                        self._asked,
                        lines=rendered.template != "chat",
                        store=self._store,
                        key=key,
                    )
                    yield from job.piecemeal()
            except BftuiError as error:
                if isinstance(error, Cancelled) or self.units == 1:
                    raise
                named = f"{error.message} (prompt {line.id})"
                raise type(error)(named, error.reason, error.hint) from error
            self.found.append((line.id, job.result()))
            self._running = None
            self.units_done += 1

    def result(self) -> ModelCalibration | None:
        """Says what is finished; None before the first prompt is."""
        if not self.found:
            return None
        named = tuple(PromptCalibration(id=each, result=result) for each, result in self.found)
        return ModelCalibration(
            model=of_path(self._name),
            facts=model_fields(self._model.info, self._model.noise),
            prompt=self._lines[0][0].prompt,
            template=self._prompts[0].template,
            result=self.found[0][1],
            prompts=named if self.units > 1 else (),
        )
