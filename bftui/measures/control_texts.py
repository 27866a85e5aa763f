"""Which texts a forced text is held against: matched controls, and those of other kinds (contract 4)."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np

from bftui.backends.client.client_protocol import RolloutPlan
from bftui.core.distribution import Distribution
from bftui.core.draws import Purpose, prefix_key, uniform
from bftui.core.sampler import Sampler
from bftui.measures.site import Site

DRAWN = 256
"""Continuations that matched controls within the truncation are chosen from."""

RANDOM = 8
"""Controls whose first token is drawn uniformly from the kept set."""

_WIDTHS = (0.5, 1.0, 1.5, 2.0)
"""Nats around ln P of a first token past the truncation in which other first tokens are like it."""
_ENOUGH = 4
"""As many first tokens are wanted there for each control."""


@dataclass(frozen=True, slots=True)
class ControlText:
    """One text to compare with, and ln P of it, nats."""

    token_ids: tuple[int, ...]
    logprob: float


Found = Generator[None, None, list[ControlText]]


def matched(site: Site, token_ids: Sequence[int], first: float, *, kept: bool, count: int) -> Found:
    """Chooses texts like the forced one, nearest first; pauses between pieces of work.

    Where the truncation keeps the forced text's first token: of `DRAWN` continuations of its length those whose first
    token is nearest to it in ln P. Else the first tokens are drawn, without replacement, from those of P near it that
    have its shape. The rest is drawn from P~. Equal texts, the forced text and those that end early are left out.

    Args:
        site: the node that the texts follow.
        token_ids: the forced text.
        first, kept: of its first token: ln P in nats, and whether the truncation keeps it.
        count: how many are wanted; there may be fewer.
    """
    if kept:
        found = yield from _within(site, token_ids, first, count)
    else:
        firsts = _past(site, token_ids, first, count)
        found = yield from _completed(site, firsts, token_ids, count)
    return found


def random(site: Site, token_ids: Sequence[int]) -> Found:
    """Chooses texts of the forced one's length whose first token is uniform over the kept set."""
    here, key = _read(site), prefix_key(site.prefix)
    kept = here.ranking()[: here.kept].tolist()
    if not site.sampler.plain:
        kept = _kept(site, site.sampler)
    us = (
        uniform(site.sampler.seed, Purpose.CONTROL, 0, number, key)
        for number in range(DRAWN, DRAWN + RANDOM)
    )
    firsts = dict.fromkeys(kept[int(u * len(kept))] for u in us)
    found = yield from _completed(site, _texts(here, list(firsts)), token_ids, RANDOM)
    return found


def most_probable(site: Site, token_ids: Sequence[int]) -> Found:
    """Chooses the most probable tokens, one after the other, as many as the forced text has."""
    greedy = replace(site, sampler=replace(site.sampler, top_k=1))
    drawn = yield from _continued(greedy, [()], [0], len(token_ids))
    return [each for each in drawn if each.token_ids != tuple(token_ids)]


def lets_follow(site: Site, token_ids: Sequence[int]) -> bool:
    """Whether the constraint of a place, if it has one, lets a text follow there."""
    if not site.sampler.constraint:
        return True
    alone = _constraint_alone(site.sampler)
    scores = site.model.client.score(site.tree, site.node, token_ids, alone)
    return all(each.logprob_truncated is not None for each in scores)


def _constraint_alone(sampler: Sampler) -> Sampler:
    return Sampler(top_p=1.0, constraint=sampler.constraint)


def _kept(site: Site, sampler: Sampler) -> list[int]:
    """The tokens that P~ of a sampler keeps at a place, those likeliest under P first."""
    n_vocab = site.model.info.n_vocab
    page = site.model.client.page(site.tree, site.node, sampler, 0, n_vocab, "")
    return [row.token_id for row in page.rows if row.kept]


def _within(site: Site, token_ids: Sequence[int], first: float, count: int) -> Found:
    length = len(token_ids)
    drawn = yield from _continued(site, [()], range(DRAWN), 1, ended=True)
    begun = [n for n in range(DRAWN) if drawn[n] is not _ENDED]
    near = sorted(begun, key=lambda n: abs(drawn[n].logprob - first))
    found: dict[tuple[int, ...], ControlText] = {}
    at_once = site.model.info.batch_rows
    for start in range(0, len(near), at_once):
        numbers = near[start : start + at_once]
        of = {number: drawn[number] for number in numbers}
        if length > 1:
            # The same continuations, with all their tokens: only the nearest are drawn to their end.
            texts = yield from _continued(site, [()], sorted(numbers), length, ended=True)
            of = dict(zip(sorted(numbers), texts, strict=True))
        for each in map(of.__getitem__, numbers):
            if each is not _ENDED and each.token_ids != tuple(token_ids):
                found.setdefault(each.token_ids, each)
        if len(found) >= count:
            break
    return list(found.values())[:count]


