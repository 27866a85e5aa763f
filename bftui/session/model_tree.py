"""A session's tree on the model that grows it: what must be asked of the model to read the tree, or to add to it.

Commands are applied to it; measurements and the partner read from it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace

from bftui.backends.client.client_protocol import Page, StepResult
from bftui.core.batch import CHUNK, Batch
from bftui.core.distribution import NextToken
from bftui.core.draws import Purpose, uniform
from bftui.core.errors import UsageError
from bftui.core.kept_tokens import RuleEffect
from bftui.core.sampler import Sampler
from bftui.core.tree import Source, Tree
from bftui.measures.site import Site
from bftui.model.loaded_model import Model
from bftui.model.prompt import Prompt, Rendered
from bftui.model.templates import asking, turn
from bftui.model.turns import after_end, answer_at, said_before, stop_at
from bftui.session.session_state import SessionState

_tree_numbers = itertools.count()


class ModelTree:
    """The state of a session and its model.

    Attributes:
        model: what runs.
        state: the tree, and where the session stands in it.
        number: the number under which the model's client holds the tree.
        ignore_eos: whether steps go on after an end of generation.
        beside_chat: whether a second model has a chat template: see `templates.asking`.
    """

    def __init__(
        self, model: Model, state: SessionState, *, ignore_eos: bool, beside_chat: bool
    ) -> None:
        self.model, self.state = model, state
        self.ignore_eos, self.beside_chat = ignore_eos, beside_chat
        self.number = next(_tree_numbers)
        self._paired: tuple[Sequence[int], Sequence[int]] | None = None

    # Reading ---------------------------------------------------------------------------------------------------

    def at(self, node: int | None = None) -> int:
        """Returns the node, or the cursor for None."""
        return self.state.cursor if node is None else node

    @property
    def ended(self) -> bool:
        """Whether the cursor stands on an end of generation, or of the answer: see `stop`."""
        return self.state.tree.eog(self.state.cursor) or self.stop() is not None

    def stop(self, node: int | None = None) -> str | None:
        """Finds the stop string of the prompt's template that the answer reached with a node (default: the cursor).

        Steps and playing end there, as they do at an end of generation, and go on after a forced token. What measures
        continuations (rollouts, look-ahead, responses) goes on past it: they end where the model itself ends.
        """
        state = self.state
        if not state.stops:
            return None
        node = self.at(node)
        found = stop_at(state.tree, node, self.model.token_bytes, state.stops)
        stops = () if found is None else state.prompts[state.tree.root(node)][1].stops
        return stop_at(state.tree, node, self.model.token_bytes, stops)

    def path_bytes(self, node: int | None = None) -> list[bytes]:
        """Returns the bytes of each token from the first of the prompt to a node (default: the cursor)."""
        return [self.model.token_bytes(i) for i in self.state.tree.token_ids(self.at(node))]

    def text(self, node: int | None = None) -> str:
        """Returns what was generated below the prompt, up to a node (default: the cursor).

        A stop string at its end is left out.
        """
        node = self.at(node)
        path = self.path_bytes(node)
        data = b"".join(path[len(path) - self.state.tree.depth(node) :])
        stop = self.stop(node)
        return data[: None if stop is None else data.rindex(stop.encode())].decode(errors="replace")

    def spaced(self, word: str, node: int | None = None) -> str:
        """Writes a palette word as it is forced after a node (default: the cursor).

        A space goes before it when the text so far ends in a non-space.
        """
        special = self.model.info.special_ids
        last = b""
        for token_id in reversed(self.state.tree.token_ids(self.at(node))):
            # After a control token a text begins.
            last = b"" if token_id in special else self.model.token_bytes(token_id)
            if last or token_id in special:
                break
        if not last or last[-1:].isspace() or word[:1].isspace():
            return word
        return f" {word}"

    def page(self, start: int, stop: int, *, node: int | None = None, query: str = "") -> Page:
        """Lists rows of the full vocabulary after a node (default: the cursor), best first; see `ModelClient.page`.

        Raises ModelError, Cancelled.
        """
        client, at = self.model.client, self.at(node)
        return client.page(self.number, at, self.state.sampler, start, stop, query)

    def preview(self, sampler: Sampler, node: int | None = None) -> NextToken | None:
        """Evaluates the distribution after a node (default: the cursor) under any sampler; changes nothing.

        None after an end of generation. Raises ModelError, Cancelled.
        """
        at = self.at(node)
        if self.state.tree.entropies(at) is None:
            return None
        return self.model.client.preview(self.number, at, sampler)

    def rule_effects(self, sampler: Sampler, node: int | None = None) -> list[RuleEffect]:
        """Finds what each truncation rule of a sampler would keep alone after a node (default: the cursor).

        Raises ModelError, UsageError, Cancelled.
        """
        at = self.at(node)
        if self.state.tree.entropies(at) is None:
            return []
        return self.model.client.rule_effects(self.number, at, sampler)

    def site(self, node: int) -> Site:
        """Describes a node as a place to measure at, under the sampler in force."""
        prefix = tuple(self.state.tree.token_ids(node))
        return Site(self.model, self.number, node, prefix, self.state.sampler)

    def check_ends(self, ids: Sequence[int]) -> None:
        """Raises UsageError where tokens to force go on after an end of generation, unless ends are passed over."""
        ends = self.model.info.eog_ids
        index = next((index for index, token_id in enumerate(ids[:-1]) if token_id in ends), None)
        if index is not None and not self.ignore_eos:
            raise UsageError(
                "the text to force goes on after an end of generation",
                f"its token {index + 1} of {len(ids)} is one",
                "force what comes before it",
            )

    def settled(self, prompt: Prompt) -> Prompt:
        """Gives a prompt the template that it would take here: see `templates.asking`."""
        return asking(prompt, bool(self.model.info.chat_template), self.beside_chat)

    def turn_ids(self, text: str) -> list[int]:
        """Returns the tokens that are written after the answer at the cursor for a user's next turn.

        Raises UsageError where the prompt has no turns, or the template writes nothing, and ModelError.
        """
        if not text:
            raise UsageError("there is no text to add")
        state = self.state
        start, (prompt, opening) = state.cursor, state.prompts[state.root]
        if opening.stops:
            said = answer_at(state.tree, start, self.model.token_bytes).decode(errors="replace")
            ids = self.model.tokenize(turn(opening.template, text, said))
        else:
            messages = said_before(state.tree, start, opening, state.turns, self._words)
            ids = after_end(
                self.model.turn_ids(messages, text, replace(prompt, date=opening.date)),
                state.tree.token_id(start) if self.ended else None,
                self.model.token_bytes,
                self.model.info.special_ids,
            )
        if not ids:
            raise UsageError("the model's chat template writes nothing for a user's turn")
        return list(ids)

    def _words(self, ids: Sequence[int]) -> str:
        """Tokens as text, without control tokens."""
        special = self.model.info.special_ids
        data = b"".join(self.model.token_bytes(i) for i in ids if i not in special)
        return data.decode(errors="replace")

    # Growing ---------------------------------------------------------------------------------------------------

    def go(self, node: int) -> None:
        """Puts the cursor on a node."""
        self.state.view = self.state.view.at(node)

    def add_prompt(self, prompt: Prompt, rendered: Rendered | None = None) -> None:
        """Adds a root that holds a prompt, rendered where it is not yet, and goes there. Raises ModelError."""
        state = self.state
        if rendered is None:
            rendered = self.model.render(self.settled(prompt))
        ids = rendered.token_ids
        node = len(state.tree)
        self._pair(rendered)
        following, elapsed = self.model.client.add_prompt(self.number, node, ids, state.sampler)
        # A root that somebody sees in the tree has its prompt.
        state.add_prompt(node, prompt, rendered)
        state.tree.add_root(
            ids,
            following,
            sampler=state.view.sampler,
            elapsed_ms=elapsed,
            batch=Batch(0, CHUNK) if self.model.info.shaped else None,
        )
        self.go(node)

    def pair(self) -> None:
        """Has the later models of a mixture read the visible path behind its prompt with the style, where it has one.

        Prompts of one content may have several styles, and only the visible one counts.
        """
        self._pair(self.state.prompts[self.state.root][1])

    def _pair(self, rendered: Rendered) -> None:
        asked = rendered.token_ids, rendered.styled_ids or rendered.token_ids
        if self.model.mixes and asked != self._paired:
            self.model.client.pair_prompts(*asked)
            self._paired = asked

    def step(self, *, sampled: bool) -> None:
        """Adds one token after the cursor, drawn or the most probable one. Raises UsageError, ModelError, Cancelled."""
        if self.ended and not self.ignore_eos:
            raise UsageError("the text ends here", hint="go back, or force a token to go on")
        state = self.state
        u = uniform(state.sampler.seed, Purpose.STEP, state.draws) if sampled else None
        advanced = self.model.client.step(
            self.number, state.cursor, len(state.tree), state.sampler, u, self.ignore_eos
        )
        draw = state.draws if sampled else None
        state.draws += sampled
        self._join(advanced, Source.SAMPLED if sampled else Source.GREEDY, draw)

    def force(self, ids: Sequence[int]) -> None:
        """Appends a text that a person forces. Raises UsageError, InvalidToken, ModelError, Cancelled."""
        self.check_ends(ids)
        self.state.force_starts.add(self.append(ids, Source.FORCED)[0])

    def append(self, ids: Sequence[int], source: Source | Sequence[Source]) -> list[int]:
        """Goes along these tokens below the cursor, and adds those that were not given there before; their nodes.

        Raises InvalidToken, ModelError, Cancelled.
        """
        state = self.state
        sources = [source] * len(ids) if isinstance(source, Source) else source
        path: list[int] = []
        for token_id, origin in zip(ids, sources, strict=True):
            child = state.child(path[-1] if path else state.cursor, token_id, origin)
            if child is None:
                break
            path.append(child)
        if path:
            self.go(path[-1])
        rest = ids[len(path) :]
        if rest:
            # The client numbers new nodes one after another: it must see none that is there already.
            results = self.model.client.extend(
                self.number, state.cursor, len(state.tree), rest, state.sampler, self.ignore_eos
            )
            for advanced, origin in zip(results, sources[len(path) :], strict=True):
                self._join(advanced, origin, None)
                path.append(state.cursor)
        return path

    def _join(self, advanced: StepResult, source: Source, draw: int | None) -> None:
        """Goes to the token below the cursor, a new node or one that is there already.

        A sample is an event and always gets a node; forcing or taking the best again only leads to the same place.
        """
        state = self.state
        if source is Source.GREEDY:
            child = state.child(state.cursor, advanced.scored.token_id, source)
            if child is not None:
                self.go(child)
                return
        self.go(
            state.tree.add(
                state.cursor,
                advanced.scored,
                source,
                advanced.next,
                sampler=state.view.sampler,
                draw=draw,
                eog=advanced.eog,
                elapsed_ms=advanced.elapsed_ms,
                batch=advanced.batch,
            )
        )

    # Recomputing -----------------------------------------------------------------------------------------------

    def recompute_stale(
        self, limit: int | None, written: Callable[[Tree, Sequence[int], bool], None]
    ) -> int:
        """Recomputes stale numbers of the visible path, the latest first, `limit` at most; how many nodes are left.

        `written` gets each run of nodes as soon as it has its numbers, and whether P may be another one. Raises
        ModelError, Cancelled.
        """
        state = self.state
        if not state.stale():
            return 0
        path = state.tree.path(state.cursor)
        waiting = state.stale_on(path)
        wanted = len(waiting) if limit is None else min(limit, len(waiting))
        while wanted > 0:
            end = waiting.pop()
            size = 1
            while size < wanted and waiting and waiting[-1] == end - size:
                waiting.pop()
                size += 1
            nodes = path[end - size + 1 : end + 1]
            self._recompute(nodes)
            written(state.tree, nodes, bool(self.model.info.parts))
            wanted -= size
        return len(waiting)

    def _recompute(self, nodes: Sequence[int]) -> None:
        """Computes the numbers of consecutive nodes of a path under the sampler in force."""
        tree, view = self.state.tree, self.state.view
        open_end = tree.entropies(nodes[-1]) is not None
        found = self.model.client.rescore(self.number, nodes, self.state.sampler, open_end)
        for node, result in zip(nodes, found, strict=True):
            scored, following = (
                (None, result) if isinstance(result, NextToken) else (result.scored, result.next)
            )
            if tree.entropies(node) is None:
                # An end of generation that was forced past: nothing was said to come after it.
                following = None
            tree.rescore(node, scored, following, sampler=view.sampler)
        self.state.recomputed += 1

    def reload(self, model: Model) -> None:
        """Goes on with another process of the same model. Raises ModelError.

        Raises UsageError where the vocabularies differ: token ids would mean other tokens.
        """
        if model.info.tokenizer_sha256 != self.model.info.tokenizer_sha256:
            raise UsageError(
                "this model has another vocabulary", hint="start a new session with it"
            )
        tree = self.state.tree
        prompts = {root: tree.prompt_ids(root) for root in tree.roots}
        model.client.load_tree(self.number, *tree.links(), prompts, tree.batches())
        self.model, self._paired = model, None
        self.pair()
