"""What the panes read, brought up to date once a frame: session, path, token labels, and what is selected for whom.

Drawing never waits for the model: everything here comes from the session's tree or was fetched before.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from bftui.core.mixing import MIXINGS, Mixing
from bftui.core.text import label, safe
from bftui.ui.drawing.line_builder import fit
from bftui.ui.drawing.shown_rows import ShownRows
from bftui.ui.drawing.tree_rows import TreeRows
from bftui.workbench.snapshot import Measured, Paired

if TYPE_CHECKING:
    from bftui.core.distribution import NextToken
    from bftui.core.noise_floor import Noise
    from bftui.core.pair.distribution_shift import Author, PartnerView, Standing
    from bftui.core.sampler import Sampler
    from bftui.core.thinking import ThinkingBlock, ThinkingParts, ThinkingTrack
    from bftui.core.tree import Tree
    from bftui.model.prompt import Taken
    from bftui.results.lookahead_result import LookaheadResult
    from bftui.session.partner.session_partner import Partner
    from bftui.session.session import Session
    from bftui.workbench.dial_shown import DialShown
    from bftui.workbench.grown_shown import GrownShown
    from bftui.workbench.response_shown import ResponseShown
    from bftui.workbench.rollout_series import Rolled
    from bftui.workbench.valid_shown import ValidPlace, ValidShown
    from bftui.workbench.words_shown import WordsShown

_LABEL_CELLS = 60
_LABEL_BYTES = 240
_TEXT_TOKENS, _TEXT_BYTES = 512, 4096


class Parents(Protocol):
    """What a path reads of a tree."""

    def parent(self, node: int) -> int | None: ...

    def depth(self, node: int) -> int: ...


class Path:
    """Nodes from the prompt to the cursor, kept up and not rebuilt: a token more costs one step, going back none.

    Attributes:
        nodes: the path; `nodes[i]` has depth i.
        version: grows with every change.
    """

    def __init__(self) -> None:
        self.nodes: list[int] = []
        self.version = 0

    def __len__(self) -> int:
        return len(self.nodes)

    def at(self, depth: int) -> int | None:
        """The node at a depth; None past the end."""
        return self.nodes[depth] if depth < len(self.nodes) else None

    def follow(self, tree: Parents, cursor: int) -> int:
        """Goes to another cursor; how many nodes at the start stayed."""
        fresh: list[int] = []
        node: int | None = cursor
        while node is not None:
            depth = tree.depth(node)
            if depth < len(self.nodes) and self.nodes[depth] == node:
                break
            fresh.append(node)
            node = tree.parent(node)
        kept = 0 if node is None else tree.depth(node) + 1
        if fresh or kept < len(self.nodes):
            del self.nodes[kept:]
            self.nodes += reversed(fresh)
            self.version += 1
        return kept


class View:
    """One session as the screen sees it.

    Attributes:
        session: what is shown.
        count: nodes that were there at the last `sync`: the engine's thread may have added more by now.
        path: the nodes from the prompt to the cursor.
        rows: the tree's rows, folded and pruned ones included.
        shown: those that are on the screen.
        marks: the names of each marked node.
        cursor: the node where the session stood at the last `sync`.
        next: the distribution after the cursor; None after an end of text.
        sampler_number: which of the session's samplers the numbers at the cursor were made under.
        in_force: which one is in force.
        recomputed: grows whenever numbers were recomputed.
        measured: what experiments found.
        paired: what is known of the partner.
        against: the end of the branch that the path was compared with last, if any.
        unfolded: whether thinking is shown as text, not as a sign.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.count = len(session.tree)
        self.path = Path()
        self.rows = TreeRows(session.tree)
        self.shown = ShownRows(self.rows)
        self.marks: dict[int, str] = {}
        self.cursor = -1
        self.sampler_number = self.in_force = -1
        self.recomputed = 0
        self.measured = Measured()
        self.paired = Paired()
        self.against: int | None = None
        self.unfolded = False
        self._standings: dict[int, Standing | None] = {}
        self._standing_at: Hashable = None
        self._sure: dict[int, float] = {}
        self._marked: dict[str, int] = {}
        self.next: NextToken | None = None
        self._labels: dict[int, str] = {}
        self._valid_at: tuple[ValidShown | None, int] = None, -1
        self._valid_place: ValidPlace | None = None
        self._track: ThinkingTrack | None = None
        self._tracked: Hashable = None
        self._blocks: dict[int, tuple[ThinkingBlock, ...]] = {}
        self.sync()

    @property
    def tree(self) -> Tree:
        return self.session.tree

    @property
    def sampler(self) -> Sampler:
        return self.session.sampler

    @property
    def model_name(self) -> str:
        """What people call the model, safe to draw; of a practice model it says that it is one."""
        return safe(self.session.model.name)

    @property
    def noise(self) -> Noise | None:
        """The model's noise floor, as soon as it is known."""
        return self.session.model.noise

    @property
    def partner_noise(self) -> Noise | None:
        """The partner's, likewise."""
        partner = self.session.partner
        return None if partner is None else partner.model.noise

    def noise_of(self, author: Author) -> Noise | None:
        """That of the model which wrote a text."""
        return self.partner_noise if author == "partner" else self.noise

    def noise_beside(self, author: Author) -> Noise | None:
        """That of the model which reads a text of the other one."""
        return self.noise if author == "partner" else self.partner_noise

    @property
    def root(self) -> int:
        return self.path.nodes[0]

    @property
    def length(self) -> int:
        """Tokens of the visible path, the prompt's included."""
        return len(self.tree.prompt_ids(self.root)) + len(self.path) - 1

    @property
    def template(self) -> Taken:
        """What the visible prompt was put into."""
        return self.session.rendered.template

    @property
    def state(self) -> Hashable:
        """What every pane's content follows from; equal states draw equal screens."""
        return (
            len(self.tree),
            self.path.version,
            self.cursor,
            self.sampler_number,
            self.in_force,
            self.recomputed,
            self.noise is None,
            self.unfolded,
        )

    def sync(self) -> None:
        """Takes in what the session did since the last time."""
        session = self.session
        self.count = len(session.tree)
        self.rows.sync()
        self.shown.sync(session.state.view.folded, session.pruned)
        if session.marks != self._marked:
            self._marked = dict(session.marks)
            self.marks = {}
            for name, node in sorted(self._marked.items()):
                self.marks[node] = self.marks.get(node, "") + f"'{safe(name)}"
        cursor = session.cursor
        sampler = self.tree.sampler(cursor)
        state = (cursor, sampler, session.sampler_number, session.state.recomputed)
        if state == (self.cursor, self.sampler_number, self.in_force, self.recomputed):
            return
        kept = self.path.follow(self.tree, cursor)
        self._follow_thinking(kept, session.state.recomputed)
        self.cursor, self.sampler_number, self.in_force, self.recomputed = state
        self.next = self.tree.next(cursor)

    def _follow_thinking(self, kept: int, recomputed: int) -> None:
        """Reads what is new on the path; all of it where numbers were recomputed, or the prompt is another one."""
        # Not with the first frame.
        from bftui.session.path_thinking import follow, track_of

        token_bytes = self.session.model.token_bytes
        if self._track is None or not kept or recomputed != self._tracked:
            self._track, self._tracked = track_of(self.tree, self.root, token_bytes), recomputed
        self._track.keep(max(0, kept - 1))
        follow(self._track, self.tree, self.path.nodes, token_bytes)

    @property
    def thinking(self) -> ThinkingParts | None:
        """BF of the thinking and of the answer on the visible path; None where nothing thinks."""
        return None if self._track is None else self._track.parts()

    @property
    def blocks(self) -> tuple[ThinkingBlock, ...]:
        """The thinking blocks of the visible path."""
        return () if self._track is None else self._track.blocks

    def folds_to(self, node: int) -> tuple[ThinkingBlock, ...]:
        """The thinking blocks on the path to a node that are shown as a sign: those that it goes on after."""
        if self.unfolded:
            return ()
        depth = self.tree.depth(node)
        return tuple(each for each in self.blocks_to(node) if each.closed or each.stop < depth)

    def blocks_to(self, node: int) -> tuple[ThinkingBlock, ...]:
        """The thinking blocks of the path to any node."""
        if node == self.cursor:
            return self.blocks
        known = self._blocks.get(node)
        if known is None and self._track is not None:
            from bftui.session.path_thinking import follow

            new, at, tree = list[int](), node, self.tree
            while self.path.at(tree.depth(at)) != at and (parent := tree.parent(at)) is not None:
                new.append(at)
                at = parent
            if self.path.at(tree.depth(at)) != at:
                # Another prompt's.
                return ()
            track = self._track.until(tree.depth(at))
            nodes = [*self.path.nodes[: tree.depth(at) + 1], *reversed(new)]
            follow(track, tree, nodes, self.session.model.token_bytes)
            known = self._blocks[node] = track.blocks
        return known or ()

    @property
    def looked(self) -> LookaheadResult | None:
        """What is known of the candidates after the cursor, under the sampler in force."""
        return self.measured.looked.get((self.cursor, self.in_force))

    @property
    def rolled(self) -> Rolled | None:
        """The latest rollouts from the cursor, under the sampler in force."""
        return self.measured.rolled.get((self.cursor, self.in_force))

    @property
    def mixing(self) -> Mixing | None:
        """How the session's models are mixed; None for one model."""
        return MIXINGS.get(self.session.model.info.architecture)

    @property
    def dialled(self) -> DialShown | None:
        """The dial of the cursor, under the sampler in force but for the weight."""
        found = self.measured.dials.get(self.cursor)
        return found if found is not None and found.under(self.sampler) else None

    @property
    def responded(self) -> ResponseShown | None:
        """The response to the latest text forced from the cursor, else to the last one forced on the path."""
        here: ResponseShown | None = None
        before: ResponseShown | None = None
        for each in self.measured.responses.values():
            if each.sampler != self.in_force:
                continue
            depth = self.tree.depth(each.end)
            if each.node == self.cursor:
                here = each
            elif self.path.at(depth) == each.end and (
                before is None or depth > self.tree.depth(before.end)
            ):
                before = each
        return here or before

    @property
    def worded(self) -> WordsShown | None:
        """The responses to all words at the cursor, under the sampler in force."""
        return self.measured.words.get((self.cursor, self.in_force))

    @property
    def grown(self) -> GrownShown | None:
        """The tree of continuations of the cursor, under the sampler in force."""
        return self.measured.grown.get((self.cursor, self.in_force))

    @property
    def valid(self) -> ValidShown | None:
        """The valid set that is loaded."""
        return self.measured.valid

    @property
    def valid_place(self) -> ValidPlace | None:
        """Where the cursor stands in the valid set; None where there is none, or answers do not begin before it."""
        valid = self.valid
        if self._valid_at[0] is not valid or self._valid_at[1] != self.cursor:
            self._valid_at = valid, self.cursor
            self._valid_place = None if valid is None else valid.place(self.tree, self.cursor)
        return self._valid_place

    def valid_shares(self) -> dict[int, float]:
        """The share of valid answers behind each valid token after the cursor, by its id."""
        place = self.valid_place
        node = None if place is None or self.valid is None else self.valid.trie_node(place.number)
        if node is None:
            return {}
        edges = node.edges
        return {i: edge.completions / node.completions for edge in edges for i in edge.token_ids}

    # The partner -----------------------------------------------------------------------------------------------

    @property
    def partner(self) -> Partner | None:
        """The second model, if there is one."""
        return self.session.partner

    def partnered(self, node: int) -> PartnerView | None:
        """What the partner says of a node; None where nobody knows."""
        partner = self.session.partner
        return None if partner is None else partner.view(node)

    def standings(self, token_ids: Sequence[int]) -> dict[int, Standing | None]:
        """Candidates after the cursor in the partner's distribution; what it cannot say of is left out."""
        partner = self.session.partner
        if partner is None:
            return {}
        at = (self.cursor, self.paired.version)
        if at != self._standing_at:
            self._standing_at, self._standings = at, {}
        asked = [token for token in token_ids if token not in self._standings]
        found = partner.candidates(self.cursor, asked) if asked else []
        if found is not None:
            self._standings.update(zip(asked, found, strict=True))
        return self._standings

    @property
    def ranked(self) -> bool:
        """Whether the partner's ranks of candidates after the cursor are known, as far as they were asked for."""
        return bool(self.standings(()))

    def begins_nudge(self, node: int, alone: bool = False) -> bool:
        """Whether the partner wrote a token, but not the one before it; `alone`: whatever is before it."""
        if self.tree.source(node).word != "nudged":
            return False
        parent = self.tree.parent(node)
        return alone or parent is None or self.tree.source(parent).word != "nudged"

    def sure(self, node: int) -> float | None:
        """P of the most probable token after a node, at temperature 1 and not truncated; None after an end of text."""
        known = self._sure.get(node)
        if known is None:
            from bftui.session.session_nudging import top_prob

            known = top_prob(self.tree, node)
            if known is not None:
                self._sure[node] = known
        return known

    # Text ------------------------------------------------------------------------------------------------------

    def text(self, token_ids: Sequence[int]) -> str:
        """Some tokens in visible form, safe to draw; their beginning where they are many."""
        data = b"".join(map(self.session.model.token_bytes, token_ids[:_TEXT_TOKENS]))
        return label(data[:_TEXT_BYTES])

    def stale(self, node: int) -> bool:
        """Whether BF and H(P~) at a node are those of another sampler than the one in force."""
        return self.session.state.stale_at(node)

    def entropies(self, nodes: Mapping[int, int], *, truncated: bool) -> dict[int, float]:
        """H(P~), or H(P), after nodes that stand at places, nats; without those where the text ends."""
        found = ((place, self.tree.entropies(node)) for place, node in nodes.items())
        return {place: each[truncated] for place, each in found if each is not None}

    def sampler_of(self, node: int) -> Sampler:
        """The one that BF and H(P~) at a node were made under."""
        return self.session.state.samplers[self.tree.sampler(node)]

    def sampler_at(self, node: int) -> Sampler:
        """The same at the token after this node, where windows say that it is another."""
        return self.sampler_of(node).at(self.tree.depth(node))

    def label(self, token_id: int) -> str:
        """A token for a list: safe, never empty, of bounded width."""
        known = self._labels.get(token_id)
        if known is None:
            data = self.session.model.token_bytes(token_id)
            known = fit(label(data[:_LABEL_BYTES]), _LABEL_CELLS)
            self._labels[token_id] = known
        return known

    def bytes(self, node: int) -> bytes:
        """The bytes of a node's token; nothing for a prompt."""
        token = self.tree.token_id(node)
        return b"" if token is None else self.session.model.token_bytes(token)

    def taken(self) -> dict[int, int]:
        """Token ids that were taken after the cursor, with their latest node."""
        return {
            token: child
            for child in self.tree.children(self.cursor)
            if (token := self.tree.token_id(child)) is not None
        }
