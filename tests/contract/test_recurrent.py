"""A model whose memory cannot be cut back: slower to rewind, and just as right."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from bftui.backends.base import Backend, OpenSpec
from bftui.backends.registry import open_backend
from bftui.core.errors import UnsupportedModel
from tests.contract.conftest import quiet
from tests.models import tiny_mamba

pytest.importorskip("llama_cpp")

PATH = [int(i) for i in np.random.default_rng(0).integers(0, 700, 40)]


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> OpenSpec:
    path = tiny_mamba(tmp_path_factory.mktemp("mamba") / "tiny-mamba.gguf")
    return OpenSpec(str(path), "llama-cpp", threads=1)


@pytest.fixture
def backend(spec: OpenSpec) -> Iterator[Backend]:
    model = open_backend(spec, quiet)
    yield model
    model.close()


def test_it_says_so(backend: Backend) -> None:
    assert backend.info.rewind == "recompute"


def test_rewinding_evaluates_the_prefix_again(backend: Backend) -> None:
    rows = list(backend.path_logits(PATH[:1], PATH[1:]))
    assert backend.evaluated == 40
    assert np.abs(backend.next_logits(PATH[:20]) - rows[18]).max() < 1e-4
    assert backend.evaluated == 60
    assert np.abs(backend.next_logits(PATH[:21]) - rows[19]).max() < 1e-4
    assert backend.evaluated == 61


def test_another_branch_is_what_a_fresh_model_gives(backend: Backend, spec: OpenSpec) -> None:
    backend.next_logits(PATH)
    branch = [*PATH[:25], 5, 6]
    found = backend.next_logits(branch)
    fresh = open_backend(spec, quiet)
    assert np.abs(found - fresh.next_logits(branch)).max() < 1e-4
    fresh.close()


@pytest.mark.parametrize("length", [40, 25])
def test_continuations_equal_single_steps(backend: Backend, length: int) -> None:
    backend.next_logits(PATH)
    with backend.fan(PATH[:length], 6) as fan:
        first = fan.step(range(6), range(10, 16))
        second = fan.step([4, 1], [7, 8])
    assert np.abs(first[3] - backend.next_logits([*PATH[:length], 13])).max() < 1e-4
    assert np.abs(second[0] - backend.next_logits([*PATH[:length], 14, 7])).max() < 1e-4
    assert np.abs(second[1] - backend.next_logits([*PATH[:length], 11, 8])).max() < 1e-4


def test_the_reference_refuses_it(spec: OpenSpec) -> None:
    with pytest.raises(UnsupportedModel, match="mamba"):
        open_backend(OpenSpec(spec.source, "reference"), quiet)
