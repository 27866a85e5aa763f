"""The journals of the workbench: a new one for a new session, the old one for a session that is resumed.

Belongs to the loop. A journal that cannot be written is said, and the session goes on without it.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from bftui.core.errors import BftuiError
from bftui.core.text import counted, safe
from bftui.workbench.snapshot import Farewell, Tone

if TYPE_CHECKING:
    from bftui.model.loaded_model import Model
    from bftui.session.records.resume import Saved
    from bftui.session.session import Session
    from bftui.trace.journal import Journal
    from bftui.workbench.settings import WorkbenchSettings
    from bftui.workbench.snapshot import Snapshot

Say = Callable[[str, Tone], None]
"""Told what a person is to read."""


def open_journal(state_dir: Callable[[], Path] | None, say: Say) -> Journal | None:
    """A journal for a new session; journals that became too old or too many are removed. None where none is written."""
    from bftui.trace.journal import Journal
    from bftui.trace.journals import prune

    if state_dir is None:
        return None
    try:
        journal = Journal(state_dir())
    except OSError as error:
        _unwritten(error, say)
        return None
    if removed := prune(state_dir()).text:
        say(removed, Tone.INFO)
    return journal


def drop_journal(journal: Journal | None) -> None:
    """Removes the journal of a session that never began."""
    if journal is not None:
        journal.close()
        journal.path.unlink(missing_ok=True)


def resume_session(
    model: Model,
    saved: Saved,
    state_dir: Callable[[], Path] | None,
    on_journal_failure: Callable[[str], None],
    say: Say,
) -> tuple[Session, Journal | None]:
    """Resumes a saved session on its model, and opens the journal that goes on with it.

    Raises ModelError for a model with another vocabulary, UsageError for a session that runs elsewhere.
    """
    from bftui.session.records.resume import check_vocabulary, continued, resume, same_model

    # Before the journal is touched.
    check_vocabulary(model, saved.model)
    journal = None
    if state_dir is not None:
        try:
            journal = continued(saved, state_dir())
        except OSError as error:
            _unwritten(error, say)
    session = resume(model, saved, journal=journal, on_journal_failure=on_journal_failure)
    told = f"resumed with {counted(len(session.tree), 'node')}"
    if saved.cut:
        told += "; the last record was cut and is left out"
    if saved.overtaken:
        told += "; one that was used later still runs elsewhere, `bftui sessions` lists it"
    if same_model(model, saved.model) is False:
        say(f"{told}; the model's file is another one than the session was made with", Tone.WARNING)
    else:
        say(told, Tone.INFO)
    return session, journal


def without_model(saved: Saved, error: BftuiError) -> str:
    """What can be done with a saved session whose model cannot be opened."""
    return (
        f"{error.line()}; the session is as it was: `bftui replay {saved.path}` shows it without a model, "
        "`bftui run MODEL --resume-from` that file goes on with another"
    )


def leave(now: Snapshot, settings: WorkbenchSettings) -> int:
    """Saves the trace that was asked for, and says where the sessions are kept; the exit code."""
    code = max((_told(each) for each in now.kept), default=0)
    if (session := now.session) is None:
        return code
    saved = settings.state_dir is None
    if settings.trace is not None:
        try:
            session.trace().save(settings.trace)
            saved = True
            _print(f"{counted(len(session.tree), 'node')} saved in {settings.trace}")
        except BftuiError as error:
            _fail(error.line())
            code = error.exit_code
    if not saved or (now.journal is not None and now.journal.whole):
        code = _told(farewell(session, now.journal)) or code
    return code


def _told(left: Farewell) -> int:
    """Says where a session is kept, where a person looks for it; the exit code."""
    if left.kept:
        _print(left.text)
        return 0
    _fail(left.text)
    return BftuiError.exit_code


def farewell(session: Session, journal: Journal | None) -> Farewell:
    """Where a session that is left is kept. What is in no journal is saved as a trace first, where that can be."""
    nodes = counted(len(session.tree), "node")
    if journal is not None and journal.whole:
        return Farewell(f"{nodes} kept in {journal.path}")
    why = (
        "there is no journal"
        if journal is None
        else f"{journal.path}: {journal.failure or 'it was removed'}"
    )
    try:
        path = Path(tempfile.mkdtemp(prefix="bftui-")) / "session.json"
        session.trace().save(path)
    except (OSError, BftuiError) as error:
        told = error.line() if isinstance(error, BftuiError) else error.strerror or str(error)
        return Farewell(f"{nodes} could not be kept: {why}; {told}", kept=False)
    return Farewell(f"{nodes} saved in {path} ({why}); `bftui run --resume-from` goes on with it")


def _print(line: str) -> None:
    """Prints a line where somebody may still read it: the terminal may be gone."""
    with suppress(OSError):
        print(safe(line))


def _fail(line: str) -> None:
    """Says what went wrong."""
    with suppress(OSError):
        sys.stdout.flush()
        print(f"bftui: {safe(line)}", file=sys.stderr)


def _unwritten(error: OSError, say: Say) -> None:
    say(f"no journal can be written: {error.strerror}; the session goes on", Tone.WARNING)
