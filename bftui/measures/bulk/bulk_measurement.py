"""Samples of each prompt on a model, for the branching factor in bulk.

`BulkMeasurement` draws, as a job; `bulk_summary` makes numbers of what was drawn. Continuations are those of
`Session.rollouts` at the prompt, draw by draw. One prompt at a time is in the model's memory.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from bftui.core.bf.samples import SURVIVORS, Estimator, Sample
from bftui.core.errors import ContextFull, ModelError, UsageError
from bftui.core.job import Job
from bftui.core.sampler import Sampler, written_sampler
from bftui.core.text import of_path
from bftui.measures.bulk.sample_parts import (
    CLOSING,
    opens_block,
    part,
    random_tokens,
    segments,
    text_of,
    without_thought,
)
from bftui.measures.bulk.sample_store import Store, model_identity
from bftui.measures.rollouts import MOST_SAMPLES, MOST_TOKENS, Rollouts, check_size
from bftui.measures.site import Site, prompt_site
from bftui.model.loaded_model import PRACTICE_NOTE, Model
from bftui.model.prompt import Prompt, Rendered, frame_fields, framed
from bftui.model.templates import asking
from bftui.trace.prompts_file import PromptLine

Samples = tuple[Sample, ...]

WINDOW = 5
"""Tokens of one window."""


@dataclass(frozen=True, slots=True)
class MeasureSettings:
    """How prompts are measured; the defaults are those of `bftui measure`.

    Attributes:
        sampler: how tokens are drawn.
        samples, max_tokens: continuations of each prompt, and tokens of each.
        estimator: as in `core.bf.estimate`.
        compat: aggregate as the authors' code does.
        cap_k: measure on the `cap_k` best tokens only, as the authors' log-probabilities did; 0 switches it off.
        frame: template, prefill, and the system text of prompts that have none.
        sweep: other samplers that every prompt is measured under too.
        think: measure also inside and after thinking blocks, and after an empty one.
        insert: random tokens that are put in half-way, 0 for none.
    """

    sampler: Sampler = field(default_factory=Sampler)
    samples: int = 50
    max_tokens: int = 256
    estimator: Estimator = "auto"
    compat: bool = False
    cap_k: int = 0
    frame: Prompt = field(default_factory=Prompt)
    sweep: tuple[Sampler, ...] = ()
    think: bool = False
    insert: int = 0

    def __post_init__(self) -> None:
        """Raises UsageError for what makes no sense together."""
        check_size("samples", self.samples, MOST_SAMPLES)
        check_size("max-tokens", self.max_tokens, MOST_TOKENS)
        for name, value in (("cap-k", self.cap_k), ("insert-random", self.insert)):
            if type(value) is not int or value < 0:
                raise UsageError(f"{name} {value!r} is not a whole number from 0 on")
        if self.compat and self.samples < SURVIVORS:
            raise UsageError(
                f"{self.samples} samples cannot be aggregated as the authors' code does it",
                hint=f"draw at least {SURVIVORS}, or leave out --compat",
            )
        if self.insert and self.max_tokens < 2 * WINDOW:
            raise UsageError(
                f"{self.max_tokens} tokens are too few to put something into their middle",
                hint=f"take --max-tokens {2 * WINDOW} or more",
            )

    def drawing(self) -> dict[str, Any]:
        """Says what the samples depend on, but for model and prompt; plain data."""
        return {
            "samples": self.samples,
            "max_tokens": self.max_tokens,
            "cap_k": self.cap_k,
            "sampler": written_sampler(self.sampler),
            "sweep": [written_sampler(sampler) for sampler in self.sweep],
            "frame": frame_fields(self.frame),
            "think": self.think,
            "insert": self.insert,
        }


@dataclass(slots=True)
class Drawn:
    """What was drawn on one model; grows while it is measured. Tuples of prompts stand in the order of the file.

    Attributes:
        model: the MODEL form that was asked for.
        facts: `name`, `sha256` and more of the model.
        n_vocab: tokens of its vocabulary.
        template: what its prompts were put into: `raw`, `chat`, `page` or `urial`.
        ids: the prompts.
        plain: samples of each prompt; only the finished ones, which are the first.
        texts, empty_texts: what the samples of `plain` and of `empty` say, without an end of generation.
        sweep: the same under other samplers.
        inside, after: parts of the samples in and after a thinking block.
        empty: samples after an empty thinking block.
        before: of samples that random tokens were put into, the tokens before these.
        continued: of the same samples, the tokens from there on as they went on without.
        inserted: what came after the random tokens.
        notes: what people should know of these samples.
    """

    model: str
    facts: Mapping[str, Any]
    ids: tuple[str, ...]
    n_vocab: int
    template: str = "raw"
    plain: list[Samples] = field(default_factory=list)
    texts: list[tuple[str, ...]] = field(default_factory=list)
    sweep: dict[Sampler, list[Samples]] = field(default_factory=dict)
    inside: list[Samples] = field(default_factory=list)
    after: list[Samples] = field(default_factory=list)
    empty: list[Samples] = field(default_factory=list)
    empty_texts: list[tuple[str, ...]] = field(default_factory=list)
    before: list[Samples] = field(default_factory=list)
    continued: list[Samples] = field(default_factory=list)
    inserted: list[Samples] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


_FACTS = ("name", "backend", "dtype", "kv", "device", "n_ctx", "sha256", "tokenizer_sha256")


class BulkMeasurement(Job):
    """Samples of every prompt on one model.

    Attributes:
        drawn: what was found so far.
        units, units_done: runs of one prompt under one setting, as many as there are in all and as are finished.
        doing: what is measured now, for people.
    """

    def __init__(
        self,
        model: Model,
        name: str,
        prompts: Sequence[PromptLine],
        settings: MeasureSettings,
        store: Store[Samples],
        *,
        beside_chat: bool = False,
    ) -> None:
        """Renders all prompts, so that one which cannot be measured is found before the work; `name` as in `Drawn`.

        `beside_chat`: another model of the same command has a chat template, see `templates.asking`.

        Raises ModelError that names the prompt, TemplateError, UsageError.
        """
        info = model.info
        facts = {each: getattr(info, each) for each in _FACTS}
        facts["name"] = of_path(info.name)
        ids = tuple(line.id for line in prompts)
        self.drawn = Drawn(of_path(name), facts, ids, info.n_vocab)
        self.units_done = 0
        self.doing = ""
        self._model, self._settings, self._store = model, settings, store
        self._lines = tuple(prompts)
        chat = bool(info.chat_template)
        self._asked = [asking(framed(line, settings.frame), chat, beside_chat) for line in prompts]
        self._prompts = [self._rendered(place, prompt) for place, prompt in enumerate(self._asked)]
        self.drawn.template = ", ".join(sorted({each.template for each in self._prompts}))
        self._empty = [self._with_empty_block(place) for place in range(len(prompts))]
        self._identity = model_identity(model.info)
        self._running: Rollouts | None = None
        self._fresh = 0.0
        variants = 1 + len(self._others) + settings.think + bool(settings.insert)
        self.units = variants * len(prompts)
        self._note()
        super().__init__()

    @property
    def share(self) -> float:
        running = 0.0 if self._running is None else self._running.share
        return min(1.0, (self.units_done + running) / self.units)

    @property
    def seconds_a_unit(self) -> float | None:
        """How long one unit takes, from those that were not in the store; None before there is something to say."""
        running = 0.0 if self._running is None else self._running.share
        fresh = self._fresh + running
        return self.seconds / fresh if fresh > 0.02 else None

    @property
    def _others(self) -> list[Sampler]:
        """Samplers of the sweep but for the one that is measured anyway."""
        return [each for each in self._settings.sweep if each != self._settings.sampler]

    # Before the work -------------------------------------------------------------------------------------------

    def _rendered(self, place: int, prompt: Prompt) -> Rendered:
        name = self._lines[place].id
        try:
            rendered = self._model.render(prompt)
        except ModelError as error:
            raise type(error)(
                f"prompt {name!r} cannot be given to {self._model.name}", error.line()
            ) from error
        n_ctx, length = self._model.info.n_ctx, len(rendered.token_ids)
        half = self._settings.max_tokens // 2 + self._settings.insert
        if length + 1 + (half if self._settings.insert else 0) > n_ctx:
            raise ContextFull(
                f"prompt {name!r} leaves no room in the context",
                f"it has {length} tokens, the context {n_ctx}",
                "open the model with a larger --ctx",
            )
        return rendered

    def _with_empty_block(self, place: int) -> Rendered | None:
        """Renders the prompt with a thinking block that is empty; None where that is not asked for."""
        if not self._settings.think:
            return None
        prompt, rendered = self._asked[place], self._prompts[place]
        if rendered.template != "chat" and self._opens(rendered):
            return self._rendered(place, replace(prompt, prefill=prompt.prefill + CLOSING))
        return self._rendered(place, replace(prompt, prefill=without_thought(prompt.prefill)))

    def _opens(self, rendered: Rendered) -> bool:
        return opens_block(b"".join(map(self._model.token_bytes, rendered.token_ids)))

    def _note(self) -> None:
        notes = self.drawn.notes
        if self._model.is_practice:
            notes.append(PRACTICE_NOTE)
        notes += dict.fromkeys(note for each in self._prompts for note in each.notes)
        n_ctx, wanted = self._model.info.n_ctx, self._settings.max_tokens
        held = sum(len(each.token_ids) + wanted > n_ctx for each in self._prompts)
        if held:
            notes.append(
                f"{held} of {len(self._prompts)} prompts have room for fewer than {wanted} tokens in the context of "
                f'{n_ctx}; samples that reach its end finish as "context"'
            )

    # The work --------------------------------------------------------------------------------------------------

    def _work(self) -> Iterator[None]:
        settings, drawn = self._settings, self.drawn
        for place, rendered in enumerate(self._prompts):
            found: list[Sample] = []
            yield from self._unit(place, rendered, settings.sampler, found)
            drawn.plain.append(tuple(found))
            drawn.texts.append(self._texts(found))
            if settings.think:
                parts = segments(found, self._model.token_bytes, opened=self._opens(rendered))
                drawn.inside.append(parts[0])
                drawn.after.append(parts[1])
        if settings.think:
            for place, empty in enumerate(self._empty):
                assert empty is not None
                found = []
                yield from self._unit(place, empty, settings.sampler, found, "an empty block")
                drawn.empty.append(tuple(found))
                drawn.empty_texts.append(self._texts(found))
        if settings.insert:
            for place in range(len(self._prompts)):
                yield from self._insertion(place)
        if settings.sampler in settings.sweep:
            drawn.sweep[settings.sampler] = drawn.plain
        for sampler in self._others:
            drawn.sweep[sampler] = []
            for place, rendered in enumerate(self._prompts):
                found = []
                yield from self._unit(place, rendered, sampler, found, _setting(sampler))
                drawn.sweep[sampler].append(tuple(found))
        self.doing = ""

    def _unit(
        self,
        place: int,
        rendered: Rendered,
        sampler: Sampler,
        found: list[Sample],
        what: str = "",
    ) -> Iterator[None]:
        """Puts samples of one prompt into `found`, from the store or newly drawn."""
        self._tell(place, what)
        key = self._key(rendered, sampler)
        known = self._store.get(key)
        if known is None:
            with prompt_site(self._model, rendered.token_ids, sampler) as site:
                yield
                rollouts = self._rollouts(site)
                self._running = rollouts
                yield from rollouts.piecemeal()
            known = rollouts.samples
            self._store.put(key, known)
            self._fresh += 1
        self._running = None
        self.units_done += 1
        found.extend(known)

    def _insertion(self, place: int) -> Iterator[None]:
        """Draws what follows random tokens in the middle of each sample that goes on after them."""
        settings, rendered = self._settings, self._prompts[place]
        self._tell(place, f"{settings.insert} random tokens put in")
        half = settings.max_tokens // 2
        plain, token_bytes = self.drawn.plain[place], self._model.token_bytes
        whole = [(number, each) for number, each in enumerate(plain) if each.length > half]
        key = self._key(rendered, settings.sampler, settings.insert)
        known = self._store.get(key)
        if known is None:
            made: list[Sample] = []
            with prompt_site(self._model, rendered.token_ids, settings.sampler) as site:
                for number, sample in whole:
                    yield
                    made += yield from self._after_outside(site, sample, number)
            known = tuple(made)
            self._store.put(key, known)
            self._fresh += 1
        self.units_done += 1
        halves = [
            (part(each, 0, half, token_bytes), part(each, half, each.length, token_bytes))
            for _, each in whole
        ]
        self.drawn.before.append(tuple(each for one, _ in halves for each in one))
        self.drawn.continued.append(tuple(each for _, one in halves for each in one))
        self.drawn.inserted.append(known)

    def _after_outside(
        self, site: Site, sample: Sample, number: int
    ) -> Generator[None, None, Samples]:
        """Draws one continuation of the first half of a sample and random tokens after it."""
        settings = self._settings
        half = settings.max_tokens // 2
        before = sample.token_ids[:half]
        prefix = (*site.prefix, *before)
        outside = random_tokens(
            self._plain_ids, settings.insert, prefix, settings.sampler.seed, number
        )
        one = self._rollouts(
            site,
            before + outside,
            samples=1,
            horizon=settings.max_tokens - half,
            first=number,
        )
        yield from one.piecemeal()
        return one.samples

    @cached_property
    def _plain_ids(self) -> list[int]:
        """The vocabulary without control tokens, ends of generation and padding."""
        info = self._model.info
        hidden = info.special_ids | info.eog_ids
        return [i for i in range(info.n_vocab) if i not in hidden and self._model.token_bytes(i)]

    def _rollouts(
        self,
        site: Site,
        suffix: tuple[int, ...] = (),
        *,
        samples: int | None = None,
        horizon: int | None = None,
        first: int = 0,
    ) -> Rollouts:
        return Rollouts(
            site,
            suffix,
            samples=samples or self._settings.samples,
            horizon=horizon or self._settings.max_tokens,
            first=first,
            cap_k=self._settings.cap_k,
        )

    def _key(self, rendered: Rendered, sampler: Sampler, insert: int = 0) -> str:
        """Returns a hash of everything that samples depend on."""
        settings = self._settings
        fields = [
            self._identity,
            rendered.token_ids,
            written_sampler(sampler),
            [settings.samples, settings.max_tokens, settings.cap_k, insert],
        ]
        return hashlib.sha256(json.dumps(fields).encode()).hexdigest()

    def _texts(self, samples: Sequence[Sample]) -> tuple[str, ...]:
        return tuple(text_of(sample, self._model.token_bytes) for sample in samples)

    def _tell(self, place: int, what: str) -> None:
        of = f"prompt {place + 1} of {len(self._prompts)}"
        self.doing = f"{of}, {what}" if what else of


def _setting(sampler: Sampler) -> str:
    return f"temperature {sampler.temperature:g}, top-p {sampler.top_p:g}"
