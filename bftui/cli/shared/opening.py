"""What the commands that run a model have in common: opening it, a session on it, and where the result goes."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

from bftui.cli.shared.interrupt import Interruption, interruptible
from bftui.cli.shared.options import OpeningOptions, SecondModel, SessionStart
from bftui.cli.shared.progress_bars import Bar, bar
from bftui.core.errors import BftuiError, Cancelled, UsageError

if TYPE_CHECKING:
    from bftui.core.job import Job
    from bftui.model.loaded_model import Model
    from bftui.session.records.resume import Saved
    from bftui.session.session import Session


@dataclass(frozen=True, slots=True)
class Watched:
    """What a command needs beside what it runs: whether to stop, and where to show how far it is."""

    interruption: Interruption
    show: Bar


@dataclass(frozen=True, slots=True)
class Opened(Watched):
    """A session, watched."""

    session: Session


@contextmanager
def open_session(
    model: str,
    start: SessionStart,
    *,
    output: Path | None,
    ignore_eos: bool = False,
    saved: Saved | None = None,
    beside: SecondModel | None = None,
) -> Iterator[Opened]:
    """A session on a model, closed with the block. An output that is the model, or cannot be written, is refused first.

    `saved` is resumed, in the place of a new session with the prompt and the sampler of `start`. `beside` becomes the
    partner of a new session.

    Raises UsageError, ModelError, NotSaved, Cancelled.
    """
    from bftui.session.session import Session

    start.opening.check_labels(1 if beside is None else 2)
    with interruptible() as interruption, bar(interruption) as show, ExitStack() as stack:
        models = [(model, start.opening.backend)]
        if beside is not None:
            models.append((beside.model, beside.opening.backend))
        check_files(models, [output], [start.read])
        with open_stoppable(model, start.opening, interruption, show) as opened:
            # All bytes are fetched here, so that what was made can be saved also where the model ends.
            opened.token_bytes(0)
            if saved is not None:
                from bftui.session.records.resume import resume

                session = resume(opened, saved)
            else:
                second = None
                if beside is not None:
                    second = stack.enter_context(
                        open_stoppable(beside.model, beside.opening, interruption, show)
                    )
                drawing = {**start.sampler.settings(), **start.texts}
                rendered = start.rendered(opened)
                session = Session(
                    opened,
                    start.prompt,
                    ignore_eos=ignore_eos,
                    rendered=rendered,
                    beside_chat=second is not None and bool(second.info.chat_template),
                    **drawing,
                )
                if beside is not None and second is not None:
                    session.pair_with(second, beside.template)
                for note in session.rendered.notes:
                    show.say(note)
            yield Opened(interruption, show, session)


@contextmanager
def open_stoppable(
    model: str, opening: OpeningOptions, interruption: Interruption, show: Bar
) -> Iterator[Model]:
    """A model whose work ctrl+c stops while the block lasts.

    It is in a process of its own: whatever ends that one is an error here, as every other.
    """
    from bftui.model.loaded_model import open_model

    with open_model(
        model,
        backend=opening.backend,
        label=opening.named,
        worker=True,
        progress=show,
        **opening.keywords(),
    ) as opened:
        interruption.stop.append(opened.client.cancel)
        try:
            yield opened
        finally:
            interruption.stop.remove(opened.client.cancel)


def to_file(output: Path | None) -> TypeGuard[Path]:
    """Whether a result goes to a file of its own; - is the standard output."""
    return output is not None and str(output) != "-"


def emit(text: str, output: Path | None) -> None:
    """Prints a result, or writes it to a file."""
    if to_file(output):
        from bftui.trace.document import replacing, saving

        with saving(output), replacing(output) as file:
            file.write(text + "\n")
    else:
        sys.stdout.write(text + "\n")


def check_output(output: Path | None) -> None:
    """Raises NotSaved where a result could not be written: before the work, not after it."""
    if not to_file(output):
        return
    from bftui.trace.document import saving

    with saving(output):
        if output.is_dir():
            raise IsADirectoryError(21, "it is a directory")
        if output.is_file() or not output.exists():
            # Only trying tells: permissions say nothing of full or read-only disks.
            with tempfile.TemporaryFile(dir=output.resolve().parent) as probe:
                probe.write(b"\n")


def check_files(
    models: Sequence[tuple[str, str]],
    outputs: Sequence[Path | None],
    inputs: Sequence[Path | None] = (),
) -> None:
    """Refuses what can be known to fail before anything is loaded.

    Models that are not there; results that would replace a model, what is read or one another; places where nothing can
    be written.

    Args:
        models: each MODEL with its backend.
        outputs, inputs: files that are written, and read; None for an option that was left out.

    Raises ModelError, UsageError, NotSaved.
    """
    from bftui.model.model_forms import resolve
    from bftui.trace.document import refuse_inputs, refuse_model

    sources = [resolve(model, backend).source for model, backend in models]
    read = [path for path in inputs if path is not None]
    targets = [path for path in outputs if to_file(path)]
    for place, target in enumerate(targets):
        for source in sources:
            refuse_model(target, source)
        refuse_inputs(target, *read)
        check_output(target)
        if any(_same_file(target, other) for other in targets[:place]):
            raise UsageError(f"{target} is named for two results", hint="choose another file")


def _same_file(a: Path, b: Path) -> bool:
    """Whether two results would be one file, which need not be there yet."""
    there = a.is_file() and b.is_file()
    return a.resolve() == b.resolve() if not there else a.samefile(b)


def finish(
    job: Job,
    watched: Watched,
    doing: Callable[[], str],
    left: Callable[[], float | None] = lambda: None,
) -> BftuiError | None:
    """Does a job piece by piece, showing what it does; the error that stopped it, if one did.

    left: the seconds that are left, where something knows better than the share that is done.
    """
    watched.show.begin()
    try:
        while job.advance():
            watched.show(job.share, doing(), left())
            watched.interruption.check()
    except BftuiError as error:
        return error
    finally:
        job.close()
    return None


def measured_noise(model: Model, watched: Watched) -> Cancelled | None:
    """Measures a model's noise floor where nobody did, for what is told or kept; Cancelled where that was stopped.

    A model that cannot be read so has none.
    """
    if not model.floor.missing:
        return None
    error = finish(model.floor.job(), watched, lambda: "measuring the noise floor")
    return error if isinstance(error, Cancelled) else None


def deliver(
    show: Bar,
    document: dict[str, Any],
    text: str,
    *,
    as_json: bool,
    output: Path | None,
    note: str = "",
) -> None:
    """Writes a result as JSON to the file, if there is one, and prints it: as JSON, or as text for people.

    Where the file is -, the standard output, JSON is all that is printed.

    note: what numbers of this model are good for; stands in both.
    """
    from bftui.core.text import json_text, safe

    show.end()
    if note:
        document, text = {**document, "note": note}, f"{text}\n{safe(note)}"
    if output is not None:
        emit(json_text(document), output)
        if not to_file(output):
            return
    emit(json_text(document) if as_json else text, None)


def stopped(error: BftuiError, kept: str) -> BftuiError:
    """The error to end with after some of the work was done and kept."""
    if isinstance(error, Cancelled):
        return Cancelled("interrupted", kept)
    return type(error)(error.message, error.reason, "; ".join(filter(None, (error.hint, kept))))
