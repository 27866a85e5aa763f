"""Commands of a session as data: what the trace says of one is enough to do it again."""

from __future__ import annotations

import inspect
import json

import pytest

from bftui.core.pair.nudging_rounds import Piece
from bftui.model.prompt import Prompt
from bftui.session import commands as c

COMMANDS = [
    c.Step(),
    c.Greedy(),
    c.Force(" Sure"),
    c.Force("<s>", "tokens"),
    c.ForceIds((3, 4)),
    c.Back(2),
    c.Forward(),
    c.Goto(5),
    c.SetSampler(top_p=0.5, seed=7),
    c.SetPrompt(Prompt("a", system="s", template_args={"x": [1]}, examples=(("q", "a"),))),
    c.AddTurn("and?"),
    c.Mark("here"),
    c.Fold(1),
    c.Prune(2),
    c.OpenRollout(0, (1, 2)),
    c.Nudge((Piece("partner", b"", (1,)), Piece("base", b"", (2, 3)))),
    c.SetBreakpoints(("entropy>2.5", "text:Sure")),
    c.Undo(),
    c.Redo(),
]


def test_every_command_is_known_by_its_word():
    every = {
        each
        for _, each in inspect.getmembers(c, inspect.isclass)
        if issubclass(each, c.Command) and not inspect.isabstract(each)
    }
    assert set(c.OPS.values()) == every == {type(command) for command in COMMANDS}
    assert all(c.OPS[each.op] is each for each in every)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.op)
def test_a_command_comes_back_from_its_arguments(command):
    args = json.loads(json.dumps(command.args()))
    assert c.OPS[command.op].from_args(args) == command
    assert None not in args.values() or command.op == "prompt"


@pytest.mark.parametrize(
    ("op", "value"),
    [("force", ""), ("turn", 3), ("back", 0), ("back", True), ("goto", -1), ("force_ids", [True]),
     ("mark", "m"), ("step", 1)],
)  # fmt: skip
def test_what_a_file_of_actions_cannot_have_is_refused(op, value):
    with pytest.raises(ValueError, match=r"it takes|cannot have"):
        c.OPS[op].from_value(value)
