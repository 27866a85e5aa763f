"""The nodes of a trace or a journal that are read: held against the schema, and put into a tree."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
from numpy.typing import NDArray

from bftui.core.batch import Batch
from bftui.core.constrained import ConstraintState, UnderConstraint
from bftui.core.distribution import TOP, NextToken, TokenScore, frozen
from bftui.core.pair.distribution_shift import Compared, PartnerView, Standing
from bftui.core.sampler import Sampler
from bftui.core.tree import Source, Tree
from bftui.trace.bounds import LARGEST, MOST_CHOICES, MOST_NATS
from bftui.trace.stream import check_plain

if TYPE_CHECKING:
    from pydantic import BaseModel, TypeAdapter

SOURCES = {source.word: source for source in Source}


def checked_node(fields: Any) -> dict[str, Any]:
    """Returns the fields of a node; raises pydantic's ValidationError, or ValueError, for what is none."""
    return _checked("TraceNode", fields, _leaves_out_nothing)


def checked_action(fields: Any) -> dict[str, Any]:
    """Returns the fields of an action; raises pydantic's ValidationError, or ValueError, for what is none."""
    return _checked(
        "TraceAction", fields, lambda action: not action["args"] and action["op"].isascii()
    )


def checked_measurement(fields: Any) -> dict[str, Any]:
    """Returns the fields of a measurement; raises as `checked_action`."""
    return _checked("TraceMeasurement", fields, lambda _: False)


