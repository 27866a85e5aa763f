"""The files of a report: the page, and its pictures for a paper."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bftui.trace.document import refuse_inputs, replacing, saving
from bftui.trace.report.figures.axes import Form, rendered
from bftui.trace.report.html_page import TraceReport
from bftui.trace.report.palette import Ink

FORMS: tuple[Form, ...] = ("svg", "png")


def save_page(text: str, target: Path) -> None:
    """Writes the page, in one piece or not at all; raises NotSaved."""
    with saving(target), replacing(target) as file:
        file.write(text)


def make_folder(folder: Path) -> None:
    """Makes a folder where there is none; raises NotSaved."""
    with saving(folder):
        folder.mkdir(parents=True, exist_ok=True)


def save_pictures(report: TraceReport, folder: Path, ink: Ink) -> Iterator[Path]:
    """Writes every picture as SVG and as PNG into a folder, one file after another.

    Raises NotSaved, and UsageError for a file that is the trace.
    """
    for picture in report.pictures():
        for form in FORMS:
            target = folder / f"{picture.name}.{form}"
            refuse_inputs(target, report.content.file.path)
            data = rendered(picture, ink, form)
            with saving(target):
                _replace(target, data)
            yield target


def _replace(target: Path, data: bytes) -> None:
    """Puts a file in its place when all of it is written."""
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".bftui-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(name, 0o644)
        os.replace(name, target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
