"""`bftui measure` as programs see it: documents, tables, bad input, and runs that are stopped and go on."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest

import bftui
from bftui.measures.bulk.bulk_measurement import BulkMeasurement, MeasureSettings
from bftui.measures.bulk.bulk_summary import output
from bftui.measures.bulk.sample_store import Store
from bftui.results.codec import encode
from bftui.trace.prompts_file import parse_prompts
from tests.command_line import bftui_, fails, in_time, interrupted
from tests.tables import BYTES, table

SMALL = ["--samples", 4, "--max-tokens", 6]
LINES = [{"id": f"p{n}", "prompt": word} for n, word in enumerate([" the", " Sure", " a"])]


@pytest.fixture
def orchard(tmp_path):
    return table(tmp_path / "orchard.json")


@pytest.fixture
def prompts(tmp_path):
    path = tmp_path / "prompts.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in LINES))
    return path


def result_of(*arguments, **settings):
    done = bftui_("measure", *arguments, "--json", **settings)
    assert done.returncode == 0, done.stderr
    # Of several models it is said what their prompts are put into.
    assert re.fullmatch(r"(bftui: templates: raw for .+; raw for .+\n)?", done.stderr)
    return json.loads(done.stdout)


def test_the_document_is_that_of_the_python_interface(orchard, prompts, tmp_path):
    out = tmp_path / "o.json"
    found = result_of(orchard, "--prompts", prompts, *SMALL, "--keep-tokens", "-o", out)
    settings = MeasureSettings(samples=4, max_tokens=6)
    lines = parse_prompts(prompts.read_bytes(), "p")
    with bftui.open_model(orchard) as model:
        job = BulkMeasurement(model, orchard, lines, settings, Store())
        job.finish()
    expected = encode(output([job.drawn], settings, keep_tokens=True))
    assert found == json.loads(out.read_text()) == json.loads(json.dumps(expected))
    assert {path.name for path in tmp_path.iterdir()} == {"o.json", "orchard.json", "prompts.jsonl"}


def test_the_document_has_the_fields_of_the_contract(orchard, prompts):
    found = result_of(orchard, orchard, "--prompts", prompts, *SMALL, "--keep-tokens")
    first, second = found["models"]
    assert first["prompts"] == second["prompts"]
    assert {"model", "bf", "ci", "bf_full", "prompts", "curve", "windows"} <= set(first)
    assert first["model"] == orchard
    prompt = first["prompts"][0]
    assert {"id", "bf", "ci", "estimator", "bf_entropy", "bf_nll", "samples"} <= set(prompt)
    sample = prompt["samples"][0]
    assert {"length", "mean_entropy", "mean_nll", "finish", "nats_per_byte"} <= set(sample)
    per_token = [sample["token_ids"], sample["entropy"], sample["logprob"]]
    assert [len(column) for column in per_token] == [sample["length"]] * 3
    assert {"position", "bf", "std", "n"} <= set(first["curve"][0])
    ratio = found["ratios"][0]
    assert (ratio["base"], ratio["aligned"]) == (orchard, orchard)
    assert ratio["ratio"] == pytest.approx(1)
    assert ratio["ci"][0] <= 1 <= ratio["ci"][1]


def test_people_get_tables_ratios_and_curves_in_80_columns(orchard, tmp_path):
    other = table(
        tmp_path / "other.json",
        tokens=["<s>", "</s>", *({"bytes": b} for b in BYTES)],
        default={},
        rules={},
    )
    path = tmp_path / "p.jsonl"
    path.write_text(json.dumps({"id": "\x1b[31m" + "河" * 40, "prompt": " the a"}))
    done = bftui_("measure", orchard, orchard, other, "--prompts", path, *SMALL,
                  "--sweep", "temperature=0.5,1.0,top-p=0.5", "--segments", "think",
                  "--insert-random", 2, "--max-tokens", 12, cwd=tmp_path)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    for words in ("95 % interval", "no sample holds a thinking block", "two settings differ by",
                  "tokenizers differ", "the mean of their BFs", "└──", "2 random tokens after 6"):  # fmt: skip
        assert words in " ".join(done.stdout.split())
    from rich.cells import cell_len

    assert max(map(cell_len, done.stdout.splitlines())) <= 80


@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
def test_curves_have_colours_on_terminals_that_want_them(orchard, prompts, no_color, coloured):
    terminal, end = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "bftui", "measure", orchard, "--prompts", prompts, "--samples", "2"],
        stdout=end,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "TERM": "xterm", "NO_COLOR": no_color},
    )
    os.close(end)
    shown = b""
    with in_time():
        while b"bootstrap" not in shown:
            shown += os.read(terminal, 10_000)
    process.wait(60)
    os.close(terminal)
    assert ("●".encode() in shown, b"\x1b[" in shown) == (True, coloured)


def test_prompts_come_from_standard_input_too(orchard, prompts):
    asked = ("measure", orchard, "--prompts", "-", "--samples", 1, "--json")
    done = bftui_(*asked, stdin=prompts.read_bytes())
    assert [each["ci"] for each in json.loads(done.stdout)["models"][0]["prompts"]] == [None] * 3


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "holds no prompts"),
        ('{"id": "a", "prompt": "x"}\nnonsense', "line 2 is not JSON"),
        ('{"id": "a"}', 'line 1 has no "prompt"'),
        ('{"id": "a", "prompt": "x"}\n{"id": "a", "prompt": "y"}', "line 2 has the id 'a' again"),
    ],
)
def test_a_bad_prompts_file_is_exit_code_4_and_names_the_line(orchard, tmp_path, text, says):
    path = tmp_path / "p.jsonl"
    path.write_text(text)
    assert says in fails(4, "measure", orchard, "--prompts", path)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--samples", "0"], "samples"),
        (["--max-tokens", "0"], "max-tokens"),
        (["--compat", "repo", "--samples", "3"], "at least 4"),
        (["--compat", "other"], "compat"),
        (["--segments", "other"], "segments"),
        (["--insert-random", "3", "--max-tokens", "4"], "too few"),
        (["--sweep", "0.5"], "--sweep does not understand '0.5'"),
        (["--sweep", "heat=0.5"], "--sweep does not understand 'heat=0.5'"),
        (["--sweep", "top-k=0.5"], "not a value of top-k"),
        (["--sweep", "top-p=0"], "top-p 0 is not in"),
    ],
)
def test_wrong_usage_is_exit_code_2(orchard, prompts, arguments, says):
    assert says in fails(2, "measure", orchard, "--prompts", prompts, *arguments)


def test_what_cannot_work_is_refused_before_the_work(prompts, tmp_path):
    hangs = table(tmp_path / "h.json", faults=[{"at": 1, "kind": "hang"}])
    assert "--prompts" in fails(2, "measure", hangs)
    small = table(tmp_path / "s.json", n_ctx=2, faults=[{"at": 1, "kind": "hang"}])
    assert "prompt 'p0' leaves no room" in fails(3, "measure", small, "--prompts", prompts)


def lines_of(path):
    return path.read_bytes().count(b"\n") if path.exists() else 0


def stopped_after(count, arguments, out, number):
    """Starts a measurement and sends a signal once so many prompts are kept."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bftui", "measure", *map(str, arguments), "-o", out],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    partial = out.with_name(out.name + ".partial")
    with in_time():
        while lines_of(partial) < count + 1 and process.poll() is None:
            time.sleep(0.01)
    process.send_signal(number)
    return process, *process.communicate(timeout=60)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_stopped_run_goes_on_to_the_same_result(prompts, tmp_path, number):
    slow = table(tmp_path / "slow.json", step_ms=20)
    arguments = [slow, "--prompts", prompts, *SMALL, "--keep-tokens"]
    whole, out = tmp_path / "whole.json", tmp_path / "out.json"
    result_of(*arguments, "-o", whole)
    process, shown, said = stopped_after(1, arguments, out, number)
    assert not out.exists()
    if number == signal.SIGINT:
        assert (process.returncode, shown) == (130, "")
        assert re.fullmatch(
            r"bftui: interrupted: [12] of 3 measurements are kept in .*out.json.partial: "
            r"the same command goes on\n",
            said,
        )
    result_of(*arguments, "-o", out)
    assert out.read_text() == whole.read_text()
    assert not out.with_name("out.json.partial").exists()


