"""`bftui themes`: what there is and where it comes from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bftui.cli import run
from bftui.ui.themes.theme_files import own_folder, shipped


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    own_folder().mkdir(parents=True)
    return own_folder()


def test_json_has_name_ground_and_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "mine.toml").write_text('extends = "foolscap"')
    assert run(["themes", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)["themes"]
    assert [theme["name"] for theme in listed] == [*shipped(), "mine"]
    assert listed[0] == {"name": "dark", "dark": True, "file": shipped()["dark"].file}
    assert listed[-1] == {"name": "mine", "dark": False, "file": str(folder / "mine.toml")}
    assert all(Path(theme["file"]).is_file() for theme in listed)


def test_the_list_says_whose_a_theme_is(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "light.toml").write_text('extends = "light"')
    (folder / "oops.toml").write_text('extends = "lihgt"')
    assert run(["themes"]) == 0
    out, err = capsys.readouterr()
    (light,) = [line for line in out.splitlines() if line.startswith("light")]
    assert light.endswith("yours, in the place of the one that ships")
    assert str(folder / "light.toml") in out
    assert out.rstrip().endswith(f"Your own are NAME.toml in {folder}")
    assert "oops.toml is damaged" in err
    assert "did you mean light?" in err


def test_a_damaged_theme_that_is_asked_for_ends_with_4(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "oops.toml").write_text("dark = 3")
    for module in ("terminal.terminal", "app"):
        monkeypatch.setattr(f"bftui.ui.{module}.check_terminal", lambda _: None)
    for name, code, said in (("oops", 4, "is damaged"), ("oop", 2, "there is no theme 'oop'")):
        assert run(["run", "--theme", name]) == code
        assert said in capsys.readouterr().err
