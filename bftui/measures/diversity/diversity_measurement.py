"""Diversity of what stages of a model wrote: reads the outputs prompt by prompt, then compares the stages.

All numbers of a comparison are of as many outputs: Vendi, EAD, Self-BLEU and counts depend on that. Correct outputs are
compared over the prompts that have two of them in every stage.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from bftui.core.bf.bootstrap import REPLICATES
from bftui.core.diversity.answers import (
    answer_counts,
    distinct_at_k,
    majority_at_k,
    pass_at_k,
)
from bftui.core.diversity.decomposition import Decomposition, PromptDiversity, decompose
from bftui.core.diversity.kernels import mean_distance, mean_distances
from bftui.core.diversity.prompt_values import OUTPUT_REPLICATES, PromptValues, resample_counts
from bftui.core.diversity.rarefaction import common_size, sizes_up_to
from bftui.core.errors import BftuiError, InputError
from bftui.core.job import Job
from bftui.core.logits import F64
from bftui.core.text import of_path
from bftui.measures.bulk.sample_store import Store
from bftui.measures.diversity.checkers import Verdict
from bftui.measures.diversity.instruments import Instruments
from bftui.measures.diversity.output_numbers import (
    ReadOutputs,
    Yardstick,
    distinct_of_orders,
    numbers,
    resampled,
    vendi_at_k,
)
from bftui.measures.diversity.output_packing import key_of
from bftui.measures.diversity.stage_texts import StageTexts, until, without_thinking
from bftui.results.diversity_result import (
    CorrectOutputs,
    DiversityAtK,
    DiversityFall,
    DiversityModel,
    DiversityOutput,
    DiversityPrompt,
    DiversitySampling,
    DiversitySetup,
    OutputMeans,
    OutputNumbers,
    PassAtK,
)
from bftui.results.measure_result import BulkFailure
from bftui.trace.generations_file import GeneratedTexts

_METRICS = ("ead", "self_bleu", "vendi", "distance", "distinct", "compression", "entailment", "surprise")  # fmt: skip

Ends = tuple[float, float]


@dataclass(frozen=True, slots=True)
class DiversitySettings:
    """How outputs are measured.

    Attributes:
        vocabulary: V of EAD, the same for all stages; at least 2.
        strip_thinking: take thinking blocks out before.
        until: texts that an output ends before.
        seed: of subsets and intervals.
    """

    vocabulary: int
    strip_thinking: bool = False
    until: tuple[str, ...] = ()
    seed: int = 0


@dataclass(slots=True)
class _Stage:
    """One stage and what was read of it."""

    texts: StageTexts
    read: dict[str, ReadOutputs] = field(default_factory=dict)


class DiversityMeasurement(Job):
    """The outputs of stages in their order, the first of which the others are compared with.

    Attributes:
        doing: what is measured now, for people.
        models: what was found, once it is done.
        read: how many prompts of all stages are read.
        compared: prompts that all stages have with two outputs, once all are read.
    """

    def __init__(
        self,
        stages: Sequence[StageTexts],
        instruments: Instruments,
        settings: DiversitySettings,
        store: Store[ReadOutputs] | None = None,
    ) -> None:
        """What is read goes into the store, and what is in it is not read again; it is of the same instruments.

        Raises InputError for stages that have no prompt in common, or no answer to compare outputs with."""
        self.doing = ""
        self.read = 0
        self.models: tuple[DiversityModel, ...] = ()
        self.compared: tuple[str, ...] = ()
        self._tools, self._settings = instruments, settings
        self._store: Store[ReadOutputs] = Store() if store is None else store
        self._by = Yardstick(settings.vocabulary, instruments.bleu, settings.seed)
        if settings.strip_thinking:
            stages = [without_thinking(each) for each in stages]
        if settings.until:
            stages = [until(each, settings.until) for each in stages]
        self._stages = [_Stage(each) for each in stages]
        first, *others = ({each.id for each in stage.prompts} for stage in stages)
        if not first.intersection(*others):
            raise InputError(
                "the models have no prompt in common",
                "prompts are matched by their ids",
                "give generations for the same prompts, with the same ids",
            )
        checker = instruments.checker
        if checker is not None and checker.settings.compare:
            given = (each.answer for stage in stages for each in stage.prompts)
            if not any(given):
                raise InputError(
                    "nothing says what is correct",
                    "no prompt has an answer",
                    'write an "answer" on the lines of --prompts',
                )
        # Every prompt is read once and measured once.
        self._units = 2 * sum(len(stage.prompts) for stage in stages)
        self._done = 0
        super().__init__()

    @property
    def share(self) -> float:
        return self._done / self._units

    def output(
        self, failed: Mapping[str, BftuiError], sampling: DiversitySampling | None
    ) -> DiversityOutput:
        """Makes the whole result, once it is done; `failed`: why models are missing or not sampled to the end."""
        tools, settings = self._tools, self._settings
        return DiversityOutput(
            models=self.models,
            failed=tuple(
                BulkFailure(model=of_path(name), reason=error.line())
                for name, error in failed.items()
            ),
            settings=DiversitySetup(
                kernel=tools.kernel.name,
                self_bleu=None if tools.bleu is None else tools.bleu.signature,
                vocabulary=settings.vocabulary,
                check=None if tools.checker is None else tools.checker.settings.described(),
                strip_thinking=settings.strip_thinking,
                until=settings.until,
                entailment=None if tools.entailment is None else tools.entailment.name,
                kernel_cut=tools.kernel.cut,
                entailment_cut=0 if tools.entailment is None else tools.entailment.cut,
                surprise=tools.surprise_name,
                seed=settings.seed,
                compared=len(self.compared),
                sampling=sampling,
            ),
        )

    def _work(self) -> Iterator[None]:
        for stage in self._stages:
            for place, prompt in enumerate(stage.texts.prompts):
                self._tell("reading outputs", stage, place)
                yield
                key = key_of(prompt, stage.texts.left_out(prompt.id))
                found = self._store.get(key)
                if found is None:
                    found = yield from self._read(stage.texts, prompt)
                    self._store.put(key, found)
                stage.read[prompt.id] = found
                self._done += 1
                self.read += 1
        first, *others = (stage.read for stage in self._stages)
        self.compared = tuple(
            each
            for each in first
            if all(each in other and other[each].k > 1 for other in (first, *others))
        )
        falls = self._falls()
        k, k_correct, entering = self._sizes()
        models = []
        for stage, fall in zip(self._stages, falls, strict=True):
            models.append((yield from self._measured(stage, k, k_correct, entering, fall)))
        self.models = tuple(models)
        self.doing = ""

    def _read(
        self, stage: StageTexts, prompt: GeneratedTexts
    ) -> Generator[None, None, ReadOutputs]:
        tools, texts = self._tools, prompt.texts
        verdicts: Sequence[Verdict] | None = None
        if tools.checker is not None:
            verdicts = tools.checker.check(texts, prompt.answer)
        surprise: tuple[float | None, ...] | None = None
        # It falls with the number of outputs that come before: stages are read at one number.
        alike = texts[: self._fewest(prompt.id)]
        if tools.surprise is not None and len(alike) > 1 and prompt.prompt is not None:
            found = yield from tools.surprise(prompt.prompt, alike)
            surprise = (*found.given, *[None] * (len(texts) - len(alike)))
        plain = (" ".join(text.split()) for text in texts)
        taken = (None if verdicts is None else each.answer for each in verdicts or ())
        return ReadOutputs(
            prompt.id,
            texts,
            tuple(
                whole if answer is None else answer
                for whole, answer in zip(
                    plain, taken if verdicts else [None] * len(texts), strict=True
                )
            ),
            None if verdicts is None else tuple(each.correct for each in verdicts),
            tools.kernel(texts) if texts else np.zeros((0, 0)),
            None if tools.entailment is None or not texts else tools.entailment(texts),
            surprise,
            None if prompt.cut is None else sum(prompt.cut),
            stage.left_out(prompt.id),
        )

    def _fewest(self, name: str) -> int:
        """The smallest number of outputs of a prompt in any stage that has it."""
        found = (each for stage in self._stages for each in stage.texts.prompts if each.id == name)
        return min(len(each.texts) for each in found)

    def _sizes(self) -> tuple[int | None, int | None, tuple[str, ...]]:
        """How many outputs, and correct outputs, numbers are of; and the prompts of the latter."""
        read = [stage.read for stage in self._stages]
        k = common_size([each[name].k for each in read for name in self.compared])
        entering = tuple(
            name for name in self.compared if all(len(each[name].right) > 1 for each in read)
        )
        return (
            k,
            common_size([len(each[name].right) for each in read for name in entering]),
            entering,
        )

    def _falls(self) -> list[DiversityFall | None]:
        """The falls from the first stage, which has none itself; all None where nothing was checked."""
        if self._tools.checker is None or len(self._stages) < 2:
            return [None] * len(self._stages)
        times = REPLICATES if len(self.compared) == 1 else OUTPUT_REPLICATES
        models = [
            {
                name: _diversity(stage.read[name], self._settings.seed + place, times)
                for place, name in enumerate(self.compared)
            }
            for stage in self._stages
        ]
        return [None, *(_fall(each) for each in decompose(models, self._settings.seed))]

    def _measured(
        self,
        stage: _Stage,
        k: int | None,
        k_correct: int | None,
        entering: Sequence[str],
        fall: DiversityFall | None,
    ) -> Generator[None, None, DiversityModel]:
        seed, texts = self._settings.seed, stage.texts
        checked = self._tools.checker is not None
        own: dict[str, DiversityPrompt] = {}
        every: dict[str, OutputNumbers] = {}
        right: dict[str, OutputNumbers] = {}
        for place, (name, outputs) in enumerate(stage.read.items()):
            self._tell("measuring", stage, place)
            own[name] = self._prompt(outputs)
            if name in self.compared and k is not None:
                whole = own[name].numbers
                every[name] = whole if k == outputs.k else numbers(outputs, k, self._by)
            if name in entering and k_correct is not None:
                right[name] = numbers(outputs.some(outputs.right), k_correct, self._by)
            self._done += 1
            yield
        read = [stage.read[name] for name in self.compared]
        counts = [float(len(each.right)) for each in read]
        votes = [
            majority_at_k(each.answers, [bool(one) for one in each.correct or ()], each.k, seed)
            for each in (read if checked else ())
        ]
        majority = self._mean([None if vote is None else vote.value for vote in votes])
        most = max((each.k for each in read), default=0)
        mean_correct = self._mean(counts, bounds=(0.0, most)) if checked else (None, None)
        cut = [each.cut for each in stage.read.values()]
        return DiversityModel(
            model=texts.model,
            no_thinking=texts.no_thinking,
            k=k,
            k_correct=mean_correct[0],
            k_correct_ci=mean_correct[1],
            outputs=sum(each.k for each in stage.read.values()) / len(stage.read),
            means=self._means(every, stage.read, k),
            correct=CorrectOutputs(
                k=k_correct,
                prompts=len(entering),
                means=self._means(
                    right,
                    {name: stage.read[name].some(stage.read[name].right) for name in entering},
                    k_correct,
                ),
            )
            if checked
            else None,
            decomposition=fall,
            by_k=tuple(self._at_k(read, size) for size in sizes_up_to(k or 0)),
            pass_at_k=self._passes(stage) if checked else None,
            majority=majority[0],
            majority_ci=majority[1],
            cut=sum(each for each in cut if each is not None) if None not in cut else None,
            unfinished=sum(each.unfinished for each in stage.read.values()),
            unknown=sum(each.k - each.known for each in stage.read.values()) if checked else 0,
            prompts=tuple(own.values()),
            facts=texts.facts,
            template=texts.template,
            notes=texts.notes,
        )

    def _prompt(self, outputs: ReadOutputs) -> DiversityPrompt:
        right = None if outputs.correct is None else outputs.some(outputs.right)
        return DiversityPrompt(
            id=outputs.id,
            k=outputs.k,
            k_correct=None if right is None else right.k,
            cut=outputs.cut,
            numbers=numbers(outputs, outputs.k, self._by),
            correct=None if right is None else numbers(right, right.k, self._by),
            majority=answer_counts(outputs.answers).majority,
        )

    def _means(
        self, found: Mapping[str, OutputNumbers], read: Mapping[str, ReadOutputs], k: int | None
    ) -> OutputMeans:
        """Means over prompts of each metric, at k outputs, with their intervals."""
        if not found or k is None:
            return OutputMeans()
        times = REPLICATES if len(found) == 1 else OUTPUT_REPLICATES
        again = {
            name: resampled(read[name], self._settings.seed + place, times)
            for place, name in enumerate(found)
        }
        whole = all(read[name].k == k for name in found)
        fields: dict[str, float | Ends | None] = {}
        for metric in _METRICS:
            values = [getattr(each, metric) for each in found.values()]
            # At fewer outputs than there are, outputs drawn again say nothing of Vendi.
            drawn = metric == "distance" or (metric == "vendi" and whole)
            resamples = [each[metric] for each in again.values()] if drawn else None
            smallest = min(read[name].k for name in found)
            fields[metric], fields[f"{metric}_ci"] = self._mean(
                values, resamples, smallest, _bounds(metric, k)
            )
        orders = [distinct_of_orders(read[name], k, self._settings.seed) for name in found]
        distinct = tuple(self._mean(list(each))[0] for each in zip(*orders, strict=True))
        return OutputMeans(**fields, distinct_n=distinct)  # type: ignore[arg-type]

    def _at_k(self, read: Sequence[ReadOutputs], k: int) -> DiversityAtK:
        seed = self._settings.seed
        counts = (1.0, float(k))
        vendi, vendi_ci = self._mean(
            [vendi_at_k(each.kernel, k, seed) for each in read], bounds=counts
        )
        distinct, distinct_ci = self._mean(
            [distinct_at_k(each.answers, k) for each in read], bounds=counts
        )
        return DiversityAtK(
            k=k, vendi=vendi, vendi_ci=vendi_ci, distinct=distinct, distinct_ci=distinct_ci
        )

    def _passes(self, stage: _Stage) -> tuple[PassAtK, ...]:
        """Over the prompts of which an output could be judged, as far as all of them go."""
        read = [each for each in stage.read.values() if each.known]
        found = []
        most = min((each.known for each in read), default=0)
        for k in (1, *sizes_up_to(most)) if most else ():
            value, ci = self._mean([pass_at_k(each.known, len(each.right), k) for each in read])
            if value is not None:
                found.append(PassAtK(k=k, value=value, ci=ci))
        return tuple(found)

    def _mean(
        self,
        values: Sequence[float | None],
        resamples: Sequence[F64] | None = None,
        outputs: int = 0,
        bounds: Ends = (0.0, 1.0),
    ) -> tuple[float | None, Ends | None]:
        """The mean over the prompts that have a value, and its interval, within `bounds`; None without any."""
        known = [each for each in values if each is not None]
        if not known:
            return None, None
        if len(known) < len(values):
            resamples = None
        again = None if resamples is None else np.array(resamples)[:, :, None]
        over = PromptValues(np.array(known)[:, None], again, outputs)
        ends = over.interval(self._settings.seed)
        if ends is not None:
            # By t an interval may reach where no value can be.
            ends = np.clip(ends[0], *bounds), np.clip(ends[1], *bounds)
        return float(over.mean()[0]), ends and (float(ends[0][0]), float(ends[1][0]))

    def _tell(self, what: str, stage: _Stage, place: int) -> None:
        of = f"prompt {place + 1} of {len(stage.texts.prompts)}"
        name = f"{stage.texts.model}, " if len(self._stages) > 1 else ""
        self.doing = f"{what}: {name}{of}"


def _diversity(outputs: ReadOutputs, seed: int, times: int) -> PromptDiversity:
    """The mean distance over all outputs of a prompt and over the correct ones, with both drawn again."""
    right = list(outputs.right)
    chosen = np.ix_(right, right)
    counts = resample_counts([place in right for place in range(outputs.k)], seed, times)
    every = mean_distances(outputs.kernel, counts)
    correct = np.full(times, np.nan)
    if len(right) > 1:
        correct = mean_distances(outputs.kernel[chosen], counts[:, right])
    return PromptDiversity(
        every=mean_distance(outputs.kernel),
        correct=mean_distance(outputs.kernel[chosen]),
        k=outputs.k,
        k_correct=len(right),
        resamples=np.stack([every, correct], axis=1),
    )


def _bounds(metric: str, k: int) -> Ends:
    """Between what a metric of k outputs lies."""
    return {
        "vendi": (1.0, float(k)),
        "distinct": (1.0, float(k)),
        "distance": (0.0, 2.0),
        "entailment": (0.0, 2.0),
        "compression": (0.0, np.inf),
        "surprise": (0.0, np.inf),
    }.get(metric, (0.0, 1.0))


def _fall(found: Decomposition) -> DiversityFall:
    every, correct = found.all, found.correct
    return DiversityFall(
        all=None if every is None else every.fall,
        all_ci=None if every is None else every.ci,
        correct=None if correct is None else correct.fall,
        correct_ci=None if correct is None else correct.ci,
        residual_share=found.residual_share,
        residual_share_ci=found.residual_ci,
        quality_share=found.quality_share,
        quality_share_ci=found.quality_ci,
        prompts=found.prompts,
        reason=found.reason or None,
    )
