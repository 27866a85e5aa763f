"""Records the tour of the README in a real terminal: `python -m screenshots.tour`; `asciinema play` shows it.

The program and its keys are real, and so is the time they take, but for long waits, which are cut. A line below the
program's screen says what is pressed and why.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pyte.screens import Char

from tests.e2e.terminal import Terminal

CAST = Path(__file__).resolve().parent / "tour.cast"
SIZE = (110, 32)
CAPTION_ROWS = 2
MOST_PAUSE_S = 2.5
LOOK_S = 0.1
FIRST = (
    *("run", "practice", "--backend", "reference", "--partner", "practice-aligned"),
    *("--partner-backend", "reference", "--template", "page", "--prompt", "Tell me a story."),
    *("--seed", "9"),
)


@dataclass(frozen=True)
class Scene:
    """What the line below says, the keys, and what must be on the screen before it goes on."""

    caption: str
    keys: tuple[str, ...] = ()
    until: tuple[str, ...] = ()
    rest_s: float = 2.0


SCENES = (
    Scene(
        "BF: how many next tokens are plausible here. A base model is asked for a story: over twenty",
        until=("is the partner", "ready"),
        rest_s=4,
    ),
    Scene("space samples one token; the curve below draws BF along the text", ("space",) * 8),
    Scene("← goes back; the branch stays in the tree", ("left",) * 8, ("9 nodes",)),
    Scene('1 forces " Sure": only one token is plausible after it', ("1",), ("▲·Sure",), 3),
    Scene(
        "Is that more than another token would do? Against 12 matched controls, with an interval:",
        until=("matched:", "×"),
        rest_s=5,
    ),
    Scene("E: all kinds of controls, each with its interval", ("E",), ("matched", "top1"), 5),
    Scene("← and a: BF after each of the best candidates", ("esc", "left", "a"), ("◀",), 3),
    Scene(
        "s: the aligned partner's answer, read by its base: which tokens did alignment shift?",
        ("s",),
        ("shifted", "the answer ends by itself"),
        rest_s=4,
    ),
    Scene("b: the partner writes where the base is unsure", ("esc", "b"), ("the partner:",)),
    Scene("p: to the end of the text", ("p",), ("by the partner", "alone"), rest_s=4),
    Scene("Every branch is kept; e saves all of it as a JSON trace", ("esc",), ("◇",), rest_s=3),
    Scene("q: the session is in its journal, and bftui run --resume goes on", ("q",), rest_s=1),
)


class Recorder(Terminal):
    """A terminal that is looked at ten times a second; what changed between two looks is kept as text for a terminal.

    The program's own output says the same in ten times the bytes.
    """

    def __init__(self, *arguments: str) -> None:
        self.events: list[tuple[float, str]] = []
        self._pen = threading.Lock()
        self._seen: dict[tuple[int, int], Char] = {}
        super().__init__(*arguments, size=SIZE)
        self._feed, self._stream.feed = self._stream.feed, self._fed
        self._looking = threading.Thread(target=self._look, daemon=True)
        self._looking.start()

    def _fed(self, data: bytes) -> None:
        with self._pen:
            self._feed(data)

    def _look(self) -> None:
        while self.process.poll() is None:
            time.sleep(LOOK_S)
            with self._pen:
                text = "".join(self._changes())
                if text:
                    self.events.append((time.monotonic(), text))

    def _changes(self) -> Iterator[str]:
        """What makes the picture of the last look the one of now."""
        style = place = None
        for row in range(SIZE[1]):
            for column in range(SIZE[0]):
                cell = self.screen.buffer[row][column]
                if self._seen.get((row, column)) == cell:
                    continue
                self._seen[row, column] = cell
                if place != (row, column):
                    yield f"\x1b[{row + 1};{column + 1}H"
                if (its := _style(cell)) != style:
                    style = its
                    yield f"\x1b[0{style}m"
                yield cell.data
                place = (row, column + 1)
        if style is not None:
            yield "\x1b[0m"

    def say(self, caption: str) -> None:
        """Writes below the screen, where the program never draws."""
        row = SIZE[1] + CAPTION_ROWS
        with self._pen:
            self.events.append((time.monotonic(), f"\x1b[{row};1H\x1b[2K\x1b[1m  {caption}\x1b[0m"))


def _style(cell: Char) -> str:
    """The codes of a cell's colours and weight, after a reset."""
    codes = [
        *("1" for _ in range(cell.bold)),
        *("3" for _ in range(cell.italics)),
        *("4" for _ in range(cell.underscore)),
        *("7" for _ in range(cell.reverse)),
    ]
    for first, color in ((38, cell.fg), (48, cell.bg)):
        if color != "default":
            codes.append(f"{first};2;" + ";".join(str(part) for part in bytes.fromhex(color)))
    return "".join(f";{code}" for code in codes)


def record(scenes: tuple[Scene, ...]) -> list[str]:
    """Plays the scenes; the lines of the cast."""
    terminal = Recorder(*FIRST)
    try:
        terminal.wait("bftui")
        for scene in scenes:
            terminal.say(scene.caption)
            for key in scene.keys:
                time.sleep(0.35)
                terminal.press(key)
            terminal.wait(*scene.until, seconds=180)
            time.sleep(scene.rest_s)
        terminal.leave()
    finally:
        terminal.close()
    return cast(terminal.events)


def cast(events: list[tuple[float, str]]) -> list[str]:
    """The lines of an asciicast, version 2, with long pauses cut."""
    header = {
        "version": 2,
        "width": SIZE[0],
        "height": SIZE[1] + CAPTION_ROWS,
        "title": "bftui: does this token narrow the horizon of this model?",
        "env": {"TERM": "xterm-256color"},
    }
    lines, at, before = [json.dumps(header)], 0.0, events[0][0]
    lines.append(json.dumps([0.0, "o", "\x1b[2J\x1b[?25l"]))
    for when, text in events:
        at += min(when - before, MOST_PAUSE_S)
        before = when
        lines.append(json.dumps([round(at, 3), "o", text], ensure_ascii=False))
    return lines


def main() -> None:
    lines = record(SCENES)
    CAST.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{CAST}: {json.loads(lines[-1])[0]:.0f} s, {CAST.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
