"""`bftui shift` as programs and people see it."""

import json
import re

import pytest

from tests.command_line import bftui_, fails, interrupted
from tests.tables import BYTES, table


@pytest.fixture
def models(tmp_path):
    base = table(tmp_path / "base.json")
    aligned = table(
        tmp_path / "aligned.json",
        name="aligned\x1b[31m",
        default={"</s>": 0.9},
        rules={":": {" Sure": 0.9}, " Sure": {" Here": 0.9}, " Here": {"\x1b": 0.9}},
    )
    return base, aligned


@pytest.fixture
def prompts(tmp_path):
    path = tmp_path / "prompts.jsonl"
    lines = [
        {"id": "greedy", "prompt": "Name a fruit."},
        {"id": "given", "prompt": "Name a fruit.", "answer": " apple"},
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_the_document_is_on_stdout_and_in_the_file(models, prompts, tmp_path):
    out = tmp_path / "o.json"
    done = bftui_("shift", *models, "--prompts", prompts, "--json", "-o", out)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"bftui: templates: .+\n", done.stderr)
    found = json.loads(done.stdout)
    assert found == json.loads(out.read_text())
    assert [each["text"] for each in found["positions"]] == [
        " Sure",
        " Here",
        "\x1b",
        "</s>",
        " apple",
    ]
    assert found["positions"][0]["class"] == "unshifted", "as good as the best"
    assert found["answers"][0]["contexts"]["base"]["template"] == "page"
    assert found["answers"][1]["ended"] == "given"
    assert 0 <= found["unshifted"] <= 1


def test_people_get_tables_and_a_curve_in_80_columns(models, prompts):
    done = bftui_("shift", *models, "--prompts", prompts)
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    for words in ("2 answers of aligned", "scored by orchard", "95 % interval", "by position",
                  "● unshifted", "most often shifted", "arXiv 2312.01552", "Templates: page",
                  "mean KL", "KL is KL(aligned model || base)", "by t, and rest on 2 answers"):  # fmt: skip
        assert words in " ".join(done.stdout.split())
    from rich.cells import cell_len

    assert max(map(cell_len, done.stdout.splitlines())) <= 80


def test_the_bases_own_answer_can_be_the_text(models):
    done = bftui_("shift", *models, "--prompt", "x", "--text", "base", "--max-tokens", 3, "--json")
    found = json.loads(done.stdout)
    assert (found["text"], found["answers"][0]["ended"]) == ("base", "length")
    assert {each["base_rank"] for each in found["positions"]} == {1}
    told = bftui_("shift", *models, "--prompt", "x", "--text", "base", "--max-tokens", 3)
    assert "1 answer of orchard, scored by aligned" in told.stdout


def test_another_vocabulary_is_said(models, tmp_path):
    other = table(
        tmp_path / "other.json",
        tokens=["<s>", "</s>", *({"bytes": b} for b in BYTES)],
        default={},
        rules={},
    )
    told = bftui_("shift", other, models[1], "--prompt", "x")
    assert "handed over as text, for the vocabularies differ" in " ".join(told.stdout.split())
    # Where no position has a divergence there is no column of dashes.
    assert "mean P" in told.stdout
    assert "mean KL" not in told.stdout
    assert "KL is" not in told.stdout


def test_a_model_against_itself_is_unshifted(models):
    done = bftui_("shift", models[1], models[1], "--prompt", "x", "--json")
    found = json.loads(done.stdout)
    assert found["unshifted"] == 1.0
    assert {each["kl_aligned_base"] for each in found["positions"]} == {0.0}


def test_the_models_of_the_package_need_no_names():
    done = bftui_("shift", "--prompt", "Name a fruit.", "--max-tokens", 4)
    assert done.returncode == 0, done.stderr
    assert "a practice model" in done.stdout


def test_bad_usage_is_one_line(models, prompts):
    base, aligned = models
    assert "give --prompt TEXT or --prompts FILE" in fails(2, "shift", base, aligned)
    both = ("--prompt", "x", "--prompts", prompts)
    assert "exclude each other" in fails(2, "shift", base, aligned, *both)
    assert "max-tokens" in fails(2, "shift", base, aligned, "--prompt", "x", "--max-tokens", "0")
    chat = ("--prompt", "x", "--partner-template", "chat")
    assert "has no chat template" in fails(3, "shift", base, aligned, *chat)
    prompts.write_text('{"id": "a", "prompt": "x", "answer": 3}')
    assert '"answer" is not a text' in fails(4, "shift", base, aligned, "--prompts", prompts)
    prompts.write_text('{"id": "a", "prompt": "x"}\n{"id": "b", "prompt": "x", "answer": ""}')
    said = fails(4, "shift", base, aligned, "--prompts", prompts)
    assert 'line 2: "answer" is empty' in said


def test_a_prompt_that_is_too_long_is_named_before_the_work(models, prompts, tmp_path):
    hangs = table(tmp_path / "hangs.json", n_ctx=30, faults=[{"at": 1, "kind": "hang"}])
    lines = [{"id": "short", "prompt": "x"}, {"id": "long", "prompt": "x" * 40}]
    prompts.write_text("".join(json.dumps(line) + "\n" for line in lines))
    raw = ("--template", "raw")
    said = fails(3, "shift", hangs, models[1], "--prompts", prompts, *raw)
    assert "prompt 'long' leaves no room in the context of orchard" in said
    assert "give a shorter prompt" in said
    assert "go back" not in said


def test_what_is_finished_is_shown_when_a_model_fails(models, prompts, tmp_path):
    broken = table(tmp_path / "broken.json", faults=[{"at": 7, "kind": "error"}])
    done = bftui_("shift", broken, models[1], "--prompts", prompts, "--json")
    lines = [json.dumps({"id": f"p{n}", "prompt": "x"}) for n in range(9)]
    prompts.write_text("\n".join(lines))
    done = bftui_("shift", broken, models[1], "--prompts", prompts, "--json")
    assert done.returncode == 3
    assert "answers are kept and shown" in done.stderr
    found = json.loads(done.stdout)
    assert 0 < len(found["answers"]) < 9
    assert f"(prompt p{len(found['answers'])})" in done.stderr


def test_an_interrupted_run_shows_what_is_finished(models, prompts, tmp_path):
    """The base, which reads in two passes, hangs at the second answer; the bar says where it is."""
    hangs = table(tmp_path / "hangs.json", faults=[{"at": 4, "kind": "hang"}])
    prompts.write_text("".join(json.dumps({"id": f"p{n}", "prompt": "x"}) + "\n" for n in range(3)))
    arguments = ["shift", hangs, models[1], "--prompts", prompts, "--json"]
    output, _ = interrupted(arguments, b"prompt 2 of 3")
    assert [each["id"] for each in json.loads(output)["answers"]] == ["p0"]
