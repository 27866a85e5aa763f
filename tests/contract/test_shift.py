"""A model compared with itself in one context: nothing shifted, and nothing differs; on each kind of cache."""

from collections.abc import Iterator

import pytest

from bftui.backends.client.inference_engine import InferenceEngine
from bftui.core.pair.distribution_shift import Author
from bftui.measures.shift.shift_reading import Shift
from bftui.model.loaded_model import Model
from bftui.model.model_pair import Contexts, Pair
from bftui.model.prompt import Rendered
from tests.contract.conftest import Case, ids

SOME = [
    "reference-bpe",
    "reference-spm",
    "llama-cpp-bpe",
    "llama-cpp-mamba",
    "transformers-bpe",
    "table",
]


@pytest.fixture
def twins(case: Case) -> Iterator[Pair]:
    with (
        Model(InferenceEngine(case.open())) as base,
        Model(InferenceEngine(case.open())) as partner,
    ):
        yield Pair(base, partner)


@pytest.mark.parametrize("case", SOME, indirect=True)
def test_a_model_against_itself_is_unshifted_and_differs_by_exactly_nothing(
    case: Case, twins: Pair
) -> None:
    assert twins.by == "ids"
    prompt = Rendered("", tuple(ids(twins.base.client.backend, 30)), None, "raw")
    contexts = Contexts(prompt, prompt)
    authors: list[Author] = ["partner", "base", "partner"]
    for author in authors:
        # Each finds the caches as the one before left them.
        job = Shift(twins, contexts, author=author, max_tokens=80)
        job.finish()
        assert len(job.positions) == len(job.answer) > 0
        assert {each.kind for each in job.positions} == {"unshifted"}
        for each in job.positions:
            found = each.compared
            apart = (found.kl_partner_base, found.kl_base_partner, found.js)
            if case.recurrent:
                # Such a memory is what was restored or run again, never cut: equal but for rounding.
                assert max(each or 0.0 for each in apart) < 1e-9
            else:
                assert apart == (0.0, 0.0, 0.0)
                assert found.base == found.partner
