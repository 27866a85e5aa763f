"""The parts of a trace that do not grow: model, prompt, sampler, as plain data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from bftui.core.noise_floor import Noise
from bftui.core.sampler import FIRST, Sampler, written_sampler
from bftui.core.text import of_path
from bftui.formats.mixture_forms import mixture_kind

MODEL_FIELDS = (
    "name",
    "backend",
    "library",
    "source",
    "sha256",
    "tokenizer_sha256",
    "architecture",
    "n_vocab",
    "n_ctx",
    "dtype",
    "kv",
    "device",
    "threads",
)

PART_FIELDS = ("name", "backend", "library", "sha256", "dtype", "kv", "device")
"""What is said of each model of a mixture."""


class DescribedModel(Protocol):
    """Anything with the fields of a trace's `model`."""

    @property
    def name(self) -> str: ...

    @property
    def title(self) -> str: ...

    @property
    def note(self) -> str: ...


def model_fields(info: DescribedModel, noise: Noise | None = None) -> dict[str, Any]:
    """Writes `model` of the trace, with its noise floor.

    `title` is there where a model calls itself something else than its name, `note` where there is something to say of
    it, `rows` where every batch of continuations has so many, `parts` where models are mixed.
    """
    fields = {name: getattr(info, name) for name in MODEL_FIELDS}
    for name in ("name", "source"):
        fields[name] = of_path(fields[name])
    if getattr(info, "padded", False):
        fields["rows"] = getattr(info, "batch_rows", None)
    if parts := getattr(info, "parts", ()):
        fields["parts"] = [{name: getattr(part, name) for name in PART_FIELDS} for part in parts]
    told = {"title": info.title if info.title != info.name else "", "note": info.note}
    fields |= {name: text for name, text in told.items() if text}
    if noise is not None:
        fields["noise"] = noise.as_dict()
    return fields


def noise_of(model: Any) -> Noise | None:
    """Returns the noise floor of a `model` that was read; None where its trace has none."""
    return None if model.noise is None else Noise.of(model.noise.model_dump())


def prompt_fields(
    text: str,
    rendered: str,
    token_ids: Sequence[int],
    *,
    system: str | None = None,
    messages: list[dict[str, Any]] | None = None,
    template: str = "raw",
    prefill: str = "",
    told: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Writes `prompt` of the trace; `prefill` only where an answer was begun; with what else a template was `told`."""
    fields: dict[str, Any] = {
        "text": text,
        "system": system,
        "messages": messages,
        "template": template,
        "rendered": rendered,
        "token_ids": list(token_ids),
        "scores": None,
    }
    return {**fields, **({"prefill": prefill} if prefill else {}), **(told or {})}


def version_of(source: str, samplers: Iterable[Sampler]) -> int:
    """Return the version of a trace: 2 where a reader of 1 would misread what its samplers do, or what its model is."""
    further = any(sampler_fields(each).keys() - {*FIRST} for each in samplers)
    return 2 if further or mixture_kind(source) is not None else 1


def sampler_fields(sampler: Sampler) -> dict[str, Any]:
    """Writes one entry of `samplers`."""
    return written_sampler(sampler)
