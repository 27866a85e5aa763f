"""Models that read whole texts: vectors by hand and by two libraries, entailment, and directories that cannot do it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest

from bftui.backends.text_models import (
    TextEngine,
    TextModelInfo,
    TextRows,
    TextSpec,
    open_text_model,
)
from bftui.core.diversity.kernels import mean_distance, vendi
from bftui.core.errors import BftuiError, Cancelled, ModelError, ModelLoadError, UnsupportedModel
from bftui.formats.open_spec import OpenSpec
from bftui.measures.diversity.embedding import EmbeddingKernel, open_text_client
from bftui.measures.diversity.entailment import EntailmentScores, sentences
from tests.families import family_directory, family_gguf
from tests.groups import TORCH, needs

needs("llama_cpp", "transformers")
pytestmark = TORCH

TEXTS = ["The river rises.", "A", "The river rises in the hills, and it is long.", ""]
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "the", "river", "hills", "rises", "in", "a", "."]
LABELS = {"0": "CONTRADICTION", "1": "neutral", "2": "Entailment"}


def quiet(_share: float | None, _text: str) -> bool:
    """Progress that nobody watches."""
    return True


def opened(path: Path, reads: Any = "vectors", **changes: Any) -> TextEngine:
    backend = "llama-cpp" if path.is_file() else "transformers"
    spec = OpenSpec(str(path), backend, threads=1, device="cpu")
    return open_text_model(TextSpec(replace(spec, **changes), reads), quiet)


def bert(path: Path, kind: str = "BertModel", **changes: Any) -> Path:
    """A tiny encoder of random weights with a tokenizer of words."""
    import torch
    import transformers
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    torch.manual_seed(1)
    config = transformers.BertConfig(
        vocab_size=len(WORDS),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=24,
        initializer_range=0.5,
        **changes,
    )
    getattr(transformers, kind)(config).save_pretrained(path)
    tokenizer = Tokenizer(models.WordLevel({w: i for i, w in enumerate(WORDS)}, "[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="[UNK]",
        pad_token="[PAD]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        model_max_length=24,
    ).save_pretrained(path)
    return path


_PARTS = {
    "embeddings.word_embeddings": "token_embd",
    "embeddings.token_type_embeddings": "token_types",
    "embeddings.position_embeddings": "position_embd",
    "embeddings.LayerNorm": "token_embd_norm",
    "attention.self.query": "attn_q",
    "attention.self.key": "attn_k",
    "attention.self.value": "attn_v",
    "attention.output.dense": "attn_output",
    "attention.output.LayerNorm": "attn_output_norm",
    "intermediate.dense": "ffn_up",
    "output.dense": "ffn_down",
    "output.LayerNorm": "layer_output_norm",
}
"""What the parts of an encoder are called in GGUF."""


def bert_gguf(file: Path, encoder: Path, pooling: gguf.PoolingType) -> Path:
    """The encoder of a directory as a GGUF file."""
    from safetensors.numpy import load_file

    writer = gguf.GGUFWriter(file, "bert")
    writer.add_context_length(24)
    writer.add_embedding_length(32)
    writer.add_feed_forward_length(64)
    writer.add_block_count(2)
    writer.add_head_count(4)
    writer.add_layer_norm_eps(1e-12)
    writer.add_causal_attention(False)
    writer.add_pooling_type(pooling)
    writer.add_tokenizer_model("bert")
    writer.add_token_list([w if w[0] == "[" else f"\u2581{w}" for w in WORDS])
    writer.add_token_types(
        [gguf.TokenType.CONTROL] * 4 + [gguf.TokenType.NORMAL] * (len(WORDS) - 4)
    )
    writer.add_token_type_count(2)
    writer.add_pad_token_id(0)
    writer.add_unk_token_id(1)
    writer.add_bos_token_id(2)
    writer.add_sep_token_id(3)
    for name, tensor in load_file(encoder / "model.safetensors").items():
        part, _, end = name.rpartition(".")
        layer = re.match(r"encoder\.layer\.(\d+)\.(.*)", part)
        if part.startswith("pooler"):
            continue
        new = f"blk.{layer[1]}.{_PARTS[layer[2]]}" if layer else _PARTS[part]
        writer.add_tensor(f"{new}.{end}", tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


def declare(path: Path, pooling: dict[str, Any], *more: str, **files: Any) -> Path:
    """Writes the files of sentence-transformers around a transformer."""
    parts = ["Transformer", "Pooling", *more]
    listed = [
        {"idx": n, "name": str(n), "path": f"{n}_{part}" if n else "", "type": f"a.models.{part}"}
        for n, part in enumerate(parts)
    ]
    (path / "modules.json").write_text(json.dumps(listed))
    (path / "1_Pooling").mkdir(exist_ok=True)
    (path / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    for name, value in files.items():
        (path / f"{name}.json").write_text(json.dumps(value))
    return path


def states(path: Path, text: str) -> Any:
    """The last layer's states of one text alone, shape (tokens, d)."""
    import torch
    import transformers

    model = transformers.AutoModel.from_pretrained(path).eval()
    tokens = transformers.AutoTokenizer.from_pretrained(path)(text, return_tensors="pt")
    with torch.inference_mode():
        return model(**tokens).last_hidden_state[0].numpy()


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bert(tmp_path_factory.mktemp("bert"))


