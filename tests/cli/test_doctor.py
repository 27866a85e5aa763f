"""`bftui doctor` on what is really installed, on what is broken, and on machines that are not this one."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from bftui.backends.registry import BUILTIN
from bftui.catalog.backend_probe import ProbeReport, probe
from bftui.cli.commands.doctor_command import _page, findings
from bftui.results.codec import encode
from bftui.results.command_outputs import output_schema
from tests.command_line import apart, bftui_

READY = {name: ProbeReport("a library 1.0", ("cpu",)) for name in BUILTIN}


def backend(found: dict[str, Any], name: str) -> dict[str, Any]:
    return next(b for b in found["backends"] if b["name"] == name)


def test_it_says_what_is_there() -> None:
    result = bftui_("doctor", "--json")
    assert (result.returncode, result.stderr) == (0, "")
    found = json.loads(result.stdout)
    assert [b["name"] for b in found["backends"]] == list(BUILTIN)
    assert backend(found, "reference")["ready"]
    pytest.importorskip("llama_cpp")
    assert backend(found, "llama-cpp")["library"].startswith("llama-cpp-python ")
    assert found["auto"]["GGUF file"] == "llama-cpp"


def test_what_it_says_is_what_its_result_declares() -> None:
    jsonschema.validate(encode(findings(READY, None)), output_schema("doctor"))


def test_a_broken_library_is_told_with_the_command_that_mends_it(tmp_path: Path) -> None:
    """A package of that name that cannot be imported: `run`, `info` and `doctor` say so, in one line each."""
    for name in ("llama_cpp", "torch"):
        broken = tmp_path / name
        broken.mkdir()
        (broken / "__init__.py").write_text("raise ImportError('libcudart.so.12: cannot open')\n")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    result = apart("doctor", "--json", env=environment)
    assert result.returncode == 0
    found = json.loads(result.stdout)
    llama = backend(found, "llama-cpp")
    assert not llama["ready"]
    assert "libcudart" in llama["problem"]
    assert "libcudart" in backend(found, "transformers")["problem"]
    assert shlex.split(llama["command"])[1:4] == ["-m", "pip", "install"]
    assert "llama-cpp-python>=" in llama["command"]
    assert found["auto"]["GGUF file"] == "reference"
    result = apart("info", "practice", "--backend", "llama-cpp", env=environment)
    assert result.returncode == 3
    assert result.stderr.count("\n") == 1
    assert "bftui doctor" in result.stderr


def test_a_gpu_that_a_library_was_not_built_for_gets_a_command() -> None:
    reports = READY | {"transformers": ProbeReport("torch", ("cuda (NVIDIA H100)", "cpu"))}
    found = encode(findings(reports, "cuda"))
    assert backend(found, "llama-cpp")["command"].startswith('CMAKE_ARGS="-DGGML_CUDA=on" ')
    assert backend(found, "transformers")["command"] is None
    assert backend(found, "reference")["command"] is None
    assert "GGML_METAL" in backend(encode(findings(READY, "mps")), "llama-cpp")["command"]
    assert all(b.command is None for b in findings(READY, None).backends)


def test_what_is_missing_gets_a_command_with_every_library() -> None:
    reports = READY | {"transformers": ProbeReport(missing=("torch", "transformers"))}
    known = findings(reports, None)
    found = encode(known)
    command = shlex.split(backend(found, "transformers")["command"])
    names = {part.split(">")[0] for part in command[4:]}
    assert names == {"torch", "transformers", "safetensors", "accelerate"}
    page = _page(known)
    assert "✗ transformers  not installed: torch, transformers" in page
    assert backend(found, "transformers")["command"] in page


def test_what_bftui_brings_itself_is_always_ready() -> None:
    assert probe("reference").ready
    assert probe("table").ready
