"""What a session knows: where it stands, what it holds, and what anybody may read of it. Nothing here changes it.

Asking the model for rows or previews of a distribution counts as reading.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bftui.backends.client.client_protocol import Page
from bftui.core.distribution import NextToken
from bftui.core.sampler import Sampler
from bftui.core.tree import Node, Tree
from bftui.model.loaded_model import Model
from bftui.model.prompt import Prompt, Rendered
from bftui.model.turns import Turn, stop_at
from bftui.session import view_state as p


class SessionState:
    """The state of a session and its readers; `session.Session` fills it and changes it.

    Attributes:
        model: what runs.
        tree: everything ever generated.
        draws: tokens sampled so far, which numbers the next draw.
        ignore_eos: whether steps go on after an end of generation.
        restated: grows whenever numbers of nodes were made anew.
    """

    model: Model
    tree: Tree
    draws: int
    ignore_eos: bool
    restated: int
    _number: int
    _samplers: list[Sampler]
    _place: p.Place
    _history: p.History
    _prompts: dict[int, tuple[Prompt, Rendered]]
    _stops: tuple[str, ...]
    _turns: dict[int, Turn]
    _force_starts: set[int]
    _counted: tuple[int, int, int, int]

    @property
    def cursor(self) -> int:
        """The node where the session stands."""
        return self._place.cursor

    @property
    def marks(self) -> Mapping[str, int]:
        """The node of each name."""
        return self._place.marks

    @property
    def folded(self) -> frozenset[int]:
        """Nodes that hide what comes after them."""
        return self._place.folded

    @property
    def pruned(self) -> frozenset[int]:
        """Nodes that are hidden with what comes after them; none of them is on the path to the cursor."""
        return self._place.pruned

    @property
    def undoes(self) -> str | None:
        """What undo would take back, in the trace's word for it; None where there is nothing."""
        return self._history.undoes

    @property
    def redoes(self) -> str | None:
        """What redo would do again, in the trace's word for it; None where there is nothing."""
        return self._history.redoes

    @property
    def node(self) -> Node:
        """The node at the cursor."""
        return self.tree.node(self.cursor)

    @property
    def sampler(self) -> Sampler:
        """The sampler in force."""
        return self._samplers[self._place.sampler]

    @property
    def sampler_number(self) -> int:
        """Which sampler is in force, as nodes and the trace count them."""
        return self._place.sampler

    def sampler_at(self, number: int) -> Sampler:
        """A sampler by its number."""
        return self._samplers[number]

    @property
    def prompt(self) -> Prompt:
        """The prompt of the visible path, as it was asked for."""
        return self._prompts[self.tree.root(self.cursor)][0]

    @property
    def rendered(self) -> Rendered:
        """The prompt of the visible path as the model sees it."""
        return self._prompts[self.tree.root(self.cursor)][1]

    def prompt_at(self, root: int) -> tuple[Prompt, Rendered]:
        """The prompt of a root, as it was asked for and as the model sees it."""
        return self._prompts[root]

    @property
    def length(self) -> int:
        """Tokens of the visible path, the prompt's included."""
        root = self.tree.root(self.cursor)
        return len(self.tree.prompt_ids(root)) + self.tree.depth(self.cursor)

    @property
    def ended(self) -> bool:
        """Whether the cursor stands on an end of generation, or of the answer: see `stop`."""
        return self.tree.eog(self.cursor) or self.stop() is not None

    def stop(self, node: int | None = None) -> str | None:
        """The stop string of the prompt's template that the answer reached with a node (default: the cursor).

        Steps and playing end there, as they do at an end of generation, and go on after a forced token. What measures
        continuations (rollouts, look-ahead, responses) goes on past it: they end where the model itself ends.
        """
        if not self._stops:
            return None
        node = self.cursor if node is None else node
        found = stop_at(self.tree, node, self.model.token_bytes, self._stops)
        stops = () if found is None else self._prompts[self.tree.root(node)][1].stops
        return stop_at(self.tree, node, self.model.token_bytes, stops)

    def begins_force(self, node: int) -> bool:
        """Whether a text was forced from this token on: two forces in a row begin twice."""
        return node in self._force_starts

    def path_bytes(self, node: int | None = None) -> list[bytes]:
        """The bytes of each token from the first of the prompt to a node (default: the cursor)."""
        ids = self.tree.token_ids(self.cursor if node is None else node)
        return [self.model.token_bytes(i) for i in ids]

    def text(self, node: int | None = None) -> str:
        """What was generated below the prompt, up to a node (default: the cursor), without a stop string at its end."""
        node = self.cursor if node is None else node
        path = self.path_bytes(node)
        data = b"".join(path[len(path) - self.tree.depth(node) :])
        stop = self.stop(node)
        return data[: None if stop is None else data.rindex(stop.encode())].decode(errors="replace")

    def spaced(self, word: str, node: int | None = None) -> str:
        """A palette word as it is forced after a node (default: the cursor).

        A space goes before it when the text so far ends in a non-space.
        """
        special = self.model.info.special_ids
        last = b""
        for token_id in reversed(self.tree.token_ids(self.cursor if node is None else node)):
            # After a control token a text begins.
            last = b"" if token_id in special else self.model.token_bytes(token_id)
            if last or token_id in special:
                break
        if not last or last[-1:].isspace() or word[:1].isspace():
            return word
        return f" {word}"

    def stale_at(self, node: int) -> bool:
        """Whether H(P~) and BF after a node are those of another sampler than the one in force."""
        number = self.tree.sampler(node)
        return number != self._place.sampler and not self._samplers[number].same_numbers(
            self.sampler
        )

    def page(self, start: int, stop: int, *, node: int | None = None, query: str = "") -> Page:
        """Rows of the full vocabulary after a node (default: the cursor), best first; see `ModelClient.page`."""
        at = self.cursor if node is None else node
        return self.model.client.page(self._number, at, self.sampler, start, stop, query)

    def preview(self, sampler: Sampler, node: int | None = None) -> NextToken | None:
        """The distribution after a node (default: the cursor) under any sampler; changes nothing.

        None after an end of generation.
        """
        at = self.cursor if node is None else node
        if self.tree.entropies(at) is None:
            return None
        return self.model.client.preview(self._number, at, sampler)

    def stale(self) -> int:
        """How many nodes of the visible path have numbers that were made under another sampler."""
        if len(self._samplers) == 1:
            return 0
        cursor, sampler = self._place.cursor, self._place.sampler
        at, under, restated, count = self._counted
        same = (under, restated) == (sampler, self.restated)
        if not same or at not in (cursor, self.tree.parent(cursor)):
            count = len(self._stale(self.tree.path(cursor)))
        elif at != cursor:
            # A path of any length grows by a step in no time.
            count += self.tree.sampler(cursor) != sampler
        self._counted = (cursor, sampler, self.restated, count)
        return count

    def _stale(self, path: Sequence[int]) -> list[int]:
        """The places on a path whose numbers were made under another sampler."""
        sampler = self._place.sampler
        return [place for place, node in enumerate(path) if self.tree.sampler(node) != sampler]
