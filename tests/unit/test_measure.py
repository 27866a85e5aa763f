"""Measurements over tables whose branching factor is known by hand."""

import json

import pytest

import bftui
from bftui.core.errors import ContextFull, InputError, ModelError, UsageError
from bftui.core.sampler import Sampler
from bftui.measures.bulk.bulk_measurement import BulkMeasurement, MeasureSettings
from bftui.measures.bulk.bulk_summary import output
from bftui.measures.bulk.sample_parts import EMPTY_BLOCK
from bftui.measures.bulk.sample_store import PartialFile, SamplePacking, Store
from bftui.model.prompt import Prompt
from bftui.results.codec import encode
from bftui.session.session import Session
from bftui.trace.document import NotSaved
from bftui.trace.prompts_file import PromptLine
from tests import chat_families
from tests.tables import BYTES, table

WORDS = [" w0", " w1", " w2", " w3"]
LINES = (PromptLine("open", " w0"), PromptLine("two", " two"), PromptLine("one", " one"))
ALL = Sampler(top_p=1.0)
ANSWER = "<|im_start|>assistant\n"


def words(path, **changes):
    """Four words of the same chance; after " two" it and another, after " one" only itself."""
    tags = ["<think>", "</think>", "\n", "<", "/", "think", ">"]
    fields = {
        "tokens": ["<s>", "</s>", *WORDS, " two", " one", *tags, *({"bytes": b} for b in BYTES)],
        "default": dict.fromkeys(WORDS, 0.25),
        "rules": {" two": {" two": 0.5, " one": 0.5}, " one": {" one": 1.0}},
        **changes,
    }
    return table(path, **fields)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    with bftui.open_model(words(tmp_path_factory.mktemp("table") / "words.json")) as opened:
        yield opened


def settings(**changes):
    return MeasureSettings(**{"sampler": ALL, "samples": 6, "max_tokens": 20, **changes})


def measured(model, lines=LINES, store=None, **changes):
    """The fields of one model."""
    chosen = settings(**changes)
    job = BulkMeasurement(model, "m", lines, chosen, store or Store())
    job.finish()
    assert (job.share, job.units_done) == (1.0, job.units)
    found = encode(output([job.drawn], chosen))
    json.dumps(found, allow_nan=False)
    return found["models"][0]


def test_the_branching_factor_of_each_prompt_is_known_by_hand(model):
    found = measured(model)
    bfs = {each["id"]: each["bf"] for each in found["prompts"]}
    assert (bfs["open"], bfs["one"]) == (pytest.approx(4), pytest.approx(1))
    assert found["bf"] == pytest.approx(sum(bfs.values()) / 3)
    assert [each["estimator"] for each in found["prompts"]] == ["entropy"] * 3
    assert found["ci"][0] <= found["bf"] <= found["ci"][1]
    sample = found["prompts"][0]["samples"][0]
    assert (sample["length"], sample["finish"]) == (20, "length")
    assert sample["mean_entropy"] == pytest.approx(1.3862943, abs=1e-6)
    assert "token_ids" not in sample
    assert [point["position"] for point in found["curve"]] == list(range(20))
    assert [window["position"] for window in found["windows"]] == [0, 5, 10, 15]


def test_one_number_has_one_interval(model):
    for lines, basis in ((LINES, "t over 3 prompts"), (LINES[:1], "bootstrap over 6 samples")):
        found = measured(model, lines)
        last = found["curve"][-1]
        assert [last["bf"], last["low"], last["high"]] == [found["bf"], *found["ci"]]
        assert found["ci_basis"] == basis
        assert {each["ci_basis"] for each in found["prompts"]} == {"bootstrap over 6 samples"}
    only = found["prompts"][0]
    assert (only["bf"], only["ci"]) == (found["bf"], found["ci"])


