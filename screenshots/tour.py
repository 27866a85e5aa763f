"""Records the tour of the README in a real terminal: `python -m screenshots.tour`; `asciinema play` shows it.

The program and its keys are real, and so is the time they take, but for long waits, which are cut. A line below the
program's screen says what is pressed and why.
"""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.terminal import Terminal

CAST = Path(__file__).resolve().parent / "tour.cast"
SIZE = (110, 32)
CAPTION_ROWS = 2
MOST_PAUSE_S = 2.5
FIRST = (
    *("run", "practice", "--backend", "reference", "--partner", "practice-aligned"),
    *("--partner-backend", "reference", "--template", "page", "--prompt", "Name a fruit."),
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
        "BF: how many next tokens are plausible here. A base model, asked to name a fruit: 28.7",
        until=("28.7", "⇄ practice-aligned", "ready"),
        rest_s=3,
    ),
    Scene("space samples one token; the curve below draws BF along the text", ("space",) * 7),
    Scene("← goes back; the branch stays in the tree", ("left",) * 7, ("8 nodes",)),
    Scene(
        '1 forces " Sure": BF falls to 1.0, only one token is left after it',
        ("1",),
        ("▲·Sure",),
        rest_s=3,
    ),
    Scene(
        "Is that more than another token would do? 12 matched controls answer, with an interval",
        until=("controls",),
        rest_s=5,
    ),
    Scene("← and a look-ahead: BF after each of the best candidates", ("left", "a"), ("◀",), 3),
    Scene(
        "s: the aligned partner's answer, read by its base. Which tokens did alignment shift?",
        ("s",),
        ("shifted", "the answer ends by itself"),
        rest_s=4,
    ),
    Scene(
        "Back, and b: the partner writes where the base is unsure", ("esc", "b"), ("the partner:",)
    ),
    Scene("p: to the end of the text", ("p",), ("by the partner", "alone"), rest_s=4),
    Scene("Every branch is kept; e exports all of it as a JSON trace", ("esc",), ("◇",), rest_s=3),
    Scene("q: the session is in its journal, and bftui run --resume goes on", ("q",), rest_s=1),
)


class Recorder(Terminal):
    """A terminal that keeps what is drawn, and when."""

    def __init__(self, *arguments: str) -> None:
        self.events: list[tuple[float, str]] = []
        self._pen = threading.Lock()
        super().__init__(*arguments, size=SIZE)
        self._feed = self._stream.feed
        self._stream.feed = self._keep
        self._rest = b""

    def _keep(self, data: bytes) -> None:
        self._feed(data)
        whole = self._rest + data
        # A piece may end within a character: the rest comes with the next.
        text = whole.decode(errors="ignore")
        self._rest = whole[len(text.encode()) :]
        with self._pen:
            self.events.append((time.monotonic(), text))

    def say(self, caption: str) -> None:
        """Writes below the screen, where the program never draws."""
        row = SIZE[1] + CAPTION_ROWS
        line = f"\x1b7\x1b[{row};1H\x1b[0m\x1b[2K\x1b[1m  {caption}\x1b[0m\x1b8"
        with self._pen:
            self.events.append((time.monotonic(), line))


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
    for when, text in events:
        at += min(when - before, MOST_PAUSE_S)
        before = when
        if text:
            lines.append(json.dumps([round(at, 3), "o", text], ensure_ascii=False))
    return lines


def main() -> None:
    lines = record(SCENES)
    CAST.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{CAST}: {json.loads(lines[-1])[0]:.0f} s, {CAST.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
