"""Tiny models with random weights, made from a seed, for tests that need a real GGUF file.

Their entropies are those of a trained model (about 2 to 5 nats), so that tolerances in nats mean something. Every
builder gives the same file for the same arguments.
Not for: anything that needs sensible text; that is what the practice model is for.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import gguf
import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from recipes.practice.gguf_writer import (
    BYTE,
    CONTROL,
    NORMAL,
    UNKNOWN,
    BpeVocab,
    LlamaConfig,
    SpmVocab,
    tensor_shapes,
    write_llama_gguf,
)

LONG_WORD = "Donaudampfschifffahrtsgesellschaftskapitän"
"""42 letters that both vocabularies hold as one token: longer than a 32-byte buffer."""

_SENTENCES = f"""
The river rises in the hills, and by the time it meets the town it is wide and slow.
She counted the boats twice: thirteen in the morning, eleven in the evening.
"Where is the captain?" asked the boy; nobody on the quay could say.
The {LONG_WORD} wrote his name, {LONG_WORD}, on the door.
It rained for nine days, and on the tenth the bridge was gone.
He said that he would come back when the water was low again.
They built the new bridge from stone, because wood remembers every flood.
In 1874 the mill had 26 workers; in 1890 there were 140 of them.
A letter came from the coast: "Sell the grain, keep the horses, wait for me."
The old woman in the last house knew the names of all the rivers.
Price list: rope 3.50, nails 0.25, tar 12.00 (per barrel, delivered).
def depth(river): return max(river.depths) if river.depths else 0
for boat in boats: print(boat.name, boat.length, sep=", ")
Il fiume è largo, la città è piccola; dove è il capitano?
Der Fluss ist breit, die Stadt ist klein, und die Brücke ist neu.
La rivière est large; l'été, l'eau est basse et les enfants y jouent.
Река широкая, город маленький, мост новый.
河は広い。町は小さい。橋は新しい。
What the water takes it does not give back, and what it gives it takes again.
Nobody had asked the miller, and so nobody knew that the wheel was broken.
When the {LONG_WORD} came home, the whole street was waiting for him.
The children said that the bridge sings at night; the miller said it is the wind.
""".strip().splitlines()

BPE_SPECIALS = ("<|bos|>", "<|endoftext|>", "<|user|>", "<|end|>")
SPM_SPECIALS = ("<unk>", "<s>", "</s>")


CHATML = (
    "{% for m in messages %}<|{{ 'user' if m.role == 'user' else 'bos' }}|>{{ m.content }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|bos|>{% endif %}"
)
"""A chat template of the control tokens that the byte-level vocabulary has."""


@cache
def bpe_vocab(size: int = 700) -> BpeVocab:
    """Byte-level BPE over all 256 bytes: specials, bytes, then merges; at most `size` tokens."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        show_progress=False,
        special_tokens=list(BPE_SPECIALS),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
    )
    tokenizer.train_from_iterator(_SENTENCES, trainer)
    tokens, merges = _trained(tokenizer)
    return BpeVocab(
        tokens=tokens,
        merges=tuple(f"{left} {right}" for left, right in merges),
        types=tuple(CONTROL if token in BPE_SPECIALS else NORMAL for token in tokens),
        bos=0,
        eos=1,
        eot=3,
    )


@cache
def spm_vocab(size: int = 900) -> SpmVocab:
    """SentencePiece-style BPE with byte fallback: specials, bytes, merged pieces, then single characters."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    trainer = trainers.BpeTrainer(vocab_size=size - 259, show_progress=False)
    tokenizer.train_from_iterator(_SENTENCES, trainer)
    trained, _ = _trained(tokenizer)
    pieces = [token for token in trained if len(token) > 1]
    characters = [token for token in trained if len(token) == 1]
    byte_tokens = [f"<0x{value:02X}>" for value in range(256)]
    ranked = [*pieces, *characters]
    return SpmVocab(
        tokens=(*SPM_SPECIALS, *byte_tokens, *ranked),
        scores=(*[0.0] * 259, *[-float(rank) for rank in range(len(ranked))]),
        types=(UNKNOWN, CONTROL, CONTROL, *[BYTE] * 256, *[NORMAL] * len(ranked)),
        bos=1,
        eos=2,
    )


def _trained(tokenizer: Tokenizer) -> tuple[tuple[str, ...], list[tuple[str, str]]]:
    """Tokens by id and merges in order, from the tokenizer's own serialisation."""
    model = json.loads(tokenizer.to_str())["model"]
    vocab: dict[str, int] = model["vocab"]
    merges = [(left, right) for left, right in model["merges"]]
    return tuple(sorted(vocab, key=vocab.__getitem__)), merges


@dataclass(frozen=True)
class TinyModel:
    """A model file and what it was made from."""

    path: Path
    vocabulary: BpeVocab | SpmVocab
    config: LlamaConfig


