"""The config file as a person meets it: what it may say, what is refused, and who goes before whom."""

from __future__ import annotations

import json
import os
import re
import tomllib
from pathlib import Path

import pytest

from bftui.core.errors import InputError
from bftui.measures.style_lexicon import WORDS
from bftui.trace.document import NotSaved
from bftui.ui.actions.action_table import USUAL
from bftui.ui.config_edit import edited, write_config
from bftui.ui.config_file import OPTIONS, SECTIONS, Config, config_of, default_text, read_config
from tests.command_line import bftui_, fails
from tests.tables import table


@pytest.fixture
def home(tmp_path):
    """An environment whose config file is `tmp_path/bftui/config.toml`."""
    names = ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME")
    return {**os.environ, **dict.fromkeys(names, str(tmp_path))}


def config(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "bftui" / "config.toml"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


EVERYTHING = """
theme = "light"
words = ["Sure", " I'm sorry, but ", "é"]
response = "off"
shading = "surprisal"
low_bandwidth = true
[sampler]
top_p = 0.8
seed = 3
[model]
ctx = 128
kv = "f32"
[keys]
step = "Y"
help = []
"""


def test_it_holds_what_a_person_wants_every_time(tmp_path: Path) -> None:
    assert read_config(tmp_path / "none.toml") == Config() == Config(WORDS)
    found = read_config(config(tmp_path, EVERYTHING))
    assert (found.theme, found.response, found.shading) == ("light", "off", "surprisal")
    assert found.words == ("Sure", "I'm sorry, but", "é")
    assert found.low_bandwidth
    assert (dict(found.sampler), dict(found.model)) == (
        {"top_p": 0.8, "seed": 3},
        {"ctx": 128, "kv": "f32"},
    )
    assert found.keymap == USUAL.with_keys({"step": "Y", "help": []})


def test_the_default_file_is_complete_and_says_what_holds_without_it() -> None:
    text = default_text()
    path = Path("config.toml")
    assert config_of(text, path) == Config()
    lines = text.splitlines()
    bare = "\n".join(
        line[1:] if line.startswith("#") and line[1:2] != " " else line for line in lines
    )
    said = tomllib.loads(bare)
    assert {key for key in said if key not in SECTIONS} == {
        option.name for option in OPTIONS if not option.section
    }
    assert set(said["keys"]) == set(USUAL.keys) - {"escape", "interrupt"}
    assert config_of(bare, path).keymap == USUAL


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("word = []", "there is no key 'word'; did you mean words?"),
        ("key = {}", "there is no key 'key'; did you mean keys?"),
        ("zzz = 1", "there is no key 'zzz'; known are theme, words"),
        ("keys = 1", "keys is not a table; write it as [keys]"),
        ("[sampler]\ntop-p = 1", "[sampler] there is no key 'top-p'; did you mean top_p?"),
        ("[sampler]\ntop_p = 2", "top-p 2 is not in (0, 1]"),
        ("[sampler]\ntop_k = 1.5", "[sampler] top_k is not a whole number"),
        ("[sampler]\nban = ' Sure'", "[sampler] ban is not a list of texts"),
        ("[sampler]\nbias = ['a']", "[sampler] bias: 'a' is not understood; write TOKEN=VALUE"),
        ("[sampler]\ntypical_p = 0", "typical-p 0 is not in (0, 1]"),
        ("[sampler]\nseed = true", "[sampler] seed is not a whole number"),
        ("[sampler]\ntemperature = nan", "temperature nan is not in"),
        ("[model]\nkv = 'f33'", "[model] kv cannot be 'f33'; did you mean f32?"),
        ("[model]\nctx = -1", "[model] ctx is not a whole number"),
        ("response = 'on'", "response cannot be 'on'"),
        ("shading = 'shift'", "shading cannot be 'shift'"),
        ("low_bandwidth = 1", "low_bandwidth is neither true nor false"),
        ("theme = 3", "theme is not a text"),
        ("words = []", "0 entries"),
        ("words = ['a', 1]", "1 is not a word"),
        ("[keys]\nstp = 'v'", "[keys] there is no action 'stp'; did you mean step?"),
        ("[keys]\nstep = 'x'", "x would be the key of both step and fold"),
        ("[keys]\nstep = 'ctrl+c'", "ctrl+c cannot be bound"),
        ("words = [", "is not TOML"),
        ("words = " + "[" * 100_000, "is not TOML"),
        ("x" * (2 << 20), "more than 1 MiB"),
        (b"\xff", "is not UTF-8"),
    ],
    # Not the texts: one of them has two megabytes.
    ids=lambda value: f"{value[:40]!r}",
)
def test_what_it_cannot_say_is_refused_with_what_to_do(
    tmp_path: Path, text: str | bytes, says: str
) -> None:
    with pytest.raises(InputError) as error:
        read_config(config(tmp_path, text))
    assert says in error.value.line()
    assert "config.toml" in error.value.line()


def test_the_example_of_the_readme_holds() -> None:
    readme = Path(__file__).parents[2] / "README.md"
    (text,) = re.findall(r"```toml\n(# config\.toml\n.*?)```", readme.read_text("utf-8"), re.DOTALL)
    found = config_of(text, Path("config.toml"))
    assert (found.theme, found.response, found.words) == ("light", "off", ("Sure", "Well, then"))
    assert found.keymap.keys["undo"] == ("ctrl+z",)
    assert found.keymap.keys["suspend"] == ()


