"""The codec of results: what is declared once is written, read, bounded and described."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from typing import Annotated, Literal

import jsonschema
import numpy as np
import pytest

from bftui.core.bf.samples import Sample
from bftui.core.sampler import Sampler
from bftui.results.codec import (
    FLAT,
    LEFT_OUT,
    OR_NULL,
    FieldError,
    Named,
    decode,
    encode,
    json_schema,
)
from bftui.results.result_types import Difference, Factor, Id, Share
from bftui.results.rollouts_result import RolloutsResult, RolloutsSettings, SampleResult
from bftui.results.stored_result import StoredResult, kinds
from bftui.trace.schema import json_schema as trace_schema
from tests.golden.making import FILES


@dataclass(frozen=True, slots=True, kw_only=True)
class Inner:
    """One of several."""

    text: str
    prob: Share


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What stands among the fields of another."""

    last: Inner | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outer:
    """Everything that can be declared."""

    bf: Factor
    kind: Annotated[Literal["base", "partner"], Named("class")]
    ci: Difference | None
    each: tuple[Inner, ...]
    after: Inner | None
    sampler: Annotated[Sampler, FLAT]
    within: bool = False
    samples: int | Literal["greedy"] = "greedy"
    piece: bytes = b""
    kl: Annotated[float | None, OR_NULL] = None
    beside: Annotated[Beside, FLAT] = Beside()
    suffix: Annotated[tuple[Id, ...], LEFT_OUT] = ()


OUTER = Outer(
    bf=2.5,
    kind="base",
    ci=(-1.0, 1.0),
    each=(Inner(text="a", prob=0.25), Inner(text="é", prob=1.0)),
    after=None,
    sampler=Sampler(top_k=4),
)
FIELDS = {
    **{"bf": 2.5, "class": "base", "ci": [-1.0, 1.0]},
    **{"each": [{"text": "a", "prob": 0.25}, {"text": "é", "prob": 1.0}], "after": None},
    **{"temperature": 1.0, "top_k": 4, "top_p": 0.9, "min_p": 0.0, "seed": 0, "within": False},
    **{"samples": "greedy", "piece": "", "kl": None, "last": None},
}


def test_a_result_is_written_in_its_order_and_read_again():
    assert encode(OUTER) == FIELDS
    assert list(encode(OUTER)) == list(FIELDS)
    assert decode(Outer, json.loads(json.dumps(FIELDS))) == OUTER
    longer = decode(Outer, {**FIELDS, "suffix": [1, 2]})
    assert longer.suffix == (1, 2)
    assert encode(longer) == {**FIELDS, "suffix": [1, 2]}


def test_what_json_cannot_hold_is_written_as_near_as_it_can():
    found = replace(OUTER, piece="é".encode()[:1], kl=math.inf, samples=4)
    written = {**FIELDS, "piece": "\ufffd", "samples": 4}
    assert json.loads(json.dumps(encode(found), allow_nan=False)) == written
    assert decode(Outer, {**written, "piece": "\ud800"}).piece == b"?"
    assert decode(Outer, written) == replace(found, piece="\ufffd".encode(), kl=None)


def test_what_a_newer_version_says_and_an_older_one_did_not_is_no_error():
    older = {name: value for name, value in FIELDS.items() if name != "within"}
    newer = {**FIELDS, "looks": [1], "each": [{**each, "more": {}} for each in FIELDS["each"]]}
    assert decode(Outer, older) == decode(Outer, newer) == OUTER


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"bf": None}, "bf: it is not a number from 0.5 to 1e+10"),
        ({"bf": math.nan}, "bf"),
        ({"bf": math.inf}, "bf"),
        ({"bf": 1e11}, "bf"),
        ({"bf": True}, "bf"),
        ({"bf": "2"}, "bf"),
        ({"bf": 10**400}, "bf"),
        ({"class": "other"}, "class: it is not one of base, partner"),
        ({"class": ["base"]}, "class"),
        ({"ci": [1.0]}, "ci: it does not have 2 items"),
        ({"ci": [1.0, "x"]}, "ci.1"),
        ({"each": {}}, "each: it is not a list"),
        ({"each": [{"text": "a", "prob": 0.5}, {"text": "b"}]}, "each.1.prob: it is missing"),
        ({"each": [{"text": 1, "prob": 0.5}]}, "each.0.text: it is not a text"),
        ({"after": 3}, "after: it is not an object"),
        ({"temperature": 0.0}, "temperature"),
        ({"top_k": 1.0}, "top_k: it is not a whole number"),
        ({"within": 0}, "within: it is not true or false"),
        ({"samples": "all"}, "samples"),
        ({"piece": 3}, "piece: it is not a text"),
        ({"kl": "x"}, "kl: it is not a number"),
        ({"suffix": [-1]}, "suffix.0"),
    ],
)
def test_what_is_not_what_it_says_is_refused_by_its_place(change, where):
    with pytest.raises(FieldError) as error:
        decode(Outer, {**FIELDS, **change})
    assert where in str(error.value)


