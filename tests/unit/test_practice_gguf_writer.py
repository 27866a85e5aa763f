"""GGUF files written by `write_llama_gguf`, read back with `gguf.GGUFReader`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import gguf
import numpy as np
import pytest

from recipes.practice.gguf_writer import (
    BYTE,
    CONTROL,
    NORMAL,
    UNKNOWN,
    BpeVocab,
    LlamaConfig,
    SpmVocab,
    Tensor,
    tensor_shapes,
    write_llama_gguf,
)

CONFIG = LlamaConfig(n_vocab=6, n_ctx=32, n_embd=16, n_layer=2, n_head=4, n_head_kv=2, n_ff=24)
BPE = BpeVocab(
    tokens=("<s>", "</s>", "a", "b", "ab", "Ġ"),
    merges=("a b",),
    types=(CONTROL, CONTROL, NORMAL, NORMAL, NORMAL, NORMAL),
    bos=0,
    eos=1,
    pad=1,
)
SPM = SpmVocab(
    tokens=("<unk>", "<s>", "</s>", "<0x41>", "▁a", "a"),
    scores=(0.0, 0.0, 0.0, 0.0, -1.0, -2.0),
    types=(UNKNOWN, CONTROL, CONTROL, BYTE, NORMAL, NORMAL),
    bos=1,
    eos=2,
)


def random_tensors(*, tied: bool = True) -> dict[str, Tensor]:
    random = np.random.default_rng(0)
    return {
        name: random.normal(size=shape).astype(np.float32)
        for name, shape in tensor_shapes(CONFIG, tied=tied).items()
    }


def read(path: Path) -> gguf.GGUFReader:
    return gguf.GGUFReader(path)


def value(reader: gguf.GGUFReader, key: str) -> object:
    field = reader.get_field(key)
    return None if field is None else field.contents()


def test_metadata_of_a_bpe_model(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    write_llama_gguf(
        path,
        config=CONFIG,
        tensors=random_tensors(),
        tokenizer=BPE,
        name="tiny",
        licence="mit",
        chat_template="{{ messages }}",
    )
    reader = read(path)
    expected = {
        "general.architecture": "llama",
        "general.name": "tiny",
        "general.license": "mit",
        "general.file_type": int(gguf.LlamaFileType.MOSTLY_F16),
        "llama.vocab_size": 6,
        "llama.context_length": 32,
        "llama.embedding_length": 16,
        "llama.block_count": 2,
        "llama.feed_forward_length": 24,
        "llama.attention.head_count": 4,
        "llama.attention.head_count_kv": 2,
        "llama.rope.dimension_count": 4,
        "llama.rope.freq_base": 10000.0,
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "gpt-2",
        "tokenizer.ggml.tokens": list(BPE.tokens),
        "tokenizer.ggml.token_type": list(BPE.types),
        "tokenizer.ggml.merges": ["a b"],
        "tokenizer.ggml.bos_token_id": 0,
        "tokenizer.ggml.eos_token_id": 1,
        "tokenizer.ggml.padding_token_id": 1,
        "tokenizer.ggml.eot_token_id": None,
        "tokenizer.ggml.add_bos_token": True,
        "tokenizer.ggml.add_eos_token": False,
        "tokenizer.chat_template": "{{ messages }}",
    }
    assert {key: value(reader, key) for key in expected} == expected
    assert value(reader, "llama.attention.layer_norm_rms_epsilon") == pytest.approx(1e-5)


def test_metadata_of_an_spm_model(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    write_llama_gguf(path, config=CONFIG, tensors=random_tensors(), tokenizer=SPM)
    reader = read(path)
    expected = {
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.tokens": list(SPM.tokens),
        "tokenizer.ggml.token_type": list(SPM.types),
        "tokenizer.ggml.scores": list(SPM.scores),
        "tokenizer.ggml.merges": None,
        "tokenizer.ggml.unknown_token_id": 0,
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.add_space_prefix": True,
        "tokenizer.chat_template": None,
    }
    assert {key: value(reader, key) for key in expected} == expected


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize(("dtype", "tolerance"), [("f32", 0.0), ("f16", 1e-3)])
def test_tensors_come_back(tmp_path: Path, tied: bool, dtype: str, tolerance: float) -> None:
    path = tmp_path / "model.gguf"
    tensors = random_tensors(tied=tied)
    write_llama_gguf(path, config=CONFIG, tensors=tensors, tokenizer=BPE, dtype=dtype)  # type: ignore[arg-type]
    stored = {tensor.name: tensor for tensor in read(path).tensors}
    assert len(stored) == len(tensors)
    assert ("output.weight" in stored) is not tied
    embedding = stored["token_embd.weight"]
    assert embedding.tensor_type.name == dtype.upper()
    assert stored["blk.1.attn_norm.weight"].tensor_type.name == "F32"
    for ours, theirs in (
        ("model.embed_tokens.weight", "token_embd.weight"),
        ("model.layers.1.self_attn.v_proj.weight", "blk.1.attn_v.weight"),
        ("model.layers.0.mlp.down_proj.weight", "blk.0.ffn_down.weight"),
        ("model.norm.weight", "output_norm.weight"),
    ):
        np.testing.assert_allclose(stored[theirs].data, tensors[ours], rtol=tolerance, atol=1e-6)


def test_query_and_key_rows_are_interleaved(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    tensors = random_tensors()
    write_llama_gguf(path, config=CONFIG, tensors=tensors, tokenizer=BPE, dtype="f32")
    stored = {tensor.name: tensor.data for tensor in read(path).tensors}
    # A head has 4 rows; halves (0, 1 | 2, 3) become pairs (0, 2, 1, 3).
    order = [4 * head + row for head in range(4) for row in (0, 2, 1, 3)]
    query = tensors["model.layers.0.self_attn.q_proj.weight"]
    key = tensors["model.layers.0.self_attn.k_proj.weight"]
    np.testing.assert_array_equal(stored["blk.0.attn_q.weight"], query[order])
    np.testing.assert_array_equal(stored["blk.0.attn_k.weight"], key[order[:8]])


def test_the_same_model_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_llama_gguf(
            tmp_path / name, config=CONFIG, tensors=random_tensors(), tokenizer=BPE, name="x"
        )
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_wrong_tensors_are_refused(tmp_path: Path) -> None:
    tensors = random_tensors()
    missing = {name: array for name, array in tensors.items() if name != "model.norm.weight"}
    with pytest.raises(ValueError, match=r"model\.norm\.weight"):
        write_llama_gguf(tmp_path / "x", config=CONFIG, tensors=missing, tokenizer=BPE)
    with pytest.raises(ValueError, match="unknown"):
        write_llama_gguf(
            tmp_path / "x",
            config=CONFIG,
            tensors=tensors | {"bias": np.zeros(3, np.float32)},
            tokenizer=BPE,
        )
    with pytest.raises(ValueError, match="shape"):
        write_llama_gguf(
            tmp_path / "x",
            config=CONFIG,
            tensors=tensors | {"model.norm.weight": np.zeros(3, np.float32)},
            tokenizer=BPE,
        )


def test_wrong_vocabularies_are_refused(tmp_path: Path) -> None:
    for vocab, message in (
        (replace(BPE, types=BPE.types[1:]), "types"),
        (replace(BPE, tokens=("a", *BPE.tokens[1:])), "same text"),
        (replace(SPM, scores=SPM.scores[1:]), "scores"),
    ):
        with pytest.raises(ValueError, match=message):
            write_llama_gguf(
                tmp_path / "x", config=CONFIG, tensors=random_tensors(), tokenizer=vocab
            )


def test_sizes_that_do_not_divide_are_refused() -> None:
    with pytest.raises(ValueError, match="n_embd"):
        replace(CONFIG, n_embd=18)
    with pytest.raises(ValueError, match="n_head"):
        replace(CONFIG, n_head_kv=3)
