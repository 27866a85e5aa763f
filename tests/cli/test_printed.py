"""Nothing that a command prints can move a cursor, turn a line around or hide: neither results nor messages."""

import json
import unicodedata

import pytest

from tests.command_line import ask_only, ran
from tests.tables import WORDS, table

HOSTILE = "\x9b31m\u202e\u200b\x7f\u2028\U000e0041é"
FORBIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def raw(text):
    """The characters of a text that a terminal must not get."""
    return {c for c in text if c != "\n" and unicodedata.category(c) in FORBIDDEN}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a hostile name, a model and everything that commands read, all of them hostile."""
    folder = tmp_path_factory.mktemp("printed") / f"in{HOSTILE}"
    folder.mkdir()
    words = [*WORDS[:3], HOSTILE, f" {HOSTILE}"]
    tokens = ["<s>", "</s>", *words, *({"bytes": b} for b in _bytes())]
    changes = {
        "name": f"n{HOSTILE}",
        "note": f"note {HOSTILE}",
        "tokens": tokens,
        "rules": {},
        "default": {HOSTILE: 0.4, f" {HOSTILE}": 0.4},
        "eog": [1],
    }
    table(folder / f"m{HOSTILE}.json", **changes)
    table(folder / "other.json", **changes)
    (folder / f"m{HOSTILE}.gguf").write_bytes(b"GGUF")
    (folder / f"p{HOSTILE}.jsonl").write_text(
        "".join(json.dumps({"id": f"{n}{HOSTILE}", "prompt": HOSTILE}) + "\n" for n in "ab")
    )
    (folder / "bad.json").write_text(f'["{HOSTILE}"]')
    return folder


def _bytes():
    from tests.tables import BYTES

    return BYTES


MODEL, OTHER = f"table:{{f}}/m{HOSTILE}.json", "table:{f}/other.json"
PROMPTS = f"--prompts {{f}}/p{HOSTILE}.jsonl"
ASKED = f"--prompt {HOSTILE}"
TRACE = f"{{f}}/t{HOSTILE}.json"
RESULTS = [
    f"info {MODEL}",
    f"record {MODEL} {ASKED} --greedy --steps 3 --force {HOSTILE}",
    f"lookahead {MODEL} {ASKED} --top 4",
    f"respond {MODEL} {ASKED} --force {HOSTILE} --samples 2 --horizon 2 --controls 2",
    f"lexicon {MODEL} {PROMPTS} --count 1",
    f"measure {MODEL} {OTHER} {PROMPTS} --samples 2 --max-tokens 3",
    f"shift {MODEL} {OTHER} {PROMPTS} --max-tokens 3",
    f"nudge {MODEL} --with {OTHER} {PROMPTS} --max-tokens 3",
    f"check {TRACE}",
    f"diff {TRACE} {{f}}/other-trace.json",
    f"export {TRACE}",
    "models {f}",
    "sessions",
    "themes",
    "config",
    "doctor",
    "keys",
]


@pytest.fixture(autouse=True)
def one_library(monkeypatch):
    """Has `doctor` import one library."""
    ask_only(monkeypatch, "llama-cpp")


@pytest.fixture(autouse=True)
def home(place, monkeypatch):
    for name in ("HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(place))


@pytest.fixture(scope="module")
def trace(place):
    """A trace with a hostile name and another one that differs; no other than `record` makes them."""
    model = MODEL.format(f=place)
    for name, text in ((TRACE.format(f=place), HOSTILE), (f"{place}/other-trace.json", "x")):
        assert ran("record", model, "--prompt", text, "--steps", 3, "-o", name)[0] == 0
    assert HOSTILE in (place / f"t{HOSTILE}.json").read_text()


def run(line, place):
    return ran(*(part.format(f=place) for part in line.split(" ")))


@pytest.mark.parametrize("line", RESULTS, ids=lambda line: line.split()[0])
@pytest.mark.parametrize("form", ["", " --json", " -o -"])
def test_results_are_safe_to_print(place, trace, line, form):
    code, printed, said = run(line + form, place)
    assert code == (5 if line.startswith("diff") else 0), said
    assert printed
    assert raw(printed + said) == set()
    alone = form == " --json" or (form and line.split()[0] in DELIVERED)
    if alone:
        json.loads(printed)
        assert printed.isascii()


DELIVERED = {
    *("record", "lookahead", "respond", "lexicon", "measure", "shift", "nudge", "check", "diff"),
}
"""Whose results in a file are JSON."""


def test_exports_and_reports_are_safe_to_print(place, trace):
    for line in (f"export {TRACE} --to jsonl", f"export {TRACE} --to json", f"report {TRACE} -o -"):
        code, printed, said = run(line, place)
        assert code == 0
        assert printed
        assert raw(printed + said) == set()
    assert run(f"report {TRACE} -o - --json", place)[0] == 2


@pytest.mark.parametrize(
    "line",
    [
        f"info {{f}}/none{HOSTILE}",
        f"info {{f}}/m{HOSTILE}.gguf",
        "info table:{f}/bad.json",
        f"record {MODEL} --prompt-file {{f}}/none{HOSTILE}",
        f"record {MODEL} {ASKED} --actions {{f}}/bad.json",
        f"record {MODEL} {ASKED} --force \ud800",
        f"record {MODEL} --resume-from {{f}}/none{HOSTILE}",
        f"record --{HOSTILE}",
        f"measure {MODEL} --prompts {{f}}/bad.json",
        f"check {{f}}/m{HOSTILE}.json",
        f"diff {TRACE} {{f}}/none{HOSTILE}",
        f"export {TRACE} -o {{f}}/none{HOSTILE}/x",
        f"models {{f}}/none{HOSTILE}",
        f"run {MODEL} --plain --theme {HOSTILE} --resume-from {{f}}/{HOSTILE}",
        HOSTILE,
    ],
)
def test_messages_are_safe_to_print(place, trace, line):
    code, printed, said = run(line, place)
    assert code > 0
    assert said.count("\n") == 1
    assert raw(printed + said) == set()
