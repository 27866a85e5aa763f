"""A base and an aligned model of two families: ranks against raw logits, the blank at the seam, the partner's order."""

from __future__ import annotations

import numpy as np
import pytest

from bftui.backends.protocol import F32
from bftui.measures.shift.shift_reading import Shift
from bftui.model.loaded_model import Model
from bftui.model.model_pair import Pair
from bftui.model.prompt import Prompt
from bftui.model.token_alignment import aligned as aligned_spans
from bftui.session.partner.partner_sync import PartnerSync
from bftui.session.partner.session_partner import Partner
from bftui.session.session import Session
from tests.real import models
from tests.real.conftest import Opened

pytestmark = pytest.mark.real

ASKED = "Name a fruit."


@pytest.fixture
def pair(opened: Opened) -> tuple[Model, Model]:
    """The aligned model and the base."""
    return opened(models.SMOLLM2, "llama-cpp"), opened(models.GEMMA, "llama-cpp")


def caught_up(session: Session) -> Partner:
    assert session.partner is not None
    PartnerSync(session.partner).finish()
    return session.partner


def row_after(model: Model, text: str) -> F32:
    """Raw logits after a text that is split as a whole."""
    ids = model.tokenize(text)
    ids = [model.info.bos_id, *ids] if model.info.add_bos else ids
    return next(model.client.path_logits(ids, ids[-1:]))


def rank_of(row: F32, token_id: int) -> int:
    return 1 + int(np.count_nonzero(row > row[token_id]))


@pytest.mark.parametrize("front", ["aligned", "base"])
def test_a_forced_word_has_the_rank_that_it_has_in_each_prompt(
    pair: tuple[Model, Model], front: str
) -> None:
    aligned, base = pair
    session = (
        Session(aligned, Prompt(ASKED, template="chat"))
        if front == "aligned"
        else Session(base, Prompt(ASKED, template="page"))
    )
    partner = session.pair_with(base if front == "aligned" else aligned)
    contexts = partner.contexts(0)
    assert contexts is not None
    assert contexts.seam == ("partner" if front == "aligned" else "base")
    session.force(session.model_tree.spaced("Sure"))
    assert session.text() == ("Sure" if front == "aligned" else " Sure")
    view = caught_up(session).view(session.cursor)
    assert view is not None
    assert view.compared is not None
    page, chat = view.compared.partner, view.compared.base
    if front == "base":
        page, chat = chat, page
    # After `A:` the page goes on with ` Sure`; the chat begins its answer with `Sure`.
    found = row_after(base, f"Q: {ASKED}\nA:")
    (word,) = base.tokenize(" Sure")
    # Shapes of a batch move logits of quantised weights a little.
    assert page.rank == pytest.approx(rank_of(found, word), rel=0.3)
    assert page.rank < 10_000 < rank_of(found, base.tokenize("Sure")[0])
    assert chat.rank < 100


def test_single_byte_tokens_have_the_rank_of_the_token_that_is_written(
    pair: tuple[Model, Model],
) -> None:
    aligned, base = pair
    session = Session(aligned, Prompt(ASKED, template="chat"))
    session.pair_with(base)
    session.force("Sure")
    partner = caught_up(session)
    (comma,) = aligned.tokenize(",")
    found = partner.candidates(session.cursor, [comma])
    assert found is not None
    assert found[0] is not None
    assert found[0].rank == 1
    assert partner.tokens_here() == (comma,)
    # Against the raw logits of the row that is kept: every sign and letter that both write as one token.
    row = partner.row(session.cursor)
    assert row is not None
    for text in map(chr, range(0x20, 0x7F)):
        own, theirs = aligned.tokenize(text), base.tokenize(text)
        if len(own) == len(theirs) == 1:
            (standing,) = partner.candidates(session.cursor, own) or [None]
            assert standing is not None
            assert standing.rank == rank_of(row, theirs[0]), text


@pytest.mark.parametrize("front", ["aligned", "base"])
def test_the_vocabulary_comes_in_the_order_of_the_partners_logits(
    pair: tuple[Model, Model], front: str
) -> None:
    model, other = pair if front == "aligned" else pair[::-1]
    session = Session(model, Prompt(ASKED, template="auto" if front == "aligned" else "page"))
    session.pair_with(other)
    session.force(session.model_tree.spaced("Sure"))
    partner = caught_up(session)
    row = partner.row(session.cursor)
    page = partner.page(0, 200, session.cursor)
    assert row is not None
    assert page is not None
    assert page.total == model.info.n_vocab
    shown = [model.token_bytes(each.token_id) for each in page.rows if model.is_text(each.token_id)]
    assert len(set(shown)) == len(shown), "each text stands there once"
    ours = {model.token_bytes(i) for i in range(model.info.n_vocab) if model.is_text(i)}
    best = np.argsort(-row, kind="stable")[:2000].tolist()
    wanted = [data for i in best if other.is_text(i) and (data := other.token_bytes(i)) in ours]
    assert shown[:100] == list(dict.fromkeys(wanted))[:100]


def test_the_ranks_of_a_shift_are_those_of_one_pass_over_the_finished_answer(
    pair: tuple[Model, Model],
) -> None:
    aligned, base = pair
    both = Pair(base, aligned)
    contexts = both.contexts(Prompt(ASKED, template="page"), Prompt(ASKED, template="chat"))
    job = Shift(both, contexts, max_tokens=24)
    job.finish()
    assert base.noise is not None, "measured where the answer is read"
    ids = both.to_base(job.answer, contexts)
    spans = aligned_spans(both, contexts, ids, job.answer, "partner")
    rows = list(base.client.path_logits(contexts.base.token_ids, ids))
    for span, found in zip(spans, job.positions, strict=True):
        ranks = [rank_of(rows[i], ids[i]) for i in span.base]
        best = [float(rows[i].max() - rows[i][ids[i]]) for i in span.base]
        near = [1 if gap <= 1e-3 else rank for rank, gap in zip(ranks, best, strict=True)]
        if ids[span.base.start] not in base.info.eog_ids:
            assert found.compared.base.rank == pytest.approx(max(near), rel=0.3, abs=2)
        assert found.compared.kl_partner_base is None
    assert job.positions[0].compared.base.rank < 5_000, "read with its blank"


def test_a_model_read_by_itself_is_unshifted_but_for_the_floor(pair: tuple[Model, Model]) -> None:
    aligned, _ = pair
    both = Pair(aligned, aligned)
    asked = Prompt("How do I boil an egg?", template="chat")
    job = Shift(both, both.contexts(asked, asked), max_tokens=64)
    job.finish()
    assert both.by == "ids"
    for each in job.positions:
        assert each.kind == "unshifted" or each.within_noise
        assert each.compared.kl_partner_base == pytest.approx(0.0, abs=1e-6)
