"""What every command refuses before any work: models and prompts that are not there, results in the wrong place."""

import json

import pytest

from tests.command_line import fails
from tests.tables import table

ASKED = {
    "info": "{model}",
    "record": "{model} --prompt-file {read}",
    "lookahead": "{model} --prompt-file {read}",
    "respond": "{model} --prompt-file {read} --force a",
    "lexicon": "{model} --prompts {read}",
    "measure": "{model} {other} --prompts {read}",
    "shift": "{model} {other} --prompts {read}",
    "nudge": "{model} --with {other} --prompts {read}",
}
"""Each command, with all that it reads."""
PLACES = {
    "none/o.json": (1, "cannot write", "No such file"),
    ".": (1, "cannot write", "s a directory"),
    "model.json": (2, "is the model", "choose another file"),
    "other.json": (2, "is the model", "choose another file"),
    "read.jsonl": (2, "is read", "choose another file"),
}
"""Where no result goes: the exit code, and what is said."""
READ = {
    "model": (3, "there is no model at", "does not exist"),
    "other": (3, "there is no model at", "does not exist"),
    "read": (4, "cannot read", "No such file"),
}


@pytest.fixture
def named(tmp_path):
    """What stands in the braces. Once it is asked for anything, the model hangs."""
    (tmp_path / "read.jsonl").write_text(json.dumps({"id": "a", "prompt": "x"}) + "\n")
    return {
        "model": table(tmp_path / "model.json", faults=[{"at": 1, "kind": "hang"}]),
        "other": table(tmp_path / "other.json"),
        "read": tmp_path / "read.jsonl",
    }


def asks(command, name):
    return f"{{{name}}}" in ASKED[command]


@pytest.mark.parametrize(
    ("command", "option", "place"),
    [
        (command, option, place)
        for command in ASKED
        for option in ("-o", "--trace")
        for place in PLACES
        if option == "-o" or command == "nudge"
        if place[0] in "n." or asks(command, place.partition(".")[0])
    ],
)
def test_no_result_goes_there(named, tmp_path, command, option, place):
    if command == "info":
        # It looks at the model first, which is all its work.
        table(tmp_path / "model.json")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    code, *says = PLACES[place]
    said = fails(code, command, *ASKED[command].format(**named).split(), option, tmp_path / place)
    assert all(each in said for each in says), said
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    ("command", "name"),
    [(command, name) for command in ASKED for name in READ if asks(command, name)],
)
def test_what_is_read_is_there(named, tmp_path, command, name):
    code, *says = READ[name]
    arguments = ASKED[command].format(**{**named, name: tmp_path / "none.gguf"}).split()
    said = fails(code, command, *arguments)
    assert all(each in said for each in says), said
