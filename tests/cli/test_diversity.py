"""`bftui diversity` as programs and people see it: stages, correct outputs, generations, bad input, and stopping."""

import json
import signal
import subprocess
import sys
import time

import pytest

from bftui.core.diversity.kernels import mean_distance, ngram_kernel, vendi
from tests.command_line import bftui_, fails, interrupted
from tests.tables import table

SMALL = ["--samples", 4, "--max-tokens", 6]
LINES = [{"id": f"p{n}", "prompt": word} for n, word in enumerate([" the", " Sure", " a"])]
BASE = {"a": ["red pear", "a blue fig", "12", "red"], "b": ["so 7", "so 8", "an 7", "seven"]}
LATER = {"a": ["red pear", "red pear", "red", "red"], "b": ["so 7", "so 7", "so 7", "so 7"]}


@pytest.fixture
def orchard(tmp_path):
    return table(tmp_path / "orchard.json")


@pytest.fixture
def prompts(tmp_path):
    return written(tmp_path / "prompts.jsonl", LINES)


def written(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def generations(path, model, texts, **fields):
    rows = [{"id": name, "model": model, "texts": each, **fields} for name, each in texts.items()]
    return written(path, rows)


@pytest.fixture
def stages(tmp_path):
    first = generations(tmp_path / "base.jsonl", "base", BASE)
    later = generations(tmp_path / "later.jsonl", "later", LATER)
    return ["--generations", first, "--generations", later]


def result_of(*arguments):
    done = bftui_("diversity", *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_sampled_outputs_are_those_of_measure(orchard, prompts, tmp_path):
    found = result_of(orchard, "--prompts", prompts, *SMALL)
    kept = tmp_path / "measured.json"
    done = bftui_("measure", orchard, "--prompts", prompts, *SMALL, "--keep-tokens", "-o", kept)
    assert done.returncode == 0
    again = result_of("--generations", kept, "--vocabulary", found["settings"]["vocabulary"])
    for one, other in zip(found["models"], again["models"], strict=True):
        assert one["facts"]["name"] == "orchard"
        assert {**one, "facts": None, "template": None, "notes": []} == {**other, "notes": []}


def test_the_document_has_the_fields_of_the_contract(stages):
    found = result_of(*stages, "--check", "red|7")
    for model in found["models"]:
        numbers = {"ead", "self_bleu", "vendi", "distance", "distinct", "surprise"}
        assert numbers | {"model", "correct", "decomposition", "k", "k_correct", "by_k"} <= set(
            model
        )
        assert {f"{each}_ci" for each in numbers} <= set(model)
        assert {"k", "vendi", "distinct", "vendi_ci", "distinct_ci"} == set(model["by_k"][0])
        assert numbers <= set(model["correct"])
    assert found["models"][0]["decomposition"] is None
    fall = found["models"][1]["decomposition"]
    assert {"all", "correct", "residual_share"} <= set(fall)


def test_numbers_over_prompts_are_means_of_the_prompts(stages):
    first = result_of(*stages)["models"][0]
    kernels = [ngram_kernel(texts) for texts in BASE.values()]
    assert first["vendi"] == pytest.approx(sum(map(vendi, kernels)) / 2)
    assert first["distance"] == pytest.approx(sum(map(mean_distance, kernels)) / 2)
    assert (first["k"], first["outputs"], first["distinct"]) == (4, 4, 4)
    low, high = first["distance_ci"]
    assert low < first["distance"] < high
    assert first["k_correct"] is first["correct"] is first["pass_at_k"] is None


def test_correct_outputs_are_compared_at_as_many_and_the_fall_is_taken_apart(stages):
    first, later = result_of(*stages, "--check", "red|7")["models"]
    assert [each["k_correct"] for each in first["prompts"]] == [2, 2]
    assert (first["k_correct"], later["k_correct"]) == (2, 4)
    assert (first["correct"]["k"], later["correct"]["k"]) == (2, 2)
    right = [ngram_kernel(["red pear", "red"]), ngram_kernel(["so 7", "an 7"])]
    distance = sum(map(mean_distance, right)) / 2
    assert first["correct"]["distance"] == pytest.approx(distance)
    fall = later["decomposition"]
    assert fall["all"] == pytest.approx(first["distance"] - later["distance"])
    assert fall["correct"] == pytest.approx(distance - later["correct"]["distance"])
    # Two prompts say little: whether there is a share is what its interval says.
    covers = fall["all_ci"][0] <= 0 <= fall["all_ci"][1]
    assert (fall["residual_share"] is None) == covers == (fall["reason"] is not None)
    assert [each["k"] for each in first["pass_at_k"]] == [1, 2, 4]
    assert first["pass_at_k"][0]["value"] == pytest.approx(0.5)


def test_without_correct_outputs_everything_of_them_is_null(stages):
    first, later = result_of(*stages, "--check", "nothing like it")["models"]
    assert first["k_correct"] == 0
    assert first["correct"] == {**dict.fromkeys(first["correct"]), "prompts": 0, "distinct_n": []}
    assert later["decomposition"]["residual_share"] is None
    assert "no prompt has 2 correct outputs" in later["decomposition"]["reason"]
    text = bftui_("diversity", *stages, "--check", "nothing like it").stdout
    assert "no prompt has two correct outputs in every model" in " ".join(text.split())


def test_one_output_of_a_prompt_is_null_and_said(orchard, prompts):
    asked = (orchard, "--prompts", prompts, "--samples", 1, "--max-tokens", 4)
    (model,) = result_of(*asked, "--check", "fruit")["models"]
    assert {model[each] for each in ("k", "vendi", "distance", "ead", "self_bleu")} == {None}
    assert model["by_k"] == []
    assert [each["k"] for each in model["pass_at_k"]] == [1]
    done = bftui_("diversity", *asked)
    assert done.returncode == 0, done.stderr
    assert "One output of a prompt says nothing" in " ".join(done.stdout.split())


def test_answers_come_from_the_files_or_from_prompts(tmp_path):
    own = generations(tmp_path / "own.jsonl", "m", {"q": ["7", "so 7.0", "8"]}, answer="7")
    numeric = result_of("--generations", own, "--numeric")["models"][0]
    assert (numeric["k_correct"], numeric["distinct"]) == (2, 2)
    exact = result_of("--generations", own, "--exact")["models"][0]
    assert exact["k_correct"] == 1
    asked = written(tmp_path / "p.jsonl", [{"id": "q", "prompt": "?", "answer": "8"}])
    given = result_of("--generations", own, "--prompts", asked, "--numeric")["models"][0]
    assert given["k_correct"] == 1
    taken = result_of("--generations", own, "--check", r"so (\d)", "--exact")["models"][0]
    assert taken["k_correct"] == 1


def test_a_program_checks_outputs(stages):
    code = "import sys; sys.exit('red' not in sys.stdin.read())"
    first = result_of(*stages, "--check-command", f'"{sys.executable}" -c "{code}"')["models"][0]
    assert [each["k_correct"] for each in first["prompts"]] == [2, 0]


def test_models_of_generations_have_the_names_of_labels_or_files(tmp_path):
    texts = {"id": "a", "texts": ["x", "y"]}
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        written(tmp_path / folder / "samples.jsonl", [texts])
    files = [tmp_path / folder / "samples.jsonl" for folder in ("one", "two")]
    asked = [each for file in files for each in ("--generations", file)]
    assert [each["model"] for each in result_of(*asked)["models"]] == ["one/samples", "two/samples"]
    labelled = result_of(*asked, "--label", "base", "--label", "sft")
    assert [each["model"] for each in labelled["models"]] == ["base", "sft"]


def test_models_with_other_numbers_of_outputs_are_compared_at_the_smaller(tmp_path):
    more = generations(tmp_path / "more.jsonl", "more", {"a": ["x y", "u", "v w", "z"]})
    fewer = generations(tmp_path / "fewer.jsonl", "fewer", {"a": ["x y", "u"]})
    found = result_of("--generations", more, "--generations", fewer)["models"]
    assert [(each["k"], each["outputs"]) for each in found] == [(2, 4), (2, 2)]
    kernel = ngram_kernel(["x y", "u", "v w", "z"])
    pairs = [vendi(kernel[[[i], [j]], [i, j]]) for i in range(4) for j in range(i)]
    assert found[0]["vendi"] == pytest.approx(sum(pairs) / len(pairs))


def test_thinking_is_stripped_and_a_model_without_it_stands_beside(orchard, prompts, tmp_path):
    first, beside = result_of(orchard, "--prompts", prompts, *SMALL, "--no-thinking")["models"]
    assert (first.get("no_thinking"), beside["no_thinking"]) == (None, True)
    thought = generations(
        tmp_path / "t.jsonl", "t", {"a": ["<think>x</think>red", "<think>y</think>red", "<think>z"]}
    )
    (found,) = result_of("--generations", thought, "--strip-thinking")["models"]
    assert (found["unfinished"], found["k"]) == (1, 2)
    assert found["distance"] == pytest.approx(0)


def test_people_get_a_table_a_picture_and_definitions_in_80_columns(stages):
    done = bftui_("diversity", *stages, "--check", "red|7")
    assert done.returncode == 0, done.stderr
    words = " ".join(done.stdout.split())
    for said in ("all outputs 95 % interval correct only", "stage by stage", "● all outputs",
                 "later: distance fell by", "Vendi of K outputs", "by t, and rest on 2 prompts",
                 "cosine of character 3-grams"):  # fmt: skip
        assert said in words
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_a_base_model_is_surprised_by_outputs_given_the_others(orchard, tmp_path):
    asked = written(tmp_path / "p.jsonl", [{"id": "q", "prompt": " I like"}])
    texts = {"q": [" the fruit", " a pear", " Sure"]}
    path = generations(tmp_path / "g.jsonl", "m", texts)
    found = result_of("--generations", path, "--prompts", asked, "--surprise", orchard)
    assert found["settings"]["surprise"] == "orchard"
    assert found["models"][0]["surprise"] > 0
    # Stages are compared at one number of outputs: with more of them before it, each costs less.
    more = generations(tmp_path / "more.jsonl", "n", {"q": [*texts["q"], " the fruit", " a pear"]})
    both = ("--generations", path, "--generations", more, "--prompts", asked, "--surprise", orchard)
    assert len({each["surprise"] for each in result_of(*both)["models"]}) == 1
    # Without the prompt nobody knows what the outputs answer.
    assert result_of("--generations", path, "--surprise", orchard)["models"][0]["surprise"] is None


def test_outputs_are_alike_by_the_vectors_of_a_model_and_by_spelling_without_one(stages):
    found = result_of(*stages, "--embedder", "practice")
    plain = result_of(*stages)
    assert plain["settings"]["kernel"] == "cosine of character 3-grams"
    assert found["settings"]["kernel"].startswith("practice")
    assert found["models"][0]["distance"] != plain["models"][0]["distance"]
    assert found["models"][0]["ead"] == plain["models"][0]["ead"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "nothing says what to answer"),
        (["practice", "--generations", "g.jsonl"], "they need no models"),
        (["--generations", "g.jsonl", "--check", "(a"], "not a regular expression"),
        (["--generations", "g.jsonl", "--check", " "], "--check is empty"),
        (["--generations", "g.jsonl", "--check-command", "'x"], "cannot be split"),
        (["--generations", "g.jsonl", "--check-command", "no-such-one"], "there is no program"),
        (["--generations", "g.jsonl", "--exact", "--numeric"], "exclude each other"),
        (["--generations", "g.jsonl", "--label", "a", "--label", "b"], "names 2 models of 1"),
    ],
)
def test_wrong_usage_is_one_line(tmp_path, arguments, says):
    generations(tmp_path / "g.jsonl", "m", BASE)
    assert says in fails(2, "diversity", *arguments, cwd=tmp_path)


