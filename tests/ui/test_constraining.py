"""A constraint in the workbench: typed or from a file, what it removes, where it begins and may end, and undone."""

from __future__ import annotations

from pathlib import Path

from bftui.core.sampler import FREE, Constraint
from tests.groups import needs
from tests.ui.driver import Driver, check, workbench

needs("llguidance")


async def entered(w: Driver, typed: str, *, prompt: bool = False) -> None:
    await w.press("C")
    if prompt:
        await w.press("ctrl+o")
    await w.type(typed)
    check(w, typed)
    await w.press("enter")
    await w.settled()


async def test_an_expression_governs_the_text_from_the_cursor_on(fruit: str) -> None:
    async with workbench(fruit, size=(140, 40)) as w:
        await w.press("f")
        await w.type(" Sure")
        await w.press("enter")
        await w.settled()
        depth = w.session.tree.depth(w.session.cursor)
        await entered(w, " (apple|pear|red)s?")
        assert w.session.sampler.constraint == Constraint("regex", " (apple|pear|red)s?", depth)
        here = w.session.tree.constraint(w.session.cursor)
        assert here is not None
        assert here.state == "open"
        assert "without the constraint, must go on" in w.screen()
        assert "§▮" in w.screen()
        while not w.session.ended:
            await w.press("space")
            await w.settled()
            state = w.session.tree.constraint(w.session.cursor)
            if state is not None and state.state != "open":
                assert "▮■" in w.screen()
        written = w.session.text().replace("</s>", "").removeprefix(" Sure").removeprefix("!")
        assert any(word in written for word in (" apple", " pear", " red"))
        await w.press("C")
        await w.type("none")
        await w.press("enter")
        await w.settled()
        assert w.session.sampler.constraint == FREE
        assert "§" not in w.screen()
        await w.press("u")
        await w.settled()
        assert w.session.sampler.constraint.kind == "regex"


async def test_a_file_is_read_and_what_is_wrong_is_said(fruit: str, tmp_path: Path) -> None:
    schema = tmp_path / "s.json"
    schema.write_text('{"type": "boolean"}')
    async with workbench(fruit, size=(120, 30)) as w:
        await entered(w, str(schema), prompt=True)
        assert w.session.sampler.constraint.kind == "json-schema"
        assert w.session.sampler.constraint.start == 0
        before = w.session.sampler
        await w.press("C")
        assert "now: schema" in w.screen()
        await w.type("(a")
        await w.until(lambda: "unclosed group" in w.screen())
        await w.press("enter")
        await w.settled()
        assert "unclosed group" in w.notice
        assert w.session.sampler == before
        await w.press("C")
        await w.type("none.json")
        assert "No such file" in w.screen()
        await w.press("escape")


async def test_a_text_that_left_it_is_told(fruit: str) -> None:
    async with workbench(fruit, size=(140, 40)) as w:
        await entered(w, " apple", prompt=True)
        await w.press("f")
        await w.type(" Sure")
        await w.press("enter")
        await w.settled()
        assert "without the constraint: the text left it before" in w.screen()
        await w.press("space")
        await w.settled()
        assert w.notice.startswith("the text has left the constraint: token 1 after its start")
        nodes = len(w.session.tree)
        await w.press("u", "space")
        await w.settled()
        assert len(w.session.tree) == nodes + 1
