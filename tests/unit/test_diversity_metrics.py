"""Diversity of several texts: values by hand and of others, all subsets by brute force, bounds, order of the texts."""

from __future__ import annotations

import math
import random
import zlib
from collections import Counter
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bftui.core.diversity.answers import answer_counts, distinct_at_k, majority_at_k, pass_at_k
from bftui.core.diversity.kernels import (
    cosine_kernel,
    mean_distance,
    mean_distances,
    ngram_kernel,
    vendi,
    vendis,
)
from bftui.core.diversity.lexical import (
    compression_ratio,
    distinct_ngrams,
    expectation_adjusted_distinct,
    words,
)
from bftui.core.diversity.rarefaction import common_size, rarefied, sizes_up_to, subsets
from bftui.core.errors import UsageError

TEXTS = st.lists(st.text(alphabet="ab .\n", max_size=12), min_size=2, max_size=7)
ANSWERS = st.lists(st.sampled_from("abcd"), min_size=2, max_size=7)


def shuffled(items: list[str], seed: int) -> list[str]:
    return random.Random(seed).sample(items, len(items))


class TestLexical:
    def test_words_are_those_of_the_authors_code(self) -> None:
        assert words("It is. So, e.g. it\nends") == ["It", "is", "So,", "eg", "itends"]

    def test_distinct_ngrams_do_not_go_across_texts(self) -> None:
        texts = ["a b c", "a b d"]
        assert distinct_ngrams(texts, 1) == 4 / 6
        assert distinct_ngrams(texts, 2) == 3 / 4
        assert distinct_ngrams(texts, 4) is None

    def test_ead_by_the_formula(self) -> None:
        texts, size = ["a b c", "a b d"], 100
        expected = [
            distinct / (size * (1 - (99 / 100) ** total))
            for distinct, total in [(4, 6), (3, 4), (2, 2)]
        ]
        found = expectation_adjusted_distinct(texts, size, orders=(1, 2, 3))
        assert found == pytest.approx(math.fsum(min(x, 1) for x in expected) / 3, rel=1e-12)

    def test_an_order_that_no_text_reaches_is_left_out(self) -> None:
        assert expectation_adjusted_distinct(["a", "a"], 1000) == pytest.approx(0.50025, abs=1e-6)

    def test_ead_keeps_its_digits_under_a_large_vocabulary(self) -> None:
        """With T far below V it is U / T."""
        found = expectation_adjusted_distinct(["a b", "a c"], 10**15, orders=(1,))
        assert found == pytest.approx(3 / 4, rel=1e-9)

    def test_a_vocabulary_of_one_is_refused(self) -> None:
        with pytest.raises(UsageError, match="vocabulary of 1"):
            expectation_adjusted_distinct(["a", "b"], 1)

    def test_compression_by_another_way_to_deflate(self) -> None:
        texts = ["the same words again", "the same words again", "and others"]
        data = "\n".join(texts).encode()
        # The format of zlib adds six bytes around what is deflated.
        assert compression_ratio(texts) == len(data) / (len(zlib.compress(data, 9)) - 6)
        assert compression_ratio(["a broken \ud800 character", "x"]) is not None

    @pytest.mark.parametrize("texts", [[], ["one text"]])
    def test_below_two_texts_nothing_is_known(self, texts: list[str]) -> None:
        assert expectation_adjusted_distinct(texts, 100) is None
        assert distinct_ngrams(texts, 1) is None
        assert compression_ratio(texts) is None

    def test_texts_without_words_say_nothing(self) -> None:
        assert expectation_adjusted_distinct(["", " .\n"], 100) is None
        assert distinct_ngrams(["", ""], 1) is None
        assert compression_ratio(["", ""]) is None

    @given(TEXTS, st.integers(0, 99))
    def test_bounds_and_order(self, texts: list[str], seed: int) -> None:
        found = expectation_adjusted_distinct(texts, 50)
        assert found is None or 0 < found <= 1
        assert expectation_adjusted_distinct(shuffled(texts, seed), 50) == found
        assert distinct_ngrams(shuffled(texts, seed), 2) == distinct_ngrams(texts, 2)
        distinct = distinct_ngrams(texts, 1)
        assert distinct is None or 0 < distinct <= 1
        twice = distinct_ngrams([*texts, *texts], 1)
        assert twice == (None if distinct is None else distinct / 2)


