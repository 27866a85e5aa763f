"""What each stage of a model wrote, sampled just now or read from a file, in one form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bftui.core.bf.samples import Sample
from bftui.measures.bulk.bulk_measurement import Drawn
from bftui.measures.bulk.sample_parts import CLOSE, OPEN
from bftui.trace.generations_file import GeneratedTexts, Generations
from bftui.trace.prompts_file import PromptLine


@dataclass(frozen=True, slots=True)
class StageTexts:
    """The outputs of one model, or of one model after an empty thinking block.

    Attributes:
        model: the MODEL form, or the name in a file of generations.
        prompts: those that are finished.
        no_thinking: whether the answers began with an empty thinking block.
        unfinished: outputs of each prompt that were left out, since they ended inside of a thinking block.
        facts, template: of a model that was sampled; None for generations.
        notes: what people should know.
    """

    model: str
    prompts: tuple[GeneratedTexts, ...]
    no_thinking: bool = False
    unfinished: Mapping[str, int] | None = None
    facts: Mapping[str, Any] | None = None
    template: str | None = None
    notes: tuple[str, ...] = ()

    def left_out(self, prompt: str) -> int:
        """How many outputs of a prompt were left out."""
        return (self.unfinished or {}).get(prompt, 0)


def of_drawn(drawn: Drawn, lines: Sequence[PromptLine]) -> list[StageTexts]:
    """Takes what was drawn on a model, and beside it what was drawn after an empty thinking block, if anything was."""
    asked = {line.id: line for line in lines}

    def stage(samples: Sequence[Sequence[Sample]], texts: Sequence[tuple[str, ...]]) -> StageTexts:
        prompts = tuple(
            GeneratedTexts(
                name,
                written,
                cut=tuple(each.finish != "eog" for each in found),
                prompt=asked[name].prompt,
                answer=asked[name].answer,
            )
            for name, found, written in zip(drawn.ids, samples, texts, strict=False)
        )
        return StageTexts(
            drawn.model,
            prompts,
            facts=drawn.facts,
            template=drawn.template,
            notes=tuple(drawn.notes),
        )

    found = [stage(drawn.plain, drawn.texts)]
    if drawn.empty:
        found.append(replace(stage(drawn.empty, drawn.empty_texts), no_thinking=True))
    return [each for each in found if each.prompts]


def of_generations(found: Generations, name: str, lines: Sequence[PromptLine] | None) -> StageTexts:
    """Takes generations that exist, under a name; `lines` say prompts and answers in the place of the file's own."""
    asked = {line.id: line for line in lines or ()}
    prompts = found.prompts
    if lines is not None:
        prompts = tuple(
            replace(each, prompt=asked[each.id].prompt, answer=asked[each.id].answer or each.answer)
            for each in prompts
            if each.id in asked
        )
    return StageTexts(name, prompts)


def without_thinking(stage: StageTexts) -> StageTexts:
    """Takes thinking blocks out of the outputs: what stands after the last one is the answer.

    An output that ends inside of a block has no answer and is left out. Where a chat template opens the block itself,
    its outputs close one that they did not open; an output of such a model that closes none ended inside too.
    """
    opening, closing = OPEN.decode(), CLOSE.decode()
    every = [text for each in stage.prompts for text in each.texts]
    opened = any(closing in text and opening not in text.partition(closing)[0] for text in every)

    def answer(text: str) -> str | None:
        _, closed, after = text.rpartition(closing)
        if not closed:
            return None if opened or opening in text else text
        return None if opening in after else after.lstrip()

    prompts, unfinished = [], {}
    for each in stage.prompts:
        answers = [answer(text) for text in each.texts]
        kept = [place for place, found in enumerate(answers) if found is not None]
        prompts.append(
            replace(
                each,
                texts=tuple(found for found in answers if found is not None),
                cut=None if each.cut is None else tuple(each.cut[place] for place in kept),
            )
        )
        unfinished[each.id] = len(each.texts) - len(kept)
    return replace(stage, prompts=tuple(prompts), unfinished=unfinished)


def until(stage: StageTexts, ends: Sequence[str]) -> StageTexts:
    """Ends each output before the first of these texts that it holds; one that holds any was not cut at a limit.

    A base model that answers on a page goes on with the next question, which is not part of its answer.
    """

    def ended(prompt: GeneratedTexts) -> GeneratedTexts:
        places = [
            min((at for end in ends if (at := text.find(end)) >= 0), default=-1)
            for text in prompt.texts
        ]
        cut = prompt.cut
        return replace(
            prompt,
            texts=tuple(
                text if at < 0 else text[:at] for text, at in zip(prompt.texts, places, strict=True)
            ),
            cut=None
            if cut is None
            else tuple(c and at < 0 for c, at in zip(cut, places, strict=True)),
        )

    return replace(stage, prompts=tuple(map(ended, stage.prompts)))
