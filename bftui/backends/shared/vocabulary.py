"""A vocabulary as bytes: what every local backend knows of its tokens, and the two ways from text to ids.

The beginning of a text is the model's own: a prompt gets the ids that the model's library gives it, with the space
that it puts before a text, its normaliser, and what its tokens swallow around them. Forcing is literal: the bytes of
the ids, joined, are the text's UTF-8, which is checked; what the tokenizer would change is written byte by byte, and
nothing else. In neither do words that people type become a control token, unless they ask for it.
Not for: the algorithm of any tokenizer; a backend brings its own as a `TextTokenizer`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import groupby
from typing import Protocol

from bftui.core.errors import InputError, InvalidToken, Unwritable

Encode = Callable[[str], list[int]]
"""Text to ids, with nothing put before or after it."""

Literal = Callable[[str, bool], list[int]]
"""`TextTokenizer.literal`."""

Parts = Sequence[str | int]
"""A text in order: what stands for itself, and control tokens by id."""


class TextTokenizer(Protocol):
    """A model's own tokenizer as its library has it. It adds no start token; its answers are not trusted."""

    def own(self, text: str) -> list[int]:
        """Return ids of a whole text; control tokens that are written in it are read as such."""
        ...

    def own_parts(self, parts: Parts) -> list[int]:
        """Return ids as `own` does, but only the ids in `parts` are control tokens; no two texts stand side by side."""
        ...

    def literal(self, text: str, special: bool) -> list[int]:
        """Return ids of text inside another: nothing put before it, nothing swallowed, as little changed as can be.

        `special` has control tokens that are written in it read as such.
        """
        ...


END_TEXTS = frozenset(
    (
        "<|eot_id|>",
        "<|im_end|>",
        "<|end|>",
        "<|return|>",
        "<|call|>",
        "<|flush|>",
        "<|calls|>",
        "<end_of_turn>",
        "<|endoftext|>",
        "</s>",
        "<|eom_id|>",
        "<EOT>",
        "_<EOT>",
        "[EOT]",
        "[EOS]",
        "<|end_of_text|>",
        "<end_of_utterance>",
        "<eos>",
        "<turn|>",
        "<|tool_response>",
        "<｜end▁of▁sentence｜>",
        "[e~[",
    )
)
"""Control tokens that end a generation whatever a file says of them, as llama.cpp has it."""


def vocabulary_sha256(pieces: Sequence[bytes]) -> str:
    """SHA-256 over every token's bytes in id order, each preceded by its length as uint32 little-endian."""
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(len(piece).to_bytes(4, "little") + piece)
    return digest.hexdigest()


