"""Which states of a path are kept, and what becomes of a backend that cannot restore one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bftui.backends.shared.checkpoints import Checkpoints
from tests.contract.conftest import case_of, close, ids


def lengths(checkpoints: Checkpoints, path: list[int]) -> list[int]:
    """The lengths of the starts of a path that can be restored."""
    found = []
    most = len(path)
    while (checkpoint := checkpoints.longest(path, most)) is not None:
        found.append(len(checkpoint.ids))
        most = len(checkpoint.ids) - 1
    return found[::-1]


def test_the_longest_start_of_a_path_is_found() -> None:
    checkpoints = Checkpoints()
    for ids_ in ([1, 2], [1, 2, 3, 4], [1, 9, 3, 4]):
        checkpoints.add(ids_, str(ids_), 1)
    path = [1, 2, 3, 4, 5]
    assert lengths(checkpoints, path) == [2, 4]
    found = checkpoints.longest(path, 3)
    assert found is not None
    assert found.state == "[1, 2]"
    assert checkpoints.longest([1, 3], 2) is None


def test_the_same_path_is_kept_once() -> None:
    checkpoints = Checkpoints()
    checkpoints.add([1, 2], "old", 10)
    checkpoints.add([1, 2], "new", 10)
    found = checkpoints.longest([1, 2], 2)
    assert found is not None
    assert (found.state, len(checkpoints)) == ("new", 1)


def test_prompt_and_latest_states_outlive_what_is_between() -> None:
    checkpoints = Checkpoints(most=8)
    path = list(range(1000))
    for length in (100, *range(116, 1000, 16)):
        checkpoints.add(path[:length], None, 1)
    kept = lengths(checkpoints, path)
    assert len(kept) == 8
    assert kept[0] == 100
    assert kept[-4:] == [948, 964, 980, 996]


def test_many_prompts_leave_room_for_a_path_that_grows() -> None:
    checkpoints = Checkpoints(most=8)
    for prompt in range(50):
        checkpoints.add([prompt] * 200, None, 1)
    path = [7, *range(1000)]
    for length in range(200, 400, 16):
        checkpoints.add(path[:length], None, 1)
    assert lengths(checkpoints, path)[-4:] == [344, 360, 376, 392]


def test_bytes_are_bounded() -> None:
    checkpoints = Checkpoints(most_bytes=100)
    path = list(range(100))
    for length in range(1, 50):
        checkpoints.add(path[:length], None, 30)
    assert len(checkpoints) == 3
    checkpoints.add(path, None, 101)
    assert len(checkpoints) == 0


@pytest.mark.parametrize("failing", ["_save", "_restore"])
def test_a_state_that_is_not_to_be_had_costs_time_and_no_rightness(
    family_file: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    case = case_of("llama-cpp-hybrid", family_file)
    model: Any = case.open()
    try:
        monkeypatch.setattr(model, failing, lambda *_state: None)
        path = ids(model, 50)
        model.next_logits(path[:20])
        expected = model.next_logits(path[:30])
        model.next_logits(path)
        before = model.evaluated
        assert close(case, expected, model.next_logits(path[:30]))
        assert model.evaluated - before == 30
    finally:
        model.close()
