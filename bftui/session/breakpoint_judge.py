"""Whether a condition to stop at holds where a session stands."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bftui.core.errors import BftuiError, UsageError
from bftui.core.text import label
from bftui.core.tree import Tree
from bftui.measures.bounded_pattern import BoundedPattern
from bftui.session.breakpoints import Breakpoint
from bftui.session.model_tree import ModelTree
from bftui.session.partner.session_partner import Partner


@dataclass(frozen=True, slots=True)
class Reached:
    """A condition that holds.

    Attributes:
        condition: which one.
        node: where.
        depth: tokens between the prompt and the place.
        why: what was found there; safe to draw.
    """

    condition: Breakpoint
    node: int
    depth: int
    why: str

    def line(self) -> str:
        """Says what stopped it, and where."""
        return (
            f"stopped at token {self.depth} by {label(self.condition.written.encode())}: {self.why}"
        )


class BreakpointJudge:
    """Judges conditions at the cursor of a session, after each step."""

    def __init__(self) -> None:
        self._patterns: dict[str, BoundedPattern] = {}

    def close(self) -> None:
        """Ends what matches regular expressions."""
        for pattern in self._patterns.values():
            pattern.close()
        self._patterns.clear()

    def reached(
        self, on: ModelTree, partner: Partner | None, conditions: Sequence[Breakpoint]
    ) -> Reached | None:
        """Returns the first of the conditions that holds at the cursor, None where none does.

        Nothing is written before a prompt's end, so that nothing holds at a prompt. Raises UsageError for a regular
        expression that takes too long, ModelError.
        """
        tree, node = on.state.tree, on.state.cursor
        if tree.of_prompt(node):
            return None
        for condition in conditions:
            why = self._holds(condition, on, partner, tree, node)
            if why:
                return Reached(condition, node, tree.depth(node), why)
        return None

    def _holds(
        self, asked: Breakpoint, on: ModelTree, partner: Partner | None, tree: Tree, node: int
    ) -> str:
        """Says why a condition holds at a node; "" where it does not."""
        if asked.kind in ("entropy", "bf"):
            entropies = tree.entropies(node)
            if entropies is None:
                return ""
            value = entropies[0] if asked.kind == "entropy" else math.exp(entropies[1])
            told = (
                f"H(P) is {value:.2f} nats here"
                if asked.kind == "entropy"
                else f"BF is {value:.2f} here"
            )
            return told if value > asked.limit else ""
        if asked.kind == "fork":
            return _fork(on, partner, tree, node)
        data = on.model.token_bytes(tree.token_id(node) or 0)
        if asked.kind == "token":
            said = data.decode(errors="replace")
            plain = asked.text if asked.value.startswith('"') else asked.text.strip()
            exact = asked.value.startswith('"')
            return (
                f"the token is {label(data)}" if plain == (said if exact else said.strip()) else ""
            )
        if asked.kind == "text":
            wanted = asked.text.encode()
            tail = _tail(on, tree, node, len(wanted) + len(data) - 1)
            return f"the text says {label(wanted)}" if wanted in tail else ""
        return self._matches(asked.value, on, node, data)

    def _matches(self, pattern: str, on: ModelTree, node: int, data: bytes) -> str:
        matcher = self._patterns.get(pattern)
        if matcher is None:
            matcher = self._patterns[pattern] = BoundedPattern(pattern)
        path = on.path_bytes(node)
        whole = b"".join(path[len(path) - on.state.tree.depth(node) :])
        before = len(whole[: len(whole) - len(data)].decode(errors="replace"))
        found = matcher.search(whole.decode(errors="replace"), before)
        return "" if found is None else f"it matches {label(found.encode()[:80])}"


def _fork(on: ModelTree, partner: Partner | None, tree: Tree, node: int) -> str:
    """Says that the partner would take another token after a node; "" where that is not so or not known."""
    seen, own = None if partner is None else partner.view(node), tree.next(node)
    if partner is None or seen is None or seen.next is None or own is None:
        return ""
    best = int(own.top_ids[0])
    try:
        theirs = partner.tokens_here(node)
    except UsageError:
        return ""
    except BftuiError:
        # A token that the base cannot even write is another one.
        return "the partner's best token is another one"
    if theirs[:1] == (best,):
        return ""
    said = label(b"".join(map(on.model.token_bytes, theirs)))
    return f"the partner would say {said}, the model {label(on.model.token_bytes(best))}"


def _tail(on: ModelTree, tree: Tree, node: int, size: int) -> bytes:
    """The last bytes of what was written below the prompt up to a node."""
    found = b""
    at: int | None = node
    while at is not None and len(found) < size and (token := tree.token_id(at)) is not None:
        found, at = on.model.token_bytes(token) + found, tree.parent(at)
    return found[-size:]
