"""Theme files: what they may say, and what is said of those that say something else."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from bftui.core.errors import InputError
from bftui.ui.themes.theme_files import ROLES, found, named, read, shipped
from bftui.ui.themes.theme_styles import palette

README = Path(__file__).resolve().parents[2] / "README.md"

WHOLE = """
dark = false
[colors]
background = "#ffffff"
text = "#111111"
dim = "#555555"
line = "#999999"
accent = "#0044aa"
forced = "#884400"
good = "#226633"
bad = "#aa2222"
cursor = "#ddddff"
cursor_idle = "#eeeeee"
bar = "#3366cc"
bar_past = "#888888"
[ramp]
text = ["#111111", "#000000"]
steps = ["#ffffff", "#ffdd88"]
"""


def own(text: str | bytes, tmp_path: Path, name: str = "mine") -> Path:
    """Writes a theme of this person; gives its folder."""
    data = text.encode() if isinstance(text, str) else text
    (tmp_path / f"{name}.toml").write_bytes(data)
    return tmp_path


def reason(text: str | bytes, tmp_path: Path) -> str:
    """What is said of a file that is not a theme."""
    error = found(own(text, tmp_path)).damaged["mine"]
    assert error.exit_code == 4
    assert "\n" not in error.line()
    return error.line()


def test_a_few_lines_are_enough(tmp_path: Path) -> None:
    themes = found(own('extends = "light"\n[colors]\naccent = "#aa0066"', tmp_path)).themes
    mine, light = themes["mine"], shipped()["light"]
    assert mine.colors == {**light.colors, "accent": "#aa0066"}
    assert (mine.dark, mine.ramp_steps) == (light.dark, light.ramp_steps)
    assert (mine.own, mine.replaces, mine.file) == (True, False, str(tmp_path / "mine.toml"))
    assert list(themes) == [*shipped(), "mine"]


def test_a_whole_theme_extends_none(tmp_path: Path) -> None:
    mine = found(own(WHOLE, tmp_path)).themes["mine"]
    assert set(mine.colors) == set(ROLES)
    assert not mine.dark
    assert len(palette(mine).ramp) == 2


def test_a_name_that_ships_is_taken_and_said(tmp_path: Path) -> None:
    themes = found(own('extends = "dark"\n[colors]\ntext = "#ffffff"', tmp_path, "dark")).themes
    assert themes["dark"].replaces
    assert list(themes) == list(shipped())
    assert themes["dark"].colors["accent"] == shipped()["dark"].colors["accent"]


def test_the_readmes_example_is_a_whole_theme(tmp_path: Path) -> None:
    (example,) = re.findall(r"```toml\n(# themes/.*?)```", README.read_text("utf-8"), re.DOTALL)
    mine = found(own(example, tmp_path)).themes["mine"]
    without = "".join(line for line in example.splitlines(True) if not line.startswith("extends"))
    alone = found(own(without, tmp_path)).themes["mine"]
    assert alone == mine
    assert set(re.findall(r"^(\w+) = \"#", example, re.MULTILINE)) == set(ROLES)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("accent = ", "Invalid value"),
        (b"\xff\xfe", "it is not UTF-8"),
        ('extend = "dark"', "no key 'extend'; did you mean extends?"),
        ('extends = "drak"', "extends 'drak', which does not ship; did you mean dark?"),
        ("extends = 3", "extends 3, which does not ship"),
        ('extends = "dark"\n[colors]\nacent = "#ffffff"', "no role 'acent'; did you mean accent?"),
        ('extends = "dark"\n[colors]\naccent = "pink"', "accent is 'pink', which is not a colour"),
        ('extends = "dark"\n[colors]\naccent = "#ff"', "accent is '#ff', which is not a colour"),
        ('extends = "dark"\n[colors]\naccent = 7', "accent is 7, which is not a colour"),
        ('extends = "dark"\n[colors]\naccent = "ansi_blue"', "take one kind"),
        ('extends = "ansi"\n[colors]\naccent = "#0000ff"', "take one kind"),
        ('extends = "ansi"\n[colors]\naccent = "ansi_bleu"', "did you mean ansi_blue?"),
        ('extends = "dark"\ncolors = 3', "colors is not a table"),
        ('extends = "dark"\ndark = "yes"', "dark is missing, or neither true nor false"),
        ('extends = "dark"\n[ramp]\nsteps = ["#000000"]', "ramp has no list of text"),
        ('extends = "dark"\n[ramp]\nsteps = ["#000000"]\ntext = ["#ffffff"]', "from 2 to 16"),
        ('extends = "dark"\n[ramp]\nstep = []', "no key 'step'; did you mean steps?"),
        (WHOLE.replace('bar = "#3366cc"\n', ""), "no colour for bar, and extends no theme"),
        (WHOLE.partition("[ramp]")[0], "no ramp, and extends no theme"),
        (WHOLE.replace("dark = false", ""), "dark is missing"),
        ("#" * 70_000, "more than 64 KiB"),
        ("[a]\n" + "x = " + "[" * 5_000, "is damaged"),
    ],
)
def test_what_is_no_theme_is_said_in_a_line(text: str | bytes, said: str, tmp_path: Path) -> None:
    assert said in reason(text, tmp_path)


def test_nothing_of_a_damaged_one_hides_another(tmp_path: Path) -> None:
    own("accent = ", tmp_path, "bad")
    own('extends = "dark"', tmp_path, "good")
    own('extends = "dark"', tmp_path, "auto")
    (tmp_path / "folder.toml").mkdir()
    os.mkfifo(tmp_path / "pipe.toml")
    (tmp_path / "gone.toml").symlink_to(tmp_path / "nowhere")
    (tmp_path / "notes.txt").write_text("not a theme")
    known = found(tmp_path)
    assert list(known.themes) == [*shipped(), "good"]
    assert sorted(known.damaged) == ["auto", "bad", "folder", "gone", "pipe"]
    with pytest.raises(InputError, match="not a regular file"):
        named("pipe", tmp_path)


def test_a_folder_need_not_be_there(tmp_path: Path) -> None:
    assert list(found(tmp_path / "none").themes) == list(shipped())


def test_what_ships_extends_nothing() -> None:
    with pytest.raises(InputError, match="no key 'extends'"):
        read(b'extends = "dark"', "x", file="x.toml")
