"""From a Hugging Face directory or a GGUF file to a torch model on a device, or one clear error.

Weights come from safetensors only, tensors that are missing are an error, and code of a directory is never run.
Not for: evaluation, which is `transformers.py`.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bftui.backends import gguf_file
from bftui.backends.base import ModelInfo, OpenSpec, Progress
from bftui.backends.local import share
from bftui.backends.machine import available_memory, physical_cores, size
from bftui.backends.reference_file import GgufModel
from bftui.backends.reference_tokenizer import read_tokenizer as read_gguf_tokenizer
from bftui.backends.safetensors_file import (
    AGAIN,
    check_config,
    check_directory,
    directory_files,
    stored,
    weight_files,
)
from bftui.backends.transformers_cache import attention_layers, can_cut, path_cache
from bftui.backends.transformers_library import (
    LIBRARY,
    one_line,
    out_of_memory,
    reporting,
    torch,
    transformers,
)
from bftui.backends.transformers_tokenizer import HfTokenizer, read_tokenizer
from bftui.backends.vocabulary import vocabulary_sha256
from bftui.core.errors import (
    BftuiError,
    CapabilityError,
    MissingDependency,
    ModelLoadError,
    UnsupportedModel,
)

_DEFAULT_CTX = 4096
_SHARE = 0.7
"""Of the free memory that weights may take; the rest is for the cache and for what is being computed."""

_TYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}


@dataclass(frozen=True)
class Loaded:
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


@dataclass(frozen=True)
class _Source:
    """Where a model lies: a directory, or a GGUF file, whose header is then open.

    Attributes:
        weights: the files that hold the weights.
        stored: what most weights are stored as.
    """

    path: Path
    gguf: GgufModel | None
    weights: list[Path]
    stored: str

    @property
    def bytes(self) -> int:
        """The size of the weights' files."""
        return sum(file.stat().st_size for file in self.weights)

    @property
    def arguments(self) -> dict[str, Any]:
        """What `from_pretrained` needs to find it, and nothing else."""
        found: dict[str, Any] = {
            "pretrained_model_name_or_path": str(self.path.parent if self.gguf else self.path),
            "local_files_only": True,
            "trust_remote_code": False,
        }
        if self.gguf:
            found["gguf_file"] = self.path.name
        return found

    @property
    def name(self) -> str:
        """What people call the model."""
        if self.gguf is not None:
            return str(self.gguf.value("general.name", self.path.stem))
        return self.path.resolve().name


def load(spec: OpenSpec, progress: Progress) -> Loaded:
    """Opens what `spec` names.

    Raises ModelLoadError, UnsupportedModel, CapabilityError, MissingDependency, ModelError and Cancelled.
    """
    source = _source(Path(spec.source))
    device = _device(spec)
    torch.set_num_threads(spec.threads or physical_cores())
    with _quiet():
        _check_kind(source)
        dtype = _dtype(spec, device, source)
        _check_kv(spec, dtype)
        model = _model(source, dtype, device, share(progress, 0, 0.5))
        text = model.config.get_text_config(decoder=True)
        n_vocab = int(model.get_output_embeddings().weight.shape[0])
        tokenizer = _tokenizer(source, n_vocab)
        files = source.weights if source.gguf else directory_files(source.path)
        sha256 = gguf_file.files_sha256(
            files, share(progress, 0.5, 1), joined=not source.gguf or len(files) > 1
        )
        cache = _new_cache(model, text)
        info = _info(spec, source, model, text, tokenizer, cache, dtype, device, sha256)
        _check_context(info, device)
    return Loaded(model, text, info, tokenizer, device, cache is not None)


def _source(path: Path) -> _Source:
    if path.is_file():
        file = GgufModel(path)
        return _Source(path, file, gguf_file.parts(path), file.quantization)
    check_directory(path)
    weights = weight_files(path)
    found = stored(weights)
    check_config(path, found.tensors)
    return _Source(path, None, weights, found.kind)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps the libraries' warnings off the terminal: what matters of them is checked here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


# Where and in which type ------------------------------------------------------------------------------------------


def _device(spec: OpenSpec) -> str:
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


def _dtype(spec: OpenSpec, device: str, source: _Source) -> Any:
    """The type of weights and cache; raises CapabilityError where the device does not compute in it.

    `auto`: on a GPU the type that the weights are stored in; on the CPU float32 where that fits into the memory.
    """
    if spec.dtype == "auto":
        own = _TYPES.get(source.stored, torch.float32)
        room = _SHARE * (available_memory() or 2**63)
        wide = device == "cpu" and source.bytes * 4 / own.itemsize < room
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


def _kv_name(dtype: Any) -> str:
    return {torch.float32: "f32", torch.float16: "f16"}.get(dtype, "bf16")


def _check_kv(spec: OpenSpec, dtype: Any) -> None:
    if spec.kv not in ("auto", _kv_name(dtype)):
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


def _trained(config: Any) -> int | None:
    """The context that the model was trained with; None where its config does not say."""
    trained = getattr(config.get_text_config(decoder=True), "max_position_embeddings", None)
    return int(trained) if trained else None


# Loading ----------------------------------------------------------------------------------------------------------


def _check_kind(source: _Source) -> None:
    """Raises UnsupportedModel for what does not predict next tokens, ModelLoadError for a config of no sense."""
    try:
        config = transformers.AutoConfig.from_pretrained(**source.arguments)
    except Exception as error:
        raise _config_error(source, error) from error
    names = set(transformers.models.auto.modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.values())
    architectures = config.architectures or []
    known = any(name in names for name in architectures) or not architectures
    if not known or config.is_encoder_decoder:
        raise UnsupportedModel(
            f"{source.path} has no next-token distribution",
            f"it is a {(architectures or [config.model_type])[0]}",
            "open a model that generates text",
        )


