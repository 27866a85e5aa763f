"""Nudging: a partner writes where the base is unsure (Fei, Razeghi, Singh, ACL 2025, arXiv 2410.09300).

The published algorithm as pure code over bytes: what a model is, it does not know. Two writers are asked for their most
probable tokens; what passes between them is text, a word at a time. A round is: the partner looks ahead; its first word
is accepted, and further ones until the base agrees with the next one or is sure enough to take over; the base goes on
while it is sure. Only the partner ends the text.
"""

from __future__ import annotations

import codecs
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice, takewhile
from typing import Literal, Protocol

from bftui.core.errors import ContextFull, UsageError
from bftui.core.pair.distribution_shift import Author
from bftui.core.schedule import GammaWindow

Stop = Literal["partner", "repeat", "rounds", "length", "context"]
"""Why it ended: the partner ended the text, said the same again and again, rounds or tokens as many as asked for, or a
context that is full."""
Taken = Literal["agrees", "sure"]
"""Why the base took over: its token begins the partner's next word, or is at least as probable as gamma."""

REPEATS = 3
"""Rounds in a row that may not begin with the words of the round before them."""

REPEATED_WORDS = 5
"""A chunk of more words than this is not written twice; a blank that it begins with counts as one, as published."""

REPEATED_ENDING = 30
"""Characters of an ending that is written twice, from which on it is left out of the text."""


@dataclass(frozen=True, slots=True)
class NudgeSettings:
    """How a text is nudged; the published defaults, with the gamma of the authors' examples.

    Attributes:
        gamma: the base writes where its most probable token has at least this P.
        draft: tokens that a writer is asked for at once; fewer where no more fit the base's context.
        max_tokens: no round begins at this length, in tokens of the base; one that began may go past it.
        rounds: at most.
        windows: positions after the prompt, in tokens of the base, at which another gamma holds.
    """

    gamma: float = 0.4
    draft: int = 16
    max_tokens: int = 256
    rounds: int = 150
    windows: tuple[GammaWindow, ...] = field(default=(), metadata={"left_out": True})

    def __post_init__(self) -> None:
        """Raises UsageError for what is not a probability, and for counts below 1."""
        if not 0 <= self.gamma <= 1:
            raise UsageError(
                f"gamma {self.gamma!r} is not a probability",
                hint="take one from 0 to 1, such as 0.4",
            )
        for name, value in (
            ("draft", self.draft),
            ("max-tokens", self.max_tokens),
            ("rounds", self.rounds),
        ):
            if type(value) is not int or value < 1:
                raise UsageError(f"{name} {value!r} is not a whole number from 1 on")

    def gamma_at(self, position: int) -> float:
        """Return the gamma that holds at a position after the prompt, from 0, in tokens of the base."""
        inside = (each.gamma for each in self.windows if each.holds(position))
        return next(inside, self.gamma)


@dataclass(frozen=True, slots=True)
class Token:
    """The most probable token somewhere.

    Attributes:
        token_id: in its writer's own vocabulary.
        text: its bytes; b"" for one that is never written, as control tokens are.
        prob: its probability under P.
        ends: whether its writer has come to its end; such a token is never written.
    """

    token_id: int
    text: bytes
    prob: float
    ends: bool = False


@dataclass(frozen=True, slots=True)
class Piece:
    """Text of one author.

    Attributes:
        author: who wrote it.
        text: its bytes.
        token_ids: its tokens in the base's vocabulary.
    """

    author: Author
    text: bytes
    token_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Round:
    """One round.

    Attributes:
        draft: what the partner wanted to write.
        pieces: what was written: words of the partner, then what the base wrote; either may be missing.
        taken: why the base took over; None where it did not.
    """

    draft: bytes
    pieces: tuple[Piece, ...]
    taken: Taken | None


class Writer(Protocol):
    """Something that goes on writing after what is written."""

    def draft(self, written: Sequence[Piece], limit: int) -> Generator[Token, None, None]:
        """Yields its most probable tokens, at most `limit`, closed when no more are wanted; one that ends is the last.

        Raises ContextFull.
        """
        ...


