"""The glossary: what each number of bftui is, said once. `K`, the help, reports, commands and the README read it.

BF follows Yang, Li and Holtzman, "LLM Probability Concentration: How Alignment Shrinks the Generative Horizon"
(arXiv 2506.17871), in words of our own. Entropies and log-probabilities are in nats. Imports nothing: the first frame
may read it.
"""

from __future__ import annotations

from dataclasses import dataclass

YANG = "Yang, Li and Holtzman, arXiv 2506.17871"
SHANNON = "Shannon, A Mathematical Theory of Communication, 1948"
LIN = "Lin et al., The Unlocking Spell on Base LLMs, ICLR 2024, arXiv 2312.01552"
KAROUZOS = "Karouzos, Tan and Aletras, arXiv 2604.16027"
FEI = "Fei, Razeghi and Singh, Nudging, ACL 2025, arXiv 2410.09300"
BANAYEEANZADE = "Banayeeanzade et al., Sampling More, Getting Less, arXiv 2605.11128"

_ONE_STEP = f"{YANG}, the branching factor of one step"
_ONE_PATH = f"{YANG}, the Monte Carlo estimator for short outputs, with M = 1"
_ESTIMATORS = f"{YANG}, estimators of the branching factor"


@dataclass(frozen=True, slots=True)
class Definition:
    """One word: a number, or a way to get one.

    Attributes:
        name: as screens, reports and commands call it.
        formula: how the number is computed; plain text.
        meaning: what it says, in one sentence that needs no formula.
        use: what it is good for, what it does not say, and how it is estimated; "" where the meaning says it all.
        source: the paper that defines it; "" where it is common, or ours.
        fields: its names in traces and in `--json`, with commas between them; "" where it has none.
    """

    name: str
    formula: str
    meaning: str
    use: str = ""
    source: str = ""
    fields: str = ""

    @property
    def text(self) -> str:
        """Meaning and use, as a paragraph."""
        return f"{self.meaning} {self.use}".rstrip()

    @property
    def brief(self) -> str:
        """Formula and meaning, where there is room for a line or two."""
        return f"{self.formula}: {self.meaning[0].lower()}{self.meaning[1:].rstrip('.')}"


P = Definition(
    "P",
    "P(v) = exp(logit v) / Σ exp(logit)",
    "The model's own next-token distribution, at temperature 1 and over the whole vocabulary.",
    "No setting changes it: ranks, surprisal and H(P) are those of the model.",
)

TRUNCATED = Definition(
    "P~",
    "P at the temperature, truncated, scaled to sum to 1 again, once",
    "What a sampled token is drawn from.",
    "It follows the sampler of the session: biases, penalties, bans and a constraint change logits, these are divided "
    "by the temperature, then truncation rules say what is kept. P, H(P), ln P and ranks stay those of the model.",
    f"{YANG}, the truncated distribution",
)

TRUNCATION = Definition(
    "truncation, kept",
    "tokens v with P~(v) > 0",
    "Which tokens sampling may take: those that all rules in use keep, and pinned ones.",
    "Each rule is judged on the tempered distribution before any truncation; where they have nothing in common the "
    "best token is kept. Top-p (the nucleus) keeps the token that crosses its mass; min-p is a share of the best "
    "token's probability; top-nσ looks at the deviation of the logits; typical at how near a surprisal is to the "
    "entropy, and may leave out the best token; epsilon and eta at probabilities.",
    "top-p: Holtzman et al., arXiv 1904.09751; min-p: Nguyen et al., arXiv 2407.01082; top-nσ: Tang et al., arXiv "
    "2411.07641; typical: Meister et al., arXiv 2202.00666; epsilon, eta: Hewitt et al., arXiv 2210.15191",
    "kept",
)

STEERING = Definition(
    "biases, bans, penalties",
    "logit v + bias v; ÷ or × the repetition penalty; − frequency · times − presence; − DRY; −∞ where banned",
    "Changes to logits before the temperature, in this order.",
    "They make P~ and leave P alone. The repetition penalty divides logits above 0 of tokens that came before and "
    "multiplies those below; frequency and presence count the text after the prompt; DRY is for tokens that go on with "
    "a sequence that was there before.",
    "repetition: Keskar et al., arXiv 1909.05858; frequency, presence: OpenAI's API; DRY: p-e-w, "
    "text-generation-webui, pull request 5677",
    "bias, banned, repetition_penalty, frequency_penalty, presence_penalty, dry_multiplier",
)

