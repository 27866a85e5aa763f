"""Which tokens may come next under a regular expression or a JSON schema whose answers cannot be written out.

llguidance says it, token by token, from the bytes of the model's own tokens; it is imported when a constraint is made.
How many answers go on from a token is unknown, so that all valid tokens weigh alike.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib import import_module
from typing import Any, Literal

import numpy as np

from bftui.core.errors import MissingDependency, UsageError
from bftui.core.valid.token_trie import Edge, TrieNode
from bftui.measures.calibration.compile_valid import end_ids, last_character, leading_blank
from bftui.model.loaded_model import Model
from bftui.results.calibration_result import Lead

Kind = Literal["regex", "schema"]

_EVERY_TOKEN = '%llguidance {"no_forcing": true}'
"""Where only one text can come next, its other tokenisations stay valid, too."""


class TokenConstraint:
    """A regular expression or a JSON schema after a prompt of a model.

    Expressions are those of Rust's library `regex`, whose digits, word characters and blanks are held to ASCII here.

    Attributes:
        ends: the ids that end an answer.
    """

    def __init__(
        self,
        model: Model,
        prompt_ids: Sequence[int],
        kind: Kind,
        source: str,
        *,
        end: Sequence[str] = (),
        lead: Lead = "auto",
    ) -> None:
        """Reads the expression, or the schema's JSON.

        Args:
            end, lead: as of `compile_valid`; no blank is put before JSON.

        Raises MissingDependency without llguidance, UsageError for what it does not read.
        """
        library = _library()
        self._model = model
        self.ends = end_ids(model, end)
        n_vocab = model.info.n_vocab
        self._text = np.array([model.is_text(token_id) for token_id in range(n_vocab)])
        self._text[list(self.ends)] = False
        if kind == "regex":
            blank = leading_blank(lead, last_character(model, prompt_ids))
            before = {True: " ", False: "", None: " ?"}[blank]
            start = f"/{library.regex_to_lark(f'{before}(?:{source})', use_ascii='dws')}/"
        else:
            start = f"%json {_schema(source)}"
        grammar = library.LLMatcher.grammar_from_lark(f"{_EVERY_TOKEN}\nstart: {start}")
        self._start: Any = library.LLMatcher(_tokens(library, model), grammar, log_level=0)
        if self._start.is_error():
            raise UsageError(f"this {kind} is not read", self._start.get_error())

    def node(self, path: Sequence[int]) -> TrieNode:
        """Returns the valid ways on after some tokens of an answer, each as one valid answer.

        A token that ends answers is only that, also where an answer could go on with it. Raises UsageError where the
        tokens are not valid, and where the constraint takes too much work here.
        """
        matcher = self._start.deep_copy()
        for place, token_id in enumerate(path, start=1):
            if not matcher.consume_token(token_id):
                here = self._model.token_bytes(token_id).decode(errors="replace")
                raise UsageError(f"token {place} of the text, {here!r}, is not valid there")
        ends = matcher.is_accepting()
        mask = np.frombuffer(matcher.compute_bitmask(), np.uint8)
        if matcher.is_error():
            raise UsageError("the constraint cannot be followed", matcher.stop_reason())
        allowed = np.unpackbits(mask, bitorder="little")[: len(self._text)].astype(bool)
        edges = [
            Edge((token_id,), 1, None) for token_id in np.flatnonzero(allowed & self._text).tolist()
        ]
        if ends:
            edges.append(Edge(self.ends, 1, None))
        if not edges:
            raise UsageError("no token of this model goes on under the constraint")
        return TrieNode(tuple(path), tuple(edges), (), len(edges))


def _library() -> Any:
    try:
        return import_module("llguidance")
    except ImportError as error:
        raise MissingDependency(
            "these answers need a library for constraints",
            "llguidance cannot be imported",
            "pip install 'bftui[constraints]'",
        ) from error


def _schema(source: str) -> str:
    try:
        schema = json.loads(source)
    except (ValueError, RecursionError) as error:
        raise UsageError("the schema is not JSON", str(error)) from error
    if not isinstance(schema, dict):
        raise UsageError("the schema is not a JSON object")
    return json.dumps(schema)


class _Vocabulary:
    """A model's tokens as llguidance asks for them."""

    def __init__(self, model: Model) -> None:
        info = model.info
        self.tokens = [model.token_bytes(token_id) for token_id in range(info.n_vocab)]
        self.special_token_ids = sorted(info.special_ids | info.eog_ids)
        # It wants one; which tokens end an answer is decided here.
        self.eos_token_id = min(self.special_token_ids, default=0)
        self.bos_token_id = info.bos_id
        self._model = model

    def __call__(self, text: str) -> list[int]:
        return self._model.tokenize(text)


def _tokens(library: Any, model: Model) -> Any:
    wrapped = library.TokenizerWrapper(_Vocabulary(model))
    return library.LLTokenizer(wrapped, n_vocab=model.info.n_vocab, slices=[])
