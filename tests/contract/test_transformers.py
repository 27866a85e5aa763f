"""What only the transformers backend has: logits on a device, models without a cache, other types."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bftui.backends.client.inference_engine import InferenceEngine
from bftui.backends.registry import open_backend
from bftui.core.distribution import Distribution
from bftui.core.errors import CapabilityError
from bftui.core.sampler import Sampler
from bftui.formats.open_spec import OpenSpec
from bftui.model.loaded_model import Model
from bftui.session.session import Session
from tests.contract.conftest import as_numpy, ids, quiet
from tests.groups import TORCH, Later, needs

pytestmark = TORCH

needs("torch", "transformers")
torch: Any = Later("torch")

FAMILIES = ("bpe", "gemma", "mamba", "hybrid")


def on_device(backend: Any) -> None:
    """Summarises logits as it would be done on a GPU."""
    backend.on_device = True


def without_cache(backend: Any) -> None:
    """Treats the model as one whose memory cannot be trusted."""
    backend.forgo_cache()


@pytest.fixture(params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def opened(family_file: Callable[[str, str], Path], family: str) -> Iterator[Callable[..., Any]]:
    """Opens the family's directory, changed in one way or not at all."""
    backends = []

    def get(change: Callable[[Any], None] | None = None) -> Any:
        path = family_file("transformers", family)
        spec = OpenSpec(str(path), "transformers", n_ctx=512, threads=1)
        backends.append(open_backend(spec, quiet))
        if change is not None:
            change(backends[-1])
        return backends[-1]

    yield get
    for backend in backends:
        backend.close()


@pytest.mark.parametrize("change", [on_device, without_cache])
def test_changed_or_not_the_numbers_are_the_same(
    opened: Callable[..., Any], change: Callable[[Any], None]
) -> None:
    plain, other = opened(), opened(change)
    path = ids(plain, 60)
    for length in (60, 20, 21):
        expected, found = plain.next_logits(path[:length]), other.next_logits(path[:length])
        assert np.abs(expected - as_numpy(found)).max() < 1e-4
        one = Distribution(expected, Sampler()).summary()
        two = other.distribution(found, Sampler()).summary()
        assert two.entropy == pytest.approx(one.entropy, abs=1e-5)
        assert two.kept == one.kept
    rows = [as_numpy(row) for row in other.path_logits(path[:30], path[30:])]
    assert (
        np.abs(np.stack(rows) - np.stack(list(plain.path_logits(path[:30], path[30:])))).max()
        < 1e-4
    )
    with plain.continuations(path, 5) as a, other.continuations(path, 5) as b:
        for wanted in ((0, 1, 2, 3, 4), (3, 1), (4, 1), (0, 2)):
            tokens = [row + 7 for row in wanted]
            for expected, found in zip(a.step(wanted, tokens), b.step(wanted, tokens), strict=True):
                assert np.abs(as_numpy(expected) - as_numpy(found)).max() < 1e-4


def test_a_session_is_the_same_where_logits_stay_on_the_device(opened: Callable[..., Any]) -> None:
    texts = []
    for change in (None, on_device):
        with Model(InferenceEngine(opened(change))) as model:
            session = Session(model, "The river", seed=3)
            for _ in range(30):
                session.step()
            session.back(12)
            session.force(" bridge")
            page = session.model_tree.page(0, 40)
            texts.append(
                (
                    session.tree.token_ids(session.cursor),
                    [row.token_id for row in page.rows],
                )
            )
    assert texts[0] == texts[1]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_other_types(family_file: Callable[[str, str], Path], dtype: Any) -> None:
    path = str(family_file("transformers", "bpe"))
    wide = open_backend(OpenSpec(path, "transformers", threads=1), quiet)
    narrow = open_backend(OpenSpec(path, "transformers", threads=1, dtype=dtype), quiet)
    assert (narrow.info.dtype, wide.info.dtype) == (dtype, "float32")
    assert narrow.info.kv == {"float16": "f16", "bfloat16": "bf16"}[dtype]
    text = ids(wide, 30)
    one, two = wide.next_logits(text), narrow.next_logits(text)
    assert two.dtype == np.float32
    assert 0 < np.abs(one - two).max() < (0.05 if dtype == "float16" else 0.5)
    wide.close()
    narrow.close()


def test_more_continuations_than_were_asked_for_are_refused(opened: Callable[..., Any]) -> None:
    backend = opened()
    with (
        pytest.raises(CapabilityError),
        backend.continuations([1, 2], backend.info.max_continuations + 1),
    ):
        pass
