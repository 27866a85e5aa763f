"""What a constraint lets follow: held against the texts themselves, along paths, over branches, with every end."""

import itertools
import sys

import numpy as np
import pytest

from bftui.backends.client import constraint_masks
from bftui.backends.client.constraint_masks import (
    MOST_CHARACTERS,
    ConstraintMasks,
    check_constraint,
)
from bftui.core.errors import MissingDependency, UsageError
from bftui.core.sampler import Constraint
from bftui.model.loaded_model import open_model
from tests.groups import needs
from tests.tables import WORDS

needs("llguidance")

SUM = 'start: sum\nsum: sum "+" NUMBER | NUMBER\nNUMBER: /[0-9]{1,2}/\n'


@pytest.fixture(scope="module")
def model():
    with open_model("practice") as opened:
        yield opened


@pytest.fixture
def masks(model):
    return ConstraintMasks(model)


def ids_of(found):
    return set(np.flatnonzero(found.mask).tolist())


def expected(model, texts, path):
    """The tokens after which one of some texts can still be reached, and whether one is, byte by byte."""
    written = b"".join(model.token_bytes(i) for i in path)
    whole = [text.encode() for text in texts]
    found = {
        i
        for i in range(model.info.n_vocab)
        if model.is_text(i)
        and (piece := model.token_bytes(i))
        and any(text.startswith(written + piece) for text in whole)
    }
    return found | (set(model.info.eog_ids) if written in whole else set())


def test_every_token_that_can_still_lead_to_such_a_text_is_allowed_and_no_other(model, masks):
    texts = [f" {a}{b}{c}" for a, b, c in itertools.product("ab ", ["re", "x", "ж"], ["", "s "])]
    constraint = Constraint("regex", " [ab ](re|x|ж)(s )?")
    waiting, seen = [()], 0
    while waiting:
        path = waiting.pop()
        found = masks.after(constraint, path)
        assert ids_of(found) == expected(model, texts, path), path
        ends = bool(ids_of(found) & model.info.eog_ids)
        assert found.state == (
            "open" if not ends else "may end" if ids_of(found) - model.info.eog_ids else "ends"
        )
        waiting += [(*path, i) for i in ids_of(found) - model.info.eog_ids]
        seen += 1
    assert seen > 100


@pytest.mark.parametrize(
    "constraint",
    [
        Constraint("regex", "[a-z ]{1,60}[.!]"),
        Constraint("json-schema", '{"type": "object", "properties": {"a": {"type": "string"}}}'),
        Constraint("lark", SUM),
    ],
)
def test_what_is_allowed_is_a_function_of_the_path_alone(model, constraint):
    # Four texts grow together and each now and then goes back: as rows of a batch and a person do.
    known, rng = ConstraintMasks(model), np.random.default_rng(7)
    paths = [()] * 4
    for turn in range(120):
        row = turn % len(paths)
        found = known.after(constraint, paths[row])
        alone = ConstraintMasks(model).after(constraint, paths[row]) if turn % 3 == 0 else found
        assert (found.state, ids_of(found)) == (alone.state, ids_of(alone))
        onward = sorted(ids_of(found) - model.info.eog_ids)
        if not onward or rng.random() < 0.1:
            paths[row] = paths[row][: int(rng.integers(0, len(paths[row]) + 1))]
        else:
            paths[row] = (*paths[row], int(rng.choice(onward)))


def test_going_on_by_one_token_reads_one_token(model, masks, monkeypatch):
    constraint = Constraint("regex", "[a-z ]*")
    ids = model.tokenize(" the boat is red and the boat is blue" * 20)
    for at in range(len(ids)):
        masks.after(constraint, ids[:at])
    (reading,) = masks._read.values()
    assert len(reading._at) == 1


def test_a_text_that_left_the_constraint_says_where(model, masks):
    constraint = Constraint("regex", "[a-z ]*")
    path = [*model.tokenize(" the"), *model.tokenize("7"), *model.tokenize(" boat")]
    found = masks.after(constraint, path)
    place = len(model.tokenize(" the")) + 1
    assert (found.state, found.mask) == ("left", None)
    assert found.reason == f"token {place} after its start, 7, is not allowed there"
    assert masks.after(constraint, [*path, *path]).reason == found.reason
    assert masks.after(constraint, path[: place - 1]).state == "may end"


