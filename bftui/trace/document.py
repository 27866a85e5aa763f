"""A session as a trace: written as a stream from the flat tree, read back through the schema."""

from __future__ import annotations

import base64
import errno
import gc
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from bftui.core.errors import BftuiError, UsageError
from bftui.core.pair.distribution_shift import PartnerView
from bftui.core.text import label
from bftui.core.tree import Tree
from bftui.formats.mixture_forms import files_of
from bftui.trace.journal import dumps
from bftui.trace.node_writer import node_texts

if TYPE_CHECKING:
    from bftui.trace import schema

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class NotSaved(BftuiError):
    """A file could not be written; what stood at the path before is untouched."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A partner's views when the trace was taken.

    Attributes:
        views: by node; nodes that were not looked at are missing.
        token_bytes: the exact bytes of one of the partner's tokens.
        same: whether the partner's ids mean what the base's do.
    """

    views: Mapping[int, PartnerView]
    token_bytes: Callable[[int], bytes]
    same: bool


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
        """Writes the document in pieces of about a block of nodes; joined they are one line of JSON and a line end."""
        yield "{" + _fields(self.head)
        yield ',"nodes":['
        used = {
            i for root in self.tree.roots if root < self.count for i in self.tree.prompt_ids(root)
        }
        for each in (self.head, *self.tail.get("prompts", ())):
            used.update(each["prompt"].get("styled_ids") or ())
        used.update(measured_ids(self.tail.get("measurements", ())))
        theirs = set[int]()
        views = {} if self.seen is None else self.seen.views
        for place, (text, ids) in enumerate(node_texts(self.tree, 0, self.count, views)):
            used.update(ids)
            if place in views and (following := views[place].next) is not None:
                theirs.update(following.top_ids.tolist())
            yield "," + text if place else text
        if self.seen is not None and self.seen.same:
            used |= theirs
        yield '],"tokens":' + dumps({str(i): self._token(i) for i in sorted(used)})
        if self.seen is not None and not self.seen.same:
            tokens = {str(i): token_fields(self.seen.token_bytes(i)) for i in sorted(theirs)}
            yield ',"partner_tokens":' + dumps(tokens)
        yield "," + _fields(self.tail) + "}\n"

    def nodes(self) -> Iterator[dict[str, Any]]:
        """Yields the fields of each node, with the numbers as they are written."""
        views = {} if self.seen is None else self.seen.views
        for text, _ in node_texts(self.tree, 0, self.count, views):
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
        """Returns the document as plain data."""
        document: dict[str, Any] = json.loads("".join(self.chunks()))
        return document


def measured_ids(measurements: Iterable[Mapping[str, Any]]) -> Iterator[int]:
    """Yields the tokens of continuations and candidates that were measured: their texts are in no node.

    What is not as its kind declares it names no tokens; it stays in the trace as it is.
    """
    from bftui.results.codec import FieldError
    from bftui.results.stored_result import StoredResult

    for found in measurements:
        with suppress(FieldError):
            yield from StoredResult.read(found).spelled()


def token_fields(data: bytes) -> dict[str, str]:
    return {"text": label(data), "bytes": base64.b64encode(data).decode()}


def refuse_model(target: Path, source: str) -> None:
    """Raises UsageError for a file that is the model itself, a part of it, or lies in its directory.

    A directory is known by the hash of all its files: a result among them would make it another model.
    """
    for model in map(Path, files_of(source)):
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
    """Opens a text file that takes its target's place when the block ends well, and vanishes when it does not.

    A target that is not a regular file (a pipe, a device) is written to directly.
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
    return dumps(data)[1:-1]


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
