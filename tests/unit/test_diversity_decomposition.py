"""Means of diversity over prompts and the decomposition of a fall: by hand, coverage, and what has no share."""

from __future__ import annotations

import numpy as np
import pytest

from bftui.core.diversity.decomposition import (
    COVERS_ZERO,
    NO_INTERVAL,
    NO_PROMPTS,
    PromptDiversity,
    decompose,
    entering,
)
from bftui.core.diversity.kernels import cosine_kernel, mean_distance, mean_distances
from bftui.core.diversity.prompt_values import PromptValues, resample_counts
from bftui.core.errors import UsageError
from tests.groups import STATISTICS, Later

pytestmark = STATISTICS

stats = Later("scipy.stats")

Pair = tuple[float, float]


def model(pairs: list[Pair], k_correct: int = 4) -> dict[str, PromptDiversity]:
    """A model with these numbers over all and over correct outputs of prompts p0, p1, …"""
    return {
        f"p{number}": PromptDiversity(every, correct, 8, k_correct)
        for number, (every, correct) in enumerate(pairs)
    }


def drawn(seed: int, prompts: int, k: int = 8) -> PromptValues:
    """The mean distance of k outputs of each prompt; prompts have spreads of their own, and the truth is in `TRUTH`."""
    rng = np.random.default_rng(seed)
    values, resamples = [], []
    for number in range(prompts):
        angles = rng.uniform(0, rng.uniform(0.5, 1.5), k)
        kernel = cosine_kernel(np.stack([np.cos(angles), np.sin(angles)], axis=1))
        counts = resample_counts([True] * k, seed * 1000 + number)
        values.append([mean_distance(kernel)])
        resamples.append(mean_distances(kernel, counts)[:, None])
    return PromptValues(np.array(values, np.float64), np.array(resamples), k)


def truth() -> float:
    """E(1 - cos(a - b)) with a and b even over [0, w], w even over [0.5, 1.5]: 1 - 2 (1 - cos w) / w²."""
    widths = np.linspace(0.5, 1.5, 100_001)
    return float(np.mean(1 - 2 * (1 - np.cos(widths)) / widths**2))


class TestMeans:
    def test_few_prompts_by_t(self) -> None:
        values = np.array([[0.1], [0.3], [0.7], [0.2]])
        found = PromptValues(values).interval(0)
        expected = stats.t.interval(0.95, 3, values.mean(), stats.sem(values[:, 0]))
        assert found is not None
        assert (found[0][0], found[1][0]) == pytest.approx(expected)

    def test_a_single_prompt_has_its_own_interval(self) -> None:
        found = drawn(3, 1, k=20)
        ends = found.interval(0)
        assert ends is not None
        assert ends[0][0] < found.mean()[0] < ends[1][0]
        assert PromptValues(found.values).interval(0) is None

    def test_without_prompts_there_is_nothing(self) -> None:
        empty = PromptValues(np.zeros((0, 2)))
        assert empty.interval(0) is None
        assert np.isnan(empty.mean()).all()

    def test_the_second_stage_is_centred(self) -> None:
        """Copies make a resample less diverse; the mean of the replicates stays at the mean of the prompts."""
        found = drawn(1, 40)
        assert found.resamples is not None
        assert found.resamples.mean() < 0.95 * found.mean()[0]
        replicates = found.replicates(0)
        assert replicates is not None
        assert replicates.mean() == pytest.approx(found.mean()[0], rel=0.01)

    def test_the_same_data_give_the_same_interval(self) -> None:
        one, other = drawn(2, 40).interval(7), drawn(2, 40).interval(7)
        assert one is not None
        assert other is not None
        assert (one[0][0], one[1][0]) == (other[0][0], other[1][0])

    def test_blocks_make_no_difference(self, monkeypatch: pytest.MonkeyPatch) -> None:
        found = drawn(2, 40)
        whole = found.replicates(1)
        monkeypatch.setattr("bftui.core.diversity.prompt_values.BLOCK", 400)
        assert (found.replicates(1) == whole).all()

    @pytest.mark.parametrize("prompts", [8, 40])
    def test_intervals_cover_the_truth(self, prompts: int) -> None:
        """Of 200 samples, by t and by bootstrap; 95 % with a standard error of 1.5 %."""
        true, inside = truth(), 0
        for seed in range(200):
            ends = drawn(seed, prompts, k=5).interval(0)
            assert ends is not None
            inside += bool(ends[0][0] <= true <= ends[1][0])
        assert 181 <= inside <= 199

    def test_shapes_that_do_not_fit_are_refused(self) -> None:
        with pytest.raises(UsageError, match="resamples of shape"):
            PromptValues(np.zeros((3, 2)), np.zeros((3, 9, 1)))
        with pytest.raises(UsageError, match="values of shape"):
            PromptValues(np.zeros(3))

    def test_resamples_keep_how_many_are_right(self) -> None:
        right = [True, False, True, False, False]
        counts = resample_counts(right, 4)
        assert counts.shape == (200, 5)
        assert (counts[:, right].sum(axis=1) == 2).all()
        assert (counts.sum(axis=1) == 5).all()
        assert counts.mean(axis=0) == pytest.approx(np.ones(5), abs=0.2)


