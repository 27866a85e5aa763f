"""A valid set that is loaded, as the screen shows it: where answers begin, its places, and what was found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bftui.core.sampler import Sampler
from bftui.results.calibration_result import CalibrationPlace
from bftui.results.stored_result import StoredResult

if TYPE_CHECKING:
    from bftui.core.tree import Tree
    from bftui.core.valid.token_trie import TokenTrie, TrieNode
    from bftui.results.calibration_result import CalibrationResult, CalibrationSettings

VALID_SET = "valid set"
"""What reading one is called while it goes on."""

PRESETS: Mapping[str, tuple[str, str]] = {
    "1": ("digits:1", "a digit"),
    "2": ("digits:2", "two digits"),
    "3": ("us-states", "a US state"),
    "4": ("fruit", "a fruit"),
    "5": ("coin", "a coin"),
}
"""Sets that one key loads: what they are called, and what people call an answer."""

_END = " --end "


@dataclass(frozen=True, slots=True)
class AskedSet:
    """What somebody typed.

    Attributes:
        name: a named set, `regex:PATTERN` or a file.
        end: the texts that end an answer; empty for what is usual here.
    """

    name: str
    end: tuple[str, ...] = ()

    @classmethod
    def of(cls, typed: str) -> AskedSet:
        """Reads `SET --end TEXT`; the key of a preset stands for its set, and \\n in an end for a line end."""
        name, *ends = typed.strip().split(_END)
        name = PRESETS[name][0] if name in PRESETS else name
        return cls(name.strip(), tuple(end.replace("\\n", "\n") for end in ends))

    @property
    def typed(self) -> str:
        """How it is written."""
        return self.name + "".join(_END + end.replace("\n", "\\n") for end in self.end)


@dataclass(frozen=True, slots=True)
class ValidPlace:
    """Where a node stands in a valid set.

    Attributes:
        ids: the tokens from where answers begin.
        number: the node of the trie; None where no valid answer begins so, or one ended.
        complete: whether these tokens are a valid answer with its terminator.
    """

    ids: tuple[int, ...]
    number: int | None
    complete: bool = False


@dataclass(frozen=True, slots=True)
class ValidShown:
    """The valid set of a session.

    Attributes:
        loaded: tells one loading from the next; -1 for a set that a trace holds.
        node: where answers begin.
        sampler: the number of the sampler that P~ is of.
        settings, result: what was asked for, and what is found so far; None before a sample is drawn.
        trie: all valid answers; None where they are too many.
        running, stopped: whether more comes, or would have.
        share, left: how much is done, and the seconds that it takes yet; None where nobody knows.
    """

    loaded: int
    node: int
    sampler: int
    settings: CalibrationSettings
    result: CalibrationResult | None
    trie: TokenTrie | None
    running: bool = False
    stopped: bool = False
    share: float = 1.0
    left: float | None = None
    _numbers: Mapping[tuple[int, ...], int] = field(default_factory=dict, repr=False)

    @classmethod
    def past(cls, stored: StoredResult, samplers: Sequence[Sampler]) -> ValidShown:
        """Shows what a trace holds. Raises ValueError for a sampler that its session did not have."""
        result = stored.result
        trie = _listed(result)
        return cls(
            -1,
            stored.node,
            samplers.index(stored.settings.sampler),
            stored.settings,
            result,
            trie,
            _numbers=numbered(trie),
        )

    @property
    def asked(self) -> AskedSet:
        """What to type for it."""
        return AskedSet(self.settings.valid, self.settings.end)

    @property
    def answers(self) -> int | None:
        """|V*|, where it is known."""
        if self.trie is not None:
            return self.trie.answers
        return None if self.result is None else self.result.answers_in_set

    def place(self, tree: Tree, node: int) -> ValidPlace | None:
        """Finds a node of the session in the set; None where it does not come after where answers begin."""
        path = tree.path(node)
        depth = tree.depth(self.node)
        if depth >= len(path) or path[depth] != self.node:
            return None
        ids = tuple(i for each in path[depth + 1 :] if (i := tree.token_id(each)) is not None)
        number = self._numbers.get(ids)
        before = self.trie_node(self._numbers.get(ids[:-1])) if ids and number is None else None
        complete = before is not None and any(
            edge.child is None and ids[-1] in edge.token_ids for edge in before.edges
        )
        return ValidPlace(ids, number, complete)

    def trie_node(self, number: int | None) -> TrieNode | None:
        """Returns a node of the trie."""
        return None if number is None or self.trie is None else self.trie.nodes[number]

    def number(self, ids: Sequence[int]) -> int | None:
        """Finds the node of the trie after some tokens."""
        return self._numbers.get(tuple(ids))

    def recorded(self, ids: Sequence[int]) -> CalibrationPlace | None:
        """Finds what the result says of a place."""
        places = () if self.result is None else self.result.places
        return next((each for each in places if each.token_ids == tuple(ids)), None)


def numbered(trie: TokenTrie | None) -> Mapping[tuple[int, ...], int]:
    """Numbers the nodes of a trie by their paths."""
    return {} if trie is None else {node.path: n for n, node in enumerate(trie.nodes)}


def _listed(result: Any) -> TokenTrie | None:
    """The trie of the answers that a result lists, where it lists all of them; what ends one is not known there."""
    from bftui.core.valid.token_trie import token_trie

    if not result.answers or len(result.answers) != result.answers_in_set:
        return None
    return token_trie([each.token_ids for each in result.answers], [UNKNOWN_END])


UNKNOWN_END = -1
"""Stands for the tokens that end an answer, where only a trace knows of the set."""
