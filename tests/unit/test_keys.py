"""How keys of a config file are spelled, which may be bound, and how sentences name them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bftui.core.errors import UsageError
from bftui.ui.actions.action import ActionFacts
from bftui.ui.actions.action_table import ACTIONS, BY_ID, USUAL, key_table
from bftui.workbench import keys
from bftui.workbench.keys import parsed, shown


@pytest.fixture
def mine() -> Iterator[keys.Keymap]:
    """A person's keys, in force for one test."""
    keymap = USUAL.with_keys(
        {"step": ["Y", "space"], "undo": "ctrl+u", "help": [], "prompt": "Q", "word": ["f3", "f4"]}
    )
    keys.use(keymap)
    yield keymap
    keys.use(USUAL)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("a", "a"),
        ("A", "A"),
        ("shift+a", "A"),
        ("é", "é"),
        (" ", "space"),
        ("Space", "space"),
        ("esc+", None),
        ("?", "question_mark"),
        ("question_mark", "question_mark"),
        ("-", "minus"),
        ("+", "plus"),
        ("_", "underscore"),
        ("/", "slash"),
        ("ctrl+x", "ctrl+x"),
        ("^x", "ctrl+x"),
        ("Ctrl+X", "ctrl+x"),
        ("ctrl+pgdn", "ctrl+pagedown"),
        ("alt+x", "alt+x"),
        ("Alt+X", "alt+x"),
        ("shift+alt+x", "alt+shift+x"),
        ("alt+1", "alt+1"),
        ("shift+tab", "shift+tab"),
        ("alt+f", None),
        ("alt++", None),
        ("ctrl+space", None),
        ("shift+enter", None),
        ("shift+1", None),
        ("shift+ctrl+left", "ctrl+shift+left"),
        ("←", "left"),
        ("F2", "f2"),
        ("ctrl+c", None),
        ("ctrl+q", None),
        ("escape", None),
        ("ctrl+i", None),
        ("ctrl+[", None),
        ("ctrl+1", None),
        ("ctrl+shift+x", None),
        ("ctrl+ctrl+x", None),
        ("hyper+x", None),
        ("spce", None),
        ("", None),
        ("\x1b", None),
        (3, None),
    ],
)
def test_a_key_is_read_as_a_terminal_sends_it_or_refused(text: object, key: str | None) -> None:
    if key is None:
        with pytest.raises(UsageError):
            parsed(text)
    else:
        assert parsed(text) == key
        assert parsed(shown(key)) == key
        assert parsed(shown(key, short=True)) == key


def test_every_usual_key_is_read_back_as_it_is_shown() -> None:
    for action in ACTIONS:
        for key in action.keys:
            if action.id not in ("escape", "interrupt"):
                assert parsed(shown(key)) == key, action.id


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"stp": "v"}, "there is no action 'stp'; did you mean step?"),
        ({"step": "spce"}, "step: there is no key 'spce'; did you mean space?"),
        ({"step": "x"}, "x would be the key of both step and fold; give fold another key"),
        ({"fold": "q"}, "q would be the key of both fold and quit; give quit another key"),
        ({"step": "ctrl+c"}, "ctrl+c cannot be bound"),
        ({"escape": "q"}, "the keys of escape cannot be changed"),
        ({"step": 3}, "step is not a key"),
        ({"step": ["v", 3]}, "step: 3 is not a key"),
        ({"step": {"key": "v"}}, "step is not a key"),
    ],
)
def test_keys_that_cannot_be_are_refused_with_what_to_do(
    changes: dict[str, object], says: str
) -> None:
    with pytest.raises(UsageError) as error:
        USUAL.with_keys(changes)
    assert says in error.value.line()


def test_two_actions_may_trade_keys() -> None:
    keymap = USUAL.with_keys({"step": "g", "greedy": "space"})
    assert keymap.keys["step"] == ("g",)
    assert keymap.bindings() == {"act.step": "g", "act.greedy": "space"}


def test_sentences_and_tables_name_the_persons_keys(mine: keys.Keymap) -> None:
    assert BY_ID["step"].why_not(ActionFacts()) == "there is no prompt yet: Q opens the editor"
    assert "ctrl+u brings it back" in BY_ID["prune"].told()
    assert ("Y space", "sample", "Sample one token.") in key_table()
    assert ("^u", "undo", "Take back the last change; tokens never vanish.") in key_table()
    assert keys.hint("{word} force words, {back} goes back") == "f3 force words, ← goes back"
    assert keys.key("help") == "ctrl+p “help”"


def test_a_character_for_the_palette_leaves_text_fields_alone() -> None:
    found = USUAL.with_keys({"palette": ["ctrl+o", "F"]}).bindings()
    assert found == {"act.palette": "ctrl+o,F", "app.palette": "ctrl+o"}
    assert USUAL.with_keys({"palette": "F"}).bindings()["app.palette"] == keys.NONE
