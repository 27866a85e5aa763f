"""What answers cost a model after the others: by the logits of one pass, by a table's own numbers, and bad answers."""

from __future__ import annotations

import math
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import log_softmax

from bftui.core.draws import Purpose, uniform
from bftui.measures.diversity.surprise import AnswerSurprise, answer_surprise
from bftui.model.loaded_model import Model, open_model
from bftui.model.prompt import Prompt
from tests.tables import table


def done(work: Generator[None, None, AnswerSurprise]) -> tuple[AnswerSurprise, int]:
    """The result, and how many pieces it took."""
    pieces = 0
    while True:
        try:
            next(work)
            pieces += 1
        except StopIteration as end:
            return end.value, pieces


@pytest.fixture(scope="module")
def practice() -> Generator[Model, None, None]:
    with open_model("practice") as model:
        yield model


def plain(path: Path, **changes: Any) -> Model:
    """A table that gives every token the same chance, but for rules."""
    return open_model(table(path / "t.json", **{"default": {}, "rules": {}, **changes}))


ANSWERS = ["A red apple.", " a pear\n", "A red apple.", "I like it."]


def test_each_answer_after_all_others_by_the_logits_of_one_pass(practice: Model) -> None:
    found, pieces = done(answer_surprise(practice, "A fruit?", ANSWERS, seed=3))
    assert (pieces, found.others) == (4, 3)
    circle = [0, 1, 2, 3]
    for t in range(3):
        other = t + int(uniform(3, Purpose.BOOTSTRAP, t, 0, 4) * (4 - t))
        circle[t], circle[other] = circle[other], circle[t]
    for turn, first in enumerate(circle):
        costs = by_logits(practice, "A fruit?", [*circle[turn:], *circle[:turn]])
        assert found.alone[first] == pytest.approx(costs[0], abs=1e-4)
        assert found.given[circle[turn - 1]] == pytest.approx(costs[-1], abs=1e-4)
    assert len(found.curve) == 4
    assert found.curve[0] == pytest.approx(np.mean(found.alone))
    assert found.surprise == pytest.approx(np.mean(found.given))
    assert found.curve[3] == pytest.approx(found.surprise)


def by_logits(model: Model, prompt: str, order: list[int]) -> list[float]:
    """What each answer of an order costs, nats a byte, from the logits of its tokens."""
    frame = Prompt(f"{prompt}\n\nResponse A:", template="raw")
    ids = list(model.render(frame).token_ids)
    start, spans = len(ids), []
    for letter, place in zip("ABCD", order, strict=True):
        if letter != "A":
            ids += model.tokenize(f"\n\nResponse {letter}:")
        begin = len(ids)
        ids += model.tokenize(f" {ANSWERS[place].strip()}")
        spans.append((begin - start, len(ids) - start))
    rows = np.array(list(model.client.path_logits(ids[:start], ids[start:])), np.float64)
    logs = log_softmax(rows, axis=1)[np.arange(len(rows)), ids[start:]]
    return [
        -logs[begin:end].sum() / len(ANSWERS[place].strip().encode())
        for place, (begin, end) in zip(order, spans, strict=True)
    ]


def test_a_table_without_memory_is_surprised_the_same_after_any_others(tmp_path: Path) -> None:
    with plain(tmp_path) as model:
        found, _ = done(answer_surprise(model, "x", ["apple", "pear", "I like"], seed=1))
        size, ids = model.info.n_vocab, model.tokenize(" apple")
    assert found.given == pytest.approx(found.alone)
    assert found.given[0] == pytest.approx(len(ids) * math.log(size) / 5, rel=1e-6)
    assert found.coherence == pytest.approx(math.exp(-np.mean(found.alone)))
    assert found.score == pytest.approx(found.coherence * found.surprise)


def test_the_same_seed_the_same_order(tmp_path: Path) -> None:
    with plain(tmp_path) as model:
        one, other = (done(answer_surprise(model, "x", ["a", "b", "c"], 5))[0] for _ in range(2))
    assert one == other


def test_answers_that_say_nothing_are_left_out(tmp_path: Path) -> None:
    with plain(tmp_path) as model:
        found, pieces = done(answer_surprise(model, "", ["apple", " \n", "pear", ""]))
        assert pieces == 2
        assert [each is None for each in found.given] == [False, True, False, True]
        assert found.others == 1
        alone, _ = done(answer_surprise(model, "x", ["apple", " "]))
        none, _ = done(answer_surprise(model, "x", []))
    assert (alone.given, alone.surprise, alone.coherence, alone.score) == ((None, None), None, None, None)  # fmt: skip
    assert (none.given, none.curve, none.others) == ((), (), 0)


def test_an_answer_of_probability_0_costs_nothing_that_is_known(tmp_path: Path) -> None:
    """After " I" only " like" comes."""
    with plain(tmp_path, rules={" I": {" like": 1.0}}) as model:
        found, _ = done(answer_surprise(model, "x", ["I like", "I pear", "apple"]))
    assert found.given[1] is None
    assert found.alone[1] is None
    assert found.given[0] is not None
    assert all(each is not None for each in found.curve)


def test_where_the_context_is_too_small_fewer_others_come_before(tmp_path: Path) -> None:
    with plain(tmp_path, n_ctx=64) as model:
        found, pieces = done(answer_surprise(model, "x", ["apple"] * 8))
        assert pieces == 8
        assert 1 <= found.others < 7
        assert len(found.curve) == found.others + 1
        assert None not in found.given
        full, _ = done(answer_surprise(model, "x" * 60, ["apple"] * 8))
    assert (full.surprise, full.others) == (None, 0)


def test_many_answers_have_labels_of_two_letters(practice: Model) -> None:
    found, _ = done(answer_surprise(practice, "Q", ["a"] * 28))
    assert found.others == 27
