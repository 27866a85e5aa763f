"""`bftui dial`, and mixtures in the other commands: recorded, checked, made again, resumed; and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import bftui
from tests.command_line import bftui_, fails
from tests.tables import WORDS, even_table, table

PROMPT = ("--prompt", " the", "--template", "raw")


@pytest.fixture
def pair(tmp_path: Path) -> tuple[str, str]:
    """Two tables of one vocabulary; the second one nearly always says the same."""
    sure = dict.fromkeys(WORDS, 0.01) | {" pear": 0.8}
    return table(tmp_path / "base.json"), table(tmp_path / "aligned.json", default=sure, rules={})


def printed(*arguments: str) -> Any:
    result = bftui_(*arguments, "--json")
    assert (result.returncode, result.stderr) == (0, "")
    return json.loads(result.stdout)


def test_bf_goes_from_one_model_to_the_other(pair: tuple[str, str]) -> None:
    weights = "0,0.5,1,2"
    found = printed("dial", *pair, *PROMPT, "--weights", weights, "--samples", "12")
    assert (found["mixing"], found["prompt"]) == ("dial", "<s> the")
    assert [each["weight"] for each in found["weights"]] == [0.0, 0.5, 1.0, 2.0]
    bf = [each["bf"] for each in found["weights"]]
    assert bf[1] > bf[2] > bf[3] == 1
    assert all(
        low <= each <= high
        for each, (low, high) in zip(bf, (each["ci"] for each in found["weights"]), strict=True)
    )
    # The same draws as in rollouts of either model.
    for model, value in zip(pair, (bf[0], bf[2]), strict=True):
        with bftui.open_model(model) as opened:
            session = bftui.Session(opened, bftui.Prompt(" the", template="raw"))
            drawn = session.rollouts(samples=12, horizon=32)
            assert drawn.branching_factor("entropy").bf == value


def test_it_is_told_to_people(pair: tuple[str, str]) -> None:
    result = bftui_("dial", *pair, *PROMPT, "--weights", "0,1", "--samples", "4")
    assert result.returncode == 0
    assert "logits are (1 − w) base + w aligned" in result.stdout
    assert "BF of 4 continuations of up to 32 tokens" in result.stdout


def test_a_mixture_is_recorded_checked_made_again_and_resumed(
    pair: tuple[str, str], tmp_path: Path
) -> None:
    dial, trace = f"dial:{pair[0]}::{pair[1]}", str(tmp_path / "t.json")
    recorded = ("record", dial, *PROMPT, "--weight", "0.3", "--seed", "4")
    found = printed(*recorded, "--steps", "5", "--force", " a", "-o", trace)
    assert found["version"] == 2
    assert found["model"]["source"] == dial
    assert [each["backend"] for each in found["model"]["parts"]] == ["table", "table"]
    assert found["samplers"][0]["weight"] == 0.3
    assert printed("check", trace)["max_entropy_drift"] <= 1e-6
    again = printed("record", dial, "--like", trace)
    assert again["nodes"][1:] == pytest.approx(found["nodes"][1:]) or [
        each["token_id"] for each in again["nodes"]
    ] == [each["token_id"] for each in found["nodes"]]
    resumed = printed("record", dial, "--resume-from", trace, "--steps", "1")
    assert len(resumed["nodes"]) == len(found["nodes"]) + 1
    info = printed("info", dial)
    assert info["name"] == "dial:orchard::orchard"
    assert [each["name"] for each in info["parts"]] == ["orchard", "orchard"]


def test_what_cannot_be_mixed_is_one_line(pair: tuple[str, str], tmp_path: Path) -> None:
    other = even_table(tmp_path / "other.json")
    assert "cannot be mixed" in fails(3, "dial", pair[0], other, *PROMPT)
    assert "1 is named" in fails(3, "record", f"dial:{pair[0]}", *PROMPT)
    assert "it mixes a mixture" in fails(
        3, "record", f"contrast:dial:{pair[0]}::{pair[1]}::{pair[0]}", *PROMPT
    )
    assert "weight 11 is not in [-10, 10]" in fails(2, "dial", *pair, "--weights", "0,11")
    assert "is not a list of numbers" in fails(2, "dial", *pair, "--weights", "0,x")
    assert "a weight is named twice" in fails(2, "dial", *pair, "--weights", "0,0")
    assert "there is one model alone" in fails(2, "dial", pair[0])
    dial = f"dial:{pair[0]}::{pair[1]}"
    assert "is a mixture already" in fails(2, "dial", dial, pair[0])
