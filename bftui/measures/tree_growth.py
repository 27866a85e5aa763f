"""A tree grown from a place: all its continuations down to a depth, the most probable first, until enough is known.

Nothing is drawn: BF is that of every text at once, where rollouts estimate it from some. What is not read bounds it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bftui.backends.client.client_protocol import PathsPlan
from bftui.core.errors import ContextFull
from bftui.core.horizon import (
    HorizonTree,
    MassTexts,
    MergedText,
    Text,
    check_growth,
    merged_for_mass,
    merged_texts,
)
from bftui.core.job import Job
from bftui.core.sampler import Sampler
from bftui.core.text import counted, of_path
from bftui.measures.site import Site, prompt_site
from bftui.model.loaded_model import Model
from bftui.model.prompt import Prompt
from bftui.results.horizon_result import (
    MOST_TEXTS,
    SHARES,
    HorizonDepth,
    HorizonResult,
    HorizonSettings,
    HorizonText,
    MergedTexts,
    ModelHorizon,
    Stop,
)
from bftui.results.stored_result import StoredResult
from bftui.trace.header import model_fields


@dataclass(frozen=True, slots=True)
class HorizonAsked:
    """How far a tree is grown; see `HorizonSettings`."""

    depth: int = 6
    mass: float = 0.95
    least: float = 0.0
    most: int = 10_000
    merge: bool = False

    def check(self) -> None:
        """Raises UsageError for what no tree is grown to."""
        check_growth(self.depth, self.mass, self.least, self.most)


class Horizon(Job):
    """A tree that grows at one place.

    Attributes:
        node: the node of the session that it grows from.
        tree: what is known of it; it grows with each piece.
    """

    def __init__(
        self,
        site: Site,
        asked: HorizonAsked,
        *,
        prompt: int | None = None,
        tree: HorizonTree | None = None,
    ) -> None:
        """Begins a tree, or goes on with one of the same depth that grew here under the same sampler.

        `prompt`: how many tokens of the site's prefix are the prompt; None: all. Raises UsageError for what no tree is
        grown to, ContextFull where its texts do not fit.
        """
        asked.check()
        info = site.model.info
        room = info.n_ctx - len(site.prefix)
        # Nothing is evaluated after the last token of a text.
        if asked.depth - 1 > room:
            raise ContextFull(
                f"texts of {counted(asked.depth, 'token')} do not fit: the context of {info.n_ctx} has room for "
                f"{room + 1} here",
                hint="take a smaller depth, go back, or open the model with a larger --ctx",
            )
        self.node, self._site, self._asked, self._prompt = site.node, site, asked, prompt
        self.tree = tree or HorizonTree(asked.depth, info.n_vocab, info.eog_ids)
        self._found: tuple[tuple[int, Stop], HorizonResult] | None = None
        super().__init__()

    @property
    def share(self) -> float:
        if self.done:
            return 1.0
        asked = self._asked
        # The last of the mass is in the most nodes.
        held = (self.tree.mass() / asked.mass) ** 4 if len(self.tree) else 0.0
        return min(0.999, max(len(self.tree) / asked.most, held))

    @property
    def doing(self) -> str:
        """What it does now, for people."""
        return f"{counted(len(self.tree), 'node')}, {100 * self.tree.mass():.0f} % of the mass"

    def settings(self) -> HorizonSettings:
        """Says what was asked for."""
        return settings(self._asked, self._site.sampler)

    def stored(self) -> StoredResult | None:
        """Returns what a trace keeps; None before the first node was read."""
        if not len(self.tree):
            return None
        return StoredResult("horizon", self.node, self.settings(), self.result())

    def _work(self) -> Iterator[None]:
        tree, asked, site = self.tree, self._asked, self._site
        try:
            while not self._held and (wanted := tree.next_round(asked.most, asked.least)):
                plan = PathsPlan(site.prefix, wanted, site.sampler, prompt=self._prompt)
                for reading in site.model.client.read_paths(plan):
                    tree.add(reading)
                    yield
                tree.end_round()
        finally:
            if not site.model.info.padded:
                # Elsewhere what was stopped is evaluated again as a whole, so that it comes to the same numbers.
                tree.end_round()

    @property
    def _held(self) -> bool:
        """Whether the texts hold the mass that was asked for."""
        return len(self.tree) > 0 and self.tree.mass() >= self._asked.mass

    @property
    def stop(self) -> Stop:
        """Why the tree grows no further; `stopped` while it does."""
        tree, asked = self.tree, self._asked
        if not len(tree):
            return "stopped"
        if tree.finished:
            return "whole"
        if self._held:
            return "mass"
        if len(tree) >= asked.most:
            return "nodes"
        return "least" if tree.next_prob < asked.least else "stopped"

    def result(self) -> HorizonResult:
        """Says what was found so far."""
        # It looks at every text, and a tree that stands still is kept and shown.
        known = len(self.tree), self.stop
        if self._found is None or self._found[0] != known:
            self._found = known, self._result()
        return self._found[1]

    def _result(self) -> HorizonResult:
        tree = self.tree
        depths = tuple(
            HorizonDepth(
                depth=each.depth,
                bf_low=each.bf_low,
                bf_high=each.bf_high,
                texts=each.texts,
                mass=each.mass,
                entropy_low=each.entropy_low,
                entropy_high=each.entropy_high,
                length=each.length,
            )
            for each in tree.numbers()
        )
        found = tree.texts_for_mass([float(share) for share in SHARES])
        return HorizonResult(
            nodes=len(tree),
            stop=self.stop,
            depths=depths,
            texts_for_mass=_low(found),
            texts_for_mass_high=_high(found),
            at_least=_at_least(found),
            best=tuple(self._text(each) for each in tree.best_texts(MOST_TEXTS)),
            merged=self._merged() if self._asked.merge else None,
        )

    def _merged(self) -> MergedTexts:
        merged = merged_texts(
            self.tree.texts(), self._site.model.token_bytes, self._site.model.info.eog_ids
        )
        left = max(0.0, 1 - self.tree.mass())
        unlisted = max(0.0, self.tree.mass() - math.fsum(each.prob for each in merged))
        found = merged_for_mass(merged, left + unlisted, [float(share) for share in SHARES])
        return MergedTexts(
            texts=len(merged),
            texts_for_mass=_low(found),
            texts_for_mass_high=_high(found),
            at_least=_at_least(found),
            best=tuple(self._text(each) for each in merged[:MOST_TEXTS]),
        )

    def _text(self, found: Text | MergedText) -> HorizonText:
        model = self._site.model
        spelled = (model.token_bytes(i) for i in found.token_ids if model.is_text(i))
        return HorizonText(
            text=b"".join(spelled).decode(errors="replace"),
            token_ids=found.token_ids,
            prob=found.prob,
            ended=found.ended,
            spellings=found.spellings if isinstance(found, MergedText) else 1,
        )


def settings(asked: HorizonAsked, sampler: Sampler) -> HorizonSettings:
    """Says what was asked for under a sampler."""
    return HorizonSettings(
        depth=asked.depth,
        mass=asked.mass,
        least=asked.least,
        most=asked.most,
        merge=asked.merge,
        sampler=sampler,
    )


def _low(found: Sequence[MassTexts]) -> dict[str, int]:
    return {name: each.low for name, each in zip(SHARES, found, strict=True)}


def _high(found: Sequence[MassTexts]) -> dict[str, int | None]:
    return {name: each.high for name, each in zip(SHARES, found, strict=True)}


def _at_least(found: Sequence[MassTexts]) -> tuple[str, ...]:
    return tuple(name for name, each in zip(SHARES, found, strict=True) if not each.exact)


class ModelHorizonRun(Job):
    """A tree after one prompt, on one model.

    Attributes:
        units, units_done: one tree, and whether it is grown.
    """

    units = 1

    def __init__(
        self, model: Model, name: str, prompt: Prompt, sampler: Sampler, asked: HorizonAsked
    ) -> None:
        """Renders the prompt, so that one which cannot be asked is found before the work.

        `name` is the MODEL form that was asked for.
        """
        self.units_done = 0
        self._model, self._name, self._sampler, self._asked = model, name, sampler, asked
        self._rendered = model.render(prompt)
        self._tree: Horizon | None = None
        super().__init__()

    @property
    def share(self) -> float:
        return 0.0 if self._tree is None else self._tree.share

    @property
    def doing(self) -> str:
        """What it does now, for people."""
        return "the prompt" if self._tree is None else self._tree.doing

    @property
    def seconds_a_unit(self) -> float | None:
        """None: the time that a tree takes follows from what is found in it."""
        return None

    def _work(self) -> Iterator[None]:
        with prompt_site(self._model, self._rendered.token_ids, self._sampler) as site:
            yield
            self._tree = Horizon(site, self._asked)
            yield from self._tree.piecemeal()
        self.units_done = 1

    def result(self) -> ModelHorizon | None:
        """Says what is known; None before the first node was read."""
        if self._tree is None or not len(self._tree.tree):
            return None
        return ModelHorizon(
            model=of_path(self._name),
            facts=model_fields(self._model.info, self._model.noise),
            template=self._rendered.template,
            result=self._tree.result(),
        )
