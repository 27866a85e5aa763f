"""The examples of `examples/extending/` are installed as another package and used, each as its page says."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bftui.results.codec import FieldError
from bftui.results.stored_result import StoredResult
from tests.command_line import ask_only, bftui_, fails

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "extending"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which pip has installed the package; nothing is fetched."""
    target = tmp_path_factory.mktemp("site")
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-build-isolation"]
    install += ["--no-deps", "--no-index", "--disable-pip-version-check", "--target", str(target)]
    subprocess.run([*install, str(EXAMPLES)], check=True, timeout=120)
    return target


@pytest.fixture(autouse=True)
def installed(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Has this process and its children find the package."""
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setenv("PYTHONPATH", f"{site}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    for name in [each for each in sys.modules if each.startswith("bftui_extending")]:
        monkeypatch.delitem(sys.modules, name)


@pytest.fixture
def text(tmp_path: Path) -> str:
    """A text that a bigram model is counted in, as a MODEL."""
    path = tmp_path / "abc.txt"
    path.write_text("abc\nabd\n")
    return f"bigram:{path}"


def test_the_backend_is_listed_and_described(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ask_only(monkeypatch, "bigram")
    doctor = json.loads(bftui_("doctor", "--json").stdout)
    found = doctor["backends"][-1]
    assert (found["name"], found["ready"], found["library"]) == (
        "bigram",
        True,
        "bftui-extending 1",
    )
    info = json.loads(bftui_("info", text, "--json").stdout)
    assert (info["backend"], info["name"], info["n_vocab"]) == ("bigram", "abc", 257)


def test_the_backend_steps_measures_and_checks(text: str, tmp_path: Path) -> None:
    trace = tmp_path / "trace.json"
    done = bftui_(
        "record", text, "--prompt", "a", "--greedy", "--steps", 9, "-o", trace, worker=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    nodes = json.loads(trace.read_text())["nodes"]
    # After `b` come `c` and `d`, each once, and a hundredth of everything.
    share = 1.01 / (2 + 257 * 0.01)
    found = nodes[1]["next"]["top"]
    assert found["ids"][:2] == [*b"cd"]
    assert found["logprobs"][:2] == pytest.approx([math.log(share)] * 2, abs=1e-4)
    assert bftui_("check", trace).returncode == 0
    looked = json.loads(bftui_("lookahead", text, "--prompt", "a", "--top", 2, "--json").stdout)
    assert looked["candidates"][0]["text"] == "b"


def test_the_rule_truncates_and_stands_in_a_trace(tmp_path: Path) -> None:
    trace = tmp_path / "trace.json"
    rule = ("--top-p", 1, "--rule", "top-a=0.5")
    done = bftui_("record", *rule, "--prompt", "Q: Name", "--steps", 4, "-o", trace, worker=True)
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(trace.read_text())
    assert document["version"] == 2
    assert document["samplers"][0]["added"] == [["top-a", 0.5]]
    for node in document["nodes"]:
        top = np.exp(node["next"]["top"]["logprobs"])
        expected = int((top >= 0.5 * top[0] ** 2).sum())
        assert node["next"]["kept"] == expected or expected == len(top)
    assert bftui_("check", trace).returncode == 0


def test_a_rule_that_is_not_there_or_a_value_that_it_does_not_take_is_one_line() -> None:
    record = ("record", "--prompt", "Q:", "--steps", 1)
    said = fails(2, *record, "--rule", "top-b=0.5")
    assert "no package adds a truncation rule 'top-b'; did you mean top-a?" in said
    assert "top-a 7 is not in [0, 1]" in fails(2, *record, "--rule", "top-a=7")


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    assert "cannot open" in fails(3, "info", f"bigram:{tmp_path / 'none.txt'}")


def _python(*arguments: str) -> str:
    """Runs Python apart: actions are declared before the table of them is made."""
    root = EXAMPLES.parents[1]
    path = f"{os.environ['PYTHONPATH']}{os.pathsep}{root}"
    done = subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_action_is_listed_among_the_keys() -> None:
    keys = json.loads(_python("-m", "bftui_extending", "keys", "--json"))
    assert [each for each in keys if each["id"] == "to_prompt"] == [
        {
            "id": "to_prompt",
            "keys": "Y",
            "name": "to the prompt",
            "description": "Go back to the prompt; the branch stays.",
        }
    ]


_PRESSED = """
import asyncio, sys
from pathlib import Path
import bftui_extending.to_prompt_action
from tests.ui.driver import table, workbench

async def main():
    async with workbench(table(Path(sys.argv[1]) / "fruit.json")) as w:
        await w.press("Y")
        print(w.notice)
        await w.press("g", "g", "Y")
        print(w.session.cursor, len(w.session.tree))

asyncio.run(main())
"""


def test_the_action_is_done_where_it_can_be_and_says_why_not_elsewhere(tmp_path: Path) -> None:
    notice, at = _python("-c", _PRESSED, str(tmp_path)).splitlines()
    assert notice == "this is the prompt: space samples a token"
    assert at == "0 3"


def test_the_measurement_is_kept_in_a_trace_read_and_reported(tmp_path: Path) -> None:
    text = (EXAMPLES / "README.md").read_text("utf-8")
    (script,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    printed = _python("-c", f"import os; os.chdir({str(tmp_path)!r})\n{script}")
    assert printed.startswith("GreedyRunResult(text='")
    (kept,) = json.loads((tmp_path / "trace.json").read_text())["measurements"]
    assert (kept["kind"], kept["settings"]) == ("greedy-run", {"sure": 0.3, "most": 64})
    assert all(share >= 0.3 for share in kept["result"]["probs"])
    page = tmp_path / "page.html"
    assert bftui_("report", tmp_path / "trace.json", "-o", page).returncode == 0
    assert "greedy-run" in page.read_text("utf-8")


def test_a_measurement_of_an_unknown_kind_or_out_of_bounds_is_refused() -> None:
    fields = {"kind": "greedy-run", "node": 0, "settings": {"sure": 0.5, "most": 8}}
    good = {**fields, "result": {"text": "a", "probs": [0.7], "stop": "length"}}
    assert StoredResult.read(good).result.probs == (0.7,)
    with pytest.raises(FieldError, match=r"result\.probs\.0"):
        StoredResult.read({**fields, "result": {"text": "a", "probs": [7], "stop": "length"}})
    with pytest.raises(FieldError, match="kind"):
        StoredResult.read({**good, "kind": "unheard-of"})
