"""A valid set in the workbench without a screen: how it is typed, where a node stands in it, and what is kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from bftui.model.prompt import Prompt
from bftui.session import commands
from bftui.workbench.settings import WorkbenchSettings
from bftui.workbench.valid_shown import AskedSet
from bftui.workbench.workbench import Workbench
from tests.tables import table

SET = AskedSet("words:a fruit|a red fruit|apple", (".",))


@pytest.mark.parametrize(
    ("typed", "asked"),
    [
        ("us-states", AskedSet("us-states")),
        ("3", AskedSet("us-states")),
        (" fruit --end , ", AskedSet("fruit", (",",))),
        ("coin --end . --end \\n", AskedSet("coin", (".", "\n"))),
        ("regex:[ab] c", AskedSet("regex:[ab] c")),
    ],
)
def test_what_is_typed(typed: str, asked: AskedSet) -> None:
    assert AskedSet.of(typed) == asked
    assert AskedSet.of(asked.typed) == asked


def opened(path: Path) -> Workbench:
    found = Workbench(WorkbenchSettings(table(path), prompt=Prompt("Name one:")))
    found.work()
    return found


def test_a_node_is_inside_at_the_end_not_valid_or_outside(tmp_path: Path) -> None:
    workbench = opened(tmp_path / "orchard.json")
    try:
        workbench.send(commands.Force(" red"))
        workbench.work()
        session = workbench.now.session
        assert session is not None
        workbench.calibrate(SET, 0)
        workbench.work()
        valid = workbench.now.measured.valid
        assert valid is not None
        assert (valid.running, valid.stopped) == (False, False)

        def at(text: str) -> int:
            session.goto(0)
            session.force(text)
            return session.cursor

        tree = session.tree
        inside = valid.place(tree, at(" a"))
        assert inside is not None
        node = valid.trie_node(inside.number)
        assert node is not None
        assert node.completions == 2
        complete = valid.place(tree, at(" apple."))
        assert complete is not None
        assert (complete.number, complete.complete) == (None, True)
        wrong = valid.place(tree, at(" red"))
        assert wrong is not None
        assert (wrong.number, wrong.complete) == (None, False)
        below = at(" a")
        workbench.calibrate(AskedSet("coin"), below)
        workbench.work()
        coin = workbench.now.measured.valid
        assert coin is not None
        assert coin.place(tree, 0) is None
        assert coin.place(tree, below) is not None
    finally:
        workbench.close()


def test_a_set_that_was_read_is_not_read_again(tmp_path: Path) -> None:
    workbench = opened(tmp_path / "orchard.json")
    try:
        for asked in (SET, AskedSet("coin"), SET):
            workbench.calibrate(asked, 0)
            workbench.work()
        session = workbench.now.session
        assert session is not None
        kept = [each["settings"]["valid"] for each in session.trace().as_dict()["measurements"]]
        assert kept == [SET.name, "coin"]
        valid = workbench.now.measured.valid
        assert valid is not None
        assert valid.asked == SET
        assert valid.result is not None
        assert valid.result.validity is not None
    finally:
        workbench.close()
