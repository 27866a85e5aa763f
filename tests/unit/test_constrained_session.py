"""A constraint holds for everything that a session does, for its trace, and is said where it cannot hold."""

import json
import math
import re

import numpy as np
import pytest

import bftui
from bftui.core.constrained import UnderConstraint
from bftui.core.errors import NothingLeft
from bftui.core.sampler import FREE, Constraint
from bftui.session.records.open_trace import trace_file
from bftui.session.records.replicate import Replication, prompt_of
from bftui.session.records.resume import read_saved, resume
from bftui.session.records.trace_check import Checking
from bftui.session.session import Session
from bftui.trace.journal import Journal
from tests.groups import needs

needs("llguidance")

COLOURS = [" red", " reddish", " blue", " bluish green"]
REGEX = Constraint("regex", " (red(dish)?|blue|bluish green)")
OBJECT = json.dumps(
    {
        "type": "object",
        "properties": {
            "n": {"type": "integer", "minimum": 0, "maximum": 999},
            "b": {"enum": ["x", "yy"]},
        },
        "required": ["n", "b"],
        "additionalProperties": False,
    }
)


@pytest.fixture(scope="module")
def model():
    with bftui.open_model("practice") as opened:
        yield opened


def allowed(model, written):
    """The tokens that lead on to one of the colours, and the ends after a whole one."""
    whole = [text.encode() for text in COLOURS]
    found = np.zeros(model.info.n_vocab, bool)
    for i in range(model.info.n_vocab):
        piece = model.token_bytes(i)
        found[i] = (
            bool(piece) and model.is_text(i) and any(w.startswith(written + piece) for w in whole)
        )
    if written in whole:
        found[list(model.info.eog_ids)] = True
    return found


def numbers(model, session, node, written):
    """P~, the mass of the allowed tokens and H(P~) without the constraint, all of a sampler that truncates nothing."""
    logits = model.client.logits(session.model_tree.number, node).astype(np.float64)
    probs = np.exp(logits - np.logaddexp.reduce(logits))
    mask = allowed(model, written)
    inside = np.where(mask, probs, 0.0)
    free = -math.fsum(p * math.log(p) for p in probs if p)
    return inside / inside.sum(), inside.sum(), free, int(mask.sum())


def text_of(session):
    """What was written, without the token that ends it."""
    node = session.cursor
    return session.text(session.tree.parent(node) if session.tree.eog(node) else node)


def test_p_stays_the_models_and_what_is_drawn_obeys(model):
    session = Session(model, "The boat is", top_p=1.0, seed=3, constraint=REGEX)
    plain = Session(model, "The boat is", top_p=1.0, seed=3)
    assert session.node.next.entropy == plain.node.next.entropy
    assert np.array_equal(session.node.next.top_logprobs, plain.node.next.top_logprobs)
    while not session.ended:
        written = session.text().encode()
        probs, mass, free, count = numbers(model, session, session.cursor, written)
        here = session.node.next
        entropy = -math.fsum(p * math.log(p) for p in probs if p)
        assert here.entropy_truncated == pytest.approx(entropy, abs=1e-9)
        assert here.kept == np.count_nonzero(probs)
        state = {" red": "may end"}.get(
            session.text(), "ends" if session.text() in COLOURS else "open"
        )
        assert here.constraint.state == state
        assert here.constraint.allowed == count
        assert here.constraint.mass == pytest.approx(mass, abs=1e-12)
        assert here.constraint.entropy_free == pytest.approx(free, abs=1e-9)
        for row in session.model_tree.page(0, 100).rows:
            assert row.kept == (probs[row.token_id] > 0)
            assert row.removed_by == (() if row.kept else ("constraint",))
        session.step()
    assert text_of(session) in COLOURS


def test_every_draw_of_every_kind_is_inside(model):
    session = Session(model, "The boat is", top_p=1.0, seed=3, constraint=REGEX)
    texts = set()
    for sample in session.rollouts(samples=24, horizon=12).samples:
        assert sample.token_ids[-1] in model.info.eog_ids
        texts.add(b"".join(model.token_bytes(i) for i in sample.token_ids[:-1]).decode())
    assert texts <= set(COLOURS)
    assert len(texts) > 1
    for candidate in session.lookahead(k=12).result().candidates:
        inside = allowed(model, b"")[candidate.token_id]
        assert (candidate.after is not None) == inside
    response = session.respond(" re", looks=(4,), horizon=6).result()
    assert response.forced.bf >= 1
    session.greedy()
    assert any(text.startswith(session.text()) for text in COLOURS)


