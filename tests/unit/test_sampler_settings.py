"""Every setting of a sampler survives a trace and a journal, and windows say what holds where."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bftui.core.errors import BftuiError, UsageError
from bftui.core.sampler import (
    NUMBERS,
    Constraint,
    Sampler,
    SamplerWindow,
    read_settings,
    written,
    written_sampler,
)

ids = st.integers(0, 50)
names = sorted(set(NUMBERS) - {"seed"})


def numbers(name: str) -> st.SearchStrategy[float]:
    number = NUMBERS[name]
    if number.whole:
        return st.integers(int(number.low), int(min(number.high, 2**40)))
    return st.floats(number.low, number.high, exclude_min=number.open, allow_subnormal=False)


changes = st.sampled_from(names).flatmap(
    lambda name: numbers(name).map(lambda value: ((name, value),))
)


@st.composite
def windows(draw: st.DrawFn) -> tuple[SamplerWindow, ...]:
    ends = sorted(draw(st.sets(st.integers(0, 99), max_size=6)))
    pairs = zip(ends[::2], ends[1::2], strict=False)
    return tuple(SamplerWindow(start, stop, draw(changes)) for start, stop in pairs)


samplers = st.builds(
    lambda bias, banned, **others: Sampler(
        bias=bias, banned=banned, pinned=tuple(i + 60 for i in banned), **others
    ),
    bias=st.dictionaries(ids, st.floats(-9, 9)).map(lambda found: tuple(sorted(found.items()))),
    banned=st.sets(ids).map(lambda found: tuple(sorted(found))),
    added=st.just(()) | st.just((("mine", 0.5),)),
    constraint=st.just(Constraint()) | st.builds(Constraint, st.just("regex"), st.text(), ids),
    windows=windows(),
    **{name: numbers(name) for name in NUMBERS},
)


@given(samplers)
def test_a_sampler_is_read_as_it_was_written(sampler: Sampler) -> None:
    text = json.dumps(written_sampler(sampler))
    assert Sampler(**read_settings(json.loads(text))) == sampler
    assert Sampler(**read_settings(json.loads(json.dumps(written(sampler.settings()))))) == sampler


@given(samplers, st.integers(0, 120))
def test_a_window_changes_its_positions_alone(sampler: Sampler, position: int) -> None:
    plain = replace(sampler, windows=())
    inside = [each for each in sampler.windows if each.start <= position < (each.stop or 1 << 60)]
    expected = replace(plain, **dict(inside[0].changes)) if inside else plain  # type: ignore[arg-type]
    assert sampler.at(position) == expected


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"top_n_sigma": -1.0}, "top-n-sigma -1 is not in"),
        ({"typical_p": 0.0}, "typical-p 0 is not in (0, 1]"),
        ({"epsilon": 1.5}, "epsilon 1.5"),
        ({"xtc_threshold": 0.0}, "xtc-threshold"),
        ({"repetition_penalty": 0.0}, "repetition-penalty"),
        ({"weight": 11.0}, "weight 11"),
        ({"weight": float("nan")}, "weight nan"),
        ({"dry_length": 1.5}, "not a whole number"),
        ({"banned": (3,), "pinned": (3,)}, "token 3 cannot be banned and pinned"),
        ({"bias": ((3, float("inf")),)}, "a bias of inf"),
        ({"banned": (-1,)}, "not a token id"),
        ({"windows": (SamplerWindow(0, 8, ()), SamplerWindow(4, 9, ()))}, "overlap"),
        ({"windows": (SamplerWindow(0, None, ()), SamplerWindow(4, 9, ()))}, "overlap"),
        ({"windows": (SamplerWindow(0, 8, (("top_p", 0.0),)),)}, "top-p 0"),
    ],
)
def test_what_no_sampler_can_be_is_one_line(settings: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said.replace("(", r"\(")) as caught:
        Sampler(**settings)  # type: ignore[arg-type]
    assert "\n" not in caught.value.line()


@pytest.mark.parametrize(
    "make",
    [
        lambda: SamplerWindow(3, 3, ()),
        lambda: SamplerWindow(-1, 3, ()),
        lambda: SamplerWindow(0, 3, (("seed", 3),)),
        lambda: SamplerWindow(0, 3, (("windows", 3),)),
        lambda: Constraint("xml", "a"),  # type: ignore[arg-type]
        lambda: read_settings({"windows": 3}),
        lambda: read_settings({"constraint": {"kind": "regex"}}),
        lambda: read_settings({"bias": [3]}),
    ],
)
def test_what_cannot_be_is_refused(make: object) -> None:
    with pytest.raises(BftuiError):
        make()  # type: ignore[operator]
