"""Keys that come together do what they do one after the other."""

from unittest.mock import Mock

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from bftui.ui.screens.open_screen import OpenScreen
from bftui.workbench.snapshot import Status
from tests.ui.driver import Driver, table, workbench


@pytest.fixture
def fruit(tmp_path):
    return table(tmp_path / "fruit.json")


def where(w: Driver):
    """What keys had to do with."""
    fields = [each.value for each in w.app.screen.query("LineField")]
    return type(w.app.screen), fields, type(w.app.focused), w.bench.facts(), w.screen()


async def typed(w: Driver, *keys: str) -> None:
    """Presses keys together, and waits until they did what they do."""
    await w.together(*keys)
    await w.until(lambda: not w.app.typing)
    # Models that are listed are described as soon as their headers are read.
    await w.until(lambda: not (isinstance(w.app.screen, OpenScreen) and w.app.screen.reading))
    await w.settled()


async def test_a_text_that_is_asked_for_gets_what_is_typed(fruit) -> None:
    async with workbench(fruit) as w:
        await typed(w, "f", *"Surx", "backspace", "e", "enter", "g")
        assert w.tokens == ["Sure", " a"]
        await typed(w, "o", "ctrl+u", *"models")
        assert w.app.screen.query_one("LineField").value == "models"
        await typed(w, "escape", "i", "tab", *"Sure", "shift+tab", "end", *"More")
        assert w.app.screen.query_one("#prefill").value == "Sure"
        assert w.app.screen.query_one("#text").text.endswith("More")


async def test_what_was_typed_for_a_question_that_did_not_come_does_nothing(tmp_path) -> None:
    loading = table(tmp_path / "loading.json", load_ms=400)
    async with workbench(loading, ready=False) as w:
        await typed(w, "f", *"quiet", "enter")
        assert w.app.return_code is None
        await w.until(lambda: w.workbench.now.status is Status.READY)
        await w.settled()
        assert w.tokens == []
        assert w.app.screen is w.bench


@pytest.mark.usefixtures("processes")
async def test_ctrl_c_overtakes_what_waits(fruit) -> None:
    async with workbench(fruit) as w:
        await typed(w, *["g"] * 100, "ctrl+c")
        assert len(w.tokens) < 5
        assert w.app.return_code is None


async def test_going_back_waits_for_the_steps_before(tmp_path) -> None:
    slow = table(tmp_path / "slow.json", step_ms=50)
    async with workbench(slow) as w:
        await typed(w, *"ggghhh")
        assert (w.session.cursor, len(w.session.tree)) == (0, 4)


KEYS = st.sampled_from([*"ftio/?KTzxmwHS", "escape", "tab", "shift+tab", "backspace", "ctrl+u"])
"""Keys that the screen answers alone: what the model does takes its own time."""


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(KEYS, min_size=2, max_size=8))
async def test_together_is_as_one_after_the_other(fruit, keys) -> None:
    ends = []
    for together in (True, False):
        async with workbench(fruit) as w:
            await w.press("g", "g")
            if together:
                await typed(w, *keys)
            else:
                w.app._type_ahead.forget = refused = Mock()
                for key in keys:
                    await typed(w, key)
            ends.append(where(w))
    # What comes together with a key that asks for a text, but is refused, is dropped: see above.
    assume(not refused.called)
    assert ends[0] == ends[1]
