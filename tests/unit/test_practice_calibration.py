"""What `calibrate` finds on the practice base, against what the grammar that wrote its text says is true."""

import math

import pytest

import bftui
from bftui.core.sampler import Sampler
from bftui.core.valid.named_sets import named_set
from bftui.measures.calibration.calibration_runs import CalibrationAsked
from bftui.model.prompt import Prompt
from bftui.session.session import Session
from recipes.practice.grammar_all import practice_grammar
from recipes.practice.truth import CLOSED, Truth, entropy


@pytest.fixture(scope="module")
def truth():
    return Truth(practice_grammar())


@pytest.fixture(scope="module")
def model():
    with bftui.open_model("practice", backend="reference") as opened:
        yield opened


@pytest.mark.parametrize(("prompt", "name"), CLOSED)
def test_the_grammar_gives_each_answer_of_the_named_set_and_no_other(truth, prompt, name):
    answers = truth.answers(prompt, 3)
    assert math.fsum(answers.values()) == pytest.approx(1.0, abs=1e-12)
    if name is not None:
        assert {each.strip() for each in answers} == set(named_set(name).answers)
        # All alike probable.
        assert list(answers.values()) == pytest.approx([1 / len(answers)] * len(answers))


@pytest.mark.parametrize("prompt", [prompt for prompt, _ in CLOSED])
def test_the_practice_base_gives_nearly_what_is_true(truth, model, prompt):
    answers = truth.answers(prompt, 3)
    session = Session(model, Prompt(prompt, template="raw"))
    asked = CalibrationAsked(Sampler(), frontier=False)
    found = session.calibrate([each.strip() for each in answers], asked).result()
    worth = math.exp(entropy(answers))
    assert found.answers_in_set == len(answers)
    assert 0.92 <= found.validity <= 1
    assert found.effective == pytest.approx(worth, rel=0.05)
    assert found.order.oracle_recall > 0.99
    model_says = {each.text: math.exp(each.logprob) / found.validity for each in found.answers}
    assert model_says.keys() == answers.keys()
    apart = sum(p * math.log(p / model_says[answer]) for answer, p in answers.items())
    assert 0 <= apart < 0.05
