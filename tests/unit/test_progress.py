"""The bar of long commands: its clock goes through all pieces of the work, and says what is left."""

import io

import pytest
from rich.console import Console

from bftui.cli.shared.interrupt import Interruption
from bftui.cli.shared.progress_bars import Bar, progress_on
from bftui.core.job import Job


class Watch:
    """A clock that is set by hand."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def shown():
    """A bar on a terminal of its own, the clock, and what stands there."""
    watch = Watch()
    console = Console(file=io.StringIO(), force_terminal=True, width=80, color_system=None)
    progress = progress_on(console, watch)
    bar = Bar(Interruption(), progress)

    def raw():
        with console.capture() as capture:
            console.print(progress.get_renderable())
        return capture.get()

    def line():
        return " ".join(raw().translate(str.maketrans("", "", "━╸╺")).split())

    line.raw = raw
    return bar, watch, line


def test_the_clock_goes_on_after_the_model_is_loaded(shown):
    bar, watch, line = shown
    bar(0.5, "loading the weights")
    watch.now += 1
    bar(1.0, "loading the weights")
    assert line() == "loading the weights 0:00:01"
    bar.begin()
    bar(0.0, "prompt 1 of 4")
    watch.now += 59
    bar(0.25, "prompt 2 of 4")
    assert line() == "prompt 2 of 4 0:01:00 · 3 min left"
    watch.now += 59
    bar(0.5, "prompt 3 of 4")
    assert line() == "prompt 3 of 4 0:01:59 · 2 min left"
    bar(None, "estimating")
    watch.now += 1
    assert line() == "estimating 0:02:00"


def test_a_second_model_is_another_piece_of_the_work(shown):
    bar, watch, line = shown
    for place in range(2):
        for share in (0.1, 1.0):
            bar(share, "loading the weights")
            watch.now += 5
        bar.begin()
        bar(place / 2, "measuring")
        watch.now += 10
        bar(place / 2 + 0.25, "measuring")
        # 10 s for a quarter: what loading took is not counted.
        assert line() == f"measuring 0:00:{20 * (place + 1)} · {(30, 10)[place]} s left"


def test_what_is_known_to_be_left_is_not_guessed(shown):
    bar, watch, line = shown
    bar(0.0, "measuring", 8.0)
    watch.now += 10
    bar(0.5, "measuring", 7.0)
    assert line() == "measuring 0:00:10 · 7 s left"
    bar.end()


def test_it_stays_on_one_line(shown):
    bar, watch, line = shown
    bar(0.1, "Smollm2 135M 8k: prompt 'Name a fruit.' (1 of 2), sampling 12 continuations")
    watch.now += 36_000
    bar(0.2, "Smollm2 135M 8k: prompt 'Name a fruit.' (1 of 2), sampling 12 continuations")
    assert line().endswith("… 10:00:00 · 80 h 00 min left")
    assert "\n" not in line.raw().rstrip("\n")


def test_nothing_is_left_of_nothing(shown):
    bar, watch, line = shown
    bar(None, "importing torch")
    assert line() == "importing torch 0:00:00"
    bar(0.2, "reading")
    watch.now += 30
    bar(0.2, "reading")
    assert line() == "reading 0:00:30"


class Slow(Job):
    """Four pieces of work."""

    def __init__(self):
        self.pieces = 0
        super().__init__()

    @property
    def share(self):
        return self.pieces / 4

    def _work(self):
        for _ in range(4):
            self.pieces += 1
            yield


def test_a_job_says_what_is_left_when_there_is_something_to_judge_by():
    job = Slow()
    assert job.left is None
    job.advance()
    job.seconds = 1.0
    assert job.left is None
    job.seconds = 10.0
    assert job.left == pytest.approx(30.0)
    job.finish()
    job.seconds = 40.0
    assert job.left is None
