"""A trace file, checked in one pass and read again in pieces: a million nodes take the memory of their links."""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bftui.core.errors import InputError
from bftui.core.sampler import Sampler, read_settings
from bftui.core.text import label
from bftui.core.tree import Tree
from bftui.trace.links import Links
from bftui.trace.nodes import add_node, checked_action, checked_measurement, checked_node
from bftui.trace.stream import BEGIN, ObjectReader, check_plain, opened

if TYPE_CHECKING:
    from bftui.trace.schema import Outline

_LISTS = ("nodes", "actions", "measurements")

Watch = Callable[[str, dict[str, Any]], None]
"""Told of each item of a list of the trace while it is checked: (list, item)."""


class TraceFile:
    """A trace on disk. All of it was checked when this is there.

    Attributes:
        path: the file.
        outline: everything but nodes, actions and measurements; unknown fields too.
        links: how the nodes hang together.
        counts: how many items each of `nodes`, `actions`, `measurements` has.
    """

    def __init__(self, path: str | os.PathLike[str], watch: Watch | None = None) -> None:
        """Reads and checks the file; raises InputError that says where and why."""
        from pydantic import ValidationError

        self.path = Path(path)
        self.links = Links()
        self.counts: dict[str, int] = {}
        self._begins: dict[str, int] = {}
        self._most_draws = 0
        self._last: dict[str, int] = {}
        whole: dict[str, Any] = {}
        where = ""
        try:
            with opened(self.path) as file:
                for field, place, value in ObjectReader(file, str(self.path), _LISTS).fields():
                    if place >= 0:
                        where = f"{field}.{place}"
                        item = self._item(field, value)
                        self.counts[field] += 1
                        if watch is not None:
                            watch(field, item)
                    elif place == BEGIN:
                        self._begins[field], self.counts[field] = value, 0
                    else:
                        where = field
                        check_plain(value)
                        whole[field] = value
                        _check_version(self.path, whole)
            where = ""
            self.outline = self._outline(whole)
        except ValidationError as error:
            raise damaged(self.path, where, error) from error
        except ValueError as error:
            raise InputError(
                f"{self.path} is a damaged trace", " ".join(filter(None, (where, str(error))))
            ) from error

    @property
    def count(self) -> int:
        """How many nodes there are."""
        return len(self.links)

    @cached_property
    def samplers(self) -> list[Sampler]:
        """The samplers as the core knows them. Raises InputError."""
        return samplers_of(self.outline.samplers, str(self.path))

    def nodes(self) -> Iterator[dict[str, Any]]:
        """Yields the fields of each node, in order."""
        return self._again("nodes")

    def actions(self) -> Iterator[dict[str, Any]]:
        """Yields what was done, in order."""
        return self._again("actions")

    def measurements(self) -> Iterator[dict[str, Any]]:
        """Yields what was measured, in order."""
        return self._again("measurements")

    def token_bytes(self, token_id: int) -> bytes:
        """Returns the exact bytes of a token that occurs in the trace; raises KeyError for any other."""
        return base64.b64decode(self.outline.tokens[str(token_id)].bytes)

    def text(self, token_id: int) -> str:
        """Returns a token that is safe to show."""
        return label(self.token_bytes(token_id))

    def prompts(self) -> dict[int, Any]:
        """Returns the `schema.TracePrompt` of each root."""
        later = {each.node: each.prompt for each in self.outline.prompts}
        return {0: self.outline.prompt, **later}

    def tree(self) -> Tree:
        """Returns the tree, with the numbers of the trace: about 800 bytes a node."""
        tree = Tree(self.outline.model.n_vocab)
        prompts = self.prompts()
        for fields in self.nodes():
            root = prompts.get(fields["id"])
            add_node(tree, fields, self.samplers, None if root is None else root.token_ids)
        return tree

    # Reading ---------------------------------------------------------------------------------------------------

    def _item(self, field: str, value: Any) -> dict[str, Any]:
        """One item of a list, checked."""
        if field == "nodes":
            node = checked_node(value)
            after = node["next"]
            self.links.add(
                node["id"],
                node["parent"],
                node["token_id"],
                max(node["sampler"], node.get("drawn_under", 0)),
                () if after is None else after["top"]["ids"],
            )
            self._most_draws = max(self._most_draws, (node["draw"] or -1) + 1)
            return node
        item = checked_action(value) if field == "actions" else checked_measurement(value)
        self._last[field] = max(self._last.get(field, 0), item["node"])
        return item

    def _outline(self, whole: dict[str, Any]) -> Outline:
        from bftui.trace import schema

        if whole.get("format") != schema.FORMAT:
            raise not_a_trace(self.path, whole)
        for field in _LISTS:
            if field not in self._begins:
                raise ValueError(
                    f"{field}: " + ("it is not a list" if field in whole else "Field required")
                )
        if not self.count:
            raise ValueError("nodes: there are none")
        # Traces of before the field was there: no draw may come twice.
        whole.setdefault("draws", self._most_draws)
        outline = schema.Outline.model_validate(whole)
        outline.check_links(self.links)
        self.links.check_references({field: [node] for field, node in self._last.items()})
        for token_id, token in outline.tokens.items():
            try:
                base64.b64decode(token.bytes, validate=True)
            except binascii.Error:
                raise ValueError(f"tokens.{token_id}.bytes: it is not base64") from None
        return outline

    def _again(self, field: str) -> Iterator[dict[str, Any]]:
        with opened(self.path) as file:
            file.seek(self._begins[field])
            reader = ObjectReader(file, str(self.path), _LISTS)
            for place, value in enumerate(reader.items()):
                # The file may have been changed since.
                if place >= self.counts[field]:
                    raise InputError(f"{self.path} changed while it was read")
                yield checked_node(value) if field == "nodes" else value