def byte_characters() -> dict[str, int]:
    """GPT-2's alphabet: printable bytes stand for themselves, the others for characters from U+0100 on."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [value for value in range(256) if value not in printable]
    characters = {chr(value): value for value in printable}
    return characters | {chr(256 + i): value for i, value in enumerate(others)}


_CHUNK = re.compile(r"\s+(?=\s\S)|\s?\S+|\s+")
"""A word with one blank before it, or other blanks."""


class Vocabulary:
    """The bytes of every token, and text to ids that are checked."""

    def __init__(
        self,
        pieces: Sequence[bytes],
        *,
        special_ids: Collection[int],
        unknown_ids: Collection[int] = (),
    ) -> None:
        """Takes the bytes of each token in id order.

        Args:
            pieces: of a control token its written form, b"" for padding.
            special_ids: control tokens, never made from text unless that is asked for.
            unknown_ids: those of them that stand for what the tokenizer cannot write.
        """
        self.pieces = tuple(pieces)
        self.special_ids = frozenset(special_ids)
        plain = [i for i, piece in enumerate(pieces) if i not in self.special_ids]
        self.byte_ids = {pieces[i][0]: i for i in reversed(plain) if len(pieces[i]) == 1}
        self._unknown = sorted(unknown_ids)[:1]
        self._control = self.special_ids - frozenset(unknown_ids)
        self._words = Words({self.pieces[i]: i for i in sorted(self.special_ids, reverse=True)})

    def token_bytes(self, token_id: int) -> bytes:
        """Return the bytes of one token; raises InvalidToken outside the vocabulary."""
        if not 0 <= token_id < len(self.pieces):
            raise InvalidToken(f"token {token_id} is not in the vocabulary of {len(self.pieces)}")
        return self.pieces[token_id]

    # Literal ---------------------------------------------------------------------------------------------------

    def tokenize(self, text: str, literal: Literal, *, special: bool = False) -> list[int]:
        """Return ids whose bytes are the text's; raises InputError, and Unwritable for what no tokens write."""
        _check(text)
        tried = literal(text, special) if text else []
        if self._writes(tried, text, special=special):
            return tried
        ids: list[int] = []
        for part in self._words.split(text) if special else [text]:
            if isinstance(part, int):
                ids.append(part)
            else:
                ids += self._repaired(part, lambda words: literal(words, False))
        return ids

    def _repaired(self, text: str, encode: Encode) -> list[int]:
        """Ids of text that the tokenizer changes somewhere: the words that it leaves alone are tokenised together."""
        ids: list[int] = []
        for run, sound in _runs(_CHUNK.findall(text), lambda chunk: self._sound(chunk, encode)):
            ids += self._halved(run, encode) if sound else self._mended(run, encode)
        return ids

    def _mended(self, text: str, encode: Encode) -> list[int]:
        """A word that the tokenizer changes: the characters that it leaves alone stay together."""
        ids: list[int] = []
        for run, sound in _runs(text, lambda character: self._sound(character, encode)):
            if sound:
                ids += self._halved(run, encode)
            else:
                for character in run:
                    ids += self._bytewise(character)
        return ids

    def _halved(self, text: str, encode: Encode) -> list[int]:
        """Ids of text whose characters can all be written; halved as long as the tokenizer changes them together."""
        ids: list[int] = []
        waiting = [text]
        while waiting:
            text = waiting.pop()
            tried = encode(text) if text else []
            if self._writes(tried, text):
                ids += tried
            elif len(text) == 1:
                ids += self._bytewise(text)
            else:
                middle = len(text) // 2
                waiting += [text[middle:], text[:middle]]
        return ids

    def _sound(self, text: str, encode: Encode) -> bool:
        return self._writes(encode(text), text)

    def _writes(self, ids: Sequence[int], text: str, *, special: bool = False) -> bool:
        if not special and not self.special_ids.isdisjoint(ids):
            return False
        return b"".join([self.pieces[i] for i in ids]) == text.encode()

    def _bytewise(self, character: str) -> list[int]:
        try:
            return [self.byte_ids[value] for value in character.encode()]
        except KeyError:
            raise Unwritable(
                f"this vocabulary cannot write {character!r}",
                "it has no token for one of its bytes",
            ) from None

    # A prompt --------------------------------------------------------------------------------------------------

    def prompt(
        self,
        parts: Parts,
        tokenizer: TextTokenizer,
        *,
        special: bool = False,
        begins: bool = True,
    ) -> list[int]:
        """Return ids of a text as the model's own tokenizer gives them, without a start token.

        Args:
            parts: text and the control tokens in it.
            tokenizer: the model's own.
            special: whether control tokens that are written in the text are read as such.
            begins: whether this is the beginning of a text; else words that come first are taken literally.

        Raises InputError for text that is not Unicode, Unwritable for what no tokens write.
        """
        parts = _joined(parts)
        if not begins and parts and isinstance(parts[0], str):
            head = (
                self.tokenize(parts[0], tokenizer.literal, special=True)
                if special
                else self._going_on(parts[0], tokenizer)
            )
            return head + self.prompt(parts[1:], tokenizer, special=special)
        if not parts:
            return []
        text = self._written(parts)
        _check(text)
        if special:
            return tokenizer.own(text)
        wanted = [part for part in parts if isinstance(part, int)]
        if not self._spelled(parts):
            ids = tokenizer.own(text)
            if self._only(wanted, ids):
                return ids
        ids = tokenizer.own_parts(parts)
        return ids if self._only(wanted, ids) else self._apart(parts, tokenizer)

    def _written(self, parts: Parts) -> str:
        return "".join(
            self.pieces[part].decode("utf-8", "replace") if isinstance(part, int) else part
            for part in parts
        )

    def _only(self, wanted: Sequence[int], ids: Sequence[int]) -> bool:
        """Whether the control tokens among some ids are these; one inside a word may be none to the tokenizer."""
        waiting = iter(wanted)
        return all(i in waiting for i in ids if i in self._control)

    def _spelled(self, parts: Parts) -> bool:
        """Whether a control token can be read in the text anywhere but where one stands."""
        whole, spans = "", list[range]()
        for part in parts:
            written = self._written([part])
            if isinstance(part, int):
                spans.append(range(len(whole), len(whole) + len(written)))
            whole += written
        return any(
            not any(span.start <= at and at + size <= span.stop for span in spans)
            for at, size in self._words.found(whole)
        )

    def _apart(self, parts: Parts, tokenizer: TextTokenizer) -> list[int]:
        """Ids of text whose words the tokenizer itself would join to a control token: those are spelled out."""
        ids: list[int] = []
        waiting, begins = list[str | int](), True

        def flush() -> None:
            head = waiting[0] if waiting else 0
            if isinstance(head, str) and not begins:
                ids.extend(self._going_on(head, tokenizer))
                del waiting[0]
            if waiting:
                ids.extend(tokenizer.own_parts(waiting))
                waiting.clear()

        for part in parts:
            for piece in [part] if isinstance(part, int) else self._words.split(part):
                if isinstance(piece, str) or piece is part:
                    waiting += [piece] if piece != "" else []
                    continue
                flush()
                begins = False
                for character in self._written([piece]):
                    ids += self._going_on(character, tokenizer)
        flush()
        return ids

    def _going_on(self, text: str, tokenizer: TextTokenizer) -> list[int]:
        """Words inside a prompt; the sign for what cannot be written where the tokenizer has one."""
        try:
            return self.tokenize(text, tokenizer.literal)
        except Unwritable:
            if not self._unknown:
                raise
            if len(text) == 1:
                return self._unknown
        return [i for character in text for i in self._going_on(character, tokenizer)]


