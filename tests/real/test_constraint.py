"""Pretrained models write what a constraint asks for: every text that is drawn is accepted by another reader of it."""

from __future__ import annotations

import json
import re

import jsonschema
import pytest

from bftui.core.sampler import Constraint
from bftui.session.session import Session
from tests.groups import needs
from tests.real.conftest import RUNTIMES, Opened
from tests.real.models import MODELS, RealModel

pytestmark = pytest.mark.real
needs("llguidance")

SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 24},
        "age": {"type": "integer", "minimum": 0, "maximum": 120},
        "likes": {"type": "array", "items": {"enum": ["tea", "rain", "maps"]}, "maxItems": 3},
    },
    "required": ["name", "age", "likes"],
    "additionalProperties": False,
}
QUESTION = "Describe a person as JSON with name, age and likes."
SUM = r"[1-9][0-9]{0,2}( [+-] [1-9][0-9]{0,2}){1,3}"
LARK = 'start: NUMBER (OP NUMBER){1,3}\nNUMBER: /[1-9][0-9]{0,2}/\nOP: " + " | " - "\n'


def drawn(opened: Opened, real: RealModel, runtime: str, constraint: Constraint) -> list[str]:
    model = opened(real, runtime)
    session = Session(model, QUESTION, seed=11, constraint=constraint)
    samples = session.rollouts(samples=20, horizon=160).samples
    assert len(samples) == 20
    for sample in samples:
        assert sample.token_ids[-1] in model.info.eog_ids, sample
    return [b"".join(map(model.token_bytes, each.token_ids[:-1])).decode() for each in samples]


@pytest.mark.parametrize("real", MODELS, ids=lambda real: real.name)
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_twenty_texts_under_a_schema_are_twenty_valid_ones(
    opened: Opened, real: RealModel, runtime: str
) -> None:
    for text in drawn(opened, real, runtime, Constraint("json-schema", json.dumps(SCHEMA))):
        jsonschema.validate(json.loads(text), SCHEMA)


@pytest.mark.parametrize("real", MODELS, ids=lambda real: real.name)
@pytest.mark.parametrize("constraint", [Constraint("regex", SUM), Constraint("lark", LARK)])
def test_twenty_texts_under_an_expression_or_a_grammar_match(
    opened: Opened, real: RealModel, constraint: Constraint
) -> None:
    texts = drawn(opened, real, RUNTIMES[0], constraint)
    assert all(re.fullmatch(SUM, text) for text in texts), texts
