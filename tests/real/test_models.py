"""The models themselves: they are those that the tests were made with."""

from __future__ import annotations

import pytest

from tests.real.conftest import RUNTIMES, Opened
from tests.real.models import GEMMA, MODELS, SMOLLM2, RealModel, checksum

pytestmark = pytest.mark.real


@pytest.mark.parametrize("real", MODELS, ids=lambda real: real.name)
def test_files_are_those_that_are_named(real: RealModel) -> None:
    assert checksum(real.gguf) == real.sha256


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_both_runtimes_read_the_same_model(opened: Opened, runtime: str) -> None:
    aligned, base = opened(SMOLLM2, runtime).info, opened(GEMMA, runtime).info
    assert (aligned.n_vocab, base.n_vocab) == (49152, 262144)
    assert aligned.chat_template
    assert not base.chat_template
    assert base.add_bos