class TestDecomposition:
    def test_by_hand(self) -> None:
        base = model([(0.5, 0.4), (0.7, 0.5), (0.6, 0.6)])
        later = model([(0.2, 0.3), (0.3, 0.3), (0.1, 0.4)], k_correct=6)
        (found,) = decompose([base, later])
        assert found.prompts == 3
        assert found.all is not None
        assert found.correct is not None
        assert found.all.fall == pytest.approx(0.4)
        assert found.correct.fall == pytest.approx(0.5 / 3)
        assert found.residual_share == pytest.approx(0.5 / 3 / 0.4)
        assert found.quality_share == pytest.approx(1 - 0.5 / 3 / 0.4)
        assert (found.all.k, found.correct.k) == ((8, 8), (4, 6))
        assert found.residual_ci is not None
        assert found.quality_ci == (1 - found.residual_ci[1], 1 - found.residual_ci[0])
        paired = np.array([0.3, 0.4, 0.5])
        assert found.all.ci == pytest.approx(stats.t.interval(0.95, 2, 0.4, stats.sem(paired)))

    def test_the_share_of_few_prompts_moves_by_its_influence(self) -> None:
        """Fieller's interval, exact for a ratio of two normal means, is near where the whole fall is clear."""
        rng = np.random.default_rng(0)
        whole = rng.normal(0.5, 0.05, 20)
        left = 0.3 * whole + rng.normal(0, 0.02, 20)
        base = model([(w, c) for w, c in zip(whole, left, strict=True)])
        (found,) = decompose([base, model([(0, 0)] * 20)])
        t = stats.t.ppf(0.975, 19)
        (vx, cxy), (_, vy) = np.cov(whole, left) / 20
        a, b, c = (
            whole.mean() ** 2 - t**2 * vx,
            -2 * (whole.mean() * left.mean() - t**2 * cxy),
            left.mean() ** 2 - t**2 * vy,
        )
        assert found.residual_ci == pytest.approx(sorted(np.roots([a, b, c])), abs=2e-3)

    def test_only_prompts_with_two_correct_outputs_in_every_model_enter(self) -> None:
        def numbers(k_correct: int | None) -> PromptDiversity:
            return PromptDiversity(0.5, None if k_correct is None else 0.5, 8, k_correct or 0)

        base = {"a": numbers(2), "b": numbers(5), "c": numbers(1), "d": numbers(4), "e": numbers(3)}
        sft = {
            "e": numbers(3),
            "a": numbers(2),
            "b": numbers(None),
            "c": numbers(8),
            "f": numbers(9),
        }
        dpo = {"a": numbers(7), "e": numbers(1), "b": numbers(3), "c": numbers(8), "d": numbers(8)}
        assert entering([base, sft, dpo]) == ("a",)
        assert entering([base, sft]) == ("a", "e")
        assert [found.prompts for found in decompose([base, sft, dpo])] == [1, 1]

    def test_no_prompts_no_numbers(self) -> None:
        (found,) = decompose([model([(0.5, 0.4)]), model([(0.2, 0.3)], k_correct=1)])
        assert (found.prompts, found.all, found.residual_share) == (0, None, None)
        assert found.reason == NO_PROMPTS

    def test_a_fall_that_may_be_none_has_no_share(self) -> None:
        base = model([(0.5, 0.4), (0.2, 0.5), (0.6, 0.6)])
        later = model([(0.2, 0.3), (0.3, 0.3), (0.5, 0.4)])
        (found,) = decompose([base, later])
        assert found.all is not None
        assert found.all.ci is not None
        assert found.all.ci[0] < 0 < found.all.ci[1]
        assert (found.residual_share, found.quality_share) == (None, None)
        assert found.reason == COVERS_ZERO

    def test_no_fall_at_all_has_no_share(self) -> None:
        (found,) = decompose([model([(0.5, 0.4)] * 40), model([(0.5, 0.4)] * 40)])
        assert found.reason == COVERS_ZERO

    def test_one_prompt_has_a_share_only_by_its_own_outputs(self) -> None:
        (found,) = decompose([model([(0.5, 0.4)]), model([(0.2, 0.3)])])
        assert found.reason == NO_INTERVAL
        rng = np.random.default_rng(0)
        one, other = (
            {"p": PromptDiversity(*pair, 16, 8, pair + rng.normal(0, 0.01, (2000, 2)))}
            for pair in ((0.5, 0.4), (0.2, 0.3))
        )
        (found,) = decompose([one, other])
        assert found.residual_share == pytest.approx(1 / 3)
        assert found.residual_ci is not None
        assert found.residual_ci[0] < 1 / 3 < found.residual_ci[1]

    def test_many_prompts_by_bootstrap_cover_the_truth(self) -> None:
        """Falls of .4 and .1 by construction; of 100 samples."""
        inside = 0
        for seed in range(100):
            rng = np.random.default_rng(seed)
            whole = rng.gamma(4, 0.1, 60)
            left = whole / 4 + rng.normal(0, 0.05, 60)
            base = model([(w, c) for w, c in zip(whole, left, strict=True)])
            (found,) = decompose([base, model([(0, 0)] * 60)])
            assert found.residual_ci is not None
            inside += found.residual_ci[0] <= 0.25 <= found.residual_ci[1]
        assert 89 <= inside <= 99

    def test_the_second_stage_widens(self) -> None:
        rng = np.random.default_rng(1)
        pairs = rng.normal(0.5, 0.02, (40, 2))

        def noisy(scale: float) -> dict[str, PromptDiversity]:
            return {
                str(number): PromptDiversity(*pair, 8, 8, pair + rng.normal(0, scale, (200, 2)))
                for number, pair in enumerate(pairs.tolist())
            }

        later = {
            str(n): PromptDiversity(0.1, 0.2, 8, 8, np.tile([0.1, 0.2], (200, 1)))
            for n in range(40)
        }
        widths = []
        for scale in (0.0, 0.1):
            (found,) = decompose([noisy(scale), later])
            assert found.all is not None
            assert found.all.ci is not None
            widths.append(found.all.ci[1] - found.all.ci[0])
        assert widths[1] > 3 * widths[0]

    def test_one_model_does_not_fall(self) -> None:
        with pytest.raises(UsageError, match="two models"):
            decompose([model([(0.5, 0.4)])])
