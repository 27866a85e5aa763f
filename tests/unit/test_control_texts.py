"""Which texts a forced text is held against: within the truncation the nearest draws, past it tokens like it."""

import math

import numpy as np
import pytest

import bftui
from bftui.core.draws import Purpose, prefix_key, uniform
from bftui.measures.response_state import Setup
from bftui.session.session import Session
from tests.tables import table


def letters(count):
    """Words with a blank before them: as many as are asked for."""
    return [f" x{n}" for n in range(count)]


def tail_table(path, near, far):
    """A table with ten likely words and a tail past the truncation.

    Args:
        near: how many words are within half a nat of " Odd", which is past the truncation.
        far: how many are between 0.5 and 1 nat below it.
    """
    odd = 1e-3
    likely = [f" w{n}" for n in range(10)]
    words = letters(near + far)
    # Ever a little less, so that each has a rank of its own.
    close = {word: odd * math.exp(-0.4 * n / max(1, near)) for n, word in enumerate(words[:near])}
    distant = {
        word: odd * math.exp(-0.6 - 0.3 * n / max(1, far)) for n, word in enumerate(words[near:])
    }
    # Just as likely as " Odd", but written in another way: no blank, no letter, or no text at all.
    unlike = dict.fromkeys(["Odd", " 7", ".", " 8"], odd)
    rest = 1 - sum(close.values()) - sum(distant.values()) - sum(unlike.values()) - odd - odd
    row = {
        **dict.fromkeys(likely, rest / 10),
        " Odd": odd,
        "</s>": odd,
        **close,
        **distant,
        **unlike,
    }
    return table(
        path,
        tokens=["<s>", "</s>", *likely, " Odd", *words, *unlike],
        default=row,
        rules={},
    )


def texts_of(model, *, ids=None, text=" Odd", prompt="", seed=0, controls=8):
    session = Session(model, prompt, seed=seed, top_p=0.9)
    job = session.experiments.start_response(
        None if ids else text, ids=ids, setup=Setup((2,), 2, controls, others=False)
    )
    job.finish()
    drawn = job.stored().result.drawn
    return session, job, [each for each in drawn if each.kind == "matched"]


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """40 words are within half a nat: five for each of eight controls."""
    path = tmp_path_factory.mktemp("table") / "many.json"
    with bftui.open_model(tail_table(path, 40, 10)) as opened:
        yield opened


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    """10 words are within half a nat, which are not enough for eight controls: with those within a nat there are 30."""
    path = tmp_path_factory.mktemp("table") / "few.json"
    with bftui.open_model(tail_table(path, 10, 20)) as opened:
        yield opened


def logprobs(model, session):
    x = np.asarray(model.client.backend.next_logits(session.tree.token_ids(0)), np.float64)
    return x - x.max() - math.log(np.exp(x - x.max()).sum())


def test_past_the_truncation_controls_are_tokens_like_it_by_keyed_draws(many):
    """By hand: those within half a nat that have its shape, drawn without replacement in the order of their ids."""
    session, job, matched = texts_of(many, seed=5)
    p = logprobs(many, session)
    own = job.token_ids[0]
    assert not job.state.kept
    alike = [
        i
        for i in range(many.info.n_vocab)
        if i != own
        and i not in many.info.special_ids
        and abs(p[i] - p[own]) <= 0.5
        and many.token_bytes(i).startswith(b" ")
        and many.token_bytes(i)[1:2].isalpha()
    ]
    assert len(alike) == 40
    key, expected = prefix_key(session.tree.token_ids(0)), []
    for n in range(8):
        u = uniform(5, Purpose.CONTROL, 0, n, key)
        expected.append(alike.pop(int(u * len(alike))))
    assert [each.token_ids for each in matched] == [(i,) for i in expected]
    assert [each.logprob for each in matched] == pytest.approx([p[i] for i in expected], abs=1e-5)
    match = job.result().match
    assert (match.low, match.high) == pytest.approx(
        (min(p[i] for i in expected), max(p[i] for i in expected)), abs=1e-5
    )
    assert match.gap == pytest.approx(abs(np.mean([p[i] for i in expected]) - p[own]), abs=1e-5)


def test_a_seed_or_a_place_of_its_own_draws_others(many):
    ids = [
        [each.token_ids for each in texts_of(many, seed=seed, prompt=prompt)[2]]
        for seed, prompt in ((0, ""), (0, ""), (1, ""), (0, " w1"))
    ]
    assert ids[0] == ids[1]
    assert ids[0] != ids[2]
    assert ids[0] != ids[3]
    assert all(len(each) == len(set(each)) == 8 for each in ids)


