"""The recipe of the practice models on tiny sizes: training, preference, files, numbers."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from bftui.backends.registry import open_backend
from bftui.core.sampler import Sampler
from bftui.formats.open_spec import OpenSpec
from recipes.practice.chat import TEMPLATE
from recipes.practice.data import encode
from recipes.practice.gguf_writer import LlamaConfig
from recipes.practice.grammar_all import practice_grammar
from recipes.practice.recipe import FULL, QUICK, Line, Preference, Recipe, Stage
from recipes.practice.tokenizer import vocabulary
from recipes.practice.truth import PROBES
from tests.groups import TORCH, Later, needs

if TYPE_CHECKING:
    from recipes.practice.model import Llama
    from recipes.practice.train import Training

pytestmark = TORCH

needs("torch")
torch: Any = Later("torch")
align: Any = Later("recipes.practice.align")
descent: Any = Later("recipes.practice.descent")
making: Any = Later("recipes.practice.make")
measure: Any = Later("recipes.practice.measure")
models: Any = Later("recipes.practice.model")
model_files: Any = Later("recipes.practice.model_file")
sampling: Any = Later("recipes.practice.sampling")
scoring: Any = Later("recipes.practice.scoring")
training: Any = Later("recipes.practice.train")

CONFIG = LlamaConfig(n_vocab=640, n_ctx=512, n_embd=32, n_layer=2, n_head=2, n_head_kv=1, n_ff=64)
STAGE = Stage("document", steps=8, batch=1, learning_rate=1e-2, warmup=2)
PREFERENCE = Preference(steps=6, pairs=4, learning_rate=3e-3)
TINY = Recipe(
    "tiny",
    1000,
    Line(CONFIG, STAGE, replace(STAGE, start="help", steps=4), replace(PREFERENCE, steps=2)),
    Line(CONFIG, replace(STAGE, steps=4), replace(STAGE, start="help", steps=4), PREFERENCE),
)
GRAMMAR = practice_grammar()
TOKENIZER: Any = None
VOCAB: Any = None


@pytest.fixture(scope="module", autouse=True)
def tokenizer() -> None:
    """Trains the tokenizer that all tests share."""
    global TOKENIZER, VOCAB
    TOKENIZER = making.make_tokenizer(GRAMMAR, 0, TINY)
    VOCAB = vocabulary(TOKENIZER)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def new_model() -> Llama:
    torch.manual_seed(0)
    return models.Llama(CONFIG)


def trained(path: Path, stage: Stage = STAGE, identity: str = "x") -> tuple[Llama, Training]:
    model = new_model()
    done = training.train(
        model, stage, GRAMMAR, TOKENIZER, VOCAB,
        seed=0, path=path, identity=identity, place=training.Place("cpu", False), name="test",
    )  # fmt: skip
    return model, done


def test_chats_are_encoded_with_their_specials() -> None:
    text = GRAMMAR.document(0, 0, "help").text
    ids = encode(TOKENIZER, VOCAB, text)
    assert measure.decode(TOKENIZER, VOCAB, [VOCAB.bos, *ids, VOCAB.eos]) == text
    assert ids.count(VOCAB.tokens.index("<|user|>")) == text.count("<|user|>")
    assert VOCAB.eot in ids


def test_no_token_spans_two_words() -> None:
    for index in range(200):
        document = GRAMMAR.document(0, index)
        pieces = [token for word in document.words for token in encode(TOKENIZER, VOCAB, word)]
        assert encode(TOKENIZER, VOCAB, document.text) == pieces


def test_training_learns(tmp_path: Path) -> None:
    stage = replace(STAGE, steps=60)
    model, done = trained(tmp_path / "a.pt", stage)
    assert done.loss < math.log(CONFIG.n_vocab) - 0.5
    assert done.tokens == 60 * CONFIG.n_ctx
    rows = [encode(TOKENIZER, VOCAB, GRAMMAR.document(9, index).text) for index in range(20)]
    assert (
        scoring.document_nats(model, VOCAB, rows).sum()
        < scoring.document_nats(new_model(), VOCAB, rows).sum()
    )


def test_an_interrupted_stage_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped in the middle and started again, it ends with the same weights."""
    whole, _ = trained(tmp_path / "whole.pt")
    monkeypatch.setattr("recipes.practice.checkpoint.EVERY_SECONDS", -1.0)
    count, schedule = 0, descent.schedule

    def stop(_step: int, _steps: int, _warmup: int) -> float:
        nonlocal count
        count += 1
        if count == 5:
            raise KeyboardInterrupt
        return schedule(_step, _steps, _warmup)

    monkeypatch.setattr("recipes.practice.descent.schedule", stop)
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "cut.pt")
    cut, _ = trained(tmp_path / "cut.pt")
    # Two groups of parameters ask for it at each of the two steps done, once at the cut, and at
    # each of the six steps left.
    assert count == 4 + 1 + 12
    for name, weight in whole.state_dict().items():
        assert torch.equal(weight, cut.state_dict()[name]), name


