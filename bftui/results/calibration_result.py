"""Calibration: what a model's distribution does to a set of valid answers.

Validity, diversity, order and shape are those of arXiv 2605.11128; `core/valid` computes them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from bftui.core.sampler import Sampler
from bftui.core.valid.node_reading import Rule
from bftui.results.codec import FLAT, LEFT_OUT, OR_NULL
from bftui.results.result_types import Count, Id, LogProb, Number, Rank, Share

Lead = Literal["auto", "blank", "none", "both"]
"""Whether a blank stands before each answer; `auto`: where the text so far ends in a character that is not a blank."""

CaseOf = Literal["given", "any"]
"""Whether answers count only as they are written, or also in lower case, upper case and with a capital."""

How = Literal["exact", "sampled", "grammar"]
"""`exact`: over all answers; `sampled`: from samples of the model; `grammar`: order alone, at some places."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationSettings:
    """What was asked for.

    Attributes:
        valid: the set as it was named, or `file`.
        sha256: of the answers, one a line; it tells sets of one name apart.
        end: the texts that end an answer; empty for the ends of generation of the model.
        lead, case: which spellings of an answer count.
        frontier: whether a grid of temperatures and truncations was measured too.
        sampler: what P~ is made with.
    """

    valid: str
    sha256: str
    end: tuple[str, ...] = ()
    lead: Lead = "auto"
    case: CaseOf = "given"
    frontier: bool = True
    sampler: Annotated[Sampler, FLAT]


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderCalibration:
    """Whether valid tokens stand above invalid ones, averaged over nodes by the share of valid answers through each.

    Attributes:
        auc: area under precision against recall over the ranks.
        recall_at_precision: the largest recall at a precision of .8 or more.
        oracle_recall: recall of the cutoff oracle: 1 where every valid token is above every invalid one.
        inversions: pairs of a valid and an invalid token with the invalid one more probable, at a node.
    """

    auc: Share
    recall_at_precision: Share
    oracle_recall: Share
    inversions: Number


