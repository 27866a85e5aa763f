"""A trace without its model: everything that was done in it, done again one action at a time."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

from bftui.core.errors import InputError
from bftui.core.noise_floor import Noise
from bftui.core.pair.distribution_shift import Author
from bftui.model.model_pair import Contexts
from bftui.model.prompt import Rendered, Taken
from bftui.session.records.journal_player import begin, play, same_partner
from bftui.session.records.open_trace import JournalTrace, trace_file
from bftui.session.records.recorded_model import (
    RecordedClient,
    RecordedModel,
    RecordedPartner,
    info_of,
)
from bftui.session.session import Session
from bftui.session.view_state import History
from bftui.trace.records import JournalFile, JournalRecord, trace_records


class Replay:
    """What was recorded in a trace, up to one of its actions.

    Attributes:
        file: the trace.
        model: in the place of the model; the same one from beginning to end.
        session: what is looked at; another one after every `restart`.
        partner: the second model, if the session had one.
        done, count: how many actions were done again, and how many there are.
    """

    def __init__(self, path: Path) -> None:
        """Reads and checks a trace or a journal, and stands at its beginning. Raises InputError."""
        self.file = trace_file(path)
        outline = self.file.outline.model_dump(mode="json", by_alias=True, exclude={"path"})
        tokens, partners = outline["tokens"], outline.get("partner_tokens") or {}
        self._client, self.model = self._recorded(outline["model"], tokens)
        self._paired = outline["partner"]
        self._by_ids = not partners
        self._roots = {0: self._paired and self._paired["prompt"]} | {
            each["node"]: each.get("partner") for each in outline["prompts"]
        }
        self.partner: RecordedPartner | None = None
        self._beside = (
            None
            if self._paired is None
            else self._recorded(self._paired["model"], partners or tokens)[1]
        )
        self.count = self.file.counts["actions"]
        self.session: Session
        self.restart()

    def restart(self) -> None:
        """Stands at the beginning: the first prompt, and nothing after it."""
        file = self.file
        self.done, self._at_ms = 0, 0.0
        self._records: Iterator[JournalRecord] = (
            JournalFile(file.path).records()
            if isinstance(file, JournalTrace)
            else trace_records(file)
        )
        self._player = begin(file)
        self._client.tree = self._player.state.tree
        self._waiting = next(self._records, None)
        self._until_action()
        # Whoever looks may go about, mark and fold: that lasts until the next recorded action.
        self.session = Session(
            self.model, resumed=replace(self._player, state=replace(self._player.state))
        )
        if self._beside is not None:
            self.partner = self.session.partner = RecordedPartner(
                self.session.model_tree, self._beside, self._contexts(), self._by_ids
            )
        self._look_on()

    def advance(self) -> bool:
        """Does the next action; False where there was none."""
        if self.done >= self.count:
            return False
        self._act()
        self._look_on()
        return True

    def finish(self) -> None:
        """Does everything that is left: the session as it was when the trace was saved."""
        while self.done < self.count:
            self._act()
        self._look_on()

    @property
    def at_end(self) -> bool:
        """Whether everything was done again."""
        return self.done >= self.count

    @property
    def pause_s(self) -> float:
        """Seconds between the last action that was done and the next one, as they were recorded."""
        following = self._waiting.action if self._waiting is not None else None
        return 0.0 if following is None else max(0.0, following["at_ms"] - self._at_ms) / 1e3

    def _act(self) -> None:
        record = self._waiting
        assert record is not None
        assert record.action is not None
        self._apply(record)
        self.done, self._at_ms = self.done + 1, record.action["at_ms"]
        self._waiting = next(self._records, None)
        self._until_action()

    def _until_action(self) -> None:
        """What was found before the next action was done; of a trace also what stands behind the last one."""
        while self._waiting is not None and self._waiting.action is None:
            self._apply(self._waiting)
            self._waiting = next(self._records, None)

    def _apply(self, record: JournalRecord) -> None:
        play(self._player, (record,), str(self.file.path))

    def _look_on(self) -> None:
        """Stands where the recorded session stands."""
        player, shown = self._player, self.session.state
        shown.view, shown.draws = player.state.view, player.state.draws
        shown.stops = player.state.stops
        # What somebody undoes is their own, never what was recorded.
        shown.history = History()
        if self.partner is not None:
            # In a journal another one may have come before it.
            same = same_partner(player.partner, self._paired)
            self.partner.views = player.views if same else {}

    def _recorded(
        self, model: Mapping[str, Any], tokens: Mapping[str, Mapping[str, str]]
    ) -> tuple[RecordedClient, RecordedModel]:
        client = RecordedClient(info_of(model))
        try:
            known = {
                int(number): base64.b64decode(each["bytes"]) for number, each in tokens.items()
            }
        except ValueError as error:
            raise InputError(f"{self.file.path} is a damaged trace", f"tokens: {error}") from error
        noise = model.get("noise")
        return client, RecordedModel(client, known, noise and Noise.of(noise))

    def _contexts(self) -> dict[int, Contexts]:
        """The prompts of both models, as far as they are known; those of later roots too."""
        base = self.file.prompts()
        found = {}
        for root, theirs in self._roots.items():
            if theirs is not None:
                ours = base[root].model_dump(mode="json", by_alias=True)
                named = theirs.get("seam")
                seam = named if named in get_args(Author) else None
                found[root] = Contexts(_rendered(ours), _rendered(theirs), seam)
        return found


def _rendered(prompt: Mapping[str, Any]) -> Rendered:
    taken: Taken = prompt["template"] if prompt["template"] in get_args(Taken) else "raw"
    return Rendered(prompt["rendered"], tuple(prompt["token_ids"]), None, taken)
