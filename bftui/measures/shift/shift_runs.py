"""Token distribution shift over many prompts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from bftui.core.errors import BftuiError, Cancelled
from bftui.core.job import Job
from bftui.core.pair.distribution_shift import Author
from bftui.measures.nudging.nudging_runs import Question, rendered_for
from bftui.measures.shift.shift_reading import Shift
from bftui.measures.shift.shift_result import Answered
from bftui.model.model_pair import Contexts, Pair


class ShiftRuns(Job):
    """Every prompt: its answer is written, or was given, and read by both models.

    Attributes:
        found: the answers that are finished.
        units: how many there are in all.
    """

    def __init__(
        self,
        pair: Pair,
        questions: Sequence[Question],
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
                yield from self._pieces_of(shift)
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

    @staticmethod
    def _pieces_of(shift: Shift) -> Iterator[None]:
        try:
            while shift.advance():
                yield
        finally:
            shift.close()