class Base(Writer, Protocol):
    """The writer whose vocabulary counts.

    Attributes:
        room: tokens that may be written before its context is full.
        stops: texts with which it would begin something else, so that it has come to its end before them.
    """

    room: int
    stops: tuple[bytes, ...]

    def spell(self, text: bytes) -> tuple[int, ...]:
        """Tokenises a text of whole characters, whatever stands before it."""
        ...

    def openings(
        self, written: Sequence[Piece], offers: Sequence[tuple[int, ...]]
    ) -> Iterator[Token]:
        """Yields its most probable token after what is written and each of these token lists, which grow.

        Raises ContextFull.
        """
        ...


def nudge(
    base: Base, partner: Writer, settings: NudgeSettings
) -> Generator[Round | None, None, Stop]:
    """Writes a text; yields each round when it is written, and None after each piece of work in between.

    A round that would not fit the base's room is not written.
    """
    written: list[Piece] = []
    last = b""
    again = 0
    for _ in range(settings.rounds):
        if _length(written) >= settings.max_tokens:
            return "length"
        left = base.room - _length(written)
        if left < 1:
            return "context"
        try:
            draft, ended = look_ahead(partner, written, min(settings.draft, left))
        except ContextFull:
            return "context"
        yield None
        words, taken = draft, None
        if not ended:
            try:
                words, taken = yield from _hand_over(base, written, draft, settings)
            except ContextFull:
                return "context"
        again = again + 1 if words == last and not ended else 0
        last = words
        if again == REPEATS:
            return "repeat"
        pieces = [Piece("partner", words, base.spell(words))] if words else []
        if _length(written) + _length(pieces) > base.room:
            return "context"
        if taken is not None:
            run = yield from _run(base, [*written, *pieces], settings)
            pieces += [run] if run.token_ids else []
        written += pieces
        yield Round(draft, tuple(pieces), taken)
        if ended:
            return "partner"
    return "rounds"


def look_ahead(partner: Writer, written: Sequence[Piece], limit: int) -> tuple[bytes, bool]:
    """Returns what the partner would write, in whole characters, and whether it ends there. Raises ContextFull."""
    text, ended = b"", False
    with closing(partner.draft(written, limit)) as drafted:
        for token in drafted:
            if token.ends:
                ended = True
                break
            text += token.text
    return whole(text).decode(errors="replace").encode(), ended


def _hand_over(
    base: Base, written: Sequence[Piece], draft: bytes, settings: NudgeSettings
) -> Generator[None, None, tuple[bytes, Taken | None]]:
    """Finds how much of the partner's draft is accepted, and why the base goes on after it."""
    places, rest = handed_over(draft)
    begun = _length(written)
    left = base.room - begun
    spelt = (base.spell(accepted) for accepted, _ in places)
    offers = list(takewhile(lambda ids: len(ids) <= left, spelt))
    # What does not fit is not asked about: then what is accepted in the end does not fit either.
    openings = zip(places, offers, base.openings(written, offers), strict=False)
    for (accepted, following), ids, token in openings:
        yield None
        if token.ends:
            continue
        if token.text and following.startswith(token.text):
            return accepted, "agrees"
        if token.prob >= settings.gamma_at(begun + len(ids)):
            return accepted, "sure"
    return rest, None


def handed_over(draft: bytes) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """Finds where the base may take over in a draft: (words accepted before, next word with its blank), in order.

    And what is accepted where it does not: all but the last word, which the draft's end may have cut, or the only one.
    Words are what stands between single blanks, line ends included; of several blanks none ends what is accepted, for
    a text that ends in a blank is not what models go on from.
    """
    lead = len(draft) - len(draft.lstrip(b" "))
    words = draft[lead:].split(b" ")
    if len(words) == 1:
        return [], draft
    places, start = [], lead
    for word in words:
        if word and start > lead:
            places.append((draft[:start].rstrip(b" "), b" " + word))
        start += len(word) + 1
    return places, draft[: len(draft) - len(words[-1])].rstrip(b" ")