def test_a_constraint_begins_where_it_is_told_to(model):
    session = Session(model, "The boat is", seed=5)
    for _ in range(3):
        session.step()
    before = session.text()
    session.set_sampler(constraint=Constraint("regex", " [0-9]{3}", start=3))
    session.recompute_stale()
    path = session.tree.path(session.cursor)
    assert [session.tree.constraint(node) is None for node in path] == [True, True, True, False]
    while not session.ended:
        session.step()
    assert re.fullmatch(" [0-9]{3}", text_of(session)[len(before) :])


def test_a_text_that_left_says_so_until_it_is_taken_back(model):
    session = Session(model, "The boat is", seed=5, top_p=1.0, constraint=REGEX)
    session.force(" 7")
    free = Session(model, "The boat is", seed=5, top_p=1.0)
    free.force(" 7")
    here = session.node.next
    assert here.constraint == UnderConstraint("left", 0, 0.0, here.constraint.entropy_free)
    assert here.entropy_truncated == pytest.approx(free.node.next.entropy_truncated, abs=1e-9)
    for work in (session.step, session.greedy, lambda: session.rollouts(samples=2, horizon=2)):
        with pytest.raises(NothingLeft) as failed:
            work()
        line = failed.value.line()
        assert line.startswith("the text has left the constraint: token 1 after its start, ")
        assert line.endswith("; go back, or take the constraint away")
    session.back(len(model.tokenize(" 7")))
    session.step()
    session.force(" 7")
    session.set_sampler(constraint=FREE)
    session.step()
    assert session.node.next.constraint is None


def test_a_trace_keeps_it_and_a_journal_and_check_reproduce_it(model, tmp_path):
    session = Session(
        model, "Facts:\n", seed=4, top_p=1.0, constraint=Constraint("json-schema", OBJECT)
    )
    while not session.ended:
        session.step()
    session.back(3)
    session.set_sampler(temperature=1.5)
    session.recompute_stale()
    session.step()
    path = tmp_path / "trace.json"
    session.trace().save(path)
    document = json.loads(path.read_text())
    assert document["version"] == 2
    assert document["samplers"][0]["constraint"] == {
        "kind": "json-schema",
        "text": OBJECT,
        "start": 0,
    }
    assert document["nodes"][0]["next"]["constraint"]["state"] == "open"
    read = trace_file(path)
    assert read.samplers == session.state.samplers
    tree = read.tree()
    for node in range(len(tree)):
        mine, theirs = session.tree.constraint(node), tree.constraint(node)
        assert (mine is None) == (theirs is None)
        if mine is not None:
            assert (theirs.state, theirs.allowed) == (mine.state, mine.allowed)
            assert theirs.mass == pytest.approx(mine.mass, abs=1e-6)
            assert theirs.entropy_free == pytest.approx(mine.entropy_free, abs=1e-6)
    checking = Checking(model, read)
    checking.finish()
    assert not checking.different
    again = Session(model, prompt_of(read), **read.samplers[0].settings())
    list(Replication(again, read).actions())
    again.recompute_stale()
    assert again.tree.token_ids(again.cursor) == session.tree.token_ids(session.cursor)
    assert [again.tree.constraint(n) for n in range(len(again.tree))] == [
        session.tree.constraint(n) for n in range(len(session.tree))
    ]


def test_a_session_that_is_resumed_goes_on_under_it(model, tmp_path):
    journal = Journal(tmp_path)
    session = Session(model, "Facts:\n", seed=4, journal=journal)
    session.step()
    session.set_sampler(constraint=Constraint("regex", " [0-9]{3,6}", start=1))
    session.step()
    session.set_sampler(temperature=2.0)
    session.force(" x")
    session.back(len(model.tokenize(" x")))
    journal.close()
    again = resume(model, read_saved(journal.path))
    assert again.sampler == session.sampler
    for node in range(len(session.tree)):
        one, other = session.tree.constraint(node), again.tree.constraint(node)
        assert (one is None) == (other is None)
        if one is not None:
            assert (other.state, other.allowed) == (one.state, one.allowed)
            assert other.entropy_free == pytest.approx(one.entropy_free, abs=1e-6)
    assert again.step().token_id == session.step().token_id


@pytest.mark.parametrize("seed", range(20))
def test_a_sampled_object_is_one_of_the_schema(model, seed):
    import jsonschema

    session = Session(
        model, "Facts:\n", seed=seed, top_p=0.95, constraint=Constraint("json-schema", OBJECT)
    )
    while not session.ended:
        session.step()
    jsonschema.validate(json.loads(text_of(session)), json.loads(OBJECT))


def test_a_constraint_that_is_not_read_changes_nothing(model):
    session = Session(model, "The boat is", seed=5)
    before = session.sampler
    with pytest.raises(bftui.core.errors.UsageError, match="this regex is not read"):
        session.set_sampler(constraint=Constraint("regex", "(a"))
    assert session.sampler == before
    session.step()
