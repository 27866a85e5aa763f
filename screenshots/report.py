"""Makes the picture of a report for the README, from a real session on the practice model.

It takes a browser and the plotting library; without them the picture that is there stays.
"""

from __future__ import annotations

import importlib.util
import io
import tempfile
from pathlib import Path

from bftui import __version__
from bftui.session import commands as c
from bftui.model.loaded_model import open_model
from bftui.model.prompt import Prompt
from bftui.session.session import Session
from bftui.trace.reading import TraceFile
from tests.e2e import browser

PICTURE = Path(__file__).resolve().with_name("report.png")
WIDTH = 1000


def trace(target: Path) -> None:
    """A session with two sampled branches and a forced one."""
    with open_model("practice", backend="reference") as model:
        session = Session(model, Prompt("Name a fruit.", template="page"), seed=7)
        for tokens in (14, 9):
            for _ in range(tokens):
                if not session.ended:
                    session.do(c.Step())
            session.do(c.Goto(0))
        session.do(c.Force(" Sure"))
        while not session.ended:
            session.do(c.Greedy())
        session.trace().save(target)


def make() -> str:
    """Writes `screenshots/report.png`; returns what there is to say."""
    path = browser.found()
    if path is None or importlib.util.find_spec("matplotlib") is None:
        return f"{PICTURE}: not made, as it takes a browser ({', '.join(browser.NAMES)}) and matplotlib"
    from PIL import Image

    from bftui.trace.report.report_files import save_page
    from bftui.trace.report.html_page import page as write
    from bftui.trace.report.html_page import report_of

    with tempfile.TemporaryDirectory() as folder:
        source, page = Path(folder) / "sure.json", Path(folder) / "sure.html"
        trace(source)
        save_page(write(report_of(TraceFile(source)), __version__, "light"), page)
        opened = browser.Browser(path)
        try:
            opened.open(page, width=WIDTH)
            below = "document.querySelector('figure').getBoundingClientRect().bottom"
            shot = opened.screenshot(height=int(opened.run(below)) + 8)
        finally:
            opened.close()
    Image.open(io.BytesIO(shot)).convert("RGB").save(PICTURE, optimize=True)
    return str(PICTURE)


if __name__ == "__main__":
    print(make())
