"""`bftui respond` as programs and people see it: its document, looks, several texts, a budget, a stopped run."""

import json
import math
import re

import jsonschema
import pytest

import bftui
from bftui.results.codec import encode
from bftui.results.command_outputs import output_schema
from bftui.session.session import Session
from tests.command_line import bftui_, fails, interrupted
from tests.tables import table

SMALL = ["--looks", "2,4", "--horizon", 6]
FIELDS = {
    "forced": {"text", "token_ids", "logprob", "rank", "kept", "bf", "ci", "ended"},
    "match": {"low", "high", "gap"},
}
WHOLE = {
    *FIELDS,
    *("controls", "delta", "delta_ci", "p", "verdict", "reason", "noise_ci", "by_horizon"),
    *("looks", "horizon", "samples"),
}
"""Those of the contract."""


@pytest.fixture
def orchard(tmp_path):
    return table(tmp_path / "orchard.json")


def document(*arguments):
    done = bftui_("respond", *arguments, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def test_the_document_is_that_of_the_python_interface(orchard, tmp_path):
    out = tmp_path / "o.json"
    arguments = ["respond", orchard, "--prompt", "Name", "--force", " red", "--seed", 3, *SMALL]
    done = bftui_(*arguments, "--controls", 9, "--json", "-o", out)
    assert (done.returncode, done.stderr) == (0, "")
    with bftui.open_model(orchard) as model:
        session = Session(model, "Name", seed=3)
        expected = encode(session.respond(" red", looks=[2, 4], horizon=6, controls=9).result())
    found = json.loads(done.stdout)
    # The command alone measures the floor that it is held against.
    within = found.pop("within_noise")
    assert within in (False, True, None)
    assert found == expected
    assert json.loads(out.read_text()) == {**expected, "within_noise": within}
    assert expected["verdict"] in ("narrows", "widens", "no effect", "undecided")
    assert (expected["samples"], expected["horizon"]) == (4, 6)


def test_the_document_has_the_fields_of_the_contract_and_no_samples(orchard):
    found = document(orchard, "--prompt", "Name", "--force", " red", *SMALL)
    assert set(found) >= WHOLE
    assert "drawn" not in found
    for name, fields in FIELDS.items():
        assert set(found[name]) == fields
    for control in found["controls"]:
        assert set(control) >= {"kind", "texts", "logprobs", "bf", "ci", "delta", "delta_ci"}
    assert [set(each) for each in found["by_horizon"]] == [
        {"tokens", "ratio", "noise_ci", "samples"}
    ] * 2
    assert [each["tokens"] for each in found["by_horizon"]] == [4, 6]
    look_fields = {"samples", "delta", "delta_ci", "noise_ci", "verdict"}
    assert all(set(each) >= look_fields for each in found["looks"])
    assert [each["samples"] for each in found["looks"]] == [2, 4]
    assert found["delta"] == found["looks"][-1]["delta"]
    jsonschema.validate(found, output_schema("respond"))


def test_looks_are_4_12_32_and_the_horizon_32_where_nothing_is_said(orchard):
    found = document(orchard, "--prompt", "Name", "--force", " red", "--only-matched")
    looks = [each["samples"] for each in found["looks"]]
    assert looks == [4, 12, 32][: len(looks)]
    assert found["looks"][0]["level"] == pytest.approx(1 - 0.05 / 3)
    assert (found["horizon"], len(found["controls"][0]["texts"])) == (32, 12)


def test_samples_is_short_for_a_single_look(orchard):
    arguments = [orchard, "--prompt", "Name", "--force", " red", "--horizon", 6, "--only-matched"]
    assert document(*arguments, "--samples", 4) == document(*arguments, "--looks", "4")
    assert len(document(*arguments, "--samples", 4)["looks"]) == 1


def test_stopping_after_a_look_judges_it_as_one_of_all_that_are_planned(orchard):
    arguments = [orchard, "--prompt", "Name", "--force", " red", *SMALL, "--only-matched"]
    whole, first = document(*arguments), document(*arguments, "--stop-after", 1)
    assert first["looks"] == whole["looks"][:1]
    assert first["looks"][0]["level"] == 1 - 0.05 / 2
    assert (first["verdict"], first["samples"]) == ("undecided", 2)
    assert first["reason"] == "look 1 of 2: more samples can tell"


def test_several_texts_have_controls_of_their_own_and_are_corrected(orchard):
    forces = ["--force", " Sure", "--force", " Here", "--force", " red"]
    found = document(orchard, *forces, *SMALL, "--only-matched")
    responses = found["responses"]
    assert [each["forced"]["text"] for each in responses] == [" Sure", " Here", " red"]
    assert all([kind["kind"] for kind in each["controls"]] == ["matched"] for each in responses)
    assert all(each["p_holm"] >= each["p"] for each in responses)
    # None ends early.
    assert [len(each["looks"]) for each in responses] == [2, 2, 2]
    jsonschema.validate(found, output_schema("respond"))


def test_people_get_a_sentence_its_numbers_and_what_they_mean(orchard):
    done = bftui_("respond", orchard, "--prompt", "Name", "--force", " red\x1b[1m", *SMALL)
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    assert done.stdout.splitlines()[1].startswith("after “·red␛[1m” BF is ")
    for word in ("matched", "free", "random", "top1", "1 of 2", "2 of 2", "97.5 %", "ln P of"):
        assert word in done.stdout
    assert "over the first tokens: 4 ×" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_several_texts_are_ranked_the_one_that_narrows_most_first(orchard):
    forces = [" Sure", " the", " a rather long text that a table has to cut", " Here", "\x1b[1m"]
    arguments = [each for text in forces for each in ("--force", text)]
    done = bftui_("respond", orchard, "--prompt", "Name", *arguments, *SMALL, "--only-matched")
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    lines = done.stdout.splitlines()
    assert lines[0] == "Which text narrows most here:"
    assert max(map(len, lines)) <= 80
    rows = lines[3 : lines.index("", 3)]
    assert len(rows) == 5
    ratios = [float(re.split(r" {2,}", row)[1]) for row in rows]
    assert ratios == sorted(ratios)
    told = document(orchard, "--prompt", "Name", *arguments, *SMALL, "--only-matched")
    expected = sorted(math.exp(each["delta"]) for each in told["responses"] if each["delta"])
    assert ratios == pytest.approx(expected, abs=0.006)


@pytest.mark.parametrize("forces", [(" red",), (" red", " the")])
def test_what_the_numbers_are_is_said_in_four_lines_with_every_verdict(orchard, forces):
    arguments = [each for text in forces for each in ("--force", text)]
    done = bftui_("respond", orchard, "--prompt", "Name", *arguments, *SMALL)
    said = done.stdout.rstrip().split("\n\n")[-1]
    assert said.startswith("BF ×: BF after the text / BF after openings like it")
    for word in (
        "Like it:",
        "Sampling:",
        "Narrows:",
        "Widens:",
        "No effect:",
        "undecided",
        "README",
    ):
        assert word in said, word
    lines = said.splitlines()
    assert len(lines) == 4
    assert max(map(len, lines)) <= 80
    assert ("p Holm below .05" in said) == (len(forces) > 1)


def test_a_text_that_ends_the_generation_is_left_out_of_several(orchard):
    arguments = ["--prompt", "Name", "--special", "tokens", *SMALL, "--only-matched"]
    forces = ["--force", "</s>", "--force", " Sure", "--force", "</s> red", "--force", " the"]
    done = bftui_("respond", orchard, *arguments, *forces, "--json")
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines() == [
        "bftui: </s> is left out: the forced text ends the generation; nothing comes after it",
        "bftui: </s>·red is left out: the text to force goes on after an end of generation: its token 1 of 2 is one; "
        "force what comes before it",
    ]
    found = json.loads(done.stdout)
    alone = document(orchard, *arguments, "--force", " Sure", "--force", " the")
    assert found == alone
    assert [each["forced"]["text"] for each in found["responses"]] == [" Sure", " the"]
    said = fails(2, "respond", orchard, *arguments, *forces[:2], *forces[:2])
    assert "the forced text ends the generation" in said


def test_controls_that_are_not_like_the_text_are_warned_of(tmp_path):
    """One word is e² times as likely as the others: whatever is drawn lies 2 nats from it."""
    words = [f" w{n}" for n in range(30)]
    lone = table(
        tmp_path / "t.json",
        tokens=["<s>", "</s>", *words, " Sure"],
        default={**dict.fromkeys(words, 0.026), " Sure": 0.2},
        rules={},
    )
    done = bftui_("respond", lone, "--force", " Sure", *SMALL, "--only-matched")
    assert "the openings are 2.0 nats from the text in ln P" in done.stdout


def test_a_spent_budget_ends_it_after_a_look_and_says_so(orchard):
    arguments = ["respond", orchard, "--prompt", "Name", "--force", " red", *SMALL]
    done = bftui_(*arguments, "--budget", 0, "--json")
    assert done.returncode == 0
    assert (
        done.stderr
        == "bftui: the budget of 0 s is spent: look 1 of 2 is the last one that was done\n"
    )
    found = json.loads(done.stdout)
    assert [each["samples"] for each in found["looks"]] == [2]
    assert [kind["kind"] for kind in found["controls"]] == ["matched"]
    stopped = document(*arguments[1:], "--stop-after", 1, "--only-matched")
    assert found == stopped


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "--force"),
        (["--force", ""], "no text to force"),
        (["--force", " a", "--samples", "0"], "samples"),
        (["--force", " a", "--controls", "0"], "controls"),
        (["--force", " a", "--controls", "999"], "controls"),
        (["--force", " a", "--looks", "4,x"], "list of numbers"),
        (["--force", " a", "--looks", "12,4"], "do not grow"),
        (["--force", " a", "--looks", "4,12", "--samples", "4"], "say the same"),
        (["--force", " a", "--looks", "4,12", "--stop-after", "3"], "stop-after"),
        (["--force", " a", "--horizon", "300"], "past the end of the context"),
        (["--force", " a", "--budget", "-1"], "budget"),
    ],
)
def test_wrong_usage_is_exit_code_2(orchard, arguments, says):
    assert says in fails(2, "respond", orchard, *arguments)