XTC = Definition(
    "XTC",
    "P~ = (1 − c) P~(rules) + c P~(rules, without all tokens of P ≥ t but the least likely), c the chance",
    "Exclude top choices: as often as its chance says, the likelier ones of several good choices are left out.",
    "A step has one draw: the chance is part of P~, which is the mixture over the coin, so that BF, H(P~) and ln P~ "
    "are exact.",
    "p-e-w, text-generation-webui, pull request 6335",
    "xtc_probability, xtc_threshold",
)

CONSTRAINT = Definition(
    "constraint",
    "P~ over the tokens after which a text of the form can still be reached, scaled to sum to 1 again",
    "A regular expression, a JSON schema or a Lark grammar that the text must match as a whole from some place on.",
    "P, H(P), ln P and ranks stay the model's own. An end of generation may come exactly where the text is whole. BF "
    "is told with it and without it, and how much of P it lets through. Every way to split such a text into tokens is "
    "allowed. Where the text has left it, nothing is drawn until that is taken back or the constraint is taken away.",
    "masks: llguidance",
    "constraint, state, allowed, mass, entropy_free",
)

ENTROPY = Definition(
    "H(P)",
    "H(P) = −Σ P(v) ln P(v)",
    "How uncertain the model is of the next token, in nats; divided by ln 2, in bits.",
    "It is computed from all logits in float64, and nothing is sampled.",
    SHANNON,
    "entropy",
)

BF = Definition(
    "BF",
    "exp H(P~)",
    "The branching factor: how many equally likely next tokens would be as uncertain as those that the truncation "
    "keeps.",
    "BF without a qualifier is this one, everywhere. It lies between 1 and the number of tokens kept.",
    _ONE_STEP,
    "bf",
)

ENTROPY_TRUNCATED = Definition(
    "H(P~)",
    "H(P~) = −Σ P~(v) ln P~(v) over the kept tokens",
    "The same uncertainty of what sampling draws from: ln BF.",
    "Means along a text are made of it, not of BF.",
    _ONE_STEP,
    "entropy_truncated",
)

BF_FULL = Definition(
    "full BF",
    "exp H(P)",
    "The branching factor without truncation, at temperature 1, over the whole vocabulary.",
    "It can rise while BF falls: the tail counts in it.",
    f"{SHANNON}; as a number of kinds: Hill, 1973, order 1",
    "bf_full",
)

BF_PATH = Definition(
    "BF along the path",
    "exp of the mean H(P~) over the positions that have a token",
    "How many ways there were to go on at each token of one text, in the geometric mean.",
    "Forced tokens count, those of a user's turn do not. One path is one sample: comparing two of them says little.",
    _ONE_PATH,
)

THINKING = Definition(
    "BF of thinking, of the answer",
    "exp of the mean H(P~) over the positions inside of <think>…</think>; over those after it",
    "How open a model's thinking is, and how open what it then says.",
    "A token counts by the text before it: tokens that close a block are inside, those that open it are in neither. "
    "Blocks of all forms that chat templates use are known.",
    _ONE_PATH,
)

BF_ROLLOUTS = Definition(
    "BF of rollouts",
    "exp of the mean over continuations of each one's mean H(P~)",
    "The branching factor of what follows from one place, over continuations that are drawn from P~ there.",
    "Each continuation counts the same, whatever its length. The interval is the 95 % one over such samples, made in "
    "ln BF.",
    f"{_ESTIMATORS}; bias-corrected, accelerated bootstrap: Efron, 1987",
    "bf, ci",
)

BF_LIKELIHOOD = Definition(
    "BF by likelihood",
    "exp of the mean over continuations of each one's mean −ln P~ of its tokens",
    "The same number from the probabilities of the tokens that were drawn, in place of the entropies on the way.",
    "The two estimates agree in long texts, by the asymptotic equipartition property; where they are far apart, more "
    "continuations are needed. `auto` takes likelihood where every continuation is longer than 50 tokens, else "
    "entropy.",
    _ESTIMATORS,
    "bf_nll, bf_entropy",
)

BF_MEASURED = Definition(
    "BF over prompts",
    "mean over prompts of BF of rollouts",
    "How open a model's answers are, over a set of prompts.",
    "Intervals are made by a two-stage bootstrap, prompts then samples, and below 30 prompts by t on the mean, which "
    "is said. `--compat repo` aggregates position by position over the samples that reach it, as the authors' code "
    "does.",
    _ESTIMATORS,
    "bf, ci, ci_basis",
)

