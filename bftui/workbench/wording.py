"""A session's sampler, and what undo brought back, in words. Imports no NumPy: the first frame needs it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bftui.core.sampler import NUMBERS
from bftui.core.text import counted, label, safe

if TYPE_CHECKING:
    from bftui.core.sampler import Sampler
    from bftui.session.session import Session

_LONGEST = 20


def short(value: float) -> str:
    """A share without its leading zero, with two decimals at least."""
    text = f"{value:.2f}" if round(value, 2) == value else f"{value:g}"
    return text.removeprefix("0")


_RULES = (
    ("top_k", "top-k"),
    ("top_p", "top-p"),
    ("min_p", "min-p"),
    ("top_n_sigma", "top-nσ"),
    ("typical_p", "typical"),
    ("epsilon", "epsilon"),
    ("eta", "eta"),
)

_CHANGES = (
    ("repetition_penalty", "repetition"),
    ("frequency_penalty", "frequency"),
    ("presence_penalty", "presence"),
    ("dry_multiplier", "DRY"),
)


def truncation(sampler: Sampler) -> str:
    """The sampler's truncation in words: `top-p .90`, or `no truncation`."""
    return " ".join(_rules(sampler)) or "no truncation"


def steering(sampler: Sampler) -> str:
    """What changes logits, in words; "" where nothing does."""
    return " ".join(_changes(sampler))


def weighing(sampler: Sampler) -> str:
    """The weight of a mixture, and its mask where there is one."""
    masked = f" plausible {short(sampler.plausibility)}" if sampler.plausibility else ""
    return f"w {sampler.weight:.3g}{masked}"


def scheduled(sampler: Sampler) -> str:
    """How many windows of positions have other settings; "" where there are none."""
    return counted(len(sampler.windows), "window") if sampler.windows else ""


def sampling(sampler: Sampler, *, mixed: bool = False) -> str:
    """All of it; `mixed`: of a mixture, which has a weight."""
    found = (
        weighing(sampler) if mixed else "",
        _temperature(sampler),
        truncation(sampler),
        steering(sampler),
        scheduled(sampler),
        f"seed {sampler.seed}",
    )
    return "  ".join(filter(None, found))


def sampling_in_short(sampler: Sampler, *, mixed: bool = False) -> str:
    """The same where there is little room: the first two rules, and how much else there is."""
    rules = _rules(sampler)
    told = " ".join(rules[:2]) or "no truncation"
    more = len(rules[2:]) + len(_changes(sampler))
    told += f" +{more}" if more else ""
    found = (
        weighing(sampler) if mixed else "",
        _temperature(sampler),
        told,
        scheduled(sampler),
        f"seed {sampler.seed}",
    )
    return "  ".join(filter(None, found))


def stages_of(sampler: Sampler) -> str:
    """What makes P~ of the logits, one stage after the other."""
    steered = steering(sampler)
    found = [f"logits are changed ({steered})"] if steered else []
    found.append(f"logits are divided by {sampler.temperature:g}")
    rules = truncation(sampler)
    found.append(rules if rules == "no truncation" else f"what {rules} all keep is kept")
    return ", then ".join(found)


def _temperature(sampler: Sampler) -> str:
    temperature = f"{sampler.temperature:.4g}"
    return f"T {temperature}" + ("" if "." in temperature else ".0")


def _rules(sampler: Sampler) -> list[str]:
    parts = _told(sampler, _RULES)
    if sampler.xtc_probability:
        parts.append(f"XTC {short(sampler.xtc_probability)} from {short(sampler.xtc_threshold)}")
    parts += [f"{name} {short(value)}" for name, value in sampler.added]
    if parts and sampler.pinned:
        parts.append(f"{len(sampler.pinned)} pinned")
    return parts


def _changes(sampler: Sampler) -> list[str]:
    named = ((sampler.bias, "biased"), (sampler.banned, "banned"))
    tokens = [f"{len(ids)} {word}" for ids, word in named if ids]
    found = [*tokens, *_told(sampler, _CHANGES)]
    if sampler.constraint:
        start = sampler.constraint.start
        found.append(f"{sampler.constraint.called}{f' from token {start + 1}' if start else ''}")
    return found


def _told(sampler: Sampler, named: Sequence[tuple[str, str]]) -> list[str]:
    """Those of these settings that are on, with their values."""
    return [
        f"{word} {value if NUMBERS[name].whole else short(value)}"
        for name, word in named
        if (value := getattr(sampler, name)) != NUMBERS[name].off
    ]


@dataclass(frozen=True, slots=True)
class Undoable:
    """What undo can change."""

    cursor: int
    sampler: Sampler
    marks: Mapping[str, int]
    folded: frozenset[int]
    pruned: frozenset[int]
    breakpoints: str

    @staticmethod
    def of(session: Session) -> Undoable:
        """Where a session stands now."""
        marks = dict(session.marks)
        view = session.state.view
        written = ", ".join(each.written for each in view.breakpoints)
        return Undoable(session.cursor, session.sampler, marks, view.folded, view.pruned, written)


def changed(session: Session, before: Undoable, after: Undoable) -> str:
    """What differs between two snapshots of a session, in one line; the cursor where nothing else does."""
    told = []
    if before.sampler != after.sampler:
        told.append(" ".join(sampling(after.sampler).split()))
    for name in sorted({*before.marks, *after.marks}):
        if name not in after.marks:
            told.append(f"mark {safe(name)} is gone")
        elif after.marks[name] != before.marks.get(name):
            told.append(f"mark {safe(name)} is at {_node(session, after.marks[name])}")
    if before.breakpoints != after.breakpoints:
        told.append(f"playing stops at {safe(after.breakpoints) or 'nothing'}")
    told += _branches(session, before.pruned, after.pruned, "hidden", "back")
    told += _branches(session, before.folded, after.folded, "folded", "unfolded")
    if not told or (before.cursor != after.cursor and before.sampler == after.sampler):
        told.append(f"at {_node(session, after.cursor)}")
    return ", ".join(told)


def _branches(
    session: Session, before: frozenset[int], after: frozenset[int], gone: str, back: str
) -> list[str]:
    told = []
    for nodes, word in ((after - before, gone), (before - after, back)):
        if len(nodes) == 1:
            told.append(f"{_node(session, *nodes)} is {word}")
        elif nodes:
            told.append(f"{len(nodes):,} branches are {word}")
    return told


def _node(session: Session, node: int) -> str:
    """A node in a few words."""
    token = session.tree.token_id(node)
    if token is None:
        return "the prompt"
    text = label(session.model.token_bytes(token)[:80])
    return f"{text if len(text) <= _LONGEST else text[: _LONGEST - 1] + '…'} (token {session.tree.depth(node)})"
