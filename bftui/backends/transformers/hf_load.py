"""From a Hugging Face directory or a GGUF file to a torch model on a device, or one clear error.

Weights come from safetensors only, tensors that are missing are an error, and code of a directory is never run.
Not for: evaluation, which is `hf_backend.py`.
"""

from __future__ import annotations

import inspect
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bftui.backends.protocol import ModelInfo
from bftui.backends.reference.reference_file import GgufModel
from bftui.backends.reference.reference_tokenizer import GgufTokenizer
from bftui.backends.reference.reference_tokenizer import read_tokenizer as read_gguf_tokenizer
from bftui.backends.registry import installed
from bftui.backends.shared.path_backend import share
from bftui.backends.transformers.hf_cache import path_cache
from bftui.backends.transformers.hf_gguf import check_settings, check_tensors, set_rotation
from bftui.backends.transformers.hf_info import describe, kv_name
from bftui.backends.transformers.hf_library import (
    one_line,
    out_of_memory,
    reporting,
    torch,
    transformers,
)
from bftui.backends.transformers.hf_size import CAUSAL, SPARE, check_size
from bftui.backends.transformers.hf_source import WeightsSource, open_source, read_config
from bftui.backends.transformers.hf_tokenizer import HfTokenizer, read_tokenizer
from bftui.core.errors import (
    BftuiError,
    Cancelled,
    CapabilityError,
    MissingDependency,
    ModelLoadError,
    UnsupportedModel,
)
from bftui.formats import gguf_file
from bftui.formats.machine import available_memory, fits_as_float32, physical_cores, size
from bftui.formats.open_spec import OpenSpec, Progress
from bftui.formats.safetensors_file import directory_files

_LAYER = re.compile(r"\b(?:layers|h|blocks)\.\d+\.")
"""In the names of the tensors of a layer."""

_TYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}


@dataclass(frozen=True)
class LoadedTransformer:
    """A model ready to be evaluated.

    Attributes:
        model: in evaluation mode, on `device`.
        config: of its text part.
        cached: whether it can go on from a cache; else every evaluation starts from the first token.
    """

    model: Any
    config: Any
    info: ModelInfo
    tokenizer: HfTokenizer
    device: str
    cached: bool


def load(spec: OpenSpec, progress: Progress) -> LoadedTransformer:
    """Opens what `spec` names.

    Raises ModelLoadError, UnsupportedModel, CapabilityError, MissingDependency, ModelError and Cancelled.
    """
    source = open_source(Path(spec.source))
    device = choose_device(spec)
    torch.set_num_threads(spec.threads or physical_cores())
    with quiet():
        config = read_config(source)
        dtype = choose_dtype(spec, device, source)
        _check_kv(spec, dtype)
        if source.gguf is not None:
            check_settings(source.gguf, config)
        check_size(source, config, dtype.itemsize, device)
        model = load_weights(source, config, dtype, device, share(progress, 0, 0.5))
        text = model.config.get_text_config(decoder=True)
        n_vocab = int(model.get_output_embeddings().weight.shape[0])
        tokenizer = _tokenizer(source, n_vocab)
        files = source.weights if source.gguf else directory_files(source.path)
        sha256 = gguf_file.files_sha256(
            files, share(progress, 0.5, 1), joined=not source.gguf or len(files) > 1
        )
        cache = _new_cache(model, text)
        info = describe(spec, source, model, text, tokenizer, cache, dtype, device, sha256)
        _check_context(info, device)
        if source.gguf is not None:
            check_tensors(source.gguf, model)
            set_rotation(source.gguf, model, info.n_ctx)
        _check_rotation(source, text, info.n_ctx)
    return LoadedTransformer(model, text, info, tokenizer, device, cache is not None)


