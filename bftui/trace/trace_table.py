"""A trace as tables: one row or one line for each node, for data frames; or as a trace in its present form."""

from __future__ import annotations

import base64
import csv
import io
import json
from array import array
from collections.abc import Iterator
from typing import Any, Literal

from bftui.core.sampler import FIRST
from bftui.core.text import escaped_json, safe
from bftui.trace.branch_names import branches, letters
from bftui.trace.header import sampler_fields
from bftui.trace.reading import TraceFile

Form = Literal["csv", "jsonl", "json"]

_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


def _dumps(value: Any) -> str:
    return escaped_json(_encode(value))


_PLACE = ("id", "parent", "prompt", "branch", "depth", "position", "on_path")
_OWN = ("token_id", "text", "bytes", "source", "sampler")
_SAMPLER = FIRST
_MORE = ("draw", "logprob", "logprob_truncated", "rank", "eog", "elapsed_ms")
_NEXT = (
    "entropy",
    "entropy_truncated",
    "bf",
    "bf_full",
    "kept",
    "varentropy",
    "hill2",
    "tail_mass",
    "entropy_lo",
    "entropy_hi",
)
_PARTNER = ("rank", "logprob", "class", "kl_partner_base", "kl_base_partner", "js")

COLUMNS = (*_PLACE, *_OWN, *_SAMPLER, *_MORE, *_NEXT, *(f"partner_{name}" for name in _PARTNER))
"""The columns of the table.

`prompt` counts the prompts from 0, `branch` is the letter that the workbench gives to the last branch on the way to
the node, `depth` counts its tokens after the prompt, `position` is the place of its own token among them, from 0.
From `temperature` to `seed` stands the sampler that its numbers are of, which is number `sampler` of the trace and
may have further settings there. `text` is a display form, `bytes` the token's bytes in base64; of the numbers those
from `entropy` to `entropy_hi` are of the distribution after the node. In CSV a text that a spreadsheet would take for
a formula begins with an apostrophe.
"""

_FORMULA = tuple("=+-@＝＋－＠")


def exported(trace: TraceFile, form: Form) -> Iterator[str]:
    """Writes the export in pieces."""
    if form == "csv":
        return _csv(trace)
    if form == "jsonl":
        return (_dumps({**_rest(node), **row}) + "\n" for node, row in _rows(trace))
    return document(trace)


def _rest(node: dict[str, Any]) -> dict[str, Any]:
    """What a node holds beside its columns: candidates, and what newer versions may add."""
    after, partner = node["next"] or {"top": None}, node.get("partner") or {}
    rest = {name: value for name, value in node.items() if name not in ("next", "partner")}
    return {**rest, **after, **{f"partner_{name}": value for name, value in partner.items()}}


def _csv(trace: TraceFile) -> Iterator[str]:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    for _, row in _rows(trace):
        writer.writerow(["" if row[name] is None else _cell(row[name]) for name in COLUMNS])
        if buffer.tell() > 1 << 16:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str):
        return value
    text = safe(value)
    return f"'{text}" if len(text) > 1 and text.startswith(_FORMULA) else text


def _rows(trace: TraceFile) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Each node with its row."""
    links = trace.links
    depths, named, path = links.depths(), branches(links.parents), set(trace.outline.path)
    prompts = trace.prompts()
    samplers = [sampler_fields(each) for each in trace.samplers]
    counted = {root: place for place, root in enumerate(links.roots)}
    asked = array("i")
    for node in trace.nodes():
        number, token_id, parent = node["id"], node["token_id"], node["parent"]
        text, data = None, None
        if token_id is not None:
            text, data = trace.text(token_id), trace.token_bytes(token_id)
        elif number in prompts:
            text = prompts[number].text
        asked.append(counted[number] if parent is None else asked[parent])
        after, partner = node["next"] or {}, node.get("partner") or {}
        row: dict[str, Any] = {name: node.get(name) for name in (*_PLACE, *_OWN, *_MORE)}
        row.update(samplers[node["sampler"]])
        row["prompt"], row["depth"], row["on_path"] = asked[number], depths[number], number in path
        row["branch"] = letters(named[number]) if named[number] >= 0 else None
        row["position"] = None if parent is None else depths[number] - 1
        row["text"] = text
        row["bytes"] = None if data is None else base64.b64encode(data).decode()
        row.update({name: after.get(name) for name in _NEXT})
        row.update({f"partner_{name}": partner.get(name) for name in _PARTNER})
        yield node, row


def document(trace: TraceFile) -> Iterator[str]:
    """Writes the whole trace in its present form, with unknown fields; one line of JSON."""
    outline = trace.outline.model_dump(mode="json", by_alias=True)
    yield "{" + _dumps(outline)[1:-1]
    lists = (("nodes", trace.nodes()), ("actions", trace.actions()))
    for name, items in (*lists, ("measurements", trace.measurements())):
        yield f',"{name}":['
        for place, item in enumerate(items):
            yield ("," if place else "") + _dumps(item)
        yield "]"
    yield "}\n"