def test_a_prompt_is_measured_as_a_session_rolls_it_out(model):
    found = measured(model, LINES[1:2], samples=7)["prompts"][0]
    session = Session(model, " two", top_p=1.0)
    rollouts = session.rollouts(7, horizon=20)
    estimate = rollouts.branching_factor()
    assert (found["bf"], tuple(found["ci"])) == (estimate.bf, estimate.ci)
    lengths = [sample["mean_nll"] for sample in found["samples"]]
    assert lengths == [sample.mean_nll for sample in rollouts.samples]


def test_long_samples_take_the_likelihood(model):
    found = measured(model, max_tokens=60)
    assert {each["estimator"] for each in found["prompts"]} == {"nll"}
    assert measured(model, max_tokens=60, estimator="entropy")["estimator"] == "entropy"


def test_one_sample_has_no_interval(model):
    found = measured(model, samples=1)["prompts"][0]
    assert (found["bf"], found["ci"]) == (pytest.approx(4), None)


def test_few_best_tokens_cap_what_is_measured(model):
    """Of four equal words two are kept, and the drawn one where it is a third."""
    found = measured(model, LINES[:1], cap_k=2, samples=50)["prompts"][0]
    assert 2 < found["bf"] < 3


def test_frames_hold_for_prompts_that_say_nothing_else(model):
    found = measured(model, LINES[:1], frame=Prompt(prefill=" one"))
    assert found["bf"] == pytest.approx(1)


def test_ratios_are_of_models_with_the_same_tokens(model, tmp_path):
    narrow = words(tmp_path / "n.json", default={" one": 1.0})
    other = words(tmp_path / "o.json", tokens=["<s>", "</s>", *WORDS, " two", " one", "x"])
    chosen, drawn = settings(), []
    for place, spec in enumerate((None, narrow, other)):
        opened = model if spec is None else bftui.open_model(spec)
        job = BulkMeasurement(opened, f"m{place}", LINES[:1], chosen, Store())
        job.finish()
        drawn.append(job.drawn)
    ratios = encode(output(drawn, chosen))["ratios"]
    assert [(each["base"], each["aligned"]) for each in ratios] == [("m0", "m1"), ("m0", "m2")]
    # The first answer token of the narrow model follows " w0", as all others do.
    assert ratios[0]["ratio"] == pytest.approx(4)
    assert (ratios[1]["ratio"], ratios[1]["ci"]) == (None, None)
    assert "tokenizers differ" in ratios[1]["reason"]


def test_a_sweep_measures_every_setting(model):
    sweep = (ALL, Sampler(top_p=0.5), Sampler(top_p=0.3))
    found = measured(model, LINES[:1], sweep=sweep)
    assert [each["bf"] for each in found["sweep"]] == pytest.approx([4, 2, 2])
    assert [each["top_p"] for each in found["sweep"]] == [1.0, 0.5, 0.3]
    assert found["spread"]["low"] == pytest.approx(2)
    assert found["spread"]["high"] == pytest.approx(4)
    assert found["spread"]["mean_difference"] == pytest.approx(4 / 3)


@pytest.mark.parametrize(
    "tags", [(["<think>"], ["</think>"]), (["<", "think", ">"], ["<", "/", "think", ">"])]
)
def test_thinking_is_measured_apart(tmp_path, tags):
    """One of four words inside of a block, then nothing but " one"; tags of one token or of several."""
    opening, closing = tags
    rules = {
        '["<s>", " two"]': {opening[0]: 1.0},
        **{
            json.dumps(["<s>", " two", *opening[: n + 1]]): {opening[n + 1]: 1.0}
            for n in range(len(opening) - 1)
        },
        json.dumps([" two", *opening]): dict.fromkeys(WORDS, 0.25),
        **{json.dumps([word]): {closing[0]: 1.0} for word in WORDS},
        **{
            json.dumps([word, *closing[: n + 1]]): {closing[n + 1]: 1.0}
            for word in WORDS
            for n in range(len(closing) - 1)
        },
    }
    spec = words(tmp_path / "t.json", rules=rules, default={" one": 1.0})
    with bftui.open_model(spec) as opened:
        found = measured(opened, LINES[1:2], think=True)["segments"]
    inside, after, empty = found["inside"], found["after"], found["empty_block"]
    assert (inside["n"], after["n"], empty["n"]) == (6, 6, 6)
    assert inside["mean_length"] == 1 + len(closing)
    # One choice of four in as many tokens.
    assert inside["bf"] == pytest.approx(4 ** (1 / (1 + len(closing))))
    assert (inside["ended"], after["ended"]) == (1.0, 0.0)
    assert after["bf"] == pytest.approx(1)
    assert after["mean_length"] == 20 - len(opening) - 1 - len(closing)
    assert empty["bf"] == pytest.approx(1)


