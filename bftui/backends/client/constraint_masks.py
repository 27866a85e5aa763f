"""Which tokens may come next where a text must be of a form: a regular expression, a JSON schema or a Lark grammar.

llguidance says it, token by token, from the bytes of the model's own tokens; it is imported when a constraint is used.
What may come is a function of the constraint and of the tokens since it began alone. Expressions are those of Rust's
library `regex`, whose digits, word characters and blanks are held to ASCII here; the whole text must match.
"""

from __future__ import annotations

import json
import re
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bftui.backends.protocol import ModelInfo, common_prefix
from bftui.core.constrained import ConstraintState
from bftui.core.errors import MissingDependency, UsageError
from bftui.core.sampler import Constraint
from bftui.core.text import label

MOST_CHARACTERS = 256 << 10
"""Of a constraint's text: each sampler of a trace holds its own."""

_EVERY_TOKEN = '%llguidance {"no_forcing": true}'
"""Where only one text can come next, its other tokenisations stay allowed, too. It stands last: lines keep numbers."""

_BLANKS = r" |\n[ \t]{0,40}"
"""What may stand between two parts of JSON, where a schema's own `x-guidance` does not say: else a model that likes
blank lines would never come to the next part."""

_LIMITS = {"max_lexer_states": 50_000, "step_max_items": 10_000, "verbose_errors": False}
"""What one constraint may take: about 100 MB, and half a second for a token where it can be read in many ways."""

_GRAMMARS, _PATHS, _MASKS = 4, 64, 64
"""Kept of each model: constraints; of each constraint places to go on from, and masks."""

Path = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Allowed:
    """What may come after some tokens of a governed text.

    Attributes:
        state: see `ConstraintState`.
        mask: which tokens may come, shape (n_vocab,), read-only; None where the constraint cannot hold.
        reason: why it cannot; else "".
    """

    state: ConstraintState
    mask: NDArray[np.bool_] | None
    reason: str = ""


class Tokens(Protocol):
    """What is asked of a model: a `Backend` and a `Model` answer."""

    @property
    def info(self) -> ModelInfo: ...

    def token_bytes(self, token_id: int) -> bytes: ...

    def tokenize(self, text: str) -> list[int]: ...


def check_constraint(constraint: Constraint) -> None:
    """Read a constraint without a model. Raises MissingDependency without llguidance, UsageError for what is none."""
    library = _library()
    error = library.LLMatcher.validate_grammar(
        _grammar(library, constraint), limits=library.LLParserLimits(**_LIMITS)
    )
    if error and not error.startswith("WARNING"):
        raise _unread(constraint, error)


def check_text(constraint: Constraint) -> None:
    """Raise UsageError for a text that is none of its kind by its outside, or is too long."""
    if len(constraint.text) > MOST_CHARACTERS:
        raise UsageError(
            f"the {constraint.called} has {len(constraint.text)} characters",
            f"a constraint may have {MOST_CHARACTERS}",
        )
    if constraint.kind == "json-schema":
        _schema(constraint.text)
    elif not constraint.text.strip("\r\n"):
        raise UsageError(f"the {constraint.called} is empty")


