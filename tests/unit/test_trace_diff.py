"""Two traces laid over each other: prompts, branches, partings and actions."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bftui
from bftui.results.codec import encode
from bftui.session import commands as c
from bftui.session.session import Session
from bftui.trace.diff.trace_comparison import compare
from bftui.trace.diff.tree_overlay import overlay
from bftui.trace.reading import TraceFile
from tests.tables import BYTES, table
from tests.unit.test_trace import BYTES as SPELLED
from tests.unit.test_trace import LOGITS, make_trace


def traced(model, path, prompt, *commands):
    """A session that does these commands, as a trace file."""
    with bftui.open_model(model) as opened:
        session = Session(opened, prompt, seed=5, ignore_eos=True)
        for command in commands:
            session.do(command)
        session.trace().save(path)
    return TraceFile(path)


@pytest.fixture
def orchard(tmp_path):
    return table(tmp_path / "orchard.json")


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0, 1), max_size=40), st.data())
def test_a_tree_lies_over_itself_and_over_its_own_beginning(tmp_path_factory, shape, data):
    folder = tmp_path_factory.mktemp("t")
    cut = data.draw(st.integers(0, len(shape)))
    make_trace(SPELLED, shape, LOGITS).save(folder / "a.json")
    make_trace(SPELLED, shape[:cut], LOGITS).save(folder / "b.json")
    whole, part = TraceFile(folder / "a.json"), TraceFile(folder / "b.json")
    assert list(overlay(whole, whole).matched) == list(range(whole.count))
    laid = overlay(whole, part)
    assert list(laid.matched) == [n if n < part.count else -1 for n in range(whole.count)]
    again = overlay(part, whole)
    assert list(again.matched) == list(range(part.count))
    assert laid.parted == again.parted
    alone = {n for each in again.partings for n in each.only[1]}
    parents = whole.links.parents
    assert alone == {n for n in range(part.count, whole.count) if parents[n] < part.count}


def test_branches_that_are_on_no_path_are_compared(orchard, tmp_path):
    a = traced(orchard, tmp_path / "a.json", "x", c.Force(" a fruit"), c.Goto(0), c.Force(" the"))
    b = traced(
        orchard, tmp_path / "b.json", "x",
        c.Force(" a pear"), c.Force(" red"), c.Goto(1), c.Force(" apple"), c.Goto(0), c.Force(" the"),
    )  # fmt: skip
    found = compare(a, b)
    assert all(place.common for place in found.path)
    document = json.loads(json.dumps(encode(found.output()), allow_nan=False))
    (parting,) = document["partings"]
    assert (parting["position"], parting["nodes"], parting["prompt"]) == (1, [1, 1], 0)
    assert [each["text"] for each in parting["a"]["tokens"]] == ["·fruit"]
    assert [each["text"] for each in parting["b"]["tokens"]] == ["·pear", "·apple"]
    after = {node["id"]: node["next"] for node in b.nodes()}
    for each in parting["b"]["tokens"]:
        assert each["bf_after"] == after[each["node"]]["bf"]
    assert parting["bf"] == [after[1]["bf"]] * 2
    assert document["common"] == 3


def test_prompts_are_found_wherever_they_stand(orchard, tmp_path):
    def prompts(*texts):
        return [each for text in texts for each in (c.SetPrompt(c.Prompt(text)), c.Force(" a"))]

    a = traced(orchard, tmp_path / "a.json", "one", *prompts("two", "three", "two"))
    b = traced(orchard, tmp_path / "b.json", "three", *prompts("four", "two"))
    found = compare(a, b)
    pairs = [(each.text, None not in each.roots, each.common) for each in found.prompts]
    assert pairs[:2] == [("two", True, 2), ("three", True, 1)]
    assert {text for text, both, _ in pairs[2:] if not both} == {"one", "two", "four"}
    assert [each.prompt for each in found.partings] == [1]
    assert compare(b, a).common == found.common == 3


def test_another_vocabulary_is_compared_by_bytes(orchard, tmp_path):
    tokens = ["<s>", "</s>", *({"bytes": each} for each in BYTES), " a"]
    other = table(tmp_path / "other.json", tokens=tokens, default={" a": 1.0}, rules={})
    a = traced(orchard, tmp_path / "a.json", "x", c.Force(" a"), c.Force("b"))
    b = traced(other, tmp_path / "b.json", "x", c.Force(" a"), c.Force("b"))
    found = compare(a, b)
    assert (found.common, found.parted, found.differing) == (3, 0, 0)
    assert not found.same, "the models are others"


def test_actions_are_aligned_around_one_more(orchard, tmp_path):
    steps = [c.Greedy()] * 4
    a = traced(orchard, tmp_path / "a.json", "x", *steps, c.Force(" red"), c.Goto(2))
    b = traced(orchard, tmp_path / "b.json", "x", c.Force(" I"), *steps, c.Force(" red"))
    found = compare(a, b)
    assert [each.places for each in found.actions] == [(None, 0), (5, None)]
    assert found.differing == 2
    assert found.first == "actions.0: only the second has it"


def test_the_same_tokens_by_other_actions_are_the_same_nodes(orchard, tmp_path):
    a = traced(orchard, tmp_path / "a.json", "x", *[c.Step()] * 6)
    ids = [node["token_id"] for node in a.nodes()]
    forced = traced(orchard, tmp_path / "f.json", "x", *[c.ForceIds((i,)) for i in ids[1:]])
    found = compare(a, forced)
    assert (found.common, found.parted, found.differing) == (a.count, 0, 6)
    assert not found.same


def test_very_many_actions_are_compared_by_place(orchard, tmp_path):
    a = traced(orchard, tmp_path / "a.json", "x", *[c.Mark(f"{n}") for n in range(500)])
    b = traced(orchard, tmp_path / "b.json", "x", *[c.Mark(f"{-n}") for n in range(500)])
    found = compare(a, b)
    assert found.differing == 499
    assert found.actions[0].places == (1, 1)