class TestKernels:
    def test_the_published_value_of_two_and_one(self) -> None:
        """Two equal vectors and one at a right angle: shares 2/3 and 1/3."""
        kernel = cosine_kernel(np.array([[2.0, 0], [5, 0], [0, 0.1]]))
        assert vendi(kernel) == pytest.approx(1.8898816, abs=5e-8)
        assert mean_distance(kernel) == pytest.approx(2 / 3)

    def test_all_alike_and_all_unlike(self) -> None:
        assert vendi(np.ones((7, 7))) == pytest.approx(1)
        assert mean_distance(np.ones((7, 7))) == 0
        assert vendi(np.eye(7)) == pytest.approx(7)
        assert mean_distance(np.eye(7)) == 1

    def test_two_texts_by_the_closed_form(self) -> None:
        """Eigenvalues of G/2 are (1 ± s) / 2."""
        kernel = np.array([[1, 0.6], [0.6, 1]])
        assert vendi(kernel) == pytest.approx(math.exp(-0.8 * math.log(0.8) - 0.2 * math.log(0.2)))

    def test_the_example_of_the_score_s_own_page(self) -> None:
        kernel = np.array([[1, 0.9, 0], [0.9, 1, 0], [0, 0, 1]])
        assert vendi(kernel) == pytest.approx(2.1573, abs=5e-5)

    def test_what_is_not_quite_a_kernel_stays_within_its_bounds(self) -> None:
        """A matrix of scores may have eigenvalues below 0."""
        kernel = np.array([[1, 0.9, -0.9], [0.9, 1, 0.9], [-0.9, 0.9, 1]])
        assert np.linalg.eigvalsh(kernel)[0] < 0
        found = vendi(kernel)
        assert found is not None
        assert 1 <= found <= 3

    @pytest.mark.parametrize(
        "matrix",
        [
            np.array([[1, 0.5], [0.4, 1]]),
            np.array([[1, 0], [0, 0.0]]),
            np.array([[1, np.inf], [np.inf, 1]]),
            np.ones((2, 3)),
        ],
    )
    def test_what_is_not_a_kernel_is_refused(self, matrix: np.ndarray) -> None:
        with pytest.raises(UsageError, match="kernel"):
            vendi(matrix)
        with pytest.raises(UsageError, match="kernel"):
            mean_distance(matrix)

    def test_pairs_of_which_nothing_is_known_are_left_out(self) -> None:
        nan = np.nan
        assert mean_distance(np.array([[1, 0.4, nan], [0.4, 1, -0.2], [nan, -0.2, 1]])) == 0.9
        assert mean_distance(np.array([[1, nan], [nan, 1]])) is None
        with pytest.raises(UsageError, match="kernel"):
            vendi(np.array([[1, nan], [nan, 1]]))

    @pytest.mark.parametrize("size", [0, 1])
    def test_below_two_texts_nothing_is_known(self, size: int) -> None:
        assert vendi(np.eye(size)) is None
        assert mean_distance(np.eye(size)) is None

    def test_vectors_of_any_size_have_cosines(self) -> None:
        kernel = cosine_kernel(np.array([[1e200, 1e200], [1e-200, 0], [0, 0], [0, 0]]))
        assert kernel[0, 1] == pytest.approx(math.sqrt(0.5))
        assert kernel[2].tolist() == [0, 0, 1, 1]

    def test_vectors_that_are_none_are_refused(self) -> None:
        with pytest.raises(UsageError, match="no cosines"):
            cosine_kernel(np.array([[1.0, np.inf]]))
        with pytest.raises(UsageError, match="no cosines"):
            cosine_kernel(np.ones(3))

    def test_trigrams_by_hand(self) -> None:
        """ "ab" has ␣␣a ␣ab ab␣ b␣␣, "ac" shares the first; white space counts as one blank."""
        kernel = ngram_kernel(["ab", "ac", " ab\n", ""])
        assert kernel[0].tolist() == [1, 0.25, 1, 0]
        assert kernel[3].tolist() == [0, 0, 0, 1]

    @given(TEXTS, st.integers(0, 99))
    def test_the_ngram_kernel_is_one(self, texts: list[str], seed: int) -> None:
        kernel = ngram_kernel(texts)
        assert (np.diagonal(kernel) == 1).all()
        assert kernel.min() >= 0
        assert np.linalg.eigvalsh(kernel)[0] > -1e-9
        found, apart = vendi(kernel), mean_distance(kernel)
        assert found is not None
        assert apart is not None
        assert 1 <= found <= len(texts)
        assert 0 <= apart <= 1
        other = ngram_kernel(shuffled(texts, seed))
        assert vendi(other) == pytest.approx(found, abs=1e-9)
        assert mean_distance(other) == pytest.approx(apart, abs=1e-9)

    @given(TEXTS)
    def test_copies_of_everything_leave_vendi_where_it_is(self, texts: list[str]) -> None:
        assert vendi(ngram_kernel([*texts, *texts])) == pytest.approx(
            vendi(ngram_kernel(texts)), abs=1e-9
        )

    @given(TEXTS.flatmap(lambda t: st.tuples(st.just(t), st.lists(
        st.integers(0, 3), min_size=len(t), max_size=len(t)).filter(lambda c: sum(c) > 1))))  # fmt: skip
    def test_counts_are_copies(self, drawn: tuple[list[str], list[int]]) -> None:
        texts, counts = drawn
        copies = [text for text, count in zip(texts, counts, strict=True) for _ in range(count)]
        kernel, row = ngram_kernel(texts), np.array([counts], np.float64)
        assert vendis(kernel, row)[0] == pytest.approx(vendi(ngram_kernel(copies)), abs=1e-9)
        assert mean_distances(kernel, row)[0] == pytest.approx(
            mean_distance(ngram_kernel(copies)), abs=1e-9
        )