CURVE = Definition(
    "BF over positions",
    "at position t: the entropy estimate over the first t + 1 tokens of each continuation",
    "How the branching factor changes as an answer goes on.",
    "It is cumulative and so moves slowly; the band is the 95 % interval at each position alone. A window is the mean "
    "over continuations of exp of the mean H(P~) in it, another average, which lies higher.",
    YANG,
    "curve, windows",
)

BF_AFTER = Definition(
    "BF after",
    "exp H(P~) of the distribution after the candidate",
    "The branching factor one step later, were the candidate forced.",
    "It says nothing of what follows later, and makes no verdict.",
    _ONE_STEP,
    "after",
)

RESPONSE = Definition(
    "response",
    "ln BF(forced) − mean ln BF(matched controls)",
    "Whether a forced text narrows or widens what follows it, more than texts do that the model might have written in "
    "its place.",
    "BF is over the tokens after each text; all texts go on together. Of L planned looks each is judged at α = .05/L, "
    "and none follows one that narrows (the interval of the difference lies below 0) or widens (above 0). That is the "
    "interval of one text against texts like it, t(1−α/2, K−1)·s·√(1+1/K) to either side, with s the standard "
    "deviation of the K controls' ln BF: no number of samples takes it below their spread. The noise is of sampling "
    "alone, against these very controls: where it lies within ±ln 1.10, the last look has no effect, and else is "
    "undecided. p is that of the difference in this t, two-sided, before Holm's correction for several texts of one "
    "run.",
    "bftui; prediction interval of one more observation; BF as in arXiv 2506.17871",
    "delta, delta_ci, noise_ci, p, verdict, looks",
)

BY_HORIZON = Definition(
    "response so far",
    "exp( ln BF(forced) − mean ln BF(matched controls) ), over the first 4, 8, 16, … tokens",
    "The same factor over the first tokens alone, from all samples that every text has by now.",
    "Its interval, ± t·√(v_f/M + Σ v_k/(K²M)) with v the variance of a text's mean entropies over M samples, is the "
    "noise of sampling alone: it shrinks as samples come, and says nothing of how much such texts differ. No verdict "
    "comes from it.",
    "bftui",
    "by_horizon, noise_ci",
)

VERDICTS = (
    "Narrows: after the forced text fewer tokens are plausible, and by more than other openings change that which the "
    "model might have written in its place. Widens: more tokens are plausible, likewise. No effect: what follows is as "
    "open as after those openings, within a tenth. Undecided: it lies within what such openings do, or there are too "
    "few samples or openings to tell. Not judged yet: the planned samples are not there."
)
"""What the verdicts of a response say, without a formula."""

CONTROLS = {
    "matched": "Texts of the same length that the model might have written here: of 256 draws those whose first "
    "token is nearest in ln P to the forced one. They alone make the verdict.",
    "free": "Nothing forced: what the model does by itself from here.",
    "neutral": "Openings that commit a text to little.",
    "random": "The first token drawn evenly from all that the truncation keeps, the others by the model.",
    "top1": "The most probable tokens, one after the other.",
}
"""What each kind of a response's controls is, by its name in the JSON."""

RANK = Definition(
    "rank",
    "1 + tokens with a strictly larger logit",
    "Where a token stands in the model's order of all tokens: 1 is what a greedy step takes.",
    "Equal logits share a rank; lists show them by id.",
    fields="rank",
)

SURPRISAL = Definition(
    "surprisal",
    "−ln P(token)",
    "What a token told that was not expected, in nats.",
    "Its mean over P is H(P).",
    SHANNON,
    "logprob",
)

NOISE_FLOOR = Definition(
    "noise floor",
    "root of the mean squared difference of H(P), one fixed text read in two shapes of batches",
    "How far a model's numbers move with nothing but the number of tokens that are evaluated at once.",
    "Libraries add up in another order in another batch, and rounded weights make more of it. Digits below the floor "
    "are not shown, and differences within it are none; float32 has one of 1e-5 nats and less.",
    fields="model.noise",
)

PARTNER_BF = Definition(
    "partner BF",
    "exp H(P~) of the partner's distribution after the same text",
    "The branching factor of the second model, which reads along.",
    "It has a prompt of its own, and the session's temperature and truncation.",
    _ONE_STEP,
)

