"""A session as a trace: written as a stream from the flat tree, read back through the schema.

Numbers are rounded when they are written, as `nodes.CANDIDATES` and `nodes.PLACES` say.
"""

from __future__ import annotations

import base64
import errno
import gc
import json
import math
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bftui.core.errors import BftuiError, UsageError
from bftui.core.pair.distribution_shift import PartnerView
from bftui.core.text import label
from bftui.core.tree import Block, Tree
from bftui.trace.nodes import CANDIDATES, PLACES, needs_log_kept
from bftui.trace.partner_fields import Seen, partner_fields

if TYPE_CHECKING:
    from bftui.trace import schema

_dumps = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class NotSaved(BftuiError):
    """A file could not be written; what stood at the path before is untouched."""


@dataclass(frozen=True, slots=True)
class Trace:
    """A session frozen at `count` nodes.

    Attributes:
        head: the fields of the document before `tokens`, `nodes` and what follows them.
        tail: the fields after `nodes`.
        tree: the tree that the nodes are read from; it may go on growing.
        count: how many nodes belong to this trace.
        token_bytes: the exact bytes of a token.
        seen: what a second model said of the nodes; None without one.
    """

    head: Mapping[str, Any]
    tail: Mapping[str, Any]
    tree: Tree
    count: int
    token_bytes: Callable[[int], bytes]
    seen: Seen | None = None

    def chunks(self) -> Iterator[str]:
        """The document in pieces of about a block of nodes; joined they are one line of JSON and a line end."""
        yield "{" + _fields(self.head)
        yield ',"nodes":['
        used = {
            i for root in self.tree.roots if root < self.count for i in self.tree.prompt_ids(root)
        }
        used.update(measured_ids(self.tail.get("measurements", ())))
        theirs = set[int]()
        views = {} if self.seen is None else self.seen.views
        for place, (text, ids) in enumerate(_nodes(self.tree, self.count, views)):
            used.update(ids)
            if place in views and (following := views[place].next) is not None:
                theirs.update(following.top_ids.tolist())
            yield "," + text if place else text
        if self.seen is not None and self.seen.same:
            used |= theirs
        yield '],"tokens":' + _dumps({str(i): self._token(i) for i in sorted(used)})
        if self.seen is not None and not self.seen.same:
            tokens = {str(i): token_fields(self.seen.token_bytes(i)) for i in sorted(theirs)}
            yield ',"partner_tokens":' + _dumps(tokens)
        yield "," + _fields(self.tail) + "}\n"

    def nodes(self) -> Iterator[dict[str, Any]]:
        """The fields of each node, with the numbers as they are written."""
        views = {} if self.seen is None else self.seen.views
        for text, _ in _nodes(self.tree, self.count, views):
            yield json.loads(text)

    def _token(self, token_id: int) -> dict[str, str]:
        # A partner with padding ids has more of them.
        padding = token_id >= self.tree.n_vocab
        return token_fields(b"" if padding else self.token_bytes(token_id))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the document; the file is whole or not there. Raises NotSaved."""
        target = Path(path)
        refuse_model(target, str(self.head["model"]["source"]))
        with saving(target), replacing(target) as file:
            for chunk in self.chunks():
                file.write(chunk)

    def as_dict(self) -> dict[str, Any]:
        """The document as plain data."""
        document: dict[str, Any] = json.loads("".join(self.chunks()))
        return document


def measured_ids(measurements: Iterable[Mapping[str, Any]]) -> Iterator[int]:
    """The tokens of continuations and candidates that were measured: their texts are in no node."""
    for found in measurements:
        kind, result = found["kind"], found["result"]
        if kind in ("rollouts", "resampling"):
            for sample in result["samples"]:
                yield from sample["token_ids"]
            yield from found["settings"].get("original", ())
        elif kind == "lookahead":
            yield from (candidate["id"] for candidate in result["candidates"])


def token_fields(data: bytes) -> dict[str, str]:
    return {"text": label(data), "bytes": base64.b64encode(data).decode()}


def refuse_model(target: Path, source: str) -> None:
    """Raises UsageError for a file that is the model itself, a part of it, or lies in its directory.

    A directory is known by the hash of all its files: a result among them would make it another model.
    """
    model = Path(source)
    with suppress(OSError, ValueError, RuntimeError):
        folder = model.resolve() if model.is_dir() else None
        if target.resolve().parent == folder or _is_part(target, model):
            inside = "lies in the model's directory" if folder else "is the model"
            raise UsageError(f"{target} {inside}", hint="choose another file for the result")


def refuse_inputs(target: Path | None, *inputs: Path) -> None:
    """Raises UsageError for a result that would be written over a file that it is made from."""
    if target is None or not target.is_file():
        return
    for path in inputs:
        with suppress(OSError):
            if path.samefile(target):
                raise UsageError(f"{target} is read", hint="choose another file for the result")


def _is_part(target: Path, model: Path) -> bool:
    """Whether an existing file holds weights, or is linked to a file of the model."""
    if not target.is_file():
        return False
    files = model.iterdir() if model.is_dir() else [model]
    weights = target.suffix in (".gguf", ".safetensors")
    return weights or any(file.exists() and file.samefile(target) for file in files)


@contextmanager
def saving(target: Path) -> Iterator[None]:
    """Turns what the system says against writing a file into one line of ours."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        # Links that lead in a circle are a RuntimeError of pathlib.
        reason = getattr(error, "strerror", None) or str(error)
        room = "make room, or " if getattr(error, "errno", None) in _NO_ROOM else ""
        raise NotSaved(f"cannot write {target}", reason, f"{room}choose another file") from error


