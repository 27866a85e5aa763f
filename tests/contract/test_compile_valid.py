"""A valid set as tokens, on every backend: the tokenizer's own, whatever the answers are."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bftui.backends.client.inference_engine import InferenceEngine
from bftui.backends.protocol import Backend
from bftui.core.valid.valid_sets import valid_set
from bftui.measures.calibration.compile_valid import CompiledSet, compile_valid
from bftui.model.loaded_model import Model
from bftui.model.prompt import Prompt
from tests.models import LONG_WORD

HOSTILE = (
    " a",
    "a",
    "ab",
    "\u2581",
    "\u2581a",
    "</s>",
    "<0x41>",
    "e\u0301",
    "\U0001f680",
    "a\x00b",
    "\t",
    "  ",
    LONG_WORD,
    LONG_WORD[:-1],
)
"""Answers that begin others, that look like tokens, and that no token holds whole."""

ANSWERS = st.sets(st.text(min_size=1, max_size=6), min_size=1, max_size=12).map(sorted)


@pytest.fixture(scope="module")
def model(backend: Backend) -> Model:
    return Model(InferenceEngine(backend))


def prompt_ids(model: Model, text: str) -> tuple[int, ...]:
    return model.render(Prompt(text, template="raw")).token_ids


def written(model: Model, token_ids: tuple[int, ...]) -> bytes:
    return b"".join(map(model.token_bytes, token_ids))


def check(model: Model, found: CompiledSet) -> None:
    """Holds a compiled set against what it says of itself, token by token of the whole vocabulary."""
    texts = {path.token_ids: path.text.encode() for path in found.paths}
    assert len(texts) == len(found.paths) == found.trie.answers
    for path in found.paths:
        assert written(model, path.token_ids) == path.text.encode()
        assert path.token_ids == tuple(model.tokenize(path.text))
    complete = [
        node.path for node in found.trie.nodes if any(edge.child is None for edge in node.edges)
    ]
    assert complete == [path.token_ids for path in found.paths]
    for node in found.trie.nodes:
        here = written(model, node.path)
        below = [text for text in texts.values() if text.startswith(here)]
        valid = {token_id for edge in node.edges for token_id in edge.token_ids}
        assert set(node.other_ids) == {
            token_id
            for token_id in range(model.info.n_vocab)
            if token_id not in valid
            and model.is_text(token_id)
            and (piece := model.token_bytes(token_id))
            and any(text[len(here) :].startswith(piece) for text in below)
        }


def test_hostile_answers_have_their_own_tokens(model: Model) -> None:
    found = compile_valid(model, prompt_ids(model, "x"), valid_set("mine", HOSTILE), lead="none")
    assert sorted(path.text for path in found.paths) == sorted(HOSTILE)
    assert found.ends == tuple(sorted(model.info.eog_ids))
    check(model, found)


@settings(max_examples=10, deadline=None, derandomize=True)
@given(answers=ANSWERS)
def test_any_answers_have_their_own_tokens(model: Model, answers: list[str]) -> None:
    found = compile_valid(model, prompt_ids(model, "x\n"), valid_set("mine", answers))
    assert [path.text for path in sorted(found.paths, key=lambda path: path.answer)] == answers
    check(model, found)


def test_a_blank_stands_before_answers_where_the_prompt_ends_in_a_word(model: Model) -> None:
    cities = valid_set("mine", ["river", " bridge"])
    for text, texts in (
        ("the", [" bridge", " river"]),
        ("the ", [" bridge", "river"]),
        ("the\n", [" bridge", "river"]),
    ):
        found = compile_valid(model, prompt_ids(model, text), cities)
        assert sorted(path.text for path in found.paths) == texts
        assert found.blank == (text == "the")


def test_a_text_ends_answers_and_what_spells_it_in_one_token_is_neither_valid_nor_not(
    model: Model,
) -> None:
    found = compile_valid(model, prompt_ids(model, "the"), valid_set("mine", ["river"]), end=["."])
    assert found.ends == tuple(model.tokenize("."))
    last = found.trie.nodes[-1]
    valid = {token_id for edge in last.edges for token_id in edge.token_ids}
    assert valid == set(found.ends)
    assert set(last.other_ids) == {
        token_id
        for token_id in range(model.info.n_vocab)
        if token_id not in valid
        and model.is_text(token_id)
        and model.token_bytes(token_id).startswith(b".")
    }
