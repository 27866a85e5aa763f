"""What every backend may cost: tokens evaluated when a path goes on, back and elsewhere, and memory over many steps."""

from __future__ import annotations

import pytest

from bftui.backends.protocol import Backend
from bftui.backends.shared.checkpoints import EVERY
from bftui.core.batch import CHUNK
from tests.contract.conftest import Case, close, ids
from tests.memory_walk import growth

# What is evaluated ---------------------------------------------------------------------------------


def test_back_500_tokens_and_another_branch(backend: Backend) -> None:
    """One token, where any prefix can be kept; else what came after the end of the chunk before."""
    path = ids(backend, 560)
    backend.next_logits(path)
    before = backend.evaluated
    backend.next_logits([*path[:60], (path[60] + 1) % backend.info.n_vocab])
    assert backend.evaluated - before <= (1 if backend.info.rewind == "any" else CHUNK)


@pytest.mark.parametrize("back", [1, 2, 15, 16, 40, 99])
def test_another_branch_of_a_path_that_grew_by_steps(
    backend: Backend, case: Case, back: int
) -> None:
    path = ids(backend, 160, seed=11)
    for length in range(60, 161):
        expected = backend.next_logits(path[:length])
    fork = path[: 160 - back]
    others = [token_id for token_id in range(3) if token_id != path[160 - back]]
    before = backend.evaluated
    backend.next_logits([*fork, others[0]])
    most = 1 if backend.info.rewind == "any" else EVERY
    assert backend.evaluated - before <= most
    before = backend.evaluated
    backend.next_logits([*fork, others[1]])
    assert backend.evaluated - before == 1
    before = backend.evaluated
    assert close(case, expected, backend.next_logits(path))
    assert backend.evaluated - before <= (back if backend.info.rewind == "any" else EVERY)


def test_the_same_prefix_again_is_one_token(backend: Backend) -> None:
    path = ids(backend, 30, seed=12)
    backend.next_logits(path)
    if backend.info.rewind != "any":
        # Only now the state before the last token is a known one.
        backend.next_logits(path)
    before = backend.evaluated
    backend.next_logits(path)
    assert backend.evaluated - before == 1


def test_one_more_token_is_one_token(backend: Backend) -> None:
    path = ids(backend, 30)
    backend.next_logits(path[:-1])
    before = backend.evaluated
    backend.next_logits(path)
    assert backend.evaluated - before == 1


def test_scoring_after_a_known_prefix_evaluates_only_what_is_scored(backend: Backend) -> None:
    path = ids(backend, 90)
    backend.next_logits(path[:50])
    before = backend.evaluated
    list(backend.path_logits(path[:50], path[50:]))
    assert backend.evaluated - before == 40


def test_continuations_at_the_end_of_the_path_evaluates_its_own_tokens(backend: Backend) -> None:
    path = ids(backend, 80, seed=13)
    backend.next_logits(path)
    before = backend.evaluated
    with backend.continuations(path, 8) as batch:
        for step in range(3):
            batch.step(range(8), ids(backend, 8, seed=step))
    assert backend.evaluated - before == 3 * 8
    backend.next_logits([*path, 1])
    assert backend.evaluated - before == 3 * 8 + 1


def test_continuations_evaluate_an_unknown_prefix_once(backend: Backend) -> None:
    backend.next_logits(ids(backend, 5, seed=8))
    path = ids(backend, 25, seed=9)
    before = backend.evaluated
    with backend.continuations(path, 3) as batch:
        batch.step([0, 1, 2], [1, 2, 3])
    assert backend.evaluated - before <= 25 + 3


# Memory --------------------------------------------------------------------------------------------

_MOST = 4 << 20
"""Bytes that a process may grow by for reasons of its own; a row of logits kept from each step is 5 MB and more."""


def test_many_steps_take_no_memory(case: Case) -> None:
    """As many as fill every cache, then three times as many: what a step left behind would show."""
    with_own_caches = case.open()
    try:
        assert growth(with_own_caches, case.steps) < _MOST
    finally:
        with_own_caches.close()
