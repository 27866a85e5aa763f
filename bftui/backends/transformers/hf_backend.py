"""Hugging Face models through transformers and torch: directories of safetensors, and GGUF files that it can convert.

One path with a cache that can be shortened where the model is plain attention, and copied where it is not. What has a
memory of another kind is evaluated from its first token every time: slower, and right. On CUDA logits stay on the
device, and so does the arithmetic on them.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from bftui.backends import protocol
from bftui.backends.protocol import Logits
from bftui.backends.shared.path_backend import PathBackend, PathContinuations
from bftui.backends.transformers.hf_cache import (
    can_shorten,
    continuation_cache,
    path_cache,
    selected,
    shorten,
    snapshot,
)
from bftui.backends.transformers.hf_library import LIBRARY, out_of_memory, torch
from bftui.backends.transformers.hf_load import LoadedTransformer, cache_argument, load
from bftui.backends.transformers.torch_distribution import TorchDistribution
from bftui.core.errors import ModelError, UnsupportedModel
from bftui.core.sampler import Sampler
from bftui.core.steering import Steering
from bftui.formats.open_spec import OpenSpec, Progress

_PROBE = 6
"""Tokens of the text that shows, when a model is opened, whether its cache can be trusted."""

_TEXT = "The river rises in the hills"

_FAR = -20.0
"""Logits below the best one by more than this are those of tokens that cannot occur."""


class TransformersBackend(PathBackend):
    """One torch model; implements `protocol.Backend`."""

    def __init__(self, loaded: LoadedTransformer) -> None:
        super().__init__(loaded.info, loaded.tokenizer.vocabulary, loaded.tokenizer.text)
        self._loaded = loaded
        self._beside: TransformersBackend | None = None
        self._model = loaded.model
        self._config = loaded.config
        self._device = loaded.device
        self._dtype = getattr(torch, loaded.info.dtype)
        self._cache_name = cache_argument(loaded.model) if loaded.cached else None
        self._cache = self.new_cache()
        self.by_one = False
        self._open_batches = 0
        # Logits are summarised where they are: numbers of a whole vocabulary never cross to the host in a step.
        self.on_device = loaded.device == "cuda"
        self._keeps_rows = "logits_to_keep" in inspect.signature(loaded.model.forward).parameters
        for layer in _layers(loaded.model):
            # Between two layers a cancel is noticed.
            layer.register_forward_pre_hook(lambda _layer, _inputs: self.check_cancelled())

    @property
    def aside(self) -> protocol.Evaluator:
        """Another cache over the same model, so that the path's stays as it was filled."""
        if not self.info.shaped:
            return self
        if self._beside is None:
            self._beside = TransformersBackend(replace(self._loaded, info=self.info))
            self._beside.by_one = self.by_one
        return self._beside

    @property
    def drawing(self) -> protocol.Evaluator:
        return self.aside

    @property
    def evaluated(self) -> int:
        return self._evaluated + (self._beside.evaluated if self._beside else 0)

    def cancel(self) -> None:
        super().cancel()
        if (beside := self._beside) is not None:
            beside.cancel()

    def new_cache(self) -> Any:
        """Return an empty cache of a path; None where the model goes without."""
        return None if self._cache_name is None else path_cache(self._config)

    def distribution(
        self, logits: Logits, sampler: Sampler, steering: Steering | None = None
    ) -> protocol.TokenDistribution:
        if isinstance(logits, torch.Tensor):
            if sampler.plain and steering is None:
                return TorchDistribution(logits, sampler)
            logits = logits.cpu().numpy()
        return super().distribution(logits, sampler, steering)

    def run(self, batch: Sequence[Sequence[int]], cache: Any, rows: int) -> Any:
        """Evaluates equally long lines of tokens after their cache; logits of the last `rows`, (lines, rows, V)."""
        arguments: dict[str, Any] = {"use_cache": cache is not None}
        if cache is not None:
            arguments[str(self._cache_name)] = cache
        if self._keeps_rows:
            arguments["logits_to_keep"] = rows
        with torch.inference_mode(), out_of_memory(self._device, "this evaluation"):
            ids = torch.tensor(batch, dtype=torch.long, device=self._device)
            logits = self._model(input_ids=ids, **arguments).logits[:, -rows:]
            # Logits of the whole line must not be kept for the sake of its last ones.
            return logits.float() if self._keeps_rows else logits.clone().float()

    def owned(self, logits: Any) -> list[Logits]:
        """Return the rows of logits of shape (n, V), each on its own: on the device, or as NumPy arrays."""
        rows = list(logits.unbind(0)) if self.on_device else list(logits.cpu().numpy())
        # A row that is kept must not keep all the others.
        return (
            [row.clone() if self.on_device else row.copy() for row in rows]
            if len(rows) > 1
            else rows
        )

    def _shorten_cache(self, length: int) -> int:
        if self._cache is not None and can_shorten(self._cache) and length:
            shorten(self._cache, length, shared=self._open_batches > 0)
            return length
        self._cache = self.new_cache()
        return 0

    def _save(self) -> tuple[Any, int] | None:
        return None if self._cache is None else snapshot(self._cache)

    def _restore(self, state: Any) -> bool:
        self._cache = snapshot(state)[0]
        return True

    def _forward(self, token_ids: Sequence[int], scored: int) -> list[Logits]:
        try:
            if self.by_one and self._path and self._cache is not None:
                lines = [[token_id] for token_id in token_ids]
            elif self._cache is None:
                lines = [[*self._path, *token_ids]]
            else:
                lines = [list(token_ids)]
            found: list[Logits] = []
            for line in lines:
                wanted = len(token_ids) - scored if len(lines) == 1 else 1
                found += self.owned(self.run([line], self._cache, max(1, wanted))[0])
        except BaseException:
            # Some layers hold the new tokens, others do not.
            self._shorten(len(self._path))
            raise
        return found[len(found) - (len(token_ids) - scored) :]

    def _open_continuations(self, length: int, rows: int) -> PathContinuations:
        return _Continuations(self, length, rows)

    def open_cache(self, length: int, rows: int) -> Any:
        """Return a cache of `rows` continuations of the first `length` ids of the path, or None."""
        with torch.inference_mode(), out_of_memory(self._device, f"room for {rows} continuations"):
            cache = None if self._cache is None else continuation_cache(self._cache, length, rows)
        self._open_batches += 1
        return cache

    def closed(self) -> None:
        """Says that one batch reads the path's buffers no more."""
        self._open_batches -= 1

    def prefix(self, length: int) -> list[int]:
        """Return the first ids of the path."""
        return self._path[:length]

    def check_cache(self) -> None:
        """Finds out how far the model's cache can be trusted, by what one pass over a whole text gives.

        Some models that are not plain attention go on from a cache rightly by one token only, some not at all. Raises
        UnsupportedModel for a model that looks at what comes later.
        """
        ids = self._probe()
        whole = self.run([ids], None, _PROBE)[0]
        if not agree(whole[:1], self.run([ids[:1]], None, 1)[0], self._dtype):
            raise UnsupportedModel(
                f"{self.info.source} has no next-token distribution",
                "it does not read from left to right",
                "open a model that generates text",
            )
        if self._cache is None or self._goes_on(ids, 2, whole):
            return
        self.by_one = True
        if not self._goes_on(ids, 1, whole):
            self.forgo_cache()

    def _probe(self) -> list[int]:
        """The beginning of an ordinary text: tokens that were hardly trained on magnify every rounding."""
        try:
            ids = self.tokenize(_TEXT)
        except ModelError:
            ids = []
        if self.info.add_bos and self.info.bos_id is not None:
            ids = [self.info.bos_id, *ids]
        return [*ids, *(i % self.info.n_vocab for i in range(1, 1 + _PROBE))][:_PROBE]

    def forgo_cache(self) -> None:
        """Evaluates from the first token every time from now on."""
        self._shorten(0)
        self._cache_name = self._cache = None
        self._info = replace(
            self._info, rewind="recompute", kv_bytes_per_token=0, shaped=False, padded=False
        )

    def _goes_on(self, ids: Sequence[int], size: int, whole: Any) -> bool:
        """Whether these tokens, evaluated `size` at a time from a cache, give the logits of one pass."""
        cache = self.new_cache()
        parts = [ids[at : at + size] for at in range(0, len(ids), size)]
        try:
            found = torch.cat([self.run([part], cache, len(part))[0] for part in parts])
        except (
            AttributeError,
            LookupError,
            NotImplementedError,
            RuntimeError,
            TypeError,
            ValueError,
        ):
            # A model that wants a cache of its own kind says so in many ways.
            return False
        return agree(whole, found, self._dtype)

    def _free(self) -> None:
        if self._beside is not None:
            self._beside.close()
        del self._model, self._cache, self._loaded
        if self._device == "cuda":
            torch.cuda.empty_cache()