def test_bad_generations_are_one_line_and_exit_code_4(tmp_path):
    path = tmp_path / "g.jsonl"
    written(path, [{"texts": ["x", "y"]}])
    assert 'line 1 has no "id"' in fails(4, "diversity", "--generations", path)
    one = generations(tmp_path / "one.jsonl", "one", {"a": ["x", "y"]})
    other = generations(tmp_path / "other.jsonl", "other", {"b": ["x", "y"]})
    both = ("--generations", one, "--generations", other)
    assert "no prompt in common" in fails(4, "diversity", *both)
    assert "no prompt has an answer" in fails(4, "diversity", "--generations", one, "--exact")


def test_a_pattern_that_does_not_end_is_said_and_counts_as_unknown(tmp_path):
    path = generations(tmp_path / "g.jsonl", "m", {"a": ["a" * 40 + "!", "aa", "aaa"]})
    asked = ("--generations", path, "--check", "^(a+)+$", "--check-seconds", 0.3)
    (found,) = result_of(*asked)["models"]
    assert (found["unknown"], found["k_correct"]) == (1, 2)
    assert found["pass_at_k"][0]["value"] == 1
    done = bftui_("diversity", *asked)
    assert "1 of 3 outputs could not be judged" in " ".join(done.stdout.split())


def test_sampling_that_is_stopped_goes_on_to_the_same_result(tmp_path, prompts):
    slow = table(tmp_path / "slow.json", step_ms=30)
    out = tmp_path / "o.json"
    asked = ["diversity", slow, "--prompts", prompts, *SMALL, "-o", out]
    printed, shown = interrupted(asked, b"prompt 2 of 3")
    assert printed == ""
    assert "of 3 measurements are kept in" in " ".join(shown.split())
    assert (tmp_path / "o.json.partial").exists()
    again = bftui_(*asked, "--json")
    assert again.returncode == 0, again.stderr
    assert not (tmp_path / "o.json.partial").exists()
    whole = result_of(slow, "--prompts", prompts, *SMALL)
    assert json.loads(again.stdout) == whole


