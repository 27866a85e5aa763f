"""How much an answer still surprises a base model that has just read the others: diversity without an embedding.

As in Khoriaty, Williams-King and Feng (arXiv 2606.01811, "progressive conditional surprise"), a model reads a prompt
and one answer after another in one text,

    PROMPT⏎⏎Response A: first answer⏎⏎Response B: second answer …

and a_k is what the k-th answer costs, over its bytes. Answers of one kind become cheap once one was read; answers that
differ stay as dear as they were. Their score is C a_n, where the coherence C = exp(-mean cost of an answer that comes
first) takes off what noise would gain.

Here, and not in the paper: nats, not bits. As many orders are read as there are answers, the turns of one shuffled
circle, so that each answer comes at each place once, and last once: its own surprise given all the others. The tokens
of the frame and of an answer are made apart, so that the end of one answer never joins the frame of the next; white
space at an answer's ends is left out, and the blank before it is counted with it and is not one of its bytes.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass

from bftui.core.draws import Purpose, uniform
from bftui.core.errors import Unwritable
from bftui.core.sampler import Sampler
from bftui.measures.site import Site, prompt_site
from bftui.model.loaded_model import Model
from bftui.model.prompt import Prompt

LETTERS = 26


@dataclass(frozen=True, slots=True)
class AnswerSurprise:
    """What the answers of one prompt cost a model, in nats a byte.

    Attributes:
        given: of each answer after the others; None for one that is empty, that the model cannot write or gives the
            probability 0, and for all where two or more are not left.
        alone: the same after the prompt alone.
        curve: a_k, the mean over the answers after k - 1 others, k = 1, 2, …; empty where nothing is known.
        others: how many other answers come before; fewer than all others where the context does not hold them.
    """

    given: tuple[float | None, ...]
    alone: tuple[float | None, ...]
    curve: tuple[float | None, ...]
    others: int

    @property
    def surprise(self) -> float | None:
        """a_n: the mean of `given`; None where nothing is known."""
        return _mean(self.given)

    @property
    def coherence(self) -> float | None:
        """C: exp of minus the mean of `alone`, the geometric mean of the probability of a byte."""
        mean = _mean(self.alone)
        return None if mean is None else math.exp(-mean)

    @property
    def score(self) -> float | None:
        """C a_n, the paper's diversity in nats a byte: high where answers are likely, and unlike each other."""
        if self.surprise is None or self.coherence is None:
            return None
        return self.coherence * self.surprise


@dataclass(frozen=True, slots=True)
class _Answer:
    """One answer as the model reads it."""

    place: int
    token_ids: tuple[int, ...]
    n_bytes: int


def answer_surprise(
    model: Model, prompt: str, answers: Sequence[str], seed: int = 0
) -> Generator[None, None, AnswerSurprise]:
    """Reads the answers of one prompt with a model, yielding after each order; returns what they cost.

    The prompt is taken as it is, without a chat template: a base model should be asked.

    Args:
        model: a base model; the same one for everything that is compared.
        prompt: what was answered; may be empty.
        answers: the answers, as texts.
        seed: for the shuffle.

    Raises ModelError, Cancelled; LostText for a prompt that the model cannot write.
    """
    nothing = AnswerSurprise((None,) * len(answers), (None,) * len(answers), (), 0)
    read = _circle(_written(model, answers), seed)
    start = model.render(Prompt(prompt + _label(0), template="raw")).token_ids
    frames = [tuple(model.tokenize(_label(k))) for k in range(1, len(read))]
    size = _fitting(read, frames, model.info.n_ctx - len(start))
    if size < 2:
        return nothing
    costs: list[list[float | None]] = []
    with prompt_site(model, start, Sampler()) as site:
        for turn in range(len(read)):
            order = [read[(turn + k) % len(read)] for k in range(size)]
            costs.append(_costs(site, order, frames))
            yield
    alone, given = list(nothing.alone), list(nothing.given)
    for turn, row in enumerate(costs):
        alone[read[turn].place] = row[0]
        given[read[(turn + size - 1) % len(read)].place] = row[-1]
    curve = tuple(_mean(column) for column in zip(*costs, strict=True))
    return AnswerSurprise(tuple(given), tuple(alone), curve, size - 1)


def _label(number: int) -> str:
    """What comes before an answer: A to Z, then AA, AB, …"""
    letters, number = "", number + 1
    while number:
        number, letter = divmod(number - 1, LETTERS)
        letters = chr(ord("A") + letter) + letters
    return f"\n\nResponse {letters}:"


def _written(model: Model, answers: Sequence[str]) -> list[_Answer]:
    """The answers that the model can read and that have bytes to count by."""
    found = []
    for place, answer in enumerate(answers):
        text = answer.strip()
        if not text:
            continue
        try:
            ids = model.tokenize(f" {text}")
        except Unwritable:
            continue
        found.append(_Answer(place, tuple(ids), len(text.encode())))
    return found


def _circle(answers: list[_Answer], seed: int) -> list[_Answer]:
    """The answers in the order of a shuffle (Fisher and Yates), a function of how many there are and the seed."""
    found = list(answers)
    for t in range(len(found) - 1):
        u = uniform(seed, Purpose.BOOTSTRAP, t, 0, len(found))
        other = t + int(u * (len(found) - t))
        found[t], found[other] = found[other], found[t]
    return found


def _fitting(answers: Sequence[_Answer], frames: Sequence[Sequence[int]], room: int) -> int:
    """How many answers can be read one after another, wherever on the circle the first one is."""
    for size in range(len(answers), 1, -1):
        between = sum(map(len, frames[: size - 1]))
        longest = max(
            sum(len(answers[(turn + k) % len(answers)].token_ids) for k in range(size))
            for turn in range(len(answers))
        )
        if longest + between <= room:
            return size
    return 0


def _costs(
    site: Site, order: Sequence[_Answer], frames: Sequence[Sequence[int]]
) -> list[float | None]:
    """What each answer of an order costs, nats a byte; None where it has the probability 0."""
    ids, ends = list[int](), list[int]()
    for frame, answer in zip([(), *frames], order, strict=False):
        ids += [*frame, *answer.token_ids]
        ends.append(len(ids))
    scores = site.model.client.score(site.tree, site.node, ids, site.sampler)
    found = list[float | None]()
    for end, answer in zip(ends, order, strict=True):
        nats = -math.fsum(each.logprob for each in scores[end - len(answer.token_ids) : end])
        found.append(nats / answer.n_bytes if math.isfinite(nats) else None)
    return found


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if known else None
