"""What other programs read is the same to the byte; `python -m tests.golden` writes the files anew."""

from __future__ import annotations

import difflib
import json
import shlex
from pathlib import Path

import pytest

from tests.golden.making import CASES, FILES, SAVED, Case, Workplace, saved

KEPT = Path(__file__).parent / "kept"
"""A trace and a journal of each release, which are never written anew."""

KINDS = {"lookahead", "rollouts", "resampling", "response", "nudging", "shift"}


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    with Workplace(tmp_path_factory.mktemp("golden")) as entered:
        yield entered


def _lines(data: bytes) -> list[str]:
    """A file to read: JSON with a value a line."""
    text = data.decode()
    try:
        documents = [json.loads(text)]
    except ValueError:
        try:
            documents = [json.loads(line) for line in text.splitlines()]
        except ValueError:
            return text.splitlines()
    return [line for each in documents for line in json.dumps(each, indent=1).splitlines()]


def _compare(name: str, found: bytes) -> None:
    golden = (FILES / name).read_bytes()
    if found == golden:
        return
    said = list(difflib.unified_diff(_lines(golden), _lines(found), name, "now", n=2, lineterm=""))
    if not said:
        said = ["the same values, written in another way", repr(golden[:200]), repr(found[:200])]
    more = [f"… and {len(said) - 60} lines more"] if len(said) > 60 else []
    pytest.fail("\n".join([*said[:60], *more]), pytrace=False)


@pytest.mark.parametrize("name", CASES)
def test_a_command_writes_its_golden_bytes(workplace, name):
    _compare(name, workplace.output(CASES[name]))


def test_a_session_saves_its_golden_trace_and_journal(tmp_path):
    with Workplace(tmp_path):
        for name, data in saved().items():
            _compare(name, data)


@pytest.mark.parametrize("name", SAVED)
def test_a_golden_file_has_every_kind_of_measurement(name):
    text = (FILES / name).read_text()
    for kind in KINDS:
        assert f'"kind":"{kind}"' in text


def test_a_trace_that_is_read_and_written_is_the_same(workplace):
    found = json.loads(workplace.output(Case("export trace.json --to json", ())))
    assert found == json.loads((FILES / "trace.json").read_bytes())


@pytest.mark.parametrize("path", sorted(KEPT.iterdir()), ids=lambda path: path.name)
def test_what_an_older_release_saved_is_read(workplace, path):
    found = json.loads(workplace.output(Case(f"export {shlex.quote(str(path))} --json", ())))
    assert {each["kind"] for each in found["measurements"]} == KINDS
    assert {"step", "force", "goto", "nudge"} <= {each["op"] for each in found["actions"]}
    assert found["partner"]["model"]["name"] == "other"
    assert len(found["nodes"]) == 28
    page = workplace.output(
        Case(f"report {shlex.quote(str(path))} -o old.html", (), reads="old.html")
    )
    for kind in (b">Rollouts<", b">Look-ahead<", b">Nudging<", b">Response to a forced text<"):
        assert kind in page
    assert b"It cannot be drawn" not in page


def test_no_file_is_left_over():
    assert {path.name for path in Path(FILES).iterdir()} == {*SAVED, *CASES}
