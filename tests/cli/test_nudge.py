"""`bftui nudge` as programs and people see it: the document, the marks, the trace, bad input."""

import json
import re

import jsonschema
import pytest

from bftui.trace.schema import json_schema
from tests.command_line import bftui_, fails, ran
from tests.unit.test_nudging import END, UNSURE, model, says

BASE = says(" Sure", " here", prob=UNSURE) | says(" here", " we", " go")
PARTNER = says("Q:", " Sure", " here", " now") | says(" go", " then", END)
RAW = ["--template", "raw", "--draft", 3]


@pytest.fixture
def pair(tmp_path):
    base = model(tmp_path / "base.json", BASE)
    return [base, "--with", model(tmp_path / "partner.json", PARTNER), *RAW]


def test_the_document_has_the_fields_of_the_contract(pair, tmp_path):
    out = tmp_path / "o.json"
    done = bftui_("nudge", *pair, "--prompt", "Q:", "--json", "-o", out)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"bftui: templates: .+\n", done.stderr)
    found = json.loads(done.stdout)
    assert found == json.loads(out.read_text())
    (result,) = found["results"]
    assert result["text"] == " Sure here we go then"
    assert (result["id"], result["stop"], result["rounds"]) == ("prompt", "partner", 2)
    assert result["share_nudged"] == pytest.approx(0.4)
    assert result["bf_base"] >= 1
    assert result["bf_nudged"] >= 1
    assert [piece["author"] for piece in result["pieces"]] == ["partner", "base", "partner"]
    assert found["hand_over"]["by"] == "ids"
    assert found["templates"] == {"base": "raw", "aligned": "raw"}
    assert found["settings"]["gamma"] == 0.4
    plain = bftui_("nudge", *pair, "--prompt", "Q:", "--json", "--plain")
    assert json.loads(plain.stdout)["results"] == found["results"]


def test_people_see_who_wrote_what(pair):
    done = bftui_("nudge", *pair, "--prompt", "Q:")
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"bftui: templates: .+\n", done.stderr)
    lines = done.stdout.splitlines()
    assert lines[0].startswith("Templates: raw for ")
    assert lines[3] == "«Sure» here we go «then»"
    assert "5 tokens, 40 % nudged · 2 rounds · the aligned model ended the text" in lines
    assert max(map(len, lines)) <= 80


def test_a_file_of_prompts_and_several_gammas_make_a_table(pair, tmp_path):
    prompts = tmp_path / "p.jsonl"
    prompts.write_text(
        "".join(json.dumps({"id": f"p{n}", "prompt": "Q:"}) + "\n" for n in range(9))
    )
    done = bftui_("nudge", *pair, "--prompts", prompts, "--gammas", "0.4,0.2")
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"bftui: templates: .+\n", done.stderr)
    lines = done.stdout.splitlines()
    assert sum(line.startswith("p8 ") for line in lines) == 2
    assert any(line.startswith("gamma 0.2 ") for line in lines)
    # So many texts are left to the JSON.
    assert "«Sure»" not in done.stdout
    assert max(map(len, lines)) <= 80


def test_the_trace_holds_every_text(pair, tmp_path):
    prompts, trace = tmp_path / "p.jsonl", tmp_path / "t.json"
    prompts.write_text('{"id": "a", "prompt": "Q:"}\n{"id": "b", "prompt": " goQ:"}\n')
    done = bftui_("nudge", *pair, "--prompts", prompts, "--gammas", "0.4 0.2", "--trace", trace)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"bftui: templates: .+\n", done.stderr)
    found = json.loads(trace.read_text())
    jsonschema.validate(found, json_schema())
    assert found["partner"]["model"]["name"] == "partner"
    assert {"nudged", "greedy"} <= {node["source"] for node in found["nodes"]}
    assert [each["settings"]["gamma"] for each in found["measurements"]] == [0.4, 0.2, 0.4, 0.2]
    assert len({each["node"] for each in found["measurements"]}) == 2


