"""A session from its journal or from its trace: on the same model, with the numbers that it had."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from bftui.backends.registry import find
from bftui.core.errors import InputError, ModelError
from bftui.formats.mixture_forms import SEPARATOR, joined, mixture_kind
from bftui.formats.open_spec import Dtype, Kv
from bftui.model.loaded_model import Model
from bftui.model.prompt import Prompt, Template
from bftui.session.records.journal_player import JournalPlayer, play_journal, play_trace
from bftui.session.records.session_log import Log
from bftui.session.session import Session
from bftui.trace.journal import Journal, runs
from bftui.trace.reading import TraceFile
from bftui.trace.records import JournalFile, begins_as_journal, trace_records


@dataclass(frozen=True, slots=True)
class RecordedOpening:
    """How the model of a trace is opened again: for `open_model(model, backend=backend, label=label, **keywords)`."""

    model: str
    backend: str
    label: str
    keywords: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Saved:
    """A session that was read from a file, and checked as a whole.

    Attributes:
        path: the file.
        head: `schema.Head`: model, prompt and samplers that it started with.
        player: where the session stood in the end.
        ignore_eos: whether its steps go on after an end of generation.
        size: bytes of whole records of a journal; None for a trace.
        cut: whether a last record was cut, and is left out.
        overtaken: whether it was asked for as the one used last, and one that was used later still runs.
    """

    path: Path
    head: Any
    player: JournalPlayer
    ignore_eos: bool
    size: int | None
    cut: bool
    overtaken: bool = False

    @property
    def model(self) -> dict[str, Any]:
        """The fields of the trace's `model`."""
        fields: dict[str, Any] = self.head.model.model_dump(mode="json", by_alias=True)
        return fields

    @property
    def opening(self) -> RecordedOpening:
        """How its model is opened."""
        return opening_of(self.model)

    @property
    def prompt(self) -> Prompt:
        """The prompt of the visible path, as it was asked for."""
        state = self.player.state
        return state.prompts[state.root][0]

    @property
    def partner(self) -> tuple[RecordedOpening, Template] | None:
        """How the second model is opened, and what its prompt is put into; None where there was none."""
        found = self.player.partner
        if found is None:
            return None
        template = found["prompt"]["template"]
        return opening_of(found["model"]), template if template in get_args(Template) else "auto"


def read_saved(path: str | os.PathLike[str]) -> Saved:
    """Reads a journal or a trace. Raises InputError that says where and why, and for a session that still runs."""
    path = Path(path)
    if not begins_as_journal(path):
        trace = TraceFile(path)
        return Saved(path, trace.outline, play_trace(trace), False, None, False)
    if runs(path):
        raise InputError(
            f"the session of {path} still runs", hint="end it there, or resume another one"
        )
    journal = JournalFile(path)
    player = play_journal(journal)
    return Saved(path, journal.head, player, journal.ignore_eos, journal.size, journal.cut)


def resume(
    model: Model,
    saved: Saved,
    *,
    journal: Log | None = None,
    on_journal_failure: Callable[[str], None] = lambda reason: None,
) -> Session:
    """Makes the session again; evaluates nothing. `saved` belongs to the session from now on.

    Raises ModelError where the model has another vocabulary: token ids would mean other tokens.
    """
    check_vocabulary(model, saved.model)
    return Session(
        model,
        ignore_eos=saved.ignore_eos,
        journal=journal,
        on_journal_failure=on_journal_failure,
        resumed=saved.player,
    )


def continued(saved: Saved, directory: Path) -> Journal:
    """Opens the journal for going on: the same file where it can be written, else a new one that begins with all of it.

    Raises OSError where none can be written, UsageError where the session still runs.
    """
    if saved.size is not None:
        try:
            return Journal.reopen(saved.path, saved.size)
        except OSError:
            records = JournalFile(saved.path).records()
    else:
        records = trace_records(TraceFile(saved.path))
    head = saved.head.model_dump(mode="json", by_alias=True, include=_HEAD)
    journal = Journal(directory)
    first = next(records)
    try:
        journal.write({"open": head, "ignore_eos": saved.ignore_eos, **first.fields()})
        for record in records:
            journal.write(record.fields())
    except BaseException:
        journal.close()
        journal.path.unlink(missing_ok=True)
        raise
    return journal


_HEAD = {"format", "version", "bftui", "created", "model", "prompt", "partner", "samplers"}


def opening_of(model: dict[str, Any]) -> RecordedOpening:
    """Says how to open a model as the trace's `model` was: same file, backend, context and types.

    Where the file is gone and was a practice model, the one of this installation is taken. Threads and device are the
    machine's affair.
    """
    source, backend = model["source"], model["backend"]
    spec, kind = find(backend), mixture_kind(source)
    if kind is not None:
        source = joined(kind.name, list(map(_at_hand, kind.path(source).split(SEPARATOR))))
        of_parts = {part["backend"] for part in model.get("parts") or ()}
        if len(of_parts) == 1:
            # Others are opened each by its own.
            backend = of_parts.pop()
            spec = find(backend)
    elif spec is not None and spec.opens and spec.opens[0].scheme:
        source = spec.opens[0].model(source)
    else:
        source = _at_hand(source)
    keywords: dict[str, Any] = {"ctx": model["n_ctx"]}
    if spec is not None and spec.chooses_dtype and model["dtype"] in get_args(Dtype):
        keywords["dtype"] = model["dtype"]
    if model["kv"] in get_args(Kv):
        keywords["kv"] = model["kv"]
    return RecordedOpening(source, backend, model["name"], keywords)


def _at_hand(source: str) -> str:
    """A model's file, or the practice model of this installation for one of them that is gone."""
    from bftui import practice

    name = Path(source).stem
    gone = not os.path.exists(source) and source.endswith(".gguf")
    return name if gone and name in practice.NAMES else source


def same_model(model: Model, fields: dict[str, Any]) -> bool | None:
    """Says whether this is the very model of the trace, by checksum; None where one has none."""
    if model.info.sha256 is None or fields["sha256"] is None:
        return None
    return bool(model.info.sha256 == fields["sha256"])


def check_vocabulary(model: Model, fields: dict[str, Any]) -> None:
    """Raises ModelError where token ids of the trace mean other tokens to this model."""
    known = model.info.tokenizer_sha256, fields["tokenizer_sha256"]
    same = model.info.n_vocab == fields["n_vocab"] and (None in known or known[0] == known[1])
    if not same:
        raise ModelError(
            f"{model.info.name} has another vocabulary than {fields['name']}",
            "the tokens of the session would mean something else",
            "open the model that the session was made with",
        )
