"""Token distribution shift over many prompts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bftui.core.bf.prompt_intervals import basis
from bftui.core.errors import BftuiError, Cancelled
from bftui.core.job import Job
from bftui.core.pair.distribution_shift import Author
from bftui.core.pair.shift_summary import Answers, Shares, by_position, most_shifted, overall
from bftui.measures.nudging.nudging_runs import PairedPrompt, rendered_for
from bftui.measures.shift.shift_reading import Shift
from bftui.model.loaded_model import Model
from bftui.model.model_pair import Contexts, Pair
from bftui.results.codec import finite
from bftui.results.shift_result import (
    WHOSE,
    ClassShares,
    HandedOver,
    NamedAnswer,
    NamedPosition,
    PositionMean,
    ShareIntervals,
    ShiftedText,
    ShiftOutput,
    ShiftPosition,
)
from bftui.trace.header import model_fields


@dataclass(frozen=True, slots=True)
class Answered:
    """The shift of one prompt, under the prompt's name."""

    id: str
    shift: Shift


class ShiftRuns(Job):
    """Every prompt: its answer is written, or was given, and read by both models.

    Attributes:
        found: the answers that are finished.
        units: how many there are in all.
    """

    def __init__(
        self,
        pair: Pair,
        questions: Sequence[PairedPrompt],
        *,
        author: Author,
        max_tokens: int,
        answers: Mapping[str, str] | None = None,
    ) -> None:
        """Renders all prompts, so that one which has no room for an answer is found before the work.

        Args:
            answers: texts by the names of their prompts, scored in place of a greedy answer.

        Raises ModelError that names the prompt.
        """
        self.found: list[Answered] = []
        self.units = len(questions)
        self._pair, self._questions, self._answers = pair, questions, answers or {}
        self._author, self._max_tokens = author, max_tokens
        self._rendered = [rendered_for(pair, each) for each in questions]
        self._now: Shift | None = None
        super().__init__()

    @property
    def share(self) -> float:
        now = 0.0 if self._now is None else self._now.share
        return (len(self.found) + now) / self.units

    @property
    def doing(self) -> str:
        """What it does now, for people."""
        now = "" if self._now is None else self._now.doing
        return f"prompt {len(self.found) + 1} of {self.units}: {now}" if self.units > 1 else now

    def _work(self) -> Iterator[None]:
        for question, rendered in zip(self._questions, self._rendered, strict=True):
            try:
                self._now = shift = self._begun(question.id, self._pair.join(*rendered))
                yield from shift.piecemeal()
            except BftuiError as error:
                if isinstance(error, Cancelled) or self.units == 1:
                    raise
                named = f"{error.message} (prompt {question.id})"
                raise type(error)(named, error.reason, error.hint) from error
            self.found.append(Answered(question.id, shift))
            self._now = None

    def _begun(self, name: str, contexts: Contexts) -> Shift:
        author = self._pair.base if self._author == "base" else self._pair.partner
        given = self._answers.get(name)
        return Shift(
            self._pair,
            contexts,
            author=self._author,
            token_ids=None if given is None else author.tokenize(given),
            max_tokens=self._max_tokens,
        )


def output(pair: Pair, answers: Sequence[Answered], author: Author, seed: int = 0) -> ShiftOutput:
    """Puts all answers of a pair together; `author` is who wrote them."""
    positions = [each.shift.positions for each in answers]
    found = overall(positions, seed)
    intervals = _intervals(found)
    return ShiftOutput(
        shares=ClassShares.of(found),
        n=0 if found is None else found.n,
        within_noise=sum(each.shift.within_noise for each in answers),
        intervals=intervals,
        intervals_basis=None if intervals is None else _basis(positions),
        text=WHOSE[author],
        models={"base": _model_fields(pair.base), "aligned": _model_fields(pair.partner)},
        hand_over=HandedOver(by=pair.by, why=pair.why),
        answers=tuple(
            NamedAnswer(id=each.id, answer=each.shift.whole_answer()) for each in answers
        ),
        by_position=tuple(
            PositionMean(
                position=mean.position,
                n=mean.n,
                shares=ClassShares.of(mean.shares),
                mean_rank=mean.rank,
                mean_prob=mean.prob,
                mean_kl=finite(mean.kl),
            )
            for mean in by_position(positions)
        ),
        most_shifted=tuple(
            ShiftedText(text=text.decode(errors="replace"), count=count)
            for text, count in most_shifted(positions)
        ),
        positions=tuple(
            NamedPosition(prompt=each.id, position=ShiftPosition.of(position))
            for each in answers
            for position in each.shift.positions
        ),
    )


def _model_fields(model: Model) -> dict[str, Any]:
    return {**model_fields(model.info, model.noise), "note": model.info.note}


def _intervals(found: Shares | None) -> ShareIntervals | None:
    if found is None or found.intervals is None:
        return None
    unshifted, marginal, shifted = found.intervals
    return ShareIntervals(unshifted=unshifted, marginal=marginal, shifted=shifted)


def _basis(answers: Answers) -> str:
    """Says what the intervals were made from; answers without positions do not count."""
    return basis(sum(bool(len(each)) for each in answers), 0, "answers")
