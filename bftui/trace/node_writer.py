"""The nodes of a tree as JSON, for traces and journals; their numbers are rounded here and nowhere else.

Numbers become text column by column, and a node one line of those: several times faster than an object each.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bftui.core.constrained import UnderConstraint
from bftui.core.distribution import NextToken
from bftui.core.pair.distribution_shift import PartnerView
from bftui.core.tree import Block, Tree
from bftui.trace.journal import dumps

CANDIDATES, PLACES = 4, 6
"""Decimals of a candidate's log-probability, and of every other number of a node that is in nats or made of such.

Logits of float32 between 8 and 16 lie 1e-6 apart: a sixth place more would be noise. The candidates, five numbers of
six in a file, are for looking at and are summed up in exact numbers beside them; a probability is right to 0.005 %.
"""

_MILLISECONDS = 3
"""Decimals of the time that a node took."""

Written = tuple[str, list[int]]
"""A piece of JSON, and the ids of the tokens that occur in it."""

_NEXT = (
    *("entropy", "entropy_truncated", "varentropy", "tail_mass", "entropy_lo", "entropy_hi"),
    *("bf", "bf_full"),
)
_COLUMNS = (*_NEXT, "hill2", "log_kept", "logprob", "logprob_truncated", "elapsed_ms")
_MADE, _OWN = slice(6, 9), slice(10, 12)
"""Those of the columns that the tree does not hold, and the log-probabilities of the node's token."""

_STORED = [(column, name) for column, name in enumerate(_COLUMNS) if not 6 <= column < 9]
_SCALE = np.array([[10.0**PLACES]] * 12 + [[10.0**_MILLISECONDS]])
_NEXT_TEXT = ",".join(f'"{name}":%r' for name in _NEXT)

_LEAST = -1e15
"""From here up pydantic writes a log-probability as `dumps` does, in a fifth of the time."""

_MANY = 1000
"""Nodes from which on that saves more time than importing it takes."""


def node_texts(
    tree: Tree, start: int, stop: int, views: Mapping[int, PartnerView] | None = None
) -> Iterator[Written]:
    """Writes the nodes from `start` up to `stop`, with what a partner said of those that have a view."""
    views = views or {}
    write = _writer(stop - start)
    for nodes, block in tree.blocks(stop, start):
        columns = _columns(block.numbers)
        rows = zip(
            nodes,
            columns["logprob"],
            columns["logprob_truncated"],
            block.numbers["rank"].tolist(),
            columns["elapsed_ms"],
            _following(block, columns, write),
            strict=True,
        )
        for node, logprob, truncated, rank, took, (after, ids) in rows:
            token_id = tree.token_id(node)
            if token_id is None:
                own = '"logprob":null,"logprob_truncated":null,"rank":null'
            else:
                ids.append(token_id)
                own = f'"logprob":{_finite(logprob)},"logprob_truncated":{_finite(truncated)},"rank":{rank}'
            if (here := tree.constraint(node)) is not None:
                after = f'{after[:-1]},"constraint":{dumps(constraint_fields(here))}}}'
            partner = partner_text(views[node]) if node in views else "null"
            yield (
                f'{{"id":{node},"parent":{_or_null(tree.parent(node))},"token_id":{_or_null(token_id)},'
                f'"source":"{tree.source(node).word}","sampler":{tree.sampler(node)},'
                f'"draw":{_or_null(tree.draw(node))},{own},"eog":{"true" if tree.eog(node) else "false"},'
                f'"next":{after},"partner":{partner},"elapsed_ms":{took!r}'
                f"{_drawn_under(tree, node)}{_read(tree, node)}}}",
                ids,
            )


def constraint_fields(here: UnderConstraint) -> dict[str, Any]:
    """Returns what a constraint makes of a distribution; `nodes.constraint_of` reads it."""
    return {
        "state": here.state,
        "allowed": here.allowed,
        "mass": _place(here.mass),
        "entropy_free": _place(here.entropy_free),
    }


def partner_text(view: PartnerView) -> str:
    """Writes `partner` of a node: its token in the partner's distribution, and the partner's distribution after it."""
    compared = view.compared
    fields: dict[str, Any] = dict.fromkeys(
        ("rank", "logprob", "class", "kl_partner_base", "kl_base_partner", "js")
    )
    if compared is not None:
        fields = {
            "rank": compared.partner.rank,
            "logprob": _place(compared.partner.logprob),
            "class": compared.partner.kind,
            "kl_partner_base": _place(compared.kl_partner_base),
            "kl_base_partner": _place(compared.kl_base_partner),
            "js": _place(compared.js),
        }
    together = f',"together":[{view.place},{view.tokens}]' if view.tokens > 1 else ""
    return f'{dumps(fields)[:-1]},"next":{_next_text(view.next)}{together}}}'


def restated_fields(tree: Tree, nodes: Sequence[int]) -> dict[str, Any]:
    """Returns what another sampler changed of P~ of some nodes, as columns; `nodes.apply_restated` reads it."""
    blocks = [block for node in nodes for _, block in tree.blocks(node + 1, node)]
    numbers = np.concatenate([block.numbers for block in blocks])
    columns = {**_columns(numbers), "kept": numbers["kept"].tolist()}
    there = (numbers["n_top"] >= 0).tolist()

    def column(name: str) -> list[float | None]:
        rows = zip(columns[name], there, strict=True)
        return [value if known and math.isfinite(value) else None for value, known in rows]

    truncated = [value if math.isfinite(value) else None for value in columns["logprob_truncated"]]
    listed = [_listed(block, 0, int(block.numbers["n_top"][0])) for block in blocks]
    under = [tree.constraint(node) for node in nodes]
    governed = [None if here is None else constraint_fields(here) for here in under]
    return {
        "nodes": list(nodes),
        "sampler": tree.sampler(nodes[0]),
        "logprob_truncated": truncated,
        **{name: column(name) for name in ("kept", "entropy_truncated", "hill2", "log_kept")},
        **({"truncated": listed} if any(listed) else {}),
        **({"constraint": governed} if any(governed) else {}),
    }