def test_a_run_with_other_settings_leaves_what_is_kept_alone(prompts, tmp_path):
    slow = table(tmp_path / "slow.json", step_ms=20)
    arguments = [slow, "--prompts", prompts, *SMALL]
    out = tmp_path / "out.json"
    stopped_after(1, arguments, out, signal.SIGINT)
    kept = out.with_name("out.json.partial").read_bytes()
    other = ["measure", *arguments, "--seed", 5, "-o", out]
    assert "other settings" in fails(2, *other)
    assert out.with_name("out.json.partial").read_bytes() == kept


def test_without_an_output_an_interrupted_run_shows_what_is_finished(prompts, tmp_path):
    """The model hangs at the second prompt; the bar says where it is."""
    hangs = table(tmp_path / "h.json", faults=[{"at": 9, "kind": "hang"}])
    arguments = ["measure", hangs, "--prompts", prompts, "--samples", 2, "--max-tokens", 5,
                 "--ctx", 64, "--json"]  # fmt: skip
    output, _ = interrupted(arguments, b"prompt 2 of 3")
    assert [each["id"] for each in json.loads(output)["models"][0]["prompts"]] == ["p0"]


def test_a_model_that_fails_loses_nothing_that_is_finished(prompts, tmp_path):
    path = tmp_path / "t.json"
    out = tmp_path / "o.json"
    fails_once = table(path, faults=[{"at": 9, "kind": "error"}])
    said = fails(3, "measure", fails_once, "--prompts", prompts, *SMALL, "-o", out)
    assert "the table failed" in said
    assert "1 of 3 measurements are kept" in said


def test_a_template_of_the_model_is_taken_as_everywhere(tmp_path, prompts):
    chat = table(
        tmp_path / "t.json",
        chat_template="{% for m in messages %}{{ m.content }}{% endfor %} Sure",
        rules={" Sure": {" Sure": 1.0}},
    )
    start = [chat, "--prompts", prompts, *SMALL]
    assert result_of(*start)["models"][0]["bf"] == pytest.approx(1)
    assert result_of(*start, "--template", "raw")["models"][0]["bf"] > 1.5
    assert result_of(*start, "--template", "raw", "--prefill", " Sure")["models"][0]["bf"] == 1


def test_the_practice_model_is_measured_without_llama_cpp(prompts):
    found = result_of("--prompts", prompts, *SMALL, "--backend", "reference")
    assert found["models"][0]["facts"]["backend"] == "reference"
    assert "a practice model" in found["models"][0]["notes"][0]
    assert found["models"][0]["bf"] > 1


def test_a_model_whose_path_is_no_unicode_is_measured(orchard, prompts, tmp_path):
    odd = os.fsdecode(os.path.join(os.fsencode(tmp_path), b"bad\xff.json"))
    os.rename(tmp_path / "orchard.json", odd)
    found = result_of(f"table:{odd}", "--prompts", prompts, *SMALL, "-o", tmp_path / "o.json")
    assert found["models"][0]["model"].endswith("bad\ufffd.json")
