"""What the numbers on the screen mean: value, formula, meaning, estimator, source. Data for `K`; draws nothing.

Definitions are those of `core.definitions`; here they meet the numbers of this place.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from bftui.core import definitions
from bftui.core.constrained import SAID
from bftui.core.noise_floor import exactness, factor, fine, nats, probability
from bftui.core.text import counted
from bftui.ui.drawing.line_builder import starred
from bftui.ui.panes.removal import called
from bftui.ui.path_comparison import pair
from bftui.workbench.keys import hint
from bftui.workbench.wording import stages_of, steering, truncation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bftui.core.distribution import NextToken
    from bftui.core.tree import Node
    from bftui.ui.panes.removal import ShownCandidate
    from bftui.ui.side_branches import Apart
    from bftui.ui.view import View

_DIGITS = 6
"""Significant digits of a probability."""


@dataclass(frozen=True, slots=True)
class Item:
    """One number.

    Attributes:
        name, value: as the screen shows them, the value with its unit.
        formula: how it is made.
        text: what it says, and how it is estimated.
        source: where the definition is from.
    """

    name: str
    value: str
    formula: str
    text: str
    source: str = ""

    @classmethod
    def of(cls, name: str, value: str, word: definitions.Definition, text: str = "") -> Item:
        """Makes the item of a word; `text` says what it is here, where that is not all that it says anywhere."""
        return cls(name, value, word.formula, text or word.text, word.source)


def distribution(view: View) -> list[Item]:
    """The numbers of the distribution after the cursor."""
    following = view.next
    if following is None:
        return [Item("■", "the text ends here", "", "An end of generation has nothing after it.")]
    found = [_bf(view, following), *_constraint(view, following), _kept(following)]
    found += [*_further(view), _full(view, following)]
    return [*found, _entropy(view, following), *_floor(view)]


def _further(view: View) -> list[Item]:
    """What changes logits, and XTC, where they are used."""
    sampler = view.sampler_at(view.cursor)
    found = []
    if told := steering(sampler):
        found.append(Item.of("logits", told, definitions.STEERING))
    if sampler.xtc_probability:
        value = f"{sampler.xtc_probability:g} from {sampler.xtc_threshold:g}"
        found.append(Item.of("XTC", value, definitions.XTC))
    return found


def _other(view: View, node: int) -> str:
    """Which sampler BF at a node is of, where that is not the one in force."""
    if not view.stale(node):
        return ""
    sampler = view.sampler_of(node)
    return (
        f" *: it was made at temperature {sampler.temperature:g}, {truncation(sampler)}, which are not in force; "
        "going there recomputes it."
    )


def _bf(view: View, following: NextToken) -> Item:
    sampler = view.sampler_of(view.cursor)
    return Item(
        "BF",
        factor(following.bf, view.noise),
        f"{definitions.BF.formula},  {definitions.ENTROPY_TRUNCATED.formula}",
        f"{definitions.BF.meaning} P~ is P at temperature {sampler.temperature:g}, {truncation(sampler)}, scaled to "
        "sum to 1 again, once. Here H(P~) is "
        f"{nats(following.entropy_truncated, 3, view.noise, 'entropy_truncated')} nats.{_other(view, view.cursor)} "
        f"{_exactness(view)} {definitions.BF.use}",
        definitions.BF.source,
    )


def _constraint(view: View, following: NextToken) -> list[Item]:
    here = following.constraint
    if here is None:
        return []
    return [
        Item.of(
            "constraint",
            f"BF {factor(here.bf_free, view.noise)} without it; the text {SAID[here.state]}",
            definitions.CONSTRAINT,
            f"{definitions.CONSTRAINT.text} Here it allows {counted(here.allowed, 'token')}, which hold "
            f"{here.mass:.4g} of P.",
        )
    ]


def _kept(following: NextToken) -> Item:
    known = following.temperature == 1 and following.top_truncated is None
    held = f" They hold {math.exp(following.log_kept):.4f} of P." if known else ""
    return Item.of(
        "kept",
        counted(following.kept, "token"),
        definitions.TRUNCATION,
        f"{definitions.TRUNCATION.text}{held}",
    )


def _full(view: View, following: NextToken) -> Item:
    return Item.of(
        "full",
        factor(following.bf_full, view.noise),
        definitions.BF_FULL,
        f"{definitions.BF_FULL.meaning} Here it has {following.n_vocab:,} logits. {_exactness(view)} "
        f"{definitions.BF_FULL.use}",
    )


def _entropy(view: View, following: NextToken) -> Item:
    return Item.of(
        "H",
        f"{nats(following.entropy, 3, view.noise)} nats",
        definitions.ENTROPY,
        f"{definitions.ENTROPY.meaning} Here {nats(following.entropy / math.log(2), 3, view.noise)} bits. P is the "
        f"softmax of the logits at temperature 1, whatever the session's temperature. {_exactness(view)}",
    )


def _exactness(view: View) -> str:
    return exactness(view.noise, view.session.model.info.backend)


def _floor(view: View) -> list[Item]:
    """The noise floor; nothing where nobody has measured it."""
    noise = view.noise
    if noise is None:
        return []
    return [
        Item(
            "noise floor",
            f"H(P) ±{noise.entropy_sd:.2g} nats",
            definitions.NOISE_FLOOR.formula,
            f"{definitions.NOISE_FLOOR.meaning} Here {noise.sentence()} that were read alone, in one pass and among "
            f"{noise.rows} rows; a logit by {noise.logit_sd:.2g} ({noise.logit_max:.2g}). "
            f"{definitions.NOISE_FLOOR.use}",
        )
    ]


def candidate(
    view: View, found: ShownCandidate | None, removed_by: Sequence[str] | None = ()
) -> list[Item]:
    """The numbers of a selected candidate; `removed_by` are the rules that remove it, None where nobody knows."""
    following = view.next
    if found is None or following is None:
        return []
    name = view.label(found.token_id)
    items = [
        Item(
            f"p of {name}",
            probability(found.p, _DIGITS, view.noise),
            definitions.P.formula,
            "The probability of this token at temperature 1, before any truncation; "
            f"{nats(-math.log(found.p), 3, view.noise, 'logprob')} nats of surprisal."
            if found.p > 0
            else "The model gives this token a probability of 0.",
        ),
        _truncated(view, found, removed_by),
        Item.of("rank", f"{found.rank:,} of {following.n_vocab:,}", definitions.RANK),
    ]
    if found.total is not None:
        items.append(
            Item(
                "Σp",
                probability(found.total, 6, view.noise),
                "P summed from the best candidate down to this one",
                "At temperature 1 top-p truncates where this crosses its mass.",
            )
        )
    bar = Item(
        "bar",
        f"{found.p / math.exp(float(following.top_logprobs[0])):.3f} of the longest",
        "p / p of the best candidate",
        "How flat the distribution is shows in the lengths, at any scale.",
    )
    return [*items, bar]


def _truncated(view: View, found: ShownCandidate, removed_by: Sequence[str] | None) -> Item:
    """P~ of a candidate, or which rules remove it."""
    sampler = view.sampler_at(view.cursor)
    stages = f"Here: {stages_of(sampler)}."
    if found.truncated is not None:
        value = probability(found.truncated, _DIGITS, view.noise)
        told = f"{definitions.TRUNCATED.meaning} {stages}"
    elif found.kept:
        value, told = "above 0", f"{definitions.TRUNCATED.meaning} {stages}"
    else:
        value = "0"
        why = "The truncation removes it."
        if removed_by:
            why = f"Removed by {', '.join(map(called, removed_by))}."
        told = f"{why} Sampling never takes this token, forcing can. {stages}"
    return Item.of(f"P~ of {view.label(found.token_id)}", value, definitions.TRUNCATED, told)


def token(view: View, node: Node, before: NextToken | None) -> list[Item]:
    """The numbers of a token of the text."""
    if node.token_id is None or node.logprob is None:
        return [
            Item(
                "prompt",
                "given",
                "",
                "Tokens of the prompt were not drawn: they have no numbers of their own.",
            )
        ]
    sampler = view.sampler_of(node.id)
    at = f"temperature {sampler.temperature:g} and {truncation(sampler)}"
    p = math.exp(node.logprob)
    truncated = node.logprob_truncated
    how = {
        "sampled": f"drawn from P~, as number {node.draw} of the session's draws: the same seed draws it again",
        "greedy": "the most probable token was taken, no draw was made",
        "forced": "forced from outside: it is not a sample, and does not count as one where samples are averaged",
    }.get(node.source, node.source)
    items = [
        Item(
            "p",
            probability(p, _DIGITS, view.noise),
            "P(token | all before it)",
            "At temperature 1, before any truncation. "
            + (
                f"Under P~, at {at}, it is {probability(math.exp(truncated), 4, view.noise)}."
                if truncated is not None
                else f"P~ is 0: it was not kept, at {at}."
            ),
        ),
        Item.of(
            "surprisal",
            f"{nats(-node.logprob, 3, view.noise, 'logprob')} nats",
            definitions.SURPRISAL,
        ),
        Item.of("rank", f"{node.rank:,}", definitions.RANK),
    ]
    if before is not None:
        parent = view.tree.parent(node.id)
        bf = starred(factor(before.bf, view.noise), parent is not None and view.stale(parent))
        items.append(
            Item(
                "H before",
                f"{nats(before.entropy, 3, view.noise)} nats",
                "H(P) of the distribution that the token was taken from",
                f"How open the choice was: the shade of the token. After truncation BF was {bf}, "
                f"{counted(before.kept, 'token')} kept.",
                definitions.ENTROPY.source,
            )
        )
    items.append(Item("how it came", node.source, "", f"{how[0].upper()}{how[1:]}."))
    return items


def branch(view: View, target: int) -> list[Item]:
    """The numbers of a row of the tree."""
    entropies = view.tree.entropies(target)
    items = []
    if entropies is not None:
        items.append(
            Item(
                "BF at the end",
                factor(math.exp(entropies[1]), view.noise),
                f"{definitions.BF.formula} after the row's last token",
                f"One step's branching factor, at the end of the branch and not along it.{_other(view, target)} Two "
                "branches are two samples: that one ends narrower says little about what narrowed it.",
                definitions.BF.source,
            )
        )
    depth = view.tree.depth(target)
    items.append(
        Item(
            "length",
            counted(depth, "token"),
            "tokens from the prompt to the row's end",
            "The prompt is not counted.",
        )
    )
    items.append(
        Item(
            "nodes",
            f"{len(view.tree):,}",
            "tokens ever generated, and prompts",
            "Nodes never vanish; folding and pruning hide them.",
        )
    )
    return items


def curve(view: View) -> list[Item]:
    """The numbers of the strip."""
    nodes = view.path.nodes
    logs = [
        entropies[1]
        for before, node in pairwise(nodes)
        if (entropies := view.tree.entropies(before)) and not view.tree.of_prompt(node)
    ]
    items = []
    sampler = view.sampler_of(view.cursor)
    others = sum(map(view.stale, nodes[:-1]))
    stale = f" *: {counted(others, 'position')} of these are of another sampler." if others else ""
    if view.next is not None:
        items.append(
            Item(
                "now",
                factor(view.next.bf, view.noise),
                f"{definitions.BF.formula} at the open position",
                f"The last bar. At temperature {sampler.temperature:g}, {truncation(sampler)}."
                f"{_other(view, view.cursor)} {_exactness(view)}",
                definitions.BF.source,
            )
        )
    if logs:
        mean = sum(logs) / len(logs)
        items.append(
            Item.of(
                "path",
                factor(math.exp(mean)),
                definitions.BF_PATH,
                f"{definitions.BF_PATH.meaning} Here it has {counted(len(logs), 'token')}. "
                f"{definitions.BF_PATH.use}{stale}",
            )
        )
    parts = view.thinking
    for name, part in (
        () if parts is None else (("thinking", parts.thinking), ("answer", parts.answer))
    ):
        if part is not None:
            items.append(
                Item.of(
                    name,
                    factor(part.bf),
                    definitions.THINKING,
                    f"{definitions.THINKING.meaning} Here it has {counted(part.tokens, 'token')}, with H(P) "
                    f"{nats(part.entropy, 2, view.noise)} nats in the mean. {definitions.THINKING.use}",
                )
            )
    items.append(
        Item(
            "the bars",
            "one a position",
            hint("BF on a logarithmic scale, or H(P) in nats: {curve} takes the other"),
            "A bar stands for the distribution that its token was taken from: what a forced token ▲ does shows in the "
            "bar after it. The scale is fixed, so that two curves can be compared.",
        )
    )
    return items


def position(view: View, place: int) -> list[Item]:
    """The numbers of the position under the curve's cursor."""
    node = view.path.nodes[place]
    entropies = view.tree.entropies(node)
    if entropies is None:
        return [Item(f"position {place:,}", "the text ends here", "", "Nothing comes after it.")]
    return [
        Item(
            f"BF at position {place:,}",
            f"{factor(math.exp(entropies[1]), view.noise)}, H {nats(entropies[0], 3, view.noise)} nats",
            f"{definitions.BF.formula}, and H(P), of the distribution at this position",
            f"What the token after it was taken from, with {counted(place, 'token')} between it and the prompt. "
            f"{_exactness(view)}{_other(view, node)}",
            definitions.BF.source,
        )
    ]


def beside(view: View, branch: Apart | None) -> list[Item]:
    """The branch that is drawn over the bars; nothing without one."""
    if branch is None:
        return []
    side = pair(view, branch).sides[1]
    bf = "–"
    if side.since is not None:
        bf = f"{starred(f'BF {fine(side.since.bf)}', side.stale_since)} since"
    positions = counted(0 if side.since is None else side.since.count, "position")
    return [
        Item(
            f"dotted: {branch.name}",
            bf,
            "exp of the mean H(P~) over its positions after the token in which it leaves the path",
            f"It leaves the path after position {branch.first - 1:,} and has {positions} after that. The branch that "
            "was compared last is drawn, else that of the latest mark, else what comes after the cursor or the newest "
            + hint("branch at the last fork; {compare} sets both side by side."),
            definitions.BF_PATH.source,
        )
    ]