def _next_text(after: NextToken | None) -> str:
    """Writes a distribution that is in no tree."""
    block = Block(1)
    block.write(0, None, after, 0.0)
    text, _ = next(_following(block, _columns(block.numbers), dumps))
    return text


def _following(
    block: Block, columns: Mapping[str, list[float]], write: Callable[[Any], str]
) -> Iterator[Written]:
    """Writes `next` of the nodes of a block, "null" where nothing comes after one; the ids are the candidates'."""
    n_top, least = block.numbers["n_top"].tolist(), block.top_logprobs.min()
    ids = _leading(block.top_ids, n_top)
    # Adding 0 makes one zero of two.
    logprobs = _leading(_rounded(block.top_logprobs, 10.0**CANDIDATES) + 0.0, n_top)
    rows = zip(
        zip(*(columns[name] for name in _NEXT), strict=True),
        columns["hill2"],
        columns["log_kept"],
        block.numbers["kept"].tolist(),
        n_top,
        ids,
        write(ids)[2:-2].split("],["),
        (write if least > _LEAST else dumps)(logprobs)[2:-2].split("],["),
        strict=True,
    )
    for row, (values, hill2, log_kept, kept, count, found, ids_text, logprobs_text) in enumerate(
        rows
    ):
        if count < 0:
            yield "null", found
            continue
        # Both are unknown of older traces that were read.
        more = "" if math.isnan(hill2) else f',"hill2":{hill2!r}'
        more += "" if math.isnan(log_kept) else f',"log_kept":{log_kept!r}'
        yield (
            f'{{{_NEXT_TEXT % values},"kept":{kept}{more},'
            f'"top":{{"ids":[{ids_text}],"logprobs":[{logprobs_text}]{_truncated(block, row, count)}}}}}',
            found,
        )


def _truncated(block: Block, row: int, count: int) -> str:
    """Writes ln P~ of the candidates where the number of kept tokens does not tell it."""
    found = _listed(block, row, count)
    return "" if found is None else f',"truncated":{dumps(found)}'


def _listed(block: Block, row: int, count: int) -> list[float | None] | None:
    listed = block.listed(row, count)
    if listed is None:
        return None
    rounded = _rounded(listed, 10.0**CANDIDATES) + 0.0
    return [min(value, 0.0) if math.isfinite(value) else None for value in rounded.tolist()]


def _leading(rows: NDArray[Any], counts: Sequence[int]) -> list[list[Any]]:
    """The first numbers of each row, so many as its count says."""
    return [row[: max(count, 0)] for row, count in zip(rows.tolist(), counts, strict=True)]


def _writer(nodes: int) -> Callable[[Any], str]:
    """Returns what writes lists of numbers in the least time."""
    if nodes < _MANY:
        return dumps
    from pydantic_core import to_json

    return lambda rows: to_json(rows).decode()


def _columns(numbers: NDArray[Any]) -> dict[str, list[float]]:
    """Rounds the numbers of nodes, by the names of `_COLUMNS`.

    NaN stands for what is not known or not written: `log_kept` is written only where the candidates do not tell it.
    """
    found = np.zeros((len(_COLUMNS), len(numbers)))
    for column, name in _STORED:
        found[column] = numbers[name]
    entropy, truncated, *_, log_kept, _, _, _ = found
    log_kept[numbers["kept"] <= numbers["n_top"]] = math.nan
    found[:] = _rounded(found, _SCALE)
    # No rounding makes a probability more than 1.
    np.minimum(found[_OWN], 0.0, out=found[_OWN])
    # Of the rounded entropies, so that what was read can be written again without a difference.
    bf, bf_full, hill2 = found[_MADE]
    np.exp(truncated, out=bf)
    np.exp(entropy, out=bf_full)
    np.divide(1, numbers["collision"], out=hill2, where=numbers["n_top"] >= 0)
    found[_MADE] = _rounded(found[_MADE], 10.0**PLACES)
    return dict(zip(_COLUMNS, found.tolist(), strict=True))


def _rounded(
    values: NDArray[np.float64], scale: float | NDArray[np.float64]
) -> NDArray[np.float64]:
    """Rounds as `np.round` does, bit by bit; of a few numbers in a third of its time."""
    found: NDArray[np.float64] = values * scale
    np.rint(found, out=found)
    found /= scale
    return found


def _or_null(value: int | None) -> str:
    return "null" if value is None else str(value)


def _finite(value: float) -> str:
    return repr(value) if math.isfinite(value) else "null"


def _drawn_under(tree: Tree, node: int) -> str:
    """Said only where the numbers are of another sampler now: with `draw` it tells why this token was drawn."""
    drawn = tree.drawn_under(node)
    if tree.draw(node) is None or drawn == tree.sampler(node):
        return ""
    return f',"drawn_under":{drawn}'


def _read(tree: Tree, node: int) -> str:
    batch = tree.batch(node)
    if batch is None:
        return ""
    return f',"read":{{"kind":"{batch.kind}","rows":{batch.rows},"start":{batch.start}}}'


def _place(value: float | None) -> float | None:
    """Rounds one number; JSON has no infinities."""
    return round(value, PLACES) if value is not None and math.isfinite(value) else None
