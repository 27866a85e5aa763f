"""How a session came about: model, settings, actions, and the commands that check it and do it again."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections import Counter
from itertools import islice
from typing import Any

from bftui.core.sampler import FIRST, Sampler, written_sampler
from bftui.core.text import counted, safe
from bftui.practice import NAMES
from bftui.trace.header import noise_of
from bftui.trace.reading import TraceFile
from bftui.trace.report.content import SOURCES, Content
from bftui.trace.report.sentences import Table, clipped
from bftui.trace.stream import opened

_ACTIONS, _SAMPLERS = 200, 20

_MODEL = (
    *("name", "title", "backend", "library", "architecture", "n_vocab", "n_ctx"),
    *("dtype", "kv", "device", "threads", "sha256", "tokenizer_sha256"),
)
"""What is told of a model. Where its file lay is nobody else's business; the checksum tells which it was."""

_FACTS = {
    "title": "calls itself",
    "n_vocab": "vocabulary",
    "n_ctx": "context",
    "dtype": "weights",
    "kv": "KV cache",
    "sha256": "SHA-256",
    "tokenizer_sha256": "tokenizer, SHA-256",
}


def model_facts(model: Any) -> list[tuple[str, str]]:
    """Names and values, safe to show."""
    values = [(name, getattr(model, name)) for name in _MODEL]
    noise = noise_of(model)
    if noise is not None:
        values.append(("noise floor", noise.sentence()))
    return [
        (_FACTS.get(name, name), f"{value:,}" if isinstance(value, int) else safe(str(value)))
        for name, value in values
        if value not in (None, "")
    ]


def trace_facts(file: TraceFile) -> list[tuple[str, str]]:
    """Returns what the report was made from. Raises InputError where the file is gone."""
    with opened(file.path) as data:
        checksum = hashlib.file_digest(data, "sha256").hexdigest()
    outline = file.outline
    counts = file.counts
    return [
        ("trace", safe(file.path.name)),
        ("trace, SHA-256", checksum),
        (
            "made",
            f"{clipped(safe(outline.created), 40)} by bftui {clipped(safe(outline.bftui), 40)}",
        ),
        (
            "holds",
            ", ".join(
                counted(count, name)
                for count, name in (
                    (file.count, "node"),
                    (counts["actions"], "action"),
                    (counts["measurements"], "measurement"),
                )
            ),
        ),
    ]


def commands(file: TraceFile) -> list[tuple[str, str]]:
    """Commands on the trace, and what each does; safe to show."""
    trace = shlex.quote(safe(file.path.name))
    name = file.outline.model.name
    model, which = (name, "") if name in NAMES else ("MODEL", "; MODEL has the checksum below")
    return [
        (f"bftui check {trace}", "evaluates every path again and says how far the numbers are off"),
        (
            f"bftui record {model} --like {trace} -o again.json",
            f"does the same actions again{which}",
        ),
        (f"bftui replay {trace}", "opens the session in the workbench, without the model"),
    ]


def samplers(content: Content) -> Table:
    """Lists the samplers of the trace, with how many numbers and tokens came under each."""
    numbers = Counter(content.samplers)
    sampled = SOURCES.index("sampled")
    tokens = Counter(
        number
        for number, source in zip(content.drawn, content.sources, strict=True)
        if source == sampled
    )
    used = sorted(numbers.keys() | tokens.keys())
    samplers = content.file.samplers
    further = any(map(_further, samplers))
    rows = [
        (
            str(place + 1),
            f"{each.temperature:g}",
            f"{each.top_k}" if each.top_k else "all",
            f"{each.top_p:g}",
            f"{each.min_p:g}",
            str(each.seed),
            f"{numbers[place]:,}",
            f"{tokens[place]:,}",
            *([_further(each)] if further else []),
        )
        for place in used[:_SAMPLERS]
        for each in (samplers[place],)
    ]
    return Table(
        (
            *("", "temperature", "top-k", "top-p", "min-p", "seed", "nodes", "draws"),
            *(["further settings"] if further else []),
        ),
        tuple(rows),
        "nodes: whose numbers are of this sampler. draws: tokens that were sampled under it.",
    )


def _further(sampler: Sampler) -> str:
    """Settings beside those that have a column, where they are not off."""
    found = written_sampler(sampler).items()
    told = [f"{name} {json.dumps(value)}" for name, value in found if name not in FIRST]
    return clipped(safe(", ".join(told)), 200)


def actions(file: TraceFile) -> tuple[Table | None, int]:
    """Returns the first things that were done, in order, and how many more there are."""
    rows = tuple(_action(each) for each in islice(file.actions(), _ACTIONS))
    found = Table(("at", "node", "action", ""), rows, words=2) if rows else None
    return found, max(0, file.counts["actions"] - len(rows))


def _action(fields: dict[str, Any]) -> tuple[str, ...]:
    args = json.dumps(fields["args"], ensure_ascii=False) if fields["args"] else ""
    return (
        f"{fields['at_ms'] / 1e3:.1f} s",
        f"{fields['node']:,}",
        clipped(safe(fields["op"]), 40),
        clipped(safe(args), 100),
    )
