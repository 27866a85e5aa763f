"""The part of the README that a pretrained model wrote: `python -m tests.real.readme` writes it.

A test compares its words. The figures are those of one processor: on another one they may differ by the noise floor,
and a sample with them.
"""

from __future__ import annotations

import subprocess
import sys

from tests.docs.readme import README, filled
from tests.real.models import SMOLLM2, fetch

_QUESTION = ("--prompt", "Name a fruit.", "--seed", "7")
COMMANDS = (
    ("lookahead", *_QUESTION, "--top", "5"),
    ("respond", *_QUESTION, "--force", "Sure", "--only-matched"),
)


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


def _quoted(argument: str) -> str:
    return f'"{argument}"' if " " in argument else argument


if __name__ == "__main__":
    fetch(SMOLLM2)
    README.write_text(filled(README.read_text("utf-8"), {"smollm2": smollm2()}), "utf-8")