def _checked(kind: str, fields: Any, plain: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Returns what a model of the schema would write of some fields; raises as above.

    Those that it would write as they are, which is nearly all, are not written: that takes as long as the check.

    Args:
        plain: whether it would do so with fields of which it knows all.
    """
    from bftui.trace import schema

    adapter = _adapter(getattr(schema, kind))
    if adapter.validator.isinstance_python(fields, extra="forbid") and plain(fields):
        usual: dict[str, Any] = fields
        return usual
    check_plain(fields)
    found: dict[str, Any] = adapter.dump_python(
        adapter.validate_python(fields), mode="json", by_alias=True
    )
    return found


@cache
def _adapter(model: type[BaseModel]) -> TypeAdapter[BaseModel]:
    from pydantic import TypeAdapter

    return TypeAdapter(model)


_OPTIONAL = frozenset(("drawn_under", "read", "hill2", "log_kept", "together", "constraint"))


def _leaves_out_nothing(node: dict[str, Any]) -> bool:
    """Whether everything that a node may leave out is there, or is left out and not null."""
    if "partner" not in node:
        return False
    partner = node["partner"] or {}
    parts = (node, node["next"], partner, partner.get("next"))
    return not any(part[name] is None for part in parts if part for name in _OPTIONAL & part.keys())


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
    parent = fields["parent"]
    position = 0 if parent is None else tree.depth(parent) + 1
    temperature = samplers[number].at(position).temperature
    following = next_token(fields["next"], temperature, tree.n_vocab)
    if prompt_ids is not None:
        return tree.add_root(
            prompt_ids, following, sampler=number, elapsed_ms=fields["elapsed_ms"], batch=batch
        )
    scored = _scored(fields)
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
    """Returns the batch that a checked node says it was evaluated in; None where it does not say."""
    read = fields.get("read")
    if read is None or read["kind"] == "rows":
        return None
    rows: int = read["rows"]
    return Batch(read["start"], rows, rows > 1 and fields["parent"] is not None)


def apply_restated(tree: Tree, found: Mapping[str, Any], sampler: Sampler) -> None:
    """Gives nodes the numbers that another sampler gave them; raises ValueError for what is not such a record."""
    if "whole" in found:
        for fields in map(checked_node, found["whole"]):
            _replace(tree, fields, sampler)
        return
    nodes = found["nodes"]
    columns = [
        found[name]
        for name in ("logprob_truncated", "kept", "entropy_truncated", "hill2", "log_kept")
    ]
    columns += [found.get(name) or [None] * len(nodes) for name in ("truncated", "constraint")]
    for node, truncated, kept, entropy, hill2, log_kept, listed, governed in zip(
        nodes, *columns, strict=True
    ):
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
                temperature=sampler.at(tree.depth(node)).temperature,
                kept=kept,
                entropy_truncated=entropy,
                collision=1 / hill2,
                top_truncated=_listed(listed, len(following.top_ids)),
                constraint=constraint_of(governed),
            )
            following = replace(changed, log_kept=_log_kept(changed, log_kept))
        tree.rescore(node, scored, following, sampler=found["sampler"])


def _replace(tree: Tree, fields: Mapping[str, Any], sampler: Sampler) -> None:
    """Gives a node all numbers of a node that was written down later."""
    node = fields["id"]
    if node >= len(tree) or tree.token_id(node) != fields["token_id"]:
        raise ValueError(f"there is no node {node} of token {fields['token_id']}")
    if max(fields["next"]["top"]["ids"] if fields["next"] else (), default=0) >= tree.n_vocab:
        raise ValueError(f"node {node} has a token outside the vocabulary")
    following = next_token(fields["next"], sampler.at(tree.depth(node)).temperature, tree.n_vocab)
    scored = None if fields["token_id"] is None else _scored(fields)
    tree.rescore(node, scored, following, sampler=fields["sampler"])


def _scored(fields: Mapping[str, Any]) -> TokenScore:
    """How probable the own token of a checked node was."""
    logprob = -math.inf if fields["logprob"] is None else fields["logprob"]
    return TokenScore(fields["token_id"], logprob, fields["logprob_truncated"], fields["rank"] or 0)


def _whole(value: Any, low: int = 0) -> bool:
    return type(value) is int and low <= value <= LARGEST


def _within(value: Any, low: float, high: float) -> bool:
    # NaN is within nothing.
    return (type(value) is float or type(value) is int) and low <= value <= high


def next_token(
    fields: Mapping[str, Any] | None, temperature: float, n_vocab: int
) -> NextToken | None:
    """Reads the distribution after a node; `hill2` and `log_kept` are NaN where an older trace lacks them."""
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
        top_truncated=_listed(top.get("truncated"), len(top["ids"])),
        constraint=constraint_of(fields.get("constraint")),
    )
    return replace(found, log_kept=_log_kept(found, fields.get("log_kept")))


def constraint_of(written: Mapping[str, Any] | None) -> UnderConstraint | None:
    """Reads what a constraint makes of a distribution; raises ValueError, KeyError for what is not that."""
    if written is None:
        return None
    state, mass, entropy = (written[name] for name in ("state", "mass", "entropy_free"))
    if (
        state not in get_args(ConstraintState)
        or not _whole(written["allowed"])
        or not _within(mass, 0, 1)
        or not _within(entropy, 0, MOST_NATS)
    ):
        raise ValueError(f"a constraint makes nothing like {written!r:.80}")
    return UnderConstraint(state, written["allowed"], mass, entropy)


def _listed(written: Sequence[float | None] | None, count: int) -> NDArray[np.float64] | None:
    """Reads ln P~ of candidates; raises ValueError where they are not as many as the candidates."""
    if written is None:
        return None
    if len(written) != count or not written:
        raise ValueError(f"{count} candidates but {len(written)} truncated ones")
    found = [-math.inf if value is None else value for value in written[:TOP]]
    return frozen(np.array(found, np.float64))


def _log_kept(after: NextToken, written: float | None) -> float:
    """ln of the sum of P**(1/temperature) over P~'s support: as written, else from the candidates."""
    if written is not None:
        return written
    if after.kept > len(after.top_ids) or after.top_truncated is not None:
        return math.nan
    scaled = after.top_logprobs[: after.kept] / after.temperature
    return float(np.logaddexp.reduce(scaled))


def view_of(
    tree: Tree, node: int, fields: Mapping[str, Any], temperature: float, n_vocab: int
) -> PartnerView:
    """Reads what a partner said of a node that is in the tree.

    Args:
        fields: `partner` of the node.
        temperature: of the sampler that the node's numbers are for.
        n_vocab: the partner's.
    """
    place, tokens = fields.get("together") or (0, 1)
    compared = None
    if fields["rank"] is not None:
        compared = Compared(
            base=_in_base(tree, node, tokens if place == tokens - 1 else 1),
            partner=Standing(fields["rank"], _logarithm(fields["logprob"])),
            kl_partner_base=fields["kl_partner_base"],
            kl_base_partner=fields["kl_base_partner"],
            js=fields["js"],
        )
    following = next_token(fields["next"], temperature, n_vocab)
    return PartnerView(compared, following, tree.sampler(node), place, tokens)


def _in_base(tree: Tree, node: int, tokens: int) -> Standing:
    """The token of a node in the base's distribution, or the last ones of its path together."""
    rank, logprob = 0, 0.0
    at: int | None = node
    for _ in range(min(tokens, tree.depth(node))):
        assert at is not None
        found = tree.node(at)
        rank, logprob = max(rank, found.rank or 0), logprob + tree.logprob(at)
        at = found.parent
    return Standing(rank, logprob)


def _logarithm(value: float | None) -> float:
    """Null stands for the logarithm of 0."""
    return -math.inf if value is None else value