@contextmanager
def replacing(target: Path) -> Iterator[IO[str]]:
    """A text file that takes its target's place when the block ends well, and vanishes when it does not.

    A target that is no regular file (a pipe, a device) is written to directly.
    """
    if target.exists() and not target.is_file():
        with target.open("w", encoding="utf-8") as file:
            yield file
        return
    target = target.resolve()
    with tempfile.NamedTemporaryFile(
        "w",
        encoding="utf-8",
        newline="\n",
        dir=target.parent,
        prefix=".bftui-",
        delete=False,
    ) as file:
        temporary = Path(file.name)
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
            file.close()
            temporary.chmod(_mode(target))
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)


def _mode(target: Path) -> int:
    """The permissions that a plain `open` would have left: those of the old file, else what the umask allows."""
    if target.exists():
        return target.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def _fields(data: Mapping[str, Any]) -> str:
    return _dumps(data)[1:-1]


def _nodes(
    tree: Tree, count: int, views: Mapping[int, PartnerView]
) -> Iterator[tuple[str, list[int]]]:
    """Each node's JSON, with the token ids that occur in it.

    Numbers become text column by column, and the node a line of those: several times faster than an object each.
    """
    candidates = _Texts()
    for nodes, block in tree.blocks(count):
        numbers = block.numbers[: len(nodes)]
        own = [_own(numbers[name]) for name in ("logprob", "logprob_truncated")]
        ranks = numbers["rank"].tolist()
        elapsed = _texts(np.round(numbers["elapsed_ms"].astype(np.float64), 3))
        following = list(_following(block, len(nodes), candidates))
        for row, node in enumerate(nodes):
            after, seen = following[row]
            token_id = tree.token_id(node)
            if token_id is None:
                logprob = truncated = rank = "null"
            else:
                seen.append(token_id)
                logprob, truncated, rank = own[0][row], own[1][row], str(ranks[row])
            partner = _dumps(partner_fields(views[node])) if node in views else "null"
            text = (
                f'{{"id":{node},"parent":{_or_null(tree.parent(node))},"token_id":{_or_null(token_id)},'
                f'"source":"{tree.source(node).word}","sampler":{tree.sampler(node)},'
                f'"draw":{_or_null(tree.draw(node))},"logprob":{logprob},"logprob_truncated":{truncated},'
                f'"rank":{rank},"eog":{"true" if tree.eog(node) else "false"},"next":{after},'
                f'"partner":{partner},"elapsed_ms":{elapsed[row]}{_drawn_under(tree, node)}'
                f"{_read(tree, node)}}}"
            )
            yield text, seen


_SCALARS = (
    "entropy",
    "entropy_truncated",
    "varentropy",
    "tail_mass",
    "entropy_lo",
    "entropy_hi",
)