def test_a_run_that_is_interrupted_in_a_look_tells_the_ratio_and_no_verdict(tmp_path):
    """The model hangs in the first look, after all texts have four tokens and before they have eight."""
    hangs = table(tmp_path / "t.json", faults=[{"at": 9, "kind": "hang"}])
    looks = ["--looks", "2,4", "--horizon", 20]
    arguments = ["respond", hangs, "--prompt", "Name", "--force", " red", *looks, "--json"]
    output, shown = interrupted(arguments, "look 1 of 2 · ×".encode())
    found = json.loads(output)
    assert (found["verdict"], found["delta"], found["looks"]) == (None, None, [])
    assert found["forced"]["bf"] >= 1
    assert [each["tokens"] for each in found["by_horizon"]] == [4]
    assert "what is known of 1 text is shown" in shown


def test_a_run_that_is_interrupted_before_it_draws_has_no_document(tmp_path):
    hangs = table(tmp_path / "t.json", faults=[{"at": 3, "kind": "hang"}])
    arguments = ["respond", hangs, "--prompt", "Name", "--force", " red", *SMALL, "--json"]
    output, shown = interrupted(arguments, b"choosing controls")
    assert output == ""
    assert "nothing is known yet" in shown


def test_a_run_of_several_that_is_interrupted_ranks_what_is_known(tmp_path):
    """The model hangs in the first look at the second text."""
    hangs = table(tmp_path / "t.json", faults=[{"at": 18, "kind": "hang"}])
    forces = ["--force", " red", "--force", " Sure", "--force", " the", "--only-matched"]
    arguments = ["respond", hangs, "--prompt", "Name", *forces, *SMALL]
    output, shown = interrupted(arguments, "look 1 of 2 · 2 of 3".encode())
    assert output.startswith("Which text narrows most here:")
    rows = output.splitlines()[3:5]
    assert [row.endswith("not judged") for row in rows] == [False, True]
    assert "what is known of 2 texts is shown" in shown


