"""What `bftui doctor --json` says of a machine: what is installed, and what will run which model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorBackend:
    """One backend.

    Attributes:
        name, ready: what it is called, and whether it works.
        library, devices: what it runs on.
        missing: libraries that are not installed.
        problem: why it does not work; "" where it does.
        command: what to type so that it works, or works on the GPU; None where all is well.
    """

    name: str
    ready: bool
    library: str
    devices: tuple[str, ...]
    missing: tuple[str, ...]
    problem: str
    command: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorTerminal:
    """The terminal: whether there is one, its size in cells, its type, its colours and its encoding."""

    terminal: bool
    columns: int
    rows: int
    type: str
    colours: str
    encoding: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorSessions:
    """Where sessions are kept, and whether they can be."""

    path: str
    writable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorOutput:
    """Everything that is known of a machine.

    Attributes:
        bftui, python, platform: versions, and the system.
        cores, memory: of the processor, and bytes that are free; None where nobody knows.
        gpu: `cuda` or `mps`; None without one.
        backends: each, in the order in which they are asked.
        auto: what runs which kind of model.
        terminal, sessions: where it runs, and where it keeps sessions.
    """

    bftui: str
    python: str
    platform: str
    cores: int
    memory: int | None
    gpu: str | None
    backends: tuple[DoctorBackend, ...]
    auto: Mapping[str, str]
    terminal: DoctorTerminal
    sessions: DoctorSessions
