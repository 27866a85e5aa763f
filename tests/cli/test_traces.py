"""`check`, `diff`, `export`, `sessions` and `record --like` as programs see them."""

import csv
import json
from pathlib import Path

import pytest

import bftui
from bftui.session import commands as c
from bftui.session.session import Session
from bftui.trace.journal import Journal
from tests.command_line import bftui_, fails, ran
from tests.tables import table
from tests.unit.test_session import same

ROUNDED = 5.1e-7
"""How far rounding to the six decimals of a trace moves a number."""


@pytest.fixture
def orchard(tmp_path):
    return table(tmp_path / "orchard.json")


@pytest.fixture
def trace(orchard, tmp_path):
    """A trace with branches, two samplers, a forced end, marks and another prompt."""
    with bftui.open_model(orchard) as model:
        session = Session(model, "Name a fruit:", seed=5)
        for command in (
            c.Step(), c.Force(" Sure Here"), c.Mark("m"), c.Back(2), c.Step(), c.Greedy(),
            c.SetSampler(top_p=0.6, seed=9), c.Step(), c.Goto(2), c.ForceIds((3, 1)), c.Goto(1),
            c.Force("é"), c.SetPrompt(c.Prompt("Another")), c.Greedy(), c.Step(), c.Fold(1),
        ):  # fmt: skip
            session.do(command)
        session.recompute_stale()
        session.trace().save(tmp_path / "t.json")
    return tmp_path / "t.json"


def changed(path, change):
    document = json.loads(path.read_text())
    change(document)
    other = path.with_name("changed.json")
    other.write_text(json.dumps(document))
    return other


# check -----------------------------------------------------------------------------------------------------------


def test_a_fresh_trace_holds_against_its_model(trace):
    code, out, err = ran("check", trace, "--json")
    assert (code, err) == (0, "")
    document = json.loads(out)
    assert document["nodes"] == len(json.loads(trace.read_text())["nodes"])
    assert document["max_entropy_drift"] <= ROUNDED
    assert document["max_logprob_drift"] <= ROUNDED
    assert document["ranks_changed"] == 0
    assert (document["first_past_tolerance"], document["same_model"]) == (None, True)
    assert document["tolerance"] == {"entropy": 1e-5, "logprob": 1e-4}
    assert "every node is within the tolerance" in ran("check", trace)[1]


def test_the_first_node_past_the_tolerance_is_named(trace):
    def tamper(document):
        document["nodes"][6]["next"]["entropy"] += 0.01
        document["nodes"][4]["logprob"] -= 0.5
        document["nodes"][4]["rank"] += 1

    code, out, err = ran("check", changed(trace, tamper), "--json")
    assert (code, err.count("\n")) == (5, 1)
    assert "node 4" in err
    document = json.loads(out)
    assert document["first_past_tolerance"] == 4
    assert document["max_entropy_drift"] == pytest.approx(0.01, abs=ROUNDED)
    assert document["max_logprob_drift"] == pytest.approx(0.5, abs=ROUNDED)
    assert document["max_entropy_drift_node"] == 6
    assert document["ranks_changed"] == 1
    assert ran("check", changed(trace, tamper), "--tolerance", "0.6")[0] == 0


@pytest.mark.parametrize("tolerance", ["inf", "-inf", "nan", "0", "-1"])
def test_a_tolerance_is_finite_and_above_zero(trace, tolerance):
    code, out, err = ran("check", trace, "--tolerance", tolerance)
    assert (code, out) == (2, "")
    assert "--tolerance" in err


def test_a_trace_of_a_backend_that_is_not_here_is_exit_code_4(trace, orchard):
    strange = changed(trace, lambda d: d["model"].update(backend="nope\x1b[31m"))
    code, out, err = ran("check", strange)
    assert (code, out, err.count("\n")) == (4, "", 1)
    assert "names a backend that is not here" in err
    assert "\x1b" not in err
    assert ran("check", strange, "--backend", "table", "--model", orchard)[0] == 0


def test_a_probability_of_zero_is_no_small_drift(trace):
    other = changed(trace, lambda d: d["nodes"][1].update(logprob=None))
    code, out, _ = ran("check", other, "--json")
    assert code == 5
    assert json.loads(out)["max_logprob_drift"] is None


