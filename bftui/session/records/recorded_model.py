"""A trace in the place of a model: what was recorded is answered from it, and everything else is refused.

So the panes that draw a session draw a trace, with no second way of drawing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, NoReturn

from bftui.backends.client.client_protocol import CandidateRow, Page
from bftui.backends.protocol import ModelInfo
from bftui.core.errors import UsageError
from bftui.core.kept_tokens import RuleEffect
from bftui.core.noise_floor import Noise
from bftui.core.pair.distribution_shift import PartnerView, Standing
from bftui.core.sampler import Sampler
from bftui.core.stored_effects import stored_effects
from bftui.core.text import label
from bftui.core.tree import Tree
from bftui.model.loaded_model import Model
from bftui.model.model_pair import Contexts, HandOver
from bftui.model.noise_cache import Recorded
from bftui.session.model_tree import ModelTree
from bftui.session.partner.session_partner import Partner
from bftui.trace.header import MODEL_FIELDS

_UNKNOWN = "\ufffd".encode()


def _refused(self: object, *arguments: Any, **keywords: Any) -> NoReturn:
    raise UsageError(
        "this is a replay: there is no model to ask",
        hint="`bftui run --resume-from FILE` goes on with its model",
    )


class RecordedClient:
    """A `backends.client.client_protocol.ModelClient` of what was recorded.

    Attributes:
        info: the model that ran, with `exact` False: only the stored candidates are known.
        tree: the tree that is answered from, whatever its number.
    """

    def __init__(self, info: ModelInfo) -> None:
        self.info = info
        self.tree = Tree(info.n_vocab)
        self.tokens: Mapping[int, bytes] = {}

    def load_tree(self, tree: int, *links: object) -> None:
        """Does nothing: nothing is evaluated."""

    def release_tree(self, tree: int) -> None:
        """Does nothing, as `load_tree`."""

    def pair_prompts(self, *prompts: object) -> None:
        """Does nothing, as `load_tree`."""

    def page(
        self, tree: int, node: int, sampler: Sampler, start: int, stop: int, query: str
    ) -> Page:
        """Lists rows of the stored candidates, best first."""
        following = self.tree.next(node)
        if following is None:
            return Page((), start, 0)
        columns = zip(following.top_ids.tolist(), following.top_logprobs.tolist(), strict=True)
        wanted = query.casefold()
        rows = [
            CandidateRow(token_id, place + 1, logprob, following.logprob_truncated(place))
            for place, (token_id, logprob) in enumerate(columns)
            if wanted in label(self.tokens.get(token_id, b"")).casefold()
        ]
        return Page(tuple(rows[start:stop]), start, len(rows))

    def rule_effects(self, tree: int, node: int, sampler: Sampler) -> list[RuleEffect]:
        """Lists what rules kept, those that the stored candidates tell it of; see `core.stored_effects`."""
        following = self.tree.next(node)
        return (
            []
            if following is None
            else stored_effects(following, sampler.at(self.tree.depth(node)))
        )

    def evaluated(self) -> int:
        """Returns 0: nothing was evaluated."""
        return 0

    def cancel(self) -> None:
        """Does nothing: nothing runs."""

    def close(self) -> None:
        """Does nothing: there is nothing to free."""

    add_prompt = step = extend = rescore = preview = lookahead = rollouts = rollouts_after = (
        _refused
    )
    read_trie = read_paths = noise = logits = path_logits = score = best = greedy = tokenize = (
        tokenize_prompt
    ) = token_bytes = _refused


class RecordedModel(Model):
    """A model of which the tokens of a trace are known."""

    def __init__(
        self, client: RecordedClient, tokens: Mapping[int, bytes], noise: Noise | None = None
    ) -> None:
        """`tokens` are the bytes of those that occur, `noise` is the floor that the trace has."""
        super().__init__(client)
        self.floor = Recorded(noise)
        client.tokens = self._tokens = tokens

    @cached_property
    def info(self) -> ModelInfo:
        return self.client.info

    def token_bytes(self, token_id: int) -> bytes:
        """Returns the bytes of a token; those of a replacement character for one that does not occur."""
        return self._tokens.get(token_id, _UNKNOWN)


class RecordedPartner(Partner):
    """A second model of which only what it said is known. It has no pair: nothing is handed over.

    Attributes:
        by: how text was handed over.
    """

    def __init__(
        self, base: ModelTree, model: RecordedModel, contexts: dict[int, Contexts], by_ids: bool
    ) -> None:
        """`contexts` are the prompts of both, by root; `by_ids`: its ids mean what the base's do."""
        self.model, self.base, self.template = model, base, "auto"
        self.error = None
        self.views: dict[int, PartnerView] = {}
        self._contexts, self._by_ids = contexts, by_ids
        self.by: HandOver = "ids" if by_ids else "text"

    def candidates(self, node: int, token_ids: Sequence[int]) -> list[Standing | None] | None:
        """Finds candidates of the base among those that are stored of the partner; None for any other."""
        found = self.views.get(node)
        if found is None or found.next is None:
            return None
        columns = zip(found.next.top_ids.tolist(), found.next.top_logprobs.tolist(), strict=True)
        stood: dict[int | bytes, Standing] = {}
        for place, (token_id, logprob) in enumerate(columns):
            for key in (token_id, self.model.token_bytes(token_id)):
                stood.setdefault(key, Standing(place + 1, logprob))
        contexts = self._contexts.get(node)
        keys: list[int | bytes] = []
        for token_id in token_ids:
            data = self.base.model.token_bytes(token_id)
            there = data if contexts is None else contexts.turned(data, "partner")
            keys.append(token_id if self._by_ids and there == data else there)
        return [stood.get(key) for key in keys]

    def page(self, start: int, stop: int, node: int) -> Page | None:
        """Lists the stored candidates of the base, those first that are stored of the partner, in its order."""
        rows = self.base.page(0, self.base.state.tree.n_vocab, node=node).rows
        found = self.candidates(node, [row.token_id for row in rows])
        if found is None:
            return None

        def place(each: tuple[CandidateRow, Standing | None]) -> tuple[bool, int]:
            return each[1] is None, 0 if each[1] is None else each[1].rank

        ordered = tuple(row for row, _ in sorted(zip(rows, found, strict=True), key=place))
        return Page(ordered[start:stop], start, len(ordered))


def info_of(model: Mapping[str, Any]) -> ModelInfo:
    """Describes the `model` of a trace as a model describes itself; what the trace does not hold is left empty."""
    return ModelInfo(
        **{name: model[name] for name in MODEL_FIELDS},
        n_ctx_train=None,
        bos_id=None,
        add_bos=False,
        eog_ids=frozenset(),
        special_ids=frozenset(),
        chat_template=None,
        parameters=0,
        quantization="",
        bytes=0,
        kv_bytes_per_token=0,
        exact=False,
        note=model.get("note", ""),
        title=model.get("title", ""),
    )