def test_a_finished_stage_is_not_repeated(tmp_path: Path) -> None:
    first, cost = trained(tmp_path / "a.pt")
    again, same = trained(tmp_path / "a.pt")
    assert same == cost
    assert all(
        torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True)
    )


def test_a_checkpoint_of_something_else_is_refused(tmp_path: Path) -> None:
    trained(tmp_path / "a.pt")
    with pytest.raises(ValueError, match="another recipe"):
        trained(tmp_path / "a.pt", identity="y")


def test_the_preference_loss_is_that_of_the_paper() -> None:
    step = replace(PREFERENCE, beta=0.5, likelihood=0.25)
    preferred, other = torch.tensor([-2.0]), torch.tensor([-3.0])
    reference, lengths = torch.tensor([[-2.5], [-1.0]]), torch.tensor([4])
    margin = (-2.0 + 2.5) - (-3.0 + 1.0)
    expected = math.log1p(math.exp(-0.5 * margin)) + 0.25 * 2.0 / 4
    assert align.preference_loss(
        preferred, other, reference, lengths, step
    ).item() == pytest.approx(expected)


def test_answers_are_scored_after_their_prompt() -> None:
    model = new_model()
    prompt, answer = [VOCAB.bos, 20, 30], [40, 50]
    logits = model(torch.tensor([prompt + answer]))[0].log_softmax(-1)
    expected = logits[2, 40] + logits[3, 50]
    found = align.answer_logprobs(model, [(prompt, answer), ([VOCAB.bos], [9, 9, 9, 9, 9, 9])])
    assert found[0].item() == pytest.approx(expected.item(), abs=1e-5)


def test_the_preference_step_prefers(tmp_path: Path) -> None:
    from recipes.practice.preferences import preference_pair

    model = new_model()
    pairs = [preference_pair(GRAMMAR, 77, index) for index in range(16)]

    def lead() -> float:
        rows = [
            ([VOCAB.bos, *encode(TOKENIZER, VOCAB, p.prompt)], encode(TOKENIZER, VOCAB, answer))
            for p in pairs
            for answer in (p.preferred, p.other)
        ]
        with torch.no_grad():
            found = align.answer_logprobs(model, rows).view(-1, 2)
        return float((found[:, 0] - found[:, 1]).mean())

    before = lead()
    align.prefer(
        model, PREFERENCE, GRAMMAR, TOKENIZER, VOCAB,
        seed=0, path=tmp_path / "p.pt", identity="x", place=training.Place("cpu", False), name="test",
    )  # fmt: skip
    assert lead() > before + 1


def test_a_written_model_is_read_back(tmp_path: Path) -> None:
    model = new_model()
    path = tmp_path / "m.gguf"
    model_files.write_model(path, model, VOCAB, "m", TEMPLATE)
    again, vocab, template = model_files.read_model(path)
    assert template == TEMPLATE
    assert vocab == VOCAB
    for (name, weight), other in zip(model.named_parameters(), again.parameters(), strict=True):
        expected = weight.half().float() if weight.ndim == 2 else weight
        assert torch.equal(expected, other), name


def test_the_reference_backend_reads_what_was_written(tmp_path: Path) -> None:
    model, path = new_model(), tmp_path / "m.gguf"
    model_files.write_model(path, model, VOCAB, "m", None)
    rounded, _, _ = model_files.read_model(path)
    text = GRAMMAR.document(0, 3, "help").text
    with torch.inference_mode():
        ids = [VOCAB.bos, *encode(TOKENIZER, VOCAB, text)]
        expected = rounded(torch.tensor([ids]))[0, -1].numpy()
    backend = open_backend(OpenSpec(source=str(path), backend="reference"), lambda *_: True)
    try:
        assert [VOCAB.bos, *backend.tokenize(text, special=True)] == ids
        assert np.abs(backend.next_logits(ids) - expected).max() < 1e-3
    finally:
        backend.close()