@dataclass
class _Group:
    """Continuations of the same length, evaluated together."""

    rows: list[int]
    cache: Any


class _Continuations(PathContinuations):
    """Continuations in groups: rows that are left out of a step part from the others, and go on by themselves."""

    _backend: TransformersBackend

    def __init__(self, backend: TransformersBackend, length: int, rows: int) -> None:
        super().__init__(backend, length, rows)
        self._groups = [_Group(list(range(rows)), backend.open_cache(length, rows))]
        self._uncached = self._groups[0].cache is None
        self._texts = [backend.prefix(length) for _ in range(rows)] if self._uncached else []

    def _forward(self, rows: Sequence[int], token_ids: Sequence[int]) -> list[Logits]:
        self._backend.check_open()
        given = dict(zip(rows, token_ids, strict=True))
        self._part(given.keys())
        found: dict[int, Logits] = {}
        for group in self._groups:
            if group.rows[0] not in given:
                continue
            if self._uncached:
                for row in group.rows:
                    self._texts[row].append(given[row])
                batch = [self._texts[row] for row in group.rows]
            else:
                batch = [[given[row]] for row in group.rows]
            logits = self._backend.run(batch, group.cache, 1)[:, 0]
            found |= zip(group.rows, self._backend.owned(logits), strict=True)
        return [found[row] for row in rows]

    def _part(self, wanted: Any) -> None:
        """Splits groups of which only some rows are wanted."""
        groups = []
        for group in self._groups:
            going = [place for place, row in enumerate(group.rows) if row in wanted]
            resting = [place for place, row in enumerate(group.rows) if row not in wanted]
            if not going or not resting:
                groups.append(group)
                continue
            with torch.inference_mode():
                for places in (going, resting):
                    cache = None if group.cache is None else selected(group.cache, places)
                    groups.append(_Group([group.rows[place] for place in places], cache))
        self._groups = groups

    def _drop(self, rows: Sequence[int]) -> None:
        kept = [_without(group, set(rows)) for group in self._groups]
        self._groups = [group for group in kept if group.rows]

    def _release(self) -> None:
        self._groups = []
        self._backend.closed()


