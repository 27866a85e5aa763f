"""The session: one model, one tree, one cursor.

Everything that is done goes through `do` with a frozen command, whoever asks: a key, a file of actions, a notebook. So
the same commands with the same seed give the same tree and the same numbers everywhere. A failed or cancelled command
leaves the session as it was.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bftui.backends.client.client_protocol import StepResult
from bftui.core.batch import CHUNK, Batch
from bftui.core.distribution import NextToken
from bftui.core.draws import Purpose, uniform
from bftui.core.errors import UsageError
from bftui.core.pair.distribution_shift import PartnerView
from bftui.core.pair.nudging_rounds import Piece
from bftui.core.sampler import Sampler
from bftui.core.tree import Source, Tree
from bftui.model.loaded_model import Model
from bftui.model.prompt import Prompt, Rendered, Special, Template, as_prompt, special_field
from bftui.model.templates import asking, turn
from bftui.model.turns import Turn, after_end, answer_at, said_before
from bftui.results.stored_result import StoredResult
from bftui.session import commands as c
from bftui.session import events as e
from bftui.session import view_state as p
from bftui.session.experiments import Experiments
from bftui.session.partner.session_partner import Partner
from bftui.session.records.journal_player import same_partner
from bftui.session.records.session_log import Log, Record, asked_fields, trace_of
from bftui.session.session_methods import SessionMethods
from bftui.session.session_state import SessionState
from bftui.trace.document import Trace

if TYPE_CHECKING:
    from bftui.session.records.journal_player import Follower

_tree_numbers = itertools.count()


class Session(SessionState, SessionMethods):
    """Steps, forces, goes back and branches on one model.

    Attributes:
        experiments: rollouts, look-ahead and responses, which measure and move nothing.
        partner: a second model that reads along; None where there is none.
    """

    def __init__(
        self,
        model: Model,
        prompt: str | Prompt = "",
        *,
        system: str | None = None,
        template: Template = "auto",
        prefill: str = "",
        template_args: Mapping[str, Any] | None = None,
        date: str | None = None,
        examples: Sequence[tuple[str, str]] | None = None,
        special: Special = "text",
        temperature: float = 1.0,
        top_k: int = 0,
        top_p: float = 0.9,
        min_p: float = 0.0,
        seed: int = 0,
        ignore_eos: bool = False,
        journal: Log | None = None,
        on_event: Callable[[e.Event], None] = lambda event: None,
        resumed: Follower | None = None,
        rendered: Rendered | None = None,
        beside_chat: bool = False,
    ) -> None:
        """Evaluates the prompt, or goes on where `resumed` stood; raises ModelError where model or template cannot.

        `rendered` is the prompt as the model sees it, where that is known already; `beside_chat` says that a partner
        with a chat template is to come, so that prompts of a model without one are pages of questions from the start.
        """
        asked = as_prompt(prompt, system, template, prefill, template_args, date, examples, special)
        self.model = model
        self.tree = Tree(model.info.n_vocab)
        self.draws = 0
        self.ignore_eos = ignore_eos
        self.restated = 0
        self._number = next(_tree_numbers)
        self._samplers = [Sampler(temperature, top_k, top_p, min_p, seed)]
        self._place = p.Place(0)
        self._history = p.History()
        self._prompts: dict[int, tuple[Prompt, Rendered]] = {}
        self._stops: tuple[str, ...] = ()
        self._turns: dict[int, Turn] = {}
        self._force_starts: set[int] = set()
        self._counted = (-1, -1, -1, 0)
        self._emit = on_event
        self._record = Record(journal, on_event, lambda i: self.model.token_bytes(i))
        self.experiments = Experiments(self, self._number)
        self.partner: Partner | None = None
        self._beside_chat = beside_chat
        self._seen: tuple[dict[str, Any] | None, dict[int, PartnerView]] = None, {}
        if resumed is not None:
            self._take_up(resumed)
            return
        self._add_prompt(asked, rendered)
        self._record.begin(self._head(), self.tree, self._prompts, ignore_eos)

    def _take_up(self, found: Follower) -> None:
        self.tree, self.draws = found.tree, found.draws
        self._samplers, self._place, self._history = found.samplers, found.place, found.history
        self._prompts, self._stops = found.prompts, found.stops
        self._turns, self._force_starts = found.turns, found.force_starts
        self._record.take_up(found)
        self.experiments.take_up(found.measurements)
        self._seen = found.partner, found.views
        if found.partner is not None:
            self._beside_chat = found.partner["prompt"]["template"] == "chat"
        self.reload(self.model)

    # Doing -----------------------------------------------------------------------------------------------------

    def do(self, command: c.Command) -> int:
        """Carries out one command and returns the number of the node where the session then stands.

        After a change of sampler the numbers of the visible path wait for `align`. Raises UsageError where the command
        makes no sense here, ModelError where the model fails, Cancelled where it was stopped; the session is then as
        it was.
        """
        before = self._place
        first_new = len(self.tree)
        samplers = len(self._samplers)
        try:
            op, args = self._carry_out(command)
        except BaseException:
            self._place = before
            del self._samplers[samplers:]
            raise
        self._place = p.shown(self.tree, self._place, before)
        if not isinstance(command, c.Undo | c.Redo) and self._place != before:
            self._history.record(before, op)
        self.tree.visit(self.cursor)
        self._record.add(op, args, self.cursor, self.tree, first_new, self.draws, self._prompts)
        for node in range(first_new, len(self.tree)):
            self._emit(e.NodeAdded(node))
        self._tell(before)
        return self.cursor

    def _tell(self, before: p.Place) -> None:
        now = self._place
        if now.sampler != before.sampler:
            self._emit(e.SamplerChanged(now.sampler))
        if now.cursor != before.cursor:
            self._emit(e.CursorMoved(now.cursor))
        if (now.marks, now.folded, now.pruned) != (before.marks, before.folded, before.pruned):
            self._emit(e.BranchesChanged())

    def _carry_out(self, command: c.Command) -> tuple[str, dict[str, Any]]:
        match command:
            case c.Step():
                self._step(sampled=True)
                return "step", {}
            case c.Greedy():
                self._step(sampled=False)
                return "greedy", {}
            case c.Force(text, special):
                ids = self.model.tokenize(text, special)
                if not ids:
                    raise UsageError("there is no text to force")
                self._force(ids)
                return "force", {"text": text, **special_field(special)}
            case c.ForceIds(ids):
                if not ids:
                    raise UsageError("there are no tokens to force")
                self._force(ids)
                return "force_ids", {"ids": list(ids)}
            case c.Back(n):
                self._back(n)
                return "back", {"n": n}
            case c.Forward():
                self._go(p.onward(self.tree, self._place))
                return "forward", {}
            case c.Goto(node):
                p.check_node(self.tree, node)
                self._go(node)
                return "goto", {"node": node}
            case c.SetSampler():
                return "sampler", self._set_sampler(command)
            case c.SetPrompt(prompt, rendered):
                asked = as_prompt(prompt)
                self._add_prompt(asked, rendered)
                return "prompt", asked_fields(asked)
            case c.AddTurn(text):
                self._add_turn(text)
                return "turn", {"text": text}
            case c.Mark(name):
                self._place = p.marked(self._place, name)
                return "mark", {"name": name}
            case c.Fold(node):
                self._place = p.folded(self.tree, self._place, node)
                return "fold", {"node": node}
            case c.Prune(node):
                self._place = p.pruned(self.tree, self._place, node)
                return "prune", {"node": node}
            case c.OpenRollout(node, ids):
                self._open_rollout(node, ids)
                return "rollout", {"node": node, "ids": list(ids)}
            case c.Nudge(pieces):
                self._nudge(pieces)
                return "nudge", {"pieces": [[each.author, list(each.token_ids)] for each in pieces]}
            case c.Undo():
                self._place = self._history.undo(self._place)
                return "undo", {}
            case c.Redo():
                self._place = self._history.redo(self._place)
                return "redo", {}

    def _go(self, node: int) -> None:
        self._place = self._place.at(node)

    def settled(self, prompt: Prompt) -> Prompt:
        """A prompt with the template that it would take here: see `templates.asking`."""
        partner = self.partner
        beside = self._beside_chat if partner is None else bool(partner.model.info.chat_template)
        return asking(prompt, bool(self.model.info.chat_template), beside)

    def _add_prompt(self, prompt: Prompt, rendered: Rendered | None) -> None:
        if rendered is None:
            rendered = self.model.render(self.settled(prompt))
        ids = rendered.token_ids
        node = len(self.tree)
        following, elapsed = self.model.client.add_prompt(self._number, node, ids, self.sampler)
        # A root that somebody sees in the tree has its prompt.
        self._prompts[node] = prompt, rendered
        self._stops = tuple(dict.fromkeys((*self._stops, *rendered.stops)))
        self.tree.add_root(
            ids,
            following,
            sampler=self._place.sampler,
            elapsed_ms=elapsed,
            batch=Batch(0, CHUNK) if self.model.info.shaped else None,
        )
        self._go(node)

    def _add_turn(self, text: str) -> None:
        if not text:
            raise UsageError("there is no text to add")
        start = self.cursor
        opening = self.rendered
        if opening.stops:
            said = answer_at(self.tree, start, self.model.token_bytes).decode(errors="replace")
            ids = self.model.tokenize(turn(opening.template, text, said))
        else:
            messages = said_before(self.tree, start, opening, self._turns, self._words)
            ids = after_end(
                self.model.turn_ids(messages, text, replace(self.prompt, date=opening.date)),
                self.tree.token_id(start) if self.ended else None,
                self.model.token_bytes,
                self.model.info.special_ids,
            )
        if not ids:
            raise UsageError("the model's chat template writes nothing for a user's turn")
        self._append(ids, Source.PROMPT)
        self._turns[self.cursor] = Turn(start, text)

    def _words(self, ids: Sequence[int]) -> str:
        """Tokens as text, without control tokens."""
        special = self.model.info.special_ids
        data = b"".join(self.model.token_bytes(i) for i in ids if i not in special)
        return data.decode(errors="replace")

    def _step(self, *, sampled: bool) -> None:
        if self.ended and not self.ignore_eos:
            raise UsageError("the text ends here", hint="go back, or force a token to go on")
        u = uniform(self.sampler.seed, Purpose.STEP, self.draws) if sampled else None
        advanced = self.model.client.step(
            self._number, self.cursor, len(self.tree), self.sampler, u, self.ignore_eos
        )
        draw = self.draws if sampled else None
        self.draws += sampled
        self._join(advanced, Source.SAMPLED if sampled else Source.GREEDY, draw)

    def _force(self, ids: Sequence[int]) -> None:
        self.check_ends(ids)
        self._force_starts.add(self._append(ids, Source.FORCED)[0])

    def check_ends(self, ids: Sequence[int]) -> None:
        """Raises UsageError where tokens to force go on after an end of generation, unless ends are passed over."""
        ends = self.model.info.eog_ids
        place = next((place for place, token_id in enumerate(ids[:-1]) if token_id in ends), None)
        if place is not None and not self.ignore_eos:
            raise UsageError(
                "the text to force goes on after an end of generation",
                f"its token {place + 1} of {len(ids)} is one",
                "force what comes before it",
            )

    def _open_rollout(self, node: int, ids: Sequence[int]) -> None:
        p.check_node(self.tree, node)
        if not ids:
            raise UsageError("the rollout has no tokens")
        self._go(node)
        self._append(ids, Source.ROLLOUT)

    def _nudge(self, pieces: Sequence[Piece]) -> None:
        by = {"partner": Source.NUDGED, "base": Source.GREEDY}
        ids = [token_id for piece in pieces for token_id in piece.token_ids]
        if not ids:
            raise UsageError("there is no text to nudge with")
        self._append(ids, [by[piece.author] for piece in pieces for _ in piece.token_ids])

    def _append(self, ids: Sequence[int], source: Source | Sequence[Source]) -> list[int]:
        """Goes along these tokens below the cursor, and adds those that were not given there before; their nodes."""
        sources = [source] * len(ids) if isinstance(source, Source) else source
        path = self._known(ids, sources)
        if path:
            self._go(path[-1])
        rest = ids[len(path) :]
        if rest:
            # The client numbers new nodes one after another: it must see none that is there already.
            results = self.model.client.extend(
                self._number, self.cursor, len(self.tree), rest, self.sampler, self.ignore_eos
            )
            for advanced, origin in zip(results, sources[len(path) :], strict=True):
                self._join(advanced, origin, None)
                path.append(self.cursor)
        return path

    def _known(self, ids: Sequence[int], sources: Sequence[Source]) -> list[int]:
        """The nodes below the cursor that hold the first of these tokens and came to be in these ways."""
        path: list[int] = []
        for token_id, source in zip(ids, sources, strict=True):
            child = self._child(path[-1] if path else self.cursor, token_id, source)
            if child is None:
                break
            path.append(child)
        return path

    def _child(self, node: int, token_id: int, source: Source) -> int | None:
        """The child that holds this token and came to be in this way."""
        return next(
            (
                child
                for child in self.tree.children(node)
                if self.tree.token_id(child) == token_id and self.tree.source(child) is source
            ),
            None,
        )

    def _join(self, advanced: StepResult, source: Source, draw: int | None) -> None:
        """Goes to the token below the cursor, a new node or one that is there already.

        A sample is an event and always gets a node; forcing or taking the best again only leads to the same place.
        """
        if source is Source.GREEDY:
            child = self._child(self.cursor, advanced.scored.token_id, source)
            if child is not None:
                self._go(child)
                return
        self._go(
            self.tree.add(
                self.cursor,
                advanced.scored,
                source,
                advanced.next,
                sampler=self._place.sampler,
                draw=draw,
                eog=advanced.eog,
                elapsed_ms=advanced.elapsed_ms,
                batch=advanced.batch,
            )
        )

    def _back(self, n: int) -> None:
        if type(n) is not int or n < 1:
            raise UsageError(f"cannot go back {n} tokens")
        if self.tree.depth(self.cursor) == 0:
            raise UsageError("this is the prompt: there is nothing before it")
        for _ in range(n):
            parent = self.tree.parent(self.cursor)
            if parent is None:
                break
            # The branch that is left is the one that `forward` returns to.
            self.tree.visit(self.cursor)
            self._go(parent)

    def _set_sampler(self, command: c.SetSampler) -> dict[str, Any]:
        changes = {
            name: getattr(command, name)
            for name in ("temperature", "top_k", "top_p", "min_p", "seed")
            if getattr(command, name) is not None
        }
        sampler = replace(self.sampler, **changes)
        if sampler not in self._samplers:
            self._samplers.append(sampler)
        self._place = replace(self._place, sampler=self._samplers.index(sampler))
        return changes

    def align(self, limit: int | None = None) -> int:
        """Makes numbers of the visible path anew that were made under another sampler; how many nodes are left.

        The latest go first, at most `limit` of them, for whoever has other work in between. Raises ModelError and
        Cancelled; what was made anew before stays.
        """
        if not self.stale():
            return 0
        path = self.tree.path(self.cursor)
        waiting = self._stale(path)
        wanted = len(waiting) if limit is None else min(limit, len(waiting))
        while wanted > 0:
            end = waiting.pop()
            size = 1
            while size < wanted and waiting and waiting[-1] == end - size:
                waiting.pop()
                size += 1
            self._restate(path[end - size + 1 : end + 1])
            wanted -= size
        self._emit(e.PathAligned(len(waiting)))
        return len(waiting)

    def _restate(self, nodes: Sequence[int]) -> None:
        """Makes the numbers of some consecutive nodes of a path anew."""
        sampler = self._place.sampler
        open_end = self.tree.entropies(nodes[-1]) is not None
        found = self.model.client.rescore(self._number, nodes, self.sampler, open_end)
        for node, result in zip(nodes, found, strict=True):
            scored, following = (
                (None, result) if isinstance(result, NextToken) else (result.scored, result.next)
            )
            if self.tree.entropies(node) is None:
                # An end of generation that was forced past: nothing was said to come after it.
                following = None
            self.tree.rescore(node, scored, following, sampler=sampler)
        self._record.restate(self.tree, nodes)
        self.restated += 1

    def reload(self, model: Model) -> None:
        """Goes on with another process of the same model, after the old one died.

        Raises UsageError where the vocabularies differ: token ids would mean other tokens.
        """
        if model.info.tokenizer_sha256 != self.model.info.tokenizer_sha256:
            raise UsageError(
                "this model has another vocabulary", hint="start a new session with it"
            )
        prompts = {root: self.tree.prompt_ids(root) for root in self.tree.roots}
        model.client.load_tree(self._number, *self.tree.links(), prompts, self.tree.batches())
        self.model = model
        if self.partner is not None:
            self.partner.rebase(model)

    def pair_with(self, model: Model, template: Template = "auto") -> Partner:
        """Has a second model read along, in place of the one that did; raises like `partner.Partner`, with no change.

        Whoever opened a model closes it.
        """
        self.partner = Partner(self, self._number, model, template)
        head = self.partner.head()
        if same_partner(self._seen[0], head):
            # What it said before the session was taken up again.
            self.partner.views.update(self._seen[1])
        self._record.pair(head)
        self._emit(e.PartnerChanged())
        return self.partner

    @property
    def partner_head(self) -> dict[str, Any] | None:
        """The partner and its prompt, as in the head of a trace; None where there is none."""
        return None if self.partner is None else self.partner.head()

    def keep_seen(self, nodes: Sequence[int]) -> None:
        """Writes what the partner said of some nodes of one branch into the journal."""
        if self.partner is not None:
            self._record.seen(self.partner, nodes)

    def part(self) -> Model | None:
        """Goes on without the partner; its model, for whoever closes it."""
        model = None if self.partner is None else self.partner.model
        self.partner, self._beside_chat = None, False
        self._record.pair(None)
        self._emit(e.PartnerChanged())
        return model

    def keep(self, measured: StoredResult, place: int | None = None) -> int:
        """Writes a measurement into the trace and the journal, at the end or in the place of one; returns its place."""
        place = self._record.measure(measured, place)
        self._emit(e.MeasurementKept(place))
        return place

    # Saving ----------------------------------------------------------------------------------------------------

    def trace(self) -> Trace:
        """The session as it is now, ready to be saved."""
        return trace_of(self, self._head(), self._record)

    def _head(self) -> dict[str, Any]:
        asked = self._prompts[0]
        return self._record.head(self.model, asked, self._samplers, self.partner_head)
