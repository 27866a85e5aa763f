"""How different the outputs of models are, over all of them and over the correct ones.

Each number over prompts is a mean, with its 95 % interval, clustered by prompt, in the field of the same name and
`_ci`. None stands for what is unknown, as for fewer than two outputs; never 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from bftui.core.sampler import Sampler
from bftui.results.codec import FLAT, LEFT_OUT
from bftui.results.measure_result import BulkFailure
from bftui.results.result_types import Count, Difference, Number, Share

Ends = tuple[Number, Number]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputNumbers:
    """How different the outputs of one prompt are.

    Attributes:
        ead: expectation-adjusted distinct n-grams of words, mean of n from 1 to 5, in [0, 1].
        self_bleu: mean BLEU of each output against the others, in [0, 1]; higher is less diverse.
        vendi: effective number of different outputs by the kernel, from 1 to K.
        distance: 1 - the kernel's mean over pairs.
        distinct: number of different answers.
        compression: bytes over deflated bytes of all outputs; higher is less diverse.
        entailment: 1 - the mean over pairs of P(entailed) - P(contradicted), in [0, 2].
        surprise: mean over outputs of -ln P under the base model given the others, nats a byte.
    """

    ead: Share | None = None
    self_bleu: Share | None = None
    vendi: Number | None = None
    distance: Number | None = None
    distinct: Number | None = None
    compression: Number | None = None
    entailment: Annotated[Number | None, LEFT_OUT] = None
    surprise: Number | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputMeans:
    """The same over prompts, each with its interval.

    Attributes:
        distinct_n: distinct n-grams of words over all of them, for n from 1 to 5.
    """

    ead: Share | None = None
    ead_ci: Ends | None = None
    self_bleu: Share | None = None
    self_bleu_ci: Ends | None = None
    vendi: Number | None = None
    vendi_ci: Ends | None = None
    distance: Number | None = None
    distance_ci: Ends | None = None
    distinct: Number | None = None
    distinct_ci: Ends | None = None
    compression: Number | None = None
    compression_ci: Ends | None = None
    entailment: Annotated[Number | None, LEFT_OUT] = None
    entailment_ci: Annotated[Ends | None, LEFT_OUT] = None
    surprise: Number | None = None
    surprise_ci: Ends | None = None
    distinct_n: tuple[Share | None, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectOutputs:
    """Diversity of correct outputs alone, over the prompts that have two of them in every model.

    Attributes:
        k: correct outputs of each prompt that the numbers are of; distance is of all of them.
        prompts: how many prompts enter.
        means: None in each of them where no prompt enters.
    """

    k: Count | None
    prompts: Count
    means: Annotated[OutputMeans, FLAT]


@dataclass(frozen=True, slots=True, kw_only=True)
class DiversityFall:
    """How far the distance fell from the first model to this one, and how much of that is left among correct outputs.

    The share is a formula of bftui.

    Attributes:
        all: the fall over all outputs of the prompts that enter.
        correct: the fall over their correct outputs.
        residual_share: correct / all; None where the interval of `all` covers 0.
        quality_share: 1 - residual_share: what fell away with wrong outputs.
        prompts: those with two correct outputs in every model.
        reason: why there is no share.
    """

    all: Number | None
    all_ci: Difference | None
    correct: Number | None
    correct_ci: Difference | None
    residual_share: Number | None
    residual_share_ci: Difference | None
    quality_share: Number | None
    quality_share_ci: Difference | None
    prompts: Count
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DiversityAtK:
    """Diversity of k of the outputs, drawn without replacement: the mean over subsets, then over prompts."""

    k: Count
    vendi: Number | None
    vendi_ci: Ends | None
    distinct: Number | None
    distinct_ci: Ends | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PassAtK:
    """The chance that k outputs hold a correct one (Chen et al., arXiv 2107.03374), over prompts."""

    k: Count
    value: Share
    ci: Ends | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DiversityPrompt:
    """One prompt.

    Attributes:
        k: how many outputs.
        k_correct: how many of them are correct; None where nothing tells.
        cut: how many ended at a limit; None where nothing tells.
        numbers: over all of its outputs.
        correct: over its correct outputs; None where nothing tells which are.
        majority: the most frequent answers; several where they tie.
    """

    id: str
    k: Count
    k_correct: Count | None
    cut: Count | None
    numbers: Annotated[OutputNumbers, FLAT]
    correct: OutputNumbers | None
    majority: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DiversityModel:
    """One model, or one model without thinking.

    Attributes:
        model: the MODEL form that was asked for, or the name in the generations.
        no_thinking: whether its answers began with an empty thinking block.
        k: outputs of each prompt that the numbers are of; distance and surprise are of all of them.
        k_correct: mean number of correct outputs of a prompt.
        outputs: mean number of outputs of a prompt.
        means: over all outputs, over the prompts that have two outputs in every model.
        correct: over correct ones; None where nothing was checked.
        decomposition: of the fall from the first model; None for that one, and where nothing was checked.
        by_k: diversity against the number of outputs.
        pass_at_k: None where nothing was checked.
        majority: how often the most frequent answer is correct.
        cut: outputs that ended at a limit; None where nothing tells.
        unfinished: outputs without an answer, left out: they ended inside of a thinking block.
        unknown: outputs that the checker could not judge; they count as neither.
        prompts: one by one.
        facts: `name`, `sha256` and more of a model that was sampled; None for generations.
        template: what its prompts were put into; None for generations.
        notes: what people should know.
    """

    model: str
    no_thinking: Annotated[bool, LEFT_OUT] = False
    k: Count | None
    k_correct: Number | None
    k_correct_ci: Ends | None
    outputs: Number
    means: Annotated[OutputMeans, FLAT]
    correct: CorrectOutputs | None
    decomposition: DiversityFall | None
    by_k: tuple[DiversityAtK, ...]
    pass_at_k: tuple[PassAtK, ...] | None
    majority: Share | None
    majority_ci: Ends | None
    cut: Count | None
    unfinished: Count
    unknown: Count
    prompts: tuple[DiversityPrompt, ...]
    facts: Mapping[str, Any] | None
    template: str | None
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DiversitySampling:
    """How the outputs were drawn."""

    sampler: Annotated[Sampler, FLAT]
    samples: Count
    max_tokens: Count
    frame: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class DiversitySetup:
    """What the numbers are made with.

    Attributes:
        kernel: what makes two outputs alike.
        self_bleu: sacrebleu's signature; None where that is not installed.
        vocabulary: V of EAD.
        check: what is correct, in words; None where nothing was checked.
        strip_thinking: whether thinking blocks were taken out before.
        until: texts that outputs were ended before.
        entailment, surprise: the model of each; None where none was given.
        kernel_cut, entailment_cut: inputs that were longer than these models read.
        seed: of subsets and intervals.
        compared: prompts that all models have with two outputs.
        sampling: how outputs were drawn; None for generations that existed.
    """

    kernel: str
    self_bleu: str | None
    vocabulary: Count
    check: str | None
    strip_thinking: bool
    until: tuple[str, ...]
    entailment: str | None
    surprise: str | None
    kernel_cut: Annotated[Count, LEFT_OUT] = 0
    entailment_cut: Annotated[Count, LEFT_OUT] = 0
    seed: int
    compared: Count
    sampling: DiversitySampling | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DiversityOutput:
    """What `bftui diversity --json` says: the models in the order of their stages, and what failed."""

    models: tuple[DiversityModel, ...]
    failed: Annotated[tuple[BulkFailure, ...], LEFT_OUT] = ()
    settings: DiversitySetup
