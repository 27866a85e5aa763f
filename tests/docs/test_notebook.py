"""The notebook of the examples, run cell by cell as it stands."""

import json
import math
from pathlib import Path

import pytest

NOTEBOOK = Path(__file__).resolve().parents[2] / "examples" / "trace.ipynb"


def test_the_notebook_redraws_the_curve_of_a_trace(tmp_path, monkeypatch):
    pytest.importorskip("pandas")
    matplotlib = pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    matplotlib.use("Agg")
    cells = json.loads(NOTEBOOK.read_text("utf-8"))["cells"]
    found = {}
    for number, cell in enumerate(cells):
        if cell["cell_type"] == "code":
            code = compile("".join(cell["source"]), f"{NOTEBOOK.name}, cell {number}", "exec")
            exec(code, found)
    trace = json.loads((tmp_path / "sure.json").read_text("utf-8"))
    nodes = {node["id"]: node for node in trace["nodes"]}
    before = [nodes[node]["next"] for node in trace["path"][:-1]]
    entropies = [each["entropy_truncated"] for each in before]
    assert found["bf_along"] == pytest.approx(math.exp(sum(entropies) / len(entropies)))
    curve = found["axes"].lines[0]
    assert list(curve.get_ydata()) == pytest.approx([each["bf"] for each in before])
    assert list(found["forced"]) == [0]
    found["plt"].close("all")


def test_the_notebook_is_kept_without_what_it_printed():
    cells = json.loads(NOTEBOOK.read_text("utf-8"))["cells"]
    assert not any(cell.get("outputs") for cell in cells)