class ConstraintMasks:
    """Says which of a model's tokens may come next under constraints; threads take turns."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._turn = threading.Lock()
        self._vocabulary: Any = None
        self._read: OrderedDict[Constraint, _Reading] = OrderedDict()

    def after(self, constraint: Constraint, token_ids: Sequence[int]) -> Allowed:
        """Return what may come after these tokens, the first of which begins the governed text.

        Raises MissingDependency without llguidance, UsageError for a constraint that is not read.
        """
        key = constraint.whole
        with self._turn:
            reading = self._read.get(key)
            if reading is None:
                reading = self._read[key] = _Reading(self._tokens, self._start(key))
                if len(self._read) > _GRAMMARS:
                    self._read.popitem(last=False)
            self._read.move_to_end(key)
            return reading.after(tuple(token_ids))

    def _start(self, constraint: Constraint) -> Any:
        """A matcher at the beginning of the text."""
        library = _library()
        grammar = _grammar(library, constraint)
        if self._vocabulary is None:
            wrapped = library.TokenizerWrapper(_Vocabulary(self._tokens))
            self._vocabulary = library.LLTokenizer(wrapped, slices=[])
        limits = library.LLParserLimits(**_LIMITS)
        matcher = library.LLMatcher(self._vocabulary, grammar, log_level=0, limits=limits)
        if matcher.is_error():
            raise _unread(constraint, matcher.get_error())
        return matcher


class _Reading:
    """One constraint: matchers at the latest places, and what may come there.

    A matcher goes along with its path; where two paths part, it is copied.
    """

    def __init__(self, tokens: Tokens, start: Any) -> None:
        self._tokens, self._start = tokens, start
        self._ends = tokens.info.eog_ids
        self._at: OrderedDict[Path, Any] = OrderedDict()
        self._known: OrderedDict[Path, Allowed] = OrderedDict()

    def after(self, path: Path) -> Allowed:
        found = self._known.get(path)
        if found is None:
            # What has left the constraint does not come back to it.
            before = self._known.get(path[:-1]) if path else None
            lost = before is not None and before.mask is None
            found = before if lost and before is not None else self._allowed(path)
            self._known[path] = found
            if len(self._known) > _MASKS:
                self._known.popitem(last=False)
        self._known.move_to_end(path)
        return found

    def _allowed(self, path: Path) -> Allowed:
        for place, token_id in enumerate(path):
            if token_id in self._ends:
                return self._left(path, place)
        matcher = self._at.pop(path[:-1], None) if path else None
        done = len(path) - 1
        if matcher is None:
            matcher, done = self._nearest(path)
        rest = list(path[done:])
        taken = matcher.try_consume_tokens(rest)
        if matcher.is_error():
            return Allowed("stuck", None, _said(matcher.get_error()))
        if taken < len(rest):
            self._keep(path[: done + taken], matcher)
            return self._left(path, done + taken)
        complete = matcher.is_accepting()
        bits = np.frombuffer(matcher.compute_bitmask(), np.uint8)
        if matcher.is_error():
            return Allowed("stuck", None, _said(matcher.stop_reason(), matcher.get_error()))
        self._keep(path, matcher)
        return self._told(bits, complete)

    def _told(self, bits: NDArray[np.uint8], complete: bool) -> Allowed:
        n_vocab = self._tokens.info.n_vocab
        mask = np.unpackbits(bits, bitorder="little", count=n_vocab).astype(bool)
        goes_on = bool(mask.any())
        mask[list(self._ends)] = complete
        mask.setflags(write=False)
        if complete:
            return Allowed("may end" if goes_on else "ends", mask)
        if not goes_on:
            return Allowed("stuck", None, "no token of this model goes on")
        return Allowed("open", mask)

    def _nearest(self, path: Path) -> tuple[Any, int]:
        """A matcher of its own at the latest known place of a path, and the tokens before that."""
        matcher, back, shared = self._start, 0, 0
        for known, each in self._at.items():
            common = common_prefix(known, path)
            if common > shared:
                matcher, back, shared = each, len(known) - common, common
        matcher = matcher.deep_copy()
        if back and not matcher.rollback(back):
            return self._start.deep_copy(), 0
        return matcher, shared

    def _keep(self, path: Path, matcher: Any) -> None:
        self._at[path] = matcher
        self._at.move_to_end(path)
        if len(self._at) > _PATHS:
            self._at.popitem(last=False)

    def _left(self, path: Path, place: int) -> Allowed:
        written = label(self._tokens.token_bytes(path[place]))
        return Allowed(
            "left", None, f"token {place + 1} after its start, {written}, is not allowed there"
        )


def _library() -> Any:
    try:
        return import_module("llguidance")
    except ImportError as error:
        raise MissingDependency(
            "a constraint needs a library",
            "llguidance cannot be imported",
            "pip install 'bftui[constraints]'",
        ) from error


def _grammar(library: Any, constraint: Constraint) -> Any:
    """A constraint as llguidance reads it. Raises UsageError for what does not come so far."""
    check_text(constraint)
    lark = constraint.text
    if constraint.kind == "regex":
        lark = f"start: /{library.regex_to_lark(f'(?:{lark})', use_ascii='dws')}/"
    elif constraint.kind == "json-schema":
        schema = {"x-guidance": {"whitespace_pattern": _BLANKS}, **_schema(lark)}
        lark = f"start: %json {json.dumps(schema)}"
    return library.LLMatcher.grammar_from_lark(f"{lark}\n{_EVERY_TOKEN}")


def _schema(text: str) -> dict[str, Any]:
    try:
        schema = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError("the schema is not JSON", str(error)) from error
    if not isinstance(schema, dict):
        raise UsageError("the schema is not a JSON object")
    return schema


def _unread(constraint: Constraint, error: str) -> UsageError:
    where = ""
    if constraint.kind == "lark" and (place := re.match(r"(?:at )?(\d+)\((\d+)\): ", error)):
        where = f"line {place[1]}, column {place[2]}: "
    return UsageError(f"this {constraint.called} is not read", where + _said(error))


def _said(*errors: str) -> str:
    """What of the library's words tells people something: the line that says what is wrong."""
    found = " ".join(errors)
    inner = re.search(r"^error: (.*)$", found, re.MULTILINE)
    line = inner[1] if inner else (found.strip().splitlines() or [""])[0]
    line = re.sub(r"^(?:at )?\d+\(\d+\): ", "", line)
    return line.removeprefix("failed to compile JSON schema: ")[:200]


class _Vocabulary:
    """A model's tokens as llguidance asks for them."""

    def __init__(self, tokens: Tokens) -> None:
        info = tokens.info
        self.tokens = [tokens.token_bytes(token_id) for token_id in range(info.n_vocab)]
        # It wants a token that ends a text; which ones do is said elsewhere, so that it gets one that nobody has.
        self.eos_token_id = info.n_vocab
        self.tokens.append(b"<end>")
        self.special_token_ids = [*sorted(info.special_ids | info.eog_ids), info.n_vocab]
        self.bos_token_id = info.bos_id
        self._tokens = tokens

    def __call__(self, text: str) -> list[int]:
        return self._tokens.tokenize(text)