@pytest.mark.parametrize("family", ["bpe", "qwen", "gemma"])
def test_two_libraries_give_the_same_vectors_of_a_model_that_generates(
    tmp_path: Path, family: str
) -> None:
    directory = family_directory(tmp_path / "d", family)
    torch_model = opened(directory)
    llama = opened(family_gguf(tmp_path / "m.gguf", family))
    one, other = (model.read([(text,) for text in TEXTS]).values for model in (torch_model, llama))
    llama.close()
    assert one == pytest.approx(other, abs=2e-3 * np.abs(one).max())
    expected = states(directory, TEXTS[2]).mean(axis=0)
    assert one[2] == pytest.approx(expected, abs=1e-4)
    assert torch_model.info.how == llama.info.how == "mean of the last layer, not trained for it"


@pytest.mark.parametrize("pooling", [gguf.PoolingType.MEAN, gguf.PoolingType.CLS])
def test_two_libraries_give_the_same_vectors_of_an_encoder(
    tmp_path: Path, encoder: Path, pooling: gguf.PoolingType
) -> None:
    model = opened(bert_gguf(tmp_path / "m.gguf", encoder, pooling))
    texts = ["the river rises .", "a", "the hills in the river", "the " * 40]
    found = model.read([(text,) for text in texts])
    for row, text in zip(found.values, ["the river rises .", "a"], strict=False):
        rows = states(encoder, text)
        expected = rows[0] if pooling == gguf.PoolingType.CLS else rows.mean(axis=0)
        # llama.cpp looks its GELU up in a table of half precision.
        assert row == pytest.approx(expected, abs=5e-3)
    assert found.cut == (False, False, False, True)
    if pooling == gguf.PoolingType.MEAN:
        whole = opened(encoder).read([(texts[-1],)]).values[0]
        assert found.values[3] == pytest.approx(whole, abs=5e-3)
    assert "not trained" not in model.info.how
    model.close()


def test_a_reranker_is_refused(tmp_path: Path, encoder: Path) -> None:
    with pytest.raises(BftuiError):
        opened(bert_gguf(tmp_path / "m.gguf", encoder, gguf.PoolingType.RANK))


@pytest.mark.parametrize(
    ("setting", "taken"),
    [
        ("pooling_mode_mean_tokens", lambda rows: rows.mean(axis=0)),
        ("pooling_mode_cls_token", lambda rows: rows[0]),
        ("pooling_mode_lasttoken", lambda rows: rows[-1]),
        ("pooling_mode_max_tokens", lambda rows: rows.max(axis=0)),
    ],
)
def test_a_directory_says_what_is_taken(
    tmp_path: Path, setting: str, taken: Callable[[Any], Any]
) -> None:
    path = declare(bert(tmp_path), {"word_embedding_dimension": 32, setting: True})
    texts = ["the river rises .", "a", "the hills in the river"]
    found = opened(path).read([(text,) for text in texts]).values
    for row, text in zip(found, texts, strict=True):
        assert row == pytest.approx(taken(states(path, text)), abs=1e-5)


