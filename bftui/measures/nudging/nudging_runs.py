"""Nudging over many prompts, under one or several gammas."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bftui.core.errors import ContextFull, ModelError, UsageError
from bftui.core.job import Job
from bftui.core.pair.nudging_rounds import NudgeSettings
from bftui.core.sampler import Sampler
from bftui.measures.nudging.nudging_run import Alone, Nudging
from bftui.measures.nudging.nudging_writers import NudgingSite
from bftui.model.loaded_model import Model
from bftui.model.model_pair import Pair
from bftui.model.prompt import Prompt, Rendered


@dataclass(frozen=True, slots=True)
class PairedPrompt:
    """A prompt under a name, as each model is asked it."""

    id: str
    base: Prompt
    partner: Prompt


@dataclass(frozen=True, slots=True)
class NudgedPrompt:
    """A finished run, under the name of its prompt."""

    id: str
    run: Nudging


class NudgingRuns(Job):
    """Every prompt under every gamma.

    Attributes:
        found: the finished runs, prompt by prompt.
        units: how many runs there are in all.
    """

    def __init__(
        self,
        pair: Pair,
        questions: Sequence[PairedPrompt],
        settings: Sequence[NudgeSettings],
        sampler: Sampler,
        *,
        plain: bool = False,
    ) -> None:
        """Renders all prompts, so that one which cannot be nudged is found before the work.

        Args:
            settings: one for each gamma; they differ in nothing else.

        Raises ModelError that names the prompt, UsageError.
        """
        if not settings or not questions:
            raise UsageError("nudging needs a prompt and a gamma")
        self.found: list[NudgedPrompt] = []
        self.units = len(questions) * len(settings)
        self._pair, self._settings, self._sampler, self._plain = pair, settings, sampler, plain
        self._ids = [each.id for each in questions]
        self._rendered = [rendered_for(pair, each) for each in questions]
        self._running: Nudging | None = None
        super().__init__()

    @property
    def share(self) -> float:
        running = 0.0 if self._running is None else self._running.share
        return min(1.0, (len(self.found) + running) / self.units)

    @property
    def doing(self) -> str:
        """What is done now, for people."""
        running = self._running
        if running is None:
            return ""
        which = f"text {len(self.found) + 1} of {self.units}, " if self.units > 1 else ""
        return which + running.doing

    def _work(self) -> Iterator[None]:
        for name, (base, partner) in zip(self._ids, self._rendered, strict=True):
            site = NudgingSite(self._pair, self._pair.join(base, partner), sampler=self._sampler)
            alone: Alone | None = None
            for settings in self._settings:
                run = Nudging(site, settings, plain=self._plain, alone=alone)
                self._running = run
                yield from run.piecemeal()
                self._running, alone = None, run.alone
                self.found.append(NudgedPrompt(name, run))


def rendered_for(pair: Pair, question: PairedPrompt) -> tuple[Rendered, Rendered]:
    """Renders a prompt for the base and for the partner; raises as `rendered_under`."""
    base = rendered_under(question.id, question.base, pair.base)
    return base, rendered_under(question.id, question.partner, pair.partner)


def rendered_under(name: str, prompt: Prompt, model: Model) -> Rendered:
    """Renders a prompt for a model.

    Raises ModelError that names the prompt where the model cannot take it, or has no room for an answer.
    """
    try:
        rendered = model.render(prompt)
    except ModelError as error:
        raise type(error)(
            f"prompt {name!r} cannot be given to {model.name}", error.line()
        ) from error
    if len(rendered.token_ids) >= model.info.n_ctx:
        raise ContextFull(
            f"prompt {name!r} leaves no room in the context of {model.name}",
            f"it has {len(rendered.token_ids)} tokens, the context {model.info.n_ctx}",
            "give a shorter prompt, or open the model with a larger --ctx",
        )
    return rendered