def _config_error(source: _Source, error: Exception) -> BftuiError:
    text = str(error)
    if "trust_remote_code" in text or "custom code" in text:
        return UnsupportedModel(
            f"cannot load {source.path}",
            "it asks to run code of its own, which bftui never does",
            "open a model whose architecture transformers knows, or its GGUF file",
        )
    if "model type" in text or "Unrecognized model" in text or "not supported" in text:
        return UnsupportedModel(
            f"cannot load {source.path}",
            f"its architecture is unknown to transformers {transformers.__version__}",
            "a newer transformers may know it",
        )
    return ModelLoadError(f"cannot read the config of {source.path}", one_line(error), AGAIN)


def _model(source: _Source, dtype: Any, device: str, progress: Progress) -> Any:
    need, free = source.bytes, available_memory()
    if device == "cpu" and free is not None and need > free:
        raise ModelLoadError(
            f"{source.path} does not fit into the memory",
            f"its weights take {size(need)} and {size(free)} are available",
            "open a smaller or quantised one",
        )
    progress(0.0, "loading the weights")
    placed = {} if device == "cpu" else {"device_map": {"": device}}
    try:
        with reporting(progress), out_of_memory(device, f"{source.path}"):
            model, loading = transformers.AutoModelForCausalLM.from_pretrained(
                **source.arguments,
                **placed,
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
        raise ModelLoadError(f"cannot load {source.path}", one_line(error), AGAIN) from error
    _check_complete(source, loading)
    return model.eval()


def _check_complete(source: _Source, loading: dict[str, Any]) -> None:
    """Raises ModelLoadError for tensors that the library would have filled with random numbers."""
    missing = sorted(map(str, loading.get("missing_keys") or ()))
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
            AGAIN,
        )


def _tokenizer(source: _Source, n_vocab: int) -> HfTokenizer:
    if source.gguf is None:
        return read_tokenizer(source.path, n_vocab)
    found = read_gguf_tokenizer(source.gguf)
    return HfTokenizer(
        eos_id=found.eos_id,
        vocabulary=found.vocabulary,
        encode=found.encode,
        bos_id=found.bos_id,
        add_bos=found.add_bos,
        eog_ids=found.eog_ids,
        chat_template=source.gguf.value("tokenizer.chat_template"),
    )


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


def _info(
    spec: OpenSpec,
    source: _Source,
    model: Any,
    config: Any,
    tokenizer: HfTokenizer,
    cache: Any,
    dtype: Any,
    device: str,
    sha256: str,
) -> ModelInfo:
    trained = _trained(model.config)
    n_ctx = spec.n_ctx or min(trained or _DEFAULT_CTX, _DEFAULT_CTX)
    ends = set(tokenizer.eog_ids)
    for holder in (getattr(model, "generation_config", None), model.config, config):
        named = getattr(holder, "eos_token_id", None)
        ends |= set(named if isinstance(named, list | tuple) else [] if named is None else [named])
    n_vocab = len(tokenizer.vocabulary.pieces)
    return ModelInfo(
        name=source.name,
        backend="transformers",
        library=LIBRARY,
        source=str(source.path),
        architecture=str(model.config.model_type),
        n_vocab=n_vocab,
        n_ctx=n_ctx,
        n_ctx_train=trained,
        bos_id=tokenizer.bos_id,
        add_bos=tokenizer.add_bos,
        eog_ids=frozenset(int(i) for i in ends if 0 <= int(i) < n_vocab),
        eos_id=tokenizer.eos_id,
        special_ids=tokenizer.vocabulary.special_ids,
        chat_template=tokenizer.chat_template,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        quantization=_quantization(source, model),
        bytes=source.bytes,
        kv_bytes_per_token=_kv_bytes(config, cache, dtype),
        dtype=str(dtype).removeprefix("torch."),
        kv=_kv_name(dtype),
        device=device,
        threads=torch.get_num_threads(),
        sha256=sha256,
        tokenizer_sha256=vocabulary_sha256(tokenizer.vocabulary.pieces),
        rewind="recompute" if cache is None else "any" if can_cut(cache) else "checkpoint",
        max_fan_out=max(1, spec.fan_out),
        note=f"trained with {trained} tokens of context" if trained and trained < n_ctx else "",
    )


def _quantization(source: _Source, model: Any) -> str:
    """What the weights are stored as: the name of a quantisation, or of a type."""
    quantised = getattr(model.config, "quantization_config", None)
    if quantised is not None and source.gguf is None:
        method = getattr(quantised, "quant_method", "quantised")
        return str(getattr(method, "value", method))
    return source.stored


def _kv_bytes(config: Any, cache: Any, dtype: Any) -> int:
    """Bytes of keys and values for each token, over the layers that keep them."""
    if cache is None:
        return 0
    layers = attention_layers(cache) or int(config.num_hidden_layers)
    heads = int(getattr(config, "num_attention_heads", 0) or 0)
    kv_heads = getattr(config, "num_key_value_heads", None) or heads
    if not heads or not isinstance(kv_heads, int):
        return 0
    width = getattr(config, "head_dim", None) or int(config.hidden_size) // heads
    return 2 * layers * kv_heads * int(width) * int(dtype.itemsize)
