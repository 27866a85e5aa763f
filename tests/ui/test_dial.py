"""Two models as one: mixed from the workbench, the weight by keys, BF along it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bftui.ui.screens.dial_screen import DialScreen
from bftui.workbench.snapshot import Status
from tests.tables import table as other_table
from tests.ui.driver import Driver, workbench
from tests.ui.test_partner import both, fruit, helper

__all__ = ["fruit", "helper"]


async def mixed(w: Driver) -> None:
    """Model and partner as one."""
    await w.press("M", "enter")
    await w.until(lambda: w.workbench.now.source.startswith("dial:"))
    await w.until(lambda: w.workbench.now.status is Status.READY)


async def test_model_and_partner_become_a_dial_and_the_tree_stays(fruit: str, helper: str) -> None:
    async with both(fruit, helper) as w:
        await w.press("space", "space", "h", "space")
        before, tree = w.session.node, w.session.tree
        await mixed(w)
        session = w.session
        assert session.model.info.name == "dial:fruit::helper"
        assert [session.tree.token_id(n) for n in range(len(tree))] == [
            tree.token_id(n) for n in range(len(tree))
        ]
        assert session.cursor == before.id
        assert session.sampler.weight == 0.0
        # What was made before is kept as a trace has it.
        assert session.node.next.entropy == pytest.approx(before.next.entropy, abs=1e-6)
        assert "w 0 " in w.screen()


async def test_keys_move_the_weight_and_nothing_is_evaluated_again(fruit: str, helper: str) -> None:
    async with both(fruit, helper) as w:
        await w.press("space")
        await mixed(w)
        entropies = {round(w.session.node.next.entropy, 5)}
        # The mixture reads the path once.
        await w.press(">", "<")
        await w.until(lambda: w.session.sampler.weight == 0.0 and not w.session.state.stale())
        before = w.session.model.client.evaluated()
        for pressed, weight in ((">", 0.1), (">", 0.2), ("<", 0.1), ("<", 0.0), ("<", -0.1)):
            await w.press(pressed)
            await w.until(lambda weight=weight: w.session.sampler.weight == weight)
            await w.until(lambda: not w.session.state.stale())
            entropies.add(round(w.session.node.next.entropy, 5))
        assert len(entropies) == 4
        assert w.session.model.client.evaluated() == before
        assert "w -0.1" in w.screen()
        await w.press(*[">"] * 5)
        await w.until(lambda: w.session.sampler.weight == 0.4)


async def test_the_dial_shows_bf_along_the_weight_and_sets_one(fruit: str, helper: str) -> None:
    async with workbench(f"dial:{fruit}::{helper}") as w:
        await w.press("D")
        screen = w.app.screen
        assert isinstance(screen, DialScreen)
        await w.until(lambda: bool(w.workbench.now.measured.dials) and not w.workbench.measuring)
        dials = w.workbench.now.measured.dials
        points = dials[0].result.weights
        assert [each.weight for each in points] == list(dials[0].settings.weights)
        # The helper always says the same; the fruit does not.
        assert points[-1].bf < points[2].bf
        drawn = w.screen()
        assert "w 0.25" in drawn
        assert "→ w 1" in drawn
        chosen = screen.listed().chosen()  # type: ignore[attr-defined]
        assert chosen is not None
        assert chosen.weight == 1.0
        await w.press("home", "enter")
        await w.until(lambda: w.session.sampler.weight == -1.0)
        kinds = [each["kind"] for each in w.session.trace().as_dict()["measurements"]]
        assert kinds == ["dial"]


async def test_models_of_two_vocabularies_are_not_mixed(fruit: str, tmp_path: Path) -> None:
    other = other_table(tmp_path / "other.json")
    async with both(fruit, other) as w:
        await w.press("M")
        assert "cannot be mixed" in w.notice
        assert w.workbench.now.source == fruit


@pytest.mark.parametrize("pressed", ["<", ">", "D", "M"])
async def test_without_a_mixture_or_a_partner_keys_say_what_to_do(fruit: str, pressed: str) -> None:
    async with workbench(fruit) as w:
        await w.press(pressed)
        wanted = "there is no partner yet" if pressed == "M" else "this is one model"
        assert wanted in w.notice