def test_another_model_is_checked_on_purpose_only(trace, tmp_path):
    wide = table(tmp_path / "wide.json", default={" the": 0.5, " a": 0.5}, rules={})
    code, out, err = ran("check", trace, "--model", wide, "--json")
    assert code == 5
    assert json.loads(out)["same_model"] is False
    table(tmp_path / "orchard.json", default={" the": 1.0}, rules={})
    code, out, err = ran("check", trace)
    assert (code, out) == (5, "")
    assert "is not the model of the trace" in err
    (tmp_path / "orchard.json").unlink()
    code, out, err = ran("check", trace)
    assert (code, out, err.count("\n")) == (3, "", 1)
    assert "is not here" in err
    assert "--model" in err


def test_another_vocabulary_cannot_check(trace, tmp_path):
    other = table(tmp_path / "o.json", tokens=["x", "y"], default={"x": 1}, rules={}, eog=[])
    code, _, err = ran("check", trace, "--model", other)
    assert code == 3
    assert "another one in its vocabulary" in err


def test_more_tokens_than_the_context_holds_are_one_line(trace):
    code, _, err = ran("check", trace, "--ctx", "4")
    assert (code, err.count("\n")) == (3, 1)
    assert "context of 4" in err


# diff ------------------------------------------------------------------------------------------------------------


def test_the_same_trace_is_the_same(trace):
    def at_another_time(document):
        document["created"] = "2030-01-01T00:00:00Z"
        document["model"]["source"] = "/elsewhere"
        document["nodes"][2]["elapsed_ms"] += 1
        document["actions"][1]["at_ms"] += 1

    other = changed(trace, at_another_time)
    code, out, err = ran("diff", trace, other, "--json")
    assert (code, err) == (0, "")
    document = json.loads(out)
    assert document["same"] is True
    assert document["first_difference"] is None
    assert document["common"] == len(json.loads(trace.read_text())["nodes"])
    assert all(place["common"] for place in document["bf"])


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (lambda d: d["samplers"][1].update(seed=1), "samplers.1.seed: 9 and 1"),
        (lambda d: d["model"].update(threads=99), "model.threads"),
        (lambda d: d["nodes"][3]["next"].update(entropy=9.0), "nodes.3.next.entropy"),
        (lambda d: d["nodes"][3]["next"]["top"]["logprobs"].__setitem__(0, -9.0), "nodes.3"),
        (lambda d: d["actions"].pop(), "actions.15"),
        (lambda d: d["marks"].update(x=1), "marks.x"),
        (lambda d: d["measurements"].append(
            {"kind": "k", "node": 0, "settings": {}, "result": {}}), "measurements.0"),
        (lambda d: d.update(new=True), "new"),
    ],
)  # fmt: skip
def test_the_first_difference_is_named(trace, change, where):
    other = changed(trace, change)
    code, out, err = ran("diff", trace, other, "--json")
    assert (code, err.count("\n")) == (5, 1)
    assert where in json.loads(out)["first_difference"]
    assert where in err
    assert ran("diff", other, trace)[0] == 5


def test_where_two_sessions_part_is_shown_side_by_side(orchard, tmp_path):
    for name, word in (("a", " Sure"), ("b", " the")):
        ran("record", orchard, "--force", f" a{word}", "--greedy", "--steps", "3",
            "-o", tmp_path / f"{name}.json")  # fmt: skip
    _, out, _ = ran("diff", tmp_path / "a.json", tmp_path / "b.json", "--json")
    document = json.loads(out)
    assert document["common"] == 2
    path = document["bf"]
    assert [place["common"] for place in path[:3]] == [True, False, False]
    assert path[1]["texts"] == ["·Sure", "·the"]
    nodes = json.loads((tmp_path / "a.json").read_text())["nodes"]
    assert path[2]["bf"][0] == nodes[2]["next"]["bf"]
    assert [each["place"] for each in document["actions"]] == [0]
    told = ran("diff", tmp_path / "a.json", tmp_path / "b.json")[1]
    assert "parted" in told
    assert max(map(len, told.splitlines())) <= 80


