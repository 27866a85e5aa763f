"""What the numbers of a report are, and where their definitions come from."""

from __future__ import annotations

from dataclasses import dataclass

_BF = "Yang, Li and Holtzman, arXiv 2506.17871"


@dataclass(frozen=True, slots=True)
class Definition:
    """One number: its name, its formula, what it says, and the source of the definition."""

    name: str
    formula: str
    meaning: str
    source: str


ALWAYS = (
    Definition(
        "P and P~",
        "P = softmax(logits);  P~ = P at the temperature, cut, scaled to sum to 1",
        "P is the model's next-token distribution at temperature 1. Top-k, top-p and min-p are each judged on the "
        "tempered distribution, and a token stays where all let it.",
        "top-p: Holtzman et al., arXiv 1904.09751; min-p: Nguyen et al., arXiv 2407.01082",
    ),
    Definition(
        "H",
        "H(P) = −Σ P(v) ln P(v)",
        "How uncertain the model is of the next token, in nats, over the whole vocabulary; nothing is sampled.",
        "Shannon, A Mathematical Theory of Communication, 1948",
    ),
    Definition(
        "BF",
        "exp H(P~)",
        "The branching factor: how many equally likely next tokens would be as uncertain as those that the cut leaves. "
        "Full BF is exp H(P), without a cut.",
        f"{_BF}, the branching factor of one step",
    ),
    Definition(
        "BF along a path",
        "exp( mean over its tokens of H(P~) )",
        "Over the distributions that its tokens come from, forced ones included, those of a user's turn left out. One "
        "path is one sample: comparing two of them says little.",
        _BF,
    ),
    Definition(
        "rank, surprisal",
        "1 + tokens with a strictly larger logit;  −ln P(token)",
        "Rank 1 is what a greedy step takes. Surprisal is in nats.",
        "",
    ),
)

PARTNER = Definition(
    "the path by the partner",
    "rank of the token in the partner: 1 unshifted, 2 or 3 marginal, from 4 on shifted",
    "Each token is looked up in the partner's distribution at the same place. KL(partner ‖ base) is over the whole "
    "vocabulary, in nats.",
    "Lin et al., arXiv 2312.01552",
)

SHIFT = Definition(
    "shift",
    "rank of the token in the model that reads: 1 unshifted, 2 or 3 marginal, from 4 on shifted",
    "One model's greedy answer is read by the other in one pass. A token within 0.001 of the best logit counts as "
    "unshifted. KL is over the whole vocabulary, in nats; its direction stands with it. A class is within the noise "
    "floor where the gap to the next one is at most twice that of a logit, and where a greedy token is not the "
    "best of its author.",
    "Lin et al., arXiv 2312.01552",
)

ROLLOUTS = Definition(
    "BF of rollouts",
    "exp( mean over samples of their mean H(P~) )",
    "Continuations drawn from P~ after one place. With the likelihood estimator −ln P~ of the tokens stands for H(P~). "
    "The interval is the 95 % bootstrap interval over samples, made in ln BF. The curve is the entropy estimate over "
    "the first t + 1 tokens, with the interval at each position alone.",
    f"{_BF}, estimators of the branching factor",
)

RESPONSE = Definition(
    "response",
    "ln BF(forced) − mean ln BF(matched controls)",
    "BF over the tokens after the forced text, against texts of the same length that the model itself might have "
    "written there. The interval of the difference is that of one text against texts like it, t(.975, K−1)·s·√(1+1/K) "
    "to either side: narrows below 0, widens above it, no effect within ±ln 1.10, else undecided. p is that of the "
    "difference in this t, two-sided, before Holm's correction for several texts of one run.",
    "prediction interval of one more observation; BF as in arXiv 2506.17871",
)

LOOKAHEAD = Definition(
    "BF after",
    "exp H(P~) after the candidate",
    "The branching factor one step later, were the candidate forced. It says nothing of what follows later, "
    "and makes no verdict.",
    f"{_BF}, the branching factor of one step",
)

NUDGING = Definition(
    "nudging",
    "the partner writes where max P(v) < gamma, P that of the base",
    "Both models write by their most probable tokens. BF is the exp of the mean H(P~) of the base's positions along "
    "the text, of the partner's along its own text alone.",
    "Fei et al., arXiv 2410.09300",
)
