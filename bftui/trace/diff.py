"""Two traces side by side: where they part, what differs in their settings, and what in their numbers."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice, zip_longest
from typing import Any

from bftui.trace.reading import TraceFile

MOST_ACTIONS, MOST_SETTINGS = 1000, 100
"""Most differences that are listed; all of them are counted."""

_MISSING = object()
_SHORT = 8

_END = ("tokens", "path", "marks", "pruned", "folded", "draws")
"""What came of all that was done."""

_TIMES = {"nodes": ("elapsed_ms",), "actions": ("at_ms",), "measurements": ()}
"""What two equal sessions may differ in, by list."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting that differs, by its name in the trace; None where one of the two has none."""

    name: str
    a: Any
    b: Any


@dataclass(frozen=True, slots=True)
class Place:
    """The two visible paths at one position after the prompt; None where a path is shorter.

    Attributes:
        nodes: the node of each.
        texts: its token, safe to show.
        bf: exp(H(P~)) of the distribution that the token comes from.
        common: whether the paths are the same up to here.
    """

    position: int
    nodes: tuple[int | None, int | None]
    texts: tuple[str | None, str | None]
    bf: tuple[float | None, float | None]
    common: bool


@dataclass(frozen=True, slots=True)
class Compared:
    """What two traces have in common.

    Attributes:
        same: equal but for when they were made and how long it took, and from where the model came.
        first: where they differ first, in words; None where they are the same.
        common: how many nodes both have: the same tokens after prompts that were asked alike.
        nodes: how many nodes each has.
        largest: the largest difference of H(P) over common nodes, in nats, and the node of the first trace.
        settings: settings that differ.
        actions: (place, action of A, action of B) where they differ; `differing` counts all of them.
        path: the visible paths side by side.
    """

    same: bool
    first: str | None
    common: int
    nodes: tuple[int, int]
    largest: tuple[float, int] | None
    settings: list[Setting]
    actions: list[tuple[int, dict[str, Any] | None, dict[str, Any] | None]]
    differing: int
    path: list[Place]

    def as_dict(self) -> dict[str, Any]:
        """With the fields of `bftui diff --json`."""
        return {
            "same": self.same,
            "common": self.common,
            "first_difference": self.first,
            "nodes": list(self.nodes),
            "largest_entropy_difference": None
            if self.largest is None
            else {"nats": self.largest[0], "node": self.largest[1]},
            "settings": [{"name": each.name, "a": each.a, "b": each.b} for each in self.settings],
            "actions_differing": self.differing,
            "actions": [{"place": place, "a": a, "b": b} for place, a, b in self.actions],
            "bf": [
                {
                    "position": each.position,
                    "nodes": list(each.nodes),
                    "texts": list(each.texts),
                    "bf": list(each.bf),
                    "common": each.common,
                }
                for each in self.path
            ],
        }


@dataclass(slots=True)
class _Tree:
    """The columns of a trace that are compared."""

    trace: TraceFile
    entropy: array[float] = field(default_factory=lambda: array("d"))
    bf: array[float] = field(default_factory=lambda: array("d"))

    def add(self, node: dict[str, Any]) -> None:
        after = node["next"]
        self.entropy.append(-1.0 if after is None else after["entropy"])
        self.bf.append(-1.0 if after is None else after["bf"])


def compare(a: TraceFile, b: TraceFile) -> Compared:
    """Compares two traces; reads each once more. Raises InputError where a file changed."""
    outlines = _outline(a), _outline(b)
    settings = list(
        _differences("", *({k: v for k, v in o.items() if k not in _END} for o in outlines))
    )
    trees = _Tree(a), _Tree(b)
    actions, differing = _actions(a, b)
    ends = _differences("", *({name: o[name] for name in _END} for o in outlines))
    # In the order of causes: what it was done with, what was done, what came of it.
    firsts = [
        next(map(_said, settings), None),
        f"actions.{actions[0][0]}" if actions else None,
        _first_in_list("nodes", a.nodes(), b.nodes(), trees),
        _first_in_list("measurements", a.measurements(), b.measurements(), None),
        next(map(_said, ends), None),
    ]
    first = next(filter(None, firsts), None)
    matched = _matched(a, b)
    drift: tuple[float, int] | None = None
    for node, other in enumerate(matched):
        if other >= 0 and trees[0].entropy[node] >= 0 and trees[1].entropy[other] >= 0:
            off = abs(trees[0].entropy[node] - trees[1].entropy[other])
            if drift is None or off > drift[0]:
                drift = off, node
    return Compared(
        same=first is None,
        first=first,
        common=sum(other >= 0 for other in matched),
        nodes=(a.count, b.count),
        largest=drift,
        settings=settings[:MOST_SETTINGS],
        actions=actions,
        differing=differing,
        path=list(_paths(trees, matched)),
    )


def _outline(trace: TraceFile) -> dict[str, Any]:
    """Everything outside the lists, but for when the session was and where the model came from."""
    document = trace.outline.model_dump(mode="json", by_alias=True, exclude={"created"})
    for model in (document["model"], (document["partner"] or {}).get("model", {})):
        model.pop("source", None)
    return document


