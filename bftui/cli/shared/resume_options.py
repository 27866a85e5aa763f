"""The options that go on with a session that was kept, model included."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bftui.cli.shared import options as o
from bftui.core.errors import UsageError

if TYPE_CHECKING:
    from bftui.session.records.resume import RecordedOpening, Saved


@dataclass(frozen=True, kw_only=True)
class ResumeFrom:
    """A session in a file."""

    resume_from: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Go on with the session of a journal or a trace; its model is opened unless MODEL is another.",
        ),
    ] = None

    def saved(self, question: o.PromptOptions, sampling: o.Sampling) -> Saved | None:
        """The session, read and checked; None where none is asked for.

        Raises UsageError for options that it brings itself, InputError.
        """
        return None if self.resume_from is None else _read(self.resume_from, question, sampling)


@dataclass(frozen=True, kw_only=True)
class Resume:
    """A session in a file, or the one that was used last."""

    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on with the session that was used last, model included."),
    ] = False
    kept: ResumeFrom

    def saved(self, question: o.PromptOptions, sampling: o.Sampling) -> Saved | None:
        """As `ResumeFrom.saved`."""
        if not self.resume:
            return self.kept.saved(question, sampling)
        if self.kept.resume_from is not None:
            raise UsageError("--resume and --resume-from exclude each other")
        from bftui.trace.journal import default_directory
        from bftui.trace.journals import later_runs, latest

        path = latest(default_directory())
        saved = _read(path, question, sampling)
        return replace(saved, overtaken=later_runs(path))


def _read(path: Path, question: o.PromptOptions, sampling: o.Sampling) -> Saved:
    frame = question.frame
    # How a text to force is read is not part of the prompt.
    framed = replace(frame, special="text") != o.Frame()
    if question.text() is not None or framed or sampling != o.Sampling():
        raise UsageError(
            "a session that is resumed brings its prompt and sampler along",
            hint="in the workbench i asks another prompt and t changes the sampler",
        )
    from bftui.cli.shared.progress_bars import reading
    from bftui.session.records.resume import read_saved

    with reading(path):
        return read_saved(path)


def reopened(
    was: RecordedOpening, model: str | None, asked: o.OpeningOptions
) -> tuple[str, o.OpeningOptions]:
    """What is opened for a session, and how: as it was, but for what is asked for otherwise."""
    named = was.model if model is None else model
    # Of another model neither backend nor types are known.
    old = o.OpeningOptions()
    if model is None:
        old = o.OpeningOptions(backend=was.backend, label=[was.label], **was.keywords)
    usual = o.OpeningOptions()
    names = ("backend", "label", *usual.keywords())
    changed: dict[str, Any] = {
        name: getattr(asked, name) for name in names if getattr(asked, name) != getattr(usual, name)
    }
    return named, replace(old, **changed)
