"""The responses to all words of the palette at one place, as the screen shows them: frozen, replaced as a whole."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bftui.workbench.response_shown import forced_end

if TYPE_CHECKING:
    from bftui.core.sampler import Sampler
    from bftui.core.tree import Tree
    from bftui.measures.response_series import ResponseSeries
    from bftui.results.response_result import ResponseResult, ResponseSettings
    from bftui.results.stored_result import StoredResult
    from bftui.workbench.rollout_series import Place


@dataclass(frozen=True, slots=True)
class PartnerShown:
    """The same text in the partner.

    Attributes:
        model: who that is; "" where it is said elsewhere.
        result: what is known; None before the first token after it.
        positions: that the BF of the word and that of its controls are means over.
        why: why it is not measured; "" where it is.
        complete: whether nothing is left of it.
    """

    model: str = ""
    result: ResponseResult | None = None
    positions: tuple[int, int] = (0, 0)
    why: str = ""
    complete: bool = False


@dataclass(frozen=True, slots=True)
class WordShown:
    """One word.

    Attributes:
        ids: its tokens, the blank before it included.
        result: what is known; None before the first token after it.
        positions: that the BF of the word and that of its controls are means over.
        partner: the same word in the partner; None without one.
    """

    ids: tuple[int, ...]
    result: ResponseResult | None = None
    positions: tuple[int, int] = (0, 0)
    partner: PartnerShown | None = None

    @property
    def looks(self) -> int:
        """Looks that were done."""
        return 0 if self.result is None else len(self.result.looks)

    @property
    def log_ratio(self) -> float:
        """ln BF(word) - mean ln BF(matched controls) so far, nats; infinite before it is known."""
        result = self.result
        if result is None:
            return math.inf
        if result.delta is not None:
            return result.delta
        return math.log(result.by_horizon[-1].ratio) if result.by_horizon else math.inf


@dataclass(frozen=True, slots=True)
class WordsShown:
    """The responses to all words at a node.

    Attributes:
        node, sampler: where, and the number of the sampler.
        looks, horizon: samples of each text at each planned look, and tokens of each sample.
        words: in the order of the palette.
        left_out: words that are not measured here, and why.
        partner, error: who the partner is, "" without one; and why nothing more is known of it.
        share, doing, running: how much is done, what is being done, and whether it is.
        at: which word is being drawn; None where none is.
        left: seconds that it takes yet, at most; None where nobody knows.
        complete, live: whether nothing is left, and whether what is left can go on: not without a model.
    """

    node: int
    sampler: int
    looks: tuple[int, ...]
    horizon: int
    words: tuple[WordShown, ...]
    left_out: tuple[tuple[str, str], ...] = ()
    partner: str = ""
    error: str = ""
    share: float = 0.0
    doing: str = ""
    running: bool = False
    at: int | None = None
    left: float | None = None
    complete: bool = False
    live: bool = True

    @property
    def place(self) -> Place:
        """Under what it is known."""
        return self.node, self.sampler

    @property
    def paused(self) -> bool:
        """Whether something is left that nothing does, and that can go on."""
        return self.live and not (self.running or self.complete)

    @property
    def done(self) -> int:
        """Looks that were done at every word."""
        return min((each.looks for each in self.words), default=0)

    @property
    def judged(self) -> bool:
        """Whether the last look was done at every word: there is no verdict before."""
        return bool(self.words) and self.done >= len(self.looks)

    @property
    def partner_judged(self) -> bool:
        """Whether the last look was done in the partner too, at every word that it can be given."""
        found = [each.partner for each in self.words if each.partner and not each.partner.why]
        return bool(found) and all(
            each.result is not None and len(each.result.looks) >= len(self.looks) for each in found
        )

    def ranked(self) -> tuple[WordShown, ...]:
        """The words, first the one that narrows most."""
        return tuple(sorted(self.words, key=lambda each: each.log_ratio))

    def measured(self, series: ResponseSeries, partners: Sequence[int | None]) -> WordsShown:
        """Shows what a series found by now; `partners` says which of its partner's responses each word has."""
        theirs = series.results(partner=True)
        words = []
        for word, job, found, place in zip(
            self.words, series.responses, series.results(), partners, strict=True
        ):
            partner = word.partner
            if place is not None:
                partner = PartnerShown(
                    result=theirs[place], positions=series.partner[place].positions
                )
            words.append(replace(word, result=found, positions=job.positions, partner=partner))
        return replace(
            self,
            words=tuple(words),
            error=self.error if series.error is None else series.error.line(),
            share=series.share,
            doing=series.doing,
            at=series.at % len(words),
            left=series.left,
            complete=series.done,
        )


def past_beside(
    stored: StoredResult, tree: Tree, samplers: Sequence[Sampler]
) -> tuple[Place, PartnerShown]:
    """Shows the partner's response to a single text of another run of the program, and its place.

    Raises LookupError and ValueError where the session lacks it.
    """
    asked = stored.settings
    end = forced_end(tree, stored.node, asked.base_token_ids)
    if end is None:
        raise LookupError("the text is not forced there")
    result = replace(stored.result.response, drawn=())
    place = end, samplers.index(asked.asked.sampler)
    return place, PartnerShown(model=asked.model, result=result)


def past_words(
    stored: Iterable[StoredResult], samplers: Sequence[Sampler], *, live: bool
) -> dict[Place, WordsShown]:
    """Shows the series of another run of the program, by place; of several at a place the one measured last.

    Raises ValueError for a sampler that the session does not have.
    """
    found: dict[tuple[int, ResponseSettings], dict[tuple[int, ...], WordShown]] = {}
    names: dict[tuple[int, ResponseSettings], str] = {}
    for each in stored:
        beside = each.kind == "partner_response"
        asked: ResponseSettings = each.settings.asked if beside else each.settings
        ids = each.settings.base_token_ids if beside else asked.token_ids
        of = each.node, replace(asked, token_ids=())
        words = found.setdefault(of, {})
        word = words.get(ids) or WordShown(ids)
        result: ResponseResult = each.result.response if beside else each.result
        result = replace(result, drawn=())
        if beside:
            if names.get(of) != each.settings.model:
                # Of several partners the one measured last.
                words.update({key: replace(word, partner=None) for key, word in words.items()})
                word = replace(word, partner=None)
            names[of] = each.settings.model
            words[ids] = replace(word, partner=PartnerShown(result=result))
        else:
            words[ids] = replace(word, result=result)
    shown: dict[Place, WordsShown] = {}
    for (node, asked), words in found.items():
        of = node, asked
        known = WordsShown(
            node,
            samplers.index(asked.sampler),
            asked.looks,
            asked.horizon,
            tuple(each for each in words.values() if each.result is not None),
            partner=names.get(of, ""),
            live=live,
        )
        if not known.words:
            continue
        share = sum(each.looks for each in known.words) / (len(known.words) * len(known.looks))
        complete = known.judged and (not known.partner or known.partner_judged)
        shown[known.place] = replace(known, share=share, complete=complete)
    return shown


def in_words(
    found: Mapping[Place, WordsShown], place: Place, ids: tuple[int, ...]
) -> WordShown | None:
    """The word of these tokens at a place; None where it was not measured there."""
    at = found.get(place)
    words = () if at is None else at.words
    return next((each for each in words if each.ids == ids), None)
