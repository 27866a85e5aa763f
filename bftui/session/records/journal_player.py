"""A session followed through its records, with no model: what a journal or a trace says was done, done again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from types import MappingProxyType
from typing import Any, get_args

from bftui.core.errors import InputError, UsageError
from bftui.core.pair.distribution_shift import PartnerView
from bftui.core.sampler import Sampler
from bftui.core.tree import Tree
from bftui.model.prompt import Prompt, Rendered, Taken, prompt_from
from bftui.model.turns import Turn
from bftui.session import view_state as p
from bftui.trace.nodes import add_node, apply_restated
from bftui.trace.partner_fields import view_of
from bftui.trace.records import Record

_SETTINGS = tuple(each.name for each in fields(Sampler))


class Follower:
    """Where a session stood after the records that were applied.

    Attributes:
        tree: every node, with the numbers that were written down.
        place: cursor, marks, folds, pruned branches and the sampler in force.
        history: what undo would bring back.
        samplers, prompts, turns, force_starts, draws, actions, measurements: as a session keeps them.
        partner: the second model and its prompt, as in the head of a trace; None where there is none.
        views: what it said of nodes.
        partner_prompts: its prompts at later roots, as in a trace.
        tokens, partner_tokens: the bytes of tokens, by id; a journal of an older bftui has none.
        created: when the session began, as in a trace.
    """

    def __init__(self, samplers: Sequence[Sampler], n_vocab: int, created: str = "") -> None:
        """`samplers` are those that the head names, the first one in force."""
        self.created = created
        self.tree = Tree(n_vocab)
        self.place = p.Place(0)
        self.history = p.History()
        self.samplers = list(samplers)
        self.prompts: dict[int, tuple[Prompt, Rendered]] = {}
        self.turns: dict[int, Turn] = {}
        self.force_starts: set[int] = set()
        self.draws = 0
        self.actions: list[dict[str, Any]] = []
        self.measurements: list[dict[str, Any]] = []
        self.partner: dict[str, Any] | None = None
        self.views: dict[int, PartnerView] = {}
        self.partner_prompts: dict[int, dict[str, Any]] = {}
        self.tokens: dict[int, bytes] = {}
        self.partner_tokens: dict[int, bytes] = {}

    @property
    def stops(self) -> tuple[str, ...]:
        """The stop strings of all prompts."""
        every = (stop for _, rendered in self.prompts.values() for stop in rendered.stops)
        return tuple(dict.fromkeys(every))

    def apply(self, record: Record) -> None:
        """Goes one record further. Raises ValueError for a record that cannot follow."""
        before = self.place
        self.tokens.update(record.tokens)
        try:
            if record.pair is not None:
                self._pair(record.pair["partner"])
            self.partner_tokens.update(record.partner_tokens)
            for node in record.nodes:
                self._add_node(node)
                if node.get("partner") is not None:
                    self._see(node["id"], node["sampler"], node["partner"])
            for seen in record.seen:
                self._see(seen["node"], seen["sampler"], seen)
            if record.restated is not None:
                self._restate(record.restated)
            if record.action is not None:
                self._act(record.action, before)
            if record.settled is not None:
                self._settle(record.settled)
        except UsageError as error:
            raise ValueError(error.line()) from error
        except (KeyError, TypeError, IndexError, OverflowError) as error:
            raise ValueError(f"it lacks what belongs to it: {error}") from error
        if record.measurement is not None:
            self._measure(record.measurement, record.place)
        if record.draws is not None:
            self.draws = record.draws
        if (later := record.partner_prompt) is not None and later.get("partner") is not None:
            self.partner_prompts[later["node"]] = later["partner"]

    def _pair(self, partner: dict[str, Any] | None) -> None:
        if not same_partner(self.partner, partner):
            self.views, self.partner_prompts, self.partner_tokens = {}, {}, {}
        self.partner = partner

    def _see(self, node: int, sampler: int, fields: Mapping[str, Any]) -> None:
        """Takes in what the second model said of a node."""
        if self.partner is None:
            return
        n_vocab = self.partner["model"]["n_vocab"]
        if node >= len(self.tree) or sampler >= len(self.samplers):
            raise ValueError(f"there is no node {node} with numbers of sampler {sampler}")
        following = fields["next"]
        if following is not None and max(following["top"]["ids"], default=0) >= n_vocab:
            raise ValueError(
                f"the partner's candidates after node {node} are not in its vocabulary"
            )
        temperature = self.samplers[sampler].temperature
        view = view_of(self.tree, node, fields, temperature, n_vocab)
        self.views[node] = replace(view, sampler=sampler)

    def _add_node(self, node: dict[str, Any]) -> None:
        number, parent = node["id"], node["parent"]
        if number != len(self.tree):
            raise ValueError(f"node {number} stands at place {len(self.tree)}")
        if parent is None and node["token_id"] is not None:
            raise ValueError(f"node {number}: a prompt has no token")
        if parent is not None and (parent >= number or node["token_id"] is None):
            raise ValueError(f"node {number} cannot follow node {parent}")
        if max(node["sampler"], node.get("drawn_under", 0)) >= len(self.samplers):
            raise ValueError(f"node {number}: there is no sampler {node['sampler']}")
        asked = None if parent is not None else recorded_prompt(node["prompt"])
        ids = [] if node["next"] is None else node["next"]["top"]["ids"]
        own = (node["token_id"],) if asked is None else asked[1].token_ids
        if max((*ids, *own)) >= self.tree.n_vocab:
            raise ValueError(f"node {number} has a token outside the vocabulary")
        if asked is not None:
            self.prompts[number] = asked
        add_node(self.tree, node, self.samplers, None if asked is None else own)

    def _restate(self, found: Mapping[str, Any]) -> None:
        number = found["sampler"]
        if type(number) is not int or not 0 <= number < len(self.samplers):
            raise ValueError(f"there is no sampler {number}")
        apply_restated(self.tree, found, self.samplers[number])

    def _act(self, action: dict[str, Any], before: p.Place) -> None:
        op, args, node = action["op"], action["args"], action["node"]
        p.check_node(self.tree, node)
        match op:
            case "sampler":
                self._set_sampler(args)
            case "mark":
                self.place = p.marked(self.place, args["name"])
            case "fold":
                self.place = p.folded(self.tree, self.place, args["node"])
            case "prune":
                self.place = p.pruned(self.tree, self.place, args["node"])
            case "undo":
                self.place = self.history.undo(self.place)
            case "redo":
                self.place = self.history.redo(self.place)
            case "back":
                self._leave(before.cursor, node)
            case "turn":
                self.turns[node] = Turn(before.cursor, str(args["text"]))
            case "force" | "force_ids":
                path = self.tree.path(node)
                self.force_starts.add(path[self.tree.depth(before.cursor) + 1])
        self.place = p.shown(self.tree, self.place.at(node), before)
        if op not in ("undo", "redo") and self.place != before:
            self.history.record(before, op)
        self.tree.visit(node)
        self.actions.append(action)

    def _leave(self, node: int, upper: int) -> None:
        """The branch that is left is the one that `forward` returns to."""
        while node != upper:
            self.tree.visit(node)
            parent = self.tree.parent(node)
            if parent is None:
                raise ValueError(f"node {upper} is not above")
            node = parent

    def _set_sampler(self, args: Mapping[str, Any]) -> None:
        changes = {name: args[name] for name in _SETTINGS if args.get(name) is not None}
        sampler = replace(self.samplers[self.place.sampler], **changes)
        if sampler not in self.samplers:
            self.samplers.append(sampler)
        self.place = replace(self.place, sampler=self.samplers.index(sampler))

    def _settle(self, found: Mapping[str, Any]) -> None:
        marks, folded, pruned = found["marks"], found["folded"], found["pruned"]
        for node in (found["cursor"], *marks.values(), *folded, *pruned):
            p.check_node(self.tree, node)
        self.place = replace(
            self.place,
            cursor=found["cursor"],
            marks=MappingProxyType(dict(marks)),
            folded=frozenset(folded),
            pruned=frozenset(pruned),
        )
        self.tree.visit(self.place.cursor)

    def _measure(self, measurement: dict[str, Any], place: int | None) -> None:
        if measurement["node"] >= len(self.tree):
            raise ValueError(f"there is no node {measurement['node']}")
        if place is None or place == len(self.measurements):
            self.measurements.append(measurement)
        elif place < len(self.measurements):
            self.measurements[place] = measurement
        else:
            raise ValueError(f"there is no measurement {place}")


def follow(
    follower: Follower, records: Any, name: str, before: Callable[[Record], None] | None = None
) -> Follower:
    """Applies all records; raises InputError that names the one that cannot follow.

    `before` is told of each record before it is applied.
    """
    for record in records:
        if before is not None:
            before(record)
        try:
            follower.apply(record)
        except ValueError as error:
            raise InputError(f"{name} is damaged", f"record {record.number}: {error}") from error
    if not len(follower.tree):
        raise InputError(f"{name} holds no session", "it ended before the first prompt")
    return follower


def recorded_prompt(found: Mapping[str, Any]) -> tuple[Prompt, Rendered]:
    """A prompt of the trace as it was asked for, and as the model saw it. Raises ValueError, UsageError."""
    template = found["template"]
    if template not in get_args(Taken):
        raise ValueError(f"there is no template {str(template)[:40]!r}")
    messages = found["messages"]
    if messages is not None:
        for message in messages:
            if not isinstance(message.get("role"), str) or not isinstance(
                message.get("content"), str
            ):
                raise ValueError("a message of the prompt has no role or no content")
    if not found["token_ids"]:
        raise ValueError("a prompt has no tokens")
    asked = prompt_from(found)
    rendered = Rendered(
        found["rendered"],
        tuple(found["token_ids"]),
        None if messages is None else tuple(messages),
        template,
        asked.date,
    )
    return asked, rendered


def same_partner(a: Mapping[str, Any] | None, b: Mapping[str, Any] | None) -> bool:
    """Whether two heads name the same second model with the same prompt, so that it says the same."""
    if a is None or b is None:
        return a is b
    same = (a["model"][name] == b["model"][name] for name in ("name", "sha256", "tokenizer_sha256"))
    return all(same) and bool(a["prompt"]["token_ids"] == b["prompt"]["token_ids"])