def test_a_directory_says_length_case_and_what_comes_before(tmp_path: Path) -> None:
    path = declare(
        bert(tmp_path),
        {"pooling_mode": "mean"},
        "Normalize",
        sentence_bert_config={"max_seq_length": 5, "do_lower_case": True},
        config_sentence_transformers={"prompts": {"q": "a "}, "default_prompt_name": "q"},
    )
    engine = opened(path)
    found = engine.read([("The River",), ("the river rises in the hills",)])
    assert np.linalg.norm(found.values, axis=1) == pytest.approx(1)
    whole = states(path, "a the river").mean(axis=0)
    assert found.values[0] == pytest.approx(whole / np.linalg.norm(whole), abs=1e-5)
    assert found.cut == (False, True)
    assert (engine.info.max_tokens, engine.info.how) == (5, "mean of the last layer, normalised")


def test_the_transformer_may_lie_in_a_folder_of_its_own(tmp_path: Path, encoder: Path) -> None:
    declare(tmp_path, {"pooling_mode_mean_tokens": True})
    listed = json.loads((tmp_path / "modules.json").read_text())
    listed[0]["path"] = "0_Transformer"
    (tmp_path / "modules.json").write_text(json.dumps(listed))
    (tmp_path / "0_Transformer").symlink_to(encoder)
    found = opened(tmp_path).read([("the river",)]).values
    assert found[0] == pytest.approx(states(encoder, "the river").mean(axis=0), abs=1e-5)


def test_a_checkpoint_without_a_pooler_is_whole(tmp_path: Path) -> None:
    path = bert(tmp_path, "BertForMaskedLM")
    found = opened(path).read([("the river",)]).values
    assert found[0] == pytest.approx(states(path, "the river").mean(axis=0), abs=1e-5)


def test_texts_are_read_the_same_alone_and_among_others(encoder: Path) -> None:
    engine = opened(encoder)
    texts = [("the river " * (n % 7),) for n in range(40)]
    together = engine.read(texts).values
    for place in (0, 6, 39):
        assert together[place] == pytest.approx(engine.read([texts[place]]).values[0], abs=1e-5)
    assert engine.read([]).values.shape == (0, 0)


def test_half_a_character_is_read_as_a_question_mark(tmp_path: Path, encoder: Path) -> None:
    for engine in (opened(encoder), opened(family_gguf(tmp_path / "m.gguf", "bpe"))):
        half, mark = engine.read([("a \ud800",), ("a ?",)]).values
        assert half == pytest.approx(mark, abs=1e-6)
        engine.close()


def test_a_long_text_is_cut_and_says_so(tmp_path: Path) -> None:
    model = opened(family_gguf(tmp_path / "m.gguf", "bpe"), n_ctx=16)
    kernel = EmbeddingKernel(model)
    vectors = kernel.vectors(["word " * 40, "word", "word " * 40])
    assert (vectors[0] == vectors[2]).all()
    assert kernel.cut == 2
    assert kernel.name == "m (mean of the last layer, not trained for it)"
    model.close()


def test_a_kernel_of_a_model_in_a_process_of_its_own(encoder: Path) -> None:
    with open_text_client(str(encoder), "vectors", quiet, threads=1, device="cpu") as client:
        kernel = EmbeddingKernel(client)(["the river", "the river", "a hills rises", "in"])
        client.cancel()
        assert client.read([("the",)]).values.shape == (1, 32)
    assert kernel[0, 1] == 1
    found, apart = vendi(kernel), mean_distance(kernel)
    assert found is not None
    assert apart is not None
    assert 1 < found < 4
    assert 0 < apart < 2
    assert EmbeddingKernel(opened(encoder))(["the river", "a hills rises"])[0, 1] == pytest.approx(
        kernel[0, 2], abs=1e-6
    )


