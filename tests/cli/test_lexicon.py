"""`bftui lexicon` as programs see it, and the palette of `bftui run`: options, config file, bad input."""

import json
import os
import threading
import tomllib

import pytest

import bftui
from bftui.measures.style_lexicon import Harvest
from bftui.model.prompt import Prompt
from tests.command_line import bftui_, fails, interrupted
from tests.tables import table


@pytest.fixture
def orchard(tmp_path):
    return table(tmp_path / "orchard.json")


@pytest.fixture
def prompts(tmp_path):
    path = tmp_path / "prompts.jsonl"
    lines = [{"id": f"p{n}", "prompt": text} for n, text in enumerate([" Sure", " you Sure", " a"])]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_the_document_is_that_of_the_python_interface(orchard, prompts, tmp_path):
    out = tmp_path / "o.json"
    done = bftui_("lexicon", orchard, "--prompts", prompts, "--length", 3, "--json", "-o", out)
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert found == json.loads(out.read_text())
    with bftui.open_model(orchard) as model:
        job = Harvest(model, [Prompt(text) for text in (" Sure", " you Sure", " a")], length=3)
        job.finish()
        prefixes = job.prefixes()
    assert (found["model"], found["answers"], found["samples"]) == ("orchard", 3, "greedy")
    assert [(each["token_ids"], each["count"], each["share"]) for each in found["prefixes"]] == [
        (list(prefix.token_ids), prefix.count, prefix.share) for prefix in prefixes
    ]
    assert found["prefixes"][0]["text"] == " Here is a"
    assert found["prefixes"][0]["published"] is True
    assert found["words"] == ["Here is a"]


def test_samples_are_counted_and_the_seed_is_theirs(orchard, prompts):
    arguments = ["lexicon", orchard, "--prompts", prompts, "--samples", 5, "--count", 1, "--json"]
    first, again, other = (
        json.loads(bftui_(*arguments, "--seed", seed).stdout) for seed in (1, 1, 2)
    )
    assert first == again != other
    assert (first["answers"], first["samples"]) == (15, 5)


def test_people_get_a_table_and_a_palette_for_the_config_file(tmp_path, prompts):
    hostile = table(
        tmp_path / "t.json",
        tokens=["<s>", "</s>", "\x1b[31m", ' "a\\b"', " you", " a", " Sure", " "],
        rules={},
        default={' "a\\b"': 0.9},
    )
    done = bftui_("lexicon", hostile, "--prompts", prompts, "--length", 1)
    assert (done.returncode, done.stderr) == (0, "")
    assert "3 greedy answers of orchard begin with" in done.stdout
    assert "\x1b" not in done.stdout
    start = done.stdout.index("words = [")
    config = done.stdout[start : done.stdout.index("]", start) + 1]
    assert tomllib.loads(config) == {"words": ['"a\\b"']}


def test_no_prefix_is_said(orchard, prompts):
    done = bftui_("lexicon", orchard, "--prompts", prompts, "--count", 9)
    assert done.returncode == 0
    assert "no prefix 9 times" in done.stdout


def test_the_practice_model_says_what_it_is(prompts):
    done = bftui_("lexicon", "--prompts", prompts, "--backend", "reference", "--length", 1)
    assert "practice-aligned" in done.stdout
    assert "a practice model" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--samples", "many"], "neither greedy nor a number"),
        (["--samples", "0"], "neither greedy nor a number"),
        (["--samples", "999999"], "samples"),
        (["--length", "0"], "length"),
        (["--length", "21"], "length"),
        (["--count", "0"], "count"),
    ],
)
def test_wrong_usage_is_exit_code_2(orchard, prompts, arguments, says):
    assert says in fails(2, "lexicon", orchard, "--prompts", prompts, *arguments)


def test_prompts_without_end_are_refused(orchard, tmp_path):
    assert "not a regular file" in fails(4, "lexicon", orchard, "--prompts", "/dev/zero")
    huge = tmp_path / "huge.jsonl"
    with huge.open("wb") as file:
        file.truncate((64 << 20) + 1)
    said = fails(4, "lexicon", orchard, "--prompts", huge)
    assert "more than 64 MiB" in said
    assert "split it" in said


def test_a_prompt_that_is_too_long_is_named_before_the_work(tmp_path, prompts):
    small = table(tmp_path / "t.json", n_ctx=4, faults=[{"at": 1, "kind": "hang"}])
    prompts.write_text('{"id": "short", "prompt": "x"}\n{"id": "long", "prompt": "xxxxxx"}\n')
    said = fails(3, "lexicon", small, "--prompts", prompts)
    assert "prompt 'long' leaves no room in the context of orchard" in said
    assert "go back" not in said


def test_prompts_come_through_a_pipe(orchard, prompts, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(prompts.read_bytes()), daemon=True)
    writer.start()
    done = bftui_("lexicon", orchard, "--prompts", pipe, "--json")
    writer.join(60)
    assert json.loads(done.stdout)["answers"] == 3


def test_one_answer_is_one_answer(orchard, tmp_path):
    prompts = tmp_path / "one.jsonl"
    prompts.write_text('{"id": "a", "prompt": " Sure"}')
    done = bftui_("lexicon", orchard, "--prompts", prompts, "--count", 1)
    assert done.stdout.startswith("1 greedy answer of orchard begins with")


def test_an_interrupted_run_keeps_the_answers_that_it_has(tmp_path, prompts):
    """The model hangs at the second prompt."""
    hangs = table(tmp_path / "t.json", faults=[{"at": 6, "kind": "hang"}])
    arguments = ["lexicon", hangs, "--prompts", prompts, "--count", 1, "--json"]
    output, _ = interrupted(arguments, b"prompt 2 of 3")
    assert json.loads(output)["answers"] == 1


# The palette ------------------------------------------------------------------------------------------------------


def config(tmp_path, text):
    path = tmp_path / "config.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_the_workbench_reads_them_before_anything_else(tmp_path):
    folder = tmp_path / "bftui"
    folder.mkdir()
    environment = {**os.environ, "XDG_CONFIG_HOME": str(tmp_path), "HOME": str(tmp_path)}
    config(folder, "wrods = []")
    assert "did you mean words?" in fails(4, "run", env=environment)
    config(folder, "words = ['Sure']")
    assert "needs a terminal" in fails(2, "run", env=environment)
    assert "--words: '' is not a word" in fails(2, "run", "--words", "Sure,,Here", env=environment)
    assert "--words has 10 entries" in fails(
        2, "run", "--words", ",".join("abcdefghij"), env=environment
    )
