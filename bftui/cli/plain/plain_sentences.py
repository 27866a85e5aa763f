"""What the plain workbench says: sentences with numbers, safe to print, and nothing that needs columns to be read."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from bftui.core.definitions import BF_LIKELIHOOD, BF_ROLLOUTS
from bftui.core.noise_floor import choices, nats, probability
from bftui.core.sampler import FIRST, NUMBERS
from bftui.core.text import counted, safe

if TYPE_CHECKING:
    from bftui.core.sampler import Constraint, Sampler
    from bftui.measures.rollouts import Rollouts
    from bftui.measures.shift.shift_reading import Shift
    from bftui.session.session import Session

MOST_ROWS = 200
"""Rows of a tree that are said at once."""
_MOST_TEXT = 200


def say(text: str) -> None:
    """Prints a line, or several; what is in it is safe."""
    print(text)


def say_aside(text: str) -> None:
    """Says what is not a result: on stderr, after everything that was said before it."""
    sys.stdout.flush()
    print(f"bftui: {safe(' '.join(text.split()))}", file=sys.stderr, flush=True)


def quoted(data: bytes, most: int = _MOST_TEXT) -> str:
    """Text of the model between quotes, the end of it where it is long; line ends and control characters as signs."""
    text = data.decode(errors="replace")
    cut = "…" if len(text) > most else ""
    return f'"{cut}{safe(text[-most:])}"'


def place(session: Session) -> str:
    """Where the session stands, and how open the next token is there."""
    node, tree = session.cursor, session.tree
    depth = tree.depth(node)
    at = f"Node {node}, the prompt" if depth == 0 else f"Node {node}, {depth} after the prompt"
    following = tree.next(node)
    if following is None:
        return f"{at}. The text ends here."
    stop = session.stop()
    stopped = "" if stop is None else f" The answer ended at {quoted(stop.encode())}."
    kept = "1 token is kept" if following.kept == 1 else f"{following.kept} tokens are kept"
    noise = session.model.noise
    here = following.constraint
    under = "" if here is None else f" Of BF: {here.line()}."
    return (
        f"{at}.{stopped} BF {choices(following.bf, 2, noise)}: {kept}.{under} Over the whole vocabulary BF "
        f"{choices(following.bf_full, 2, noise)}, H(P) {nats(following.entropy, 2, noise)} nats."
    )


def constraint(found: Constraint) -> str:
    """What the text must be."""
    if not found:
        return "There is no constraint."
    text = f" {quoted(found.text.encode(), 60)}" if found.kind == "regex" else ""
    return f"The text from token {found.start + 1} after the prompt on must be of a {found.called}{text}."


def added(session: Session, nodes: Sequence[int]) -> str:
    """Tokens that were just passed, on the way down."""
    tree = session.tree
    ids = [tree.token_id(node) for node in nodes]
    text = quoted(b"".join(session.model.token_bytes(i) for i in ids if i is not None))
    words = {tree.source(node).word for node in nodes}
    word = words.pop() if len(words) == 1 else "added"
    if len(nodes) > 1:
        return f"{word} {len(nodes)} tokens: {text}."
    found = tree.node(nodes[0])
    if found.logprob is None:
        return f"{word} {text}."
    chance = probability(math.exp(found.logprob), 4, session.model.noise)
    past = " The truncation does not keep it." if found.logprob_truncated is None else ""
    return f"{word} {text}, P {chance}, rank {found.rank}.{past}"


def candidates(session: Session, count: int, query: str = "") -> Iterator[str]:
    """The best candidates, one a line."""
    page = session.model_tree.page(0, count, query=query)
    looked = session.experiments.looked(session.cursor)
    for row in page.rows:
        p = probability(math.exp(row.logprob), 4, session.model.noise)
        line = f"{row.rank}. {quoted(session.model.token_bytes(row.token_id))}, P {p}"
        if row.logprob_truncated is None:
            line += (
                f", removed by {' and '.join(map(_rule, row.removed_by))}" if row.removed_by else ""
            )
            line += "" if row.removed_by else ", not kept"
        else:
            line += f", P~ {probability(math.exp(row.logprob_truncated), 4, session.model.noise)}"
        if row.token_id in looked:
            after = looked[row.token_id]
            line += (
                ", the text ends after it"
                if after is None
                else f", BF after {choices(after.bf, 2, session.model.noise)}"
            )
        yield f"{line}, id {row.token_id}"
    yield f"{len(page.rows)} of {page.total} tokens."


def rules(session: Session) -> Iterator[str]:
    """What each truncation rule keeps alone, one a line."""
    for each in session.model_tree.rule_effects(session.sampler):
        held = (
            ""
            if each.mass is None
            else f", {probability(each.mass, 4, session.model.noise)} of the mass"
        )
        yield f"{_rule(each.name)} {each.value:g} alone keeps {counted(each.kept, 'token')}{held}."


def _rule(name: str) -> str:
    if name in ("steering", "constraint"):
        return "a ban" if name == "steering" else "the constraint"
    from bftui.core.truncation import rule_named

    return rule_named(name).called


def tree_rows(session: Session) -> Iterator[str]:
    """The tree as runs of tokens without a fork, each with its place, depth first."""
    tree, marks = session.tree, {node: name for name, node in session.marks.items()}
    waiting = [root for root in reversed(tree.roots) if root not in session.pruned]
    said = 0
    while waiting:
        first = last = waiting.pop()
        run = [first]
        while len(children := _shown(session, last)) == 1 and last != session.cursor:
            if last in marks:
                break
            last = children[0]
            run.append(last)
        waiting += reversed(_shown(session, last))
        said += 1
        if said > MOST_ROWS:
            yield f"and at least {len(waiting) + 1} more rows; `go NODE` goes to any node"
            return
        yield _row(session, run, marks.get(last))


def _shown(session: Session, node: int) -> list[int]:
    return [child for child in session.tree.children(node) if child not in session.pruned]


def _row(session: Session, run: Sequence[int], mark: str | None) -> str:
    tree = session.tree
    first, last = run[0], run[-1]
    parent = tree.parent(first)
    ids = tree.prompt_ids(first) if parent is None else ()
    ids += tuple(i for node in run if (i := tree.token_id(node)) is not None)
    nodes = f"node {first}" if first == last else f"nodes {first} to {last}"
    below = "the prompt" if parent is None else f"after node {parent}"
    parts = [f"{nodes}, {below}: {quoted(b''.join(map(session.model.token_bytes, ids)), 60)}"]
    forced = sum(tree.source(node).word == "forced" for node in run)
    if forced:
        parts.append("forced" if forced == len(run) else f"{forced} forced")
    following = tree.next(last)
    other = " under another sampler" if session.state.stale_at(last) else ""
    parts.append(
        "the text ends"
        if following is None
        else f"BF {choices(following.bf, 2, session.model.noise)}{other}"
    )
    if mark is not None:
        parts.append(f"marked {safe(mark)}")
    if last == session.cursor:
        parts.append("you are here")
    return ", ".join(parts)


def sampler(found: Sampler) -> str:
    """How tokens are drawn."""
    others = [
        f"{name.replace('_', '-')} {value:g}"
        for name, number in NUMBERS.items()
        if name not in FIRST and (value := getattr(found, name)) != number.off
    ]
    return ", ".join(
        (
            f"temperature {found.temperature:g}, top-k {found.top_k or 'off'}, top-p {found.top_p:g}, "
            f"min-p {found.min_p:g}",
            *others,
            *([f"a {found.constraint.called} as constraint"] if found.constraint else ()),
            f"seed {found.seed}",
        )
    )


def rollouts(job: Rollouts, session: Session) -> Iterator[str]:
    """What continuations say, and the most frequent of them."""
    found = job.branching_factor()
    low_high = "" if found.ci is None else f", 95 % interval {found.ci[0]:.2f} to {found.ci[1]:.2f}"
    ended = f"{100 * found.ended:.0f} % of them ended"
    yield (
        f"BF {found.bf:.2f}{low_high}, over {found.samples} continuations of up to {job.horizon} tokens; {ended}. "
        f"Over the whole vocabulary BF {found.bf_full:.2f}."
    )
    by = BF_LIKELIHOOD if found.estimator == "nll" else BF_ROLLOUTS
    yield f"BF is {by.formula}."
    distinct = job.distinct()
    yield f"{len(distinct)} of them are different; the most frequent:"
    for shared in distinct[:3]:
        data = b"".join(map(session.model.token_bytes, shared.token_ids))
        yield f"{counted(len(shared.places), 'time')}: {quoted(data, 100)}"


def shift(job: Shift, base: str, partner: str) -> Iterator[str]:
    """How far a partner's answer is from what the base would have written."""
    found = job.shares()
    if found is None:
        yield "nothing was read"
        return
    yield (
        f"The answer of {safe(partner)}, read by {safe(base)}: {found.n} places, {found.unshifted:.0%} unshifted "
        f"(rank 1 there), {found.marginal:.0%} marginal (rank 2 or 3), {found.shifted:.0%} shifted."
    )
    for each in job.positions:
        if each.kind == "shifted":
            rank = f"rank {each.scored.rank}"
            yield f"place {each.position}: {quoted(each.text)}, {rank} in {safe(base)}"