def test_what_cannot_be_done_is_one_line(pair, tmp_path):
    assert "there is no prompt" in fails(2, "nudge", *pair)
    assert "exclude each other" in fails(
        2, "nudge", *pair, "--prompt", "x", "--prompts", tmp_path / "p"
    )
    assert "is not a probability" in fails(2, "nudge", *pair, "--prompt", "x", "--gamma", "1.5")
    assert "--gammas" in fails(2, "nudge", *pair, "--prompt", "x", "--gammas", "0.4,b")
    broken = tmp_path / "broken.jsonl"
    broken.write_text('{"id": "a"}\n')
    assert "line 1" in fails(4, "nudge", *pair, "--prompts", broken)


def test_a_result_replaces_nothing_that_is_read_and_no_other_result(pair, tmp_path):
    prompts = tmp_path / "p.jsonl"
    prompts.write_text('{"id": "a", "prompt": "Q:"}\n')
    before = prompts.read_bytes()
    for over in ("-o", "--trace"):
        assert "is read" in fails(2, "nudge", *pair, "--prompt-file", prompts, over, prompts)
    assert prompts.read_bytes() == before
    one, link = tmp_path / "one.json", tmp_path / "link.json"
    link.symlink_to(one)
    for other in (one, link, tmp_path / ".." / tmp_path.name / "one.json"):
        said = fails(2, "nudge", *pair, "--prompt", "Q:", "-o", one, "--trace", other)
        assert "two results" in said
    one.write_text("")
    link.unlink()
    link.hardlink_to(one)
    said = fails(2, "nudge", *pair, "--prompt", "Q:", "-o", one, "--trace", link)
    assert "two results" in said


def test_a_base_that_dies_loses_no_text_and_the_trace_has_what_it_can(tmp_path):
    """Wherever it dies: among the texts, or when the trace evaluates them again."""
    partner = model(tmp_path / "partner.json", PARTNER)
    prompts, trace, out = (tmp_path / name for name in ("p.jsonl", "t.json", "o.json"))
    prompts.write_text("".join(json.dumps({"id": f"p{n}", "prompt": "Q:"}) + "\n" for n in "012"))
    files = ["--prompts", prompts, "--trace", trace, "-o", out]
    seen: set[tuple[bool, int]] = set()
    wanted = {(False, 0), (True, 0), (True, 1), (True, 2)}
    for at in range(60, 120, 2):
        if seen >= wanted:
            break
        trace.unlink(missing_ok=True)
        base = model(tmp_path / "base.json", BASE, faults=[{"at": at, "kind": "nan"}])
        arguments = ["nudge", base, "--with", partner, *RAW, "--gammas", "0.4,0.2", *files]
        code, _, said = ran(*arguments, "--max-tokens", 8)
        kept = len(json.loads(out.read_text())["results"])
        traced = len(json.loads(trace.read_text())["measurements"]) if trace.exists() else 0
        assert (code == 0) == (kept == traced == 6)
        if code:
            assert code == 3
            assert f"{kept} of 6 texts are kept, " in said
            assert (f"the trace has {traced} of them" if traced else "no trace is written") in said
        seen.add((kept == 6, (traced > 0) + (traced == 6)))
    assert seen >= wanted


def test_a_model_that_fails_in_the_middle_keeps_the_finished_texts(tmp_path):
    base = model(tmp_path / "base.json", BASE, faults=[{"at": 40, "kind": "error"}])
    partner = model(tmp_path / "partner.json", PARTNER)
    prompts = tmp_path / "p.jsonl"
    prompts.write_text(
        "".join(json.dumps({"id": f"p{n}", "prompt": "Q:"}) + "\n" for n in range(99))
    )
    settings = ["--prompts", prompts, "--json", "--max-tokens", 8]
    done = bftui_("nudge", base, "--with", partner, *RAW, *settings)
    assert done.returncode == 3
    kept = len(json.loads(done.stdout)["results"])
    assert 0 < kept < 99
    said, line = done.stderr.splitlines()
    assert said.startswith("bftui: templates: ")
    assert f"{kept} of 99 texts are kept" in line
