"""The measurements of two models as sections of a report: shift and nudging."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict

import numpy as np

from bftui.core import definitions
from bftui.core.schedule import gammas_told
from bftui.core.text import counted, label
from bftui.results.nudging_result import MANY, NudgingResult
from bftui.results.shift_result import ShiftResult
from bftui.trace.report.branch_rows import Children
from bftui.trace.report.content import Content, lines, number
from bftui.trace.report.figures import pair_figures
from bftui.trace.report.sentences import (
    LONG,
    Asked,
    Section,
    Table,
    clipped,
    finite,
    token_text,
)


def shift(asked: Asked) -> Section:
    """Tells of one model's answer, read by the other."""
    found: ShiftResult = asked.stored.result
    author = asked.stored.settings.text
    reader = "aligned" if author == "base" else "base"
    shares = asdict(found.answer.shares)
    said = ", ".join(
        f"{each} {100 * share:.1f} %" for each, share in shares.items() if share is not None
    )
    counted_texts = Counter(each.text for each in found.positions if each.kind == "shifted")
    rows = tuple((_token(text), str(count)) for text, count in counted_texts.most_common(12))
    picture = None
    if found.positions:
        along = sorted(found.positions, key=lambda each: each.position)
        compared = pair_figures.ComparedText(
            kinds=tuple(each.kind for each in along),
            kl=np.array([finite(each.kl_aligned_base) for each in along]),
            labels=tuple(_token(each.text) for each in along),
            whose=f"the rank of the {author} model's tokens in the {reader} model",
            direction="aligned ‖ base",
        )
        picture = pair_figures.shift(asked.name, compared)
    within = sum(each.within_noise for each in found.positions)
    floor = f", {within:,} of them with a class within the noise floor" if within else ""
    return Section(
        f"{said or 'nothing was compared'}; {counted(len(found.positions), 'token')}{floor}",
        definitions.SHIFT,
        Table(("shifted token", "times"), rows, "Shifted tokens, the most frequent first.", True)
        if rows
        else None,
        picture,
        (("base", clipped(lines(found.answer.text), 4 * LONG)),),
        f"The answer of the {author} model, read by the {reader}.",
    )


def _token(text: bytes) -> str:
    return token_text(text.decode(errors="replace"))


def nudging(asked: Asked) -> Section:
    """Tells of a text by two writers."""
    content = asked.content
    found: NudgingResult = asked.stored.result
    named = (
        ("base alone", found.bf_base, "the base's own greedy text, by the base"),
        ("along the nudged text", found.bf_nudged, "all tokens of the nudged text, by the base"),
        ("where the base wrote", found.bf_base_written, "those that the base wrote, by the base"),
        ("partner alone", found.bf_partner, "the partner's own greedy text, by the partner"),
    )
    ids = [token_id for piece in found.pieces for token_id in piece.token_ids]
    authors = [piece.author for piece in found.pieces for _ in piece.token_ids]
    sure = best_along(content, asked.stored.node, ids)
    if any(not math.isnan(value) for value in sure):
        labels = tuple(_label(content, token_id) for token_id in ids)
        picture = pair_figures.sure(asked.name, sure, authors, labels, found.gamma)
    else:
        picture = None
    share = "–" if found.share_nudged is None else f"{100 * found.share_nudged:.0f} %"
    said = f"{counted(found.tokens, 'token')}, {share} of them nudged, gamma {found.gamma:g}"
    scheduled = gammas_told(asked.stored.settings.settings.windows)
    said += f", but {scheduled}" if scheduled else ""
    notes = []
    if found.warning:
        notes.append(
            f"Above {100 * MANY:.0f} % of the tokens by the partner, pairs tend to fail (BlendIn, arXiv 2606.11201)."
        )
    left, pieces = 8 * LONG, list[tuple[str, str]]()
    for piece in found.pieces:
        text = lines(piece.text.decode(errors="replace"))
        pieces.append((piece.author, clipped(text, left)))
        left -= len(text)
        if left <= 0:
            break
    return Section(
        f"{said}; {counted(found.rounds, 'round')}",
        definitions.NUDGING,
        Table(
            ("", "BF", "over"),
            tuple((each, number(bf), over) for each, bf, over in named),
            "BF, exp of the mean H(P~) over the tokens of one text each; one text is one sample and has no interval.",
            words=1,
        ),
        picture,
        tuple(pieces),
        "The nudged text; underlined is what the partner wrote.",
        tuple(notes),
    )


def best_along(content: Content, node: int, ids: Iterable[int]) -> list[float]:
    """Returns P of the most probable token where each token of a text stands that begins after a node.

    NaN where the text is not in the tree of the trace.
    """
    links = content.file.links
    children = Children(np.frombuffer(links.parents, dtype=np.int32))
    # The same token may have come there in several ways, and only one of them goes on.
    places = [node]
    found = []
    for token_id in ids:
        found.append(
            next((best for each in places if (best := float(content.best[each])) >= 0), math.nan)
        )
        places = [
            child
            for each in places
            for child in children.of(each)
            if links.tokens[child] == token_id
        ]
    return found


def _label(content: Content, token_id: int) -> str:
    try:
        return label(content.file.token_bytes(token_id))
    except KeyError:
        return f"#{token_id}"
