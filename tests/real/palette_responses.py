"""What the words of the style palette do to two pretrained models, as a table for people.

    python -m tests.real.palette_responses [--stop-after N] [--model NAME] [--threads N] [--keep FILE]

Every word is measured after every question, which takes hours. What is drawn goes to FILE at once, and a later run
goes on with it, also one with more looks; the figures of words that are measured after all questions are written to
`palette_responses.json`.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import bftui
from bftui.measures.response import Response
from bftui.measures.response_state import LOOKS, Setup
from bftui.measures.style_lexicon import WORDS
from bftui.model.prompt import Prompt, Template
from bftui.results.codec import decode, encode
from bftui.results.response_result import ResponseResult
from bftui.session.session import Session
from bftui.workbench.settings import QUESTIONS
from tests.real.models import MODELS, RealModel

FIGURES = Path(__file__).with_suffix(".json")

Key = tuple[str, str, str]
"""Model, word, question."""


class Drawn:
    """All that was drawn, in a file of lines that grows; the last line of a key counts."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._found: dict[Key, dict[str, Any]] = {}
        if path.exists():
            for line in path.read_text("utf-8").splitlines():
                key, fields = json.loads(line)
                self._found[tuple(key)] = fields

    def get(self, key: Key) -> ResponseResult | None:
        """What is known of a word."""
        return decode(ResponseResult, self._found[key]) if key in self._found else None

    def put(self, key: Key, result: ResponseResult) -> None:
        """Keeps what is known of a word."""
        self._found[key] = encode(result)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps([key, self._found[key]]) + "\n")


def measure(real: RealModel, drawn: Drawn, stop_after: int, threads: int) -> None:
    """Measures each word after each question as far as that many looks, and writes the figures after each question."""
    setup = Setup(others=False, stop_after=stop_after)
    with bftui.open_model(real.gguf, ctx=1024, threads=threads) as model:
        template: Template = "chat" if model.info.chat_template else "page"
        for question in QUESTIONS:
            session = Session(model, Prompt(question, template=template))
            for word in WORDS:
                key = real.name, word, question
                known = drawn.get(key)
                if known is not None and _enough(known, stop_after):
                    continue
                begun = time.monotonic()
                ids = tuple(model.tokenize(session.model_tree.spaced(word)))
                site = session.model_tree.site(session.cursor)
                response = Response(site, ids, (), setup, known)
                response.finish()
                stored = response.stored()
                assert stored is not None
                result = stored.result
                assert isinstance(result, ResponseResult)
                drawn.put(key, result)
                ratio = "none" if result.delta is None else f"{math.exp(result.delta):.2f}"
                print(
                    f"{real.name} {question} {word}: x{ratio} {result.verdict} {result.reason or ''} "
                    f"after {result.samples} samples, {time.monotonic() - begun:.0f} s",
                    flush=True,
                )
            keep_figures(drawn)


def _enough(known: ResponseResult, stop_after: int) -> bool:
    told = known.verdict in ("narrows", "widens")
    return told or len(known.looks) >= stop_after


def keep_figures(drawn: Drawn) -> None:
    """Writes what the table is made from, of every word that was measured after every question."""
    rows = []
    for real in MODELS:
        for word in WORDS:
            found = [drawn.get((real.name, word, question)) for question in QUESTIONS]
            if not all(found):
                continue
            rows.append(
                {
                    "model": real.name,
                    "word": word,
                    "ratios": [
                        None if one is None or one.delta is None else round(math.exp(one.delta), 3)
                        for one in found
                    ],
                    "verdicts": [one and one.verdict for one in found],
                    "samples": [one and one.samples for one in found],
                    "kept": [one and one.forced.kept for one in found],
                    "controls": [one and one.matched for one in found],
                }
            )
    FIGURES.write_text(
        "[\n" + ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n]\n", "utf-8"
    )


def table() -> str:
    """The median ratio of each word over the questions with its range, and the verdicts, for each model."""
    rows: Sequence[dict[str, Any]] = json.loads(FIGURES.read_text("utf-8"))
    of = {(row["model"], row["word"]): row for row in rows}
    models = [real.name for real in MODELS if any(row["model"] == real.name for row in rows)]
    lines = [
        "| word | " + " | ".join(f"{name}: BF ratio | verdicts" for name in models) + " |",
        "|---|" + "---|---|" * len(models),
    ]
    for word in WORDS:
        cells = [cell for name in models for cell in _cells(of.get((name, word)))]
        lines.append(f"| {word} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cells(row: dict[str, Any] | None) -> tuple[str, str]:
    if row is None:
        return "", ""
    ratios = [ratio for ratio in row["ratios"] if ratio is not None]
    told = Counter(zip(row["verdicts"], row["samples"], strict=True))
    counts = [f"{count} {verdict} ({samples})" for (verdict, samples), count in told.most_common()]
    if not ratios:
        return "no controls", ", ".join(counts)
    middle = statistics.median(ratios)
    return f"×{middle:.2f} (×{min(ratios):.2f} to ×{max(ratios):.2f})", ", ".join(counts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--stop-after", type=int, default=len(LOOKS))
    parser.add_argument("--keep", type=Path, default=Path("palette_responses.jsonl"))
    parser.add_argument("--model", default="", help="a part of a model's name; all without")
    parser.add_argument("--threads", type=int, default=0, help="0: physical cores")
    options = parser.parse_args()
    drawn = Drawn(options.keep)
    for real in MODELS:
        if options.model.casefold() in real.name.casefold():
            measure(real, drawn, options.stop_after, options.threads)
    keep_figures(drawn)
    print(table())


if __name__ == "__main__":
    main()
