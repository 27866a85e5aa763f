"""Where something is measured: a place in a tree that a model holds, and the sampler that is used there."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bftui.core.sampler import Sampler
    from bftui.model.loaded_model import Model

_tree_numbers = itertools.count(-1, -1)
"""Sessions count their trees up from 0 on the same client."""


@dataclass(frozen=True, slots=True)
class Site:
    """All that a measurement must know of the place where it is done.

    Attributes:
        model: what is asked.
        tree: the number under which the model's client holds the tree.
        node: the node of that tree.
        prefix: the token ids from the first one of the prompt up to the node.
        sampler: the sampler in force.
    """

    model: Model
    tree: int
    node: int
    prefix: tuple[int, ...]
    sampler: Sampler


def open_site(model: Model, token_ids: Sequence[int], sampler: Sampler) -> Site:
    """Gives a prompt to a model as a tree of one node, until `close_site`. Raises ModelError, Cancelled."""
    tree = next(_tree_numbers)
    model.client.add_prompt(tree, 0, token_ids, sampler)
    return Site(model, tree, 0, tuple(token_ids), sampler)


def close_site(site: Site) -> None:
    """Has a model forget the tree of `open_site`."""
    site.model.client.release_tree(site.tree)


@contextmanager
def prompt_site(model: Model, token_ids: Sequence[int], sampler: Sampler) -> Iterator[Site]:
    """Gives a prompt to a model as a tree of one node; the model forgets the tree with the block.

    Raises ModelError, Cancelled.
    """
    site = open_site(model, token_ids, sampler)
    try:
        yield site
    finally:
        close_site(site)
