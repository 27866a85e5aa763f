"""Truncation rules and penalties against those of Hugging Face and of llama.cpp, where their definitions are ours.

Two thousand random distributions each. Their order of equal logits is not ours, so that none are equal here; ties are
in `tests/unit/test_truncation.py`.
"""

from __future__ import annotations

import ctypes
import math

import numpy as np
import pytest

from bftui.core.distribution import Distribution
from bftui.core.sampler import Sampler
from bftui.core.steering import Preceding, steer

N = 2000


def random_logits(rng, *, masked=True):
    """Different logits, some of -inf."""
    size = int(rng.integers(1, 200)) if rng.random() > 0.05 else 1
    found = rng.permutation(np.linspace(-1, 1, size) * rng.uniform(0.5, 12))
    found += rng.uniform(0, 1e-3, size)
    if masked and size > 2 and rng.random() < 0.3:
        found[rng.random(size) < 0.3] = -np.inf
    found[rng.integers(size)] = 1.0
    return found.astype(np.float32)


def kept(logits, **settings):
    """Which tokens P~ may draw."""
    sampler = Sampler(**{"top_p": 1.0, **settings})
    probs = Distribution(logits, sampler).kept_probs(np.arange(len(logits)))
    return set(np.flatnonzero(probs).tolist())


def choices(rng, name):
    """Values that a rule is used with."""
    return {
        "top_k": lambda: int(rng.integers(1, 60)),
        "top_n_sigma": lambda: float(rng.uniform(0.05, 4)),
        "xtc_threshold": lambda: float(rng.uniform(0.01, 0.5)),
        "epsilon": lambda: float(10 ** rng.uniform(-5, -0.2)),
        "eta": lambda: float(10 ** rng.uniform(-5, -0.2)),
    }.get(name, lambda: float(rng.uniform(0.01, 0.99)))()


# Hugging Face ---------------------------------------------------------------------------------------------------------

WARPERS = {
    "top_k": "TopKLogitsWarper",
    "top_p": "TopPLogitsWarper",
    "min_p": "MinPLogitsWarper",
    "typical_p": "TypicalLogitsWarper",
    "epsilon": "EpsilonLogitsWarper",
    "eta": "EtaLogitsWarper",
}


@pytest.mark.parametrize("setting", WARPERS)
def test_what_is_kept_is_what_hugging_face_keeps(setting):
    torch = pytest.importorskip("torch")
    process = pytest.importorskip("transformers.generation.logits_process")
    rng = np.random.default_rng(1)
    for _ in range(N):
        logits, value = random_logits(rng), choices(rng, setting)
        temperature = float(rng.choice([1.0, 0.5, 1.7]))
        scores = torch.from_numpy(logits.astype(np.float64))[None] / temperature
        warped = getattr(process, WARPERS[setting])(value)(None, scores)[0].numpy()
        expected = set(np.flatnonzero(warped > -math.inf).tolist())
        found = kept(logits, temperature=temperature, **{setting: value})
        assert found == expected, (setting, value, logits.tolist())


def test_the_repetition_penalty_is_hugging_faces():
    torch = pytest.importorskip("torch")
    process = pytest.importorskip("transformers.generation.logits_process")
    rng = np.random.default_rng(2)
    for _ in range(N):
        logits, penalty = random_logits(rng), float(rng.uniform(0.5, 2))
        ids = rng.integers(0, len(logits), int(rng.integers(0, 50))).tolist()
        scores = torch.from_numpy(logits.astype(np.float64))[None]
        expected = process.RepetitionPenaltyLogitsProcessor(penalty)(
            torch.tensor([ids], dtype=torch.int64), scores
        )[0].numpy()
        found = steer(logits, Sampler(repetition_penalty=penalty), Preceding(ids, 0))
        assert np.array_equal(found, expected)


# llama.cpp ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def library():
    return pytest.importorskip("llama_cpp.llama_cpp")


