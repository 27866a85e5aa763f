"""What every backend promises, held against every backend."""

from __future__ import annotations

import json
import threading
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bftui.backends.base import Backend, Fan
from bftui.backends.registry import open_backend
from bftui.core.distribution import Distribution
from bftui.core.errors import (
    Cancelled,
    CapabilityError,
    ContextFull,
    InputError,
    InvalidToken,
    ModelError,
)
from bftui.core.sampler import Sampler
from tests.contract.conftest import Case, quiet
from tests.models import LONG_WORD, sentences

F32 = NDArray[np.float32]


def ids(backend: Backend, count: int, seed: int = 3) -> list[int]:
    rng = np.random.default_rng(seed)
    return [int(i) for i in rng.integers(0, backend.info.n_vocab, count)]


def close(case: Case, a: F32, b: F32) -> bool:
    return bool(np.abs(a - b).max() <= case.tolerance)


def greedy(backend: Backend, prefix: list[int], count: int) -> list[int]:
    path = list(prefix)
    for _ in range(count):
        path.append(Distribution(backend.next_logits(path), Sampler()).greedy())
    return path[len(prefix) :]


# What a model says of itself -----------------------------------------------------------------------


def test_info_is_plain_data(backend: Backend, case: Case) -> None:
    info = backend.info
    assert json.loads(json.dumps(info.as_dict()))["backend"] == info.backend == case.spec.backend
    assert info.n_vocab == len(backend.next_logits(ids(backend, 1)))
    assert info.exact
    assert info.max_fan_out >= 32
    assert info.sha256 is not None
    assert len(info.sha256) == 64
    assert info.tokenizer_sha256 is not None


def test_eog_is_the_whole_set(backend: Backend, case: Case) -> None:
    assert backend.info.eog_ids == case.eog
    assert backend.info.eog_ids <= backend.info.special_ids


# Text and tokens -----------------------------------------------------------------------------------


@settings(max_examples=80, deadline=None, derandomize=True)
@given(text=st.text(max_size=40))
def test_forcing_is_literal(backend: Backend, text: str) -> None:
    for special in (False, True):
        token_ids = backend.tokenize(text, special=special)
        assert b"".join(map(backend.token_bytes, token_ids)) == text.encode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "  two  spaces  ",
        "\n\n\t\r\n",
        "\u2581lower one eighth block\u2581",
        "a\u0000b",
        "\U0001f600\U0010ffff\ud7ff",
        "e\u0301 \u200d \ufeff",
        "x" * 3000,
        f"The {LONG_WORD}.",
        "</s><s><unk><|end|><|bos|><0x41>",
        *sentences(),
    ],
)
def test_texts_are_literal_and_plain(backend: Backend, text: str) -> None:
    token_ids = backend.tokenize(text)
    assert b"".join(map(backend.token_bytes, token_ids)) == text.encode()
    assert backend.info.special_ids.isdisjoint(token_ids)


def test_control_tokens_are_read_on_request(backend: Backend) -> None:
    for token_id in backend.info.special_ids:
        written = backend.token_bytes(token_id).decode()
        assert written
        token_ids = backend.tokenize(f"a{written}b", special=True)
        assert token_ids == [*backend.tokenize("a"), token_id, *backend.tokenize("b")]
        assert token_id not in backend.tokenize(f"a{written}b")


def test_half_a_character_is_refused(backend: Backend) -> None:
    with pytest.raises(InputError):
        backend.tokenize("a\ud800b")


def test_every_byte_has_a_token(backend: Backend) -> None:
    pieces = {backend.token_bytes(i) for i in range(backend.info.n_vocab)}
    assert {bytes([value]) for value in range(256)} <= pieces


@pytest.mark.parametrize("offset", [0, 1, 2**31])
def test_invalid_ids_are_refused(backend: Backend, offset: int) -> None:
    beyond = backend.info.n_vocab + offset
    for token_id in (beyond, -1 - offset):
        with pytest.raises(InvalidToken):
            backend.token_bytes(token_id)
        with pytest.raises(InvalidToken):
            backend.next_logits([1, token_id, 1])
        with pytest.raises(InvalidToken):
            list(backend.path_logits([1], [token_id]))
        with pytest.raises(InvalidToken), backend.fan([1], 2) as fan:
            fan.step([0], [token_id])


# Prefixes ------------------------------------------------------------------------------------------


def test_path_gives_what_single_prefixes_give(backend: Backend, case: Case) -> None:
    path = ids(backend, 60)
    rows = list(backend.path_logits(path[:5], path[5:]))
    assert len(rows) == 55
    for i in (0, 1, 20, 54):
        assert close(case, rows[i], backend.next_logits(path[: 6 + i]))


def test_greedy_path_is_the_same_both_ways(backend: Backend) -> None:
    prefix = ids(backend, 8)
    walked = greedy(backend, prefix, 24)
    rows = list(backend.path_logits(prefix, walked))
    again = [Distribution(row, Sampler()).greedy() for row in rows[:-1]]
    assert again == walked[1:]


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
    logits = backend.next_logits(prefix)
    kept = logits.copy()
    prefix.append(1)
    backend.next_logits(ids(backend, 10, seed=6))
    list(backend.path_logits(prefix, ids(backend, 5)))
    assert np.array_equal(logits, kept)
    logits[:] = 0