def samplers_of(found: Any, name: str) -> list[Sampler]:
    """Returns `schema.SamplerSettings` as samplers; raises InputError for what no sampler can be."""
    from bftui.core.errors import UsageError

    try:
        return [Sampler(**read_settings(each.model_dump())) for each in found]
    except UsageError as error:
        raise InputError(f"{name} is a damaged trace", f"samplers: {error.line()}") from error


def damaged(path: Path, where: str, error: Any) -> InputError:
    """Returns what pydantic found wrong first, in one line."""
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join([*filter(None, (where,)), *map(str, first["loc"])]) or "the document"
    return InputError(f"{path} is a damaged trace", f"{place}: {first['msg']}")


_RESULTS = {
    "measure": ("models", "ratios"),
    "shift": ("unshifted", "positions"),
    "nudge": ("results",),
    "lookahead": ("candidates", "evaluated"),
    "respond": ("forced", "controls"),
    "lexicon": ("prefixes", "words"),
    "check": ("nodes", "max_entropy_drift"),
    "diff": ("common", "first_difference"),
}
"""Fields by which the results of commands are known."""


def not_a_trace(path: Path, whole: Mapping[str, Any]) -> InputError:
    """Returns the error for a file that is something else, by its fields."""
    for command, fields in _RESULTS.items():
        if "format" not in whole and all(field in whole for field in fields):
            hint = (
                "`bftui nudge --trace FILE` writes one"
                if command == "nudge"
                else "`bftui record -o FILE` writes one, and so does the workbench"
            )
            return InputError(
                f"{path} is not a trace", f"it is a result of `bftui {command}`", hint
            )
    return InputError(f"{path} is not a trace", 'it has no "format": "bftui-trace"')


def _check_version(path: Path, whole: dict[str, Any]) -> None:
    """Refuses another format or a newer major version as soon as it is known, before all else that may be new."""
    from bftui.trace import schema

    if "format" in whole and whole["format"] != schema.FORMAT:
        raise not_a_trace(path, whole)
    version = whole.get("version")
    if type(version) is int and version > schema.VERSION and "format" in whole:
        shown = str(version) if version < 1000 else "beyond 1000"
        raise InputError(
            f"{path} has trace version {shown}",
            f"this bftui reads version {schema.VERSION}",
            "update bftui",
        )
