"""Schedules: as TOML and as lines, what they do to a sampler, and what is refused."""

import pytest

from bftui.core.errors import InputError, UsageError
from bftui.core.sampler import Sampler, SamplerWindow
from bftui.core.schedule import GammaWindow, Schedule, read_lines
from bftui.trace.schedule_file import parse_schedule, read_schedule, schedule_text

FILE = b"""
weight = 0

[[windows]]
from = 8
weight = 0.5
temperature = 0.7
top_k = 5

[[windows]]
from = 0
to = 8
variant = "both"
gamma = 0.3
"""


def test_a_file_says_what_holds_where():
    found = parse_schedule(FILE, "s.toml")
    assert found.outside == (("weight", 0),)
    assert found.windows == (
        SamplerWindow(0, 8, (("weight", 1.0),)),
        SamplerWindow(8, None, (("temperature", 0.7), ("top_k", 5), ("weight", 0.5))),
    )
    assert found.gammas == (GammaWindow(0, 8, 0.3),)
    sampler = found.applied(Sampler(top_p=0.8))
    assert [sampler.at(n).weight for n in (0, 7, 8, 500)] == [1, 1, 0.5, 0.5]
    assert (sampler.at(8).temperature, sampler.at(8).top_k, sampler.at(8).top_p) == (0.7, 5, 0.8)
    gap = parse_schedule(b"weight = 0\n[[windows]]\nfrom = 2\nto = 4\nweight = 2", "x")
    assert [gap.applied(Sampler()).at(n).weight for n in range(6)] == [0, 0, 2, 2, 0, 0]


def test_what_is_written_is_read_again(tmp_path):
    found = parse_schedule(FILE, "s.toml")
    path = tmp_path / "s.toml"
    path.write_text(schedule_text(found))
    assert read_schedule(path) == found
    assert parse_schedule(schedule_text(Schedule()).encode(), "x") == Schedule()


def test_lines_are_read_as_they_are_written():
    text = "0 8 1   # early\n\nelse 0\n12 end weight=0.5 top-k=5\n2 4 gamma=0.3"
    found = read_lines(text)
    assert found.lines() == ["0 8 1", "12 end top_k=5 weight=0.5", "2 4 gamma=0.3", "else 0"]
    assert read_lines("\n".join(found.lines())) == found
    assert read_lines("4 6 variant=both").windows == read_lines("4 6 1").windows
    assert read_lines("") == Schedule()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("0 8 1\n4 12 1", "the windows 0-8 and 4-12 overlap"),
        ("8 12 1\n0 end 1", "the windows 0-end and 8-12 overlap"),
        ("0 8", "line 1 is not a window: a window changes nothing"),
        ("0 8 1\nx 12 1", "line 2 is not a window: it has no such form"),
        ("0", "line 1 is not a window"),
        ("else", "line 1 is not a window: a window changes nothing"),
        ("else seed=1", "line 1 is not a window: a window cannot change 'seed'"),
        ("8 8 1", "holds no position"),
        ("0 8 temperature=0", "temperature 0 is not in"),
        ("0 8 seed=3", "a window cannot change 'seed'"),
        ("0 8 warmth=3", "a window cannot change 'warmth'"),
        ("0 8 gamma=2", "gamma 2.0 is not a probability"),
        ("0 8 1 weight=1", "weight is there twice"),
    ],
)
def test_lines_that_are_no_schedule_are_told_in_one_line(text, line):
    with pytest.raises(UsageError) as raised:
        read_lines(text)
    assert line in raised.value.line()
    assert "\n" not in raised.value.line()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("windows = 3", "has no windows"),
        ("x = [", "is not TOML"),
        ("[[windows]]\nto = 3\nweight = 1", "window 1: it has no from"),
        ('[[windows]]\nfrom = 0\nvariant = "style"', "there is no variant 'style'"),
        ('[[windows]]\nfrom = 0\nweight = "1"', "weight '1' is not a number"),
        ("[[windows]]\nfrom = 0.5\nweight = 1", "a window is from a whole number"),
        ("warmth = 1", "a window cannot change 'warmth'"),
        (
            "[[windows]]\nfrom = 0\nto = 9\nweight = 1\n[[windows]]\nfrom = 8\nto = 12\nweight = 1",
            "the windows 0-9 and 8-12 overlap",
        ),
    ],
)
def test_files_that_are_no_schedule_are_told_in_one_line(text, line):
    with pytest.raises(InputError) as raised:
        parse_schedule(text.encode(), "s.toml")
    assert "s.toml" in raised.value.line()
    assert line in raised.value.line()
    assert "\n" not in raised.value.line()
