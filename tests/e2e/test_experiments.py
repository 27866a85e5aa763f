"""Measuring with keys only: a verdict on a forced text, rollouts, one of them as a branch, all of it in the trace."""

import json
import math

import bftui
from bftui.session.session import Session
from tests.tables import table
from tests.unit.test_session import same


def test_force_verdict_rollouts_branch_quit(start, tmp_path):
    model = table(tmp_path / "orchard.json")
    trace = tmp_path / "measured.json"
    terminal = start(model, "--prompt", "x", "--seed", 4, "--trace", trace)
    terminal.wait("ready", "1 node ")
    terminal.press("1")
    terminal.wait("▲·Sure▮", "“·Sure”: BF now", "openings like it")

    with bftui.open_model(model) as opened:
        session = Session(opened, "x", seed=4)
        node = session.force(session.model_tree.spaced("Sure"))
        response = session.respond(ids=[node.token_id], node=0, others=False)
        found = response.result()
        assert f"×{math.exp(found.delta):.2f}" in terminal.text
        assert found.verdict in terminal.text

        terminal.press("r")
        terminal.wait("continuations", "different of 32")
        rollouts = session.rollouts(32, 64)
        assert f"BF {rollouts.branching_factor().bf:.2f}" in terminal.text
        terminal.press("down", "enter")
        longest = sorted(
            rollouts.distinct(), key=lambda each: (-len(each.token_ids), -len(each.places))
        )
        chosen = longest[1].token_ids
        terminal.wait(f"{2 + len(chosen):,} nodes", "ready")
        session.open_rollout(node.id, chosen)
        terminal.press("a")
        terminal.wait("BF after")
        session.lookahead(20)
        terminal.press("q")
        assert terminal.leave() == 0
        assert terminal.restored()

        document = json.loads(trace.read_text())
        kinds = [each["kind"] for each in document["measurements"]]
        assert kinds == ["response", "rollouts", "lookahead"]
        assert same(session.trace().as_dict()) == same(document)


def test_measuring_can_be_switched_off(start, tmp_path):
    trace = tmp_path / "plain.json"
    model = table(tmp_path / "orchard.json")
    terminal = start(model, "--prompt", "x", "--response", "off", "--trace", trace)
    terminal.wait("ready", "1 node ")
    terminal.press("1")
    terminal.wait("▲·Sure▮", "2 nodes")
    terminal.press("q")
    assert terminal.leave() == 0
    assert json.loads(trace.read_text())["measurements"] == []
