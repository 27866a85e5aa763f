"""Thinking on paths of a session's tree: which tokens think, and the numbers of thinking and answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bftui.core.thinking import ThinkingTrack
from bftui.core.tree import Tree


def track_of(tree: Tree, root: int, token_bytes: Callable[[int], bytes]) -> ThinkingTrack:
    """Begins to follow what comes after the prompt of a root."""
    return ThinkingTrack(b"".join(map(token_bytes, tree.prompt_ids(root))))


def follow(
    track: ThinkingTrack, tree: Tree, nodes: Sequence[int], token_bytes: Callable[[int], bytes]
) -> None:
    """Has a track read what it has not read of a path; `nodes` begin at the root, each is below the one before."""
    for depth in range(len(track) + 1, len(nodes)):
        node = nodes[depth]
        token = tree.token_id(node)
        data = b"" if token is None else token_bytes(token)
        track.add(data, tree.entropies(nodes[depth - 1]), given=tree.of_prompt(node))


def read_path(tree: Tree, node: int, token_bytes: Callable[[int], bytes]) -> ThinkingTrack:
    """Reads the path to a node."""
    nodes = tree.path(node)
    track = track_of(tree, nodes[0], token_bytes)
    follow(track, tree, nodes, token_bytes)
    return track
