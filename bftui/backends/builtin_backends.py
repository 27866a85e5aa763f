"""The backends that come with bftui, in the order in which they are listed. Imports none of their libraries.

Not for: backends of other packages, which `registry.py` finds by their entry points.
"""

from __future__ import annotations

from bftui.backends.backend_spec import BackendSpec
from bftui.formats.context_plan import default_context, planned
from bftui.formats.machine import fits_as_float32, gpu
from bftui.formats.mixture_forms import MIXTURES
from bftui.formats.model_facts import DIRECTORY, GGUF, TABLE, ModelFacts, Need
from bftui.formats.open_spec import OpenSpec

_WIDTHS = {"float32": 4.0, "bfloat16": 2.0, "float16": 2.0}
"""Bytes of a number, by --dtype."""


def _gpu_may_hold(spec: OpenSpec) -> bool:
    """Whether a GPU, which is not asked, may hold the model in the place of the main memory."""
    return spec.device != "cpu" and spec.gpu_layers != 0 and gpu() == "cuda"


def _reference_needs(facts: ModelFacts, spec: OpenSpec) -> Need:
    """Weights, keys and values are float32."""
    n_ctx = spec.n_ctx or default_context(facts.trained or 0)
    weights, context = 4 * (facts.parameters or 0), n_ctx * facts.shape.kv_numbers * 4
    return Need(weights, context, n_ctx, "reference", "f32", False)


def _llama_needs(facts: ModelFacts, spec: OpenSpec) -> Need:
    """Weights stay as they are stored; the context is planned as when the model is opened."""
    plan = planned(spec, facts.shape)
    context = plan.bytes + plan.bytes_aside
    return Need(facts.bytes, context, plan.n_ctx, "llama-cpp", plan.kv, _gpu_may_hold(spec))


def _transformers_needs(facts: ModelFacts, spec: OpenSpec) -> Need:
    """Weights have the type of --dtype, else on the CPU float32 where that fits, else the type that is stored."""
    on_gpu = _gpu_may_hold(spec)
    n_ctx = spec.n_ctx or default_context(facts.trained or 0)
    stored = facts.width or 1.0
    width = _WIDTHS.get(spec.dtype)
    if width is None:
        wide = not on_gpu and fits_as_float32(facts.bytes, stored)
        width = 4.0 if wide else max(stored, 2.0)
    # Several quantised numbers share one that is stored: they stay as they are.
    weights = facts.bytes if facts.parameters is None else int(facts.bytes * width / stored)
    kv = "f32" if width == 4 else "16 bits"
    context = int(n_ctx * facts.shape.kv_numbers * width)
    return Need(weights, context, n_ctx, "transformers", kv, on_gpu)


def _table_needs(facts: ModelFacts, spec: OpenSpec) -> Need:
    """A table holds its numbers; a context takes no memory."""
    trained = facts.trained or 0
    return Need(facts.bytes, 0, min(spec.n_ctx or trained, trained), "table", "", False)


_REINSTALL = "{pip} install --force-reinstall"

BUILTIN: dict[str, BackendSpec] = {
    spec.name: spec
    for spec in (
        BackendSpec(
            "reference",
            (GGUF,),
            "bftui.backends.reference.reference_backend",
            needs=_reference_needs,
        ),
        BackendSpec(
            "llama-cpp",
            (GGUF,),
            "bftui.backends.llama_cpp.llama_backend",
            needs=_llama_needs,
            preference=1,
            libraries=("llama_cpp",),
            extra="llama",
            gpu_installs={
                "cuda": f'CMAKE_ARGS="-DGGML_CUDA=on" {_REINSTALL} --no-cache-dir llama-cpp-python',
                "mps": f'CMAKE_ARGS="-DGGML_METAL=on" {_REINSTALL} --no-cache-dir llama-cpp-python',
            },
        ),
        BackendSpec(
            "transformers",
            (DIRECTORY, GGUF),
            "bftui.backends.transformers.hf_backend",
            needs=_transformers_needs,
            libraries=("torch", "transformers", "safetensors", "accelerate"),
            extra="transformers",
            gpu_installs=dict.fromkeys(("cuda", "mps"), f"{_REINSTALL} torch"),
            chooses_dtype=True,
        ),
        BackendSpec("table", (TABLE,), "bftui.backends.table", needs=_table_needs),
        # What its models need is the sum of what each needs: see `registry.needed`.
        BackendSpec("mixture", MIXTURES, "bftui.backends.mixture.mixture_backend"),
    )
}
