"""What a session did, as the plain data of traces and journals, and its journal as it is written."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Protocol

from bftui.core.pair.distribution_shift import PartnerView
from bftui.core.tree import Tree
from bftui.core.version import VERSION
from bftui.model.loaded_model import Model
from bftui.model.prompt import Prompt, Rendered, told_fields
from bftui.results.stored_result import StoredResult
from bftui.session.records.journal_player import JournalPlayer
from bftui.session.session_state import SessionState
from bftui.trace.document import Seen, Trace, measured_ids
from bftui.trace.header import model_fields, prompt_fields, sampler_fields, version_of
from bftui.trace.journal import JsonText, dumps, utc
from bftui.trace.node_writer import node_texts, partner_text, restated_fields

TokenBytes = Callable[[int], bytes]
"""The exact bytes of a token."""


class Log(Protocol):
    """Where a session writes what it does, as it does it; see `trace.journal`."""

    def write(self, record: dict[str, Any]) -> None:
        """Raises OSError for a record that cannot be written now; the next ones are given all the same."""


class SessionLog:
    """What was done in a session and when, kept for the trace and written to the journal at once.

    Attributes:
        actions, measurements: as the trace holds them.
    """

    def __init__(
        self, journal: Log | None, token_bytes: TokenBytes, on_failure: Callable[[str], None]
    ) -> None:
        """`on_failure` is told why the journal cannot be written for now, once until it can be again."""
        self.actions: list[dict[str, Any]] = []
        self.measurements: list[dict[str, Any]] = []
        self._began = time.monotonic()
        self._created = _now()
        self._journal, self._failing = journal, False
        self._on_failure, self._token_bytes = on_failure, token_bytes
        # The tokens whose bytes the journal has: with them it can be read without the model.
        self._spelled, self._spelled_partner = set[int](), set[int]()
        self._partner_roots = set[int]()

    def begin(self, head: dict[str, Any], state: SessionState, ignore_eos: bool) -> None:
        """Writes down the start: a tree of one prompt."""
        nodes, ids = _journal_nodes(state, 0)
        self._note({"open": head, "ignore_eos": ignore_eos, "nodes": nodes, "draws": 0}, ids)

    def resume(self, found: JournalPlayer) -> None:
        """Goes on with what was written down before; the time goes on where it stopped."""
        self.actions, self.measurements = found.actions, found.measurements
        self._created = found.created
        if self.actions:
            self._began -= self.actions[-1]["at_ms"] / 1e3
        if self._journal is not None:
            self._spelled = set(found.tokens)
            used = found.state.tree.used_ids() | set(measured_ids(self.measurements))
            self._note({"resumed": _now()}, used)

    def note_recomputed(self, tree: Tree, nodes: Sequence[int], mixed: bool) -> None:
        """Writes down recomputed numbers of some nodes; of a mixture, whose P is another under another sampler, all."""
        if self._journal is None:
            return
        if not mixed:
            self._note({"restated": restated_fields(tree, nodes)})
            return
        texts, found = list[str](), set[int]()
        for node in nodes:
            for text, ids in node_texts(tree, node, node + 1):
                texts.append(text)
                found.update(ids)
        number, whole = tree.sampler(nodes[0]), _list(texts)
        self._note({"restated": JsonText(f'{{"sampler":{number},"whole":{whole}}}')}, found)

    def add(self, op: str, args: dict[str, Any], state: SessionState, first_new: int) -> None:
        """Writes down one action, after which the session is in `state`, and the nodes from `first_new` on."""
        at_ms = round((time.monotonic() - self._began) * 1e3, 1)
        action = {"at_ms": at_ms, "op": op, "args": args, "node": state.cursor}
        self.actions.append(action)
        if self._journal is not None:
            new, ids = _journal_nodes(state, first_new)
            self._note({"action": action, "nodes": new, "draws": state.draws}, ids)

    def measure(self, measured: StoredResult, place: int | None = None) -> int:
        """Writes down what was measured, at the end or in the place of what was known before; returns its place."""
        fields = measured.fields()
        if place is None:
            place = len(self.measurements)
            self.measurements.append(fields)
        else:
            self.measurements[place] = fields
        self._note({"measurement": fields, "place": place}, measured_ids([fields]))
        return place

    def pair(self, partner: dict[str, Any] | None) -> None:
        """Writes down which second model reads along from now on, as in the head of a trace; None for none."""
        self._spelled_partner, self._partner_roots = set(), set()
        self._note({"partner": partner})

    def seen(
        self,
        views: Mapping[int, PartnerView],
        root: int,
        prompt: dict[str, Any] | None,
        token_bytes: TokenBytes | None,
    ) -> None:
        """Writes down what the second model said of some nodes of one branch.

        Args:
            views: what it said, by node.
            root: the root of the branch.
            prompt: its prompt there; None where that was not made.
            token_bytes: the bytes of its tokens; None where its ids mean what those of the first model do.
        """
        if self._journal is None or not views:
            return
        record: dict[str, Any] = {"seen": _list(_seen_text(*each) for each in views.items())}
        if root not in self._partner_roots:
            self._partner_roots.add(root)
            asked = {} if prompt is None else {"partner": prompt}
            record["partner_prompt"] = {"node": root, **asked}
        ids = {i for view in views.values() if view.next for i in view.next.top_ids.tolist()}
        if token_bytes is None:
            self._note(record, ids)
            return
        new = ids - self._spelled_partner
        self._spelled_partner |= new
        self._note({**record, "partner_tokens": _spelled(new, token_bytes)})

    def head(
        self,
        model: Model,
        state: SessionState,
        partner: dict[str, Any] | None,
    ) -> dict[str, Any]:
        """Writes the fields of a trace that come before its nodes."""
        return {
            "format": "bftui-trace",
            "version": version_of(model.info.source, state.samplers),
            "bftui": VERSION,
            "created": self._created,
            "model": model_fields(model.info, model.noise),
            "prompt": root_fields(*state.prompts[0]),
            "partner": partner,
            "samplers": [sampler_fields(sampler) for sampler in state.samplers],
        }

    def _note(self, record: dict[str, Any], ids: Iterable[int] = ()) -> None:
        """Writes the journal, with the bytes of these tokens; a disk that fails is said, and ends nothing."""
        if self._journal is None:
            return
        new = set(ids) - self._spelled
        if new:
            self._spelled |= new
            record["tokens"] = _spelled(new, self._token_bytes)
        try:
            self._journal.write(record)
            self._failing = False
        except OSError as error:
            if not self._failing:
                self._on_failure(error.strerror or str(error))
            self._failing = True


def trace_of(
    head: dict[str, Any],
    state: SessionState,
    done: tuple[Sequence[dict[str, Any]], Sequence[dict[str, Any]]],
    token_bytes: TokenBytes,
    partner_prompts: Mapping[int, dict[str, Any] | None],
    seen: Seen | None,
) -> Trace:
    """Makes a trace of a session as it is now, ready to be saved.

    Args:
        head: the fields before the nodes.
        done: its actions and its measurements.
        partner_prompts: the second model's prompts at later roots, as far as they were made.
        seen: what the second model said of nodes; None where there is none.
    """
    tree, view = state.tree, state.view
    later = [
        {
            "node": root,
            "prompt": root_fields(*state.prompts[root]),
            **({"partner": asked} if (asked := partner_prompts.get(root)) else {}),
        }
        for root in tree.roots[1:]
    ]
    return Trace(
        head=head,
        tail={
            "path": tree.path(view.cursor),
            "marks": dict(view.marks),
            "pruned": sorted(view.pruned),
            "folded": sorted(view.folded),
            "actions": list(done[0]),
            "measurements": list(done[1]),
            "prompts": later,
            "draws": state.draws,
        },
        tree=tree,
        count=len(tree),
        token_bytes=token_bytes,
        seen=seen,
    )


def _seen_text(node: int, view: PartnerView) -> str:
    return f'{{"node":{node},"sampler":{view.sampler},{partner_text(view)[1:]}'


def _list(texts: Iterable[str]) -> JsonText:
    return JsonText(f"[{','.join(texts)}]")


def _spelled(ids: Iterable[int], token_bytes: TokenBytes) -> dict[str, str]:
    """Tokens as the journal has them: their bytes in base64."""
    return {str(i): base64.b64encode(token_bytes(i)).decode() for i in sorted(ids)}


def _now() -> str:
    return utc(datetime.now(UTC))


def root_fields(prompt: Prompt, rendered: Rendered) -> dict[str, Any]:
    """Writes a prompt of the trace."""
    messages = rendered.messages
    return prompt_fields(
        prompt.text,
        rendered.text,
        rendered.token_ids,
        system=prompt.system,
        messages=None if messages is None else [dict(message) for message in messages],
        template=rendered.template,
        prefill=prompt.prefill,
        told={
            **told_fields(replace(prompt, date=rendered.date)),
            **({"styled_ids": list(rendered.styled_ids)} if rendered.styled_ids else {}),
        },
    )


def _journal_nodes(state: SessionState, first: int) -> tuple[JsonText, set[int]]:
    """Writes the nodes from `first` on, each root with its prompt; also returns the ids that occur in them."""
    tree = state.tree
    texts, found = list[str](), set[int]()
    for node, (text, ids) in enumerate(node_texts(tree, first, len(tree)), start=first):
        found.update(ids)
        if tree.parent(node) is None:
            prompt = root_fields(*state.prompts[node])
            found.update(prompt["token_ids"])
            found.update(prompt.get("styled_ids", ()))
            text = f'{text[:-1]},"prompt":{dumps(prompt)}}}'
        texts.append(text)
    return _list(texts), found
