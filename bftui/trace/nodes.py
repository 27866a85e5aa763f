"""One node as the fields of a trace: from the tree, into a tree, and checked without pydantic where nothing is unusual.

`schema.TraceNode` alone says what a node is. `checked` asks it only about nodes that are not of the usual shape, and
every node that it lets pass unasked is one that `schema.TraceNode` takes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from operator import itemgetter
from typing import Any

import numpy as np

from bftui.core.batch import Batch
from bftui.core.distribution import TOP, NextToken, TokenScore
from bftui.core.sampler import Sampler
from bftui.core.tree import Source, Tree
from bftui.trace.bounds import HUGE, LARGEST, MOST_CHOICES, MOST_MS, MOST_NATS, MOST_ROWS
from bftui.trace.stream import check_plain

SOURCES = {source.word: source for source in Source}

_PLACE = ("id", "parent", "token_id", "source", "sampler", "draw", "eog", "elapsed_ms")
_OWN = ("logprob", "logprob_truncated", "rank", "next", "partner")
_FIELDS = frozenset((*_PLACE, *_OWN, "drawn_under", "read"))
_READ = frozenset(("kind", "rows", "start"))
_NEXT_FLOATS = (
    "entropy",
    "entropy_truncated",
    "entropy_lo",
    "entropy_hi",
    "varentropy",
    "tail_mass",
    "bf",
    "bf_full",
)
_NEXT = frozenset((*_NEXT_FLOATS, "kept", "top", "hill2", "log_kept"))
_PARTNER = frozenset(
    ("rank", "logprob", "class", "kl_partner_base", "kl_base_partner", "js", "next")
)
_floats = itemgetter(*_NEXT_FLOATS)
_ACTION = frozenset(("at_ms", "op", "args", "node"))
_TOP = frozenset(("ids", "logprobs"))
_INT, _NUMBERS = frozenset((int,)), frozenset((int, float))

CANDIDATES, PLACES = 4, 6
"""Decimals of a candidate's log-probability, and of every other number of a node that is in nats or made of such.

Logits of float32 between 8 and 16 lie 1e-6 apart: a sixth place more would be noise. The candidates, five numbers of
six in a file, are for looking at and are summed up in exact numbers beside them; a probability is right to 0.005 %.
"""


def checked(fields: Any) -> dict[str, Any]:
    """The fields of a node; raises pydantic's ValidationError, or ValueError, for what is none."""
    if _usual(fields):
        usual: dict[str, Any] = fields
        return usual
    from bftui.trace import schema

    check_plain(fields)
    node = schema.TraceNode.model_validate(fields)
    dumped: dict[str, Any] = node.model_dump(mode="json", by_alias=True)
    return dumped


def usual_action(action: Any) -> bool:
    """Whether this is, beyond any doubt, what `schema.TraceAction` takes: something done with no arguments."""
    return (
        type(action) is dict
        and action.keys() == _ACTION
        and action["args"] == {}
        and type(action["op"]) is str
        and action["op"].isascii()
        and _whole(action["node"])
        and _within(action["at_ms"], 0, MOST_MS)
    )


def _usual(node: Any) -> bool:
    """Whether this is a node beyond any doubt; exact types, known fields, numbers well inside their bounds."""
    if type(node) is not dict or not node.keys() <= _FIELDS:
        return False
    try:
        return (
            _whole(node["id"])
            and (node["parent"] is None or _whole(node["parent"]))
            and (node["token_id"] is None or _whole(node["token_id"]))
            and type(node["source"]) is str
            and node["source"] in SOURCES
            and _whole(node["sampler"])
            and (node["draw"] is None or _whole(node["draw"]))
            and (node["logprob"] is None or _within(node["logprob"], -HUGE, 0))
            and (node["logprob_truncated"] is None or _within(node["logprob_truncated"], -HUGE, 0))
            and (node["rank"] is None or _whole(node["rank"], 1))
            and type(node["eog"]) is bool
            and (node["next"] is None or _usual_next(node["next"]))
            and _within(node["elapsed_ms"], 0, MOST_MS)
            and (node.get("partner") is None or _usual_partner(node["partner"]))
            and ("drawn_under" not in node or _whole(node["drawn_under"]))
            and ("read" not in node or _usual_read(node["read"]))
        )
    except (KeyError, TypeError, OverflowError):
        # Integers beyond all floats overflow.
        return False


def _usual_read(read: Any) -> bool:
    return (
        type(read) is dict
        and read.keys() == _READ
        and read["kind"] in ("step", "chunk")
        and _whole(read["rows"], 1)
        and read["rows"] <= MOST_ROWS
        and _whole(read["start"])
    )


