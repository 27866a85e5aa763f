"""The generated parts of the README: `python -m tests.docs.readme` writes them, a test compares them.

A part stands between `<!-- NAME -->` and `<!-- /NAME -->`.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).resolve().parents[2] / "README.md"


def parts() -> dict[str, str]:
    """Each generated part by its name."""
    return {
        "help": _console("bftui --help"),
        "record-help": _console("bftui record --help"),
        "lookahead-help": _console("bftui lookahead --help"),
        "respond-help": _console("bftui respond --help"),
        "measure-help": _console("bftui measure --help"),
        "keys": _keys(),
        "practice": _practice(),
    }


def _console(command: str) -> str:
    arguments = [sys.executable, "-m", *command.split()]
    env = {**os.environ, "COLUMNS": "96", "TERM": "dumb"}
    done = subprocess.run(arguments, capture_output=True, text=True, check=True, env=env)
    lines = (line.rstrip() for line in done.stdout.strip().splitlines())
    return "```console\n$ " + command + "\n" + "\n".join(lines) + "\n```"


def _keys() -> str:
    from bftui.ui.actions import key_table

    rows = [
        f"| {' '.join(f'`{key}`' for key in keys.split())} | {name} | {description} |"
        for keys, name, description in key_table()
    ]
    return "\n".join(["| key | action | |", "|---|---|---|", *rows])


def _practice() -> str:
    """The numbers that the recipe measured, from the files beside the weights."""
    from bftui import practice

    rows = [
        "| model | nats a word | above the grammar | total variation "
        "| BF, first token | BF, 48 tokens | written by the grammar |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in practice.NAMES:
        found = json.loads(practice.path(name).with_suffix(".json").read_text("utf-8"))
        rows.append(
            f"| `{name}` | {found['model_nats']:.2f} "
            f"| {found['excess']:.3f} ± {2 * found['excess_error']:.3f} "
            f"| {found['median_total_variation']:.3f} | {found['bf_first']:.1f} "
            f"| {found['bf_mean']:.2f} | {100 * found['parsed']:.0f} % |"
        )
    return "\n".join(rows)


def generated(text: str) -> str:
    """The README with its generated parts made anew; raises ValueError for a part without its marks."""
    for name, part in parts().items():
        block = f"<!-- {name} -->\n{part}\n<!-- /{name} -->"
        pattern = re.compile(rf"<!-- {name} -->.*?<!-- /{name} -->", re.DOTALL)
        text, count = pattern.subn(lambda match, block=block: block, text)
        if count != 1:
            raise ValueError(f"the README has {count} parts named {name}")
    return text


def main() -> None:
    README.write_text(generated(README.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