SHIFT = Definition(
    "shift",
    "rank of the token in the model that reads: 1 unshifted, 2 or 3 marginal, from 4 on shifted",
    "Which tokens of one model's text the other model would not have chosen.",
    "The model that reads sees the finished text in one pass; rank and P are its own, over the whole vocabulary. A "
    "token within 0.001 of the best logit counts as unshifted. A class is within the noise floor where the gap to the "
    "next class is at most twice that of a logit, and where a greedy token is not the best of its author. Published "
    "for base models under their aligned partners: 78 to 82 % unshifted, 5 to 8 % shifted.",
    LIN,
    "unshifted, marginal, shifted",
)

KL = Definition(
    "KL",
    "KL(p‖b) = Σ P_partner ln( P_partner / P_base )",
    "How far two models' distributions before a token are apart, whatever the token is, in nats.",
    "It is over the whole vocabulary, not truncated and not renormalised, and its direction stands with it. The "
    "published code sums over the best tokens that both lists share, which can be negative.",
    "Kullback and Leibler, 1951",
    "kl_aligned_base, kl_base_aligned",
)

JS = Definition(
    "JS",
    "½ KL(p‖m) + ½ KL(b‖m),  m = ½ (p + b)",
    "The same for both sides at once: between 0 and ln 2 = 0.693.",
    "",
    "Lin, 1991",
    "js",
)

NUDGING = Definition(
    "nudging",
    "the partner writes where max over v of P_base(v) < γ",
    "A base model is steered by a few words of an aligned one, where the base is unsure.",
    "Both take their most probable tokens. From γ on, or where the base's token begins the partner's next word, the "
    "base takes over and writes while it is at γ or above. Published: γ of 0.3 to 0.4, some 10 % of the tokens by the "
    "partner; above 20 % pairs tend to fail.",
    f"{FEI}; warning: BlendIn, arXiv 2606.11201",
    "share_nudged",
)

BF_NUDGED = Definition(
    "BF nudged",
    "exp of the mean H(P~_base) along the nudged text",
    "How open the base is along the text that was written with the partner's words.",
    "It is made of entropies, not of surprisals: a nudged text is not a sample of the base. BF base is along the "
    "base's own greedy text of the same limit, BF partner along the partner's.",
    YANG,
    "bf_nudged, bf_base, bf_partner",
)

VENDI = Definition(
    "Vendi",
    "exp of the entropy of the eigenvalues of G / K, with G the kernel of K outputs",
    "The effective number of different outputs, from 1 to K.",
    "It grows with K: models are compared at one number of outputs, over subsets without replacement. Without a model "
    "of embeddings the kernel is the cosine of character 3-grams, which knows no meaning.",
    "Friedman and Dieng, TMLR 2023",
    "vendi",
)

MEAN_DISTANCE = Definition(
    "mean distance",
    "1 − mean of the kernel over pairs of two outputs",
    "How unlike two outputs of one prompt are on average.",
    "With the cosine of embeddings it is the semantic diversity of the paper. It does not depend on K.",
    KAROUZOS,
    "distance",
)

DISTINCT_ANSWERS = Definition(
    "distinct answers",
    "mean number of different answers among K outputs",
    "How many different answers K outputs give.",
    "An answer is what the checker takes out of an output; else all of its text, white space aside.",
    "Hurlbert, Ecology 1971",
    "distinct",
)

EAD = Definition(
    "EAD",
    "U / ( V (1 − ((V − 1) / V)^T) ), with U of T n-grams of words distinct; mean of n = 1 … 5",
    "The share of distinct n-grams of words, held against how many V words would give.",
    "V is the size of a vocabulary, the same for all models that are compared.",
    f"Liu et al., ACL 2022; {KAROUZOS}",
    "ead",
)

SELF_BLEU = Definition(
    "Self-BLEU",
    "mean BLEU-4 of each output against the others",
    "How well the other outputs give the words of each: the higher, the less diverse.",
    "It is sacrebleu's, whose signature is in the result; 0 to 1.",
    "Zhu et al., Texygen, SIGIR 2018",
    "self_bleu",
)

COMPRESSION = Definition(
    "compression",
    "bytes of the outputs / bytes of the outputs deflated",
    "How much the outputs repeat: the higher, the less diverse.",
    "It rises with the number and length of the outputs: compare like with like.",
    "Shaib et al., arXiv 2403.00553",
    "compression",
)

ENTAILED = Definition(
    "entailment",
    "1 − mean over pairs of ½ Σ over both directions of ( P(entailed) − P(contradicted) )",
    "How little the outputs say the same: 0 where each entails the other, 1 where neither, above 1 where they "
    "contradict.",
    "A model of entailment says so, one of the user's.",
    KAROUZOS,
    "entailment",
)

