"""Conversations on a path: what was said before a node, for the template that writes the next turn; answers' ends."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from bftui.backends.chat.typed_words import Message
from bftui.core.errors import UsageError
from bftui.core.tree import Tree
from bftui.model.prompt import Rendered
from bftui.model.templates import LONGEST_STOP, stop_in


@dataclass(frozen=True, slots=True)
class Turn:
    """A user's turn that was added below a prompt.

    Attributes:
        start: the node where the answer before it ended.
        text: what the user said.
    """

    start: int
    text: str


def said_before(
    tree: Tree,
    node: int,
    opening: Rendered,
    turns: Mapping[int, Turn],
    words: Callable[[Sequence[int]], str],
) -> list[Message]:
    """Return the conversation on the path to a node, up to the last turn of the user.

    Args:
        opening: the prompt of the path.
        turns: every turn that was added, by the node where the answer to it begins.
        words: token ids as text, without control tokens.

    Raises UsageError where the prompt was taken as it is, without a template.
    """
    if opening.messages is None:
        raise UsageError(
            "this prompt has no turns",
            "it was taken as it is, without a chat template",
            "force a text instead",
        )
    messages: list[Message] = list(opening.messages)
    begun = ""
    if messages[-1]["role"] == "assistant":
        begun = messages.pop()["content"]
    path = tree.path(node)
    first = 1
    for depth, place in enumerate(path):
        turn = turns.get(place)
        if turn is None:
            continue
        answered = path[first : tree.depth(turn.start) + 1]
        ids = [token for n in answered if (token := tree.token_id(n)) is not None]
        messages += [
            {"role": "assistant", "content": begun + words(ids)},
            {"role": "user", "content": turn.text},
        ]
        begun, first = "", depth + 1
    return messages


def after_end(
    ids: Sequence[int],
    end: int | None,
    token_bytes: Callable[[int], bytes],
    control: Collection[int],
) -> list[int]:
    """Return what of a turn is still to be forced, where the answer ended with the token `end` (None: it did not end).

    A template writes the end of the answer itself, some with white space before it.
    """
    for place, token_id in enumerate(ids):
        if token_id == end:
            return list(ids[place + 1 :])
        if token_id in control or token_bytes(token_id).strip():
            break
    return list(ids)


def answer_at(
    tree: Tree, node: int, token_bytes: Callable[[int], bytes], enough: float = math.inf
) -> bytes:
    """Return the answer up to a node: what came after the prompt, or after the latest turn of the user.

    Args:
        enough: bytes after which no more are looked for, from the end backwards; a token is taken whole.
    """
    found: list[bytes] = []
    size = 0
    at: int | None = node
    while size < enough and at is not None and not tree.of_prompt(at):
        token_id = tree.token_id(at)
        assert token_id is not None
        found.append(token_bytes(token_id))
        size += len(found[-1])
        at = tree.parent(at)
    return b"".join(reversed(found))


def stop_at(
    tree: Tree, node: int, token_bytes: Callable[[int], bytes], stops: Sequence[str]
) -> str | None:
    """Return the stop string that an answer reached with the token of this node; O(1) in the length of the path."""
    token_id, parent = tree.token_id(node), tree.parent(node)
    if not stops or token_id is None or parent is None or tree.of_prompt(node):
        return None
    token = token_bytes(token_id)
    # Hardly any token holds the last character of a stop string: all others are told apart at once.
    if not any(stop[-1:].encode() in token for stop in stops):
        return None
    return stop_in(answer_at(tree, parent, token_bytes, LONGEST_STOP), token, stops)
