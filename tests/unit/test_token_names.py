"""Tokens of a sampler by their text or id, as a person types them."""

from __future__ import annotations

import pytest

import bftui
from bftui.core.errors import UsageError
from bftui.core.sampler import Sampler
from bftui.model.token_names import (
    token_id,
    typed_bias,
    typed_rule,
    typed_settings,
    typed_token,
    with_token_ids,
    without_texts,
)


@pytest.mark.parametrize(
    ("typed", "expected"),
    [("42", 42), (" 42", " 42"), ("text:42", "42"), (" Sure", " Sure"), ("text:text:", "text:")],
)
def test_a_number_is_an_id_and_all_else_is_text(typed, expected):
    assert typed_token(typed) == expected


def test_a_bias_is_what_comes_after_the_last_equals_sign():
    assert typed_bias("a=b=-1.5") == ("a=b", -1.5)
    assert typed_bias("==2") == ("=", 2.0)
    assert typed_rule("top-a=0.2") == ("top-a", 0.2)


@pytest.mark.parametrize("typed", ["a", "=1", "a=b", ""])
def test_what_is_no_bias_is_refused_in_one_line(typed):
    with pytest.raises(UsageError, match="write TOKEN=VALUE"):
        typed_bias(typed)


def test_a_text_is_the_one_token_that_it_is_split_into(opened):
    model = opened()
    sure, here = model.tokenize(" Sure")[0], model.tokenize(" Here")[0]
    assert (token_id(model, " Sure"), token_id(model, 3)) == (sure, 3)
    with pytest.raises(
        UsageError, match="' Sure Here' is 2 tokens of orchard, not one: ·Sure ·Here"
    ):
        token_id(model, " Sure Here")
    with pytest.raises(UsageError, match="there is no token 9999: orchard has 272 tokens"):
        token_id(model, 9999)
    found = with_token_ids(
        model, {"top_k": 3, "bias": {" Sure": 2.0, 5: 1.0}, "banned": [" Here"], "pinned": " Sure"}
    )
    assert found == {
        "top_k": 3,
        "bias": ((sure, 2.0), (5, 1.0)),
        "banned": (here,),
        "pinned": (sure,),
    }


def test_without_a_model_texts_are_left_out():
    given = {"bias": ((" Sure", 2.0), (5, 1.0)), "banned": (" Here", 4)}
    assert without_texts(given) == {"bias": ((5, 1.0),), "banned": (4,)}


def test_a_session_takes_texts(opened):
    model = opened()
    session = bftui.Session(model, " the", banned=[" Sure"], bias={" Here": 1.5})
    sure, here = model.tokenize(" Sure")[0], model.tokenize(" Here")[0]
    assert (session.sampler.banned, session.sampler.bias) == ((sure,), ((here, 1.5),))
    session.set_sampler(pinned=[" a"], banned=[])
    assert session.sampler.pinned == (model.tokenize(" a")[0],)
    assert session.sampler.banned == ()
    with pytest.raises(UsageError, match="not one"):
        session.set_sampler(banned=["no such word"])


def test_settings_are_written_as_they_are_typed():
    sampler = Sampler(top_k=3, bias=((4, -1.5),), banned=(7,), added=(("top-a", 0.2),))
    found = typed_settings(sampler)
    assert (found["top_k"], found["bias"], found["ban"], found["pin"], found["rule"]) == (
        3,
        ["4=-1.5"],
        ["7"],
        [],
        ["top-a=0.2"],
    )
    assert typed_bias(found["bias"][0]) == (4, -1.5)
