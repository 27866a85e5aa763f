"""Continuations of some texts after one node, all texts together, as far as they are drawn."""

from __future__ import annotations

from array import array
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field

import numpy as np

from bftui.backends.client.client_protocol import GivenRow, RolloutPlan, RolloutStep
from bftui.core.bf.looks import Grown, common
from bftui.core.bf.samples import F64, Finish, Sample
from bftui.core.draws import Purpose
from bftui.measures.site import Site
from bftui.results.response_result import DrawnSample


@dataclass(slots=True)
class _Row:
    """One continuation; `finish` is `length` as long as it may go on."""

    token_ids: array[int] = field(default_factory=lambda: array("i"))
    entropy: array[float] = field(default_factory=lambda: array("d"))
    finish: Finish = "length"

    def reaches(self, horizon: int) -> bool:
        return self.finish != "length" or len(self.token_ids) >= horizon

    def left(self, horizon: int) -> int:
        """Tokens that it may still draw."""
        return 0 if self.finish != "length" else max(0, horizon - len(self.token_ids))


class DrawnTexts:
    """Samples 0, 1, … of each text. More samples and more tokens go on from those that are there.

    Attributes:
        texts: the token ids of each text.
        tokens: how many are drawn, over all continuations.
    """

    def __init__(self, texts: Sequence[tuple[int, ...]]) -> None:
        self.texts = tuple(texts)
        self.tokens = 0
        self._rows: list[list[_Row]] = [[] for _ in texts]
        # What is left for so many samples and tokens: asked for after every step, and so kept up to date.
        self._left: dict[tuple[int, int], int] = {}

    @classmethod
    def restored(cls, texts: Sequence[tuple[tuple[int, ...], Sequence[DrawnSample]]]) -> DrawnTexts:
        """Takes in what another run of the program drew."""
        found = cls([ids for ids, _ in texts])
        found._rows = [
            [_Row(array("i", s.token_ids), array("d", s.entropy), s.finish) for s in samples]
            for _, samples in texts
        ]
        found.tokens = sum(len(row.token_ids) for rows in found._rows for row in rows)
        return found

    def draw(
        self, site: Site, samples: int, horizon: int, rounds: Sequence[int]
    ) -> Generator[None, None, None]:
        """Draws up to so many samples of each text, of up to `horizon` tokens; pauses after each step.

        Samples below each of `rounds` are complete before those above. To leave it keeps what was drawn.
        """
        for rows in self._rows:
            rows.extend(_Row() for _ in range(samples - len(rows)))
        if self.complete(samples, horizon):
            return
        plan = RolloutPlan(
            site.tree,
            site.node,
            self.texts,
            site.sampler,
            range(samples),
            horizon,
            Purpose.CONTROL,
            rounds=tuple(rounds),
            given=tuple(
                GivenRow(text, number, tuple(row.token_ids))
                for text, rows in enumerate(self._rows)
                for number, row in enumerate(rows[:samples])
                if row.token_ids
            ),
        )
        with closing(site.model.client.rollouts(plan)) as stream:
            for drawn in stream:
                self._join(drawn)
                yield
        for rows in self._rows:
            for row in rows[:samples]:
                if not row.reaches(horizon):
                    row.finish = "context"
        self._left.clear()

    def _join(self, drawn: RolloutStep) -> None:
        for place, text in enumerate(drawn.texts):
            number = drawn.numbers[place]
            row = self._rows[text][number]
            of = [each for each in self._left if number < each[0]]
            for samples, horizon in of:
                self._left[samples, horizon] -= row.left(horizon)
            row.token_ids.append(drawn.token_ids[place])
            row.entropy.append(drawn.entropy_truncated[place])
            if drawn.eog[place]:
                row.finish = "eog"
            for samples, horizon in of:
                self._left[samples, horizon] += row.left(horizon)
        self.tokens += len(drawn.texts)

    def left(self, samples: int, horizon: int) -> int:
        """Tokens that are at most to be drawn for so many samples of each text."""
        if (samples, horizon) not in self._left:
            known = sum(row.left(horizon) for rows in self._rows for row in rows[:samples])
            more = sum(max(0, samples - len(rows)) for rows in self._rows)
            self._left[samples, horizon] = known + horizon * more
        return self._left[samples, horizon]

    def complete(self, samples: int, horizon: int) -> bool:
        """Whether so many samples of each text are there, with all their tokens."""
        return all(
            len(rows) >= samples and all(row.reaches(horizon) for row in rows[:samples])
            for rows in self._rows
        )

    def grown(self, samples: int | None = None) -> list[list[Grown]]:
        """The first samples of each text, or all, as far as they are."""
        return [
            [Grown(np.array(row.entropy), row.finish != "length") for row in rows[:samples]]
            for rows in self._rows
        ]

    def common(self, horizon: int) -> int:
        """How many samples, from the first on, every text has with all their tokens."""
        return common(self.grown(), horizon)

    def means(self, text: int, samples: int, horizon: int) -> list[float]:
        """Mean H(P~) of the first samples of a text over their first tokens, nats; of those that have one."""
        rows = self._rows[text][:samples]
        return [float(np.mean(row.entropy[:horizon])) for row in rows if row.entropy]

    def samples(self, text: int, samples: int, horizon: int) -> list[Sample]:
        """The first samples of a text, cut to their first tokens; of each token only H(P~) is known."""
        return [_sample(row, horizon) for row in self._rows[text][:samples] if row.token_ids]

    def stored(self, text: int) -> tuple[DrawnSample, ...]:
        """What a trace keeps of a text: its samples, in the order of their numbers; the last may have no token yet."""
        return tuple(
            DrawnSample(
                token_ids=tuple(row.token_ids), entropy=tuple(row.entropy), finish=row.finish
            )
            for row in self._rows[text]
        )


def _sample(row: _Row, horizon: int) -> Sample:
    ids = tuple(row.token_ids[:horizon])
    unknown: F64 = np.full(len(ids), np.nan)
    whole = len(ids) == len(row.token_ids)
    return Sample(
        token_ids=ids,
        entropy=unknown,
        entropy_truncated=np.array(row.entropy[:horizon]),
        logprob_truncated=unknown,
        logprob=unknown,
        n_bytes=0,
        finish=row.finish if whole else "length",
    )
