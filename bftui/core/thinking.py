"""Where a model thinks before it answers: the blocks of a text that chat templates mark so, and BF inside and outside.

A token counts by the text before it: it is inside of a block where that has opened one and not closed it. So the tokens
that close a block are inside, being chosen there, and those that open it are neither thinking nor answer.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from bftui.core.noise_floor import factor, nats
from bftui.core.text import counted

FORMS: tuple[tuple[bytes, bytes], ...] = (
    (b"<think>", b"</think>"),
    (b"<thinking>", b"</thinking>"),
    (b"[THINK]", b"[/THINK]"),
    (b"<seed:think>", b"</seed:think>"),
    (b"<|START_THINKING|>", b"<|END_THINKING|>"),
    ("◁think▷".encode(), "◁/think▷".encode()),
    (b"<|channel|>analysis<|message|>", b"<|channel|>final<|message|>"),
)
"""What opens and what closes a block, in the templates of Qwen, DeepSeek and many others; of models that write XML; of
Magistral, Seed, Command A, Kimi and gpt-oss."""

_LONGEST = max(len(tag) for form in FORMS for tag in form)


@dataclass(frozen=True, slots=True)
class ThinkingBlock:
    """Tokens `start` to `stop` after the prompt, from 0, `stop` excluded; `opening` tokens before it open it.

    `closed`: whether the text has closed it.
    """

    start: int
    stop: int
    opening: int
    closed: bool


@dataclass(frozen=True, slots=True)
class ThinkingPart:
    """Some tokens of a text.

    Attributes:
        tokens: how many come from a distribution that is known; those of a user's turn are left out.
        entropy, entropy_truncated: mean H(P) and H(P~) of the distributions that they come from, nats.
    """

    tokens: int
    entropy: float
    entropy_truncated: float

    @property
    def bf(self) -> float:
        """exp of the mean H(P~)."""
        return math.exp(self.entropy_truncated)


@dataclass(frozen=True, slots=True)
class ThinkingParts:
    """A text with thinking: the numbers of all its blocks together, and of what is said after the first.

    None where there is nothing yet.
    """

    thinking: ThinkingPart | None
    answer: ThinkingPart | None

    def line(self) -> str:
        """Both in one line."""
        return "; ".join(
            f"{name} {_told(part)}"
            for name, part in (("thinking", self.thinking), ("answer", self.answer))
        )


def _told(part: ThinkingPart | None) -> str:
    if part is None:
        return "none yet"
    return f"{counted(part.tokens, 'token')}, BF {factor(part.bf)}, H {nats(part.entropy, 2, None)} nats"


class _State(NamedTuple):
    """After a token: which form is open, the end of the text, where its block began, what was closed, and sums."""

    form: int | None
    tail: bytes
    start: int
    opening: int
    given: bool
    done: tuple[ThinkingBlock, ...]
    chosen: int
    entropy: float
    truncated: float


class ThinkingTrack:
    """Follows a text token by token; going back costs nothing, a token more one search in a few bytes."""

    def __init__(self, prompt: bytes = b"") -> None:
        """`prompt`: its end may open a block already, as some chat templates do."""
        form = _opened_by(prompt)
        tail = b"" if form is not None else prompt[1 - _LONGEST :]
        self._states = [_State(form, tail, 0, 0, True, (), 0, 0.0, 0.0)]
        self._sizes: list[int] = []

    def __len__(self) -> int:
        """How many tokens were read."""
        return len(self._sizes)

    def keep(self, count: int) -> None:
        """Forgets all tokens from `count` on."""
        del self._states[count + 1 :], self._sizes[count:]

    def add(
        self, data: bytes, entropies: tuple[float, float] | None, *, given: bool = False
    ) -> None:
        """Reads one token.

        Args:
            data: its bytes.
            entropies: H(P) and H(P~), nats, of the distribution that it comes from; None where that is not known.
            given: whether it is of a user's turn, and chosen by nobody.
        """
        last, place = self._states[-1], len(self)
        form, tail, start, opening, done = last.form, last.tail, last.start, last.opening, last.done
        if given and not last.given and form is not None:
            # Who thinks for too long is interrupted.
            done, form, tail = (*done, *self._block(last, place, closed=False)), None, b""
        read = _read(form, tail, data)
        self._sizes.append(len(data))
        if read.closed and form is not None:
            done = (*done, *self._block(last, place + 1, closed=True))
        if read.before is not None:
            start, opening = place + 1, self._holding(read.before)
        count, entropy, truncated = last.chosen, last.entropy, last.truncated
        if entropies is not None and not given:
            count, entropy, truncated = (
                count + 1,
                entropy + entropies[0],
                truncated + entropies[1],
            )
        self._states.append(
            _State(read.form, read.tail, start, opening, given, done, count, entropy, truncated)
        )

    def _holding(self, before: int) -> int:
        """How many tokens hold an opening whose first `before` bytes stand before the last token."""
        tokens = 1
        while before > 0 and tokens < len(self):
            tokens += 1
            before -= self._sizes[-tokens]
        return tokens

    @staticmethod
    def _block(at: _State, stop: int, *, closed: bool) -> tuple[ThinkingBlock, ...]:
        if at.start >= stop:
            return ()
        return (ThinkingBlock(at.start, stop, at.opening, closed),)

    @property
    def blocks(self) -> tuple[ThinkingBlock, ...]:
        """The blocks with tokens in them, in order; the last one may be open."""
        last = self._states[-1]
        return (
            last.done
            if last.form is None
            else (*last.done, *self._block(last, len(self), closed=False))
        )

    def until(self, count: int) -> ThinkingTrack:
        """Returns a track of the first `count` tokens, which may go on in another way."""
        made = ThinkingTrack()
        made._states, made._sizes = self._states[: count + 1], self._sizes[:count]
        return made

    def parts(self) -> ThinkingParts | None:
        """The numbers of the thinking and of the answer; None for a text without a block."""
        blocks = self.blocks
        if not blocks:
            return None
        inside = [(each.start, each.stop) for each in blocks]
        outside, at = list[tuple[int, int]](), blocks[0].stop
        for block in blocks[1:]:
            outside.append((at, max(at, block.start - block.opening)))
            at = block.stop
        return ThinkingParts(self._mean(inside), self._mean([*outside, (at, len(self))]))

    def _mean(self, ranges: Iterable[tuple[int, int]]) -> ThinkingPart | None:
        count, entropy, truncated = 0, 0.0, 0.0
        for start, stop in ranges:
            first, last = self._states[start], self._states[stop]
            count += last.chosen - first.chosen
            entropy += last.entropy - first.entropy
            truncated += last.truncated - first.truncated
        # A difference of sums may be a little below 0.
        return (
            ThinkingPart(count, max(0.0, entropy / count), max(0.0, truncated / count))
            if count
            else None
        )


class _Read(NamedTuple):
    """What one token did: the form that is open after it, the end of the text, whether a block was closed.

    `before`: bytes of an opening before the token that completes it; None where none was completed that is still open.
    """

    form: int | None
    tail: bytes
    closed: bool
    before: int | None


def _read(form: int | None, tail: bytes, data: bytes) -> _Read:
    text, at, closed = tail + data, 0, False
    before: int | None = None
    while True:
        if form is None:
            places = ((text.find(opens, at), number) for number, (opens, _) in enumerate(FORMS))
            found = min((each for each in places if each[0] >= 0), default=None)
            if found is None:
                break
            place, form = found
            at = place + len(FORMS[form][0])
            before = max(0, len(tail) - place)
        else:
            closing = FORMS[form][1]
            place = text.find(closing, at)
            if place < 0:
                break
            at, form, closed, before = place + len(closing), None, True, None
    return _Read(form, text[at:][1 - _LONGEST :], closed, before)


def _opened_by(prompt: bytes) -> int | None:
    """The form of the block that a prompt ends inside of; None where it ends outside."""
    opened = ((prompt.rfind(opens), number) for number, (opens, _) in enumerate(FORMS))
    place, number = max(opened)
    return number if place > prompt.rfind(FORMS[number][1]) else None
