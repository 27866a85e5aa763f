"""`bftui doctor`: what is installed, which backend will be used for what, and the command for what is missing."""

from __future__ import annotations

import os
import platform
import re
import shlex
import shutil
import sys
from typing import TYPE_CHECKING

from bftui import __version__
from bftui.cli.shared import options as o
from bftui.cli.shared.interrupt import interruptible
from bftui.cli.shared.opening import emit
from bftui.cli.shared.progress_bars import bar

if TYPE_CHECKING:
    from bftui.backends.backend_spec import BackendSpec
    from bftui.catalog.backend_probe import ProbeReport
    from bftui.results.doctor_output import (
        DoctorBackend,
        DoctorOutput,
        DoctorSessions,
        DoctorTerminal,
    )


def doctor(as_json: o.Json = False, output: o.AnyOutput = None) -> None:
    """Say what is installed, what will run which model, and how to get what is missing."""
    from bftui.backends.registry import names
    from bftui.catalog.backend_probe import probe
    from bftui.core.text import json_text
    from bftui.formats.machine import gpu
    from bftui.results.codec import encode

    reports: dict[str, ProbeReport] = {}
    with interruptible() as interruption, bar(interruption) as progress:
        for done, name in enumerate(asked := names()):
            interruption.check()
            progress(done / len(asked), f"asking {name}")
            reports[name] = probe(name)
    found = findings(reports, gpu())
    emit(json_text(encode(found)) if as_json else _page(found), output)


def findings(reports: dict[str, ProbeReport], gpu: str | None) -> DoctorOutput:
    """Says everything that is known.

    Args:
        reports: by backend.
        gpu: `cuda` or `mps` where this machine has such a device, else None.
    """
    from bftui.backends.registry import automatic, kinds
    from bftui.formats.machine import available_memory, physical_cores
    from bftui.formats.model_facts import GGUF
    from bftui.results.doctor_output import DoctorBackend, DoctorOutput

    titles = {"practice": GGUF, **{kind.title: kind for kind in kinds()}}
    taken = {
        title: automatic(kind, lambda name: name in reports and reports[name].ready)
        for title, kind in titles.items()
    }
    return DoctorOutput(
        bftui=__version__,
        python=platform.python_version(),
        platform=f"{platform.system()} {platform.machine()}",
        cores=physical_cores(),
        memory=available_memory(),
        gpu=gpu,
        backends=tuple(
            DoctorBackend(
                name=name,
                ready=report.ready,
                library=report.library,
                devices=report.devices,
                missing=report.missing,
                problem=report.problem,
                command=_command(name, report, gpu),
            )
            for name, report in reports.items()
        ),
        auto={title: spec.name for title, spec in taken.items() if spec is not None},
        terminal=_terminal(),
        sessions=_sessions(),
    )


def _command(name: str, report: ProbeReport, gpu: str | None) -> str | None:
    """What to type so that this backend works, or works on the machine's GPU; None where all is well."""
    from bftui.backends.registry import require

    spec = require(name, libraries=False)
    pip = f"{shlex.quote(sys.executable)} -m pip"
    if report.missing:
        return f"{pip} install {_requirements(spec)}"
    if report.problem:
        return f"{pip} install --force-reinstall --no-cache-dir {_requirements(spec)}"
    if gpu is None or gpu not in spec.gpu_installs:
        return None
    if any(device.startswith(gpu) for device in report.devices):
        return None
    return spec.gpu_installs[gpu].format(pip=pip)


def _requirements(spec: BackendSpec) -> str:
    """What pip is to install for a backend, quoted for a shell: what its extra asks for, or what it says itself."""
    from importlib.metadata import requires

    mark = re.compile(rf"""\s*;\s*extra\s*==\s*['"]{spec.extra}['"]\s*$""")
    asked = [mark.sub("", line) for line in requires("bftui") or () if mark.search(line)]
    own = spec.requirements or spec.libraries or (spec.library.partition(" ")[0],)
    return " ".join(map(shlex.quote, asked or own))


def _terminal() -> DoctorTerminal:
    from bftui.results.doctor_output import DoctorTerminal

    size = shutil.get_terminal_size()
    colours = "24 bit" if os.environ.get("COLORTERM") in ("truecolor", "24bit") else "256 or fewer"
    return DoctorTerminal(
        terminal=sys.stdout.isatty(),
        columns=size.columns,
        rows=size.lines,
        type=os.environ.get("TERM", ""),
        colours="none (NO_COLOR)" if os.environ.get("NO_COLOR") else colours,
        encoding=sys.stdout.encoding,
    )


def _sessions() -> DoctorSessions:
    from bftui.results.doctor_output import DoctorSessions
    from bftui.trace.journal import default_directory

    path = default_directory()
    there = next(folder for folder in (path, *path.parents) if folder.exists())
    writable = there.is_dir() and os.access(there, os.W_OK)
    return DoctorSessions(path=str(path), writable=writable)


def _page(found: DoctorOutput) -> str:
    """The findings for people."""
    from bftui.core.text import safe
    from bftui.formats.machine import size

    memory = f" · {size(found.memory)} of memory free" if found.memory else ""
    lines = [
        f"bftui {found.bftui} · Python {found.python} · {found.platform} · "
        f"{found.cores} cores{memory} · GPU: {found.gpu or 'none found'}",
        "",
        "backends",
    ]
    for backend in found.backends:
        mark = "✓" if backend.ready else "✗"
        lines.append(f"  {mark} {backend.name:<13} {safe(_said(backend))}")
    lines += ["", "what runs with which (--backend auto)"]
    lines += [f"    {kind:<24} {name}" for kind, name in found.auto.items()]
    lines += ["", "to type", *_advice(found)]
    terminal, sessions = found.terminal, found.sessions
    lines += [
        "",
        f"terminal  {safe(terminal.type) or 'unknown'}, {terminal.columns}×{terminal.rows}, "
        f"colours: {terminal.colours}, {terminal.encoding}",
        f"sessions  {safe(sessions.path)}"
        + ("" if sessions.writable else "  (not writable: sessions will not be kept)"),
    ]
    return "\n".join(lines)


def _said(backend: DoctorBackend) -> str:
    if backend.missing:
        return f"not installed: {', '.join(backend.missing)}"
    if backend.problem:
        return f"installed, but it does not work: {backend.problem}"
    return f"{backend.library} · on {', '.join(backend.devices)}"


def _advice(found: DoctorOutput) -> list[str]:
    from bftui.core.text import safe

    commands = [(b.name, b.ready, b.command) for b in found.backends if b.command]
    if not commands:
        return ["    nothing: everything is there"]
    return [
        f"    {safe(command)}\n        {name} {'on the GPU' if ready else 'on this machine'}"
        for name, ready, command in commands
    ]