CONDITIONAL_SURPRISE = Definition(
    "conditional surprise",
    "mean over outputs of −ln P(output | prompt, the other outputs) / bytes",
    "How much a base model is still surprised by an output when it has read the others, in nats a byte.",
    "Outputs of one kind become cheap once one was read; no embedding is needed.",
    "Khoriaty, Williams-King and Feng, arXiv 2606.01811",
    "surprise",
)

PASS_AT_K = Definition(
    "pass@k",
    "1 − C(n − c, k) / C(n, k), with c of n outputs correct",
    "The chance that k outputs hold a correct one.",
    "",
    "Chen et al., arXiv 2107.03374",
    "pass_at_k",
)

DECOMPOSITION = Definition(
    "residual share",
    "fall of the distance of correct outputs / fall of the distance of all outputs",
    "How much of a fall of diversity is left among correct outputs; the rest went with wrong ones.",
    "The formula is bftui's own. Prompts enter that have two correct outputs in every model; there is none where the "
    "interval of the whole fall covers 0.",
    f"bftui; the two falls: {KAROUZOS}",
    "decomposition",
)

DIAL = Definition(
    "dial",
    "l = (1 − w) l_base + w l_aligned; P = softmax(l)",
    "BF of continuations that are drawn from two models whose logits are mixed with a weight w.",
    "At 0 and 1 it is the models themselves, to the last digit. Below 0 what alignment changed is taken back beyond "
    "the base, above 1 it is exaggerated. Proxy tuning adds to a large model what tuning changed in a small one; "
    "contrastive decoding takes an amateur's logits from an expert's, and a mask (plausibility) leaves out tokens "
    "below a share of the expert's largest P. Another weight evaluates nothing again.",
    "proxy tuning: Liu et al., arXiv 2401.08565; contrastive decoding: Li et al., arXiv 2210.15097, and O'Brien and "
    "Lewis, arXiv 2309.09117",
    "weight, bf",
)

FORKS = Definition(
    "fork score",
    "Σ over alternatives w of P~(w) · ½ Σ over outcomes |o_w − o_taken|",
    "How much the outcome would change, on average, were the token at a position drawn again.",
    "Each alternative is followed by continuations, whose outcomes are counted; few of them differ by chance, which is "
    "printed beside: the mean score with outcomes permuted among the alternatives. p is that of the permutations, "
    "corrected by Holm's method for all positions. Looked at are the fifth of the positions with the largest H(P). "
    "Effective outcomes: exp of the entropy of the outcomes of all alternatives.",
    "bftui, after Bigelow et al., arXiv 2412.07961; the top 20 %: Wang et al., arXiv 2506.01939",
    "score, chance, p, effective",
)

TREE_BF = Definition(
    "tree BF",
    "exp(H(texts of d tokens) / d), with H(n, d) = H~(n) + Σ over children P~(child) · H(child, d − 1)",
    "The branching factor of a step, on average over all texts of d tokens: that of the tree, with nothing drawn.",
    "The tree is grown from its most probable paths. What was not read counts 0 in the lower bound, and in the upper "
    "one as if every token of the vocabulary were equally likely after it. A text that ended has no further entropy, "
    "and counts d tokens. Together the texts branch as exp(H) equally likely ones would.",
    f"{YANG}, by the chain rule over an explicit tree",
    "bf_low, bf_high, entropy_low, entropy_high",
)

TEXTS_FOR_MASS = Definition(
    "texts for a share of the mass",
    "the fewest texts whose P~ comes to that share",
    "How many different texts hold half, 80 % or 95 % of what the model would write.",
    "A text is a path of the whole depth, or one that ended before. Where open paths could change the number, it is a "
    "lower bound, and marked so. Spellings of the same bytes count as one text where they are merged.",
    "bftui",
    "texts_for_mass, texts_for_mass_high, at_least, mass",
)

INJECTION = Definition(
    "injected style",
    "texts from softmax(l_A + w(t)(l_B − l_A)), w above 0 in a window of positions, 0 elsewhere",
    "What a style does to a text where it is injected early, late or all along.",
    "A is the content, B the content and the style: two prompts of one model, or two models. BF, style and content are "
    "judged at equally many positions after each window, where A alone goes on from what was written, and held against "
    "texts of A alone at the same positions, since BF falls along a text by itself. Style is the mean of ln P_B − "
    "ln P_A of the tokens, content that of ln P_A, and KL(P_B‖P_A) says how much the style has to say at a position.",
    "bftui, after Local Prompt Adaptation, arXiv 2507.20094, which does it with the prompt of a picture",
    "style, content, kl, delta",
)

