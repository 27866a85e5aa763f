"""What the branches of a tree are called, on the screen and in tables."""

from __future__ import annotations

from array import array
from collections.abc import Sequence


def letters(number: int) -> str:
    """Returns a branch's name by its number from 0: A to Z, then AA, AB and so on."""
    name = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, 26)
        name = chr(ord("A") + rest) + name
    return name


def branches(parents: Sequence[int]) -> array[int]:
    """Returns for each node the number of the last branch on the way to it; -1 where nothing forks above it.

    Numbers are given once and for good as a tree grows: with the second child of a node to the first and to it, with
    every further child to that one.

    Args:
        parents: of each node, each before its children; -1 for a prompt.
    """
    numbers, latest, heads = array("i"), array("i"), dict[int, int]()
    for node, parent in enumerate(parents):
        latest.append(-1)
        if parent >= 0:
            elder, latest[parent] = latest[parent], node
            for head in (elder, node) if elder >= 0 else ():
                heads.setdefault(head, len(heads))
    for node, parent in enumerate(parents):
        numbers.append(heads.get(node, -1 if parent < 0 else numbers[parent]))
    return numbers