class TestAnswers:
    def test_counts_by_hand(self) -> None:
        found = answer_counts(["7", "3", "7", "5"])
        assert (found.k, found.distinct, found.majority, found.votes) == (4, 3, ("7",), 2)
        assert found.effective == pytest.approx(2 * math.sqrt(2))
        assert not found.tied

    def test_a_tie_names_all_in_the_order_in_which_they_came(self) -> None:
        found = answer_counts(["b", "a", "a", "b", "c"])
        assert found.majority == ("b", "a")
        assert found.tied

    def test_one_answer_and_none(self) -> None:
        one, none = answer_counts(["x"]), answer_counts([])
        assert (one.distinct, one.effective, one.majority) == (None, None, ("x",))
        assert (none.k, none.distinct, none.majority, none.votes) == (0, None, (), 0)

    @given(ANSWERS, st.integers(0, 99))
    def test_bounds_and_order(self, answers: list[str], seed: int) -> None:
        found = answer_counts(answers)
        assert found.effective is not None
        assert found.distinct == len(set(answers))
        assert 1 <= found.effective <= found.distinct
        again = answer_counts(shuffled(answers, seed))
        assert again.effective == pytest.approx(found.effective)
        assert set(again.majority) == set(found.majority)
        assert answer_counts([*answers, *answers]).effective == pytest.approx(found.effective)

    @given(st.integers(1, 9), st.data())
    def test_pass_at_k_is_the_share_of_all_subsets(self, n: int, data: st.DataObject) -> None:
        correct = data.draw(st.integers(0, n))
        k = data.draw(st.integers(1, n))
        every = list(combinations(range(n), k))
        hit = sum(any(place < correct for place in places) for places in every)
        assert pass_at_k(n, correct, k) == pytest.approx(hit / len(every), abs=1e-15)

    def test_pass_at_k_keeps_its_digits(self) -> None:
        assert pass_at_k(10**6, 1, 1) == 1e-6
        assert pass_at_k(2000, 3, 1000) == pytest.approx(
            1 - 1000 * 999 * 998 / (2000 * 1999 * 1998)
        )

    def test_of_more_outputs_than_there_are_nothing_is_known(self) -> None:
        assert pass_at_k(4, 2, 5) is None
        assert pass_at_k(4, 2, 0) is None
        assert majority_at_k(["a", "b"], [True, False], 3) is None
        assert distinct_at_k(["a", "b"], 3) is None
        with pytest.raises(UsageError, match="5 of 4"):
            pass_at_k(4, 5, 1)
        with pytest.raises(UsageError, match="2 answers have 1"):
            majority_at_k(["a", "b"], [True], 2)

    @given(ANSWERS, st.data())
    def test_majority_and_distinct_over_all_subsets(
        self, answers: list[str], data: st.DataObject
    ) -> None:
        k = data.draw(st.integers(2, len(answers)))
        right = {"a", "c"}
        votes, kinds = [], []
        for places in combinations(range(len(answers)), k):
            counts = Counter(answers[place] for place in places)
            best = [each for each in counts if counts[each] == max(counts.values())]
            votes.append(sum(each in right for each in best) / len(best))
            kinds.append(len(counts))
        found = majority_at_k(answers, [each in right for each in answers], k)
        assert found is not None
        assert found.exact
        assert found.value == pytest.approx(np.mean(votes))
        assert distinct_at_k(answers, k) == pytest.approx(np.mean(kinds))

    def test_the_majority_of_all_is_the_majority(self) -> None:
        found = majority_at_k(["a", "a", "b"], [True, True, False], 3)
        assert found is not None
        assert (found.value, found.subsets) == (1, 1)