def _usual_next(after: Any) -> bool:
    if type(after) is not dict or not after.keys() <= _NEXT:
        return False
    top = after["top"]
    if type(top) is not dict or top.keys() != _TOP:
        return False
    ids, logprobs = top["ids"], top["logprobs"]
    # In one sweep instead of one by one: this is done for every node of every trace.
    floats = _floats(after)
    full, cut, low, high, varentropy, tail_mass, bf, bf_full = floats
    return (
        set(map(type, floats)) <= _NUMBERS
        and math.isfinite(sum(floats))
        and min(floats) >= 0
        and max(full, cut, low, high) <= MOST_NATS
        and varentropy <= HUGE
        and tail_mass <= 1
        and 1 <= bf <= MOST_CHOICES
        and 1 <= bf_full <= MOST_CHOICES
        and ("hill2" not in after or _within(after["hill2"], 1, MOST_CHOICES))
        and ("log_kept" not in after or _within(after["log_kept"], -HUGE, MOST_NATS))
        and _whole(after["kept"], 1)
        and type(ids) is list
        and type(logprobs) is list
        and len(ids) == len(logprobs)
        and (
            not ids
            or (
                set(map(type, ids)) == _INT
                and min(ids) >= 0
                and max(ids) <= LARGEST
                and set(map(type, logprobs)) <= _NUMBERS
                and math.isfinite(sum(logprobs))
                and min(logprobs) >= -HUGE
                and max(logprobs) <= 0
            )
        )
    )


def _usual_partner(partner: Any) -> bool:
    if type(partner) is not dict or partner.keys() != _PARTNER:
        return False
    return (
        (partner["rank"] is None or _whole(partner["rank"], 1))
        and partner["class"] in (None, "unshifted", "marginal", "shifted")
        and all(
            partner[name] is None or _within(partner[name], -HUGE, HUGE)
            for name in ("logprob", "kl_partner_base", "kl_base_partner", "js")
        )
        and (partner["next"] is None or _usual_next(partner["next"]))
    )


def _whole(value: Any, low: int = 0) -> bool:
    return type(value) is int and low <= value <= LARGEST


def _within(value: Any, low: float, high: float) -> bool:
    # NaN is within nothing.
    return (type(value) is float or type(value) is int) and low <= value <= high


# From the tree ---------------------------------------------------------------------------------------------------


def node_fields(tree: Tree, number: int) -> dict[str, Any]:
    """The fields of one node, with the numbers as `document.Trace` writes them."""
    node = tree.node(number)
    drawn = tree.drawn_under(number)
    own = [math.nan if value is None else value for value in (node.logprob, node.logprob_truncated)]
    logprob, truncated = np.minimum(np.round(np.array(own), PLACES), 0.0).tolist()
    fields: dict[str, Any] = {
        "id": number,
        "parent": node.parent,
        "token_id": node.token_id,
        "source": node.source,
        "sampler": node.sampler,
        "draw": node.draw,
        "logprob": logprob if math.isfinite(logprob) else None,
        "logprob_truncated": truncated if math.isfinite(truncated) else None,
        "rank": node.rank,
        "eog": node.eog,
        "next": None if node.next is None else next_fields(node.next),
        "partner": None,
        "elapsed_ms": float(np.round(np.float64(np.float32(node.elapsed_ms)), 3)),
    }
    if node.draw is not None and drawn != node.sampler:
        fields["drawn_under"] = drawn
    if node.batch is not None:
        fields["read"] = {
            "kind": node.batch.kind,
            "rows": node.batch.rows,
            "start": node.batch.start,
        }
    return fields


def next_fields(after: NextToken) -> dict[str, Any]:
    """The fields of a distribution, with the numbers as `document.Trace` writes them."""
    numbers = np.round(
        np.array(
            [
                after.entropy,
                after.entropy_truncated,
                after.varentropy,
                after.tail_mass,
                after.entropy_lo,
                after.entropy_hi,
                np.exp(np.round(after.entropy_truncated, PLACES)),
                np.exp(np.round(after.entropy, PLACES)),
                1 / after.collision,
                after.log_kept,
            ]
        ),
        PLACES,
    ).tolist()
    names = ("entropy", "entropy_truncated", "varentropy", "tail_mass", "entropy_lo", "entropy_hi")
    fields = dict(zip(names, numbers, strict=False))
    fields["bf"], fields["bf_full"], hill2, log_kept = numbers[6:]
    fields["kept"] = after.kept
    # Both are unknown of older traces that were read.
    if not math.isnan(hill2):
        fields["hill2"] = hill2
    if needs_log_kept(after.kept, len(after.top_ids)) and not math.isnan(log_kept):
        fields["log_kept"] = log_kept
    fields["top"] = {
        "ids": after.top_ids.tolist(),
        "logprobs": np.round(after.top_logprobs, CANDIDATES).tolist(),
    }
    return fields


def needs_log_kept(kept: int, candidates: int) -> bool:
    """Whether the mass of P~'s support cannot be had from the candidates."""
    return kept > candidates


