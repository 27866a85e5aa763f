"""What a report says of a session: gathered from a trace of any size in one pass over its nodes."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bftui.core.distribution import NextToken
from bftui.core.noise_floor import Noise, finest, nats, share
from bftui.core.noise_floor import probability as digits
from bftui.core.sampler import Sampler
from bftui.core.text import NEWLINE, label, safe, spans
from bftui.core.thinking import ThinkingParts, ThinkingTrack
from bftui.trace.header import noise_of
from bftui.trace.nodes import next_token
from bftui.trace.reading import TraceFile

FIRST_TOKENS, LAST_TOKENS = 2500, 1500
"""Tokens of a path that are written out: from its beginning, and up to its end."""

CANDIDATES = 8
"""Candidates that are shown for a token."""

STEPS, RAMP_TOP = 8, 4.0
"""Shades of the text, and the entropy in nats from which on the last of them is used."""

_CHOSEN_LISTED = 40

F64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class TokenShown:
    """One token of the path.

    Attributes:
        position: from 0, after the prompt.
        text: what is drawn, safe; a line end is a mark and a line end.
        source: how it came.
        shade: step of the ramp by H(P) of the distribution that it comes from, in [0, `STEPS`); None where there is
            none.
        said: its numbers and the best candidates, in lines.
        left_out: how many tokens before this one are not written.
    """

    position: int
    text: str
    source: str
    shade: int | None
    said: str
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class ChosenToken:
    """A token of the path that was not sampled by the model: BF is of the distributions before and after it."""

    position: int
    text: str
    source: str
    prob: float | None
    rank: int | None
    bf_before: float | None
    bf_after: float | None


@dataclass(frozen=True, slots=True, eq=False)
class PathColumns:
    """The visible path in columns of shape (n + 1,): entry t is of the distribution that token t comes from.

    The last entry is of what comes after the last token. NaN stands where there is nothing.

    Attributes:
        entropy, entropy_truncated: H(P) and H(P~), nats.
        free: H(P~) without the constraint, where one holds, nats.
        partner: H(P~) of the partner.
        kl: KL(partner || base), nats.
        classes: of token t by the partner's rank; None where it was not compared. Shape (n,), like the two below.
        sources: how token t came.
        labels: token t, safe.
    """

    entropy: F64
    entropy_truncated: F64
    free: F64
    partner: F64
    kl: F64
    classes: tuple[str | None, ...]
    sources: tuple[str, ...]
    labels: tuple[str, ...]

    @property
    def length(self) -> int:
        """Tokens of the path."""
        return len(self.sources)

    def places(self, source: str) -> list[int]:
        """Returns the positions of the tokens that came in one way."""
        return [t for t, each in enumerate(self.sources) if each == source]

    def factor(self, column: F64) -> float | None:
        """exp of the mean of a column over the positions of tokens, those of a user's turn left out."""
        counted = np.array([each != "prompt" for each in self.sources], dtype=bool)
        values = column[:-1][counted]
        values = values[np.isfinite(values)]
        return factor(float(values.mean())) if len(values) else None


@dataclass(frozen=True, slots=True, eq=False)
class Content:
    """What a report says, but for the branches and the measurements.

    Attributes:
        file: the trace.
        path: its visible path.
        tokens: those of the path that are written out.
        chosen: forced and nudged tokens of the path, the first of them; `chosen_count` counts all.
        entropy_truncated: H(P~) after each node of the tree, NaN where nothing comes after it.
        best: P of the most probable token after each node, likewise.
        sources: how each node came, as places in `SOURCES`.
        ended: nodes that end a generation.
        samplers: of each node, the one whose numbers it has.
        drawn: of each node, the one that its token came under.
    """

    file: TraceFile
    path: PathColumns
    tokens: tuple[TokenShown, ...]
    chosen: tuple[ChosenToken, ...]
    chosen_count: int
    entropy_truncated: F64
    best: F64
    sources: NDArray[np.int8]
    ended: frozenset[int]
    samplers: Sequence[int]
    drawn: Sequence[int]

    @property
    def along(self) -> list[Sampler]:
        """The samplers whose numbers the visible path has, those of its end first; they differ in more than the seed.

        The seed is the one that the last token was drawn with, where one was drawn.
        """
        known, found = self.file.samplers, list[Sampler]()
        path = self.file.outline.path or [0]
        for number in (self.samplers[node] for node in reversed(path)):
            if not any(known[number].same_numbers(each) for each in found):
                found.append(known[number])
        seeds = (
            known[self.drawn[node]].seed
            for node in reversed(path)
            if SOURCES[self.sources[node]] == "sampled"
        )
        seed = next(seeds, found[0].seed)
        return [replace(each, seed=seed) for each in found]

    @property
    def thinking(self) -> ThinkingParts | None:
        """The numbers of thinking and answer on the visible path; None where nothing thinks."""
        file, nodes = self.file, self.file.outline.path or [0]
        track = ThinkingTrack(file.prompts()[nodes[0]].rendered.encode(errors="replace"))
        for t, node in enumerate(nodes[1:]):
            known = (float(self.path.entropy[t]), float(self.path.entropy_truncated[t]))
            given = self.path.sources[t] == "prompt"
            entropies = None if math.isnan(known[0]) else known
            track.add(file.token_bytes(file.links.tokens[node]), entropies, given=given)
        return track.parts()

    def apart(self, nodes: Iterable[int]) -> bool:
        """Tells whether numbers of some nodes are those of another sampler than at the end of the visible path."""
        known = self.file.samplers
        end = known[self.samplers[(self.file.outline.path or [0])[-1]]]
        return any(
            not known[number].same_numbers(end) for number in {self.samplers[n] for n in nodes}
        )

    @property
    def left_out(self) -> int:
        """Tokens of the path that are not written out."""
        return self.path.length - len(self.tokens)