def _differences(name: str, a: Any, b: Any) -> Iterator[Setting]:
    """Where two values differ, as deep as objects and short lists go; of a long list the first place."""
    if isinstance(a, list) and isinstance(b, list):
        found = (
            each
            for place, (left, right) in enumerate(zip_longest(a, b, fillvalue=_MISSING))
            for each in _differences(f"{name}.{place}", left, right)
        )
        yield from islice(found, None if max(len(a), len(b)) <= _SHORT else 1)
    elif isinstance(a, dict) and isinstance(b, dict):
        for key in {**a, **b}:
            below = f"{name}.{key}" if name else key
            yield from _differences(below, a.get(key, _MISSING), b.get(key, _MISSING))
    elif a is _MISSING or b is _MISSING or not _equal(a, b):
        yield Setting(name, *(None if value is _MISSING else value for value in (a, b)))


def _equal(a: Any, b: Any) -> bool:
    """Equality that tells true from 1."""
    return bool(a == b) and isinstance(a, bool) == isinstance(b, bool)


def _first_in_list(
    name: str,
    a: Iterator[dict[str, Any]],
    b: Iterator[dict[str, Any]],
    trees: tuple[_Tree, _Tree] | None,
) -> str | None:
    """The first item that differs, in words; goes through both lists to their ends."""
    first: str | None = None
    for place, (left, right) in enumerate(zip_longest(a, b)):
        if trees is not None:
            for tree, node in zip(trees, (left, right), strict=True):
                if node is not None:
                    tree.add(node)
        if first is None:
            first = _item_difference(name, place, left, right)
    return first


def _item_difference(
    name: str, place: int, a: dict[str, Any] | None, b: dict[str, Any] | None
) -> str | None:
    if a is None or b is None:
        return f"{name}.{place}: only the {'second' if a is None else 'first'} has it"
    for each in _TIMES[name]:
        a, b = ({k: v for k, v in item.items() if k != each} for item in (a, b))
    if a == b:
        return None
    return next(map(_said, _differences(f"{name}.{place}", a, b)), None)


def _actions(
    a: TraceFile, b: TraceFile
) -> tuple[list[tuple[int, dict[str, Any] | None, dict[str, Any] | None]], int]:
    """The actions that differ, in order and by place, and how many there are."""
    listed: list[tuple[int, dict[str, Any] | None, dict[str, Any] | None]] = []
    count = 0
    for place, (left, right) in enumerate(zip_longest(a.actions(), b.actions())):
        if _item_difference("actions", place, left, right) is not None:
            count += 1
            if len(listed) < MOST_ACTIONS:
                listed.append((place, left, right))
    return listed, count


def _matched(a: TraceFile, b: TraceFile) -> array[int]:
    """The node of B that each node of A is, -1 where it is none.

    Roots are matched in their order where the same was asked; other nodes where their parents are matched and their
    tokens have the same bytes, those of the same text in their order.
    """
    waiting: dict[tuple[int, bytes], list[int]] = {}
    bytes_of = [{i: trace.token_bytes(i) for i in trace.links.used} for trace in (a, b)]
    for node in range(b.count - 1, -1, -1):
        if b.links.parents[node] >= 0:
            key = b.links.parents[node], bytes_of[1][b.links.tokens[node]]
            waiting.setdefault(key, []).append(node)
    asked = [
        [(node, (p.text, p.system, p.prefill)) for node, p in sorted(trace.prompts().items())]
        for trace in (a, b)
    ]
    roots = {
        node: other for (node, ours), (other, theirs) in zip(*asked, strict=False) if ours == theirs
    }
    matched = array("i")
    for node in range(a.count):
        parent = a.links.parents[node]
        if parent < 0:
            matched.append(roots.get(node, -1))
            continue
        there = waiting.get((matched[parent], bytes_of[0][a.links.tokens[node]]))
        matched.append(there.pop() if there else -1)
    return matched


def _paths(trees: tuple[_Tree, _Tree], matched: array[int]) -> Iterator[Place]:
    common = True
    paths = [tree.trace.outline.path for tree in trees]
    for position, (left, right) in enumerate(zip_longest(*(path[1:] for path in paths))):
        common = common and left is not None and matched[left] == right
        nodes = left, right
        texts: list[str | None] = []
        bf: list[float | None] = []
        for tree, node in zip(trees, nodes, strict=True):
            if node is None:
                texts.append(None)
                bf.append(None)
                continue
            links = tree.trace.links
            before = tree.bf[links.parents[node]]
            texts.append(tree.trace.text(links.tokens[node]))
            bf.append(before if before >= 0 else None)
        yield Place(position, nodes, (texts[0], texts[1]), (bf[0], bf[1]), common)


def _said(found: Setting) -> str:
    return f"{found.name}: {_short(found.a)} and {_short(found.b)}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:59]}…"