def test_prompts_and_branches_of_both_are_told(orchard, trace, tmp_path):
    more = [
        {"force": " a fruit"}, {"goto": 0}, {"force": " a pear"}, {"goto": 0}, {"force": " the"},
    ]  # fmt: skip
    (tmp_path / "more.json").write_text(json.dumps(more))
    ran("record", orchard, "--prompt", "Name a fruit:", "--actions", tmp_path / "more.json",
        "-o", tmp_path / "b.json")  # fmt: skip
    code, told, _ = ran("diff", trace, tmp_path / "b.json")
    assert code == 5
    lines = told.splitlines()
    assert max(map(len, lines)) <= 80
    prompts = next(place for place, line in enumerate(lines) if line.split()[:1] == ["prompt"])
    assert lines[prompts].split()[1:] == ["nodes", "A", "nodes", "B", "in", "both"]
    assert lines[prompts + 1].startswith("0  Name a fruit:")
    assert lines[prompts + 2].split() == ["1", "Another", "3", "–", "–"]
    parted = next(line for line in lines if "the prompt" in line)
    assert "·a ·the" in parted, "both branches that only the second has"


# export ----------------------------------------------------------------------------------------------------------


def test_exports_go_to_a_file_or_to_standard_output(trace, tmp_path):
    code, out, _ = ran("export", trace)
    assert code == 0
    count = len(json.loads(trace.read_text())["nodes"])
    assert len(list(csv.DictReader(out.splitlines(keepends=True)))) == count
    ran("export", trace, "--to", "jsonl", "-o", tmp_path / "x.jsonl")
    assert len((tmp_path / "x.jsonl").read_text().splitlines()) == count
    code, out, _ = ran("export", trace, "--json")
    assert json.loads(out) == json.loads(trace.read_text())
    assert ran("export", trace, "--to", "x")[0] == 2


# record --like ---------------------------------------------------------------------------------------------------


def test_the_same_actions_on_the_same_model_are_the_same_trace(orchard, trace, tmp_path):
    out = tmp_path / "again.json"
    assert ran("record", orchard, "--like", trace, "-o", out)[0] == 0
    assert same(json.loads(out.read_text())) == same(json.loads(trace.read_text()))
    assert ran("diff", trace, out)[0] == 0


def test_the_same_actions_on_another_model_lead_to_its_own_text(trace, tmp_path):
    ends = table(tmp_path / "ends.json", default={"</s>": 1.0}, rules={})
    out = tmp_path / "other.json"
    assert ran("record", ends, "--like", trace, "-o", out)[0] == 0
    document = json.loads(out.read_text())
    assert [node["eog"] for node in document["nodes"][:2]] == [False, True]
    assert document["prompts"][0]["prompt"]["text"] == "Another"
    assert [sampler["top_p"] for sampler in document["samplers"]] == [0.9, 0.6]


def test_a_model_that_splits_text_differently_is_given_text(trace, tmp_path):
    tokens = ["<s>", "</s>", *({"bytes": each} for each in _bytes())]
    letters = table(tmp_path / "l.json", tokens=tokens, default={"a": 0.5, "b": 0.5}, rules={})
    out = tmp_path / "letters.json"
    code, _, err = ran("record", letters, "--like", trace, "-o", out)
    assert code == 0, err
    document = json.loads(out.read_text())
    texts = {key: token["text"] for key, token in document["tokens"].items()}
    forced = [texts[str(n["token_id"])] for n in document["nodes"] if n["source"] == "forced"]
    assert "".join(forced).startswith("·Sure·Here·a")
    assert [n["token_id"] for n in document["nodes"] if n["eog"]] == [1], "an end stays an end"


def _bytes():
    from tests.tables import BYTES

    return BYTES


def test_what_a_trace_brings_along_is_not_said_twice(orchard, trace):
    for more in (["--prompt", "x"], ["--force", "x"], ["--seed", "3"]):
        code, _, err = ran("record", orchard, "--like", trace, *more)
        assert (code, err.count("\n")) == (2, 1)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda d: d["actions"][1].update(op="fly"), "action 1"),
        (lambda d: d["actions"][1].update(args={}), "action 1"),
        (lambda d: d["actions"][8].update(args={"node": 99}), "action 8"),
        (lambda d: d["actions"][6].update(args={"top_p": 7}), "action 6"),
        (lambda d: d["prompt"].update(template="x"), "template"),
    ],
)
def test_actions_that_cannot_be_done_are_named(orchard, trace, change, says):
    code, _, err = ran("record", orchard, "--like", changed(trace, change))
    assert (code, err.count("\n")) == (4, 1)
    assert says in err


