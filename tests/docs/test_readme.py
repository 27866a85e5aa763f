"""The README is run: its generated parts are fresh, its commands and its Python work, its links exist."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.readme import README, generated

TEXT = README.read_text("utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", TEXT, re.DOTALL)


def test_the_generated_parts_are_fresh():
    assert generated(TEXT) == TEXT, "run `make docs`"


def test_every_picture_and_file_exists():
    links = re.findall(r"\]\(([^)#]+)\)", TEXT)
    local = [link for link in links if "://" not in link]
    assert local
    assert [link for link in local if not (README.parent / link).exists()] == []


@pytest.mark.parametrize("code", [code for language, code in BLOCKS if language == "python"])
def test_the_python_runs(code, tmp_path):
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, timeout=120)


@pytest.mark.parametrize(
    "script", [code for language, code in BLOCKS if language == "sh" and "bftui record" in code]
)
def test_the_shell_commands_run(script, tmp_path):
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    # The environment of the README is the one that these tests run in.
    script = script.replace(". .venv/bin/activate\n", "")
    done = subprocess.run(
        ["bash", "-e", "-c", script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PATH": path},
    )
    assert done.returncode == 0, done.stderr
    traces = list(tmp_path.glob("*.json"))
    assert traces
    assert {json.loads(path.read_text())["format"] for path in traces} == {"bftui-trace"}