@dataclass(frozen=True, slots=True, kw_only=True)
class ShapeCalibration:
    """How evenly the mass of valid tokens goes to valid answers, averaged over nodes as the order is.

    Only nodes of two ways on or more count.

    Attributes:
        gap: KL(shares of valid answers || P over the valid tokens), nats; None where it is infinite.
        evenness: exp of the entropy of P over the valid tokens, over exp of that of the shares.
    """

    gap: Annotated[Number | None, OR_NULL]
    evenness: Number | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationPlace:
    """Order and shape at one place of an answer.

    Attributes:
        text, token_ids: what of an answer stands before it.
        answers: valid answers that go on from there.
        validity: P of the valid tokens.
        other_spellings: P of the tokens that begin another tokenisation.
        auc, recall_at_precision, oracle_recall, inversions: as of `OrderCalibration`.
        gap, evenness: as of `ShapeCalibration`.
    """

    text: str
    token_ids: tuple[Id, ...]
    answers: Rank
    validity: Share
    other_spellings: Share
    auc: Share
    recall_at_precision: Share
    oracle_recall: Share
    inversions: Count
    gap: Annotated[Number | None, OR_NULL]
    evenness: Number | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadAndTail:
    """How the logits of the first place fall over the ranks (appendix I): see `core.valid.logit_shape.LogitShape`."""

    ranks: Rank
    cutoff: Rank
    slope: Number
    intercept: Number
    level: Number
    factor: Number
    offset: Number
    error: Number


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationStep:
    """One token of an answer, under P~ (Theorem E.1): the products over all steps are those of whole answers.

    Attributes:
        precision: share of valid tokens among those kept, given that all before were valid; kept ones equally likely.
        recall: share of valid answers whose token is kept, given that all before were.
    """

    precision: Share | None
    recall: Share | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TheoremBounds:
    """What the two theorems of the paper allow here.

    Attributes:
        compounding: the largest recall of whole answers at the precision of P~ (Theorem E.3); None where no step is
            hard.
        shape: the largest diversity at the validity of P (Theorem F.4).
    """

    compounding: Share | None
    shape: Share | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontierPoint:
    """Validity and diversity of one rule at one temperature; `best` where no other point is better in both."""

    rule: Rule
    value: Number
    temperature: Number
    validity: Share
    diversity: Share | None
    best: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidAnswer:
    """One valid answer: its text, its tokens with the one that ends it left out, and ln P with it, nats."""

    text: str
    token_ids: tuple[Id, ...]
    logprob: Annotated[LogProb | None, OR_NULL]


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationResult:
    """One valid set at one place; while it is read, as far as it is.

    Attributes:
        how: over all answers, or from samples.
        answers_in_set, nodes: |V*|, and the nodes of its trie.
        read: nodes that were read.
        validity, validity_ci: P of all valid answers; its 95 % interval where it was sampled.
        diversity, diversity_ci: exp of the entropy over valid answers, over |V*|; None below a validity of 1e-6.
        validity_truncated, diversity_truncated: the same of P~.
        effective: exp of the entropy over valid answers: as many equally likely ones.
        kl_uniform, distance_uniform: KL from valid answers to equally likely ones, nats, and total variation.
        other_spellings: P of tokens that begin another tokenisation of a valid answer, at one step at most: neither
            valid nor invalid.
        order, shape, steps, bounds: as there; steps from the first token, the one that ends an answer included.
        places: those that most valid answers go through, at most `MOST_PLACES`, in the order of their texts.
        logits: the head and the tail of the logits at the first place.
        frontier: the grid; empty where none was asked for.
        answers: valid answers, the most probable first; at most `MOST_ANSWERS`.
        notes: what people should know.
    """

    how: How
    answers_in_set: Rank
    nodes: Rank
    read: Count
    validity: Share | None
    validity_ci: tuple[Share, Share] | None = None
    diversity: Share | None
    diversity_ci: tuple[Share, Share] | None = None
    validity_truncated: Share | None
    diversity_truncated: Share | None
    effective: Number | None
    kl_uniform: Annotated[Number | None, OR_NULL]
    distance_uniform: Share | None
    other_spellings: Share | None
    order: OrderCalibration | None
    shape: ShapeCalibration | None
    steps: tuple[CalibrationStep, ...]
    bounds: TheoremBounds | None
    places: tuple[CalibrationPlace, ...] = ()
    logits: HeadAndTail | None = None
    frontier: tuple[FrontierPoint, ...]
    answers: tuple[ValidAnswer, ...]
    notes: tuple[str, ...] = ()

    def spelled(self) -> tuple[int, ...]:
        """Returns the tokens of the answers and of their beginnings."""
        paths = [each.token_ids for each in self.answers]
        paths += [each.token_ids for each in self.places]
        return tuple(i for path in paths for i in path)

    @property
    def best(self) -> Sequence[FrontierPoint]:
        """The points of the grid that no other is better than, by validity."""
        return sorted((each for each in self.frontier if each.best), key=lambda p: p.validity)


MOST_ANSWERS, MOST_PLACES = 1000, 200
"""Answers and places that are listed; the numbers are over all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptCalibration:
    """A valid set after one prompt of a file."""

    id: str
    result: Annotated[CalibrationResult, FLAT]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCalibration:
    """A valid set on one model.

    Attributes:
        model: the MODEL form that was asked for.
        facts: `name`, `sha256` and more of the model.
        prompt, template: what was asked, and what it was put into; of several prompts the first.
        result: of this prompt.
        prompts: of each prompt of a file; empty for a single one.
    """

    model: str
    facts: Mapping[str, Any]
    prompt: str
    template: str
    result: Annotated[CalibrationResult, FLAT]
    prompts: Annotated[tuple[PromptCalibration, ...], LEFT_OUT] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrateOutput:
    """What `bftui calibrate --json` says of one model."""

    settings: CalibrationSettings
    model: Annotated[ModelCalibration, FLAT]


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrateOutputs:
    """What it says of several."""

    settings: CalibrationSettings
    models: tuple[ModelCalibration, ...]
