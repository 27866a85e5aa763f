"""What the numbers of two compared paths mean. Data for `K`, as in `explain_items.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bftui.core.definitions import BF_PATH
from bftui.core.noise_floor import fine
from bftui.core.text import counted
from bftui.ui.explain.explain_items import Item
from bftui.workbench.keys import hint
from bftui.workbench.wording import truncation

if TYPE_CHECKING:
    from bftui.ui.path_comparison import BranchMean, BranchPair
    from bftui.ui.view import View


def compared(view: View, pair: BranchPair | None) -> list[Item]:
    """The numbers of the compare screen; of an empty one what they will be."""
    sampler = view.sampler
    sides = () if pair is None else pair.sides

    def both(values: list[BranchMean | None]) -> str:
        return " against ".join("–" if each is None else fine(each.bf) for each in values)

    parted = "" if pair is None else f"position {max(0, pair.parted - 1):,}"
    if pair is not None and not pair.parted:
        parted = "nothing in common"
    nats = " against ".join(
        "–" if side.since is None else f"{side.since.entropy:.3f} nats" for side in sides
    )
    counts = " and ".join(
        counted(0 if side.since is None else side.since.count, "position") for side in sides
    )
    return [
        Item(
            "they part",
            parted,
            "the last position whose tokens before it are the same on both",
            "Both have the same distribution there and took different tokens from it: what differs after it follows "
            "from those tokens. Of two prompts nothing is the same, and each is counted from its own.",
        ),
        Item(
            "BF since",
            both([side.since for side in sides]),
            "exp of the mean H(P~) over the positions after the token in which they differ",
            f"Over {counts or 'the positions of each'} that have a token; at temperature {sampler.temperature:g}, "
            f"{truncation(sampler)}, where there is no *. {BF_PATH.use} "
            + hint(
                "{rollouts} draws more of each, {response} holds a forced text against controls."
            ),
            BF_PATH.source,
        ),
        Item(
            "mean H(P~)",
            nats,
            "ln of BF since",
            "The same on the scale on which means are made.",
            BF_PATH.source,
        ),
        Item.of(
            "BF path",
            both([side.whole for side in sides]),
            BF_PATH,
            "What both share counts in both.",
        ),
        Item(
            "tokens",
            " and ".join(f"{side.tokens:,}" for side in sides),
            "tokens after the prompt",
            "Who wrote them is counted from the token in which they differ: sampled from P~, greedy (the most probable "
            "one was taken), forced from outside, by the partner, or as a rollout. *: numbers of positions that were "
            "made under another temperature or truncation than those in force are among these; going there recomputes "
            "them.",
        ),
        Item(
            "the curves",
            "bars and a dotted line",
            hint("BF on a logarithmic scale, or H(P) in nats: {curve} takes the other"),
            "Position by position, on the scale of the workbench: bars for the first path, dimmed as far as both are "
            "one, the dotted line for the other.",
        ),
    ]
