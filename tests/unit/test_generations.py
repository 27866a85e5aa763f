"""Generations that exist: every form that is read, and what is said of files that are none."""

import json

import pytest

from bftui.core.errors import InputError, MissingDependency
from bftui.measures.diversity.stage_texts import (
    StageTexts,
    of_generations,
    until,
    without_thinking,
)
from bftui.trace.generations_file import GeneratedTexts, parse_generations
from bftui.trace.prompts_file import PromptLine


def lines(*rows):
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def read(*rows):
    return parse_generations(lines(*rows), "g.jsonl")


def measured(**changes):
    sample = {"finish": "eog", "text": " red", **changes}
    prompts = [{"id": "a", "samples": [sample, {**sample, "finish": "length"}]}]
    return json.dumps({"models": [{"model": "practice", "prompts": prompts}]}).encode()


def test_plain_lines_of_several_models():
    first, second = read(
        {"id": "a", "model": "base", "texts": ["x", "y"], "answer": "x", "prompt": "?"},
        {"id": "a", "model": "sft", "texts": ["x", "x", "x"]},
        {"id": "b", "model": "base", "texts": ["u", "v"], "answer": 7},
    )
    assert (first.model, first.k, first.form) == ("base", 2, "plain")
    assert first.prompts == (
        GeneratedTexts("a", ("x", "y"), prompt="?", answer="x"),
        GeneratedTexts("b", ("u", "v"), answer="7"),
    )
    assert (second.model, second.k) == ("sft", 3)


def test_a_result_of_measure_says_which_outputs_were_cut():
    for data in (measured(), json.dumps(json.loads(measured()), indent=1).encode()):
        (found,) = parse_generations(data, "m.json")
        assert found.model == "practice"
        assert found.prompts == (GeneratedTexts("a", (" red", " red"), cut=(False, True)),)


def test_a_result_of_measure_without_texts_says_how_to_get_them():
    data = json.loads(measured())
    del data["models"][0]["prompts"][0]["samples"][1]["text"]
    with pytest.raises(InputError, match=r"prompt 'a' of practice has no texts.*--keep-tokens"):
        parse_generations(json.dumps(data).encode(), "m.json")


@pytest.mark.parametrize(
    "arguments",
    [[["Q: 6*7?", {"until": ["\n"]}]], {"gen_args_0": {"arg_0": "Q: 6*7?", "arg_1": {}}}],
)
def test_samples_of_lm_eval_in_the_forms_of_its_versions(arguments):
    row = {
        "doc_id": 0,
        "doc": {"question": "6*7?"},
        "target": "#### 42",
        "arguments": arguments,
        "resps": [["so 42", "41"]],
        "filtered_resps": ["42"],
        "filter": "strict-match",
    }
    # A task with two filters writes each document twice.
    (found,) = read(row, {**row, "filter": "flexible-extract", "filtered_resps": ["41"]})
    expected = GeneratedTexts("0", ("so 42", "41"), prompt="Q: 6*7?", answer="#### 42")
    assert (found.model, found.form, found.prompts) == ("", "lm-eval", (expected,))


def test_samples_of_lm_eval_that_compare_likelihoods_hold_no_texts():
    with pytest.raises(InputError, match=r"line 1 has no text in its resps.*likelihoods"):
        read({"doc_id": 0, "resps": [[["-1.5", "False"]], [["-2.5", "True"]]]})


def test_details_of_lighteval():
    doc = {"id": "7", "query": "6*7?", "choices": ["41", "42"], "gold_index": [1]}
    (found,) = read({"doc": doc, "model_response": {"text": ["42", "4 2"]}, "metric": {}})
    assert found.prompts == (GeneratedTexts("7", ("42", "4 2"), prompt="6*7?", answer="42"),)


def test_details_of_lighteval_without_ids_are_refused():
    with pytest.raises(InputError, match='line 1 has no "id"'):
        read({"doc": {"query": "?"}, "model_response": {"text": ["a"]}})
    with pytest.raises(InputError, match=r"line 1 has no id.*older versions"):
        read({"full_prompt": "?", "predictions": ["a", "b"]})


def test_parquet_needs_a_library_that_is_named():
    with pytest.raises(MissingDependency, match="pip install pyarrow"):
        parse_generations(b"PAR1....PAR1", "details.parquet")


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([], "holds no generations"),
        (["text"], "line 1 is not an object"),
        ([{"prompt": "x", "completion": "y"}], r"has the fields completion, prompt; .*are known"),
        ([{"texts": ["a", "b"]}], 'line 1 has no "id"'),
        ([{"id": "", "texts": ["a", "b"]}], 'line 1 has no "id"'),
        ([{"id": "a", "texts": []}], "is not a list of texts"),
        ([{"id": "a", "texts": ["x", 1]}], "is not a list of texts"),
        ([{"id": "a", "model": 1, "texts": ["x"]}], '"model" is not a text'),
        ([{"id": "a", "texts": ["x"]}] * 2, "line 2 has the id 'a' again"),
        (
            [{"id": "a", "texts": ["x", "y"]}, {"id": "b", "texts": ["x"]}],
            "line 2 has 1 texts: prompt 'a' has 2",
        ),
    ],
)
def test_what_is_not_a_file_of_generations_is_said_in_one_line(rows, says):
    with pytest.raises(InputError, match=says):
        read(*rows)


def test_prompts_of_a_file_say_what_is_asked_and_which_are_taken():
    (found,) = read({"id": "a", "texts": ["x"], "answer": "1"}, {"id": "b", "texts": ["y"]})
    stage = of_generations(found, "base", [PromptLine("a", "Q", answer="2"), PromptLine("c", "R")])
    assert stage.prompts == (GeneratedTexts("a", ("x",), prompt="Q", answer="2"),)


def thought(*texts):
    stage = without_thinking(StageTexts("m", (GeneratedTexts("a", texts),)))
    assert stage.unfinished is not None
    return stage.prompts[0].texts, stage.unfinished["a"]


def test_thinking_blocks_are_taken_out():
    assert thought("<think>so</think>\n\nred", "red") == (("red", "red"), 0)
    assert thought("<think>a</think>b<think>c</think>d") == (("d",), 0)


def test_an_output_that_ends_while_it_thinks_has_no_answer():
    assert thought("<think>so", "red", "<think>a</think>b<think>c") == (("red",), 2)


def test_where_the_template_opens_the_block_an_output_that_closes_none_has_no_answer():
    assert thought("so</think> red", "so on and on") == (("red",), 1)


def test_outputs_end_before_a_text_and_then_were_not_cut():
    texts = (" 5.\nQ: more", " 5", "\nQ")
    stage = StageTexts("m", (GeneratedTexts("a", texts, cut=(True, True, False)),))
    found = until(stage, ["\nQ", "\n"]).prompts[0]
    assert (found.texts, found.cut) == ((" 5.", " 5", ""), (False, True, False))
