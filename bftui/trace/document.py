"""A session as a trace: written as a stream from the flat tree, read back through the schema.

Numbers are rounded when they are written: candidates to 5 decimals, all else to 10, which is far below the noise of
float32 logits and two thirds of the size.
"""

from __future__ import annotations

import base64
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
from bftui.core.shift import PartnerView
from bftui.core.text import label
from bftui.core.tree import Tree
from bftui.trace.nodes import needs_log_kept
from bftui.trace.partner import Seen, partner_fields

if TYPE_CHECKING:
    from bftui.trace import schema

_dumps = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


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
        used.update(_measured_ids(self.tail.get("measurements", ())))
        theirs = set[int]()
        views = {} if self.seen is None else self.seen.views
        for place, (text, ids) in enumerate(_nodes(self.tree, self.count, views)):
            used.update(ids)
            following = None if place not in views else views[place].next
            theirs.update([] if following is None else following.top_ids.tolist())
            yield "," + text if place else text
        if self.seen is not None and self.seen.same:
            used |= theirs
        yield '],"tokens":' + _dumps({str(i): self._token(i) for i in sorted(used)})
        if self.seen is not None and not self.seen.same:
            tokens = {str(i): _token(self.seen.token_bytes(i)) for i in sorted(theirs)}
            yield ',"partner_tokens":' + _dumps(tokens)
        yield "," + _fields(self.tail) + "}\n"

    def _token(self, token_id: int) -> dict[str, str]:
        # A partner with padding ids has more of them.
        padding = token_id >= self.tree.n_vocab
        return _token(b"" if padding else self.token_bytes(token_id))

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


def _measured_ids(measurements: Iterable[Mapping[str, Any]]) -> Iterator[int]:
    """The tokens of continuations and candidates that were measured: their texts are in no node."""
    for found in measurements:
        kind, result = found["kind"], found["result"]
        if kind in ("rollouts", "resampling"):
            for sample in result["samples"]:
                yield from sample["token_ids"]
            yield from found["settings"].get("original", ())
        elif kind == "lookahead":
            yield from (candidate["id"] for candidate in result["candidates"])


def _token(data: bytes) -> dict[str, str]:
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
        raise NotSaved(f"cannot write {target}", reason, "choose another file") from error


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


_SCALARS = (
    "entropy",
    "entropy_truncated",
    "varentropy",
    "tail_mass",
    "entropy_lo",
    "entropy_hi",
)


def _nodes(
    tree: Tree, count: int, views: Mapping[int, PartnerView]
) -> Iterator[tuple[str, set[int]]]:
    """Each node's JSON, with the token ids that occur in it."""
    for nodes, block in tree.blocks(count):
        numbers = block.numbers
        columns = {name: np.round(numbers[name], 10).tolist() for name in _SCALARS}
        # Of the rounded entropies, so that what was read can be written again without a difference.
        for bf, entropy in (("bf", "entropy_truncated"), ("bf_full", "entropy")):
            columns[bf] = np.round(np.exp(np.round(numbers[entropy], 10)), 10).tolist()
        collision = np.where(numbers["n_top"] < 0, 1.0, numbers["collision"])
        columns["hill2"] = np.round(1 / collision[: len(nodes)], 10).tolist()
        columns["kept"] = numbers["kept"].tolist()
        log_kept = np.round(numbers["log_kept"], 10).tolist()
        n_top = numbers["n_top"].tolist()
        ids = block.top_ids.tolist()
        logprobs = np.round(block.top_logprobs, 5).tolist()
        own = {name: _own(numbers[name]) for name in ("logprob", "logprob_truncated")}
        ranks = numbers["rank"].tolist()
        elapsed = np.round(numbers["elapsed_ms"].astype(np.float64), 3).tolist()
        for row, node in enumerate(nodes):
            following: dict[str, Any] | None = None
            seen: set[int] = set()
            if n_top[row] >= 0:
                top = {"ids": ids[row][: n_top[row]], "logprobs": logprobs[row][: n_top[row]]}
                following = {name: column[row] for name, column in columns.items()}
                following["top"] = top
                if needs_log_kept(following["kept"], n_top[row]):
                    following["log_kept"] = log_kept[row]
                seen.update(top["ids"])
            token_id = tree.token_id(node)
            if token_id is not None:
                seen.add(token_id)
            text = _dumps(
                {
                    "id": node,
                    "parent": tree.parent(node),
                    "token_id": token_id,
                    "source": tree.source(node).word,
                    "sampler": tree.sampler(node),
                    "draw": tree.draw(node),
                    "logprob": None if token_id is None else own["logprob"][row],
                    "logprob_truncated": None
                    if token_id is None
                    else own["logprob_truncated"][row],
                    "rank": None if token_id is None else ranks[row],
                    "eog": tree.eog(node),
                    "next": following,
                    "partner": partner_fields(views[node]) if node in views else None,
                    "elapsed_ms": elapsed[row],
                    **_drawn_under(tree, node),
                }
            )
            yield text, seen


def _drawn_under(tree: Tree, node: int) -> dict[str, int]:
    """Said only where the numbers were made anew since: with `draw` it tells why this token was drawn."""
    drawn = tree.drawn_under(node)
    if tree.draw(node) is None or drawn == tree.sampler(node):
        return {}
    return {"drawn_under": drawn}


def _own(column: NDArray[np.float64]) -> list[float | None]:
    """A column of log-probabilities: NaN and -inf are null, and no rounding makes one positive."""
    values: list[float] = np.minimum(np.round(column, 10), 0.0).tolist()
    return [value if math.isfinite(value) else None for value in values]


def read(path: str | os.PathLike[str]) -> schema.Trace:
    """Reads and checks a whole trace; raises InputError that says where and why.

    `reading.TraceFile` reads traces of any size.
    """
    from pydantic import TypeAdapter

    from bftui.trace import schema
    from bftui.trace.reading import TraceFile

    lists: dict[str, Any] = {"nodes": [], "actions": [], "measurements": []}
    items = {"nodes": schema.Node, "actions": schema.Action, "measurements": schema.Measurement}
    with _without_collection():
        outline = TraceFile(path, lambda field, item: lists[field].append(item)).outline
        for field, item in items.items():
            lists[field] = TypeAdapter(list[item]).validate_python(lists[field])  # type: ignore[valid-type]
    parts = {name: getattr(outline, name) for name in type(outline).model_fields}
    return schema.Trace.model_construct(None, **parts, **(outline.model_extra or {}), **lists)


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
