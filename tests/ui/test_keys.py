"""Each key of the workbench, on a real worker process: what it does to the session, and what the screen then says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from textual.widgets import Input, TextArea

from bftui.core.sampler import Sampler
from bftui.ui.actions.action import ActionFacts
from bftui.ui.actions.action_table import ACTIONS, key_table
from bftui.ui.screens.help_screen import HelpScreen
from bftui.ui.screens.prompt_screen import PromptScreen
from bftui.workbench.snapshot import Status
from tests.ui.driver import PROMPT, Driver, lines, table, workbench


async def test_stepping_shows_everywhere(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press("space", "space")
        assert len(w.session.tree) == 3
        assert "▸└─ " in lines(w.bench.tree_pane)[2]
        assert "".join(w.tokens).replace(" ", "·") in lines(w.bench.text_pane)[2]
        assert "2 tokens" in lines(w.bench.text_pane)[0]
        following = w.session.node.next
        assert following is not None
        assert f"BF {following.bf:.1f} ({following.kept} kept)" in lines(w.bench.candidates)[0]
        assert f"full {following.bf_full:.1f}" in lines(w.bench.candidates)[0]
        assert f"now {following.bf:.1f} · path" in lines(w.bench.strip)[0]
        assert "ready" in lines(w.bench.status)[0]


async def test_greedy_takes_the_best(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press("g", "g")
        assert w.tokens == [" The", " fruit"]
        assert w.session.node.source == "greedy"


async def test_candidates_are_forced_by_enter(fruit: str) -> None:
    async with workbench(fruit) as w:
        assert [line[:20].split() for line in lines(w.bench.candidates)[1:3]] == [
            ["│", "1▸", "·The"],
            ["│", "2", "·Sure"],
        ]
        await w.press("down", "enter")
        assert w.tokens == [" Sure"]
        assert w.session.node.source == "forced"
        assert "▲·Sure" in lines(w.bench.tree_pane)[2]
        assert "▲·Sure" in lines(w.bench.text_pane)[2]
        assert "▲" in lines(w.bench.strip)[-2]
        await w.press("left")
        assert "2 •·Sure" in lines(w.bench.candidates)[2]


async def test_the_cut_is_drawn_in_place_and_skipped(fruit: str) -> None:
    async with workbench(fruit) as w:
        following = w.session.node.next
        assert following is not None
        border = lines(w.bench.candidates)[following.kept + 1]
        assert f"── top-p .90 keeps {following.kept} ─" in border
        await w.press(*["j"] * following.kept)
        assert w.bench.candidates.chosen() == following.top_ids[following.kept]
        await w.press("k")
        assert w.bench.candidates.chosen() == following.top_ids[following.kept - 1]


async def test_the_rest_of_the_vocabulary_comes_as_pages(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press("G")
        await w.settled()
        assert (
            lines(w.bench.candidates)[-1]
            .rstrip("─╯ ")
            .endswith(f"{w.session.tree.n_vocab} of {w.session.tree.n_vocab}")
        )
        chosen = w.bench.candidates.chosen()
        await w.press("enter")
        assert w.session.node.token_id == chosen


async def test_search_looks_at_the_whole_vocabulary(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press("slash")
        await w.type("FRU")
        await w.settled()
        assert "·fruit" in lines(w.bench.candidates)[1]
        assert "1 token with FRU" in lines(w.bench.candidates)[-1]
        await w.press("enter")
        await w.press("enter")
        assert w.tokens == [" fruit"]
        assert not w.bench.candidates.wanted
        await w.press("slash", "s", "enter", "n", "n", "N")
        assert w.bench.candidates.selected == 1
        await w.press("N", "N")
        assert w.bench.candidates.selected == w.bench.candidates.count() - 1
        await w.press("slash", "Z", "enter", "escape")
        assert not w.bench.candidates.wanted


async def test_words_of_the_palette_get_their_space(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press("1")
        assert w.tokens == [" Sure"]
        await w.press("2")
        assert "".join(w.tokens) == " Sure Thank you"


async def test_a_palette_of_two_words(fruit: str) -> None:
    async with workbench(fruit, words=("Sure", "Let")) as w:
        await w.press("9")
        assert w.notice == "the palette has 2 words"
        await w.press("2")
        assert w.tokens == [" Let"]


async def test_forcing_is_literal_and_shows_the_tokens(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press("f")
        await w.type(" Sure!")
        await w.settled()
        assert "2 tokens: ·Sure !" in w.screen()
        await w.press("enter")
        assert w.tokens == [" Sure", "!"]


async def test_back_on_and_branches(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press("g", "g", "left", "h")
        assert w.tokens == []
        await w.press("right", "l")
        assert w.tokens == [" The", " fruit"]
        await w.press("left", "1")
        tree = lines(w.bench.tree_pane)
        assert "├─ ·fruit" in tree[3]
        assert " A " in tree[3]
        assert "└─ ▲·Sure" in tree[4]
        assert tree[4].startswith("│ ▸")
        assert " B " in tree[4]


async def test_undo_and_redo(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press("g", "g", "u")
        assert w.tokens == [" The"]
        await w.press("U")
        assert w.tokens == [" The", " fruit"]
        await w.press("U")
        assert "nothing to redo" in w.notice


async def test_the_tree_is_a_way_to_go(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press("g", "g", "left", "1", "shift+tab")
        assert w.bench.tree_pane.has_focus
        await w.press("up", "enter")
        assert w.tokens == [" The", " fruit"]
        await w.press("home", "enter")
        assert w.tokens == []


async def test_the_text_is_a_way_to_go(fruit: str) -> None:
    async with workbench(fruit, size=(60, 24)) as w:
        await w.press(*["g"] * 12, "tab")
        assert w.bench.text_pane.has_focus
        at = w.session.tree.depth(w.session.cursor)
        await w.press("up", "enter")
        assert w.session.tree.depth(w.session.cursor) < at
        await w.press("home", "enter")
        assert w.tokens == []


async def test_playing_stops_at_the_end_of_the_text(fruit: str) -> None:
    async with workbench(fruit, prompt="A:.") as w:
        await w.press(*["equals_sign"] * 9)
        assert w.notice == "play: as fast as the model goes"
        await w.press("p")
        await w.until(lambda: not w.workbench.now.playing)
        await w.settled()
        assert w.session.ended
        assert "the text ends here" in w.notice
        assert "■ the text ends here" in lines(w.bench.candidates)[1]
        assert "■" in lines(w.bench.tree_pane)[2]
        await w.press("space")
        assert "the text ends here: ← goes back" in w.notice


async def test_playing_can_be_paused(tmp_path: Path) -> None:
    slow = table(tmp_path / "slow.json", step_ms=5, eog=[])
    async with workbench(slow) as w:
        await w.pilot.press("equals_sign", "equals_sign", "equals_sign", "p")
        await w.until(lambda: len(w.session.tree) > 10)
        w.bench.frame()
        assert "busy ▶" in lines(w.bench.status)[0]
        assert "tok/s" in lines(w.bench.status)[0]
        await w.press("p")
        count = len(w.session.tree)
        await w.pilot.pause(0.1)
        assert len(w.session.tree) == count
        assert "ready" in lines(w.bench.status)[0]


async def test_an_empty_start_offers_prompts(fruit: str) -> None:
    async with workbench(fruit, prompt=None) as w:
        assert isinstance(w.app.screen, PromptScreen)
        assert "Q:·Name·a·fruit.⏎A:" in w.screen()
        assert w.workbench.now.session is None
        await w.press("down", "enter")
        assert w.session.rendered.text == "Q: Name an animal.\nA:"


async def test_typing_over_the_examples_writes_a_prompt(fruit: str) -> None:
    async with workbench(fruit, prompt=None) as w:
        await w.type("Hello")
        assert w.app.screen.query_one("#text", TextArea).text == "Hello"
        await w.press("ctrl+s")
        assert w.session.prompt.text == "Hello"


async def test_leaving_the_editor_says_what_opens_it(fruit: str) -> None:
    async with workbench(fruit, prompt=None) as w:
        await w.press("escape", "space")
        assert w.notice == "there is no prompt yet: i opens the editor"


async def test_another_prompt_is_a_new_root(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press("g", "i")
        area = w.app.screen.query_one("#text", TextArea)
        assert area.text == PROMPT
        area.text = "A:"
        await w.press("ctrl+s")
        assert len(w.session.tree.roots) == 2
        assert sum("○" in line for line in lines(w.bench.tree_pane)) == 2
        await w.press("u")
        assert w.session.prompt.text == PROMPT


async def test_export_asks_where(fruit: str, tmp_path: Path) -> None:
    target = tmp_path / "out.json"
    async with workbench(fruit) as w:
        await w.press("g", "e")
        field = w.app.screen.query_one(Input)
        assert field.value == "fruit-trace.json"
        field.value = str(target)
        await w.press("enter")
        assert f"saved 2 nodes to {target}" in w.notice
        assert len(json.loads(target.read_text())["nodes"]) == 2


async def test_export_takes_the_file_it_was_given(fruit: str, tmp_path: Path) -> None:
    target = tmp_path / "given.json"
    async with workbench(fruit, trace=target) as w:
        await w.press("e")
        assert "saved 1 node to" in w.notice
        assert target.exists()


async def test_an_export_that_fails_says_so(fruit: str, tmp_path: Path) -> None:
    async with workbench(fruit, trace=tmp_path / "no" / "where.json") as w:
        await w.press("e")
        assert "where.json: No such file" in w.notice
        await w.press("space")
        assert len(w.session.tree) == 2


async def test_zoom_and_panes(fruit: str) -> None:
    async with workbench(fruit) as w:
        for pane in (w.bench.text_pane, w.bench.strip, w.bench.tree_pane, w.bench.candidates):
            await w.press("tab")
            assert pane.has_focus
            await w.press("z")
            assert pane.size.width == 120
            assert pane.size.height == 34
            await w.press("escape")
        await w.press("z", "tab")
        assert w.bench.text_pane.size.height == 34
        await w.press("z")
        assert w.bench.candidates.display
        assert w.bench.text_pane.size.height == 7


async def test_the_curve_shows_entropy_or_bf(fruit: str) -> None:
    async with workbench(fruit) as w:
        assert "now" in lines(w.bench.strip)[0]
        assert "nats" not in lines(w.bench.strip)[0]
        await w.press("H")
        assert f"H {w.session.node.next.entropy:.2f} nats" in lines(w.bench.strip)[0]  # type: ignore[union-attr]


async def test_help_lists_every_action(fruit: str) -> None:
    async with workbench(fruit, size=(120, 60)) as w:
        await w.press("question_mark")
        assert isinstance(w.app.screen, HelpScreen)
        text = w.screen()
        for key in ("space", "1-9", "← h", "^r", "ctrl"):
            assert key in text or key == "ctrl"
        await w.press("escape")
        assert w.app.screen is w.bench
        assert w.app.is_running


async def test_the_palette_finds_actions(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.pilot.press("ctrl+p")
        await w.type("greedy")
        await w.until(lambda: all(search.is_finished for search in w.app.workers))
        await w.pilot.press("enter")
        await w.until(lambda: w.tokens == [" The"])


@pytest.mark.usefixtures("processes")
async def test_escape_stops_work_and_forgets_what_waits(tmp_path: Path) -> None:
    slow = table(tmp_path / "slow.json", faults=[{"at": 2, "kind": "hang"}])
    async with workbench(slow) as w:
        await w.pilot.press("space", "space", "space")
        await w.until(lambda: "busy" in lines(w.bench.status)[0])
        await w.press("escape")
        assert w.notice == "stopped"
        assert len(w.session.tree) == 1
        await w.press("space")
        assert len(w.session.tree) == 2


@pytest.mark.usefixtures("processes")
async def test_ctrl_c_stops_and_twice_quits(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press("ctrl+c")
        assert w.notice == "stopped; ctrl+c again quits"
        assert w.app.is_running
        await w.pilot.press("ctrl+c")
        await w.pilot.pause()
        assert w.app.return_code == 130


async def test_q_quits_with_0(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.pilot.press("q")
        await w.pilot.pause()
        assert w.app.return_code == 0


@pytest.mark.parametrize("opened", ["f", "i", "e", "slash"])
async def test_no_letter_acts_while_a_text_field_has_the_focus(fruit: str, opened: str) -> None:
    async with workbench(fruit) as w:
        await w.press(opened)
        screen = w.app.screen
        await w.type("qgpuUhjklzTHef12i?")
        assert w.app.is_running
        assert w.app.screen is screen
        await w.press("escape")
        assert len(w.session.tree) == 1
        assert not w.bench.has_class("zoom")


async def test_a_key_that_does_nothing_says_why(fruit: str) -> None:
    async with workbench(fruit) as w:
        for key, reason in (
            ("left", "this is the prompt"),
            ("right", "nothing comes after"),
            ("u", "nothing to undo"),
            ("ctrl+r", "the model runs"),
        ):
            await w.press(key)
            assert reason in w.notice


@pytest.mark.usefixtures("processes")
async def test_while_loading_the_screen_is_there(tmp_path: Path) -> None:
    async with workbench(table(tmp_path / "slow.json", load_ms=60_000), ready=False) as w:
        await w.until(
            lambda: "loading" in lines(w.bench.status)[0] and "%" in lines(w.bench.status)[0]
        )
        await w.press_only("space")
        assert w.notice == "the model is still loading"
        await w.press_only("escape", "escape")
        await w.until(lambda: w.workbench.now.status is Status.FAILED)
        await w.settled()
        assert "loading was cancelled" in w.notice
        assert "failed" in lines(w.bench.status)[0]


def test_the_registry_is_whole() -> None:
    keys = [key for action in ACTIONS for key in action.keys]
    assert len(set(keys)) == len(keys)
    assert len({action.id for action in ACTIONS}) == len(ACTIONS)
    for action in ACTIONS:
        assert action.description.endswith(".")
        reason = action.reason(ActionFacts())
        assert reason is None or reason
    assert ("1-9", "style", "Force a word of the style palette.") in key_table()


def test_every_action_is_declared_where_it_is_done() -> None:
    files: dict[str, set[str]] = {}
    for action in ACTIONS:
        assert action.do.__name__.rstrip("_") == action.id
        files.setdefault(action.group, set()).add(action.do.__module__)
    # The order within a group is that of its file.
    assert all(len(modules) == 1 for modules in files.values())


@pytest.mark.usefixtures("processes")
async def test_no_driver_is_left(fruit: str) -> None:
    async with workbench(fruit) as w:
        client = w.session.model.client
        assert isinstance(w, Driver)
    assert client._process.poll() is not None  # type: ignore[attr-defined]


async def test_two_forces_in_a_row_begin_twice(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press("1", "2")
        text = lines(w.bench.text_pane)[2]
        assert text.count("▲") == 2
        assert lines(w.bench.tree_pane)[2].count("▲") == 2


async def test_a_key_without_an_action_says_so(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press("Q")
        assert "Q does nothing here" in w.screen()


async def test_export_paths_of_any_kind_are_asked_for_safely(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press("e")
        for text in ("~nobody-here/x", "x" * 400, "\x00"):
            w.app.screen.query_one("Input").value = text  # type: ignore[attr-defined]
            await w.pilot.pause()
        await w.press("escape", "space")
        assert len(w.session.tree) == 2


async def test_temperature_names_itself_where_numbers_differ(fruit: str) -> None:
    async with workbench(fruit, sampler=Sampler(temperature=2.0)) as w:
        heading = lines(w.bench.candidates)[0]
        assert "at T 2" in heading
        assert "at T 1" in heading
        assert "p, P~, Σp at T 1" in lines(w.bench.candidates)[-1]
