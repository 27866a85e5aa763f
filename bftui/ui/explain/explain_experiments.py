"""What the measured numbers mean: look-ahead, rollouts, sampling again, response.

Data for `K`, as in `explain_items.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bftui.core import definitions
from bftui.core.noise_floor import exactness, fine
from bftui.core.text import counted, safe
from bftui.ui import response_line
from bftui.ui.explain.explain_items import Item
from bftui.workbench.wording import truncation, weighing

if TYPE_CHECKING:
    from bftui.results.rollouts_result import RolloutsResult
    from bftui.ui.view import View
    from bftui.workbench.dial_shown import DialShown
    from bftui.workbench.response_shown import ResponseShown
    from bftui.workbench.rollout_series import PathComparison, Rolled
    from bftui.workbench.words_shown import WordsShown


def ahead(view: View, token_id: int) -> list[Item]:
    """BF after a candidate; nothing where it was not looked at."""
    looked = view.looked
    if looked is None or token_id not in looked.after:
        return []
    bf = looked.after[token_id]
    return [
        Item.of(
            "BF after",
            "the text ends" if bf is None else fine(bf, view.noise),
            definitions.BF_AFTER,
            f"{definitions.BF_AFTER.text} It is under the same temperature and truncation. ◀ marks the smallest. "
            + exactness(view.noise, view.session.model.info.backend),
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


def dial(view: View, shown: DialShown | None) -> list[Item]:
    """The numbers of a dial."""
    mixing = view.mixing
    formula = definitions.DIAL.formula if mixing is None else f"logits: {mixing.formula}"
    items = [
        Item(
            "weight",
            weighing(view.sampler),
            formula,
            f"{definitions.DIAL.meaning} {definitions.DIAL.use}",
            definitions.DIAL.source,
        )
    ]
    if shown is not None and (point := shown.at(view.sampler.weight)) is not None:
        ci = "" if point.ci is None else f" [{fine(point.ci[0])}, {fine(point.ci[1])}]"
        text = f"{definitions.BF_ROLLOUTS.meaning} The draws are the same at every weight."
        value, formula = f"{fine(point.bf)}{ci}", definitions.BF_ROLLOUTS.formula
        items.append(Item("BF here", value, formula, text, definitions.BF_ROLLOUTS.source))
    return items


def _estimate(view: View, rolled: Rolled, found: RolloutsResult) -> Item:
    ci = ""
    if found.ci is not None:
        ci = f" [{fine(found.ci[0])}, {fine(found.ci[1])}]"
    by = definitions.BF_LIKELIHOOD if found.estimator == "nll" else definitions.BF_ROLLOUTS
    return Item(
        "rollouts BF",
        f"{fine(found.bf)}{ci}",
        by.formula,
        f"{definitions.BF_ROLLOUTS.meaning} Here {counted(rolled.drawn, 'continuation')} of up to "
        f"{counted(rolled.settings.horizon, 'token')} were drawn at temperature {view.sampler.temperature:g}, "
        f"{truncation(view.sampler)}, {found.tokens:,} tokens in all. {definitions.BF_ROLLOUTS.use} The same seed "
        "draws the same continuations.",
        definitions.BF_ROLLOUTS.source,
    )


def _estimators(found: RolloutsResult) -> Item:
    nll = "–" if found.bf_nll is None else fine(found.bf_nll)
    return Item(
        "entropy, likelihood",
        f"{fine(found.bf_entropy)}, {nll}",
        f"entropy: {definitions.BF_ROLLOUTS.formula};  likelihood: {definitions.BF_LIKELIHOOD.formula}",
        f"Likelihood is {definitions.BF_LIKELIHOOD.text[0].lower()}{definitions.BF_LIKELIHOOD.text[1:]} Full is the "
        f"entropy estimate with H(P) over the whole vocabulary: {fine(found.bf_full)}.",
        definitions.BF_LIKELIHOOD.source,
    )


def _curve() -> Item:
    return Item.of(
        "the curve",
        "BF so far, and windows",
        definitions.CURVE,
        f"{definitions.CURVE.text} The points are windows of five tokens. A dashed curve is what follows after the "
        "matched controls of a forced text.",
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
        f"{definitions.YANG}, resampling from a position",
    )


def words(view: View, found: WordsShown | None) -> list[Item]:
    """The numbers of the table of all words."""
    several = (
        "Every word is held against its own matched controls. All of them have the same planned looks and none ends "
        "early; p is Holm's, over the words of one model, and a word narrows or widens only where it is below .05."
    )
    value = "not measured yet"
    if found is not None:
        value = f"look {found.done} of {len(found.looks)} is done at {counted(len(found.words), 'word')}"
    items = [
        Item("all words", value, "", f"{several} {definitions.VERDICTS}"),
        Item.of("the ratio", "factor [like texts]", definitions.RESPONSE),
        Item.of("the first tokens", "factor [95 % by noise]", definitions.BY_HORIZON),
    ]
    if found is not None and found.partner:
        told = (
            "The same text, forced at the same place of the text that the partner reads: after its own prompt, in its "
            "own tokens, and against controls that it might have written itself. Ratios of two models stand side by "
            "side; each is over what its own model would do."
        )
        items.append(Item("partner", safe(found.partner), "", told))
    return items


def response(view: View, found: ResponseShown | None) -> list[Item]:
    """The numbers of a response, in plain words first."""
    if found is None:
        return []
    of = response_line.name(view, found.settings.token_ids)
    before, after = (response_line.now(view, node) for node in (found.node, found.end))
    items = [
        Item("response", response_line.answer(view, found), "", definitions.VERDICTS),
        Item(
            "BF now",
            f"{before} → {after}",
            definitions.BF.formula,
            f"BF of the next token before {of} was forced and after it. It is exact, and says nothing of the tokens "
            "after that: a text may leave one choice now and many later, or the other way round.",
            definitions.BF.source,
        ),
    ]
    result = found.result
    if result is None:
        return items
    value = "not judged yet"
    if result.delta is not None and result.delta_ci is not None:
        low, high = map(response_line.times, result.delta_ci)
        value = f"{response_line.times(result.delta)} [{low}, {high}] {result.verdict}"
    looks = ", ".join(map(str, found.settings.looks)) or str(found.settings.samples)
    return [
        *items,
        Item(
            "the factor",
            value,
            f"exp( {definitions.RESPONSE.formula} )",
            f"{definitions.RESPONSE.meaning} Here up to {counted(result.horizon, 'token')} after {of} stand against "
            f"those after {found.planned} matched controls, judged at {looks} samples of each. "
            f"{definitions.RESPONSE.use}",
            definitions.RESPONSE.source,
        ),
        Item.of("the first tokens", "factor [95 % by noise]", definitions.BY_HORIZON),
    ]
