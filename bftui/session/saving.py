"""A session as the plain data of traces and journals."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from bftui import __version__
from bftui.backends.base import ModelInfo
from bftui.core.sampler import Sampler
from bftui.core.tree import Tree
from bftui.session import events as e
from bftui.session.prompt import Prompt, Rendered
from bftui.trace.header import model_fields, prompt_fields, sampler_fields


class Log(Protocol):
    """Where a session writes what it does, as it does it; see `trace.journal`."""

    def write(self, record: dict[str, Any]) -> None: ...


@dataclass(frozen=True, slots=True)
class Measured:
    """A result that belongs to a node, as plain data for JSON."""

    kind: str
    node: int
    settings: dict[str, Any]
    result: dict[str, Any]


class Record:
    """What was done in a session and when, kept for the trace and written to the journal at once.

    Attributes:
        actions, measurements: as the trace holds them.
    """

    def __init__(self, journal: Log | None, on_event: Callable[[e.Event], None]) -> None:
        self.actions: list[dict[str, Any]] = []
        self.measurements: list[dict[str, Any]] = []
        self._began = time.monotonic()
        self._created = datetime.now(UTC)
        self._journal = journal
        self._emit = on_event

    def begin(self, head: dict[str, Any], tree: Tree) -> None:
        """Writes down the start: a tree of one prompt."""
        self._note({"open": head, "nodes": [journal_node(tree, 0)], "draws": 0})

    def add(
        self, op: str, args: dict[str, Any], node: int, tree: Tree, first_new: int, draws: int
    ) -> None:
        """Writes down one action that ended at `node`, and the nodes from `first_new` on."""
        at_ms = round((time.monotonic() - self._began) * 1e3, 1)
        action = {"at_ms": at_ms, "op": op, "args": args, "node": node}
        self.actions.append(action)
        new = [journal_node(tree, n) for n in range(first_new, len(tree))]
        self._note({"action": action, "nodes": new, "draws": draws})

    def measure(self, measured: Measured) -> None:
        """Writes down what was measured."""
        fields = asdict(measured)
        self.measurements.append(fields)
        self._note({"measurement": fields})

    def head(
        self, info: ModelInfo, prompt: tuple[Prompt, Rendered], samplers: Sequence[Sampler]
    ) -> dict[str, Any]:
        """The fields of a trace that come before its nodes."""
        return {
            "format": "bftui-trace",
            "version": 1,
            "bftui": __version__,
            "created": self._created.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "model": model_fields(info),
            "prompt": root_fields(*prompt),
            "partner": None,
            "samplers": [sampler_fields(sampler) for sampler in samplers],
        }

    def _note(self, record: dict[str, Any]) -> None:
        """Writes the journal; a disk that fails ends the journal, never the session."""
        if self._journal is None:
            return
        try:
            self._journal.write(record)
        except OSError as error:
            self._journal = None
            self._emit(e.JournalFailed(error.strerror or str(error)))


def asked_fields(prompt: Prompt) -> dict[str, Any]:
    """What was asked for, as the arguments of an action."""
    return {
        "text": prompt.text,
        "system": prompt.system,
        "template": prompt.template,
        "prefill": prompt.prefill,
    }


def root_fields(prompt: Prompt, rendered: Rendered) -> dict[str, Any]:
    """A prompt of the trace."""
    messages = rendered.messages
    return prompt_fields(
        prompt.text,
        rendered.text,
        rendered.token_ids,
        system=prompt.system,
        messages=None if messages is None else [dict(message) for message in messages],
        template=rendered.template,
        prefill=prompt.prefill,
    )


def journal_node(tree: Tree, node: int) -> dict[str, Any]:
    """The node's fields of the trace that are not made again by evaluating its path."""
    return {
        "id": node,
        "parent": tree.parent(node),
        "token_id": tree.token_id(node),
        "prompt_ids": list(tree.prompt_ids(node)) if tree.parent(node) is None else None,
        "source": tree.source(node).word,
        "sampler": tree.sampler(node),
        "draw": tree.draw(node),
        "eog": tree.eog(node),
    }
