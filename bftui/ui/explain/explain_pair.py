"""What the numbers of two models mean: partner, shift, nudging. Data for `K`, as in `explain_items.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bftui.core import definitions
from bftui.core.noise_floor import Noise, fine, probability
from bftui.core.text import safe
from bftui.ui.drawing.shift_style import SIGNS, WITHIN
from bftui.ui.explain.explain_items import Item

if TYPE_CHECKING:
    from bftui.core.pair.distribution_shift import Standing
    from bftui.core.pair.shift_summary import Position
    from bftui.ui.view import View
    from bftui.workbench.paired_results import NudgingShown

_CLASSES = (
    f"{SIGNS['unshifted']} unshifted: rank 1 (or within a thousandth of the best logit); {SIGNS['marginal']} marginal: "
    f"rank 2 or 3; {SIGNS['shifted']} shifted: rank 4 and more."
)

_SEAM = {
    "base": " The blank that the answer begins with is left out for it.",
    "partner": " For it the answer begins with a blank, as its prompt would go on.",
}


def partner(view: View) -> list[Item]:
    """Who the partner is and how it reads along; nothing without one."""
    found = view.partner
    if found is None:
        return []
    paired = view.paired
    name = safe(paired.name)
    way = "as token ids: both vocabularies are the same, token by token"
    if paired.hand_over == "text":
        way = f"as text, which its own tokenizer splits: {safe(paired.why_text)}"
    seam = "" if paired.seam is None else _SEAM[paired.seam]
    here = view.partnered(view.cursor)
    bf = "–" if here is None or here.next is None else fine(here.next.bf, found.model.noise)
    return [
        Item.of(
            "partner BF",
            bf,
            definitions.PARTNER_BF,
            f"{definitions.PARTNER_BF.text} {name} reads with the template {paired.template or 'raw'}. The text goes "
            f"to it {way}.{seam} Along the path: exp of the mean H(P~) of its distributions.",
        )
    ]


def standing(view: View, token_id: int) -> list[Item]:
    """A candidate in the partner's distribution; nothing where nobody knows."""
    found: Standing | None = view.standings((token_id,)).get(token_id)
    if found is None:
        return []
    name = safe(view.paired.name)
    return [
        _partners(
            view,
            found,
            "1 + the number of tokens that the partner gives a larger logit",
            f"The same token in the distribution of {name} after the same text.",
        )
    ]


def token(view: View, node: int) -> list[Item]:
    """A token of the path in the partner's distribution; nothing where nobody knows."""
    found = view.partnered(node)
    if found is None or found.compared is None:
        return []
    return [
        _partners(
            view,
            found.compared.partner,
            "its rank and P in the partner's distribution before it",
            f"What {safe(view.paired.name)} says of this token after the same text.",
        )
    ]


def _partners(view: View, there: Standing, formula: str, text: str) -> Item:
    value = f"#{there.rank:,} {there.kind}, P {probability(there.prob, 3, view.partner_noise)}"
    return Item("partner", value, formula, f"{text} {_CLASSES}", definitions.SHIFT.source)


def _ranked(found: Standing, noise: Noise | None) -> str:
    return f"{found.rank:,}, {probability(found.prob, 3, noise)}"


def shift(view: View, row: Position | None) -> list[Item]:
    """The numbers of the shift screen, with those of a selected position."""
    base, other = view.model_name, safe(view.paired.name)
    items = [
        Item.of(
            "class",
            "" if row is None else f"{SIGNS[row.kind]} {row.kind}",
            definitions.SHIFT,
            f"{_CLASSES} {definitions.SHIFT.text}",
        ),
        Item(
            f"class {WITHIN}",
            ""
            if row is None
            else "within the noise floor"
            if row.within_noise
            else "beyond the noise floor",
            "the gap of logits to the next class ≤ 2 × the sd of a logit with the shape of a batch",
            "The class stays, and may be another one in another batch. So is every token of a greedy answer that is "
            "not the best of the model which wrote it, when that reads its finished answer.",
        ),
        Item(
            "rank, P",
            "" if row is None else _ranked(row.scored, view.noise_beside(row.author)),
            f"rank: {definitions.RANK.formula};  P at temperature 1, not truncated",
            "In the model that did not write the text, after its own prompt. Of several tokens that are compared "
            "together (another vocabulary): the largest rank, the product of P.",
            definitions.SHIFT.source,
        ),
        Item(
            "own rank, own P",
            "" if row is None else _ranked(row.written, view.noise_of(row.author)),
            "the same in the model that wrote the text",
            "In a column where the vocabularies differ, in the place of the divergences.",
        ),
        Item.of(
            "KL p‖b, KL b‖p",
            ""
            if row is None or row.compared.kl_partner_base is None
            else f"{row.compared.kl_partner_base:.4f}, {row.compared.kl_base_partner or 0.0:.4f} nats",
            definitions.KL,
            f"{definitions.KL.text} p is {other}, b is {base}. There is none where the vocabularies differ, and where "
            "a blank is left out.",
        ),
        Item.of(
            "JS",
            "" if row is None or row.compared.js is None else f"{row.compared.js:.4f} nats",
            definitions.JS,
        ),
    ]
    return [*items, *partner(view)]


def nudging(view: View, found: NudgingShown | None, gamma: float) -> list[Item]:
    """The numbers of the nudge screen."""
    share = (
        ""
        if found is None or found.result.share_nudged is None
        else f"{found.result.share_nudged:.1%}"
    )
    bf = ""
    if found is not None and found.result.bf_nudged is not None:
        bf = f"{fine(found.result.bf_nudged)}"
        if found.result.bf_base is not None:
            bf += f" against {fine(found.result.bf_base)}"
    sure = view.sure(view.cursor)
    nodes = view.path.nodes
    known = [each for node in nodes[:-1] if (each := view.sure(node)) is not None]
    asked = sum(each < gamma for each in known)
    wrote = sum(view.tree.source(node).word == "nudged" for node in nodes)
    return [
        Item(
            "u",
            "" if sure is None else f"{sure:.3f}",
            f"max over v of P_base(v), at temperature 1 and not truncated;  {definitions.NUDGING.formula}",
            f"How sure the base is of its next token; γ is {gamma:.2f}. {definitions.NUDGING.text}",
            definitions.NUDGING.source,
        ),
        Item(
            "nudged",
            share,
            "tokens that the partner wrote / all tokens written",
            "Counted in the base's tokens, which stay as it wrote them; as published, the whole text is split again at "
            "each hand-over (bftui nudge --plain).",
            definitions.NUDGING.source,
        ),
        Item(
            "asked, wrote",
            f"{asked:,} and {wrote:,} of {len(nodes) - 1:,}",
            "tokens of the visible path with u below γ, and tokens that the partner wrote",
            "They differ, as published: the partner looks 16 tokens ahead and hands over whole words; further words "
            "follow until the base's token begins the next one or its u is at least γ; and a partner whose end lies "
            "within what it looks ahead writes all that is left. At most 256 tokens and 150 rounds are written.",
            definitions.FEI,
        ),
        Item.of("BF nudged", bf, definitions.BF_NUDGED),
        Item(
            "stop",
            "" if found is None else found.stop,
            "partner · repeat · rounds · length · context",
            "Only the partner ends the text; the base's end of text is passed over. repeat: the same words four rounds "
            "in a row. moved: somebody went elsewhere.",
            definitions.FEI,
        ),
        *partner(view),
    ]