# all of them -----------------------------------------------------------------------------------------------------


def test_bad_files_are_exit_code_4_and_results_replace_no_input(trace, tmp_path, orchard):
    bad = tmp_path / "bad.json"
    bad.write_text('{"format": "bftui-trace", "version": 1, "nodes": [')
    commands = (
        ["check", bad],
        ["diff", trace, bad],
        ["export", bad],
        ["record", orchard, "--like", bad],
    )
    for command in commands:
        code, out, err = ran(*command)
        assert (code, out, err.count("\n")) == (4, "", 1)
        assert str(bad) in err
    newer = tmp_path / "newer.json"
    newer.write_text('{"format": "bftui-trace", "version": ' + "9" * 4000)
    code, out, err = ran("export", newer)
    assert (code, len(err) < 300, "version" in err) == (4, True, True)
    empty = changed(trace, lambda d: d["prompt"].update(token_ids=[]))
    code, out, err = ran("check", empty)
    assert (code, out) == (4, "")
    assert "prompt: it has no tokens" in err
    before = trace.read_bytes()
    for command in (["check", trace], ["diff", trace, trace], ["export", trace]):
        assert ran(*command, "-o", trace)[0] == 2
    assert trace.read_bytes() == before


@pytest.mark.parametrize(
    ("result", "says"),
    [
        ({"results": [], "settings": {}}, "`bftui nudge`; `bftui nudge --trace FILE` writes one"),
        ({"models": [], "ratios": []}, "`bftui measure`"),
        ({"unshifted": 1.0, "positions": []}, "`bftui shift`"),
        ({"nodes": 3, "max_entropy_drift": 0.0}, "`bftui check`"),
    ],
)
def test_a_result_is_called_what_it_is(result, says, trace, tmp_path):
    path = tmp_path / "result.json"
    path.write_text(json.dumps(result))
    for command in (["check", path], ["diff", trace, path], ["export", path]):
        code, out, err = ran(*command)
        assert (code, out, err.count("\n")) == (4, "", 1)
        assert f"is not a trace: it is a result of {says}" in err


def test_hostile_texts_never_reach_the_terminal(tmp_path):
    evil = "\x1b]0;owned\x07\u202e\nfake"
    hostile = table(
        tmp_path / "h.json", name=evil, tokens=["<s>", "</s>", "\x1b[31m", " a"],
        default={"\x1b[31m": 0.6, " a": 0.4}, rules={},
    )  # fmt: skip
    for name, seed in (("a", 1), ("b", 2)):
        ran("record", hostile, "--prompt", "\x1b[31m a", "--seed", seed, "--steps", "9",
            "-o", tmp_path / f"{name}.json")  # fmt: skip
    evil_trace = changed(tmp_path / "a.json", lambda d: d["marks"].update({evil: 0}))
    for command in (["check", evil_trace], ["diff", evil_trace, tmp_path / "b.json"],
                    ["diff", tmp_path / "a.json", evil_trace]):  # fmt: skip
        _, out, err = ran(*command)
        for character in ("\x1b", "\x07", "\u202e"):
            assert character not in out + err
        assert "\nfake" not in out + err


def test_sessions_are_listed_with_how_they_ended(orchard, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert "no sessions are kept" in ran("sessions")[1]
    folder = tmp_path / "state" / "bftui" / "sessions"
    with bftui.open_model(orchard) as model:
        journal = Journal(folder)
        Session(model, "Name\x1b[31m", journal=journal).step()
        code, out, _ = ran("sessions", "--json")
        (found,) = json.loads(out)["sessions"]
        assert (code, found["state"], found["nodes"]) == (0, "running", 2)
        assert Path(found["path"]) == journal.path
        assert found["model"] == "orchard"
        journal.close()
    before = journal.path.read_bytes()
    for form in ([], ["--json"]):
        code, _, err = ran("sessions", *form, "-o", journal.path)
        assert (code, "is read" in err) == (2, True)
    assert journal.path.read_bytes() == before
    out = ran("sessions")[1]
    assert "ended  2 nodes  orchard" in out
    assert "\x1b" not in out


def test_the_commands_are_there():
    done = bftui_("--help")
    assert all(name in done.stdout for name in ("check", "diff", "export", "sessions"))
    assert "cannot read" in fails(4, "check", "/nowhere/t.json")