@pytest.mark.parametrize("value", [None, 3, [], "text"])
def test_what_is_no_object_is_refused(value):
    with pytest.raises(FieldError, match="it is not an object"):
        decode(Outer, value)


def test_the_schema_says_the_same():
    schema = json_schema(Outer)
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(FIELDS, schema)
    for wrong in (
        {"bf": 0.1},
        {"class": "x"},
        {"each": [{"text": "a"}]},
        {"ci": [1]},
        {"top_k": "x"},
    ):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**FIELDS, **wrong}, schema)
    assert schema["description"] == "Everything that can be declared."


def test_every_kind_of_measurement_has_a_schema():
    for settings, result in kinds().values():
        for each in (settings, result):
            jsonschema.Draft202012Validator.check_schema(json_schema(each))


def test_a_sample_is_kept_and_made_again():
    numbers = [np.array(each) for each in ([0.5, 0.7], [0.25, 0.5], [-0.5, -0.25], [-0.75, -1.0])]
    sample = Sample((4, 2), *numbers, n_bytes=3, finish="eog")
    kept = SampleResult.of(sample, surprisal=True)
    again = decode(SampleResult, json.loads(json.dumps(encode(kept)))).sample(0.6)
    assert (again.token_ids, again.finish, again.n_bytes) == ((4, 2), "eog", 3)
    assert again.mean_entropy == sample.mean_entropy
    assert again.mean_nll == sample.mean_nll
    assert again.entropy.sum() == pytest.approx(sample.entropy.sum())
    assert again.surprisal == pytest.approx(sample.surprisal)
    assert "token_ids" not in encode(SampleResult.of(sample, tokens=False))
    assert "surprisal" not in encode(SampleResult.of(sample))


def test_a_measurement_is_stored_and_read():
    numbers = [np.full(2, each) for each in (0.5, 0.5, -0.5, -0.5)]
    found = RolloutsResult.of([Sample((1, 2), *numbers, n_bytes=2, finish="length")])
    asked = RolloutsSettings(samples=1, horizon=2, first=0, sampler=Sampler())
    stored = StoredResult("rollouts", 3, asked, found)
    fields = json.loads(json.dumps(stored.fields()))
    assert StoredResult.read(fields) == stored
    cut = [{**fields["result"]["samples"][0], "entropy": [0.5]}]
    short = {**fields, "result": {**fields["result"], "samples": cut}}
    with pytest.raises(FieldError, match=r"result\.samples\.0: a continuation of 2 tokens"):
        StoredResult.read(short)
    with pytest.raises(FieldError, match=r"settings\.samples: it is missing"):
        StoredResult.read({**fields, "settings": {}})
    with pytest.raises(FieldError, match="does not know the kind 'dreams'"):
        StoredResult.read({**fields, "kind": "dreams"})


def test_the_schema_of_a_trace_knows_what_each_kind_holds():
    whole = trace_schema()
    jsonschema.Draft202012Validator.check_schema(whole)
    schema = {"$ref": "#/$defs/Measurement", "$defs": whole["$defs"]}
    kept = json.loads((FILES / "trace.json").read_text())["measurements"]
    assert {each["kind"] for each in kept} == set(kinds())
    for each in kept:
        jsonschema.validate(each, schema)
        assert StoredResult.read(each).fields()["result"].keys() == each["result"].keys()
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**each, "result": {}}, schema)
    jsonschema.validate({"kind": "dreams", "node": 0, "settings": {}, "result": {}}, schema)
