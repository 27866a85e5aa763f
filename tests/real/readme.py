"""The parts of the README that pretrained models wrote: `python -m tests.real.readme` writes them.

A test compares their words. The figures are those of one processor: on another one they may differ by the noise floor,
and a sample with them.
"""

from __future__ import annotations

import subprocess
import sys

from tests.docs.readme import README, filled
from tests.real.models import GEMMA, SMOLLM2, fetch

_QUESTION = ("--prompt", "Name a fruit.", "--seed", "7")
COMMANDS = (
    ("lookahead", *_QUESTION, "--top", "5"),
    ("respond", *_QUESTION, "--force", "Sure", "--only-matched"),
)


_STATES = (
    "--valid",
    "us-states",
    "--prompt",
    "Some US states, in no order: Ohio, Maine,",
    "--end",
    ",",
)
_PLAIN = ("--template", "raw", "--no-frontier")


def smollm2() -> str:
    """What the commands print, with the model's file by its name."""
    lines = ["```console"]
    for command, *options in COMMANDS:
        arguments = (command, SMOLLM2.file, *options)
        lines.append(f"$ bftui {' '.join(map(_quoted, arguments))}")
        done = subprocess.run(
            [sys.executable, "-m", "bftui", command, str(SMOLLM2.gguf), *options],
            check=True,
            capture_output=True,
            text=True,
        )
        lines += [line.rstrip() for line in done.stdout.strip().splitlines()]
        lines.append("")
    lines[-1] = "```"
    return "\n".join(lines)


def states() -> str:
    """The table of both models on one valid set, and what each gives most and least."""
    models, options = (GEMMA, SMOLLM2), (*_STATES, *_PLAIN)
    shown = ("calibrate", *(each.file for each in models), *options)
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "bftui",
            "calibrate",
            *(str(each.gguf) for each in models),
            *options,
        ],
        check=True,
        capture_output=True,
        text=True,
    )
    table = done.stdout.split("\n\n", 1)[0].splitlines()
    lines = [f"$ bftui {' '.join(map(_quoted, shown))}", *(line.rstrip() for line in table)]
    return "\n".join(["```console", *lines, "```"])


def _quoted(argument: str) -> str:
    return f'"{argument}"' if " " in argument else argument


if __name__ == "__main__":
    for model in (SMOLLM2, GEMMA):
        fetch(model)
    parts = {"smollm2": smollm2(), "states": states()}
    README.write_text(filled(README.read_text("utf-8"), parts), "utf-8")
