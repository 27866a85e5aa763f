"""Safe text: whatever bytes a model emits, nothing that is shown can move, hide or join."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from bftui.core.text import label, safe, spans

HARMFUL = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def harmless(text):
    return all(unicodedata.category(c) not in HARMFUL for c in text)


@given(st.binary(max_size=200))
def test_a_label_is_visible_and_harmless(data):
    shown = label(data)
    assert shown
    assert harmless(shown)
    assert " " not in shown
    assert "\n" not in shown


@given(st.text(max_size=200))
def test_safe_text_is_harmless(text):
    assert harmless(safe(text))


@given(st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), max_size=50))
def test_plain_text_stays_as_it_is(text):
    assert safe(text) == text


@given(st.binary(max_size=60), st.data())
def test_spans_join_to_the_decoded_text_however_it_is_cut(data, draw):
    cuts = sorted(draw.draw(st.lists(st.integers(0, len(data)), max_size=8)))
    tokens = [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    assert "".join(spans(tokens)) == data.decode(errors="replace")
    assert len(spans(tokens)) == len(tokens)


def test_what_people_see():
    assert label(b" Sure") == "·Sure"
    assert label(b"\n\n") == "⏎⏎"
    assert label(b"\t") == "⇥"
    assert label(b"\x1b[31m") == "␛[31m"
    assert label("é".encode()[:1]) == "‹C3›"
    assert label(b"a" + "é".encode()[1:]) == "a‹A9›"
    assert label("\u202e".encode()) == "‹202E›"
    assert label("\u200b".encode()) == "‹200B›"
    assert label("\u3164".encode()) == "‹3164›"  # a letter by its category, drawn as nothing
    assert label("\u0301".encode()) == "◌\u0301"
    assert label(b"") == "∅"
    assert label("猫".encode()) == "猫"


def test_a_split_character_stands_where_it_is_complete():
    cat = "猫".encode()
    assert spans([b"a", cat[:1], cat[1:2], cat[2:] + b"b"]) == ["a", "", "", "猫b"]
    assert spans([b"a", cat[:2]]) == ["a", "\ufffd"]


def test_no_text_passes_for_a_mark_of_ours():
    assert label("‹\x1b[2J".encode()) == "‹␛[2J"
    assert label(b"\xff" + "‹\x1b[2J".encode()) == "‹FF›‹␛[2J"