SOURCES = ("prompt", "sampled", "greedy", "forced", "nudged", "rollout")
_PLACES = {name: place for place, name in enumerate(SOURCES)}
_CHOSEN = ("forced", "nudged")


def gather(file: TraceFile) -> Content:
    """Reads the nodes once. Raises InputError where the file changed."""
    nodes = file.outline.path or [0]
    place = {node: t for t, node in enumerate(nodes)}
    length = len(nodes) - 1
    shown = _shown(length)
    entropy, truncated, best = array("d"), array("d"), array("d")
    sources, drawn = array("b"), array("i")
    ended: set[int] = set()
    free, partner, kl = (np.full(length + 1, math.nan) for _ in range(3))
    classes: list[str | None] = [None] * length
    kept: dict[int, dict[str, Any]] = {}
    for node in file.nodes():
        after = node["next"]
        entropy.append(math.nan if after is None else after["entropy"])
        truncated.append(math.nan if after is None else after["entropy_truncated"])
        best.append(_best(after))
        sources.append(_PLACES[node["source"]])
        drawn.append(node.get("drawn_under", node["sampler"]))
        if node["eog"]:
            ended.add(node["id"])
        t = place.get(node["id"])
        if t is None:
            continue
        if t - 1 in shown or t in shown or node["source"] in _CHOSEN:
            kept[t] = node
        under = None if after is None else after.get("constraint")
        if under is not None and under["allowed"]:
            free[t] = under["entropy_free"]
        view = node.get("partner")
        if view is not None:
            if view["next"] is not None:
                partner[t] = view["next"]["entropy_truncated"]
            if t:
                kl[t - 1] = math.nan if view["kl_partner_base"] is None else view["kl_partner_base"]
                classes[t - 1] = view["class"]
    along = np.array(nodes)
    all_truncated = np.frombuffer(truncated, dtype=np.float64)
    ids = [file.links.tokens[node] for node in nodes[1:]]
    labels = _Labels(file)
    columns = PathColumns(
        entropy=np.frombuffer(entropy, dtype=np.float64)[along],
        entropy_truncated=all_truncated[along],
        free=free,
        partner=partner,
        kl=kl,
        classes=tuple(classes),
        sources=tuple(SOURCES[sources[node]] for node in nodes[1:]),
        labels=tuple(labels[token_id] for token_id in ids),
    )
    chosen = [t for t, source in enumerate(columns.sources) if source in _CHOSEN]
    return Content(
        file=file,
        path=columns,
        tokens=tuple(_tokens(file, columns, ids, kept, shown, labels)),
        chosen=tuple(_chosen(columns, kept[t + 1], t) for t in chosen[:_CHOSEN_LISTED]),
        chosen_count=len(chosen),
        entropy_truncated=all_truncated,
        best=np.frombuffer(best, dtype=np.float64),
        sources=np.frombuffer(sources, dtype=np.int8),
        ended=frozenset(ended),
        samplers=file.links.samplers,
        drawn=drawn,
    )


def _best(after: Mapping[str, Any] | None) -> float:
    if after is None or not after["top"]["logprobs"]:
        return math.nan
    return math.exp(min(after["top"]["logprobs"][0], 0.0))


def lines(text: str) -> str:
    """Makes running text safe to show; its line ends are seen and end a line."""
    return safe(text).replace(NEWLINE, f"{NEWLINE}\n")