def applied(library, sampler, logits, accepted=()):
    """The logits that one of llama.cpp's samplers leaves, by id; -inf for tokens that it removes."""
    data = (library.llama_token_data * len(logits))()
    for token_id, logit in enumerate(logits.tolist()):
        data[token_id].id, data[token_id].logit = token_id, logit
    array = library.llama_token_data_array(data=data, size=len(logits), selected=-1, sorted=False)
    for token_id in accepted:
        library.llama_sampler_accept(sampler, token_id)
    library.llama_sampler_apply(sampler, ctypes.byref(array))
    library.llama_sampler_free(sampler)
    found = np.full(len(logits), -np.inf)
    for place in range(array.size):
        found[array.data[place].id] = array.data[place].logit
    return found


def samplers_of(library):
    return {
        "top_k": lambda value: library.llama_sampler_init_top_k(value),
        "top_p": lambda value: library.llama_sampler_init_top_p(value, 1),
        "min_p": lambda value: library.llama_sampler_init_min_p(value, 1),
        "typical_p": lambda value: library.llama_sampler_init_typical(value, 1),
        "top_n_sigma": lambda value: library.llama_sampler_init_top_n_sigma(value),
        "xtc_threshold": lambda value: library.llama_sampler_init_xtc(1.0, value, 1, 0),
    }


@pytest.mark.parametrize(
    "setting", ["top_k", "top_p", "min_p", "typical_p", "top_n_sigma", "xtc_threshold"]
)
def test_what_is_kept_is_what_llama_cpp_keeps(library, setting):
    rng = np.random.default_rng(3)
    settled = 0
    for _ in range(N):
        logits, value = random_logits(rng, masked=setting == "top_n_sigma"), choices(rng, setting)
        coin = {"xtc_probability": 1.0} if setting == "xtc_threshold" else {}
        found = kept(logits, **{setting: value}, **coin)
        left = applied(library, samplers_of(library)[setting](value), logits)
        expected = set(np.flatnonzero(left > -math.inf).tolist())
        if found != expected:
            # It computes in float32; what lies so near to the border is left to it.
            near = kept(logits, **{setting: near_to(value, 1)}, **coin)
            below = kept(logits, **{setting: near_to(value, -1)}, **coin)
            assert expected in (near, below), (setting, value, logits.tolist())
        settled += found == expected
    assert settled > 0.995 * N


def near_to(value, sign):
    return value if isinstance(value, int) else value * (1 + sign * 3e-6)


def test_penalties_are_llama_cpps(library):
    rng = np.random.default_rng(4)
    for _ in range(N):
        logits = random_logits(rng, masked=False)
        ids = rng.integers(0, len(logits), int(rng.integers(1, 60))).tolist()
        window = int(rng.integers(1, 40))
        repeat, frequency, presence = (
            float(each) for each in rng.uniform([0.5, -1, -1], [2, 1, 1])
        )
        sampler = library.llama_sampler_init_penalties(
            len(logits), window, repeat, frequency, presence
        )
        expected = applied(library, sampler, logits, ids)
        found = steer(
            logits,
            Sampler(
                repetition_penalty=repeat,
                frequency_penalty=frequency,
                presence_penalty=presence,
                penalty_window=window,
            ),
            Preceding(ids, 0),
        )
        assert found == pytest.approx(expected, rel=1e-5, abs=1e-4)


def test_dry_is_llama_cpps(library):
    rng = np.random.default_rng(5)
    for _ in range(N):
        logits = random_logits(rng, masked=False)
        few = int(min(len(logits), rng.integers(1, 6)))
        ids = rng.integers(0, few, int(rng.integers(1, 80))).tolist()
        base, length = float(rng.uniform(1.01, 2.5)), int(rng.integers(1, 5))
        window = int(rng.integers(1, 100))
        sampler = library.llama_sampler_init_dry(
            None, 0.8, base, length, window, (ctypes.c_char_p * 0)(), 0
        )
        expected = applied(library, sampler, logits, ids)
        found = steer(
            logits,
            Sampler(dry_multiplier=0.8, dry_base=base, dry_length=length, dry_window=window),
            Preceding(ids, 0),
        )
        found = logits if found is None else found
        assert found == pytest.approx(expected, rel=1e-4, abs=1e-3)