def test_the_cache_changes_nothing() -> None:
    model, ids = new_model(), torch.randint(0, CONFIG.n_vocab, (1, 12))
    cache = models.Cache()
    with torch.inference_mode():
        whole = model(ids)
        parts = [model(ids[:, :5], cache)]
        parts += [model(ids[:, at : at + 1], cache) for at in range(5, 12)]
    assert torch.allclose(torch.cat(parts, 1), whole, atol=1e-5)


def test_samples_do_not_depend_on_each_other() -> None:
    model = new_model()
    many = sampling.sample(
        model, [VOCAB.bos, 9], Sampler(seed=3), count=5, limit=6, ends={VOCAB.eos}
    )
    few = sampling.sample(
        model, [VOCAB.bos, 9], Sampler(seed=3), count=2, limit=6, ends={VOCAB.eos}
    )
    assert [one.ids for one in many[:2]] == [one.ids for one in few]
    assert all(len(one.ids) == len(one.entropies) <= 6 for one in many)


def test_the_chance_of_a_word_is_that_of_its_tokens() -> None:
    model = new_model()
    prefix = [VOCAB.bos, *encode(TOKENIZER, VOCAB, "Q: Name a fruit.\nA:")]
    words = [" Apple", " persimmon", ".", "\n", "", "<|eot|>"]
    found = scoring.word_chances(model, TOKENIZER, VOCAB, prefix, words)
    letters = [i for i, t in enumerate(VOCAB.tokens) if t[0].isascii() and t[0].isalpha()]
    for word in (" Apple", " persimmon"):
        ids = encode(TOKENIZER, VOCAB, word)
        with torch.inference_mode():
            chances = model(torch.tensor([prefix + ids]))[0].double().softmax(-1).numpy()
        expected = np.prod([chances[len(prefix) - 1 + k, token] for k, token in enumerate(ids)])
        expected *= 1 - chances[-1, letters].sum()
        assert found[word] == pytest.approx(expected, rel=1e-4)
    assert 0 < sum(found.values()) < 1


@pytest.mark.parametrize("recipe", [QUICK, FULL])
def test_sizes_are_within_what_may_be_shipped(recipe: Recipe) -> None:
    large, small = (
        sum(weight.numel() for weight in models.Llama(line.config).parameters())
        for line in (recipe.large, recipe.small)
    )
    assert 2_000_000 <= large <= 3_500_000
    assert 0.2 <= small / large <= 0.3
    assert 2 * large < 8 * 2**20
    assert 2 * (3 * large + 2 * small) < 24 * 2**20


def test_the_whole_recipe_writes_models_cards_and_numbers(tmp_path: Path) -> None:
    effort = measure.Effort(documents=5, probes=2, rollouts=1, texts=20, text_tokens=30)
    making.make(TINY, seed=0, out=tmp_path, command="make it", effort=effort)
    names = making.SHIPPED
    bases = ("practice", "practice-small")
    for name in names:
        data = (tmp_path / f"{name}.gguf").read_bytes()
        card = (tmp_path / f"{name}.md").read_text(encoding="utf-8")
        assert hashlib.sha256(data).hexdigest() in card
        assert f"{len(data):,} bytes" in card
        assert "practice model" in card
        assert "`make it`" in card
        assert card.count("```text") == 20
        assert ("```jinja" in card) == (name not in bases)
        prompts = [p.page if name in bases else p.chat for p in PROBES[:2]]
        numbers = json.loads((tmp_path / f"{name}.json").read_text(encoding="utf-8"))
        assert numbers["model_nats"] == pytest.approx(numbers["grammar_nats"] + numbers["excess"])
        assert [p["prompt"] for p in numbers["probes"]] == prompts
        assert all(0 < probe["total_variation"] <= 1 for probe in numbers["probes"])
    files = {name: (tmp_path / f"{name}.gguf").read_bytes() for name in names}
    making.make(TINY, seed=0, out=tmp_path, command="make it", effort=effort)
    assert files == {name: (tmp_path / f"{name}.gguf").read_bytes() for name in names}
