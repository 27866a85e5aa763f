"""The style lexicon: words that alignment prefers, published ones and those that a model's own answers begin with.

Imports nothing heavy: the workbench shows its palette in the first frame.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bftui.core.errors import UsageError
from bftui.core.job import Job

if TYPE_CHECKING:
    from bftui.core.sampler import Sampler
    from bftui.model.loaded_model import Model
    from bftui.model.prompt import Prompt

WORDS = (
    "Sure",
    "Thank you",
    "Of course",
    "Here",
    "Great question",
    "I'm sorry",
    "However",
    "Hello",
    "Let",
)
"""The style palette, where nobody asks for another."""

MOST_WORDS = 9
"""Words of a palette: there are not more keys."""

_SHIFTED = """\
Thank Hello Sure Of Great Please glad Let Here here There However Additionally Instead While When If In As To So It One
Some By Over You Use Add Inst- Is Rem- must point cannot never always sorry apolog- harm avoid promote respect
responsible ethical appropriate assist assistant clarify suggest advice strongly typically provide encou- individuals
strateg- related several try follow develop including 1
"""

SHIFTED = tuple(_SHIFTED.split())
"""The tokens that alignment shifts most, after the end of a text, which heads the list and is not text.

Lin et al. (ICLR 2024, arXiv 2312.01552), the lists of their three pairs of models in one; an entry that ends in `-`
is the beginning of a word.
"""

MOST_PREFIX = 20
"""Tokens of the longest prefix that may be asked for; the authors' code goes to 20."""

_FIRST_WORD = re.compile(r"\s*(\w+)")


@dataclass(frozen=True, slots=True)
class Prefix:
    """A beginning that several answers have in common.

    Attributes:
        token_ids: its tokens.
        text: their bytes; may end inside a character.
        count: how many answers begin with it.
        share: of all answers, in [0, 1].
    """

    token_ids: tuple[int, ...]
    text: bytes
    count: int
    share: float


def harvest(
    answers: Iterable[Sequence[int]],
    token_bytes: Callable[[int], bytes],
    *,
    length: int = 5,
    count: int = 2,
) -> tuple[Prefix, ...]:
    """Finds the beginnings of at most `length` tokens that at least `count` answers have.

    Longest first, then by count, then by ids: the order in which the code of the branching-factor paper takes them
    (Yang, Li and Holtzman, arXiv 2506.17871; length 5 and, of some thousand answers, count 50 there).

    Args:
        answers: token ids of each answer, without an end of text.
        token_bytes: the bytes of a token.

    Raises UsageError for a length outside [1, `MOST_PREFIX`] and a count below 1.
    """
    check_length(length)
    if count < 1:
        raise UsageError(f"{count} answers begin with nothing", hint="take a count of at least 1")
    total = 0
    found: Counter[tuple[int, ...]] = Counter()
    for answer in answers:
        total += 1
        start = tuple(answer[:length])
        found.update(start[:end] for end in range(1, len(start) + 1))
    prefixes = [
        Prefix(ids, b"".join(map(token_bytes, ids)), times, times / total)
        for ids, times in found.items()
        if times >= count
    ]
    return tuple(sorted(prefixes, key=lambda p: (-len(p.token_ids), -p.count, p.token_ids)))


def offered(prefixes: Sequence[Prefix], most: int = MOST_WORDS) -> tuple[str, ...]:
    """Turns harvested prefixes into words of a palette, the most frequent first, of equals the longer.

    Left out is what has no visible character, what ends inside a character, and what always goes on in the same way:
    the longer prefix with the same count says more.
    """
    counts = {prefix.token_ids: prefix.count for prefix in prefixes}
    longer = {ids[:-1] for ids, count in counts.items() if counts.get(ids[:-1]) == count}
    closed = [prefix for prefix in prefixes if prefix.token_ids not in longer]
    words: dict[str, None] = {}
    for prefix in sorted(closed, key=lambda p: (-p.count, -len(p.token_ids), p.token_ids)):
        try:
            word = prefix.text.decode().strip()
        except UnicodeDecodeError:
            continue
        if word:
            words[word] = None
    return tuple(words)[:most]


def is_published(text: bytes) -> bool:
    """Says whether the first word of a text is among `SHIFTED`."""
    found = _FIRST_WORD.match(text.decode(errors="replace"))
    if found is None:
        return False
    word = found[1]
    return any(
        word.startswith(entry[:-1]) if entry.endswith("-") else word == entry for entry in SHIFTED
    )


def check_length(length: int) -> None:
    """Raises UsageError for a number of tokens that no prefix has."""
    if not 1 <= length <= MOST_PREFIX:
        raise UsageError(f"prefixes have 1 to {MOST_PREFIX} tokens, not {length}")


class Harvest(Job):
    """The beginnings of a model's own answers to some prompts.

    Attributes:
        answers: the first tokens of each answer, up to `length` of them and without an end of text; grows.
    """

    def __init__(
        self,
        model: Model,
        prompts: Sequence[Prompt],
        *,
        samples: int = 0,
        length: int = 5,
        sampler: Sampler | None = None,
    ) -> None:
        """Renders the prompts; raises like `Model.render`, and UsageError for sizes that make no sense.

        Args:
            samples: sampled answers of each prompt; 0 takes the greedy one.
            length: tokens of each answer.
            sampler: how answers are sampled; None takes the defaults of a session.
        """
        from bftui.core.sampler import Sampler
        from bftui.measures.rollouts import MOST_SAMPLES

        check_length(length)
        if not 0 <= samples <= MOST_SAMPLES:
            raise UsageError(f"samples {samples} is not a whole number in [0, {MOST_SAMPLES}]")
        self.answers: list[tuple[int, ...]] = []
        self._model, self._samples, self._length = model, samples, length
        self._sampler = Sampler() if sampler is None else sampler
        self._prompts = [model.render(prompt) for prompt in prompts]
        self._ready = 0
        super().__init__()

    @property
    def share(self) -> float:
        return self._ready / len(self._prompts) if self._prompts else 1.0

    @property
    def doing(self) -> str:
        """What is being done, for people."""
        return f"prompt {min(self._ready + 1, len(self._prompts))} of {len(self._prompts)}"

    def prefixes(self, count: int = 2) -> tuple[Prefix, ...]:
        """Finds what at least `count` of the answers so far begin with; see `harvest`."""
        return harvest(self.answers, self._model.token_bytes, length=self._length, count=count)

    def _work(self) -> Iterator[None]:
        for rendered in self._prompts:
            if self._samples:
                yield from self._sampled(rendered.token_ids)
            else:
                best = self._model.client.greedy(rendered.token_ids, self._length)
                self._keep([each.token_id for each in best])
            self._ready += 1
            yield

    def _sampled(self, prefix: Sequence[int]) -> Iterator[None]:
        from bftui.measures.rollouts import Rollouts
        from bftui.measures.site import prompt_site

        with prompt_site(self._model, prefix, self._sampler) as site:
            rollouts = Rollouts(site, samples=self._samples, horizon=self._length)
            yield from rollouts.piecemeal()
            for sample in rollouts.samples:
                self._keep(sample.token_ids)

    def _keep(self, ids: Sequence[int]) -> None:
        info = self._model.info
        control = info.special_ids | info.eog_ids
        end = next((place for place, i in enumerate(ids) if i in control), len(ids))
        self.answers.append(tuple(ids[:end]))
