"""Two traces side by side: where they part, what was done otherwise, and what differs in settings and numbers."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice, zip_longest
from typing import Any

from bftui.results.diff_result import (
    DifferingAction,
    DiffOutput,
    EntropyDifference,
    PartedNodes,
    PartedSide,
    PartedToken,
    PathPosition,
    PromptPair,
    SettingDifference,
)
from bftui.trace.diff.matched_actions import ActionPair, match_actions
from bftui.trace.diff.tree_overlay import Parting, overlay
from bftui.trace.reading import TraceFile

MOST_SETTINGS = 100
"""Most settings that are listed."""

_MISSING = object()
_SHORT = 8

_END = ("tokens", "path", "marks", "pruned", "folded", "draws")
"""What came of all that was done."""

_TIMES = {"nodes": ("elapsed_ms",), "actions": ("at_ms",), "measurements": ()}
"""What two equal sessions may differ in, by list."""


@dataclass(frozen=True, slots=True)
class TraceComparison:
    """What two traces have in common.

    Attributes:
        same: equal but for when they were made and how long it took, and from where the model came.
        first: where they differ first, in words; None where they are the same.
        common: how many nodes both have: the same tokens after prompts that were asked alike.
        nodes: how many nodes each has.
        largest: the largest difference of H(P) over common nodes, in nats, and the node of the first trace.
        within_noise: whether that is no more than twice the larger noise floor of the two; None without a floor.
        settings: settings that differ.
        actions: what was done in one of the two only, or otherwise; `differing` counts all of it.
        prompts: the prompts of both.
        partings: nodes of both after which other tokens follow, over all branches; `parted` counts all of them.
        texts: the tokens of nodes that the partings name, safe to show; of A and of B.
        bf: exp(H(P~)) after those nodes and the ones that they follow; of A and of B.
        path: the visible paths side by side.
    """

    same: bool
    first: str | None
    common: int
    nodes: tuple[int, int]
    largest: tuple[float, int] | None
    within_noise: bool | None
    settings: list[SettingDifference]
    actions: list[ActionPair]
    differing: int
    prompts: list[PromptPair]
    partings: list[Parting]
    parted: int
    texts: tuple[dict[int, str], dict[int, str]]
    bf: tuple[dict[int, float | None], dict[int, float | None]]
    path: list[PathPosition]

    def output(self) -> DiffOutput:
        """Says what `bftui diff --json` says."""
        largest = None
        if self.largest is not None:
            nats, node = self.largest
            largest = EntropyDifference(nats=nats, node=node, within_noise=self.within_noise)
        return DiffOutput(
            same=self.same,
            common=self.common,
            first_difference=self.first,
            nodes=self.nodes,
            largest_entropy_difference=largest,
            settings=tuple(self.settings),
            actions_differing=self.differing,
            actions=tuple(
                DifferingAction(
                    place=next(place for place in each.places if place is not None),
                    places=each.places,
                    a=each.actions[0],
                    b=each.actions[1],
                )
                for each in self.actions
            ),
            prompts=tuple(self.prompts),
            partings_found=self.parted,
            partings=tuple(
                PartedNodes(
                    nodes=each.nodes,
                    prompt=each.prompt,
                    position=each.position,
                    bf=(self.bf[0][each.nodes[0]], self.bf[1][each.nodes[1]]),
                    a=self._only(each, 0),
                    b=self._only(each, 1),
                )
                for each in self.partings
            ),
            bf=tuple(self.path),
        )

    def _only(self, parting: Parting, side: int) -> PartedSide:
        texts, bf = self.texts[side], self.bf[side]
        return PartedSide(
            tokens=tuple(
                PartedToken(node=node, text=texts[node], bf_after=bf[node])
                for node in parting.only[side]
            ),
            count=parting.counts[side],
        )


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

    def choices(self, nodes: Iterable[int]) -> dict[int, float | None]:
        """Returns BF after nodes; None where nothing comes after."""
        return {node: self.bf[node] if self.bf[node] >= 0 else None for node in nodes}

    def texts(self, nodes: Iterable[int]) -> dict[int, str]:
        """Tokens of nodes, safe to show; prompts have none."""
        tokens = self.trace.links.tokens
        return {node: self.trace.text(tokens[node]) for node in nodes if tokens[node] >= 0}


def compare(a: TraceFile, b: TraceFile) -> TraceComparison:
    """Compares two traces; reads each once more. Raises InputError where a file changed."""
    outlines = _outlines(a, b)
    settings = list(
        _differences("", *({k: v for k, v in o.items() if k not in _END} for o in outlines))
    )
    trees = _Tree(a), _Tree(b)
    laid = overlay(a, b)
    actions, differing = match_actions(a, b, laid.matched)
    ends = _differences("", *({name: o[name] for name in _END} for o in outlines))
    # In the order of causes: what it was done with, what was done, what came of it.
    firsts = [
        next(map(_said, settings), None),
        _first_action(actions),
        _first_in_list("nodes", a.nodes(), b.nodes(), trees),
        _first_in_list("measurements", a.measurements(), b.measurements(), None),
        _first_in_list("actions", a.actions(), b.actions(), None),
        next(map(_said, ends), None),
    ]
    first = next(filter(None, firsts), None)
    drift: tuple[float, int] | None = None
    for node, other in enumerate(laid.matched):
        if other >= 0 and trees[0].entropy[node] >= 0 and trees[1].entropy[other] >= 0:
            off = abs(trees[0].entropy[node] - trees[1].entropy[other])
            if drift is None or off > drift[0]:
                drift = off, node
    floors = [each.outline.model.noise.entropy_max for each in (a, b) if each.outline.model.noise]
    named = [
        {node for each in laid.partings for node in (each.nodes[side], *each.only[side])}
        for side in (0, 1)
    ]
    return TraceComparison(
        same=first is None,
        first=first,
        common=sum(other >= 0 for other in laid.matched),
        nodes=(a.count, b.count),
        largest=drift,
        within_noise=None if drift is None or not floors else drift[0] <= 2 * max(floors),
        settings=settings[:MOST_SETTINGS],
        actions=actions,
        differing=differing,
        prompts=laid.prompts,
        partings=laid.partings,
        parted=laid.parted,
        texts=(trees[0].texts(named[0]), trees[1].texts(named[1])),
        bf=(trees[0].choices(named[0]), trees[1].choices(named[1])),
        path=list(_paths(trees, laid.matched)),
    )


def _outlines(a: TraceFile, b: TraceFile) -> tuple[dict[str, Any], dict[str, Any]]:
    """Everything outside the lists, but for when the sessions were, where models came from, noise floors and labels.

    What one model is called says nothing of it: names count only where no checksums tell that it is one.
    """
    documents = [
        trace.outline.model_dump(mode="json", by_alias=True, exclude={"created"})
        for trace in (a, b)
    ]
    for which in ("model", "partner"):
        models = [
            document["model"] if which == "model" else (document["partner"] or {}).get("model", {})
            for document in documents
        ]
        sums = {model.get("sha256") for model in models}
        for model in models:
            for name in ("source", "noise"):
                model.pop(name, None)
            if len(sums) == 1 and None not in sums:
                model.pop("name", None)
                model.pop("title", None)
    return documents[0], documents[1]


def _differences(name: str, a: Any, b: Any) -> Iterator[SettingDifference]:
    """Where two values differ, as deep as objects and short lists of such go; of any other list the first place."""
    if isinstance(a, list) and isinstance(b, list):
        found = (
            each
            for place, (left, right) in enumerate(zip_longest(a, b, fillvalue=_MISSING))
            for each in _differences(f"{name}.{place}", left, right)
        )
        whole = max(len(a), len(b)) <= _SHORT and all(isinstance(each, dict) for each in (*a, *b))
        yield from islice(found, None if whole else 1)
    elif isinstance(a, dict) and isinstance(b, dict):
        for key in {**a, **b}:
            below = f"{name}.{key}" if name else key
            yield from _differences(below, a.get(key, _MISSING), b.get(key, _MISSING))
    elif a is _MISSING or b is _MISSING or not _equal(a, b):
        yield SettingDifference(name, *(None if value is _MISSING else value for value in (a, b)))


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


def _first_action(actions: list[ActionPair]) -> str | None:
    """The first thing that was done otherwise, in words."""
    if not actions:
        return None
    places, (left, right) = actions[0].places, actions[0].actions
    place = next(each for each in places if each is not None)
    if left is None or right is None:
        return f"actions.{place}: only the {'second' if left is None else 'first'} has it"
    differing = _differences(
        f"actions.{place}",
        *({name: each[name] for name in ("op", "args")} for each in (left, right)),
    )
    return next(map(_said, differing), f"actions.{place}")


def _paths(trees: tuple[_Tree, _Tree], matched: array[int]) -> Iterator[PathPosition]:
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
        yield PathPosition(position, nodes, (texts[0], texts[1]), (bf[0], bf[1]), common)


def _said(found: SettingDifference) -> str:
    return f"{found.name}: {_short(found.a)} and {_short(found.b)}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:59]}…"
