"""Numbers are shown in the digits that the noise floor allows, and are called exact only where they are."""

import dataclasses
import json

import pytest

import bftui
from bftui.cli.commands.lookahead_command import table as told
from bftui.core.noise_floor import (
    Noise,
    choices,
    decimals,
    exact,
    exactness,
    factor,
    fine,
    nats,
    probability,
    share,
    within,
)
from bftui.model.noise_cache import Recorded
from bftui.session.commands import Force, Step
from bftui.trace.reading import TraceFile
from bftui.trace.report.html_page import page, report_of
from bftui.ui.drawing.line_builder import probability as cell
from bftui.ui.explain import explain_items
from bftui.ui.view import View
from tests.models import tiny_model

LOUD = Noise(64, 8, 0.15, 1.0, 0.067, 0.26, 0.064, 0.34, 0.065, 0.37)
STILL = Noise(64, 8, 2e-6, 3e-5, 4e-6, 2e-5, 2e-6, 1e-5, 1e-6, 5e-6)


@pytest.mark.parametrize(
    ("sd", "most", "right"),
    [
        (0.0, 3, 3),
        (0.15, 3, 1),
        (0.065, 3, 2),
        (0.1, 3, 1),
        (0.004, 2, 2),
        (4.2, 2, 0),
        (2e-6, 6, 6),
    ],
)
def test_the_last_digit_is_where_the_noise_begins(sd, most, right):
    assert decimals(most, sd) == right


def test_numbers_of_a_loud_model_are_short_and_those_of_a_still_one_are_whole():
    assert nats(2.34567, 3, LOUD) == "2.35"
    assert nats(2.34567, 3, STILL) == nats(2.34567, 3, None) == "2.346"
    assert choices(67.123, 2, LOUD) == "67"
    assert choices(6.7123, 2, LOUD) == "6.7"
    assert choices(67.123, 2, None) == "67.12"
    assert choices(1234.5, 0, None) == "1,234"
    assert probability(0.123456, 6, LOUD) == "0.123"
    assert probability(0.123456, 6, None) == "0.123456"
    assert probability(0.0, 6, LOUD) == "0"
    assert share(0.51234, 4, LOUD) == "0.51"
    assert (factor(67.123, LOUD), factor(67.123)) == ("67", "67.1")
    assert (fine(6.7123, LOUD), fine(6.7123)) == ("6.7", "6.71")
    assert (cell(0.5123, LOUD), cell(0.5123)) == (".51", ".512")
    assert cell(0.9995, LOUD) == cell(0.9995)


def test_exact_is_said_of_what_does_not_move():
    assert exact(STILL, "llama-cpp")
    assert exact(None, "table")
    assert not exact(LOUD, "llama-cpp")
    assert not exact(None, "llama-cpp")
    assert exactness(STILL, "transformers").startswith("Exact")
    for each in (exactness(LOUD, "llama-cpp"), exactness(None, "llama-cpp")):
        assert "xact" not in each
    assert "0.064 nats" in exactness(LOUD, "llama-cpp")


def test_means_over_many_positions_are_told_apart_where_single_ones_are_not():
    assert within(0.05, LOUD, (1, 1))
    assert not within(0.05, LOUD, (1024, 12_288))
    assert within(0.003, LOUD, (1024, 12_288))
    assert not within(0.003, None, (1024, 12_288))
    assert not within(None, LOUD, (1, 1))


@pytest.fixture
def session(tmp_path):
    with bftui.open_model(tiny_model(tmp_path / "tiny.gguf", "bpe").path, threads=1) as model:
        model.floor = Recorded(LOUD)
        session = bftui.Session(model, "The river", seed=3)
        session.do(Step())
        session.do(Force(" is"))
        session.do(Step())
        yield session


def test_what_explains_the_numbers_says_how_far_they_move(session):
    view = View(session)
    items = explain_items.distribution(view)
    said = " ".join(item.text for item in items)
    assert "Exact" not in said
    assert "0.064 nats" in said
    assert items[-1].name == "noise floor"
    assert items[-1].value == "H(P) ±0.064 nats"
    entropy = next(item.value for item in items if item.name == "H")
    assert entropy == f"{view.next.entropy:.2f} nats"
    session.model.floor = Recorded(STILL)
    assert "Exact" in " ".join(item.text for item in explain_items.distribution(View(session)))
    session.model.floor = Recorded(None)
    items = explain_items.distribution(View(session))
    assert "Exact" not in " ".join(item.text for item in items)
    assert items[-1].name == "H"


def test_look_ahead_is_called_exact_only_where_it_is(session):
    job = session.experiments.start_lookahead(3)
    job.finish()
    assert "xact" not in told(job.result(), 1, session.model)
    session.model.floor = Recorded(dataclasses.replace(STILL, rows=4))
    assert "Exact" in told(job.result(), 1, session.model)


def test_a_report_has_the_floor_and_says_exact_nowhere(session, tmp_path):
    session.trace().save(tmp_path / "t.json")
    assert json.loads((tmp_path / "t.json").read_text())["model"]["noise"] == LOUD.as_dict()
    html = page(report_of(TraceFile(tmp_path / "t.json")), "0.1.0")
    assert "noise floor" in html
    assert "0.064 nats" in html
    assert "Exact" not in html
