"""Order under a regular expression or a JSON schema: which tokens are valid, and how often a model stays inside."""

import math
import sys

import numpy as np
import pytest

from bftui.core.errors import MissingDependency, UsageError
from bftui.core.sampler import Sampler
from bftui.core.valid.valid_sets import valid_set
from bftui.measures.calibration.compile_valid import compile_valid
from bftui.measures.calibration.grammar_nodes import GrammarCalibration
from bftui.measures.calibration.token_constraint import TokenConstraint
from bftui.measures.site import prompt_site
from bftui.model.loaded_model import open_model
from bftui.model.prompt import Prompt
from bftui.results.calibration_result import CalibrationSettings
from tests.groups import needs
from tests.tables import WORDS

needs("llguidance")


@pytest.fixture(scope="module")
def model():
    with open_model("practice") as opened:
        yield opened


def ids_of(model, text):
    return model.render(Prompt(text, template="raw")).token_ids


def measured(model, prompt, source, kind="regex", sampler=None, lead="none", **asked):
    ids = ids_of(model, prompt)
    sampler = sampler or Sampler(seed=7)
    constraint = TokenConstraint(model, ids, kind, source, lead=lead)
    settings = CalibrationSettings(valid=f"{kind}:{source}", sha256="0" * 64, sampler=sampler)
    with prompt_site(model, ids, sampler) as site:
        job = GrammarCalibration(site, constraint, settings, **asked)
        job.finish()
    return job


@pytest.mark.parametrize("lead", ["blank", "none", "auto", "both"])
def test_valid_tokens_are_those_of_every_tokenisation_of_the_answers_written_out(model, lead):
    ids = ids_of(model, "The boat is")
    answers = ["red", "reddish", "blue-green", "7,3", "Ж"]
    constraint = TokenConstraint(model, ids, "regex", "red(dish)?|blue-green|7,3|Ж", lead=lead)
    written_out = compile_valid(model, ids, valid_set("mine", answers), lead=lead)
    for node in written_out.trie.nodes:
        found = constraint.node(node.path)
        ends = [edge for edge in found.edges if edge.token_ids == constraint.ends]
        tokens = {edge.token_ids[0] for edge in found.edges if edge not in ends}
        canonical = {edge.token_ids[0] for edge in node.edges if edge.child is not None}
        assert tokens == canonical | set(node.other_ids)
        assert len(ends) == sum(edge.child is None for edge in node.edges)
        assert found.completions == len(found.edges)


def test_a_schema_says_what_may_come_next(model):
    schema = '{"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}'
    constraint = TokenConstraint(model, ids_of(model, "JSON:\n"), "schema", schema)
    first = {model.token_bytes(edge.token_ids[0])[:1] for edge in constraint.node(()).edges}
    assert first == {b"{"}
    whole = model.tokenize('{"a": 5}')
    assert any(edge.token_ids == constraint.ends for edge in constraint.node(whole).edges)
    with pytest.raises(UsageError, match="is not allowed there"):
        constraint.node(model.tokenize('{"a": x'))


def test_a_text_that_ends_answers_ends_them_also_where_they_could_go_on(model):
    constraint = TokenConstraint(model, ids_of(model, "A:"), "regex", "a(\nb)?", end=["\n"])
    node = constraint.node(model.tokenize(" a"))
    assert [edge.token_ids for edge in node.edges if edge.token_ids == constraint.ends] == [
        constraint.ends
    ]
    assert sum(constraint.ends[0] in edge.token_ids for edge in node.edges) == 1


def probability(model, prompt, path, left):
    """P of what is left of a text and its end, in any tokenisation, by brute force."""
    (row,) = model.client.path_logits([*prompt, *path], [0])
    probs = np.exp(row.astype(np.float64) - np.logaddexp.reduce(row.astype(np.float64)))
    if not left:
        return sum(float(probs[i]) for i in model.info.eog_ids)
    return sum(
        float(probs[i]) * probability(model, prompt, [*path, i], left[len(piece) :])
        for i in range(model.info.n_vocab)
        if model.is_text(i) and (piece := model.token_bytes(i)) and left.startswith(piece)
    )