class TestRarefaction:
    def test_all_subsets_where_there_are_few(self) -> None:
        assert subsets(4, 2).tolist() == [list(each) for each in combinations(range(4), 2)]
        found = rarefied(lambda places: float(places.sum()), 4, 2)
        assert found is not None
        assert (found.value, found.subsets, found.exact) == (3, 6, True)

    def test_drawn_subsets_are_without_replacement_and_the_same_again(self) -> None:
        drawn = subsets(20, 6, seed=5)
        assert drawn.shape == (256, 6)
        assert (np.diff(drawn, axis=1) > 0).all()
        assert (drawn == subsets.__wrapped__(20, 6, seed=5)).all()
        assert (drawn != subsets(20, 6, seed=6)).any()

    def test_drawn_subsets_are_even(self) -> None:
        """Each place is in k of n subsets, up to the noise of so many."""
        n, k = 12, 5
        drawn = subsets(n, k, seed=1, most=700)
        inside = np.zeros((len(drawn), n))
        np.put_along_axis(inside, drawn, 1, axis=1)
        share = inside.mean(axis=0)
        error = math.sqrt(k / n * (1 - k / n) / len(drawn))
        assert (np.abs(share - k / n) < 3.5 * error).all()

    def test_a_drawn_mean_is_near_that_over_all_subsets(self) -> None:
        kernel = ngram_kernel([f"text {number % 7} {'a' * number}" for number in range(14)])

        def metric(places: np.ndarray) -> float | None:
            return vendi(kernel[np.ix_(places, places)])

        drawn = rarefied(metric, 14, 4)
        every = rarefied(metric, 14, 4, most=2000)
        assert drawn is not None
        assert every is not None
        assert (drawn.exact, every.exact, every.subsets) == (False, True, math.comb(14, 4))
        assert drawn.value == pytest.approx(every.value, rel=0.02)

    def test_mean_distance_is_the_same_at_every_size(self) -> None:
        """It is a mean over pairs, so that rarefying changes nothing but noise."""
        kernel = ngram_kernel(["one", "two", "three", "four", "one"])
        for k in (2, 3, 5):
            found = rarefied(lambda p: mean_distance(kernel[np.ix_(p, p)]), 5, k)
            assert found is not None
            assert found.value == pytest.approx(mean_distance(kernel))

    def test_subsets_without_a_number_are_left_out(self) -> None:
        found = rarefied(lambda places: None if places[0] == 0 else 2.0, 4, 2)
        assert found is not None
        assert (found.value, found.subsets) == (2, 3)
        assert rarefied(lambda places: None, 4, 2) is None

    @pytest.mark.parametrize(("n", "k"), [(4, 1), (4, 0), (4, 5), (1, 2)])
    def test_sizes_that_say_nothing(self, n: int, k: int) -> None:
        assert rarefied(lambda places: 1.0, n, k) is None

    def test_no_subset_is_larger_than_all(self) -> None:
        with pytest.raises(UsageError, match="subset of 5 of 4"):
            subsets(4, 5)

    def test_sizes(self) -> None:
        assert [sizes_up_to(n) for n in (1, 2, 5, 16)] == [(), (2,), (2, 4, 5), (2, 4, 8, 16)]
        assert common_size([16, 3, 9]) == 3
        assert common_size([16, 1]) is None
        assert common_size([]) is None


@settings(max_examples=20)
@given(st.integers(2, 8), st.integers(0, 2**64 - 1))
def test_a_subset_is_a_function_of_its_counter(k: int, seed: int) -> None:
    """Asking for more subsets leaves the first ones as they were."""
    assert (subsets(40, k, seed, 5) == subsets(40, k, seed, 9)[:5]).all()