def test_a_model_that_never_thinks_is_said_to(model):
    found = measured(model, LINES[:1], think=True)["segments"]
    assert (found["inside"]["n"], found["inside"]["bf"]) == (0, None)
    assert found["inside"]["reason"] == "no sample holds a thinking block"
    assert found["empty_block"]["n"] == 6


def test_outside_text_is_measured_in_windows(model):
    """After " one" nothing but itself follows: random tokens in its middle open the text again, mostly."""
    found = measured(model, LINES[2:], insert=3, samples=8)["insertion"]
    assert (found["tokens"], found["position"], found["n"]) == (3, 10, 8)
    assert found["before"]["bf"] == pytest.approx(1)
    assert found["continued"]["bf"] == pytest.approx(1)
    assert found["inserted"]["bf"] == pytest.approx(4)
    places = {
        name: [w["position"] for w in found[name]["windows"]]
        for name in found
        if name in ("before", "continued", "inserted")
    }
    assert places == {"before": [0, 5], "continued": [10, 15], "inserted": [13, 18]}


def test_outside_text_needs_samples_that_go_on(tmp_path):
    with bftui.open_model(words(tmp_path / "t.json", default={"</s>": 1.0}, rules={})) as ends:
        found = measured(ends, LINES[:1], insert=3)["insertion"]
    assert (found["n"], found["inserted"]["bf"], found["inserted"]["windows"]) == (0, None, [])
    assert "no sample goes on" in found["inserted"]["reason"]


def test_samples_are_held_to_the_context(tmp_path):
    with bftui.open_model(words(tmp_path / "t.json", n_ctx=12)) as small:
        found = measured(small, LINES[:1])
    assert {(s["length"], s["finish"]) for s in found["prompts"][0]["samples"]} == {(10, "context")}
    assert "room for fewer than 20 tokens in the context of 12" in found["notes"][0]


def test_a_prompt_that_cannot_be_measured_is_found_before_the_work(tmp_path):
    long = PromptLine("long", " w0" * 12)
    with bftui.open_model(words(tmp_path / "t.json", n_ctx=12, bos=None)) as small:
        for line, error in ((long, ContextFull), (PromptLine("empty", ""), ModelError)):
            with pytest.raises(error, match=f"prompt '{line.id}'"):
                BulkMeasurement(small, "m", (LINES[0], line), settings(), Store())
        assert small.client.evaluated() == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"samples": 0},
        {"samples": 2.0},
        {"max_tokens": 0},
        {"cap_k": -1},
        {"insert": -1},
        {"insert": 1, "max_tokens": 9},
        {"compat": True, "samples": 3},
    ],
)
def test_settings_that_make_no_sense_are_refused(changes):
    with pytest.raises(UsageError):
        settings(**changes)


