"""The libraries torch and transformers: imported quietly, offline, and with their errors in one line.

Nothing is ever downloaded, no code of a model directory is ever run, and no progress bar reaches the terminal.
Not for: models; that is `hf_load.py`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import version
from typing import Any

from bftui.core.errors import Cancelled, ModelError
from bftui.formats.open_spec import Progress

# Read when the libraries are imported.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
os.environ["TQDM_DISABLE"] = "1"
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


def _torch() -> Any:
    """Imports torch with threads that sleep while they wait for each other.

    Threads that spin, which is the default, are no faster alone, and several times slower as soon as another program
    has one of the cores. GNU OpenMP, which torch brings along, reads this when it is loaded.
    """
    chosen = "OMP_WAIT_POLICY" in os.environ
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    try:
        return import_module("torch")
    finally:
        if not chosen:
            del os.environ["OMP_WAIT_POLICY"]


torch: Any = _torch()
transformers: Any = import_module("transformers")

LIBRARY = f"transformers {version('transformers')}, torch {version('torch')}"

_logging: Any = import_module("transformers.utils.logging")
_logging.set_verbosity(_logging.CRITICAL)
_logging.disable_progress_bar()


_EXHAUSTED = ("can't allocate memory", "not enough memory", "out of memory")


class _Bar:
    """What the library takes for a progress bar: says how far an iteration came, draws nothing."""

    def __init__(self, items: Iterable[Any] | None, total: int | None, progress: Progress) -> None:
        self._items = items if items is not None else ()
        self._total = total if total is not None else getattr(items, "__len__", lambda: 0)()
        self._progress = progress

    def __iter__(self) -> Iterator[Any]:
        for done, item in enumerate(self._items):
            if not self._progress(
                min(1.0, done / self._total) if self._total else None, "loading the weights"
            ):
                raise Cancelled("loading was cancelled")
            yield item

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *error: object) -> None:
        return None

    def __getattr__(self, name: str) -> Callable[..., None]:
        """Updates, descriptions and closing of a bar that is not there."""
        return lambda *args, **kwargs: None


@contextmanager
def reporting(progress: Progress) -> Iterator[None]:
    """Sends what the library says of its loading to `progress`, whose False raises Cancelled."""

    def hook(_factory: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> _Bar:
        items = args[0] if args else kwargs.get("iterable")
        return _Bar(items, kwargs.get("total"), progress)

    before = _logging.set_tqdm_hook(hook)
    try:
        yield
    finally:
        _logging.set_tqdm_hook(before)


def one_line(error: BaseException) -> str:
    """Return the first sentence of a library's error, without the advice and addresses that follow it."""
    text = " ".join(str(error).split())
    for end in (". ", " If ", " Checkout", " Please", " You can"):
        text = text.split(end, 1)[0]
    return f"{text[:200] or type(error).__name__}"


@contextmanager
def out_of_memory(device: str, what: str) -> Iterator[None]:
    """Turns the several ways in which torch runs out of memory into one ModelError; the model stays usable."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        # torch.OutOfMemoryError is a RuntimeError; on the CPU there is no class for it.
        exhausted = isinstance(error, torch.OutOfMemoryError | MemoryError)
        if not exhausted and not any(words in str(error) for words in _EXHAUSTED):
            raise
        if device == "cuda":
            torch.cuda.empty_cache()
        raise _too_large(device, what) from error


def _too_large(device: str, what: str) -> ModelError:
    where = "the memory" if device == "cpu" else f"the memory of {device}"
    hint = "--dtype float16 or a smaller --ctx" + ("" if device == "cpu" else ", or --device cpu")
    return ModelError(f"{what} does not fit into {where}", "torch could not allocate it", hint)