def _without(group: _Group, rows: set[int]) -> _Group:
    """The group without these rows."""
    places = [place for place, row in enumerate(group.rows) if row not in rows]
    cache = group.cache
    if cache is not None and 0 < len(places) < len(group.rows):
        with torch.inference_mode():
            cache = selected(cache, places)
    return _Group([group.rows[place] for place in places], cache)


def agree(a: Any, b: Any, dtype: Any) -> bool:
    """Whether logits of shape (rows, n_vocab), computed in `dtype` in two ways, are the same distributions.

    Tokens that cannot occur, with a logit of -inf or one far below all others, say nothing and hide nothing: of the
    others the mean square difference is held against their spread. Logits that are not a distribution agree with all:
    they are told as such elsewhere.
    """
    peaks = [each.max(dim=-1, keepdim=True).values for each in (a, b)]
    if not torch.isfinite(peaks[0]).all():
        return True
    if not torch.isfinite(peaks[1]).all():
        return False
    x, y = (
        (each.double() - peak.double()).clamp(min=_FAR)
        for each, peak in zip((a, b), peaks, strict=True)
    )
    live = (x > _FAR) | (y > _FAR)
    count = live.sum(dim=-1)
    mean = (x * live).sum(dim=-1, keepdim=True) / count[:, None]
    spread = (((x - mean) * live) ** 2).sum(dim=-1).div(count).sqrt()
    gap = ((x - y) ** 2).sum(dim=-1).div(count).sqrt()
    size = (a.double().abs() * live).nan_to_num(0.0, 0.0, 0.0).amax(dim=-1)
    own = torch.finfo(dtype).eps
    allowed = (1e-3 if dtype == torch.float32 else 0.05) * spread + own * size
    return bool((gap <= allowed + 1e-6).all())


def _layers(model: Any) -> list[Any]:
    """The layers of the decoder: the longest list of modules."""
    lists = [m for m in model.modules() if isinstance(m, torch.nn.ModuleList)]
    return list(max(lists, key=len, default=()))


def open_model(spec: OpenSpec, progress: Progress) -> TransformersBackend:
    """Opens a directory or a GGUF file; see `hf_load.load` for the errors, to which NonFiniteLogits comes."""
    backend = TransformersBackend(load(spec, progress))
    try:
        backend.check_cache()
        backend.check_logits()
    except BaseException:
        backend.close()
        raise
    return backend


def probe() -> tuple[str, list[str]]:
    """Say which libraries there are, and on which devices they compute, the best first."""
    devices = [f"cuda ({torch.cuda.get_device_name(i)})" for i in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        devices.append("mps")
    return LIBRARY, [*devices, "cpu"]
