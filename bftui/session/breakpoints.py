"""Where playing stops by itself: conditions on the place that a step reached, their written form, and their judge."""

from __future__ import annotations

import json
import math
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from bftui.core.errors import BftuiError, UsageError
from bftui.core.text import label

if TYPE_CHECKING:
    from bftui.core.tree import Tree
    from bftui.measures.bounded_pattern import BoundedPattern
    from bftui.session.model_tree import ModelTree
    from bftui.session.partner.session_partner import Partner

Kind = Literal["entropy", "bf", "token", "text", "fork", "regex"]

FORMS = r"entropy>2.5, bf>8, token:Sure, text:However, fork, regex:\d+"
"""One of each, for hints."""


@dataclass(frozen=True, slots=True)
class Breakpoint:
    """One condition on the place that a step reached.

    `entropy` and `bf` look at the choice that comes next, H(P) in nats and BF; `fork` holds where the partner would
    take another token next than the model; `token`, `text` and `regex` look at what the step wrote.

    Attributes:
        kind: what it looks at.
        value: what it is held against, as it was written; "" for a fork.
    """

    kind: Kind
    value: str = ""

    @staticmethod
    def parse(written: str) -> Breakpoint:
        """Reads the form that people write, such as `entropy>2.5`. Raises UsageError that says what is wrong.

        A text may be JSON, for blanks and line ends: `text:"\\n\\n"`.
        """
        found = re.fullmatch(r"\s*([a-z]+)\s*(?:([>:])(.*))?", written, re.DOTALL)
        kind, sign, value = ("", None, None) if found is None else found.groups()
        kinds: tuple[Kind, ...] = get_args(Kind)
        known = next((each for each in kinds if each == kind), None)
        if known is None or sign != _SIGNS.get(known):
            raise UsageError(
                f"{written[:60]!r} is not a condition to stop at", hint=f"such as {FORMS}"
            )
        made = Breakpoint(known, value or "")
        if known == "regex":
            _check_regex(made.value)
        elif sign == ">":
            made = Breakpoint(known, made.value.strip())
            if not made._limit_is_sound():
                raise UsageError(f"{written[:60]!r} takes a number from 0 on")
        elif sign == ":" and not made.text:
            raise UsageError(f"{written[:60]!r} names no text")
        return made

    def _limit_is_sound(self) -> bool:
        try:
            return 0 <= self.limit < math.inf
        except ValueError:
            return False

    @property
    def written(self) -> str:
        """The form that `parse` reads."""
        return f"{self.kind}{_SIGNS.get(self.kind, '')}{self.value}"

    @property
    def limit(self) -> float:
        """The number of `entropy` (nats) and `bf`. Raises ValueError for what is no number."""
        return float(self.value)

    @property
    def text(self) -> str:
        """The text of `token` and `text`. Raises UsageError for JSON that is no text."""
        if not self.value.startswith('"'):
            return self.value
        try:
            found = json.loads(self.value)
        except ValueError as error:
            raise UsageError(f"{self.value[:60]} is not JSON text", str(error)) from None
        return str(found)


def changed_by(known: Sequence[str], written: str) -> tuple[tuple[str, ...], str]:
    """Returns what is set after a condition was entered, and what that does in words.

    One that is set already goes, any other one comes; `none` takes all away. Raises UsageError as `Breakpoint.parse`.
    """
    if written.strip() == "none":
        return (), "takes all away"
    made = Breakpoint.parse(written).written
    if made in known:
        return tuple(each for each in known if each != made), f"takes {made} away"
    return (*known, made), f"sets {made}"


_SIGNS = {"entropy": ">", "bf": ">", "token": ":", "text": ":", "regex": ":"}


def _check_regex(pattern: str) -> None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        why = str(error) or "it is nested too deeply"
        raise UsageError(f"{pattern[:60]!r} is not a regular expression", why) from error
    if not pattern:
        raise UsageError("'regex:' names no pattern")


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
        from bftui.measures.bounded_pattern import BoundedPattern

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