def test_where_too_few_are_near_the_range_is_widened(few):
    session, job, matched = texts_of(few)
    p, own = logprobs(few, session), job.token_ids[0]
    away = [abs(p[each.token_ids[0]] - p[own]) for each in matched]
    assert len(matched) == 8
    assert max(away) > 0.5
    assert max(away) <= 1.0 + 1e-6
    texts = {few.token_bytes(each.token_ids[0]) for each in matched}
    assert all(text.startswith(b" x") for text in texts)


def test_fewer_than_eight_that_are_like_it_leave_it_undecided(tmp_path):
    with bftui.open_model(tail_table(tmp_path / "t.json", 5, 0)) as model:
        _, job, matched = texts_of(model)
    assert len(matched) == 5
    assert job.result().verdict == "undecided"
    assert job.result().reason == (
        "only 5 different texts are about as improbable as this one; 8 are needed"
    )


def test_the_rest_of_a_longer_text_is_drawn_from_the_truncation(many):
    """Its own first token may be one of theirs then: it is the whole text that is another one."""
    ids = many.tokenize(" Odd w1 w2")
    matched = texts_of(many, ids=ids)[2]
    texts = [each.token_ids for each in matched]
    likely = set(many.tokenize("".join(f" w{n}" for n in range(10))))
    assert len(set(texts)) == 8
    assert tuple(ids) not in texts
    assert {len(each) for each in texts} == {3}
    assert all(set(each[1:]) <= likely for each in texts)


def test_within_the_truncation_the_nearest_of_256_draws_are_kept(tmp_path):
    """By hand: the first token of each of 256 continuations, as many different ones as are nearest to it in ln P."""
    words = letters(30)
    chances = {word: 0.9**n for n, word in enumerate(words)}
    total = sum(chances.values())
    path = table(
        tmp_path / "t.json",
        tokens=["<s>", "</s>", *words],
        default={word: chance / total * 0.999 for word, chance in chances.items()},
        rules={},
    )
    with bftui.open_model(path) as model:
        session, job, matched = texts_of(model, text=" x6", seed=2, controls=9)
        p, own = logprobs(model, session), job.token_ids[0]
        chance = np.exp(p)
        order = np.lexsort((np.arange(len(p)), -p))
        inside = int(np.searchsorted(np.cumsum(chance[order]), 0.9)) + 1
        kept = np.zeros_like(chance)
        kept[order[:inside]] = chance[order[:inside]]
        walk = np.cumsum(kept / kept.sum())
        key = prefix_key(session.tree.token_ids(0))
        drawn = [int((walk > uniform(2, Purpose.CONTROL, 0, n, key)).argmax()) for n in range(256)]
        different = [i for i in dict.fromkeys(drawn) if i != own]
        nearest = sorted(different, key=lambda i: (abs(p[i] - p[own]), drawn.index(i)))[:9]
        assert job.state.kept
        assert [each.token_ids[0] for each in matched] == nearest
        assert job.result().match.gap == pytest.approx(
            abs(float(np.mean([p[i] for i in nearest])) - p[own]), abs=1e-5
        )


def test_texts_that_end_are_no_controls(tmp_path):
    """Half of all continuations end at once: a text of two tokens is held against those that do not."""
    words = letters(20)
    path = table(
        tmp_path / "t.json",
        tokens=["<s>", "</s>", *words],
        default={"</s>": 0.5, **dict.fromkeys(words, 0.5 / 20)},
        rules={},
    )
    with bftui.open_model(path) as model:
        matched = texts_of(model, text=" x1 x2", controls=12)[2]
    assert len(matched) == 12
    assert all(len(each.token_ids) == 2 and 1 not in each.token_ids for each in matched)
    assert all(math.isfinite(each.logprob) for each in matched)


def test_no_control_goes_on_after_an_end_of_text(tmp_path):
    """The end of a text is one of five first tokens that are kept."""
    row = {" the": 0.2, " a": 0.2, " is": 0.2, " red": 0.2, "</s>": 0.2}
    with bftui.open_model(table(tmp_path / "ends.json", default=row, rules={})) as model:
        session = Session(model, " fruit", seed=13, top_p=1.0)
        job = session.experiments.start_response(" the a", setup=Setup((2,), 2, 4))
        job.finish()
        drawn = job.stored().result.drawn
        ends = model.info.eog_ids
    assert any(each.kind == "random" for each in drawn)
    assert not [each for each in drawn if ends & {*each.token_ids}]
