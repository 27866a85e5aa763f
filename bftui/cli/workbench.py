"""`bftui run`: the workbench."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import typer

from bftui.cli import options as o
from bftui.core.errors import UsageError


def run(
    model: o.Model = "practice",
    trace: Annotated[
        Path | None, typer.Option(help="Write the trace here on quit and on `e`.")
    ] = None,
    theme: Annotated[
        str | None, typer.Option(help="dark, light, mono or ansi [default: dark].")
    ] = None,
    prompt: o.Prompt = None,
    prompt_file: o.PromptFile = None,
    system: o.System = None,
    template: o.Template = "auto",
    prefill: o.Prefill = "",
    temperature: o.Temperature = 1.0,
    top_k: o.TopK = 0,
    top_p: o.TopP = 0.9,
    min_p: o.MinP = 0.0,
    seed: o.Seed = 0,
    response: Annotated[
        Literal["auto", "off"],
        typer.Option(
            help="auto measures a forced text against controls where that takes 10 s at most; off waits for `E`."
        ),
    ] = "auto",
    backend: o.Backend = "auto",
    ctx: o.Ctx = 0,
    threads: o.Threads = 0,
    gpu_layers: o.GpuLayers = -1,
    device: o.Device = "auto",
    dtype: o.Dtype = "auto",
    kv: o.Kv = "auto",
) -> int:
    """Open the workbench: step, force and branch, and see the branching factor respond."""
    frame, given = o.asked(prompt, prompt_file, system, template, prefill)
    if not (sys.stdin.isatty() and sys.stdout.isatty()) or os.environ.get("TERM") == "dumb":
        raise UsageError(
            "the workbench needs a terminal",
            "input or output is not one",
            "use `bftui record` in scripts",
        )
    from bftui.ui.app import run as run_workbench
    from bftui.ui.settings import WorkbenchSettings

    return run_workbench(
        WorkbenchSettings(
            model=model,
            backend=backend,
            options=o.open_options(ctx, threads, gpu_layers, device, dtype, kv),
            prompt=frame if given else None,
            frame=replace(frame, text=""),
            sampler=o.sampler(temperature, top_k, top_p, min_p, seed),
            trace=trace,
            theme=theme,
            state_dir=_state_dir,
            response=response,
        )
    )


def _state_dir() -> Path:
    from platformdirs import user_state_path

    return user_state_path("bftui") / "sessions"
