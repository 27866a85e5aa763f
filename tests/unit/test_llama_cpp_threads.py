"""The number of threads of a batch: whatever was faster lately, tried again now and then."""

import pytest

from bftui.backends.llama_cpp.llama_threads import Threads


@pytest.mark.parametrize(("slow", "fast"), [(1, 4), (4, 1)])
def test_the_faster_number_is_taken_and_the_other_tried(slow, fast):
    used, now = [4], [0.0]
    threads = Threads(4, used.append, clock=lambda: now[0])

    def batches(count, slow):
        taken = []
        for _ in range(count):
            with threads.batch(8):
                taken.append(used[-1])
                now[0] += 0.002 if used[-1] == slow else 0.0002
        return taken

    first = batches(100, slow)
    assert first.count(slow) < 10
    assert slow in first
    # Another program takes a core, or gives it back.
    assert batches(400, fast)[-64:].count(fast) < 8


def test_one_core_leaves_no_choice():
    threads = Threads(1, pytest.fail)
    for _ in range(70):
        with threads.batch(8):
            pass
        with threads.batch(1):
            pass
