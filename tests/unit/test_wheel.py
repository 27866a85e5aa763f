"""The wheel: built, installed away from the checkout, and used there."""

import json
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from tests.groups import one_process

pytestmark = one_process("wheel")

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    out = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, ROOT]
    subprocess.run(build, check=True, capture_output=True, timeout=300)
    return next(out.glob("*.whl"))


def test_the_wheel_holds_themes_weights_and_types(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    themes = {path.name for path in (ROOT / "themes").glob("*.toml")}
    assert themes
    assert {f"bftui/themes/{name}" for name in themes} <= names
    assert {"bftui/practice/data/practice.gguf", "bftui/py.typed"} <= names
    assert not [name for name in names if name.startswith("tests/")]


def test_an_installed_wheel_runs_outside_the_checkout(wheel, tmp_path):
    home = tmp_path / "env"
    # The libraries come from this environment, the project from the wheel: nothing is fetched.
    venv.create(home, with_pip=False)
    python = home / "bin" / "python"
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    site = home / "lib" / version / "site-packages"
    zipfile.ZipFile(wheel).extractall(site)
    libraries = [p for p in sys.path if p.endswith("site-packages")]
    (site / "libraries.pth").write_text("\n".join(libraries))

    def run(*arguments):
        return subprocess.run(
            [python, "-m", "bftui", *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        ).stdout

    where = subprocess.run(
        [python, "-c", "import bftui; print(bftui.__file__)"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert str(site) in where
    document = json.loads(run("record", "--backend", "reference", "--steps", "3", "--json"))
    assert document["model"]["backend"] == "reference"
    assert len(document["nodes"]) > 1
    names = {path.stem for path in (ROOT / "themes").glob("*.toml")}
    code = "from bftui.ui.themes.theme_styles import themes; print(*themes())"
    shown = subprocess.run([python, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert names <= set(shown.stdout.split()), shown.stderr
