"""`bftui models`: what the picker of the workbench shows of a folder, printed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bftui.cli.shared import options as o
from bftui.cli.shared.interrupt import interruptible
from bftui.cli.shared.opening import emit
from bftui.cli.shared.progress_bars import bar

if TYPE_CHECKING:
    from bftui.catalog.model_listing import Entry
    from bftui.catalog.model_summary import ModelDescription
    from bftui.results.listing_outputs import ListedModel

Folder = Annotated[
    Path, typer.Argument(metavar="[FOLDER]", help="Where to look.", show_default=False)
]


@o.unfolded
def models(
    *,
    folder: Folder = Path("."),
    opening: o.OpeningOptions,
    as_json: o.Json = False,
    output: o.AnyOutput = None,
) -> None:
    """List models here or in a folder, with the memory that each needs."""
    from bftui.catalog.model_listing import listing, places, shipped
    from bftui.catalog.model_summary import PlannedOpening, described
    from bftui.core.errors import InputError
    from bftui.core.text import json_text
    from bftui.trace.document import refuse_inputs

    opening.check_labels(0)
    seen = listing("" if folder == Path() else str(folder))
    if seen.problem:
        raise InputError(f"cannot look into {folder}", seen.problem, "give a folder")
    entries = [entry for entry in (*shipped(), *seen.entries) if entry.is_model]
    refuse_inputs(output, *(Path(entry.file) for entry in entries))
    asked = PlannedOpening.of(opening.keywords(), opening.backend)
    found: list[tuple[Entry, ModelDescription]] = []
    with interruptible() as interruption, bar(interruption) as progress:
        for done, entry in enumerate(entries):
            interruption.check()
            progress(done / len(entries), "reading headers")
            found.append((entry, described(entry, asked)))
    if as_json:
        from bftui.results.codec import encode
        from bftui.results.listing_outputs import ModelsOutput

        listed = ModelsOutput(models=tuple(_listed(entry, known) for entry, known in found))
        emit(json_text(encode(listed)), output)
    else:
        emit(_page(found, [each.path for each in places()], whole=seen.whole), output)


def _listed(entry: Entry, known: ModelDescription) -> ListedModel:
    """Says what is known of one model."""
    from bftui.results.listing_outputs import ListedModel

    facts, need = known.facts, known.need
    return ListedModel(
        model=entry.path,
        kind=entry.kind,
        name=facts.name or None if facts else None,
        title=facts.title or None if facts else None,
        architecture=facts.architecture if facts else None,
        stored=facts.stored or None if facts else None,
        parameters=facts.parameters if facts else None,
        bytes=facts.bytes if facts else entry.size,
        n_ctx_train=facts.trained if facts else None,
        chat_template=facts.chat_template if facts else None,
        backend=need.backend if need else None,
        n_ctx=need.n_ctx if need else None,
        needs=need.total if need else None,
        needs_weights=need.weights if need else None,
        needs_context=need.context if need else None,
        memory=known.free,
        fits=None if known.free is None or need is None else not known.over,
        problem=known.problem or known.note or None,
    )


def _page(found: list[tuple[Entry, ModelDescription]], places: list[str], *, whole: bool) -> str:
    """The models for people: a table, then what is wrong with some of them, and where else models are kept."""
    from bftui.catalog.model_summary import DAMAGED, WARNING, Column, cell, sentences
    from bftui.cli.shared.tables import aligned
    from bftui.core.text import safe

    columns: tuple[Column, ...] = ("stored", "params", "size", "needs", "context", "chat")
    rows = [["model", *columns, ""]]
    notes = []
    for entry, known in found:
        name = safe(entry.name)
        what, _, compared = sentences(entry, known)
        mark = DAMAGED if known.facts is None else WARNING if known.over else ""
        rows.append([name, *(cell(column, entry, known) for column in columns), mark])
        if known.facts is None:
            notes.append(f"{name}: {' · '.join(what)}")
        elif known.over or known.note:
            notes.append(f"{name}: {compared}")
    if not whole:
        notes.append("there is more in this folder than was looked at")
    notes += [f"other programs keep models in {safe(place)}" for place in places]
    return "\n".join([aligned(rows, "<<>>>><<"), *([""] if notes else []), *notes])