def _following(block: Block, count: int, candidates: _Texts) -> Iterator[tuple[str, list[int]]]:
    """`next` of the first nodes of a block as JSON, with the candidates' ids; "null" where nothing comes after."""
    numbers = block.numbers[:count]
    columns = {name: np.round(numbers[name], PLACES) for name in _SCALARS}
    # Of the rounded entropies, so that what was read can be written again without a difference.
    for bf, entropy in (("bf", "entropy_truncated"), ("bf_full", "entropy")):
        columns[bf] = np.round(np.exp(columns[entropy]), PLACES)
    names = ",".join(f'"{name}":%s' for name in columns)
    collision = np.where(numbers["n_top"] < 0, 1.0, numbers["collision"])
    rows = zip(
        zip(*map(_texts, columns.values()), strict=True),
        np.round(1 / collision, PLACES).tolist(),
        numbers["kept"].tolist(),
        np.round(numbers["log_kept"], PLACES).tolist(),
        numbers["n_top"].tolist(),
        block.top_ids[:count].tolist(),
        # Adding 0 makes one zero of two.
        (np.round(block.top_logprobs[:count], CANDIDATES) + 0.0).tolist(),
        strict=True,
    )
    for values, hill2, kept, mass, n_top, ids, logprobs in rows:
        if n_top < 0:
            yield "null", []
            continue
        ids = ids[:n_top]
        top = ",".join(map(candidates.__getitem__, logprobs[:n_top]))
        # Both are unknown of older traces that were read.
        more = "" if math.isnan(hill2) else f',"hill2":{hill2!r}'
        if needs_log_kept(kept, n_top) and not math.isnan(mass):
            more += f',"log_kept":{mass!r}'
        yield (
            f'{{{names % values},"kept":{kept}{more},"top":{{"ids":{_dumps(ids)},"logprobs":[{top}]}}}}',
            ids,
        )


class _Texts(dict[float, str]):
    """Numbers as JSON, of which the same few come again and again."""

    def __missing__(self, value: float) -> str:
        if len(self) >= _MOST_TEXTS:
            self.clear()
        text = self[value] = repr(value)
        return text


_MOST_TEXTS = 1 << 18


def _texts(column: NDArray[np.floating[Any]]) -> list[str]:
    """Finite numbers as JSON."""
    return list(map(repr, column.tolist()))


def _or_null(value: int | None) -> str:
    return "null" if value is None else str(value)


def _drawn_under(tree: Tree, node: int) -> str:
    """Said only where the numbers were made anew since: with `draw` it tells why this token was drawn."""
    drawn = tree.drawn_under(node)
    if tree.draw(node) is None or drawn == tree.sampler(node):
        return ""
    return f',"drawn_under":{drawn}'


def _read(tree: Tree, node: int) -> str:
    batch = tree.batch(node)
    if batch is None:
        return ""
    return f',"read":{{"kind":"{batch.kind}","rows":{batch.rows},"start":{batch.start}}}'


def _own(column: NDArray[np.float64]) -> list[str]:
    """A column of log-probabilities: NaN and -inf are null, and no rounding makes one positive."""
    values = np.minimum(np.round(column, PLACES), 0.0).tolist()
    return [repr(value) if math.isfinite(value) else "null" for value in values]


def read(path: str | os.PathLike[str]) -> schema.TraceDocument:
    """Reads and checks a whole trace; raises InputError that says where and why.

    `reading.TraceFile` reads traces of any size.
    """
    from pydantic import TypeAdapter

    from bftui.trace import schema
    from bftui.trace.reading import TraceFile

    lists: dict[str, Any] = {"nodes": [], "actions": [], "measurements": []}
    items = {
        "nodes": schema.TraceNode,
        "actions": schema.TraceAction,
        "measurements": schema.TraceMeasurement,
    }
    with _without_collection():
        outline = TraceFile(path, lambda field, item: lists[field].append(item)).outline
        for field, item in items.items():
            lists[field] = TypeAdapter(list[item]).validate_python(lists[field])  # type: ignore[valid-type]
    parts = {name: getattr(outline, name) for name in type(outline).model_fields}
    return schema.TraceDocument.model_construct(
        None, **parts, **(outline.model_extra or {}), **lists
    )


@contextmanager
def _without_collection() -> Iterator[None]:
    """What is read stays: to look through it for garbage again and again takes as long as reading."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()