def test_a_run_that_never_says_what_a_test_waits_for_fails_the_test(tmp_path):
    with pytest.raises(pytest.fail.Exception, match="it ended and never said b'nothing'"):
        interrupted(["--version"], b"nothing")
    hangs = table(tmp_path / "t.json", faults=[{"at": 3, "kind": "hang"}])
    with pytest.raises(pytest.fail.Exception, match="still running after 3 s"):
        interrupted(["respond", hangs, "--prompt", "Name", "--force", "a"], b"nothing", seconds=3)


# Two models -----------------------------------------------------------------------------------------------------


def test_a_partner_says_what_it_says_alone(orchard, tmp_path):
    other = table(tmp_path / "other.json", name="other", default={" red": 0.5, " the": 0.4})
    forces = ["--force", " Sure", "--force", " red"]
    asked = ["--prompt", "Name", *forces, *SMALL, "--only-matched", "--seed", 3]
    found = document(orchard, *asked, "--partner", other)
    own, theirs = document(orchard, *asked), document(other, *asked)
    partner = found.pop("partner")
    assert found["responses"] == own["responses"]
    assert partner == {"model": "other", **theirs}
    assert theirs != own
    jsonschema.validate({**found, "partner": partner}, output_schema("respond"))


def test_a_single_text_and_a_partner_are_told_one_after_the_other(orchard, tmp_path):
    other = table(tmp_path / "other.json", name="other", default={" red": 0.5, " the": 0.4})
    done = bftui_(
        *("respond", orchard, "--prompt", "Name", "--force", " red", *SMALL),
        *("--only-matched", "--partner", other),
    )
    assert done.returncode == 0
    first, second = done.stdout.split("The same in other, after its own prompt:")
    assert "·red" in first
    assert "·red" in second
