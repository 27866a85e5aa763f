"""What is shown of a model before it is opened: its facts and its need as people read them, gathered beside the screen.

A list draws names at once and asks for each line that it draws; a thread of its own reads headers, and tells when there
is more to draw. What was read of a file is kept as long as the file stays as it is.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

from bftui.backends.registry import automatic, find, missing, needed
from bftui.catalog.model_listing import PRACTICE, Entry
from bftui.core.errors import BftuiError, ModelLoadError
from bftui.core.text import safe
from bftui.formats.machine import available_memory, size
from bftui.formats.model_facts import ModelFacts, Need, read
from bftui.formats.open_spec import OpenSpec

WARNING = "⚠"
DAMAGED = "✗"

Column = Literal["kind", "stored", "params", "size", "needs", "context", "chat"]
COLUMNS: tuple[Column, ...] = get_args(Column)

_TOLD_EVERY_S = 0.05
_KEPT = 4096
_ABBREVIATED = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "K"))


@dataclass(frozen=True, slots=True)
class PlannedOpening:
    """How a model that is chosen would be opened.

    Attributes:
        backend: `auto`, or what was asked for; a model that this cannot run gets its own.
        source: the MODEL that it was asked for, where it was: one of another kind gets its own too.
        spec: all else.
    """

    backend: str = "auto"
    source: str | None = None
    spec: OpenSpec = field(default_factory=lambda: OpenSpec("", ""))

    @classmethod
    def of(
        cls, options: Mapping[str, Any], backend: str = "auto", source: str | None = None
    ) -> PlannedOpening:
        """From the keywords of `open_model`."""
        fields = {"n_ctx" if name == "ctx" else name: value for name, value in options.items()}
        return cls(backend, source, OpenSpec("", "", **fields))

    def spec_for(self, entry: Entry) -> OpenSpec:
        """Return how this model would be opened."""
        kind = entry.source_kind
        asked = find(self.backend)
        able = asked is not None and asked.can_open(kind)
        alike = self.source is None or os.path.isdir(self.source) == kind.folder
        own = asked if able and alike else automatic(kind)
        return replace(self.spec, source=entry.file, backend=own.name if own else self.backend)


@dataclass(frozen=True, slots=True)
class ModelDescription:
    """What is known of a model; all texts are safe.

    Attributes:
        facts, need: None where its headers cannot be read.
        free: bytes of memory that were free; None where nobody knows.
        problem, advice: why it cannot be read, and what to do.
        note: what its backend lacks, or "".
    """

    facts: ModelFacts | None = None
    need: Need | None = None
    free: int | None = None
    problem: str = ""
    advice: str = ""
    note: str = ""

    @property
    def over(self) -> bool:
        """Whether it needs more memory than is free."""
        return self.need is not None and self.free is not None and self.need.total > self.free


# Facts, read once ------------------------------------------------------------------------------------------------

_read: dict[tuple[str, int, int, int | None], ModelFacts | BftuiError] = {}
"""By file, its time and size, and the size of all its parts; for the life of the process."""


def _facts(entry: Entry) -> ModelFacts | BftuiError:
    kind, file = entry.source_kind, entry.file
    mark = os.path.join(file, "config.json") if kind.folder else file
    try:
        stat = os.stat(mark)
        key = (file, stat.st_mtime_ns, stat.st_size, entry.size)
    except (OSError, ValueError):
        key = (file, 0, 0, entry.size)
    if key not in _read:
        while len(_read) >= _KEPT:
            _read.pop(next(iter(_read)), None)
        try:
            _read[key] = read(kind, file)
        except BftuiError as error:
            _read[key] = error
    return _read[key]


def described(entry: Entry, opening: PlannedOpening) -> ModelDescription:
    """Reads what is not known yet of a model; takes milliseconds, or as long as the disk does."""
    facts = _facts(entry)
    if isinstance(facts, BftuiError):
        return ModelDescription(problem=safe(_problem(facts, entry.file)), advice=safe(facts.hint))
    spec = opening.spec_for(entry)
    backend, note = find(spec.backend), ""
    if backend is not None and missing(spec.backend):
        note = f"{spec.backend} is not installed: {backend.install}"
    try:
        need = needed(facts, spec)
    except ModelLoadError as error:
        return ModelDescription(problem=safe(error.line()), note=safe(note))
    return ModelDescription(facts, need, available_memory(), note=safe(note))


def _problem(error: BftuiError, file: str) -> str:
    """Why a model cannot be read, without its path, which is on the screen already."""
    path = str(Path(file))
    if error.message.startswith(path):
        return f"{error.message.removeprefix(path).strip()}: {error.reason}"
    return error.reason or error.message


def cost_of(model: str, options: Mapping[str, Any]) -> str:
    """Return what opening a MODEL would take of the memory that is free. Raises ModelError.

    `options` are the keywords of `open_model`.
    """
    from bftui.model.model_forms import facts_of, resolve

    asked, found = PlannedOpening.of(options).spec, resolve(model)
    spec = replace(asked, source=found.source, backend=found.backend, parts=found.parts)
    need, free = needed(facts_of(model), spec).total, available_memory()
    return f"{size(need)} more" if free is None else f"{size(need)} more, {size(free)} are free"


# As people read them ---------------------------------------------------------------------------------------------


def cell(column: Column, entry: Entry, known: ModelDescription | None) -> str:
    """Return what stands in a column, safe; "" for what is not known, and not known yet."""
    if column == "kind":
        return _kind(entry)
    if column == "size":
        return size(entry.size) if entry.size is not None else ""
    facts = known.facts if known else None
    if known is None or facts is None:
        return ""
    if column == "stored":
        return safe(facts.stored)
    if column == "params":
        return amount(facts.parameters)
    if column == "needs":
        return size(known.need.total) if known.need and facts.computes else ""
    if column == "context":
        return f"{facts.trained:,}" if facts.trained else ""
    return "yes" if facts.chat_template else "no"


def _kind(entry: Entry) -> str:
    if not entry.is_model:
        return ""
    return PRACTICE if entry.kind == PRACTICE else entry.source_kind.label


def amount(parameters: int | None) -> str:
    """Return a number of parameters: "8.03 B"; "" where there is none."""
    if not parameters:
        return ""
    for unit, name in _ABBREVIATED:
        if parameters >= unit:
            return f"{parameters / unit:.3g} {name}"
    return str(parameters)


def sentences(entry: Entry, known: ModelDescription) -> tuple[Sequence[str], Sequence[str], str]:
    """Return what a model is, what it needs, and how that compares with this machine; safe.

    The first two are parts of a line, those first that matter most: a narrow line leaves out the last.
    """
    facts, need = known.facts, known.need
    if facts is None or need is None:
        return [f"{DAMAGED} {known.problem}"], [known.advice], ""
    own = safe(facts.title)
    what = (
        f"{amount(facts.parameters)} parameters" if facts.parameters else "",
        f"trained with {facts.trained:,} tokens" if facts.trained else "",
        safe(facts.stored),
        "chat template" if facts.chat_template else "no chat template",
        safe(facts.architecture),
        own if own != entry.name else "",
    )
    context = f"context of {need.n_ctx:,} tokens"
    needs = [
        f"needs {size(need.total)}: weights {size(need.weights)}, {context} {size(need.context)}",
        need.backend,
        f"{need.precision} cache" if need.precision else "",
    ]
    if not facts.computes:
        needs = ["needs next to nothing", context]
    return _there(what), _there(needs), known.note or _compared(known)


def _there(parts: Iterable[str]) -> list[str]:
    return [part for part in parts if part]


def _compared(known: ModelDescription) -> str:
    if known.free is None or known.need is None:
        return ""
    free = f"{size(known.free)} of memory are free"
    if not known.over:
        return free
    if known.need.on_gpu:
        return f"{WARNING} does not fit: {free}, but a GPU may hold it"
    less = "a smaller --ctx" if known.need.weights < known.free else "a smaller or quantised one"
    return f"{WARNING} does not fit: {free}; take {less}"


# Beside the screen -----------------------------------------------------------------------------------------------


class Describer:
    """Reads headers in a thread of its own, in the order in which a list of models is drawn."""

    def __init__(self, opening: PlannedOpening, tell: Callable[[], None]) -> None:
        """`tell` is called from the thread when there is more to draw; it must return at once."""
        self._opening = opening
        self._tell = tell
        self._known: dict[Entry, ModelDescription] = {}
        self._wanted: dict[Entry, None] = {}
        self._changed = threading.Condition()
        self._ended = False
        self._thread: threading.Thread | None = None

    def about(self, entry: Entry) -> ModelDescription | None:
        """Return what is known of a model; None where it is being found out. Never waits."""
        known = self._known.get(entry)
        if known is None and entry.is_model:
            with self._changed:
                self._wanted.setdefault(entry)
                self._changed.notify()
            if self._thread is None:
                # A disk may not answer: nobody waits for this thread to end.
                self._thread = threading.Thread(target=self._run, name="bftui-headers", daemon=True)
                self._thread.start()
        return known

    @property
    def busy(self) -> bool:
        """Whether something that was asked for is not known yet."""
        return bool(self._wanted)

    def only(self, entries: set[Entry]) -> None:
        """Forgets what was asked about others and not found out yet."""
        with self._changed:
            self._wanted = {entry: None for entry in self._wanted if entry in entries}

    def end(self) -> None:
        """Lets the thread end after what it reads now."""
        with self._changed:
            self._ended = True
            self._changed.notify()

    def _run(self) -> None:
        told = 0.0
        while (entry := self._next()) is not None:
            self._known[entry] = described(entry, self._opening)
            now = time.monotonic()
            with self._changed:
                self._wanted.pop(entry, None)
                rest = bool(self._wanted)
            if not rest or now - told > _TOLD_EVERY_S:
                told = now
                with suppress(RuntimeError):  # the screen is gone
                    self._tell()

    def _next(self) -> Entry | None:
        with self._changed:
            while not self._wanted and not self._ended:
                self._changed.wait()
            return None if self._ended else next(iter(self._wanted))
