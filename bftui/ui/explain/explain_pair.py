"""What the numbers of two models mean: partner, shift, nudging. Data for `K`, as in `explain_items.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bftui.core.noise_floor import Noise, probability
from bftui.core.text import safe
from bftui.ui.drawing.line_builder import fine
from bftui.ui.drawing.shift_style import SIGNS, WITHIN
from bftui.ui.explain.explain_items import Item

if TYPE_CHECKING:
    from bftui.core.pair.distribution_shift import Standing
    from bftui.ui.panes.shift_panes import Row
    from bftui.ui.view import View
    from bftui.workbench.paired_results import Nudged

_SHIFT = "Lin et al., The Unlocking Spell on Base LLMs, ICLR 2024, arXiv 2312.01552"
_NUDGE = "Fei, Razeghi and Singh, Nudging, ACL 2025, arXiv 2410.09300"
_BF = "Yang, Li and Holtzman, arXiv 2506.17871"
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
    if paired.by == "text":
        way = f"as text, which its own tokenizer splits: {safe(paired.why)}"
    seam = "" if paired.seam is None else _SEAM[paired.seam]
    here = view.partnered(view.cursor)
    bf = "–" if here is None or here.next is None else fine(here.next.bf, found.model.noise)
    return [
        Item(
            "partner BF",
            bf,
            "exp H(P~) of the partner's distribution after the same text",
            f"{name} reads the path after a prompt of its own ({paired.template or 'raw'}), under the session's "
            f"temperature and cut. The text goes to it {way}.{seam} Along the path: exp of the mean H(P~) of its "
            "distributions.",
            f"{_BF}, the branching factor of one step",
        )
    ]


def standing(view: View, token_id: int) -> list[Item]:
    """A candidate in the partner's distribution; nothing where nobody knows."""
    found: Standing | None = view.standings((token_id,)).get(token_id)
    if found is None:
        return []
    return [
        Item(
            "partner",
            f"#{found.rank:,} {found.kind}, P {probability(found.prob, 3, view.partner_noise)}",
            "1 + the number of tokens that the partner gives a larger logit",
            f"The same token in the distribution of {safe(view.paired.name)} after the same text. {_CLASSES}",
            _SHIFT,
        )
    ]


def token(view: View, node: int) -> list[Item]:
    """A token of the path in the partner's distribution; nothing where nobody knows."""
    found = view.partnered(node)
    if found is None or found.compared is None:
        return []
    there = found.compared.partner
    return [
        Item(
            "partner",
            f"#{there.rank:,} {there.kind}, P {probability(there.prob, 3, view.partner_noise)}",
            "its rank and P in the partner's distribution before it",
            f"What {safe(view.paired.name)} says of this token after the same text. {_CLASSES}",
            _SHIFT,
        )
    ]


def _ranked(found: Standing, noise: Noise | None) -> str:
    return f"{found.rank:,}, {probability(found.prob, 3, noise)}"


def shift(view: View, row: Row | None) -> list[Item]:
    """The numbers of the shift screen, with those of a selected position."""
    base, other = view.model_name, safe(view.paired.name)
    items = [
        Item(
            "class",
            "" if row is None else f"{SIGNS[row.kind]} {row.kind}",
            "by the rank of the token in the other model's distribution",
            f"A token that one model wrote, in the distribution of the other after the same text before it. {_CLASSES} "
            "The published counts of base models under their aligned partners: 78 to 82 % unshifted, 5 to 8 % shifted.",
            _SHIFT,
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
            "rank: 1 + tokens with a strictly larger logit;  P at temperature 1, uncut",
            "In the model that did not write the text, after its own prompt. Of several tokens that are compared "
            "together (another vocabulary): the largest rank, the product of P.",
            _SHIFT,
        ),
        Item(
            "own rank, own P",
            "" if row is None else _ranked(row.written, view.noise_of(row.author)),
            "the same in the model that wrote the text",
            "In a column where the vocabularies differ, in the place of the divergences.",
        ),
        Item(
            "KL p‖b, KL b‖p",
            ""
            if row is None or row.compared.kl_partner_base is None
            else f"{row.compared.kl_partner_base:.4f}, {row.compared.kl_base_partner or 0.0:.4f} nats",
            "KL(p‖b) = Σ P_partner ln( P_partner / P_base ), over the whole vocabulary",
            f"How far the distributions of {other} (p) and {base} (b) are apart before this token, whatever it is. "
            "Not cut and not renormalised: the published code sums over the best tokens that both lists share, which "
            "can be negative. None where the vocabularies differ, and where a blank is left out.",
            "Kullback and Leibler, 1951",
        ),
        Item(
            "JS",
            "" if row is None or row.compared.js is None else f"{row.compared.js:.4f} nats",
            "½ KL(p‖m) + ½ KL(b‖m),  m = ½ (p + b)",
            "The same for both sides; between 0 and ln 2 = 0.693.",
            "Lin, 1991",
        ),
    ]
    return [*items, *partner(view)]


def nudging(view: View, found: Nudged | None, gamma: float) -> list[Item]:
    """The numbers of the nudge screen."""
    share = "" if found is None or found.share_nudged is None else f"{found.share_nudged:.1%}"
    bf = ""
    if found is not None and found.bf_nudged is not None:
        bf = f"{fine(found.bf_nudged)}"
        if found.bf_base is not None:
            bf += f" against {fine(found.bf_base)}"
    sure = view.sure(view.cursor)
    nodes = view.path.nodes
    known = [each for node in nodes[:-1] if (each := view.sure(node)) is not None]
    asked = sum(each < gamma for each in known)
    wrote = sum(view.tree.source(node).word == "nudged" for node in nodes)
    return [
        Item(
            "u",
            "" if sure is None else f"{sure:.3f}",
            "max over v of P_base(v), at temperature 1 and uncut",
            f"How sure the base is of its next token. Below γ = {gamma:.2f} the partner writes; from γ on, or where "
            "the base's token begins the partner's next word, the base takes over and writes while it stays at γ or "
            "above. Published: 0.3 to 0.4, robust from 0.2 to 0.5.",
            _NUDGE,
        ),
        Item(
            "nudged",
            share,
            "tokens that the partner wrote / all tokens written",
            "Counted in the base's tokens, which stay as it wrote them; as published, the whole text is split anew at "
            "each hand-over (bftui nudge --plain). Published runs have about 10 %; above 20 % pairs tend to fail.",
            f"{_NUDGE}; warning: BlendIn, arXiv 2606.11201",
        ),
        Item(
            "asked, wrote",
            f"{asked:,} and {wrote:,} of {len(nodes) - 1:,}",
            "tokens of the visible path with u below γ, and tokens that the partner wrote",
            "They differ, as published: the partner looks 16 tokens ahead and hands over whole words; further words "
            "follow until the base's token begins the next one or its u is at least γ; and a partner whose end lies "
            "within what it looks ahead writes all that is left. At most 256 tokens and 150 rounds are written.",
            _NUDGE,
        ),
        Item(
            "BF nudged",
            bf,
            "exp of the mean H(P~_base) along the text",
            "Of the base along the nudged text, against the base along its own greedy text of the same limit; and over "
            "the tokens that the base wrote itself. Entropies, not surprisals: a nudged text is no sample of the base.",
            _BF,
        ),
        Item(
            "stop",
            "" if found is None else found.stop or "",
            "partner · repeat · rounds · length · context",
            "Only the partner ends the text; the base's end of text is passed over. repeat: the same words four rounds "
            "in a row. moved: somebody went elsewhere.",
            _NUDGE,
        ),
        *partner(view),
    ]
