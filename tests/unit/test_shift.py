"""Two distributions compared: ranks, classes, divergences, tokenisations side by side, and sums over answers."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import rel_entr, softmax

from bftui.core.errors import InvalidToken, NonFiniteLogits
from bftui.core.pair.distribution_shift import (
    TIE,
    Compared,
    Standing,
    compare,
    kind_of,
    spans,
    standings,
    together,
)
from bftui.core.pair.shift_summary import Position, by_position, most_shifted, overall, shares


def logits(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float32)


def drawn(seed: int, n: int = 500) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 3, n).astype(np.float32)


@pytest.mark.parametrize(
    ("rank", "kind"),
    [(1, "unshifted"), (2, "marginal"), (3, "marginal"), (4, "shifted"), (900, "shifted")],
)
def test_the_class_follows_the_rank(rank, kind):
    assert kind_of(rank) == kind == Standing(rank, -1.0).kind


def test_a_distribution_differs_from_itself_by_exactly_nothing():
    row = drawn(1)
    found = compare(row, row.copy(), 7, 7)
    assert (found.kl_partner_base, found.kl_base_partner, found.js) == (0.0, 0.0, 0.0)
    assert found.base == found.partner


def test_divergences_are_those_of_the_definition():
    a, b = drawn(2), drawn(3)
    p, q = softmax(a.astype(np.float64)), softmax(b.astype(np.float64))
    middle = (p + q) / 2
    found = compare(a, b, 5, 5)
    assert found.kl_base_partner == pytest.approx(rel_entr(p, q).sum(), abs=1e-12)
    assert found.kl_partner_base == pytest.approx(rel_entr(q, p).sum(), abs=1e-12)
    js = (rel_entr(p, middle).sum() + rel_entr(q, middle).sum()) / 2
    assert found.js == pytest.approx(js, abs=1e-12)
    assert found.base.logprob == pytest.approx(math.log(p[5]), abs=1e-12)
    assert found.partner.rank == 1 + int((b > b[5]).sum())


def test_a_token_as_good_as_the_best_is_unshifted():
    near, far = logits(5.0, 4.9995, 1.0), logits(5.0, 4.998, 1.0)
    assert compare(near, far, 1, 1).base.rank == 1
    assert compare(near, far, 1, 1).partner.rank == 2
    assert compare(near, far, 2, 2).base.kind == "marginal"
    assert standings(logits(3.0, 2.0, 2.0, 2.0, 1.0), range(5)) == standings_of_each(
        logits(3.0, 2.0, 2.0, 2.0, 1.0)
    )


def standings_of_each(row: np.ndarray) -> list[Standing]:
    return [standings(row, [token])[0] for token in range(len(row))]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-40, 40, width=32), min_size=4, max_size=40))
def test_many_tokens_stand_where_each_of_them_does(values):
    row = logits(*values)
    assert standings(row, range(len(row))) == standings_of_each(row)


def test_tokens_without_probability_make_a_divergence_infinite_and_no_nan():
    a, b = logits(0.0, 0.0, -math.inf), logits(0.0, -math.inf, 0.0)
    found = compare(a, b, 1, 1)
    assert (found.kl_base_partner, found.kl_partner_base) == (math.inf, math.inf)
    assert found.js == pytest.approx(math.log(2) / 2)
    assert (found.partner.logprob, found.partner.prob) == (-math.inf, 0.0)
    same = compare(a, a, 0, 0)
    assert (same.kl_base_partner, same.js) == (0.0, 0.0)
    assert compare(logits(0.0, -1.0), logits(0.0, -1.0), 1, 1).js == 0.0
    assert compare(logits(0.0, -math.inf), logits(-math.inf, 0.0), 0, 0).js == pytest.approx(
        math.log(2)
    )


def test_padding_ids_do_not_count_in_divergences():
    narrow = drawn(4, 30)
    wide = np.concatenate([narrow, logits(-3.0, 2.0)])
    found = compare(narrow, wide, 3, 3)
    assert (found.kl_base_partner, found.kl_partner_base, found.js) == (0.0, 0.0, 0.0)
    assert found.partner.logprob < found.base.logprob, "ln P is over the full width"


def test_where_ids_mean_different_things_there_are_ranks_and_no_divergence():
    a, b = drawn(5), drawn(6)
    found = compare(a, b, 1, 2)
    assert (found.kl_base_partner, found.kl_partner_base, found.js) == (None, None, None)
    assert (found.base, found.partner) == (standings(a, [1])[0], standings(b, [2])[0])


def test_what_is_no_distribution_or_no_token_is_refused():
    with pytest.raises(NonFiniteLogits):
        compare(logits(0.0, math.nan), logits(0.0, 1.0), 0, 0)
    for token in (-1, 2):
        with pytest.raises(InvalidToken):
            compare(logits(0.0, 1.0), logits(0.0, 1.0), token, token)
    with pytest.raises(InvalidToken):
        standings(logits(0.0, 1.0, 2.0, 3.0), [0, 1, 2, 4])


def test_a_piece_has_the_largest_rank_and_the_product_of_probabilities():
    found = together([Standing(1, -0.5), Standing(4, -2.0)], [Standing(2, -1.0)])
    assert found == Compared(Standing(4, -2.5), Standing(2, -1.0))
    assert (found.base.kind, found.partner.kind, found.js) == ("shifted", "marginal", None)


# Two tokenisations -------------------------------------------------------------------------------------------------


def places(found):
    return [(tuple(a), tuple(b)) for a, b in found]


def test_pieces_begin_and_end_where_both_have_a_token():
    found = spans([b"un", b"believ", b"able", b"!"], [b"unbel", b"ievable", b"!"])
    assert places(found) == [((0, 1, 2), (0, 1)), ((3,), (2,))]
    assert places(spans([b"a", b"", b"b"], [b"a", b"b"])) == [((0, 1), (0,)), ((2,), (1,))]
    assert spans([], []) == spans([b""], []) == []
    with pytest.raises(ValueError, match="two different texts"):
        spans([b"a"], [b"b"])


@given(st.binary(min_size=1, max_size=30), st.sets(st.integers(1, 29)), st.sets(st.integers(1, 29)))
def test_pieces_hold_every_token_once_and_are_the_smallest(text, cuts_a, cuts_b):
    def cut(places):
        ends = [0, *sorted(place for place in places if place < len(text)), len(text)]
        return [text[a:b] for a, b in pairwise(ends)]

    a, b = cut(cuts_a), cut(cuts_b)
    found = spans(a, b)
    assert [i for piece, _ in found for i in piece] == list(range(len(a)))
    assert [i for _, piece in found for i in piece] == list(range(len(b)))
    for ours, theirs in found:
        assert b"".join(a[i] for i in ours) == b"".join(b[i] for i in theirs)
    common = {0, len(text)} | {place for place in cuts_a & cuts_b if place < len(text)}
    assert len(found) == len(common) - 1


# Over answers ------------------------------------------------------------------------------------------------------


def position(place: int, rank: int, text: bytes = b"x", kl: float | None = 0.5) -> Position:
    compared = Compared(Standing(rank, -1.0), Standing(1, 0.0), kl_partner_base=kl)
    return Position(place, text, (1,), "partner", compared)


def test_shares_add_up_and_nothing_has_none():
    found = shares(["unshifted", "shifted", "unshifted", "marginal"])
    assert (found.unshifted, found.marginal, found.shifted, found.n) == (0.5, 0.25, 0.25, 4)
    assert shares([]) is overall([]) is overall([[]]) is None


def test_intervals_need_two_answers_and_hold_the_share():
    one = [position(0, 1), position(1, 9)]
    assert overall([one]).intervals is None
    rng = np.random.default_rng(0)
    answers = [
        [position(t, int(rng.choice([1, 1, 1, 2, 9]))) for t in range(20)] for _ in range(15)
    ]
    found = overall(answers)
    for share, (low, high) in zip(
        (found.unshifted, found.marginal, found.shifted), found.intervals, strict=True
    ):
        assert 0 <= low < share < high <= 1
        assert high - low < 0.3
    assert overall(answers) == found, "the same answers give the same interval"
    alike = overall([[position(0, 1)]] * 5)
    assert alike.intervals == ((1.0, 1.0), (0.0, 0.0), (0.0, 0.0))


def test_means_by_position_are_over_the_answers_that_reach_it():
    answers = [
        [position(0, 1), position(1, 3)],
        [position(0, 5, kl=1.5)],
        [position(2, 1, kl=None)],
    ]
    found = by_position(answers)
    assert [(mean.position, mean.n, mean.rank, mean.kl) for mean in found] == [
        (0, 2, 3.0, 1.0),
        (1, 1, 3.0, 0.5),
        (2, 1, 1.0, None),
    ]
    assert (found[0].shares.unshifted, found[0].shares.shifted) == (0.5, 0.5)
    assert found[0].prob == pytest.approx(math.exp(-1))


def test_shifted_texts_are_counted_most_frequent_first():
    answers = [[position(0, 9, b" Sure"), position(1, 9, b"!")], [position(0, 9, b" Sure")]]
    answers.append([position(0, 1, b" the"), position(1, 8, b" a")])
    assert most_shifted(answers) == [(b" Sure", 2), (b" a", 1), (b"!", 1)]


def test_who_wrote_it_is_not_who_scores_it():
    compared = Compared(Standing(9, -3.0), Standing(2, -1.0), 0.25, 0.75, 0.1)
    by_partner = Position(0, b"x", (1,), "partner", compared)
    by_base = Position(0, b"x", (1,), "base", compared)
    assert (by_partner.kind, by_partner.scored.logprob, by_partner.kl) == ("shifted", -3.0, 0.25)
    assert (by_base.kind, by_base.scored.logprob, by_base.kl) == ("marginal", -1.0, 0.75)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.integers(-4, 4), min_size=1, max_size=9),
    st.data(),
    st.sampled_from([0.0, 5e-4, 0.3, 1.0, 2.5]),
)
def test_a_class_is_unsettled_where_a_move_of_the_logit_gives_another_one(
    levels: list[int], data: st.DataObject, move: float
) -> None:
    logits = np.array(levels, dtype=np.float32) * 0.25
    token_id = data.draw(st.integers(0, len(levels) - 1))
    (found,) = standings(logits, [token_id])
    others = sorted(np.delete(logits, token_id).tolist(), reverse=True)

    def kind(logit: float) -> str:
        if not others or logit >= others[0] - TIE:
            return "unshifted"
        return "marginal" if sum(other > logit for other in others) < 3 else "shifted"

    own = float(logits[token_id])
    assert found.kind == kind(own)
    assert found.unsettled(move) == any(kind(own + by) != found.kind for by in (move, -move))


def test_several_tokens_are_unsettled_as_the_worst_of_them_is() -> None:
    logits = np.array([3.0, 2.9, 1.0, 0.0, -5.0], dtype=np.float32)
    sure, near, far = (standings(logits, [i])[0] for i in (0, 1, 4))
    assert sure.unsettled(0.2)
    assert not sure.unsettled(0.05)
    joined = together([sure, near], [sure, far])
    assert (joined.base.kind, joined.base.unsettled(0.2), joined.base.unsettled(0.05)) == (
        "marginal",
        True,
        False,
    )
    assert (joined.partner.kind, joined.partner.unsettled(0.2)) == ("shifted", False)
    assert not Standing(2, -1.0).unsettled(9.0), "of a trace the gaps are not known"
