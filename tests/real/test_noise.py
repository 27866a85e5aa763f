"""The noise floor of pretrained models: much where weights are quantised, next to nothing where they are floats."""

from __future__ import annotations

import pytest

from bftui.core.noise_floor import exact
from tests.real.conftest import RUNTIMES, Figure, Opened
from tests.real.models import MODELS, RealModel

pytestmark = pytest.mark.real


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("real", MODELS, ids=lambda real: real.name)
def test_the_floor_is_that_of_the_type_of_the_weights(
    opened: Opened, figure: Figure, real: RealModel, runtime: str
) -> None:
    model = opened(real, runtime)
    model.floor.measure()
    noise = model.noise
    assert noise is not None
    figure(f"noise floor, {real.name} on {runtime}: {noise.sentence()}")
    assert noise.positions >= 64
    if runtime == "llama-cpp":
        assert 0.01 < noise.entropy_sd < 0.3
        assert noise.entropy_sd < noise.entropy_max < 3
        assert not exact(noise, runtime)
    else:
        assert exact(noise, runtime)
