"""The options that commands share, under the names of every command line of the project."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from bftui.core.errors import InputError, UsageError

if TYPE_CHECKING:
    from bftui.core.sampler import Sampler
    from bftui.session.prompt import Prompt as Asked

Model = Annotated[
    str,
    typer.Argument(
        metavar="[MODEL]",
        help="practice, a path to a GGUF file or to a Hugging Face directory, or table:FILE.json.",
        show_default=True,
    ),
]
Backend = Annotated[
    str, typer.Option(help="auto, or one of reference, llama-cpp, transformers, table.")
]
Ctx = Annotated[
    int, typer.Option(min=0, help="Context in tokens; 0 takes the model's own, at most 4096.")
]
Threads = Annotated[
    int, typer.Option(min=0, max=512, help="Compute threads; 0 takes the physical cores.")
]
GpuLayers = Annotated[int, typer.Option(min=-1, help="Layers on the GPU; -1 takes all.")]
Device = Annotated[Literal["auto", "cpu", "cuda", "mps"], typer.Option(help="Where to compute.")]
Dtype = Annotated[
    Literal["auto", "float32", "bfloat16", "float16"], typer.Option(help="Type of the weights.")
]
Kv = Annotated[
    Literal["auto", "f32", "f16"],
    typer.Option(
        help="Type of the KV cache; auto takes f32 up to 4 GiB (transformers: that of the weights)."
    ),
]
Prompt = Annotated[str | None, typer.Option(help="The prompt.")]
PromptFile = Annotated[
    Path | None, typer.Option(help="Read the prompt from a file; - is standard input.")
]
System = Annotated[
    str | None, typer.Option(help="System text: what the model is told before the prompt.")
]
Template = Annotated[
    Literal["auto", "raw", "chat"],
    typer.Option(
        help="raw takes the prompt as it is, chat puts it into the model's chat template; "
        "auto takes chat where the model has one."
    ),
]
Prefill = Annotated[str, typer.Option(help="How the answer begins; the model goes on from there.")]
Temperature = Annotated[float, typer.Option(help="Temperature of P~; above 0.")]
TopK = Annotated[int, typer.Option(help="Keep the K best tokens; 0 keeps all.")]
TopP = Annotated[float, typer.Option(help="Keep the best tokens that hold this mass; 1 keeps all.")]
MinP = Annotated[
    float, typer.Option(help="Keep tokens of at least this share of the best one's probability.")
]
Seed = Annotated[int, typer.Option(help="Seed of every draw.")]
Output = Annotated[
    Path | None, typer.Option("-o", "--output", help="Write the result here, as JSON.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]


def prompt_text(prompt: str | None, prompt_file: Path | None) -> str | None:
    """The prompt of the two options; None where neither is given. Raises UsageError, InputError."""
    if prompt is not None and prompt_file is not None:
        raise UsageError("--prompt and --prompt-file exclude each other")
    if prompt_file is None:
        return prompt
    data = read_bytes(prompt_file)
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise InputError(f"{prompt_file} is not UTF-8", str(error)) from error


def read_bytes(path: Path) -> bytes:
    """An input file; - is standard input. Raises InputError."""
    try:
        return sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {path}", error.strerror or str(error)) from error


def asked(
    prompt: str | None,
    prompt_file: Path | None,
    system: str | None,
    template: Literal["auto", "raw", "chat"],
    prefill: str,
) -> tuple[Asked, bool]:
    """The prompt of the options, and whether a text was given. Raises UsageError, InputError."""
    from bftui.session.prompt import Prompt

    text = prompt_text(prompt, prompt_file)
    return Prompt(text or "", system, template, prefill), text is not None


def sampler(temperature: float, top_k: int, top_p: float, min_p: float, seed: int) -> Sampler:
    """The sampler of the options; raises UsageError."""
    from bftui.core.sampler import Sampler

    return Sampler(temperature, top_k, top_p, min_p, seed)


def open_options(
    ctx: int, threads: int, gpu_layers: int, device: str, dtype: str, kv: str
) -> dict[str, Any]:
    """The keywords of `open_model` that the options stand for."""
    return {
        "ctx": ctx,
        "threads": threads,
        "gpu_layers": gpu_layers,
        "device": device,
        "dtype": dtype,
        "kv": kv,
    }
