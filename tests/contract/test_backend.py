"""What every backend promises, held against every backend."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from bftui.backends.protocol import F32, Backend, ContinuationBatch
from bftui.backends.registry import open_backend
from bftui.core.draws import Purpose, uniform
from bftui.core.errors import Cancelled, CapabilityError, ContextFull, ModelError
from bftui.core.sampler import Sampler
from tests.contract.conftest import Case, as_numpy, close, ids, quiet

SAMPLER = Sampler()


def walked(backend: Backend, prefix: list[int], count: int, seed: int | None) -> list[int]:
    """Tokens taken one by one after a prefix: drawn for a seed, or the best ones."""
    path = list(prefix)
    for t in range(count):
        distribution = backend.distribution(backend.next_logits(path), SAMPLER)
        if seed is None:
            path.append(distribution.greedy())
        else:
            path.append(distribution.draw(uniform(seed, Purpose.STEP, t)))
    return path[len(prefix) :]


# Prefixes ------------------------------------------------------------------------------------------


def test_path_gives_what_single_prefixes_give(backend: Backend, case: Case) -> None:
    path = ids(backend, 60)
    rows = list(backend.path_logits(path[:5], path[5:]))
    assert len(rows) == 55
    for i in (0, 1, 20, 54):
        assert close(case, rows[i], backend.next_logits(path[: 6 + i]))


@pytest.mark.parametrize("seed", [None, 7])
def test_a_path_is_the_same_both_ways(backend: Backend, seed: int | None) -> None:
    """Token by token, each chosen from the distribution before it, and in one teacher-forced pass."""
    prefix = ids(backend, 8)
    path = walked(backend, prefix, 24, seed)
    again = []
    for t, row in enumerate(backend.path_logits(prefix, path[:-1]), start=1):
        distribution = backend.distribution(row, SAMPLER)
        u = None if seed is None else uniform(seed, Purpose.STEP, t)
        again.append(distribution.greedy() if u is None else distribution.draw(u))
    assert again == path[1:]
    assert walked(backend, prefix, 24, seed) == path


def test_nothing_to_score_gives_no_rows(backend: Backend) -> None:
    assert list(backend.path_logits(ids(backend, 5), [])) == []


def test_branch_equals_a_straight_path(backend: Backend, case: Case) -> None:
    trunk, branch = ids(backend, 50), ids(backend, 10, seed=4)
    backend.next_logits(trunk)
    forked = backend.next_logits([*trunk[:30], *branch])
    with_fresh_cache = case.open()
    try:
        assert close(case, forked, with_fresh_cache.next_logits([*trunk[:30], *branch]))
    finally:
        with_fresh_cache.close()


def test_rewind_and_redo(backend: Backend, case: Case) -> None:
    path = ids(backend, 40)
    first = backend.next_logits(path)
    backend.next_logits(path[:12])
    backend.next_logits(ids(backend, 20, seed=5))
    assert close(case, first, backend.next_logits(path))


def test_results_are_owned(backend: Backend) -> None:
    prefix = ids(backend, 10)
    logits = as_numpy(backend.next_logits(prefix))
    kept = logits.copy()
    prefix.append(1)
    backend.next_logits(ids(backend, 10, seed=6))
    list(backend.path_logits(prefix, ids(backend, 5)))
    assert np.array_equal(logits, kept)
    logits[:] = 0


def test_path_rows_survive_other_calls_between_them(backend: Backend, case: Case) -> None:
    path = ids(backend, 600)
    expected = [as_numpy(row).copy() for row in backend.path_logits(path[:1], path[1:])]
    for i, row in enumerate(backend.path_logits(path[:1], path[1:])):
        assert close(case, row, expected[i])
        if i % 100 == 0:
            backend.next_logits(ids(backend, 3, seed=i))


# Continuations -------------------------------------------------------------------------------------


def test_continuations_equal_single_steps(backend: Backend, case: Case) -> None:
    path = ids(backend, 40)
    candidates = ids(backend, 20, seed=7)
    with backend.continuations(path, 20) as batch:
        rows = batch.step(range(20), candidates)
    assert [as_numpy(row).shape[-1] for row in rows] == [backend.info.n_vocab] * 20
    for row, candidate in zip(rows, candidates, strict=True):
        assert close(case, row, backend.next_logits([*path, candidate]))


def test_rows_go_on_alone_and_rest(backend: Backend, case: Case) -> None:
    path = ids(backend, 20)
    walks: list[list[int]] = [[], [], [], []]
    last: dict[int, F32] = {}
    with backend.continuations(path, 4) as batch:
        for step, rows in enumerate([(0, 1, 2, 3), (2, 0), (1,), (3, 2, 0), (2,), (1, 0)]):
            tokens = ids(backend, len(rows), seed=step)
            logits = batch.step(rows, tokens)
            for row, token, result in zip(rows, tokens, logits, strict=True):
                walks[row].append(token)
                last[row] = as_numpy(result).copy()
    for row, walk in enumerate(walks):
        assert close(case, last[row], backend.next_logits([*path, *walk]))


def test_continuations_leave_the_path_as_it_was(backend: Backend, case: Case) -> None:
    path = ids(backend, 80)
    expected = backend.next_logits(path)
    for start in (80, 30):
        with backend.continuations(path[:start], 8) as batch:
            for step in range(3):
                batch.step(range(8), ids(backend, 8, seed=step))
        assert close(case, expected, backend.next_logits(path))


def test_continuations_of_other_places_may_be_open_at_once(backend: Backend, case: Case) -> None:
    path = ids(backend, 40)
    with backend.continuations(path, 3) as outer:
        outer.step(range(3), [1, 2, 3])
        with backend.continuations(path[:20], 2) as inner:
            inner.step([0, 1], [4, 5])
            far = inner.step([1], [6])[0]
        near = outer.step([2, 0], [7, 8])
    assert close(case, far, backend.next_logits([*path[:20], 5, 6]))
    assert close(case, near[0], backend.next_logits([*path, 3, 7]))
    assert close(case, near[1], backend.next_logits([*path, 1, 8]))


def test_the_path_may_move_while_continuations_are_open(backend: Backend, case: Case) -> None:
    path = ids(backend, 40)
    with backend.continuations(path, 2) as batch:
        batch.step([0, 1], [1, 2])
        backend.next_logits(ids(backend, 60, seed=10))
        rows = batch.step([0, 1], [3, 4])
    assert close(case, rows[0], backend.next_logits([*path, 1, 3]))
    assert close(case, rows[1], backend.next_logits([*path, 2, 4]))


def test_a_row_that_is_dropped_frees_what_it_held(backend: Backend, case: Case) -> None:
    path = ids(backend, 20)
    most = backend.info.max_continuations
    with backend.continuations(path, most) as batch:
        batch.step([0, 1, 2], [1, 2, 3])
        batch.drop([1, *range(3, most)])
        rows = batch.step([2, 0], [4, 5])
        with backend.continuations(path, most - 2) as other:
            other.step([0], [1])
        batch.drop([0, 2])
    assert close(case, rows[0], backend.next_logits([*path, 3, 4]))
    assert close(case, rows[1], backend.next_logits([*path, 1, 5]))


def test_a_dropped_row_begins_anew_though_the_path_is_elsewhere(
    backend: Backend, case: Case
) -> None:
    if not backend.info.ragged:
        pytest.skip("rows of different lengths do not go together here")
    path = ids(backend, 20)
    with backend.continuations(path, 4) as batch:
        batch.step(range(4), [1, 2, 3, 4])
        batch.drop([1, 3])
        backend.next_logits(ids(backend, 30, seed=10))
        batch.step([0], [5])
        batch.renew([1, 3])
        first = batch.step([1, 0, 3], [6, 7, 8])
        later = batch.step([3, 2], [9, 10])
    assert close(case, first[0], backend.next_logits([*path, 6]))
    assert close(case, first[1], backend.next_logits([*path, 1, 5, 7]))
    assert close(case, later[0], backend.next_logits([*path, 8, 9]))
    assert close(case, later[1], backend.next_logits([*path, 3, 10]))


def test_too_many_continuations_are_refused(backend: Backend) -> None:
    for rows in (0, backend.info.max_continuations + 1):
        with pytest.raises(CapabilityError), backend.continuations([1, 2], rows):
            pass


# Limits --------------------------------------------------------------------------------------------


def test_empty_prefix_is_refused(backend: Backend) -> None:
    with pytest.raises(ModelError, match="empty"):
        backend.next_logits([])
    with pytest.raises(ModelError, match="empty"):
        list(backend.path_logits([], [1, 2]))
    with pytest.raises(ModelError, match="empty"), backend.continuations([], 2):
        pass


def _fill(batch: ContinuationBatch) -> None:
    while True:
        batch.step(range(8), range(8))


def test_context_full(case: Case) -> None:
    model = case.open(n_ctx=96, max_continuations=8)
    try:
        assert model.info.n_ctx == 96
        path = ids(model, 96)
        whole = model.next_logits(path)
        with pytest.raises(ContextFull):
            model.next_logits([*path, 1])
        with pytest.raises(ContextFull):
            list(model.path_logits(path[:90], [1] * 7))
        with pytest.raises(ContextFull), model.continuations(path, 2) as batch:
            batch.step([0], [1])
        for start in (1, 60):
            with model.continuations(path[:start], 8) as batch, pytest.raises(ContextFull):
                _fill(batch)
        assert close(case, whole, model.next_logits(path))
    finally:
        model.close()


# Cancelling and closing ----------------------------------------------------------------------------


def test_cancel_from_another_thread_and_go_on(case: Case) -> None:
    model = open_backend(case.slow, quiet)
    path = ids(model, model.info.n_ctx)
    raised: list[BaseException] = []

    def evaluate() -> None:
        try:
            model.next_logits(path)
        except BaseException as error:
            raised.append(error)

    try:
        short = model.next_logits(path[:40])
        thread = threading.Thread(target=evaluate)
        thread.start()
        while thread.is_alive():
            time.sleep(0.002)
            model.cancel()
        thread.join()
        assert [type(error) for error in raised] == [Cancelled]
        assert close(case, short, model.next_logits(path[:40]))
        with model.continuations(path[:40], 2) as batch:
            row = batch.step([0, 1], [1, 2])[1]
        assert close(case, row, model.next_logits([*path[:40], 2]))
    finally:
        model.close()


def test_a_cancel_with_nothing_running_is_forgotten(backend: Backend, case: Case) -> None:
    path = ids(backend, 8)
    expected = as_numpy(backend.next_logits(path)).copy()
    backend.cancel()
    assert close(case, expected, backend.next_logits(path))
    backend.cancel()
    rows = list(backend.path_logits(path[:3], path[3:]))
    assert close(case, expected, rows[-1])
    backend.cancel()
    with backend.continuations(path[:-1], 2) as batch:
        assert close(case, expected, batch.step([0], path[-1:])[0])


def test_cancelled_loading(case: Case) -> None:
    calls = []

    def stop_later(share: float | None, text: str) -> bool:
        calls.append((share, text))
        return len(calls) < 2

    with pytest.raises(Cancelled):
        open_backend(case.slow, stop_later)
    assert len(calls) == 2


def test_progress_grows_to_the_end(case: Case) -> None:
    shares: list[float] = []

    def watch(share: float | None, text: str) -> bool:
        assert text
        if share is not None:
            shares.append(share)
        return True

    open_backend(case.spec, watch).close()
    assert shares == sorted(shares)
    assert all(0 <= share <= 1 for share in shares)


def test_close_twice(backend: Backend, case: Case) -> None:
    """A closed model refuses work; another one of the same file goes on as before."""
    path = ids(backend, 8)
    expected = as_numpy(backend.next_logits(path)).copy()
    model = case.open()
    assert close(case, expected, model.next_logits(path))
    model.close()
    model.close()
    with pytest.raises(ModelError, match="closed"):
        model.next_logits(path)
    with pytest.raises(ModelError, match="closed"):
        list(model.path_logits(path[:4], path[4:]))
    assert close(case, expected, backend.next_logits(path))
