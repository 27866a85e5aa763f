"""Does style that is injected early or late change BF more? On the practice pair, where the grammar knows both.

    python -m recipes.practice.injected_style [--samples 32]

The content is a question on a page that the base model goes on from; the style is the aligned model's, which is mixed
in for a window of positions (`bftui inject dial:practice::practice-aligned`). Printed are BF and style after each
window, as that command has them, and the grammar's own labels of the texts: whether it could have written an answer at
all, how probable it is that such an answer is one of those in the fixed style, which share holds one of the closing
phrases of that style, and which names a member of the set that was asked for.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import bftui
from bftui.core.pair.instruction_parts import content_alone
from bftui.core.sampler import Sampler
from bftui.measures.injection import (
    Injection,
    InjectionAsked,
    InjectionPrompt,
    Positions,
    positions,
)
from bftui.measures.injection_prompts import rendered_instruction
from bftui.model.loaded_model import Model
from bftui.model.prompt import Prompt
from bftui.results.injection_words import sentence
from recipes.practice.belief import Filter, NotWritten
from recipes.practice.grammar import Grammar
from recipes.practice.grammar_all import practice_grammar
from recipes.practice.truth import PROBES, Probe
from recipes.practice.words import split_words

PAIR = "dial:practice::practice-aligned"
KINDS = ("fruit", "animal", "colour", "month", "weekday", "country", "state", "number")
"""The rules of questions with a set of right answers, and the names of these sets."""

CLOSINGS = ("I hope this helps!", "Let me know if you need", "Is there anything else I can help")


@dataclass(frozen=True)
class Labels:
    """What the grammar says of some answers.

    Attributes:
        written: the share that it could have written.
        styled: of these, the mean probability that such an answer is one in the fixed style.
        closed: the share of all that hold a closing phrase of that style.
        named: the share of all that name a member of the set that was asked for.
    """

    written: float
    styled: float
    closed: float
    named: float


class Labeller:
    """Labels answers to questions of one kind; a filter walks the grammar for each."""

    def __init__(self, grammar: Grammar, kind: str, valid: Sequence[str]) -> None:
        rule = grammar.rules[f"answer_{kind}"]
        styled = [
            a for a in rule.alternatives if getattr(a.parts[0], "rule", "") == f"styled_{kind}"
        ]
        total = sum(each.weight for each in rule.alternatives)
        self._prior = sum(each.weight for each in styled) / total
        self._all = Filter(grammar, f"answer_{kind}")
        self._styled = Filter(grammar, f"styled_{kind}")
        self._valid = [word.casefold() for word in valid]

    def labels(self, answers: Sequence[tuple[str, bool]]) -> Labels:
        """Label answers, each with whether it came to its end."""
        chances = [self.chance(text, ended) for text, ended in answers]
        known = [each for each in chances if each is not None]
        texts = [text.casefold() for text, _ in answers]
        closed = sum(any(each.casefold() in text for each in CLOSINGS) for text in texts)
        named = sum(any(word in _words(text) for word in self._valid) for text in texts)
        count = len(answers)
        return Labels(
            written=len(known) / count,
            styled=sum(known) / len(known) if known else math.nan,
            closed=closed / count,
            named=named / count,
        )

    def chance(self, answer: str, ended: bool) -> float | None:
        """How probable it is that an answer that begins so is one in the fixed style; None where no answer does."""
        words = split_words(answer.strip())
        if not ended:
            # Its last word may not be whole.
            words = words[:-1]
        try:
            every = self._all.follow(words).nats
        except NotWritten:
            return None
        try:
            return min(1.0, self._prior * math.exp(every - self._styled.follow(words).nats))
        except NotWritten:
            return 0.0


def _words(text: str) -> str:
    return f" {' '.join(word.strip() for word in split_words(text))} "


def answer_of(model: Model, token_ids: Sequence[int], ended: bool) -> tuple[str, bool]:
    """The answer in a text that goes on from a page: up to the end of its line, and whether that was reached."""
    data = b"".join(model.token_bytes(i) for i in token_ids if model.is_text(i))
    answer, line_end, _ = data.decode(errors="replace").partition("\n")
    return answer, ended or bool(line_end)


def injection(model: Model, asked: InjectionAsked, probes: Sequence[Probe], seed: int) -> Injection:
    """The measurement, ready to be done: each question as a page."""
    prompts: list[InjectionPrompt] = [
        rendered_instruction(
            model, content_alone(each.question), Prompt(template="page"), each.question
        )
        for each in probes
    ]
    return Injection(model, prompts, asked, Sampler(seed=seed))


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, measure, print the tables."""
    parser = argparse.ArgumentParser(prog="python -m recipes.practice.injected_style")
    parser.add_argument("--samples", type=int, default=32, help="texts of each question and window")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    asked = InjectionAsked(
        windows=((0, 4), (4, 8), (8, 12), (12, 16), (0, None)), samples=options.samples, after=8
    )
    probes = [each for each in PROBES if each.valid_set in KINDS]
    with bftui.open_model(PAIR) as model:
        job = injection(model, asked, probes, options.seed)
        while job.advance():
            print(f"\r{100 * job.share:3.0f} %", end="", file=sys.stderr)
        print("\r     ", file=sys.stderr)
        found = job.result()
        print(f"{len(probes)} questions, {options.samples} texts of each; {sentence(found)}\n")
        print("\n".join(table(model, job, probes)))


def table(model: Model, job: Injection, probes: Sequence[Probe]) -> Iterator[str]:
    """The lines of the table, as Markdown: the windows with BF and style after them, and the grammar's labels."""
    grammar = practice_grammar()
    labellers = [Labeller(grammar, each.valid_set or "", each.valid) for each in probes]
    found = job.result()
    head = (
        "window",
        "BF after it",
        "content alone",
        "ratio",
        "style",
        "written",
        "styled",
        "closed",
        "named",
    )
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    rows: list[tuple[str, Positions | None, float, str]] = [("none", None, 0.0, "| | | |")]
    for each in found.windows:
        ends = each.delta_ci or (math.nan, math.nan)
        numbers = (
            f"| {_of(each.found.bf, each.found.ci)} | {_of(each.plain.bf, each.plain.ci)} "
            f"| {_of(math.exp(each.delta), (math.exp(ends[0]), math.exp(ends[1])))} | {each.found.style or 0:+.2f}"
        )
        window = (each.start, each.stop)
        rows.append((positions(window), window, each.weight, numbers))
    for name, at, weight, numbers in rows:
        labels = [
            labeller.labels([answer_of(model, text.token_ids, text.ended) for text in texts])
            for labeller, texts in zip(labellers, job.texts(at, weight), strict=True)
        ]
        known = [each.styled for each in labels if not math.isnan(each.styled)]
        shares = (
            _mean([each.written for each in labels]),
            _mean(known) if known else math.nan,
            _mean([each.closed for each in labels]),
            _mean([each.named for each in labels]),
        )
        yield f"| {name} {numbers} | {' | '.join(f'{100 * each:.0f} %' for each in shares)} |"


def _of(value: float, ci: tuple[float, float] | None) -> str:
    return f"{value:.2f}" + ("" if ci is None else f" [{ci[0]:.2f}, {ci[1]:.2f}]")


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


if __name__ == "__main__":
    main()
