"""Thinking apart from the answer: where blocks are, however they are split into tokens, and what BF each part has."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bftui.core.thinking import FORMS, ThinkingTrack


def read(tokens, prompt=b"", entropies=None):
    track = ThinkingTrack(prompt)
    for place, token in enumerate(tokens):
        track.add(token, (1.0 + place, 0.5 + place) if entropies is None else entropies[place])
    return track


def spans(track):
    return [(each.start, each.stop, each.opening, each.closed) for each in track.blocks]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form[0].decode())
def test_a_block_is_found_in_every_form(form):
    opens, closes = form
    track = read([b"Hm ", opens, b"a", b"b", closes, b"Sure", b"!"])
    assert spans(track) == [(2, 5, 1, True)]
    parts = track.parts()
    assert (parts.thinking.tokens, parts.answer.tokens) == (3, 2)
    assert parts.thinking.entropy == pytest.approx((3 + 4 + 5) / 3)
    assert parts.answer.bf == pytest.approx(math.exp((5.5 + 6.5) / 2))


def test_a_tag_may_be_written_in_several_tokens():
    track = read([b"<", b"think", b">\n", b"a", b"</th", b"ink>", b"\n\n", b"Sure"])
    assert spans(track) == [(3, 6, 3, True)]
    assert track.parts().answer.tokens == 2


def test_a_prompt_may_open_the_block():
    assert spans(read([b"a", b"</think>", b"b"], b"<|im_start|>assistant\n<think>\n")) == [
        (0, 2, 0, True)
    ]
    assert spans(read([b"a"], b"<think>\n\n</think>\n\n")) == []
    assert spans(read([b"ink>", b"a"], b"<th")) == [(1, 2, 1, False)]


def test_an_open_block_has_no_answer_yet():
    parts = read([b"<think>", b"a", b"b"]).parts()
    assert (parts.thinking.tokens, parts.answer) == (2, None)
    assert read([b"no", b"block"]).parts() is None
    assert read([b"<think>"]).parts() is None


def test_tokens_that_open_a_later_block_are_not_of_the_answer():
    track = read([b"<think>", b"a", b"</think>", b"b", b"<thi", b"nk>", b"c", b"</think>", b"d"])
    assert spans(track) == [(1, 3, 1, True), (6, 8, 2, True)]
    assert (track.parts().thinking.tokens, track.parts().answer.tokens) == (4, 2)


def test_one_token_may_close_a_block_and_open_the_next():
    assert spans(read([b"<think>", b"a</think><think>", b"b", b"</think>"])) == [
        (1, 2, 1, True),
        (2, 4, 1, True),
    ]
    assert spans(read([b"<think></think>", b"b"])) == []


def test_tokens_of_a_turn_are_in_no_part_and_end_a_thought():
    track = ThinkingTrack()
    for data, turn in [(b"<think>", 0), (b"a", 0), (b"Q", 1), (b"<think>", 1), (b"b", 0)]:
        track.add(data, None if turn else (1.0, 1.0), given=bool(turn))
    track.add(b"</think>", (1.0, 1.0))
    track.add(b"c", (1.0, 1.0))
    assert spans(track) == [(1, 2, 1, False), (4, 6, 1, True)]
    assert (track.parts().thinking.tokens, track.parts().answer.tokens) == (3, 1)


TEXT = st.lists(st.sampled_from([b"<think>", b"</think>", b"a", b"<", b"[THINK]", b"[/THINK]"]))


@given(TEXT, st.data())
def test_following_a_text_is_reading_it_anew_and_splits_do_not_matter(pieces, data):
    whole = read(pieces)
    kept = data.draw(st.integers(0, len(pieces)))
    again = read([*pieces[:kept], b"<think>", b"x"])
    again.keep(kept)
    for place, piece in enumerate(pieces[kept:], start=kept):
        again.add(piece, (1.0 + place, 0.5 + place))
    assert (again.blocks, again.parts()) == (whole.blocks, whole.parts())
    text = b"".join(pieces)
    letters = read([bytes([byte]) for byte in text], entropies=[(1.0, 1.0)] * len(text))

    def inside(track, tokens):
        ends = [0]
        for token in tokens:
            ends.append(ends[-1] + len(token))
        return [text[ends[block.start] : ends[block.stop]] for block in track.blocks]

    assert inside(letters, [bytes([byte]) for byte in text]) == inside(whole, pieces)