class Words:
    """Finds whole tokens in text. The longest one takes its places first, wherever they are."""

    def __init__(self, ids: dict[bytes, int]) -> None:
        longest_first = sorted((piece for piece in ids if piece), key=len, reverse=True)
        self._words = [(piece.decode("utf-8", "replace"), ids[piece]) for piece in longest_first]

    def split(self, text: str) -> list[str | int]:
        """Text between the words, and the ids of the words, in order."""
        parts: list[str | int] = [text]
        for word, token_id in self._words:
            if word in text:
                parts = [
                    piece
                    for part in parts
                    for piece in (
                        [part] if isinstance(part, int) else _parted(part, word, token_id)
                    )
                ]
        return parts

    def found(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield where each word stands in a text and how long it is, also where two of them overlap."""
        for word, _ in self._words:
            at = text.find(word)
            while at >= 0:
                yield at, len(word)
                at = text.find(word, at + 1)


def _parted(text: str, word: str, token_id: int) -> list[str | int]:
    parts: list[str | int] = []
    for piece in text.split(word):
        parts += [piece, token_id]
    return parts[:-1]


def _joined(parts: Parts) -> list[str | int]:
    """The same text with no empty words, and no two texts side by side."""
    joined: list[str | int] = []
    for part in parts:
        if isinstance(part, str) and joined and isinstance(joined[-1], str):
            joined[-1] += part
        elif part != "":
            joined.append(part)
    return joined


def _runs(pieces: Sequence[str], sound: Callable[[str], bool]) -> Iterator[tuple[str, bool]]:
    """Neighbours of one kind put together, each run with its kind."""
    for kind, run in groupby(pieces, key=sound):
        yield "".join(run), kind


def _check(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InputError(
            "the text is not valid Unicode", f"it holds half a character at {error.start}"
        ) from error