def _run(
    base: Base, written: Sequence[Piece], settings: NudgeSettings
) -> Generator[None, None, Piece]:
    """Writes what the base writes once it took over: its first token, which stays, then on while it is sure."""
    output = b"".join(piece.text for piece in written)
    ran: list[Token] = []
    before = _length(written)
    sure = True
    while sure:
        limit = min(settings.draft, base.room - before - len(ran))
        # Nothing but this bounds a base that stays sure: its own end does not end the text.
        if limit < 1 or (ran and before + len(ran) >= settings.max_tokens):
            break
        try:
            with closing(base.draft([*written, _piece(ran)], limit)) as drafted:
                if not ran:
                    ran = _before_stop(output, _first(drafted), base.stops)
                    if not ran or before + 1 >= settings.max_tokens:
                        break
                at = before + len(ran)
                chunk = _chunk(output, ran, drafted, settings, at, base.stops)
        except ContextFull:
            break
        yield None
        ran = ran[: chunk.before]
        text, said = _text(chunk.kept), _text(ran)
        long = len(text.split(b" ")) > REPEATED_WORDS
        if chunk.said_before or (long and text in output + said):
            break
        ran, sure = [*ran, *chunk.kept], chunk.sure
    while ran and len(whole(_text(ran))) < len(_text(ran)):
        ran.pop()
    return _piece(ran)


def _first(drafted: Iterator[Token]) -> list[Token]:
    """Returns the token that took over; none where the base has come to its end."""
    return [token for token in islice(drafted, 1) if not token.ends]


@dataclass(frozen=True, slots=True)
class _Chunk:
    """A draft of the base.

    Attributes:
        kept: the tokens before the first one that it is not sure of.
        sure: whether these are all, so that it may go on.
        said_before: whether the whole draft is in what the base has just written.
        before: how many tokens of that stand before a stop string which the draft completes.
    """

    kept: list[Token]
    sure: bool
    said_before: bool
    before: int


def _chunk(
    output: bytes,
    ran: list[Token],
    drafted: Iterator[Token],
    settings: NudgeSettings,
    begun: int,
    stops: Sequence[bytes],
) -> _Chunk:
    """Reads a draft, past the first unsure token only as far as it says what the base has just written."""
    said, chunk = _text(ran), list[Token]()
    kept: int | None = None
    sure, before = True, len(ran)
    for token in drafted:
        if token.ends:
            sure = False
            break
        chunk.append(token)
        if kept is None and token.prob < settings.gamma_at(begun + len(chunk) - 1):
            kept = len(chunk) - 1
        clear = _before_stop(output, [*ran, *chunk], stops)
        if len(clear) < len(ran) + len(chunk):
            # A draft ends before a stop string; one that is not written takes nothing back.
            before = len(clear) if kept is None else before
            sure, chunk = False, clear[len(ran) :]
            break
        if kept is not None and _text(chunk) not in said:
            break
    return _Chunk(chunk[:kept], sure and kept is None, _text(chunk) in said, before)


def _before_stop(output: bytes, tokens: list[Token], stops: Sequence[bytes]) -> list[Token]:
    """Returns the tokens that end before the first stop string which they complete, with the text before or alone."""
    whole_text = output + _text(tokens)
    found = [
        at
        for stop in stops
        if (at := whole_text.find(stop, max(0, len(output) - len(stop) + 1))) >= 0
    ]
    if not found:
        return tokens
    end, kept = len(output), list[Token]()
    for token in tokens:
        end += len(token.text)
        if end > min(found):
            break
        kept.append(token)
    return kept


def _piece(tokens: Sequence[Token]) -> Piece:
    ids = tuple(token.token_id for token in tokens)
    return Piece("base", _text(tokens), ids)


def _text(tokens: Sequence[Token]) -> bytes:
    return b"".join(token.text for token in tokens)


def _length(pieces: Sequence[Piece]) -> int:
    return sum(len(piece.token_ids) for piece in pieces)


def whole(data: bytes) -> bytes:
    """Bytes without a last character of UTF-8 that is not complete."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    decoder.decode(data)
    pending = decoder.getstate()[0]
    return data[: len(data) - len(pending)]


def without_repeats(text: str) -> str:
    """Leaves out the last part of a text where that is written twice in a row and has `REPEATED_ENDING` characters.

    Again and again, the shortest first.
    """
    size = REPEATED_ENDING
    while 2 * size <= len(text):
        # One character tells most sizes apart.
        if text[-1] == text[-1 - size] and text[-size:] == text[-2 * size : -size]:
            text = text[:-size]
            size = REPEATED_ENDING
        else:
            size += 1
    return text
