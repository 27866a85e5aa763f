"""A second model beside a session: every token of the visible path in its distribution, and what it would say next.

The partner reads the session's text after a prompt of its own. What it finds is kept by node, so that going back asks
for nothing again. Its failures are its own: they are in `Partner.error`, and the session goes on.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from bftui.backends.client.client_protocol import Page
from bftui.backends.protocol import F32
from bftui.core.errors import BackendCrashed, BftuiError, ModelError, UsageError
from bftui.core.logits import F64
from bftui.core.pair.distribution_shift import PartnerView, Standing, standings
from bftui.core.pair.shift_summary import Shares, shares
from bftui.core.sampler import Sampler
from bftui.core.steering import Preceding, breaks, steer
from bftui.measures.shift.shift_reading import Shift
from bftui.measures.site import Site, open_site
from bftui.model.counterparts import NO_TOKEN, Counterparts
from bftui.model.loaded_model import Model
from bftui.model.model_pair import Contexts, Pair
from bftui.model.prompt import Prompt, Template
from bftui.model.token_alignment import whole
from bftui.results.stored_result import StoredResult
from bftui.session.model_tree import ModelTree
from bftui.session.partner.rank_order import PartnerOrder, partner_order
from bftui.session.records.session_log import TokenBytes, root_fields
from bftui.trace.document import Seen
from bftui.trace.header import model_fields

WriteSeen = Callable[
    [Mapping[int, PartnerView], int, dict[str, Any] | None, TokenBytes | None], None
]

_KEPT_ROWS = 16
"""Nodes whose logits are kept, so that any candidate of theirs can be looked up."""


class Partner:
    """A model that reads what a session writes. Reading it is safe from any thread; the rest is the session's.

    Attributes:
        base: the session's tree on its model.
        model: the second model; the caller that opened it closes it.
        pair: both models, and how text is handed over.
        template: what the partner's prompts are put into, as it was asked for.
        error: what stopped it, at the place where the session stood then; None where nothing did.
        views: what it said of nodes, for `view`.
        split: the partner's tokens of the pieces that end with a node.
    """

    def __init__(
        self,
        base: ModelTree,
        model: Model,
        template: Template,
        *,
        write: WriteSeen,
    ) -> None:
        """`write` is told what is new of the nodes of a branch: see `SessionLog.seen`.

        Raises ModelError where the visible prompt cannot be put into the partner's template, UsageError for the
        session's own model: two processes are needed.
        """
        if model is base.model:
            raise UsageError("this is the session's own model", hint="open it a second time")
        self.model, self.template = model, template
        self.pair = Pair(base.model, model)
        self.error: BftuiError | None = None
        self.base, self._write = base, write
        self.views: dict[int, PartnerView] = {}
        self.split: dict[int, tuple[int, ...]] = {}
        self._asked: dict[int, Prompt] = {}
        self._contexts: dict[int, Contexts] = {}
        self._rows: OrderedDict[int, F32] = OrderedDict()
        self._looked: tuple[int, tuple[int, ...], list[Standing | None]] | None = None
        self._ordered: tuple[tuple[int, int], PartnerOrder] | None = None
        self._counterparts = Counterparts(self.pair)
        self._settled: tuple[int, int] | None = None
        self.prepare(base.state.root)
        with suppress(BftuiError):
            # The trace names the prompt of its first node.
            self.prepare(base.state.tree.roots[0])

    # Reading ---------------------------------------------------------------------------------------------------

    def contexts(self, root: int) -> Contexts | None:
        """Returns the prompts of both models at a root of the session's tree; None before they are made."""
        return self._contexts.get(root)

    def view(self, node: int) -> PartnerView | None:
        """Returns what the partner says of a node; None where that is not known, or not known yet."""
        return self.views.get(node)

    def along(self, node: int | None = None) -> list[tuple[int, PartnerView | None]]:
        """Lists the nodes from the root to a node (default: the cursor), and what the partner says of each."""
        return [(each, self.view(each)) for each in self.base.state.tree.path(self.base.at(node))]

    def shares(self, node: int | None = None) -> Shares | None:
        """Counts the classes along the path to a node (default: the cursor), as shares; None for nothing compared."""
        return shares(
            [
                found.compared.partner.kind
                for _, found in self.along(node)
                if found is not None and found.compared is not None and found.last
            ]
        )

    def candidates(self, node: int, token_ids: Sequence[int]) -> list[Standing | None] | None:
        """Finds candidates of the base in the partner's distribution after a node; None where its logits are not kept.

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
        row, at = self._rows.get(node), (node, self.base.state.view.sampler)
        if row is None:
            return None
        if self._ordered is None or self._ordered[0] != at:
            base = self.base.model.client.logits(self.base.number, node, self.base.state.sampler)
            known = self._counterparts.all(base, row, self._contexts.get(node))
            now, steered = self._steered(base, node)
            self._ordered = at, partner_order(base, row, known, now, steered)
        return self._ordered[1].page(start, stop)

    def _steered(self, logits: F32, node: int) -> tuple[Sampler, F64 | None]:
        """The sampler after a node, and the base's logits as it changes them; a constraint is passed over."""
        tree, token_bytes = self.base.state.tree, self.base.model.token_bytes
        now = self.base.state.sampler.at(tree.depth(node))
        breakers: frozenset[int] = frozenset()
        if now.dry_multiplier:
            breakers = frozenset(i for i in range(len(logits)) if breaks(token_bytes(i)))
        prompt = len(tree.prompt_ids(tree.path(node)[0]))
        return now, steer(logits, now, Preceding(tree.token_ids(node), prompt), breakers)

    @property
    def sampler(self) -> Sampler:
        """The session's sampler as it holds for this model: tokens are named where ids mean the same."""
        found = self.base.state.sampler
        return found if self.pair.by == "ids" else found.for_other_tokens()

    def tokens_here(self, node: int | None = None) -> tuple[int, ...]:
        """Writes the partner's most probable token after a node (default: the cursor) as tokens of the base, to force.

        Raises UsageError where it is not known, ModelError where it is half a character for another vocabulary.
        """
        node = self.base.at(node)
        found, contexts = self.view(node), self.contexts(self.base.state.tree.root(node))
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

    # Handing over ----------------------------------------------------------------------------------------------

    def readable(self, nodes: list[int]) -> tuple[list[int], BftuiError | None]:
        """Finds the beginning of a path that the partner can be given; why it is not all of it."""
        tree, model = self.base.state.tree, self.base.model
        for index, node in enumerate(nodes[1:], start=1):
            if tree.of_prompt(node):
                turn = UsageError("the partner does not read on past a turn of the user")
                return nodes[:index], turn
        if self.pair.by == "ids":
            return nodes, None
        ids = [tree.token_id(node) for node in nodes[1:]]
        for index, token_id in enumerate(ids[:-1], start=1):
            if token_id in model.info.special_ids:
                control = ModelError(
                    "a control token cannot be handed to a model with another vocabulary"
                )
                return nodes[:index], control
        if ids and ids[-1] in model.info.eog_ids:
            return nodes, None
        # Half a character is handed over with its other half.
        return nodes[: 1 + whole([model.token_bytes(i) for i in ids if i is not None])], None

    def prefix(self, node: int) -> tuple[int, ...]:
        """Writes all of the text up to a node as the partner reads it, its own prompt included.

        Raises UsageError and ModelError where the partner cannot be given all of it.
        """
        tree = self.base.state.tree
        nodes = tree.path(node)
        contexts = self.prepare(nodes[0])
        given, error = self.readable(nodes)
        if error is not None:
            raise error
        if len(given) < len(nodes):
            raise ModelError("half a character cannot be handed to the partner", hint="go back")
        ids = [i for each in nodes[1:] if (i := tree.token_id(each)) is not None]
        return (*contexts.partner.token_ids, *self.pair.to_partner(ids, contexts))

    def site(self, node: int) -> Site:
        """Gives the partner the text up to a node as a tree of its own, until `close_site`; raises like `prefix`."""
        return open_site(self.model, self.prefix(node), self.sampler)

    def forced(self, node: int, text: str) -> tuple[int, ...]:
        """Writes a text that is forced after a node with the partner's own tokens.

        After a prompt it begins as the partner's text does there. Raises ModelError for what its vocabulary lacks.
        """
        contexts = self._contexts.get(node)
        if contexts is not None:
            text = contexts.turned(text.encode(), "partner").decode()
        return tuple(self.model.tokenize(text))

    # Catching up -----------------------------------------------------------------------------------------------

    def current(self, node: int) -> bool:
        """Says whether what is known of a node is of the sampler in force."""
        found = self.views.get(node)
        return found is not None and (
            found.next is None or found.sampler == self.base.state.view.sampler
        )

    def waiting(self) -> int:
        """Counts the nodes of the visible path that a `PartnerSync` would look at; 0 where an error stopped it."""
        if self._settled == self._here() or isinstance(self.error, BackendCrashed):
            return 0
        tree, count = self.base.state.tree, 0
        node: int | None = self.base.state.cursor
        while node is not None and not self.current(node):
            count, node = count + 1, tree.parent(node)
        # With another vocabulary, a longer text may be split in another way.
        again = self.pair.by == "text" or not self.has_row(self.base.state.cursor)
        return max(count, 1) if again else count

    def write(self, nodes: Sequence[int]) -> None:
        """Writes what is known of some nodes of one branch into the session's journal."""
        views = {node: view for node in nodes if (view := self.view(node)) is not None}
        if views:
            root = self.base.state.tree.root(nodes[0])
            token_bytes = None if self.pair.by == "ids" else self.model.token_bytes
            self._write(views, root, self.prompt_fields(root), token_bytes)

    def settled(self, error: BftuiError | None) -> None:
        """Notes that the visible path was read, as far as it can be, and what stopped that."""
        self.error, self._settled = error, self._here()

    def _here(self) -> tuple[int, int]:
        return self.base.state.cursor, self.base.state.view.sampler

    def prepare(self, root: int) -> Contexts:
        """Makes the prompts of both models at a root, where they are not made yet; raises like `Model.render`."""
        if root not in self._contexts:
            asked, rendered = self.base.state.prompts[root]
            own = self.pair.partner_prompt(asked, rendered.template, self.template)
            contexts = self.pair.join(rendered, self.model.render(own))
            for place in (None, contexts):
                self._counterparts.prepare(place)
            self._contexts[root] = contexts
            self._asked[root] = own
        return self._contexts[root]

    def has_row(self, node: int) -> bool:
        """Says whether logits after a node are kept, or there are none."""
        return node in self._rows or self.base.state.tree.entropies(node) is None

    def row(self, node: int) -> F32 | None:
        """Returns the partner's logits after a node, shape (n_vocab,); None where they are not kept."""
        return self._rows.get(node)

    def keep_row(self, node: int, row: F32) -> None:
        """Keeps the logits after a node; the oldest ones go."""
        self._rows[node] = row
        self._rows.move_to_end(node)
        while len(self._rows) > _KEPT_ROWS:
            self._rows.popitem(last=False)

    def rebase(self, model: Model) -> None:
        """Goes on with another process of the base."""
        self.pair.base = model

    def cancel(self) -> None:
        """Stops what the partner's client does now."""
        self.model.client.cancel()

    # The partner's own answer ----------------------------------------------------------------------------------

    def start_shift(self, max_tokens: int = 256, answer: str | None = None) -> Shift:
        """Begins to score the partner's greedy answer to the visible prompt, or a given one, with the base.

        Raises UsageError for an empty answer, and what `prepare` raises.
        """
        contexts = self.prepare(self.base.state.root)
        ids = None if answer is None else self.model.tokenize(answer)
        sampler = self.base.state.sampler
        return Shift(self.pair, contexts, token_ids=ids, max_tokens=max_tokens, sampler=sampler)

    def stored(self, shift: Shift) -> StoredResult | None:
        """Writes a shift as a measurement of the trace; None where nothing was read, or it is of another partner."""
        for root, contexts in self._contexts.items():
            if contexts is shift.contexts:
                return shift.stored(root)
        return None

    # Saving ----------------------------------------------------------------------------------------------------

    def head(self) -> dict[str, Any]:
        """Writes `partner` of a trace: the model, and its prompt at the first root that it read."""
        fields = model_fields(self.model.info, self.model.noise)
        return {"model": fields, "prompt": self.prompt_fields(min(self._contexts))}

    def prompt_fields(self, root: int) -> dict[str, Any] | None:
        """Writes the partner's prompt at a root, as a trace has it; None where it was not made."""
        contexts = self._contexts.get(root)
        if contexts is None:
            return None
        fields = root_fields(self._asked[root], contexts.partner)
        return fields if contexts.seam is None else {**fields, "seam": contexts.seam}

    def seen(self) -> Seen:
        """Returns what the partner said of nodes, for a trace."""
        return Seen(dict(self.views), self.model.token_bytes, same=self.pair.by == "ids")