def test_path_rows_survive_other_calls_between_them(backend: Backend, case: Case) -> None:
    path = ids(backend, 600)
    expected = [row.copy() for row in backend.path_logits(path[:1], path[1:])]
    for i, row in enumerate(backend.path_logits(path[:1], path[1:])):
        assert close(case, row, expected[i])
        if i % 100 == 0:
            backend.next_logits(ids(backend, 3, seed=i))


# What is evaluated ---------------------------------------------------------------------------------


def test_back_500_tokens_and_another_branch_is_one_token(backend: Backend) -> None:
    path = ids(backend, 560)
    backend.next_logits(path)
    before = backend.evaluated
    backend.next_logits([*path[:60], (path[60] + 1) % backend.info.n_vocab])
    assert backend.evaluated - before == 1


def test_the_same_prefix_again_is_one_token(backend: Backend) -> None:
    path = ids(backend, 30)
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


# Continuations -------------------------------------------------------------------------------------


def test_fan_equals_single_steps(backend: Backend, case: Case) -> None:
    path = ids(backend, 40)
    candidates = ids(backend, 20, seed=7)
    with backend.fan(path, 20) as fan:
        rows = fan.step(range(20), candidates)
    assert rows.shape == (20, backend.info.n_vocab)
    for row, candidate in zip(rows, candidates, strict=True):
        assert close(case, row, backend.next_logits([*path, candidate]))


def test_rows_go_on_alone_and_rest(backend: Backend, case: Case) -> None:
    path = ids(backend, 20)
    walks: list[list[int]] = [[], [], [], []]
    last: dict[int, F32] = {}
    with backend.fan(path, 4) as fan:
        for step, rows in enumerate([(0, 1, 2, 3), (2, 0), (1,), (3, 2, 0), (2,), (1, 0)]):
            tokens = ids(backend, len(rows), seed=step)
            logits = fan.step(rows, tokens)
            for row, token, result in zip(rows, tokens, logits, strict=True):
                walks[row].append(token)
                last[row] = result.copy()
    for row, walk in enumerate(walks):
        assert close(case, last[row], backend.next_logits([*path, *walk]))


def test_fan_leaves_the_path_as_it_was(backend: Backend, case: Case) -> None:
    path = ids(backend, 80)
    expected = backend.next_logits(path)
    before = backend.evaluated
    for start in (80, 30):
        with backend.fan(path[:start], 8) as fan:
            for step in range(3):
                fan.step(range(8), ids(backend, 8, seed=step))
    assert backend.evaluated - before == 2 * 3 * 8
    assert close(case, expected, backend.next_logits(path))
    assert backend.evaluated - before == 2 * 3 * 8 + 1


def test_fan_evaluates_an_unknown_prefix_once(backend: Backend) -> None:
    backend.next_logits(ids(backend, 5, seed=8))
    path = ids(backend, 25, seed=9)
    before = backend.evaluated
    with backend.fan(path, 3) as fan:
        fan.step([0, 1, 2], [1, 2, 3])
    assert backend.evaluated - before <= 25 + 3


def test_the_path_may_move_while_a_fan_is_open(backend: Backend, case: Case) -> None:
    path = ids(backend, 40)
    with backend.fan(path, 2) as fan:
        fan.step([0, 1], [1, 2])
        backend.next_logits(ids(backend, 60, seed=10))
        rows = fan.step([0, 1], [3, 4])
    assert close(case, rows[0], backend.next_logits([*path, 1, 3]))
    assert close(case, rows[1], backend.next_logits([*path, 2, 4]))


def test_too_many_continuations_are_refused(backend: Backend) -> None:
    for rows in (0, backend.info.max_fan_out + 1):
        with pytest.raises(CapabilityError), backend.fan([1, 2], rows):
            pass


# Limits --------------------------------------------------------------------------------------------


def test_empty_prefix_is_refused(backend: Backend) -> None:
    with pytest.raises(ModelError, match="empty"):
        backend.next_logits([])
    with pytest.raises(ModelError, match="empty"):
        list(backend.path_logits([], [1, 2]))
    with pytest.raises(ModelError, match="empty"), backend.fan([], 2):
        pass


def _fill(fan: Fan) -> None:
    while True:
        fan.step(range(8), range(8))


def test_context_full(case: Case) -> None:
    model = case.open(n_ctx=96, fan_out=8)
    try:
        assert model.info.n_ctx == 96
        path = ids(model, 96)
        whole = model.next_logits(path)
        with pytest.raises(ContextFull):
            model.next_logits([*path, 1])
        with pytest.raises(ContextFull):
            list(model.path_logits(path[:90], [1] * 7))
        with pytest.raises(ContextFull), model.fan(path, 2) as fan:
            fan.step([0], [1])
        for start in (1, 60):
            with model.fan(path[:start], 8) as fan, pytest.raises(ContextFull):
                _fill(fan)
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
        with model.fan(path[:40], 2) as fan:
            row = fan.step([0, 1], [1, 2])[1]
        assert close(case, row, model.next_logits([*path[:40], 2]))
    finally:
        model.close()


def test_a_cancel_with_nothing_running_is_forgotten(backend: Backend) -> None:
    backend.cancel()
    backend.next_logits(ids(backend, 5))


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


def test_close_twice(case: Case) -> None:
    model = case.open()
    model.close()
    model.close()
