"""What the measured numbers mean: look-ahead, rollouts, sampling again, response.

Data for `K`, as in `explain_items.py`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from bftui.core.noise_floor import exactness
from bftui.core.text import counted
from bftui.ui.drawing.line_builder import fine
from bftui.ui.explain.explain_items import Item
from bftui.workbench.wording import cut

if TYPE_CHECKING:
    from bftui.results.rollouts_result import RolloutsResult
    from bftui.ui.view import View
    from bftui.workbench.measured_results import Responded
    from bftui.workbench.rollout_series import PathComparison, Rolled

_BF = "Yang, Li and Holtzman, arXiv 2506.17871"
_INTERVAL = "bias-corrected, accelerated bootstrap: Efron, 1987"


def ahead(view: View, token_id: int) -> list[Item]:
    """BF after a candidate; nothing where it was not looked at."""
    looked = view.looked
    if looked is None or token_id not in looked.after:
        return []
    bf = looked.after[token_id]
    return [
        Item(
            "BF after",
            "the text ends" if bf is None else fine(bf, view.noise),
            "exp H(P~) of the distribution after this candidate",
            "The branching factor one step later, were this candidate forced. Under the same temperature "
            "and cut; it says nothing of what follows later, and makes no verdict. ◀ marks the smallest. "
            + exactness(view.noise, view.session.model.info.backend),
            f"{_BF}, the branching factor of one step",
        )
    ]


def rollouts(view: View, rolled: Rolled | None) -> list[Item]:
    """The numbers of rollouts."""
    if rolled is None or rolled.result is None:
        return [Item("rollouts", "none yet", "", "Nothing was drawn here so far.")]
    found = rolled.result
    items = [_estimate(view, rolled, found), _estimators(found), _curve(), _continuations(rolled)]
    if rolled.compared is not None:
        items.insert(1, _compared(rolled.compared, rolled.drawn))
    return items


def _estimate(view: View, rolled: Rolled, found: RolloutsResult) -> Item:
    ci = ""
    if found.ci is not None:
        ci = f" [{fine(found.ci[0])}, {fine(found.ci[1])}]"
    formula = {
        "entropy": "exp( 1/M Σi 1/|yi| Σt H(P~ at token t of yi) )",
        "nll": "exp( −1/M Σi 1/|yi| ln P~(yi) )",
    }.get(found.estimator, "")
    return Item(
        "rollouts BF",
        f"{fine(found.bf)}{ci}",
        formula,
        f"The branching factor of what follows from here: {counted(rolled.drawn, 'continuation')} of up to "
        f"{counted(rolled.settings.horizon, 'token')} were drawn from P~ at temperature {view.sampler.temperature:g}, "
        f"{cut(view.sampler)}, {found.tokens:,} tokens in all; each counts the same, whatever its length. The interval "
        "is the 95 % one over such samples, made in ln BF. The same seed draws the same continuations.",
        f"{_BF}, estimators of the branching factor; {_INTERVAL}",
    )


def _estimators(found: RolloutsResult) -> Item:
    nll = "–" if found.bf_nll is None else fine(found.bf_nll)
    return Item(
        "entropy, likelihood",
        f"{fine(found.bf_entropy)}, {nll}",
        "auto: likelihood where every continuation is longer than 50 tokens, else entropy",
        "Two estimates of the same number: from the entropies on the way, and from the probabilities of the tokens "
        "that were drawn. Where they are far apart more continuations are needed. Full is the entropy estimate with "
        f"H(P) over the whole vocabulary: {fine(found.bf_full)}.",
        f"{_BF}, by the asymptotic equipartition property",
    )


def _curve() -> Item:
    return Item(
        "the curve",
        "BF so far, and windows",
        "at position t: the estimate over the first t + 1 tokens of each continuation",
        "It is cumulative and so moves slowly; the band is the 95 % interval at each position alone. The points are "
        "windows of five tokens: the mean over continuations of exp of the mean H(P~) in the window, another average, "
        "which lies higher. A dashed curve is what follows after the matched controls of a forced text.",
        _BF,
    )


def _continuations(rolled: Rolled) -> Item:
    return Item(
        "continuations",
        f"{len(rolled.continuations):,} different of {rolled.drawn:,}",
        "texts that are equal token by token are one line",
        "■ ended by itself, … was cut at its length, ⊣ filled the context. Enter makes one a branch of the tree.",
    )


def _compared(found: PathComparison, drawn: int) -> Item:
    return Item(
        "the path",
        f"BF {fine(found.bf)}, {found.surprisal:.2f} nats a token",
        "BF: exp of its mean H(P~);  surprisal: its mean −ln P a token",
        f"The path that went on from here, against {counted(drawn, 'sample')} of the same length drawn in its place, "
        f"whose mean surprisal is {found.sampled:.2f} nats ({found.low:.2f} to {found.high:.2f}). A path outside "
        "of that range is none that the model would have written by itself. It may hold forced tokens.",
        f"{_BF}, resampling from a position",
    )


def response(view: View, found: Responded | None) -> list[Item]:
    """The numbers of a response."""
    if found is None or found.delta is None or found.delta_ci is None:
        return []
    low, high = (math.exp(end) for end in found.delta_ci)
    return [
        Item(
            "response",
            f"×{math.exp(found.delta):.2f} [{low:.2f}, {high:.2f}] {found.verdict}",
            "exp( ln BF(forced) − mean ln BF(matched) )",
            f"BF over up to {counted(found.horizon, 'token')} after “{view.text(found.token_ids)}”, against "
            f"{found.matched} texts of the same length that the model might have written there, those of 256 draws "
            "whose first token is nearest in ln P. The interval is t(.975, K−1)·s·√(1+1/K) to either side, with s "
            "the deviation of the controls' ln BF: where one more text like them would fall. Below 1 it narrows, "
            "above it widens; no effect where all of it lies within a tenth of 1; else undecided.",
            "bftui; prediction interval of one more observation; BF as in arXiv 2506.17871",
        )
    ]