def test_a_measurement_goes_on_from_its_file(model, tmp_path):
    chosen = settings(sweep=(Sampler(top_p=0.5),), think=True, insert=2)
    result = tmp_path / "r.json"
    whole = BulkMeasurement(model, "m", LINES, chosen, Store())
    whole.finish()
    with PartialFile(result, chosen.drawing(), SamplePacking()) as store:
        job = BulkMeasurement(model, "m", LINES, chosen, store)
        while job.units_done < 2:
            job.advance()
        job.close()
    # Killed while it wrote.
    with store.path.open("ab") as file:
        file.write(b'{"key": "half')
    before = model.client.evaluated()
    with PartialFile(result, chosen.drawing(), SamplePacking()) as store:
        job = BulkMeasurement(model, "m", LINES, chosen, store)
        job.finish()
        assert encode(output([job.drawn], chosen)) == encode(output([whole.drawn], chosen))
        drawn_anew = model.client.evaluated() - before
    with PartialFile(result, chosen.drawing(), SamplePacking()) as store:
        before = model.client.evaluated()
        job = BulkMeasurement(model, "m", LINES, chosen, store)
        job.finish()
        assert model.client.evaluated() == before < before + drawn_anew
        assert encode(output([job.drawn], chosen)) == encode(output([whole.drawn], chosen))
        store.remove()
    assert not store.path.exists()


def test_what_is_finished_is_never_mixed_with_other_settings(model, tmp_path):
    result = tmp_path / "r.json"
    with PartialFile(result, settings().drawing(), SamplePacking()) as store:
        BulkMeasurement(model, "m", LINES[:1], settings(), store).finish()
    data = store.path.read_bytes()
    with pytest.raises(UsageError, match="other settings"):
        PartialFile(result, settings(samples=7).drawing(), SamplePacking())
    assert store.path.read_bytes() == data
    with PartialFile(result, settings().drawing(), SamplePacking()) as store:
        job = BulkMeasurement(model, "m", LINES[1:2], settings(), store)
        job.advance()
        assert job.units_done == 0
        job.close()


def test_a_file_that_cannot_be_used_is_refused(tmp_path):
    (tmp_path / "r.json.partial").write_text('{"format": "other"}\n')
    with pytest.raises(InputError, match="damaged"):
        PartialFile(tmp_path / "r.json", {}, SamplePacking())
    with pytest.raises(NotSaved):
        PartialFile(tmp_path / "none" / "r.json", {}, SamplePacking())


def test_a_file_in_which_nothing_was_kept_goes_away(tmp_path):
    with PartialFile(tmp_path / "r.json", {}, SamplePacking()) as store:
        assert store.path.exists()
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_left_in_the_model(model):
    trees = set(model.client._trees)
    measured(model, insert=2)
    assert set(model.client._trees) == trees


@pytest.mark.parametrize(
    ("template", "prefill", "rendered"),
    [
        (chat_families.QWEN3, "", ANSWER + EMPTY_BLOCK),
        (chat_families.QWEN3, "Sure", f"{ANSWER}{EMPTY_BLOCK}Sure"),
        (chat_families.QWEN3, "<think>\nHm", ANSWER + EMPTY_BLOCK),
        (chat_families.QWEN3, "<think>\nHm\n</think>\n\nSure", f"{ANSWER}{EMPTY_BLOCK}Sure"),
        (chat_families.PLAIN_BLOCK, "", ANSWER + EMPTY_BLOCK),
        (chat_families.CHATML, "", ANSWER + EMPTY_BLOCK),
        (chat_families.R1, "", f"<｜Assistant｜>{EMPTY_BLOCK}"),
        (None, "", EMPTY_BLOCK),
        (None, "<think>\n", EMPTY_BLOCK),
    ],
)
def test_what_is_measured_after_an_empty_block_is_well_formed(
    tmp_path, template, prefill, rendered
):
    spec = words(tmp_path / "t.json", chat_template=template)
    with bftui.open_model(spec) as opened:
        frame = Prompt(prefill=prefill)
        job = BulkMeasurement(opened, "m", LINES[1:2], settings(think=True, frame=frame), Store())
        text = job._empty[0].text
        job.close()
    assert text.endswith(f" two{rendered}" if template is None else rendered)
    assert text.count("<think>") == text.count("</think>") == 1
