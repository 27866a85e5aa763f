"""Reading texts that no tree holds: rows, best tokens and greedy continuations, on a real model."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from bftui.core.errors import ContextFull, UsageError
from bftui.core.sampler import Sampler
from bftui.model.loaded_model import Model, open_model

TEXT = (
    "Q: Name a fruit.\nA: I like apples. They are red, and they grow on a tree in the garden. " * 5
)


@pytest.fixture(scope="module", params=["reference", "llama-cpp"])
def model(request: pytest.FixtureRequest) -> Iterator[Model]:
    with open_model(backend=request.param, threads=1) as found:
        yield found


def test_each_row_is_the_one_that_the_token_is_read_from(model: Model) -> None:
    ids = model.tokenize(TEXT)
    prefix, rest = ids[:5], ids[5:]
    rows = list(model.client.path_logits(prefix, rest))
    assert len(rows) == len(rest) > 64
    for place in (0, 1, 62, 63, 64, 65, len(rest) - 1):
        model.client.add_prompt(77, 0, [*prefix, *rest[:place]], Sampler())
        alone = model.client.logits(77, 0)
        assert rows[place].dtype == np.float32
        assert np.abs(rows[place] - alone).max() < 1e-2
    model.client.release_tree(77)


def test_other_work_between_two_rows_changes_nothing(model: Model) -> None:
    ids = model.tokenize(TEXT)
    undisturbed = list(model.client.path_logits(ids[:5], ids[5:]))
    disturbed = []
    for place, row in enumerate(model.client.path_logits(ids[:5], ids[5:])):
        disturbed.append(row)
        if place % 40 == 0:
            model.client.best(ids[20:30], [])
    assert np.abs(np.array(disturbed) - np.array(undisturbed)).max() < 1e-2


def test_greedy_takes_what_is_best_along_its_own_text(model: Model) -> None:
    prefix = model.tokenize("Q: Name a fruit.\nA:")
    taken = list(model.client.greedy(prefix, 12))
    ids = [each.token_id for each in taken]
    read = model.client.best(prefix, ids[:-1])
    assert [each.token_id for each in read] == ids
    assert [each.prob for each in read] == pytest.approx([each.prob for each in taken], abs=1e-3)
    assert all(not each.eog for each in taken[:-1])
    assert len(taken) == 12 or taken[-1].eog


def test_a_single_token_before_is_enough(model: Model) -> None:
    ids = model.tokenize(TEXT)[:4]
    assert len(list(model.client.path_logits(ids[:1], ids[1:]))) == 3
    assert len(model.client.best(ids[:1], ids[1:])) == 4


def test_greedy_ends_where_the_context_does(model: Model) -> None:
    n_ctx = model.info.n_ctx
    ids = (model.tokenize(TEXT) * 20)[: n_ctx - 2]
    assert len(list(model.client.greedy(ids, 50))) <= 3
    with pytest.raises(ContextFull):
        list(model.client.greedy([*ids, *ids[:3]], 5))


def test_what_makes_no_sense_is_refused(model: Model) -> None:
    with pytest.raises(UsageError, match="0 tokens are too few"):
        model.client.greedy([1], 0)
    with pytest.raises(UsageError, match="no tokens to read"):
        model.client.path_logits([1], [])