class TestEntailment:
    @pytest.fixture(scope="class")
    def classifier(self, tmp_path_factory: pytest.TempPathFactory) -> Path:
        folder = tmp_path_factory.mktemp("nli")
        return bert(folder, "BertForSequenceClassification", id2label=LABELS, num_labels=3)

    def direct(self, path: Path, premise: str, hypothesis: str) -> float:
        """P(entailment) - P(contradiction) of one pair alone."""
        import torch
        import transformers

        model = transformers.AutoModelForSequenceClassification.from_pretrained(path).eval()
        tokens = transformers.AutoTokenizer.from_pretrained(path)(
            premise, hypothesis, return_tensors="pt"
        )
        with torch.inference_mode():
            shares = model(**tokens).logits[0].softmax(-1)
        return float(shares[2] - shares[0])

    def test_scores_are_over_both_directions_and_the_places_of_both(self, classifier: Path) -> None:
        texts = ["the river. a hills!", "the river in a.\nrises", "the river. a hills!", "the"]
        scores = EntailmentScores(opened(classifier, "entailment"))(texts)

        def both(a: str, b: str) -> float:
            return (self.direct(classifier, a, b) + self.direct(classifier, b, a)) / 2

        expected = (both("the river.", "the river in a.") + both("a hills!", "rises")) / 2
        assert scores[0, 1] == pytest.approx(expected, abs=1e-5)
        assert scores[1, 3] == pytest.approx(both("the river in a.", "the"), abs=1e-5)
        assert (scores == scores.T).all()
        assert (np.diagonal(scores) == 1).all()
        assert mean_distance(scores) == pytest.approx(1 - scores[np.triu_indices(4, 1)].mean())

    def test_a_text_without_a_sentence_has_no_score(self, classifier: Path) -> None:
        scores = EntailmentScores(opened(classifier, "entailment"))(["the", " \n", "a"])
        assert np.isnan(scores[0, 1])
        assert mean_distance(scores) == pytest.approx(1 - scores[0, 2])
        assert mean_distance(EntailmentScores(opened(classifier, "entailment"))(["", ""])) is None

    def test_a_long_pair_is_cut_and_says_so(self, classifier: Path) -> None:
        scores = EntailmentScores(opened(classifier, "entailment"))
        scores(["the " * 30, "a"])
        assert scores.cut == 2

    def test_in_a_process_of_its_own(self, classifier: Path) -> None:
        with open_text_client(str(classifier), "entailment", quiet, threads=1) as client:
            scores = EntailmentScores(client)(["the river", "a hills"])
        assert scores[0, 1] == pytest.approx(
            EntailmentScores(opened(classifier, "entailment"))(["the river", "a hills"])[0, 1],
            abs=1e-5,
        )

    @pytest.mark.parametrize(
        "labels",
        [
            {"0": "LABEL_0", "1": "LABEL_1", "2": "LABEL_2"},
            {"0": "entailment", "1": "not_entailment", "2": "other"},
            {"0": "entailment", "1": "entails", "2": "contradiction"},
        ],
    )
    def test_classes_that_are_not_named_are_refused(
        self, tmp_path: Path, labels: dict[str, str]
    ) -> None:
        path = bert(tmp_path, "BertForSequenceClassification", id2label=labels, num_labels=3)
        with pytest.raises(UnsupportedModel, match="does not say what follows"):
            opened(path, "entailment")

    def test_an_encoder_without_a_classifier_is_refused(
        self, encoder: Path, tmp_path: Path
    ) -> None:
        for file in encoder.iterdir():
            if file.is_file():
                (tmp_path / file.name).write_bytes(file.read_bytes())
        config = json.loads((tmp_path / "config.json").read_text())
        (tmp_path / "config.json").write_text(json.dumps({**config, "id2label": LABELS}))
        with pytest.raises(ModelLoadError):
            opened(tmp_path, "entailment")

    def test_a_gguf_file_says_nothing_of_entailment(self, tmp_path: Path) -> None:
        with pytest.raises(UnsupportedModel, match="cannot read entailment"):
            opened(family_gguf(tmp_path / "m.gguf", "bpe"), "entailment")

    def test_sentences(self) -> None:
        assert sentences("It is 3.5. Yes! No?\n\n and") == ["It is 3.5.", "Yes!", "No?", "and"]
        assert sentences(" \n") == []


