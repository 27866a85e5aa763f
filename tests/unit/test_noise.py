"""The noise floor: what is gathered, how it is measured, and that it is measured once."""

import json
import math
import pathlib
import pwd
import threading

import numpy as np
import pytest

import bftui
from bftui import cli, practice
from bftui.backends.client.noise_measurement import Differences, noise
from bftui.core.noise_floor import Noise
from bftui.model import noise_cache as kept
from bftui.session.commands import Step
from bftui.trace.diff.trace_comparison import compare
from bftui.trace.reading import TraceFile
from tests.groups import TORCH
from tests.models import tiny_model
from tests.tables import table

FIELDS = (
    "positions", "rows", "logit_sd", "logit_max", "logprob_sd", "logprob_max",
    "entropy_sd", "entropy_max", "entropy_truncated_sd", "entropy_truncated_max",
)  # fmt: skip


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache of its own, so that nothing was measured before."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def tiny(tmp_path):
    return tiny_model(tmp_path / "tiny.gguf", "bpe").path


def measured(model):
    pieces = noise(model.client.backend, threading.RLock(), lambda: None)
    shares = []
    while True:
        try:
            shares.append(next(pieces))
        except StopIteration as end:
            return end.value, shares


def test_spread_and_largest_are_those_of_all_differences():
    found = Differences()
    found.add("entropy", np.array([0.3, -0.4]))
    found.add("entropy", 0.0)
    found.add("logit", np.array([np.nan, -np.inf, 2.0]))
    floor = found.noise(3, 8)
    assert floor.entropy_sd == pytest.approx(math.sqrt(0.25 / 3), rel=1e-3)
    assert floor.entropy_max == 0.4
    assert (floor.logit_sd, floor.logit_max) == (2.0, 2.0)
    assert floor.logprob_sd == 0.0
    assert tuple(floor.as_dict()) == FIELDS
    assert Noise.of(floor.as_dict()) == floor


@pytest.mark.parametrize(
    "wrong", [{"entropy_sd": -1.0}, {"rows": 2.5}, {"logit_max": "1"}, {"rows": True}]
)
def test_what_is_no_floor_is_refused(wrong):
    fields = dict.fromkeys(FIELDS, 1)
    assert Noise.of(fields).rows == 1
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Noise.of(fields | wrong)
    with pytest.raises(ValueError, match="positions"):
        Noise.of({})


@pytest.mark.parametrize(
    "backend", ["reference", "llama-cpp", pytest.param("transformers", marks=TORCH)]
)
def test_float_weights_have_a_floor_of_float_noise(tiny, backend):
    with bftui.open_model(tiny, backend=backend, threads=1) as model:
        found, shares = measured(model)
    assert found.positions > 50
    assert 0 <= found.entropy_max < 1e-4
    assert found.logit_max < 1e-3
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1.0)


def test_a_table_computes_nothing_and_has_none(tmp_path):
    with bftui.open_model(table(tmp_path / "t.json")) as model:
        assert measured(model) == (None, [])
        model.floor.measure()
        assert model.noise is None
        assert model.client.evaluated() == 0


def test_it_is_measured_once_and_kept_for_the_next_time(tiny, cache):
    with bftui.open_model(tiny, threads=1) as model:
        assert model.noise is None
        model.floor.measure()
        found = model.noise
        assert found is not None
    with bftui.open_model(tiny, threads=1) as model:
        assert model.noise == found
        model.floor.measure()
        assert model.client.evaluated() == 0
    with bftui.open_model(tiny, threads=1, kv="f16") as model:
        assert model.noise is None
    [file] = (cache / "bftui" / "noise").iterdir()
    file.write_text('{"positions": "many"}')
    with bftui.open_model(tiny, threads=1) as model:
        assert model.noise is None


def test_a_cache_that_cannot_be_written_ends_nothing(tiny, cache):
    cache.write_text("a file")
    with bftui.open_model(tiny, threads=1) as model:
        model.floor.measure()
        assert model.noise is not None


def test_a_home_that_nobody_knows_ends_nothing(tiny, tmp_path, monkeypatch):
    def nobody(*_):
        raise KeyError

    for name in ("HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", nobody)
    monkeypatch.chdir(tmp_path)
    with bftui.open_model(tiny, threads=1) as model:
        model.floor.measure()
        assert model.noise is not None
    assert [*tmp_path.iterdir()] == [tiny]


def test_through_a_worker_it_is_the_same(tiny, cache):
    with bftui.open_model(tiny, threads=1) as model:
        model.floor.measure()
        found = model.noise
    kept._file(model.info).unlink()
    with bftui.open_model(tiny, threads=1, worker=True) as model:
        model.floor.measure()
        assert model.noise == found


def test_info_a_trace_and_what_reads_it_know_it(tiny, tmp_path, capsys):
    assert cli.run(["info", str(tiny), "--json", "--threads", "1"]) == 0
    told = json.loads(capsys.readouterr().out)["noise"]
    assert tuple(told) == FIELDS
    assert cli.run(["info", str(tiny), "--threads", "1"]) == 0
    assert "noise " in capsys.readouterr().out
    out = tmp_path / "t.json"
    asked = [
        "record",
        str(tiny),
        "--threads",
        "1",
        "--prompt",
        "The river",
        "--steps",
        "3",
        "-o",
        str(out),
    ]
    assert cli.run(asked) == 0
    assert json.loads(out.read_text())["model"]["noise"] == told
    with bftui.open_model(tiny, threads=1) as model:
        session = bftui.Session(model, "The river")
        session.do(Step())
        assert session.trace().head["model"]["noise"] == told


def test_traces_with_other_floors_are_the_same(tiny, tmp_path):
    paths = [tmp_path / name for name in ("a.json", "b.json", "c.json")]
    assert (
        cli.run(["record", str(tiny), "--threads", "1", "--steps", "2", "-o", str(paths[0])]) == 0
    )
    document = json.loads(paths[0].read_text())
    document["model"]["noise"]["entropy_sd"] = 0.5
    paths[1].write_text(json.dumps(document))
    del document["model"]["noise"]
    paths[2].write_text(json.dumps(document))
    for other in paths[1:]:
        assert compare(TraceFile(paths[0]), TraceFile(other)).same


def test_the_practice_pair_is_near_its_floor(cache):
    with bftui.open_model(practice.path("practice"), backend="reference", threads=1) as model:
        model.floor.measure()
        assert model.noise.entropy_max < 0.05


def test_a_difference_within_the_floor_says_so(tiny, tmp_path, capsys):
    paths = [str(tmp_path / name) for name in ("a.json", "b.json", "c.json")]
    assert cli.run(["record", str(tiny), "--threads", "1", "--steps", "2", "-o", paths[0]]) == 0
    document = json.loads(pathlib.Path(paths[0]).read_text())
    floor = document["model"]["noise"]
    document["nodes"][1]["next"]["entropy"] += floor["entropy_max"] + 1e-6
    floor["entropy_max"] += 1e-6
    pathlib.Path(paths[1]).write_text(json.dumps(document))
    document["nodes"][1]["next"]["entropy"] += 0.01
    pathlib.Path(paths[2]).write_text(json.dumps(document))
    for other, within in zip(paths[1:], (True, False), strict=True):
        capsys.readouterr()
        assert cli.run(["diff", paths[0], other, "--json"]) == 5
        found = json.loads(capsys.readouterr().out)["largest_entropy_difference"]
        assert found["within_noise"] is within
        assert cli.run(["diff", paths[0], other]) == 5
        assert ("noise floor" in capsys.readouterr().out.replace("\n", " ")) is within
