"""Pretrained models tell outputs that are alike from outputs that are not: by vectors, and by what surprises them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from bftui.core.diversity.kernels import mean_distance, vendi
from bftui.measures.diversity.embedding import EmbeddingKernel, open_text_client
from bftui.measures.diversity.surprise import AnswerSurprise, answer_surprise
from bftui.model.loaded_model import Model
from tests.real.conftest import RUNTIMES, Opened
from tests.real.models import MINILM, MODELS, RealModel

pytestmark = pytest.mark.real

COPIES = ["The sea was calm and blue under the morning sun."] * 4
ALIKE = [
    "The sea was calm and blue under the morning sun.",
    "Under the morning sun the sea lay blue and still.",
    "Blue and quiet, the sea lay under the sun of the morning.",
    "The morning sun shone on a sea that was blue and calm.",
]
UNLIKE = [
    "The sea was calm and blue under the morning sun.",
    "Waves broke against the black rocks all night.",
    "My grandfather sold herring in the harbour for forty years.",
    "Salt, wind and the cry of gulls filled the air.",
]
NOISE = [
    "xq zzv kjw qqp rrt lpw mmz",
    "vbn mmk lpo ijk wqe zzp tty",
    "qwx zcv bnm lkj hgf dsa poi",
    "plm okn ijb uhv ygc tfx rdz",
]


def read(model: Model, answers: Sequence[str]) -> AnswerSurprise:
    work = answer_surprise(model, "Write one sentence about the sea.", answers)
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value


@pytest.mark.parametrize("real", MODELS, ids=lambda real: real.name)
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_answers_that_differ_surprise_more(opened: Opened, real: RealModel, runtime: str) -> None:
    """Noise is dear however often it was read; the coherence takes that off."""
    model = opened(real, runtime)
    copies, alike, unlike, noise = (read(model, each) for each in (COPIES, ALIKE, UNLIKE, NOISE))
    for each in (copies, alike, unlike, noise):
        assert each.others == 3
        assert each.surprise is not None
        assert each.score is not None
    assert copies.surprise < 0.1 * unlike.surprise
    assert copies.surprise < alike.surprise < unlike.surprise < noise.surprise
    assert copies.score < alike.score < unlike.score
    assert noise.score < unlike.score


def test_a_model_of_sentences_gives_the_likeness_that_its_card_shows() -> None:
    """The example of the model's page, https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2."""
    if not MINILM.directory.exists():
        pytest.fail(f"{MINILM.directory} is not there: `make test-real` fetches it", pytrace=False)
    said = ["a happy person", "a happy dog", "a very happy person"]
    texts = [*(f"That is {each}" for each in said), "Today is a sunny day"]
    with open_text_client(
        str(MINILM.directory), "vectors", lambda share, text: True, threads=1, device="cpu"
    ) as client:
        kernel = EmbeddingKernel(client)
        assert kernel(texts)[0, 1:] == pytest.approx([0.695, 0.943, 0.257], abs=1e-3)
        assert kernel.name == "all-MiniLM-L6-v2 (mean of the last layer, normalised)"
        distances = [mean_distance(kernel(each)) for each in (ALIKE, UNLIKE)]
    assert distances == pytest.approx([0.137, 0.729], abs=2e-3)


@pytest.mark.parametrize("real", MODELS, ids=lambda real: real.name)
def test_vectors_of_both_libraries_say_the_same_of_texts(real: RealModel) -> None:
    """The GGUF file is quantised, the directory holds its weights: up to what llama.cpp rounds on the way."""
    found = []
    for path in (real.gguf, real.directory):
        with open_text_client(
            str(path), "vectors", lambda share, text: True, threads=1, device="cpu"
        ) as client:
            kernel = EmbeddingKernel(client)
            found.append(
                [(vendi(each), mean_distance(each)) for each in (kernel(ALIKE), kernel(UNLIKE))]
            )
    (alike, unlike), other = found
    assert alike[0] is not None
    assert unlike[0] is not None
    assert alike[0] < unlike[0]
    for ours, theirs in zip((alike, unlike), other, strict=True):
        assert ours == pytest.approx(theirs, rel=0.1, abs=0.02)