class TestWhatCannotBeUsed:
    @pytest.mark.parametrize(
        ("pooling", "more", "error"),
        [
            (
                {"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": True},
                (),
                "its pooling is",
            ),
            ({"pooling_mode_weightedmean_tokens": True}, (), "its pooling is"),
            ({}, (), "not named"),
            ({"pooling_mode_mean_tokens": True}, ("Dense",), "its part Dense"),
        ],
    )
    def test_parts_that_are_not_built_are_refused(
        self, tmp_path: Path, pooling: dict[str, Any], more: Sequence[str], error: str
    ) -> None:
        with pytest.raises(UnsupportedModel, match=error):
            opened(declare(tmp_path, pooling, *more))

    @pytest.mark.parametrize(
        "text", ["{", "[1]", '[{"type": "a.Transformer", "path": "../x"}]', "[]"]
    )
    def test_a_damaged_list_of_parts_is_one_line(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "modules.json").write_text(text)
        with pytest.raises(ModelLoadError, match=r"modules\.json"):
            opened(tmp_path)

    def test_missing_weights_are_refused(self, tmp_path: Path) -> None:
        from safetensors.numpy import load_file, save_file

        path = bert(tmp_path)
        tensors = load_file(path / "model.safetensors")
        del tensors["encoder.layer.1.output.dense.weight"]
        save_file(tensors, path / "model.safetensors", metadata={"format": "pt"})
        with pytest.raises(ModelLoadError):
            opened(path)

    def test_a_tokenizer_that_is_missing_or_of_another_model_is_refused(
        self, tmp_path: Path
    ) -> None:
        path = bert(tmp_path)
        file = path / "tokenizer.json"
        whole = json.loads(file.read_text())
        file.write_text("{")
        with pytest.raises(ModelLoadError, match="cannot load the tokenizer"):
            opened(path)
        more = {f"word{n}": len(WORDS) + n for n in range(9)}
        whole["model"]["vocab"].update(more)
        file.write_text(json.dumps(whole))
        with pytest.raises(ModelLoadError, match="it has 20 tokens, and the model knows 11"):
            opened(path)
        file.unlink()
        with pytest.raises(ModelLoadError, match=r"there is no tokenizer\.json"):
            opened(path)

    def test_a_model_with_encoder_and_decoder_is_refused(self, tmp_path: Path) -> None:
        path = bert(tmp_path)
        config = json.loads((path / "config.json").read_text())
        (path / "config.json").write_text(json.dumps({**config, "is_encoder_decoder": True}))
        with pytest.raises(UnsupportedModel, match="an encoder with a decoder"):
            opened(path)

    def test_a_path_that_is_not_there_is_one_line(self, tmp_path: Path) -> None:
        with pytest.raises(ModelLoadError, match="no model at"):
            open_text_client(str(tmp_path / "none"), "vectors", quiet)
        with pytest.raises(BftuiError, match="neither a directory nor a GGUF file"):
            open_text_client("hf:some/name", "vectors", quiet)


class Counting:
    """A model that counts its batches, and says numbers that are not finite after a word."""

    info = TextModelInfo("counting", "", "", "vectors", "", 9)

    def __init__(self, cancel: Callable[[], None] = lambda: None) -> None:
        self.batches: list[int] = []
        self.cancel = cancel

    def read(self, inputs: Sequence[tuple[str, ...]]) -> TextRows:
        self.batches.append(len(inputs))
        self.cancel()
        values = [[np.nan if text == "bad" else len(text)] for (text,) in inputs]
        return TextRows(np.array(values, np.float32), (False,) * len(inputs))

    def close(self) -> None:
        """Nothing is held."""


class TestEngine:
    def test_inputs_come_back_in_their_order(self) -> None:
        model = Counting()
        found = TextEngine(model).read([("a" * (n * 7 % 40),) for n in range(40)])
        assert found.values[:, 0].tolist() == [n * 7 % 40 for n in range(40)]
        assert model.batches == [16, 16, 8]

    def test_a_cancel_ends_it_between_batches(self) -> None:
        model = Counting()
        engine = TextEngine(model)
        model.cancel = engine.cancel
        with pytest.raises(Cancelled):
            engine.read([("a",)] * 40)
        assert model.batches == [16]

    def test_numbers_that_are_not_finite_are_an_error(self) -> None:
        with pytest.raises(ModelError, match="not finite"):
            TextEngine(Counting()).read([("good",), ("bad",)])
