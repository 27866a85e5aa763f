"""The style lexicon: what answers have in common, worked by hand, and the same from a model's own answers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bftui
from bftui.core.errors import UsageError
from bftui.core.sampler import Sampler
from bftui.measures.style_lexicon import (
    SHIFTED,
    WORDS,
    Harvest,
    Prefix,
    harvest,
    is_published,
    offered,
)
from bftui.model.prompt import Prompt
from bftui.session.session import Session
from tests.tables import table

TEXTS = {0: b" Sure", 1: b"!", 2: b" Here", 3: b" is", 4: b" I", 5: b"\xc3", 6: b"\n"}


def lettered(ids):
    return b"".join(TEXTS[i] for i in ids)


def test_prefixes_are_counted_longest_first_then_by_count():
    answers = [(0, 1, 2, 3), (0, 1, 2, 4), (0, 1), (4, 3), (4,), ()]
    found = harvest(answers, TEXTS.__getitem__, length=3, count=2)
    assert found == (
        Prefix((0, 1, 2), b" Sure! Here", 2, 2 / 6),
        Prefix((0, 1), b" Sure!", 3, 3 / 6),
        Prefix((0,), b" Sure", 3, 3 / 6),
        Prefix((4,), b" I", 2, 2 / 6),
    )
    assert harvest(answers, TEXTS.__getitem__, length=1, count=3) == (found[2],)
    assert harvest([], TEXTS.__getitem__) == ()


@given(st.lists(st.lists(st.integers(0, 6), max_size=7)), st.integers(1, 4), st.integers(1, 3))
def test_every_prefix_begins_as_many_answers_as_it_says(answers, length, count):
    found = harvest(answers, TEXTS.__getitem__, length=length, count=count)
    for prefix in found:
        n = len(prefix.token_ids)
        begun = sum(tuple(answer[:n]) == prefix.token_ids for answer in answers)
        assert prefix.count == begun >= count
        assert prefix.share == begun / len(answers)
        assert prefix.text == lettered(prefix.token_ids)
    starts = {
        tuple(answer[:n]) for answer in answers for n in range(1, min(length, len(answer)) + 1)
    }
    often = {s for s in starts if sum(tuple(a[: len(s)]) == s for a in answers) >= count}
    assert {prefix.token_ids for prefix in found} == often
    order = [(-len(p.token_ids), -p.count, p.token_ids) for p in found]
    assert order == sorted(order)


@pytest.mark.parametrize(("length", "count"), [(0, 2), (21, 2), (5, 0)])
def test_sizes_that_make_no_sense_are_refused(length, count):
    with pytest.raises(UsageError):
        harvest([(0,)], TEXTS.__getitem__, length=length, count=count)


def test_words_for_the_palette_say_as_much_as_they_can_and_come_once():
    answers = [(0, 1, 2), (0, 1, 2), (0, 1), (4, 3), (4, 3), (5,), (5,), (6,), (6,)]
    found = harvest(answers, TEXTS.__getitem__, length=3)
    # " Sure" always goes on with "!", " I" with " is"; half a character and white space are not words.
    assert offered(found) == ("Sure!", "Sure! Here", "I is")
    assert offered(found, most=1) == ("Sure!",)
    twice = harvest([(0,), (0,), (7,), (7,)], {**TEXTS, 7: b"Sure"}.__getitem__)
    assert offered(twice) == ("Sure",)


def test_the_published_tokens():
    assert len(SHIFTED) == len(set(SHIFTED))
    for text in (b" Sure! Here", b"Sure", b"I", b"Remember that", b"\n\nOf course"):
        assert is_published(text) is (text != b"I")
    for text in (b"", b"!", b"Surely", b"\xff"):
        assert not is_published(text)


def test_the_palette_has_nine_words():
    assert len(WORDS) == len(set(WORDS)) == 9


# From a model -----------------------------------------------------------------------------------------------------


@pytest.fixture
def orchard(tmp_path):
    with bftui.open_model(table(tmp_path / "t.json")) as model:
        yield model


PROMPTS = [Prompt(" Sure"), Prompt(" Here"), Prompt(" a fruit")]


def test_greedy_answers_are_those_of_a_session(orchard):
    job = Harvest(orchard, PROMPTS, length=3)
    assert (job.share, job.answers) == (0.0, [])
    job.finish()
    assert job.share == 1.0
    expected = []
    for prompt in PROMPTS:
        session = Session(orchard, prompt)
        while session.tree.depth(session.cursor) < 3 and not session.ended:
            session.greedy()
        ids = [session.tree.token_id(node) for node in session.tree.path(session.cursor)[1:]]
        expected.append(tuple(i for i in ids if i not in orchard.info.eog_ids))
    assert job.answers == expected
    assert job.prefixes() == harvest(expected, orchard.token_bytes, length=3)


def test_sampled_answers_are_the_rollouts_of_a_session(orchard):
    sampler = Sampler(seed=5)
    job = Harvest(orchard, PROMPTS, samples=4, length=3, sampler=sampler)
    job.finish()
    expected = []
    for prompt in PROMPTS:
        samples = Session(orchard, prompt, seed=5).rollouts(4, 3).samples
        ends = orchard.info.eog_ids
        expected += [tuple(i for i in sample.token_ids if i not in ends) for sample in samples]
    assert job.answers == expected


def test_an_answer_that_ends_at_once_counts_as_an_answer(tmp_path):
    rules = {'[" a"]': {"</s>": 1.0}, '[" the"]': {" fruit": 1.0}}
    with bftui.open_model(table(tmp_path / "t.json", rules=rules)) as model:
        job = Harvest(model, [Prompt(" a"), Prompt(" the")], length=1)
        job.finish()
        assert [prefix.share for prefix in job.prefixes(1)] == [0.5]


def test_what_was_found_stays_when_it_is_stopped(orchard):
    job = Harvest(orchard, PROMPTS, length=3)
    assert job.advance()
    job.close()
    assert len(job.answers) == 1
    assert [prefix.share for prefix in job.prefixes(1)] == [1.0] * 3


@pytest.mark.parametrize(
    "sizes", [{"samples": -1}, {"samples": 10_001}, {"length": 0}, {"length": 21}]
)
def test_a_harvest_of_no_sense_is_refused(orchard, sizes):
    with pytest.raises(UsageError):
        Harvest(orchard, PROMPTS, **sizes)


def test_the_aligned_practice_model_begins_with_its_style():
    with bftui.open_model("practice-aligned", backend="reference") as model:
        questions = ["Name a fruit.", "Name an animal.", "Tell me a story."]
        job = Harvest(model, [Prompt(question) for question in questions], length=2)
        job.finish()
        assert "Sure!" in offered(job.prefixes())