def test_an_end_of_generation_ends_the_governed_text(model, masks):
    constraint = Constraint("regex", "[a-z ]*")
    end = min(model.info.eog_ids)
    assert masks.after(constraint, [*model.tokenize(" a"), end]).state == "left"


def test_no_control_token_is_text(model, masks):
    found = masks.after(Constraint("regex", "(?s:.*)"), [])
    assert ids_of(found) & (model.info.special_ids | model.info.eog_ids) == set(model.info.eog_ids)
    assert all(model.token_bytes(i) for i in ids_of(found))


def test_a_vocabulary_that_cannot_go_on_is_stuck(opened):
    model = opened(tokens=["<s>", "</s>", *WORDS])
    found = ConstraintMasks(model).after(Constraint("regex", " apple"), model.tokenize(" a"))
    assert (found.state, found.mask) == ("stuck", None)
    assert found.reason


@pytest.mark.parametrize("source", ["(.*a.{30})", "((a{0,50}){0,50}){0,50}", "[a-z ]{1,1000000}"])
def test_an_expression_that_explodes_goes_on_or_is_stuck(model, masks, source):
    constraint, path, rng = Constraint("regex", source), [], np.random.default_rng(1)
    for _ in range(60):
        found = masks.after(constraint, path)
        if found.mask is None:
            assert found.state == "stuck"
            assert "\n" not in found.reason
            return
        onward = sorted(ids_of(found) - model.info.eog_ids)
        if not onward:
            return
        path.append(int(rng.choice(onward)))


@pytest.mark.parametrize(
    ("kind", "text", "said"),
    [
        ("regex", "(a", "this regex is not read: unclosed group"),
        ("regex", r"(a)\1", "this regex is not read: backreferences are not supported"),
        ("regex", "(?=a)b", "look-around"),
        ("regex", "\n", "the regex is empty"),
        ("json-schema", "{", "the schema is not JSON"),
        ("json-schema", "[]", "the schema is not a JSON object"),
        ("json-schema", '{"type": 5}', "this schema is not read: type must be a string"),
        ("json-schema", '{"not": {}}', "Unimplemented keys"),
        ("json-schema", '{"$ref": "http://example.com/x"}', "this schema is not read: Resource"),
        ("lark", 'start: "a', "this grammar is not read: line 1, column 10: lexer error"),
        ("lark", "start: b\nb: c", 'this grammar is not read: line 2, column 4: unknown name: "c"'),
        ("lark", 'a: "b"', "this grammar is not read: no start rule found"),
        ("regex", "a" * (MOST_CHARACTERS + 1), "a constraint may have"),
    ],
)
def test_what_is_not_read_is_said_in_one_line(model, masks, kind, text, said):
    constraint = Constraint(kind, text)
    for read in (check_constraint, lambda each: masks.after(each, [])):
        with pytest.raises(UsageError) as failed:
            read(constraint)
        assert said in failed.value.line()
        assert "\n" not in failed.value.line()


def test_an_ambiguous_grammar_allows_what_any_reading_does(model, masks):
    found = masks.after(Constraint("lark", 'start: start start | "ab" | "a"'), [])
    again = masks.after(Constraint("regex", "(ab|a)+"), [])
    assert ids_of(found) == ids_of(again)


def test_a_grammar_with_very_many_readings_is_bounded(model, masks, monkeypatch):
    # As much as is allowed would take this test ten seconds.
    monkeypatch.setitem(constraint_masks._LIMITS, "max_items_in_row", 120)
    constraint, path = Constraint("lark", 'start: e\ne: e e | e e e | "a"'), []
    (a,) = model.tokenize("a")
    for _ in range(100):
        found = masks.after(constraint, path)
        if found.mask is None:
            break
        path.append(a)
    assert (found.state, found.mask) == ("stuck", None)
    assert "items" in found.reason


def test_without_the_library_it_says_how_to_install_it(model, monkeypatch):
    monkeypatch.setitem(sys.modules, "llguidance", None)
    for read in (check_constraint, lambda each: ConstraintMasks(model).after(each, [])):
        with pytest.raises(MissingDependency, match=r"pip install 'bftui\[constraints\]'"):
            read(Constraint("regex", "a+"))