VALIDITY = Definition(
    "validity",
    "Val = Σ over valid answers y of P(y | prompt)",
    "How probable it is that an answer is one of those that are valid.",
    "An answer is the tokens that the model's own tokenizer gives it, and the token that ends it. Another spelling of "
    "the same text, or another split of it into tokens, counts as neither valid nor invalid; what it may hold at most "
    "is printed beside.",
    f"{BANAYEEANZADE}, section 3",
    "validity",
)

VALID_DIVERSITY = Definition(
    "diversity of valid answers",
    "Div = exp(−Σ q(y) ln q(y)) / |V*|,  q(y) = P(y) / Val",
    "How many equally likely answers the valid ones are worth, as a share of their number.",
    "1 where all valid answers are equally likely, 1 / |V*| where only one ever comes. It is not known below a "
    "validity of one in a million. Diversity of sampled texts is another number.",
    f"{BANAYEEANZADE}, section 3",
    "diversity, effective",
)

ORDER = Definition(
    "order",
    "recall of the cutoff oracle = Σ N(v) / N over the valid tokens among the |G| best",
    "Whether every valid token stands above every invalid one, at each place of an answer.",
    "G are the valid tokens, N(v) the valid answers behind one. Where order is right, some truncation keeps everything "
    "valid and nothing else; where it is wrong, none does, at any temperature. AUC is the area under precision against "
    "recall as more ranks are kept; means over places weigh each by the valid answers through it.",
    f"{BANAYEEANZADE}, definition D.1",
    "oracle_recall, auc, recall_at_precision, inversions",
)

SHAPE = Definition(
    "shape",
    "gap = KL(N(v) / N ‖ P(v | v valid))",
    "Whether the mass of the valid tokens goes to each by the number of valid answers behind it.",
    "Evenness is exp of the entropy of P over the valid tokens, over that of the shares of answers: 1 where they are "
    "even. A truncation never mends shape: it keeps the best tokens, and their shares stay as they are.",
    f"{BANAYEEANZADE}, section 5",
    "gap, evenness",
)

PRECISION_RECALL = Definition(
    "precision and recall of a truncation",
    "precision = Π over tokens of the share of kept tokens that are valid;  recall = share of V* that is kept",
    "How much of what a truncation keeps is valid, and how much of what is valid it keeps.",
    "For precision the kept tokens count as equally likely, for recall the valid answers do. Both are exact products "
    "over the tokens of an answer.",
    f"{BANAYEEANZADE}, theorem E.1",
    "steps",
)

FRONTIER = Definition(
    "frontier",
    "the (Val, Div) of each temperature and truncation that no other is better than in both",
    "What can be had at best: how much diversity each validity allows, whatever the sampler.",
    "The cutoff oracle is told how many tokens are valid, and the validity oracle which: what lies between them and "
    "the best real one is lost to order and to not knowing. Settings are compared as a front, never at one "
    "temperature.",
    f"{BANAYEEANZADE}, sections 4 and 5",
    "frontier",
)

GLOSSARY = (
    P,
    TRUNCATED,
    TRUNCATION,
    STEERING,
    XTC,
    CONSTRAINT,
    ENTROPY,
    ENTROPY_TRUNCATED,
    BF,
    BF_FULL,
    BF_PATH,
    THINKING,
    BF_ROLLOUTS,
    BF_LIKELIHOOD,
    BF_MEASURED,
    CURVE,
    BF_AFTER,
    RESPONSE,
    BY_HORIZON,
    RANK,
    SURPRISAL,
    NOISE_FLOOR,
    PARTNER_BF,
    SHIFT,
    KL,
    JS,
    NUDGING,
    BF_NUDGED,
    DIAL,
    VENDI,
    MEAN_DISTANCE,
    DISTINCT_ANSWERS,
    EAD,
    SELF_BLEU,
    COMPRESSION,
    ENTAILED,
    CONDITIONAL_SURPRISE,
    PASS_AT_K,
    DECOMPOSITION,
    FORKS,
    TREE_BF,
    TEXTS_FOR_MASS,
    INJECTION,
    VALIDITY,
    VALID_DIVERSITY,
    ORDER,
    SHAPE,
    PRECISION_RECALL,
    FRONTIER,
)
"""All words, in the order in which they build on each other."""