def test_a_reading_that_is_stopped_goes_on_where_it_was(tmp_path, stages):
    told, out = tmp_path / "told", tmp_path / "o.json"
    code = (
        "import os, sys, time\n"
        "text = sys.stdin.read()\n"
        f"open({str(told)!r}, 'a').write(text + '|')\n"
        f"if text == 'so 8' and not os.path.exists({str(told)!r} + '.on'): time.sleep(600)\n"
    )
    (tmp_path / "check.py").write_text(code)
    check = f"{sys.executable} {tmp_path / 'check.py'}"
    asked = ["diversity", *stages, "--check-command", check, "--check-seconds", 600, "-o", out]
    process = subprocess.Popen(
        [sys.executable, "-m", "bftui", *map(str, asked)], stderr=subprocess.PIPE, text=True
    )
    while not told.exists() or "so 8" not in told.read_text():
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=60)[1]
    assert (process.returncode, out.exists()) == (130, False)
    assert "1 reading kept in" in said
    (tmp_path / "told.on").touch()
    before = told.read_text().count("red pear")
    assert bftui_(*asked).returncode == 0
    # The first prompt of the first stage was judged before, that of the second one was not.
    assert told.read_text().count("red pear") - before == 2
    assert {path.name for path in tmp_path.glob("o.json*")} == {"o.json"}


def test_without_sacrebleu_self_bleu_is_null_and_that_is_said(stages, monkeypatch):
    monkeypatch.setitem(sys.modules, "sacrebleu.metrics.bleu", None)
    done = bftui_("diversity", *stages, "--json")
    assert "Self-BLEU is left out: sacrebleu is not installed" in done.stderr
    found = json.loads(done.stdout)
    assert found["settings"]["self_bleu"] is found["models"][0]["self_bleu"] is None
    assert found["models"][0]["ead"] is not None