def restated_fields(tree: Tree, nodes: Sequence[int]) -> dict[str, Any]:
    """What another sampler changed of some nodes, as columns; `apply_restated` reads it."""
    found = [tree.node(node) for node in nodes]
    after = [None if node.next is None else next_fields(node.next) for node in found]

    def column(name: str) -> list[Any]:
        return [None if fields is None else fields.get(name) for fields in after]

    return {
        "nodes": list(nodes),
        "sampler": found[0].sampler,
        "logprob_truncated": [
            None if node.logprob_truncated is None else round(node.logprob_truncated, PLACES)
            for node in found
        ],
        **{name: column(name) for name in ("kept", "entropy_truncated", "hill2", "log_kept")},
    }


# Into a tree -----------------------------------------------------------------------------------------------------


def add_node(
    tree: Tree,
    fields: Mapping[str, Any],
    samplers: Sequence[Sampler],
    prompt_ids: Sequence[int] | None,
) -> int:
    """Adds a checked node to a tree, with the numbers that it has; returns its number.

    Args:
        samplers: those that the node's `sampler` and `drawn_under` count.
        prompt_ids: the prompt's tokens, of a node without a parent.
    """
    number = fields["sampler"]
    batch = batch_of(fields)
    following = next_token(fields["next"], samplers[number].temperature, tree.n_vocab)
    if prompt_ids is not None:
        return tree.add_root(
            prompt_ids, following, sampler=number, elapsed_ms=fields["elapsed_ms"], batch=batch
        )
    scored = TokenScore(
        fields["token_id"],
        -math.inf if fields["logprob"] is None else fields["logprob"],
        fields["logprob_truncated"],
        fields["rank"] or 0,
    )
    drawn = fields.get("drawn_under", number)
    node = tree.add(
        fields["parent"],
        scored,
        SOURCES[fields["source"]],
        following,
        sampler=drawn,
        draw=fields["draw"],
        eog=fields["eog"],
        elapsed_ms=fields["elapsed_ms"],
        batch=batch,
    )
    if drawn != number:
        tree.rescore(node, scored, following, sampler=number)
    return node


def batch_of(fields: Mapping[str, Any]) -> Batch | None:
    """The batch that a checked node says it was evaluated in; None where it does not say."""
    read = fields.get("read")
    if read is None or read["kind"] == "rows":
        return None
    rows: int = read["rows"]
    return Batch(read["start"], rows, rows > 1 and fields["parent"] is not None)


def apply_restated(tree: Tree, found: Mapping[str, Any], sampler: Sampler) -> None:
    """Gives nodes the numbers that another sampler gave them; raises ValueError for what is no such record."""
    nodes = found["nodes"]
    columns = [
        found[name]
        for name in ("logprob_truncated", "kept", "entropy_truncated", "hill2", "log_kept")
    ]
    for node, truncated, kept, entropy, hill2, log_kept in zip(nodes, *columns, strict=True):
        if not _whole(node) or node >= len(tree):
            raise ValueError(f"there is no node {node}")
        at = tree.node(node)
        scored = None
        if at.token_id is not None:
            scored = TokenScore(at.token_id, tree.logprob(node), truncated, at.rank or 0)
        following = at.next
        if following is not None:
            if not (
                _whole(kept, 1)
                and _within(entropy, 0, MOST_NATS)
                and _within(hill2, 1, MOST_CHOICES)
            ):
                raise ValueError(f"the numbers of node {node} are none")
            changed = replace(
                following,
                temperature=sampler.temperature,
                kept=kept,
                entropy_truncated=entropy,
                collision=1 / hill2,
            )
            following = replace(changed, log_kept=_log_kept(changed, log_kept))
        tree.rescore(node, scored, following, sampler=found["sampler"])


def next_token(
    fields: Mapping[str, Any] | None, temperature: float, n_vocab: int
) -> NextToken | None:
    """The distribution after a node as it was; `hill2` and `log_kept` are NaN where an older trace lacks them."""
    if fields is None:
        return None
    top = fields["top"]
    hill2 = fields.get("hill2")
    found = NextToken(
        n_vocab=n_vocab,
        entropy=fields["entropy"],
        entropy_truncated=fields["entropy_truncated"],
        kept=fields["kept"],
        varentropy=fields["varentropy"],
        entropy_lo=fields["entropy_lo"],
        entropy_hi=fields["entropy_hi"],
        temperature=temperature,
        log_kept=math.nan,
        collision=math.nan if hill2 is None else 1 / hill2,
        top_ids=np.array(top["ids"][:TOP], np.int32),
        top_logprobs=np.array(top["logprobs"][:TOP], np.float64),
        tail_mass=fields["tail_mass"],
    )
    return replace(found, log_kept=_log_kept(found, fields.get("log_kept")))


def _log_kept(after: NextToken, written: float | None) -> float:
    """ln of the sum of P**(1/temperature) over P~'s support: as written, else from the candidates."""
    if written is not None:
        return written
    if needs_log_kept(after.kept, len(after.top_ids)):
        return math.nan
    scaled = after.top_logprobs[: after.kept] / after.temperature
    return float(np.logaddexp.reduce(scaled))
