"""From text to ids with a tokenizer of the `tokenizers` library: as it is, and literally.

The library reads a whole text in one call, and some of what it does depends on the whole: a space before the first
word, blanks that an added token swallows, the longest of several that begin at one place. So a text in which words
spell a control token goes through a copy of the tokenizer that knows the control tokens by other names; literal text
goes through one that puts nothing before a text and rewrites nothing. Copies share the model, which is what is large.
Not for: reading the tokenizer's files.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from itertools import count
from typing import Any

from tokenizers import AddedToken, Tokenizer

from bftui.backends.shared.vocabulary import Parts
from bftui.backends.transformers.hf_library import one_line
from bftui.core.errors import BftuiError, ModelError

_SPACE = "\u2581"
_LETTER = re.compile(r"\w")
_STAND_INS = 0x100000
"""The first of 65,534 characters that no text means anything by."""


class HfText:
    """A tokenizer of the library; implements `vocabulary.TextTokenizer`."""

    def __init__(
        self,
        tokenizer: Any,
        state: Mapping[str, Any],
        added: Mapping[int, AddedToken],
        special_ids: Collection[int],
        n_vocab: int,
    ) -> None:
        """Takes a tokenizer and what is known of it.

        Args:
            tokenizer: of the `tokenizers` library.
            state: its JSON.
            added: the added tokens that the model has.
            special_ids: control tokens.
            n_vocab: width of the logits.
        """
        self._tokenizer = tokenizer
        self._state = state
        self._added = added
        self._special_ids = frozenset(special_ids)
        self._n_vocab = n_vocab

    def own(self, text: str) -> list[int]:
        self._tokenizer.encode_special_tokens = False
        ids = _encoded(self._tokenizer, text)
        # A tokenizer may know tokens that the model does not.
        return ids if max(ids, default=0) < self._n_vocab else self._copy(self._added).encode(text)

    def own_parts(self, parts: Parts) -> list[int]:
        written = "".join(part for part in parts if isinstance(part, str))
        free = (c for c in map(chr, count(_STAND_INS)) if c not in written)
        names: dict[int, str] = {}
        tokens = dict(self._plain)
        whole = ""
        for place, part in enumerate(parts):
            if isinstance(part, str):
                whole += part
                continue
            # A control token that is not an added token is written by nobody but a template.
            token = self._added.get(part, AddedToken("-"))
            if token.single_word and _inside_word(parts, place):
                whole += token.content
                continue
            if part not in names:
                names[part] = next(free)
                # Its name is a word of its own, and changed by no normaliser.
                tokens[part] = AddedToken(
                    names[part], lstrip=token.lstrip, rstrip=token.rstrip, normalized=False
                )
            whole += names[part]
        return self._copy(tokens).encode(whole)

    def literal(self, text: str, special: bool) -> list[int]:
        return (self._literal_special if special else self._literal).encode(text)

    @cached_property
    def _plain(self) -> dict[int, AddedToken]:
        return {i: token for i, token in self._added.items() if i not in self._special_ids}

    @cached_property
    def _literal(self) -> _Copy:
        return self._copy({i: _bare(token) for i, token in self._plain.items()}, literal=True)

    @cached_property
    def _literal_special(self) -> _Copy:
        return self._copy({i: _bare(token) for i, token in self._added.items()}, literal=True)

    def _copy(self, added: Mapping[int, AddedToken], *, literal: bool = False) -> _Copy:
        """The same tokenizer with these added tokens alone."""
        tokenizer = Tokenizer(self._tokenizer.model)
        if literal:
            parts = _parts(
                _unchanging(self._state.get("normalizer")),
                _bare_start(self._state["pre_tokenizer"]),
            )
        else:
            parts = self._tokenizer
        if parts.normalizer is not None:
            tokenizer.normalizer = parts.normalizer
        if parts.pre_tokenizer is not None:
            tokenizer.pre_tokenizer = parts.pre_tokenizer
        return _Copy(tokenizer, added)


class _Copy:
    """A tokenizer whose added tokens have ids of their own."""

    def __init__(self, tokenizer: Any, added: Mapping[int, AddedToken]) -> None:
        self._tokenizer = tokenizer
        tokenizer.add_tokens([added[i] for i in sorted(added)])
        known = {token.content: i for i, token in added.items()}
        here = tokenizer.get_added_tokens_decoder()
        self._ids = {i: known[token.content] for i, token in here.items()}

    def encode(self, text: str) -> list[int]:
        return [self._ids.get(i, i) for i in _encoded(self._tokenizer, text)]


def _encoded(tokenizer: Any, text: str) -> list[int]:
    failure = ModelError("the model's tokenizer fails on this text", hint="give another text")
    with failing_as(failure):
        ids: list[int] = tokenizer.encode(text, add_special_tokens=False).ids
    return ids


def _inside_word(parts: Parts, place: int) -> bool:
    """Whether a letter stands right before or right after this part."""
    before = parts[place - 1] if place else ""
    after = parts[place + 1] if place + 1 < len(parts) else ""
    beside = (before[-1:] if isinstance(before, str) else "") + (
        after[:1] if isinstance(after, str) else ""
    )
    return _LETTER.search(beside) is not None


def _bare(token: AddedToken) -> AddedToken:
    """The token without what it swallows beside it."""
    return AddedToken(token.content, single_word=token.single_word, normalized=token.normalized)


def _unchanging(normalizer: Any) -> Any:
    """What of a normaliser changes no byte of a token: a sign that stands for a blank."""
    if not isinstance(normalizer, dict):
        return None
    if normalizer.get("type") == "Sequence":
        kept = [each for each in map(_unchanging, normalizer["normalizers"]) if each is not None]
        return {"type": "Sequence", "normalizers": kept} if kept else None
    sign = {"type": "Replace", "pattern": {"String": " "}, "content": _SPACE}
    return normalizer if normalizer == sign else None


def _bare_start(part: Any) -> Any:
    """A pre-tokenizer that puts no space before a text."""
    if not isinstance(part, dict):
        return None
    if part.get("type") == "Sequence":
        return {**part, "pretokenizers": [_bare_start(each) for each in part["pretokenizers"]]}
    if part.get("type") == "Metaspace":
        return {**part, "prepend_scheme": "never"}
    return {**part, "add_prefix_space": False} if "add_prefix_space" in part else part


def _parts(normalizer: Any, pre_tokenizer: Any) -> Any:
    """A tokenizer of no model, for its parts."""
    state = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": normalizer,
        "pre_tokenizer": pre_tokenizer,
        "post_processor": None,
        "decoder": None,
        "model": {"type": "BPE", "vocab": {}, "merges": []},
    }
    return Tokenizer.from_str(json.dumps(state))


@contextmanager
def failing_as(failure: BftuiError) -> Iterator[None]:
    """Turns what the libraries raise into `failure`; its reason, where it has none, is theirs.

    A tokenizer that is damaged or of an unknown kind shows as any of a dozen errors. Some are panics of Rust, which are
    no `Exception` and write to the standard error by themselves.
    """
    try:
        with _silenced():
            yield
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        reason = failure.reason or one_line(error)
        raise type(failure)(failure.message, reason, failure.hint) from error


@contextmanager
def _silenced() -> Iterator[None]:
    """Sends nowhere what is written to the standard error from outside of Python."""
    try:
        kept = os.dup(2)
    except OSError:
        kept = -1
    if kept < 0:
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
