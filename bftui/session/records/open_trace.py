"""A trace from a file of either kind: a journal is read as the trace that its session would have saved."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bftui.core.errors import InputError
from bftui.session.records.journal_player import JournalPlayer, play_journal
from bftui.session.records.session_log import trace_of
from bftui.trace.document import Seen, Trace, token_fields
from bftui.trace.header import sampler_fields
from bftui.trace.links import Links
from bftui.trace.reading import TraceFile
from bftui.trace.records import JournalFile, begins_as_journal


def trace_file(path: str | os.PathLike[str]) -> TraceFile:
    """Reads and checks a trace, or the journal of a session, running ones too. Raises InputError."""
    path = Path(path)
    return JournalTrace(path) if begins_as_journal(path) else TraceFile(path)


class JournalTrace(TraceFile):
    """A journal as a trace. Its nodes are in memory: about 800 bytes each.

    Attributes:
        cut: whether a last record was cut, and is left out.
    """

    def __init__(self, path: Path) -> None:
        """Raises InputError for a damaged journal, and for one of before the bytes of tokens were in it."""
        journal = JournalFile(path)
        head = journal.head
        player = play_journal(journal)
        self.path, self.cut = path, journal.cut
        self._trace = _trace_of(path, head.model_dump(mode="json", by_alias=True), player)
        self._lists: dict[str, list[dict[str, Any]]] = {
            "actions": player.actions,
            "measurements": player.measurements,
        }
        self.links = _links_of(player)
        self.counts = {"nodes": self.count} | {
            name: len(items) for name, items in self._lists.items()
        }
        self._begins = dict.fromkeys(self.counts, 0)
        self._last: dict[str, int] = {}
        self._most_draws = player.state.draws
        tables = {
            name: {str(i): token_fields(data) for i, data in spelled.items()}
            for name, spelled in (
                ("tokens", player.tokens),
                ("partner_tokens", player.partner_tokens),
            )
        }
        try:
            tail = {
                name: value for name, value in self._trace.tail.items() if name not in self._lists
            }
            self.outline = self._outline({**self._trace.head, **tables, **tail})
        except ValueError as error:
            raise InputError(f"{path} is a damaged journal", str(error)) from error

    def _again(self, field: str) -> Iterator[dict[str, Any]]:
        return self._trace.nodes() if field == "nodes" else iter(self._lists[field])


def _trace_of(path: Path, head: Mapping[str, Any], found: JournalPlayer) -> Trace:
    state, partner = found.state, found.partner
    if missing := state.tree.used_ids() - found.tokens.keys():
        raise InputError(
            f"{path} cannot be read without its model",
            f"an older bftui wrote it, without the texts of {len(missing)} tokens",
            "`bftui run --resume-from FILE` opens it with its model, and makes it whole",
        )
    samplers = [sampler_fields(sampler) for sampler in state.samplers]
    seen = Seen(
        found.views,
        lambda token_id: found.partner_tokens.get(token_id, b""),
        same=not found.partner_tokens,
    )
    return trace_of(
        {**head, "partner": partner, "samplers": samplers},
        state,
        (found.actions, found.measurements),
        lambda token_id: found.tokens.get(token_id, b""),
        found.partner_prompts,
        None if partner is None else seen,
    )


def _links_of(found: JournalPlayer) -> Links:
    tree, links = found.state.tree, Links()
    for node in range(len(tree)):
        sampler = max(tree.sampler(node), tree.drawn_under(node))
        links.add(node, tree.parent(node), tree.token_id(node), sampler)
    links.used |= tree.used_ids()
    return links
