"""Dialogs end once, however many keys that end them were pressed together."""

from __future__ import annotations

from pathlib import Path

import pytest

from bftui.ui.screens.dialog import Dialog
from tests.ui.driver import table, workbench


@pytest.mark.parametrize("key", ["f", "slash", "t", "o", "O", "i", "r", "K", "question_mark", "m"])
async def test_a_dialog_that_is_gone_cannot_end_again(tmp_path: Path, key: str) -> None:
    async with workbench(table(tmp_path / "fruit.json")) as w:
        await w.press_only(key)
        dialog = w.app.screen
        assert isinstance(dialog, Dialog)
        dialog.dismiss(None)
        dialog.dismiss(None)
        await w.until(lambda: w.app.screen is w.bench)
        await w.press("space")
        assert len(w.session.tree) == 2
