"""`bftui run --plain`: lines in, sentences out, the same session as everywhere else."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

import bftui
from bftui.cli.plain.plain_commands import NAMES, WORDS
from bftui.session.session import Session
from tests.command_line import bftui_
from tests.tables import table
from tests.unit.test_session import same

PROMPT = "Q: Name a fruit.\nA:"


@pytest.fixture
def orchard(tmp_path):
    return table(tmp_path / "orchard.json")


@pytest.fixture
def say(tmp_path):
    """Runs lines through the plain workbench."""
    names = ("HOME", "TMPDIR", "XDG_CONFIG_HOME", "XDG_STATE_HOME")
    environment = {**os.environ, **dict.fromkeys(names, str(tmp_path))}

    def say(model, *lines, arguments=("--prompt", PROMPT), code=0):
        text = "".join(f"{line}\n" for line in lines)
        done = bftui_("run", "--plain", model, *arguments, stdin=text, env=environment)
        assert done.returncode == code, done.stderr
        assert "\x1b" not in done.stdout + done.stderr
        return done.stdout, done.stderr

    return say


def test_the_same_words_do_the_same_as_keys_and_methods(say, orchard, tmp_path):
    trace = tmp_path / "trace.json"
    said, _ = say(
        orchard,
        *(
            "sample 3",
            "step",
            'force " Sure"',
            "greedy",
            "back 2",
            "mark here",
            "sampler top-p 0.7",
        ),
        *("sample", "go here", "undo", "redo", "go 0", "style 1", "on", "prune 1", "rollouts 4 3"),
        arguments=("--prompt", PROMPT, "--seed", 11, "--trace", trace),
        code=2,
    )
    with bftui.open_model(orchard) as model:
        session = Session(model, PROMPT, seed=11)
        for _ in range(4):
            session.step()
        session.force(" Sure")
        session.greedy()
        session.back(2)
        session.mark("here")
        session.set_sampler(top_p=0.7)
        session.step()
        session.goto(session.marks["here"])
        session.undo()
        session.redo()
        session.goto(0)
        session.force(session.model_tree.spaced("Sure"))
        session.prune(1)
        session.rollouts(4, 3)
        assert same(json.loads(trace.read_text())) == same(session.trace().as_dict())
        assert f"BF {session.node.next.bf:.2f}" in said.splitlines()[-6] + said


def test_what_is_said_has_numbers_and_is_safe(say, orchard):
    said, errors = say(
        orchard,
        "force \x1b[31m[red]\u202e",
        "candidates 3",
        "candidates 2 the",
        "tree",
        "text",
        "explain",
        "look-ahead 2",
        "where",
    )
    assert "forced" in said
    assert "␛[31m[red]" in said
    assert "\u202e" not in said
    assert "3 of 272 tokens." in said
    assert "you are here" in said
    assert "exp of the mean H(P~)" in said
    assert "BF: " in said
    assert "exp H(P~)" in said
    assert errors == ""


def test_lines_name_the_sampler_of_their_numbers(say, orchard):
    said, _ = say(
        orchard,
        "force Sure",
        "go 0",
        "greedy",
        "sampler temperature 0.3 top-p 0.5",
        "tree",
        "explain",
    )
    other = [line for line in said.splitlines() if "under another sampler" in line]
    assert len(other) == 1
    assert 'Sure"' in other[0]
    assert "P~ is P at temperature 0.3, top-p .50" in said


@pytest.mark.parametrize(
    ("line", "code", "says"),
    [
        ("sampel", 2, "there is no command 'sampel'; did you mean sample?"),
        ("\x1b]52;c;x\x07", 2, "there is no command '␛]52;c;x␇'"),
        ("sample x", 2, "'x' is not a whole number from 1 to 100000"),
        ("sample " + "9" * 9999, 2, "is not a whole number"),
        ("sample ١", 2, "is not a whole number"),
        ("back", 2, "this is the prompt"),
        ("go nowhere", 2, "is neither a node nor a mark"),
        ("go 99", 2, "there is no node 99"),
        ('force "x', 2, "this is not JSON text"),
        ("force", 2, "there is no text"),
        ("sampler top-q 1", 2, "there is no setting 'top-q'; did you mean top-p?"),
        ("sampler top-p", 2, "sampler takes names with values"),
        ("sampler top-p 7", 2, "top-p 7 is not in (0, 1]"),
        ("shift", 2, "there is no partner yet; partner MODEL opens one"),
        ("partner /none.gguf", 3, "/none.gguf"),
        ("save", 2, "there is no file to write; save FILE"),
        ("save /none/none.json", 1, "cannot write /none/none.json"),
        ("response", 2, "no text was forced on this path"),
    ],
)
def test_a_line_that_fails_says_why_and_the_next_one_is_read(say, orchard, line, code, says):
    said, errors = say(orchard, line, "# a comment", "", "sample", code=code)
    assert says in errors
    assert errors.count("\n") == 1
    assert "Node 1, 1 after the prompt" in said


def test_all_words_are_ranked(say, orchard):
    said, _ = say(orchard, "all-words", "text")
    assert "Which text narrows most here:" in said
    assert "p Holm below .05" in said


def test_samples_stop_at_a_breakpoint(say, orchard):
    said, _ = say(
        orchard,
        *('force " Sure"', "breakpoints token:Here", "break", "sample 50", "break token:Here"),
    )
    assert said.count("sample N stops at token:Here.") == 2
    assert "by token:Here" in said
    assert said.index("by token:Here") < said.index("There are no breakpoints.")


def test_windows_hold_at_their_positions(say, orchard):
    said, _ = say(
        orchard,
        *("schedule 0 2 temperature=2; 4 end top_p=0.5", "schedule", "sample", "schedule none"),
    )
    assert said.count("Windows: 0 2 temperature=2; 4 end top_p=0.5.") == 2
    assert "There are no windows." in said


def test_the_tree_of_continuations_is_told(say, orchard):
    said, _ = say(orchard, "grow 2")
    assert "Over 2 tokens the tree BF is" in said
    assert "distributions read" in said


def test_valid_answers_are_measured_where_the_session_stands(say, orchard, tmp_path):
    trace = tmp_path / "valid.json"
    arguments = ("--prompt", PROMPT, "--trace", trace)
    said, errors = say(
        orchard, 'force " Sure"', "valid words:a fig|a pear --end .", arguments=arguments
    )
    assert errors == ""
    assert "words:a fig|a pear on" in said
    assert "2 valid answers" in said
    assert "validity" in said
    (kept,) = json.loads(trace.read_text())["measurements"]
    assert (kept["kind"], kept["node"], kept["settings"]["end"]) == ("calibration", 1, ["."])
    _, errors = say(orchard, "calibrate nonsense", code=2)
    assert "neither a valid set nor a file" in errors


def test_all_words_and_a_single_response_are_told_of_the_partner_too(say, orchard, tmp_path):
    partner = table(tmp_path / "partner.json", name="partner", default={" apple": 0.5, " a": 0.5})
    arguments = ("--prompt", PROMPT, "--words", "Sure,Here,Sure")
    lines = (f"partner {partner}", "all-words", 'response " red"')
    said, errors = say(orchard, *lines, arguments=arguments)
    assert errors == ""
    assert "·Sure is left out: the same text is listed already" in said
    words, single = said.split("The same in partner, after its own prompt:")[1:]
    assert "·red · " in single
    # In the partner every word has the numbers that it has there alone.
    alone, _ = say(partner, "all-words", arguments=arguments)
    table_of = alone[alone.index("Which text narrows most here:") :].split("\n\n")[1]
    assert "·Here" in table_of
    assert table_of in words


def test_a_prompt_may_come_later(say, orchard):
    said, errors = say(orchard, "sample", 'prompt "a\\nb"', "text", arguments=(), code=2)
    assert "there is no prompt yet; prompt TEXT gives one" in errors
    assert "a\nb\n" in said


def test_a_session_is_kept_and_taken_up_again(say, orchard):
    said, _ = say(orchard, "sample 2", "quit", "sample 50")
    count, _, kept = said.splitlines()[-1].partition(" nodes kept in ")
    assert Path(kept).exists()
    said, _ = say(orchard, 'force " Sure"', arguments=("--resume",))
    assert f"resumed with {count} nodes" in said
    assert f"{int(count) + 1} nodes kept in {kept}" in said


def test_a_session_without_a_journal_is_saved_as_a_trace(say, orchard, tmp_path):
    (tmp_path / "bftui").mkdir()
    (tmp_path / "bftui" / "sessions").write_text("in the way of the journals")
    said, _ = say(orchard, "sample 2")
    told = said.splitlines()[-1]
    assert "there is no journal" in told
    path = Path(told.partition(" nodes saved in ")[2].partition(" (")[0])
    assert path.is_relative_to(tmp_path)
    assert len(json.loads(path.read_text())["nodes"]) == int(told.split()[0])


def test_two_models_are_told_apart(say, orchard, tmp_path):
    partner = table(tmp_path / "partner.json", name="partner", default={" apple": 0.9})
    said, _ = say(
        orchard, f"partner {partner}", 'force " Sure"', "shift 4", "nudge 4", "partner none"
    )
    assert "partner reads along, by its ids." in said
    assert "The partner gives this token rank" in said
    assert "shifted." in said
    assert "of them by the partner" in said
    assert "There is no partner." in said


def test_bytes_that_are_no_text_end_nothing(say, orchard):
    said, _ = say(orchard, "force \udcff\udcfe", "where")
    assert "Node" in said


def test_help_tells_all_of_it(say, orchard):
    said, _ = say(orchard, "help", "help sample")
    for word in WORDS:
        assert f"\n{word.name}" in said
    assert len(NAMES) == sum(1 + len(word.also) for word in WORDS)