@contextmanager
def quiet() -> Iterator[None]:
    """Keeps the libraries' warnings off the terminal: what matters of them is checked here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


# Where and in which type ------------------------------------------------------------------------------------------


def choose_device(spec: OpenSpec) -> str:
    """Return where to compute: `auto` takes a GPU. Raises CapabilityError where there is no such device."""
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if (spec.device == "cuda" and not cuda) or (spec.device == "mps" and not mps):
        raise CapabilityError(
            f"there is no device {spec.device} here",
            f"torch {torch.__version__} finds none",
            "use --device cpu, or install a torch that was built for it",
        )
    if spec.device != "auto":
        return spec.device
    if spec.gpu_layers == 0:
        return "cpu"
    return "cuda" if cuda else "mps" if mps else "cpu"


def choose_dtype(spec: OpenSpec, device: str, source: WeightsSource) -> Any:
    """Return the type of weights and cache; raises CapabilityError where the device does not compute in it.

    `auto`: on a GPU the type that the weights are stored in; on the CPU float32 where that fits into the memory.
    """
    if spec.dtype == "auto":
        own = _TYPES.get(source.stored, torch.float32)
        wide = device == "cpu" and fits_as_float32(source.bytes, own.itemsize)
        return torch.float32 if wide else own
    dtype = getattr(torch, spec.dtype)
    try:
        one = torch.ones((2, 2), dtype=dtype, device=device)
        torch.nn.functional.silu(one @ one)
    except (RuntimeError, TypeError) as error:
        raise CapabilityError(
            f"{device} does not compute in {spec.dtype}", one_line(error), "use --dtype float32"
        ) from error
    return dtype


def _check_kv(spec: OpenSpec, dtype: Any) -> None:
    if spec.kv not in ("auto", kv_name(dtype)):
        raise CapabilityError(
            f"the cache cannot be {spec.kv} here",
            "the transformers backend keeps it in the type of the weights",
            f"use --dtype {'float32' if spec.kv == 'f32' else 'float16'}, or --kv auto",
        )


def _check_context(info: ModelInfo, device: str) -> None:
    """Raises ModelLoadError where the memory cannot hold the keys and values of a whole context."""
    free = available_memory() if device == "cpu" else None
    need = info.n_ctx * info.kv_bytes_per_token
    if free is not None and need > free:
        raise ModelLoadError(
            f"a context of {info.n_ctx} tokens does not fit",
            f"it needs {size(need)} and {size(free)} are available",
            "choose a smaller --ctx",
        )


def _check_rotation(source: WeightsSource, config: Any, n_ctx: int) -> None:
    """Raises ModelLoadError for a context in which the rotary embedding changes with the length of the text.

    Keys that are in the cache keep the rotation that they were made with: numbers would depend on the way to them.
    """
    given = getattr(config, "rope_parameters", None) or {}
    for each in [given, *(part for part in given.values() if isinstance(part, dict))]:
        if each.get("rope_type") not in ("dynamic", "longrope") or source.gguf is not None:
            continue
        least = each.get("original_max_position_embeddings") or config.max_position_embeddings
        if n_ctx > least:
            raise ModelLoadError(
                f"cannot open {source.path} with a context of {n_ctx} tokens",
                f"past {least} tokens its rotary embedding changes with the length of the text",
                f"choose --ctx {least} or less",
            )


# Loading ----------------------------------------------------------------------------------------------------------


def load_weights(
    source: WeightsSource,
    config: Any,
    dtype: Any,
    device: str,
    progress: Progress,
    auto: str = CAUSAL,
) -> Any:
    """Return a torch model in evaluation mode, built by the class `auto` of the library.

    Raises ModelLoadError, MissingDependency, ModelError and Cancelled.
    """
    if not progress(0.0, "loading the weights"):
        raise Cancelled("loading was cancelled")
    chosen: dict[str, Any] = {} if device == "cpu" else {"device_map": {"": device}}
    if "flash" in str(getattr(config, "_attn_implementation", "")):
        # Another library, whose results change with the shape of a batch.
        chosen["attn_implementation"] = "sdpa"
    try:
        with reporting(progress), out_of_memory(device, f"{source.path}"):
            model, loading = getattr(transformers, auto).from_pretrained(
                **source.arguments,
                **chosen,
                dtype=dtype,
                use_safetensors=True,
                # Both are told apart afterwards, by name.
                ignore_mismatched_sizes=True,
                output_loading_info=True,
            )
    except BftuiError:
        raise
    except ImportError as error:
        raise MissingDependency(
            f"cannot load {source.path}", one_line(error), "install what it names"
        ) from error
    except Exception as error:
        # Wrong shapes, damaged files and options that make no sense show as any of a dozen errors.
        raise ModelLoadError(
            f"cannot load {source.path}", one_line(error), source.otherwise
        ) from error
    _check_complete(source, loading)
    for config in (model.config, model.config.get_text_config(decoder=True)):
        # Its modules ask their config in which shape they answer.
        config.return_dict = True
    return model.eval()


def _check_complete(source: WeightsSource, loading: dict[str, Any]) -> None:
    """Raises ModelLoadError for tensors that would be random numbers, and for layers that would be left out."""
    missing = sorted(
        key for key in map(str, loading.get("missing_keys") or ()) if not SPARE.match(key)
    )
    wrong = sorted(
        str(key[0] if isinstance(key, tuple) else key)
        for key in loading.get("mismatched_keys") or ()
    )
    if missing or wrong:
        names = missing or wrong
        what = "missing" if missing else "not of the shape that its config says"
        raise ModelLoadError(
            f"cannot load {source.path}",
            f"{names[0]} is {what}, one of {len(names)} such tensors",
            source.otherwise,
        )
    left = sorted(
        key for key in map(str, loading.get("unexpected_keys") or ()) if _LAYER.search(key)
    )
    if left:
        raise ModelLoadError(
            f"cannot load {source.path}",
            f"its config has no place for {left[0]}, one of {len(left)} tensors of layers",
            source.otherwise,
        )


def _tokenizer(source: WeightsSource, n_vocab: int) -> HfTokenizer:
    if source.gguf is None:
        return read_tokenizer(source.path, n_vocab)
    found = gguf_tokenizer(source.gguf)
    return HfTokenizer(
        eos_id=found.eos_id,
        vocabulary=found.vocabulary,
        text=found.text,
        bos_id=found.bos_id,
        add_bos=found.add_bos,
        eog_ids=found.eog_ids,
        chat_template=source.gguf.value("tokenizer.chat_template"),
        template_tokens=gguf_file.template_tokens(source.gguf.value, found.vocabulary.pieces),
    )


def gguf_tokenizer(file: GgufModel) -> GgufTokenizer:
    """Return a file's tokenizer; what is not read here llama.cpp reads, where it is installed."""
    try:
        return read_gguf_tokenizer(file)
    except UnsupportedModel:
        if not installed("llama-cpp"):
            raise
    from bftui.backends.llama_cpp.llama_load import read_tokenizer as read_with_llama_cpp

    return read_with_llama_cpp(file.path)


def cache_argument(model: Any) -> str | None:
    """Under which name the model takes a cache; None where it takes none."""
    names = inspect.signature(model.forward).parameters
    return next((name for name in ("past_key_values", "cache_params") if name in names), None)


def _new_cache(model: Any, config: Any) -> Any:
    """An empty cache; None for a model that takes none of the library's."""
    if cache_argument(model) is None:
        return None
    try:
        return path_cache(config)
    except (AttributeError, KeyError, NotImplementedError, TypeError, ValueError):
        # A memory that the library keeps in a way of its own: right without it, only slower.
        return None