def _past(site: Site, token_ids: Sequence[int], first: float, count: int) -> Iterator[ControlText]:
    """First tokens like one past the truncation, in the order in which they are drawn."""
    if not math.isfinite(first):
        return iter(())
    here, shape = _read(site), _shape(site, token_ids[0])
    away = np.abs(here.logprobs(range(here.n_vocab)) - first)
    alike = [
        token_id
        for token_id in np.flatnonzero(away <= _WIDTHS[-1]).tolist()
        if (token_id != token_ids[0] or len(token_ids) > 1)
        and site.model.is_text(token_id)
        and _shape(site, token_id) == shape
    ]
    near: list[int] = []
    for width in _WIDTHS:
        near = [token_id for token_id in alike if away[token_id] <= width]
        if len(near) >= _ENOUGH * count:
            break
    if site.sampler.constraint:
        inside = frozenset(_kept(site, _constraint_alone(site.sampler)))
        near = [token_id for token_id in near if token_id in inside]
    key, drawn = prefix_key(site.prefix), list[int]()
    while near:
        u = uniform(site.sampler.seed, Purpose.CONTROL, 0, len(drawn), key)
        drawn.append(near.pop(int(u * len(near))))
    return _texts(here, drawn)


def _read(site: Site) -> Distribution:
    """The distribution that first tokens come from: read from the prefix alone, however a person came there."""
    # Of the tokens to read the last is never evaluated.
    with closing(
        site.model.client.path_logits(site.prefix, site.prefix[-1:], site.sampler)
    ) as rows:
        return Distribution(next(rows), site.sampler)


def _texts(here: Distribution, token_ids: Sequence[int]) -> Iterator[ControlText]:
    """Texts of one token each."""
    logprobs = here.logprobs(token_ids).tolist()
    return (ControlText((i,), p) for i, p in zip(token_ids, logprobs, strict=True))


def _shape(site: Site, token_id: int) -> tuple[bool, bool]:
    """Whether a token begins with a blank, and whether a letter comes first then."""
    text = site.model.token_bytes(token_id).decode(errors="replace")
    return text.startswith(" "), text.removeprefix(" ")[:1].isalpha()


def _completed(
    site: Site, firsts: Iterator[ControlText], token_ids: Sequence[int], count: int
) -> Found:
    """Texts with these first tokens, whose rest is drawn from P~, in batches until there are `count`."""
    rest, found = len(token_ids) - 1, dict[tuple[int, ...], ControlText]()
    going = (each for each in firsts if each.token_ids[0] not in site.model.info.eog_ids)
    while len(found) < count:
        texts = list(islice(going, count - len(found)))
        if not texts:
            break
        if rest:
            ends = yield from _continued(site, [t.token_ids for t in texts], [0], rest, ended=True)
            texts = [
                ControlText(one.token_ids + end.token_ids, one.logprob + end.logprob)
                for one, end in zip(texts, ends, strict=True)
                if end is not _ENDED
            ]
        for each in texts:
            if each.token_ids != tuple(token_ids):
                found.setdefault(each.token_ids, each)
    return list(found.values())


_ENDED = ControlText((), 0.0)
"""Stands for a text that ends before its last token, or with it."""


def _continued(
    site: Site,
    suffixes: Sequence[tuple[int, ...]],
    numbers: Sequence[int],
    length: int,
    *,
    ended: bool = False,
) -> Found:
    """Texts of `length` tokens from P~ after each suffix, in the order of the suffixes, then of the numbers.

    With `ended` those that end before stand among them as `_ENDED`, else they are left out.
    """
    plan = RolloutPlan(
        site.tree,
        site.node,
        suffixes,
        site.sampler,
        numbers,
        length,
        Purpose.CONTROL,
        rounds=(max(numbers) + 1,),
    )
    ids: dict[tuple[int, int], list[int]] = {}
    logprobs: dict[tuple[int, int], list[float]] = {}
    over = set[tuple[int, int]]()
    with closing(site.model.client.rollouts(plan)) as stream:
        for drawn in stream:
            for place, of in enumerate(zip(drawn.texts, drawn.numbers, strict=True)):
                ids.setdefault(of, []).append(drawn.token_ids[place])
                logprobs.setdefault(of, []).append(drawn.logprob[place])
                if drawn.eog[place]:
                    over.add(of)
            yield
    order = [(text, number) for text in range(len(suffixes)) for number in numbers]
    found = [
        ControlText(tuple(ids[of]), math.fsum(logprobs[of]))
        if of not in over and len(ids.get(of, ())) == length
        else _ENDED
        for of in order
    ]
    return found if ended else [each for each in found if each is not _ENDED]
