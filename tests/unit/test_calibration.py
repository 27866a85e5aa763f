"""A valid set at one place: exact numbers against every answer read by itself, resuming, and large sets."""

import math
from dataclasses import replace

import pytest

import bftui
from bftui.core.errors import UsageError
from bftui.core.sampler import Sampler
from bftui.core.valid.node_reading import Setting
from bftui.core.valid.valid_sets import ValidSet, valid_set
from bftui.measures.bulk.sample_store import PartialFile, Store
from bftui.measures.calibration import calibration
from bftui.measures.calibration.calibration_runs import (
    CalibrationAsked,
    CalibrationRuns,
    start_calibration,
)
from bftui.measures.calibration.reading_packing import ReadingPacking
from bftui.measures.site import prompt_site
from bftui.model.prompt import Prompt
from bftui.results.calibration_result import CalibrationResult
from bftui.results.codec import decode, encode
from bftui.session.session import Session
from bftui.trace.prompts_file import PromptLine
from tests.tables import table

ANSWERS = ["apple", "pear", "red apple", "a pear", "the red pear"]
ASKED = CalibrationAsked(Sampler(top_p=0.8))


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    with bftui.open_model(table(tmp_path_factory.mktemp("tables") / "orchard.json")) as opened:
        yield opened


PROMPT = Prompt(" I like", template="raw")


def measured(model, valid=None, asked=ASKED, store=None, **how):
    with prompt_site(model, model.render(PROMPT).token_ids, asked.sampler) as site:
        job = start_calibration(
            site, valid or valid_set("some", ANSWERS), asked, store=store, key="k", **how
        )
        job.finish()
        return job


def test_validity_and_diversity_are_those_of_every_answer(model):
    found = measured(model).result()
    session = Session(model, PROMPT)
    logs = []
    for answer in ANSWERS:
        session.goto(0)
        node = session.force(f" {answer}")
        logprob, at = 0.0, node
        while at.parent is not None:
            logprob += at.logprob
            at = session.tree.node(at.parent)
        (end,) = model.info.eog_ids
        logprob += model.client.score(session.model_tree.number, node.id, [end], Sampler())[
            0
        ].logprob
        logs.append(logprob)
    validity = sum(map(math.exp, logs))
    entropy = -sum(math.exp(ln) / validity * (ln - math.log(validity)) for ln in logs)
    assert found.validity == pytest.approx(validity, rel=1e-9)
    assert found.diversity == pytest.approx(math.exp(entropy) / len(ANSWERS), rel=1e-9)
    assert found.effective == pytest.approx(math.exp(entropy), rel=1e-9)
    listed = {each.text.strip(): each.logprob for each in found.answers}
    assert listed == pytest.approx(dict(zip(ANSWERS, logs, strict=True)), abs=1e-9)
    assert [each.logprob for each in found.answers] == sorted(listed.values(), reverse=True)
    assert found.read == found.nodes
    best = [each for each in found.frontier if each.best]
    assert best
    assert not any(each.rule.endswith("oracle") for each in best)


def test_a_result_survives_json(model):
    found = measured(model).result()
    assert decode(CalibrationResult, encode(found)) == found


def test_before_all_is_read_nothing_is_known_but_how_far_it_is(model):
    with prompt_site(model, model.render(PROMPT).token_ids, Sampler()) as site:
        job = start_calibration(site, valid_set("some", ANSWERS), ASKED)
        job.advance()
        job.close()
        found = job.result()
    assert (found.read, found.validity, found.order, found.answers) == (1, None, None, ())
    assert job.stored() is None
    assert 0 < job.share < 1


def test_it_goes_on_where_it_was_stopped(model, tmp_path, monkeypatch):
    monkeypatch.setattr(calibration, "CHUNK", 3)
    whole = measured(model).result()
    for stop in range(1, whole.nodes, 2):
        result = tmp_path / f"{stop}.json"
        with (
            PartialFile(result, {}, ReadingPacking()) as store,
            prompt_site(model, model.render(PROMPT).token_ids, ASKED.sampler) as site,
        ):
            job = start_calibration(site, valid_set("some", ANSWERS), ASKED, store=store, key="k")
            for _ in range(stop):
                job.advance()
            job.close()
        before = model.client.evaluated()
        with PartialFile(result, {}, ReadingPacking()) as store:
            assert measured(model, store=store).result() == whole
            again = model.client.evaluated()
            assert measured(model, store=store).result() == whole
            assert model.client.evaluated() - again <= len(model.render(PROMPT).token_ids)
        assert again > before


class _Large(tuple):
    """Answers that say of themselves that they are too many."""

    def __len__(self):
        return 20_000


def test_a_set_too_large_to_be_read_is_sampled(model):
    exact = measured(model, asked=replace(ASKED, frontier=False)).result()
    large = ValidSet("large", _Large(ANSWERS * 4000))
    job = measured(model, large, replace(ASKED, samples=4000))
    found = job.result()
    assert found.how == "sampled"
    assert found.answers_in_set == 20_000
    # Which are drawn follows from the seed, so that this holds always or never.
    assert found.validity_ci[0] <= exact.validity <= found.validity_ci[1]
    low, high = (each * 20_000 for each in found.diversity_ci)
    assert low <= exact.effective <= high
    assert (found.order, found.steps, found.frontier) == (None, (), ())
    assert "4,000 samples" in found.notes[-1]
    assert decode(CalibrationResult, encode(found)) == found


def test_a_session_keeps_it_in_its_trace(model):
    session = Session(model, PROMPT, top_p=0.8)
    job = session.calibrate(ANSWERS)
    (kept,) = session.trace().as_dict()["measurements"]
    assert kept["kind"] == "calibration"
    assert decode(CalibrationResult, kept["result"]) == job.result()
    assert kept["settings"]["top_p"] == 0.8
    with pytest.raises(UsageError, match="no valid answers"):
        session.calibrate([])


def test_every_prompt_has_its_own_numbers_and_a_line_end_ends_an_answer_but_in_chats(model):
    lines = [
        (PromptLine("one", " I like"), valid_set("some", ANSWERS)),
        (PromptLine("two", " Sure"), valid_set("others", ["is", "Here is"])),
    ]
    job = CalibrationRuns(model, "m", lines, Prompt(template="raw"), ASKED, Store())
    assert job.result() is None
    job.finish()
    found = job.result()
    assert [each.id for each in found.prompts] == ["one", "two"]
    assert found.result == found.prompts[0].result == measured(model, lines=True).result()
    assert found.prompts[1].result.answers_in_set == 2


def test_what_is_kept_is_not_taken_for_a_model_that_was_opened_otherwise(tmp_path):
    lines = [(PromptLine("one", " I like"), valid_set("some", ANSWERS))]
    path, store = table(tmp_path / "orchard.json"), Store()
    evaluated = []
    for ctx in (32, 64, 64):
        with bftui.open_model(path, ctx=ctx) as opened:
            job = CalibrationRuns(opened, "m", lines, Prompt(template="raw"), ASKED, store)
            job.finish()
            evaluated.append(opened.client.evaluated())
    assert evaluated[0] == evaluated[1] > evaluated[2]


def test_what_was_read_with_another_grid_is_read_again(model, monkeypatch):
    store = Store()
    whole = measured(model, store=store).result()
    monkeypatch.setattr(calibration, "default_grid", lambda: (Setting("none", 0.0, 2.0),))
    (point,) = measured(model, store=store).result().frontier
    monkeypatch.undo()
    assert point.temperature == 2.0
    assert measured(model, store=store).result() == whole
