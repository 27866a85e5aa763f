"""The bounds of a node's numbers, which the schema, the links and the journal's player hold them to.

They are above everything that a session can make, and low enough that no arithmetic on what was read overflows.
"""

from __future__ import annotations

LARGEST = 2**31 - 1
"""Of node numbers, token ids, ranks and counts: the tree has them as 32-bit integers."""

MOST_ROWS = 1 << 16
"""Of tokens that were evaluated together."""

MOST_NATS = 22.0
"""Of an entropy: above that of 2**31 tokens."""

MOST_CHOICES = 3e9
"""Of a branching factor: above 2**31."""

MOST_MS = 1e15
"""Of milliseconds: longer than anybody waits."""

HUGE = 1e45
"""Of any other size: above what float32 holds."""
