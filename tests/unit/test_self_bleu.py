"""Self-BLEU against the closed form, and without its package."""

import math
import sys

import pytest

from bftui.core.errors import MissingDependency
from bftui.measures.diversity.self_bleu import SelfBleu


def test_it_is_the_mean_bleu_of_each_text_against_the_others():
    # Of the first all n-grams are found and it is a word short; of the second 4/5, 3/4, 2/3 and 1/2 are.
    short, long = math.exp(1 - 5 / 4), (4 / 5 * 3 / 4 * 2 / 3 * 1 / 2) ** 0.25
    found = SelfBleu().score(["a b c d", "a b c d e"])
    assert found == pytest.approx((short + long) / 2, abs=1e-12)


def test_copies_score_1_texts_without_a_word_in_common_almost_0_and_one_text_nothing():
    bleu = SelfBleu()
    assert bleu.score(["the cat sat on the mat"] * 3) == 1
    apart = bleu.score(["the cat sat on the mat", "a dog ran over some grass", "", ""])
    assert apart is not None
    assert apart < 0.05
    assert bleu.score(["the cat"]) is None
    assert bleu.score([]) is None
    assert bleu.score(["", " "]) is None


def test_its_signature_says_how_it_was_computed_whatever_the_number_of_texts():
    signature = SelfBleu().signature
    assert signature.startswith("case:mixed|eff:yes|tok:13a|smooth:exp|version:")


def test_without_the_package_it_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "sacrebleu.metrics.bleu", None)
    with pytest.raises(MissingDependency, match="pip install sacrebleu"):
        SelfBleu()
