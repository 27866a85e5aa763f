"""Plays the records of a session without a model: what a journal or a trace says was done is done again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, get_args

from bftui.core.errors import InputError, UsageError
from bftui.core.pair.distribution_shift import PartnerView
from bftui.core.tree import Tree
from bftui.model.prompt import Prompt, Rendered, Taken, prompt_from
from bftui.session.commands import OPS
from bftui.session.session_state import SessionState
from bftui.session.view_state import ViewState, check_node
from bftui.trace.nodes import add_node, apply_restated, view_of
from bftui.trace.reading import TraceFile, samplers_of
from bftui.trace.records import JournalFile, JournalRecord, trace_records


@dataclass(slots=True)
class JournalPlayer:
    """Where a session stood after the records that were applied.

    Attributes:
        state: the state of the session, with the numbers that were written down.
        created: when the session began, as in a trace.
        actions, measurements: as a session keeps them.
        partner: the second model and its prompt, as in the head of a trace; None where there is none.
        views: what it said of nodes.
        partner_prompts: its prompts at later roots, as in a trace.
        tokens, partner_tokens: the bytes of tokens, by id; a journal of an older bftui has none.
    """

    state: SessionState
    created: str = ""
    actions: list[dict[str, Any]] = field(default_factory=list)
    measurements: list[dict[str, Any]] = field(default_factory=list)
    partner: dict[str, Any] | None = None
    views: dict[int, PartnerView] = field(default_factory=dict)
    partner_prompts: dict[int, dict[str, Any]] = field(default_factory=dict)
    tokens: dict[int, bytes] = field(default_factory=dict)
    partner_tokens: dict[int, bytes] = field(default_factory=dict)

    def apply(self, record: JournalRecord) -> None:
        """Goes one record further. Raises ValueError for a record that cannot follow."""
        before = self.state.view
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
                self._recompute(record.restated)
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
            self.state.draws = record.draws
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
        if node >= len(self.state.tree) or sampler >= len(self.state.samplers):
            raise ValueError(f"there is no node {node} with numbers of sampler {sampler}")
        following = fields["next"]
        if following is not None and max(following["top"]["ids"], default=0) >= n_vocab:
            raise ValueError(
                f"the partner's candidates after node {node} are not in its vocabulary"
            )
        temperature = self.state.samplers[sampler].temperature
        view = view_of(self.state.tree, node, fields, temperature, n_vocab)
        self.views[node] = replace(view, sampler=sampler)

    def _add_node(self, node: dict[str, Any]) -> None:
        number, parent = node["id"], node["parent"]
        if number != len(self.state.tree):
            raise ValueError(f"node {number} stands at place {len(self.state.tree)}")
        if parent is None and node["token_id"] is not None:
            raise ValueError(f"node {number}: a prompt has no token")
        if parent is not None and (parent >= number or node["token_id"] is None):
            raise ValueError(f"node {number} cannot follow node {parent}")
        if max(node["sampler"], node.get("drawn_under", 0)) >= len(self.state.samplers):
            raise ValueError(f"node {number}: there is no sampler {node['sampler']}")
        asked = None if parent is not None else recorded_prompt(node["prompt"])
        ids = [] if node["next"] is None else node["next"]["top"]["ids"]
        own = (node["token_id"],) if asked is None else asked[1].token_ids
        if max((*ids, *own)) >= self.state.tree.n_vocab:
            raise ValueError(f"node {number} has a token outside the vocabulary")
        if asked is not None:
            self.state.add_prompt(number, *asked)
        add_node(self.state.tree, node, self.state.samplers, None if asked is None else own)

    def _recompute(self, found: Mapping[str, Any]) -> None:
        number = found["sampler"]
        if type(number) is not int or not 0 <= number < len(self.state.samplers):
            raise ValueError(f"there is no sampler {number}")
        apply_restated(self.state.tree, found, self.state.samplers[number])

    def _act(self, action: dict[str, Any], before: ViewState) -> None:
        state, op, node = self.state, action["op"], action["node"]
        check_node(state.tree, node)
        command = OPS.get(op)
        if command is not None:
            command.replay(state, action["args"], before, node)
        state.view = state.view.at(node)
        state.settle(op, before, undoable=command is None or command.undoable)
        self.actions.append(action)

    def _settle(self, found: Mapping[str, Any]) -> None:
        marks, folded, pruned = found["marks"], found["folded"], found["pruned"]
        for node in (found["cursor"], *marks.values(), *folded, *pruned):
            check_node(self.state.tree, node)
        self.state.view = replace(
            self.state.view,
            cursor=found["cursor"],
            marks=MappingProxyType(dict(marks)),
            folded=frozenset(folded),
            pruned=frozenset(pruned),
        )
        self.state.tree.visit(self.state.view.cursor)

    def _measure(self, measurement: dict[str, Any], place: int | None) -> None:
        if measurement["node"] >= len(self.state.tree):
            raise ValueError(f"there is no node {measurement['node']}")
        if place is None or place == len(self.measurements):
            self.measurements.append(measurement)
        elif place < len(self.measurements):
            self.measurements[place] = measurement
        else:
            raise ValueError(f"there is no measurement {place}")


def play_trace(trace: TraceFile) -> JournalPlayer:
    """Plays a whole trace. Raises InputError."""
    return play(begin(trace), trace_records(trace), str(trace.path))


def play_journal(journal: JournalFile) -> JournalPlayer:
    """Plays a whole journal. Raises InputError."""
    head, name = journal.head, str(journal.path)
    tree = Tree(head.model.n_vocab)
    player = JournalPlayer(SessionState(tree, samplers_of(head.samplers, name)), head.created)
    return play(player, journal.records(), name)


def begin(trace: TraceFile) -> JournalPlayer:
    """Makes a player that stands before the first record of a trace."""
    tree = Tree(trace.outline.model.n_vocab)
    return JournalPlayer(SessionState(tree, list(trace.samplers)), trace.outline.created)


def play(player: JournalPlayer, records: Iterable[JournalRecord], name: str) -> JournalPlayer:
    """Applies all records; raises InputError that names the one that cannot follow."""
    for record in records:
        try:
            player.apply(record)
        except ValueError as error:
            raise InputError(f"{name} is damaged", f"record {record.number}: {error}") from error
    if not len(player.state.tree):
        raise InputError(f"{name} holds no session", "it ended before the first prompt")
    return player


def recorded_prompt(found: Mapping[str, Any]) -> tuple[Prompt, Rendered]:
    """Reads a prompt of the trace as it was asked for, and as the model saw it. Raises ValueError, UsageError."""
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
        styled_ids=tuple(found.get("styled_ids") or ()),
    )
    return asked, rendered


def same_partner(a: Mapping[str, Any] | None, b: Mapping[str, Any] | None) -> bool:
    """Says whether two heads name the same second model with the same prompt, so that it says the same."""
    if a is None or b is None:
        return a is b
    same = (a["model"][name] == b["model"][name] for name in ("name", "sha256", "tokenizer_sha256"))
    return all(same) and bool(a["prompt"]["token_ids"] == b["prompt"]["token_ids"])