def factor(entropy: float) -> float:
    """exp of nats; a trace may say more than a float can hold."""
    return math.exp(min(entropy, 700.0))


def number(value: float | None, noise: Noise | None = None) -> str:
    """Writes a branching factor in few digits; – where there is none.

    That of a single distribution has no more digits than the noise floor allows.
    """
    if value is None or not math.isfinite(value):
        return "–"
    return f"{value:.2e}" if value >= 1e6 else finest(value, noise)


def probability(logprob: float | None, noise: Noise | None = None) -> str:
    """Writes P of a log-probability; 0 for None, which stands for ln 0."""
    if logprob is None or (p := math.exp(min(logprob, 0.0))) <= 0:
        return "0"
    return digits(p, 4, noise)


class _Labels(dict[int, str]):
    """Tokens by id, safe to show, made once each."""

    def __init__(self, file: TraceFile) -> None:
        super().__init__()
        self._file = file

    def __missing__(self, token_id: int) -> str:
        return self.setdefault(token_id, self._file.text(token_id))


def _shown(length: int) -> range | set[int]:
    """The positions that are written out."""
    if length <= FIRST_TOKENS + LAST_TOKENS:
        return range(length)
    return {*range(FIRST_TOKENS), *range(length - LAST_TOKENS, length)}


def _tokens(
    file: TraceFile,
    path: PathColumns,
    ids: Sequence[int],
    nodes: Mapping[int, dict[str, Any]],
    shown: range | set[int],
    labels: _Labels,
) -> list[TokenShown]:
    found: list[TokenShown] = []
    texts = spans(file.token_bytes(token_id) for token_id in ids)
    before, noise = -1, noise_of(file.outline.model)
    for t in sorted(shown):
        entropy = path.entropy[t]
        shade = None if math.isnan(entropy) else min(STEPS - 1, int(entropy / RAMP_TOP * STEPS))
        text = texts[t]
        # The bytes of a character that a later token completes stand for themselves.
        drawn = lines(text) if text else label(file.token_bytes(ids[t]))
        at = file.samplers[nodes[t]["sampler"]].at(t).temperature
        after = next_token(nodes[t]["next"], at, file.outline.model.n_vocab)
        said = "\n".join(_said(path, after, nodes[t + 1], t, labels, noise))
        found.append(TokenShown(t, drawn, path.sources[t], shade, said, t - before - 1))
        before = t
    return found


def _said(
    path: PathColumns,
    after: NextToken | None,
    node: Mapping[str, Any],
    t: int,
    labels: _Labels,
    noise: Noise | None,
) -> list[str]:
    """A token in lines: what it is, its numbers, and what else might have stood there, `after` the token before."""
    said = [f"{path.labels[t]}  {node['source']}, position {t}"]
    logprob = node["logprob"]
    surprisal = "–" if logprob is None else nats(-logprob, 2, noise, "logprob")
    rank = "–" if node["rank"] is None else f"{node['rank']:,}"
    said.append(f"p {probability(logprob, noise)}, surprisal {surprisal} nats, rank {rank}")
    view = node.get("partner")
    if after is not None:
        said.append(f"H {nats(after.entropy, 2, noise)} nats, BF {number(after.bf, noise)}")
        said[-1] += f" of {after.kept:,} kept"
    if view is not None and view["rank"] is not None:
        said.append(
            f"partner: p {probability(view['logprob'])}, rank {view['rank']:,}, {view['class']}"
        )
    if after is not None:
        said.append("")
        best = zip(
            after.top_ids[:CANDIDATES].tolist(),
            after.top_logprobs[:CANDIDATES].tolist(),
            strict=True,
        )
        said.append("     P       P~")
        for place, (token_id, each) in enumerate(best, start=1):
            mark = "►" if token_id == node["token_id"] else " "
            p, log = share(math.exp(min(each, 0.0)), 4, noise), after.logprob_truncated(place - 1)
            own = "–" if log is None else share(math.exp(min(log, 0.0)), 4, noise)
            said.append(f"{mark}{place:>2}  {p:<6}  {own:<6}  {labels[token_id]}")
    return said


def _chosen(path: PathColumns, node: Mapping[str, Any], t: int) -> ChosenToken:
    before, after = (
        None if math.isnan(value) else factor(value)
        for value in path.entropy_truncated[t : t + 2].tolist()
    )
    logprob = node["logprob"]
    return ChosenToken(
        t,
        path.labels[t],
        path.sources[t],
        None if logprob is None else math.exp(min(logprob, 0.0)),
        node["rank"],
        before,
        after,
    )
