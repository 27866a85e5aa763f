"""Forking tokens for people: a sentence, and the positions with what came of each alternative."""

from __future__ import annotations

from bftui.cli.shared.tables import aligned, clipped, paragraph
from bftui.core.definitions import FORKS
from bftui.core.text import label, safe
from bftui.results.forks_result import ForkPosition, ForksResult
from bftui.results.forks_words import outcomes, sentence

_POSITIONS = 8
_TEXT = 300


def report(found: ForksResult) -> str:
    """Writes the result for people; safe to print."""
    marked = (
        f"⟨{text}⟩" if place in found.open_positions else text
        for place, text in enumerate(found.tokens)
    )
    text = clipped(safe(" ".join("".join(marked).split())), _TEXT)
    first = f"{sentence(found)[:1].upper()}{sentence(found)[1:]}."
    parts = [
        f"{paragraph(first)}\n\n{paragraph(f'answer, with its most open tokens in ⟨⟩: {text}')}"
    ]
    parts += [_position(each) for each in found.ranked[:_POSITIONS]]
    more = len(found.ranked) - _POSITIONS
    if more > 0:
        parts.append(f"{more} more positions in the JSON")
    parts.append(
        paragraph(
            f"Score: {FORKS.meaning} By chance: the same with outcomes permuted among the tokens."
        )
    )
    return "\n\n".join(parts)


def _position(each: ForkPosition) -> str:
    corrected = "" if each.p_holm is None else f" · p Holm {each.p_holm:.2g}"
    head = (
        f"position {each.position} · H(P) {each.entropy:.2f} · score {each.score or 0:.2f}, by chance "
        f"{each.chance or 0:.2f}{corrected} · {each.effective or 1:.1f} effective outcomes · {each.covered:.0%} of P~ "
        "tried"
    )
    rows = [
        [
            f"{'→' if one.taken else ' '} {label(one.text.encode())}",
            f"{one.prob:.3f}",
            clipped(outcomes(one, each), 50),
        ]
        for one in each.alternatives
    ]
    return f"{paragraph(head)}\n{aligned(rows, '<><', first=20)}"
