"""What the tests on pretrained models share: the files, the directories, and each model opened once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bftui.model.loaded_model import Model, open_model
from tests.real import models

RUNTIMES = ("llama-cpp", "transformers")

Opened = Callable[[models.RealModel, str], Model]
"""A model on one of RUNTIMES, in this process, with one thread; it stays open."""


def _there(path: Path) -> Path:
    if not path.exists():
        pytest.fail(f"{path} is not there: `make test-real` fetches it", pytrace=False)
    return path


@pytest.fixture(scope="session")
def smollm2_gguf() -> Path:
    return _there(models.SMOLLM2.gguf)


@pytest.fixture(scope="session")
def gemma_gguf() -> Path:
    return _there(models.GEMMA.gguf)


@pytest.fixture(scope="session")
def smollm2_directory() -> Path:
    return _there(models.SMOLLM2.directory)


@pytest.fixture(scope="session")
def gemma_directory() -> Path:
    return _there(models.GEMMA.directory)


@pytest.fixture(scope="session")
def opened() -> Iterator[Opened]:
    """Opens a model where it is first asked for: its GGUF file on llama.cpp, its directory on transformers."""
    found: dict[tuple[str, str], Model] = {}

    def model(real: models.RealModel, runtime: str) -> Model:
        key = real.name, runtime
        if key not in found:
            path = _there(real.gguf if runtime == "llama-cpp" else real.directory)
            found[key] = open_model(path, backend=runtime, ctx=2048, threads=1)
        return found[key]

    yield model
    for each in found.values():
        each.close()


Figure = Callable[[str], None]
"""Tells a line of figures, which is printed at the end of the run."""


@pytest.fixture
def figure(record_property: Callable[[str, object], None]) -> Figure:
    return lambda line: record_property("figure", line)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Prints the figures, in the order of the tests' names."""
    lines = [
        (report.nodeid, value)
        for outcome in ("passed", "failed")
        for report in terminalreporter.getreports(outcome)
        for name, value in report.user_properties
        if name == "figure" and report.when == "call"
    ]
    if lines:
        terminalreporter.section("figures")
        for _, line in sorted(lines, key=lambda each: each[0]):
            terminalreporter.line(str(line))