# Writing ----------------------------------------------------------------------------------------------------------

MINE = """# mine
theme = "dark"  # at night
words = [
  "Sure", # one
  "Well",
]
[keys] # my keys
step = "Y"
"""


def test_a_change_leaves_everything_else_as_it_was_written() -> None:
    changed = edited(MINE, {("", "theme"): "light", ("keys", "undo"): "Z", ("sampler", "seed"): 7})
    assert changed is not None
    assert changed.splitlines() == [
        "# mine",
        'theme = "light"  # at night',
        "words = [",
        '  "Sure", # one',
        '  "Well",',
        "]",
        "[keys] # my keys",
        'step = "Y"',
        'undo = "Z"',
        "",
        "[sampler]",
        "seed = 7",
    ]
    several = edited(MINE, {("", "words"): ('a"b\\', "c\x7f"), ("", "response"): "off"})
    assert several is not None
    assert tomllib.loads(several)["words"] == ['a"b\\', "c\x7f"]
    assert tomllib.loads(several)["response"] == "off"


@pytest.mark.parametrize("text", ['"theme" = "a"', "sampler.top_p = 0.5", "sampler = {top_p = 1}"])
def test_what_cannot_be_changed_in_place_is_left_alone(tmp_path: Path, text: str) -> None:
    assert edited(text, {("", "theme"): "b", ("sampler", "top_p"): 0.7}) is None
    path = config(tmp_path, text)
    if "theme" in text:
        with pytest.raises(InputError, match='write theme = "b" yourself'):
            write_config(path, {("", "theme"): "b"})
    assert path.read_text() == text


def test_the_first_change_begins_the_file_with_all_that_it_may_say(tmp_path: Path) -> None:
    path = tmp_path / "new" / "config.toml"
    write_config(path, {("", "theme"): "light", ("sampler", "top_p"): 0.5})
    assert len(path.read_text().splitlines()) == len(default_text().splitlines())
    assert read_config(path) == Config(theme="light", sampler={"top_p": 0.5})


def test_a_pipe_in_its_place_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    os.mkfifo(path)
    with pytest.raises(InputError, match="not a regular file"):
        read_config(path)


def test_a_file_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises((NotSaved, InputError)) as error:
        write_config(tmp_path / "file" / "config.toml", {("", "theme"): "light"})
    assert "config.toml" in error.value.line()


# Commands ---------------------------------------------------------------------------------------------------------


def test_config_prints_a_whole_file_and_begins_one(tmp_path: Path, home: dict[str, str]) -> None:
    path = tmp_path / "bftui" / "config.toml"
    done = bftui_("config", env=home)
    assert done.stdout.startswith(f"# {path}\n")
    assert config_of(done.stdout, path) == Config()
    assert bftui_("config", "--path", env=home).stdout == f"{path}\n"
    assert json.loads(bftui_("config", "--json", env=home).stdout)["exists"] is False
    assert bftui_("config", "--init", env=home).returncode == 0
    assert path.read_text() == done.stdout
    assert "is there" in fails(2, "config", "--init", env=home)
    assert "is read" in fails(2, "config", "-o", path, env=home)
    assert "exclude one another" in fails(2, "config", "--init", "--json", env=home)


def test_config_and_keys_say_what_holds(tmp_path: Path, home: dict[str, str]) -> None:
    config(tmp_path, EVERYTHING)
    said = json.loads(bftui_("config", "--json", env=home).stdout)
    assert (said["theme"], said["sampler"]["seed"], said["sampler"]["top_k"]) == ("light", 3, 0)
    assert (said["keys"]["step"], said["keys"]["help"]) == (["Y"], [])
    rows = {row["id"]: row for row in json.loads(bftui_("keys", "--json", env=home).stdout)}
    assert (rows["step"]["keys"], rows["help"]["keys"]) == ("Y", "")
    assert bftui_("keys", env=home).stdout.startswith("Y  ")


def test_it_is_read_before_anything_else(tmp_path: Path, home: dict[str, str]) -> None:
    config(tmp_path, "wrods = []")
    assert "did you mean words?" in fails(4, "run", env=home)
    assert "did you mean words?" in fails(4, "keys", env=home)
    config(tmp_path, "theme = 'drak'")
    # Not a terminal: that is known before any theme is read.
    assert "needs a terminal" in fails(2, "run", env=home)


def test_what_is_typed_goes_before_it(tmp_path: Path, home: dict[str, str]) -> None:
    orchard = table(tmp_path / "orchard.json")
    config(tmp_path, "[sampler]\ntop_p = 0.5\nseed = 9\n[model]\nctx = 64")

    def sampler(*arguments: str) -> str:
        done = bftui_("run", "--plain", orchard, "--prompt", "x", *arguments, env=home)
        assert done.returncode == 0, done.stderr
        return next(line for line in done.stdout.splitlines() if line.startswith("temperature"))

    assert "top-p 0.5, min-p 0, seed 9" in sampler()
    # Typed, though it is the default.
    assert "top-p 0.9, min-p 0, seed 9" in sampler("--top-p", "0.9")
    done = bftui_("run", "--plain", orchard, "--prompt", "x" * 80, env=home)
    assert done.returncode == 3
    assert "64" in done.stderr
