"""A second model beside a session: every token of the visible path in its distribution, and what it would say next.

The partner reads the session's text after a prompt of its own. What it finds is kept by node, so that going back asks
for nothing again. Its failures are its own: they are in `Partner.error`, and the session goes on.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bftui.backends.client.client_protocol import Page
from bftui.backends.protocol import F32
from bftui.core.errors import BackendCrashed, BftuiError, UsageError
from bftui.core.pair.distribution_shift import PartnerView, Standing, standings
from bftui.core.pair.shift_summary import Shares, shares
from bftui.measures.shift.shift_reading import Shift
from bftui.model.counterparts import NO_TOKEN, Counterparts
from bftui.model.loaded_model import Model
from bftui.model.model_pair import Contexts, Pair
from bftui.model.prompt import Prompt, Template
from bftui.session.partner.partner_sync import CatchUp
from bftui.session.partner.rank_order import PartnerOrder, partner_order
from bftui.session.records.session_log import root_fields
from bftui.trace.header import model_fields
from bftui.trace.partner_fields import Seen

if TYPE_CHECKING:
    from bftui.session.session import Session

_KEPT_ROWS = 16
"""Nodes whose logits are kept, so that any candidate of theirs can be looked up."""


class Partner:
    """A model that reads what a session writes. Reading it is safe from any thread; the rest is the session's.

    Attributes:
        model: the second model; whoever opened it closes it.
        pair: both models, and how text is handed over.
        template: what the partner's prompts are put into, as it was asked for.
        error: what stopped it, at the place where the session stood then; None where nothing did.
        views: what it said of nodes, for `view`.
        split: the partner's tokens of the pieces that end with a node.
    """

    def __init__(self, session: Session, tree: int, model: Model, template: Template) -> None:
        """`tree` is the number under which the base's client knows the session's tree.

        Raises ModelError where the visible prompt cannot be put into the partner's template, UsageError for the
        session's own model: two processes are needed.
        """
        if model is session.model:
            raise UsageError("this is the session's own model", hint="open it a second time")
        self.model, self.template = model, template
        self.pair = Pair(session.model, model)
        self.error: BftuiError | None = None
        self.session, self.tree_number = session, tree
        self.views: dict[int, PartnerView] = {}
        self.split: dict[int, tuple[int, ...]] = {}
        self._asked: dict[int, Prompt] = {}
        self._contexts: dict[int, Contexts] = {}
        self._rows: OrderedDict[int, F32] = OrderedDict()
        self._looked: tuple[int, tuple[int, ...], list[Standing | None]] | None = None
        self._ordered: tuple[tuple[int, int], PartnerOrder] | None = None
        self._counterparts = Counterparts(self.pair)
        self._settled: tuple[int, int] | None = None
        self.prepare(session.tree.root(session.cursor))
        with suppress(BftuiError):
            # The trace names the prompt of its first node.
            self.prepare(session.tree.roots[0])

    # Reading ---------------------------------------------------------------------------------------------------

    def contexts(self, root: int) -> Contexts | None:
        """The prompts of both models at a root of the session's tree; None before they are made."""
        return self._contexts.get(root)

    def view(self, node: int) -> PartnerView | None:
        """What the partner says of a node; None where that is not known, or not known yet."""
        return self.views.get(node)

    def along(self, node: int | None = None) -> list[tuple[int, PartnerView | None]]:
        """The nodes from the root to a node (default: the cursor), and what the partner says of each."""
        return [(each, self.view(each)) for each in self.session.tree.path(self._at(node))]

    def shares(self, node: int | None = None) -> Shares | None:
        """The shares of the classes along the path to a node (default: the cursor); None for nothing compared."""
        return shares(
            [
                found.compared.partner_kind
                for _, found in self.along(node)
                if found is not None and found.compared is not None and found.last
            ]
        )

    def next_shifted(self, node: int, step: int = 1) -> int | None:
        """The next shifted token of the visible path after a node of it, or with -1 the one before; None for none."""
        path = self.session.tree.path(self.session.cursor)
        if node not in path:
            return None
        place = path.index(node)
        onward = path[place + 1 :] if step > 0 else path[:place][::-1]
        for each in onward:
            found = self.view(each)
            compared = None if found is None else found.compared
            if compared is not None and compared.partner_kind == "shifted":
                return each
        return None

    def candidates(self, node: int, token_ids: Sequence[int]) -> list[Standing | None] | None:
        """Candidates of the base in the partner's distribution after a node; None where its logits are not kept.

        An entry is None where the partner has no such token.
        """
        row = self._rows.get(node)
        if row is None:
            return None
        asked = tuple(token_ids)
        if self._looked is not None and self._looked[:2] == (node, asked):
            return self._looked[2]
        contexts = self._contexts.get(node)
        ids = [self._counterparts.of(i, row, contexts) for i in asked]
        known = iter(standings(row, [i for i in ids if i != NO_TOKEN]))
        found = [None if i == NO_TOKEN else next(known) for i in ids]
        self._looked = node, asked, found
        return found

    def page(self, start: int, stop: int, node: int) -> Page | None:
        """Rows of the base's vocabulary after a node, those first that the partner ranks first; see `PartnerOrder`.

        None where the partner's logits are not kept. Asks the base for its own: this is the session's, and raises what
        a model raises.
        """
        row, at = self._rows.get(node), (node, self.session.sampler_number)
        if row is None:
            return None
        if self._ordered is None or self._ordered[0] != at:
            base = self.session.model.client.logits(self.tree_number, node)
            known = self._counterparts.all(base, row, self._contexts.get(node))
            self._ordered = at, partner_order(base, row, known, self.session.sampler)
        return self._ordered[1].page(start, stop)

    def tokens_here(self, node: int | None = None) -> tuple[int, ...]:
        """The partner's most probable token after a node (default: the cursor) as tokens of the base, to force.

        Raises UsageError where it is not known, ModelError where it is half a character for another vocabulary.
        """
        node = self._at(node)
        found, contexts = self.view(node), self.contexts(self.session.tree.root(node))
        if found is None or found.next is None or contexts is None:
            raise UsageError("the partner has not said anything here", hint="wait for it")
        if node not in self._contexts:
            contexts = replace(contexts, seam=None)
        theirs, info = int(found.next.top_ids[0]), self.model.info
        # Another vocabulary would spell a control token out.
        said = self.model.is_text(theirs) or theirs in info.eog_ids
        lost = self.pair.by == "text" and not said
        ids = [] if lost else self.pair.to_base([theirs], contexts)
        if not ids:
            raise UsageError("the partner's token cannot be written with the base's vocabulary")
        return tuple(ids)

    def _at(self, node: int | None) -> int:
        return self.session.cursor if node is None else node

    # Catching up -----------------------------------------------------------------------------------------------

    def current(self, node: int) -> bool:
        """Whether what is known of a node is of the sampler in force."""
        found = self.views.get(node)
        return found is not None and (
            found.next is None or found.sampler == self.session.sampler_number
        )

    def waiting(self) -> int:
        """How many nodes of the visible path `catch_up` would look at; 0 where it was stopped by an error."""
        if self._settled == self._here() or isinstance(self.error, BackendCrashed):
            return 0
        tree, count = self.session.tree, 0
        node: int | None = self.session.cursor
        while node is not None and not self.current(node):
            count, node = count + 1, tree.parent(node)
        # With another vocabulary, a longer text may be split in another way.
        again = self.pair.by == "text" or not self.has_row(self.session.cursor)
        return max(count, 1) if again else count

    def catch_up(self) -> CatchUp:
        """Looks at the nodes of the visible path that are not known, first to last, in one pass.

        The partner's failures end it and are in `error`; Cancelled and failures of the base are raised.
        """
        return CatchUp(self)

    def settled(self, error: BftuiError | None) -> None:
        """The visible path was caught up with, as far as it can be."""
        self.error, self._settled = error, self._here()

    def _here(self) -> tuple[int, int]:
        return self.session.cursor, self.session.sampler_number

    def prepare(self, root: int) -> Contexts:
        """The prompts of both models at a root, made where they are not; raises like `Model.render`."""
        if root not in self._contexts:
            asked, rendered = self.session.prompt_at(root)
            own = self.pair.partner_prompt(asked, rendered.template, self.template)
            contexts = self.pair.join(rendered, self.model.render(own))
            for place in (None, contexts):
                self._counterparts.prepare(place)
            self._contexts[root] = contexts
            self._asked[root] = own
        return self._contexts[root]

    def has_row(self, node: int) -> bool:
        """Whether logits after a node are kept, or there are none."""
        return node in self._rows or self.session.tree.entropies(node) is None

    def row(self, node: int) -> F32 | None:
        """The partner's logits after a node, shape (n_vocab,); None where they are not kept."""
        return self._rows.get(node)

    def keep_row(self, node: int, row: F32) -> None:
        """Keeps the logits after a node; the oldest ones go."""
        self._rows[node] = row
        self._rows.move_to_end(node)
        while len(self._rows) > _KEPT_ROWS:
            self._rows.popitem(last=False)

    def rebase(self, model: Model) -> None:
        """The session goes on with another process of its model."""
        self.pair.base = model

    def cancel(self) -> None:
        """Stops what the partner's client does now."""
        self.model.client.cancel()

    # The partner's own answer ----------------------------------------------------------------------------------

    def start_shift(self, max_tokens: int = 256, answer: str | None = None) -> Shift:
        """The partner's greedy answer to the visible prompt, or a given one, scored by the base.

        Raises UsageError for an empty answer, and what `prepare` raises.
        """
        contexts = self.prepare(self.session.tree.root(self.session.cursor))
        ids = None if answer is None else self.model.tokenize(answer)
        return Shift(self.pair, contexts, token_ids=ids, max_tokens=max_tokens)

    def keep(self, shift: Shift) -> None:
        """Writes a shift into the session's trace and journal."""
        for root, contexts in self._contexts.items():
            if contexts is shift.contexts and (stored := shift.stored(root)) is not None:
                self.session.keep(stored)

    # Saving ----------------------------------------------------------------------------------------------------

    def head(self) -> dict[str, Any]:
        """`partner` of a trace: the model, and its prompt at the first root that it read."""
        fields = model_fields(self.model.info, self.model.noise)
        return {"model": fields, "prompt": self._prompt(min(self._contexts))}

    def later(self, root: int) -> dict[str, Any]:
        """What one of a trace's later `prompts` says of the partner's prompt there; nothing where it was not made."""
        return {"partner": self._prompt(root)} if root in self._contexts else {}

    def _prompt(self, root: int) -> dict[str, Any]:
        contexts = self._contexts[root]
        fields = root_fields(self._asked[root], contexts.partner)
        return fields if contexts.seam is None else {**fields, "seam": contexts.seam}

    def seen(self) -> Seen:
        """What it said of nodes, for a trace."""
        return Seen(dict(self.views), self.model.token_bytes, same=self.pair.by == "ids")