def random_weights(
    config: LlamaConfig, *, seed: int, tied: bool, spread: float = 0.27
) -> dict[str, NDArray[np.float32]]:
    """Weights under Hugging Face's names. `spread` is the deviation of the output matrix: it sets the entropy."""
    rng = np.random.default_rng(seed)
    weights = {}
    for name, shape in tensor_shapes(config, tied=tied).items():
        if len(shape) == 1:
            weights[name] = (1 + 0.1 * rng.standard_normal(shape)).astype(np.float32)
            continue
        output = name == ("model.embed_tokens.weight" if tied else "lm_head.weight")
        deviation = spread if output else shape[1] ** -0.5
        weights[name] = (deviation * rng.standard_normal(shape)).astype(np.float32)
    return weights


def tiny_model(
    path: Path,
    kind: Literal["bpe", "spm"],
    *,
    seed: int = 0,
    n_ctx: int = 1024,
    tied: bool | None = None,
    dtype: Literal["f16", "f32"] = "f32",
    changes: Mapping[str, NDArray[Any]] | None = None,
    chat_template: str | None = None,
    vocabulary: BpeVocab | SpmVocab | None = None,
) -> TinyModel:
    """Writes a model of hidden size 64, 2 layers and 4 query heads over 2 key heads.

    `tied` defaults to False for `bpe` and True for `spm`, so that both ways are covered; `changes` replaces tensors.
    """
    vocabulary = vocabulary or (bpe_vocab() if kind == "bpe" else spm_vocab())
    config = LlamaConfig(
        n_vocab=len(vocabulary.tokens),
        n_ctx=n_ctx,
        n_embd=64,
        n_layer=2,
        n_head=4,
        n_head_kv=2,
        n_ff=160,
    )
    weights = random_weights(config, seed=seed, tied=kind == "spm" if tied is None else tied)
    weights.update(changes or {})
    write_llama_gguf(
        path,
        config=config,
        tensors=weights,
        tokenizer=vocabulary,
        dtype=dtype,
        name=f"tiny-{kind}",
        chat_template=chat_template,
    )
    return TinyModel(path, vocabulary, config)


def rounded_model(path: Path, matrices: gguf.GGMLQuantizationType, *, seed: int = 5) -> TinyModel:
    """Writes a model of hidden size 128 and 8 layers with matrices of this type.

    Deep enough that what rounding makes of another batch is seen: entropies are off by .01 to .06 nats (float types,
    Q8_0 and Q4_1; of some seeds by nothing).
    """
    vocabulary = bpe_vocab()
    config = LlamaConfig(
        n_vocab=len(vocabulary.tokens),
        n_ctx=1024,
        n_embd=128,
        n_layer=8,
        n_head=4,
        n_head_kv=2,
        n_ff=256,
    )
    plain = path.with_suffix(".f32")
    write_llama_gguf(
        plain,
        config=config,
        tensors=random_weights(config, seed=seed, tied=False),
        tokenizer=vocabulary,
        dtype="f32",
        name="tiny-rounded",
        chat_template=CHATML,
    )
    rewritten(plain, path, matrices=matrices)
    plain.unlink()
    return TinyModel(path, vocabulary, config)


def random_ids(model: TinyModel, count: int, *, seed: int = 1) -> list[int]:
    """Ids of the vocabulary, drawn evenly."""
    rng = np.random.default_rng(seed)
    return [int(i) for i in rng.integers(0, model.config.n_vocab, count)]


def sentences() -> tuple[str, ...]:
    """What the vocabularies were trained on."""
    return tuple(_SENTENCES)


def rewritten(
    source: Path,
    target: Path,
    *,
    architecture: str | None = None,
    changes: Mapping[str, tuple[Any, gguf.GGUFValueType]] | None = None,
    matrices: gguf.GGMLQuantizationType | None = None,
    tensors: Mapping[str, NDArray[Any]] | None = None,
    parts: int = 0,
) -> Path:
    """Copies a GGUF file with changes.

    Args:
        changes: metadata in the place of its own; a value of None leaves it out.
        matrices: what they are stored as.
        tensors: in the place of its own, or beside them.
        parts: into how many files it is split; the first of them is the result.
    """
    reader = gguf.GGUFReader(source)
    name = reader.fields["general.architecture"].contents()
    most = -(-len(reader.tensors) // parts) if parts else 0
    writer = gguf.GGUFWriter(target, architecture or name, split_max_tensors=most)
    for key, field in reader.fields.items():
        if key.startswith("GGUF.") or key == "general.architecture" or key in (changes or {}):
            continue
        kind = field.types[0]
        inner = field.types[-1] if kind == gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(key, field.contents(), kind, sub_type=inner)
    for key, (value, kind) in (changes or {}).items():
        if value is not None:
            inner = gguf.GGUFValueType.STRING if kind == gguf.GGUFValueType.ARRAY else None
            writer.add_key_value(key, value, kind, sub_type=inner)
    for tensor in reader.tensors:
        if tensor.name in (tensors or {}):
            continue
        data, stored = tensor.data, tensor.tensor_type
        if matrices is not None and data.ndim == 2:
            data, stored = gguf.quantize(gguf.dequantize(data, stored), matrices), matrices
        writer.add_tensor(tensor.name, data, raw_dtype=stored)
    for name, array in (tensors or {}).items():
        writer.add_tensor(name, array)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return target.with_name(f"{target.stem}-00001-of-{parts:05d}.gguf") if parts else target