def test_validity_is_that_of_every_tokenisation_of_the_answers(opened):
    model = opened(default={" apple": 0.3, " pear": 0.2, " the": 0.1, "</s>": 0.2, " a": 0.2})
    prompt = ids_of(model, " I")
    found = measured(model, " I", " apple| pear", answers=64).result()
    exact = sum(probability(model, prompt, [], text.encode()) for text in (" apple", " pear"))
    assert exact == pytest.approx(0.5 * 0.2, abs=1e-3)
    low, high = found.validity_ci
    assert low - 1e-9 <= exact <= high + 1e-9
    assert {each.text for each in found.answers} == {" apple", " pear"}
    assert found.how == "grammar"
    likely = next(each for each in found.answers if each.text == " apple")
    assert math.exp(likely.logprob) == pytest.approx(0.3 * 0.2, abs=1e-3)


def test_a_vocabulary_that_cannot_go_on_is_said(opened):
    model = opened(tokens=["<s>", "</s>", *WORDS])
    constraint = TokenConstraint(model, ids_of(model, " I"), "regex", " apple", lead="none")
    with pytest.raises(UsageError, match="the constraint cannot be followed"):
        constraint.node(model.tokenize(" a"))


def test_the_same_seed_draws_the_same_answers_inside_the_constraint(model):
    source = "[a-z ]{1,20}"
    one, same, other = (
        measured(model, "The boat", source, answers=6, sampler=Sampler(seed=seed))
        for seed in (1, 1, 2)
    )
    assert one.result() == same.result()
    assert one.result() != other.result()
    assert one.places[0].path == ()
    assert len({place.path for place in one.places}) == len(one.places)
    assert all(place.valid >= 1 and 0 <= place.valid_mass <= 1 for place in one.places)
    assert 0 <= one.result().order.auc <= 1


def test_answers_that_do_not_end_are_said_and_add_nothing(model):
    found = measured(model, "The boat", "[a-z ]{40,}", answers=3, horizon=4).result()
    assert found.validity == 0
    assert found.answers == ()
    assert "3 answers did not end within 4 tokens: validity is at least what is said" in found.notes


def test_a_given_text_is_followed(model):
    found = measured(model, "The boat is", " [a-z]+", text=" red").result()
    assert [each.text for each in found.answers] == [" red"]
    assert found.read == len(model.tokenize(" red")) + 1
    assert found.validity is None
    with pytest.raises(UsageError, match="is not allowed there"):
        measured(model, "The boat is", " [a-z]+", text=" Red")


@pytest.mark.parametrize(
    ("kind", "source", "said"),
    [
        ("regex", "(a", "this regex is not read"),
        ("regex", r"(a)\1", "this regex is not read"),
        ("schema", "{", "the schema is not JSON"),
        ("schema", "[]", "the schema is not a JSON object"),
        ("schema", '{"type": 5}', "this schema is not read"),
    ],
)
def test_what_is_not_read_is_said(model, kind, source, said):
    with pytest.raises(UsageError, match=said):
        TokenConstraint(model, ids_of(model, "A:"), kind, source)


@pytest.mark.parametrize("source", ["(x+x+)+y", "(a?){64}a{64}", "((a{0,50}){0,50}){0,50}"])
def test_a_catastrophic_expression_is_read_or_refused(model, source):
    try:
        constraint = TokenConstraint(model, ids_of(model, "A:\n"), "regex", source)
    except UsageError:
        return
    assert constraint.node(()).completions >= 1


def test_without_the_library_it_says_how_to_install_it(model, monkeypatch):
    monkeypatch.setitem(sys.modules, "llguidance", None)
    with pytest.raises(MissingDependency, match=r"pip install 'bftui\[constraints\]'"):
        TokenConstraint(model, ids_of(model, "A:"), "regex", "a+")
