"""Headers of model files: read fast, never believed. Whatever a file says, the answer comes soon and is one error."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bftui.backends.registry import needed
from bftui.core.errors import ModelError, ModelLoadError, UnsupportedModel
from bftui.formats.gguf_header import Long, read_header
from bftui.formats.machine import available_memory, size
from bftui.formats.model_facts import DIRECTORY, GGUF, TABLE, ModelFacts, SourceKind, read
from bftui.formats.open_spec import OpenSpec
from tests.models import TinyModel, rewritten, tiny_model

_SOON_S = 5.0
_HUGE = 2**62


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> TinyModel:
    return tiny_model(tmp_path_factory.mktemp("tiny") / "tiny.gguf", "bpe", dtype="f16")


def text(value: bytes) -> bytes:
    return struct.pack("<Q", len(value)) + value


def pair(key: bytes, kind: int, value: bytes) -> bytes:
    return text(key) + struct.pack("<I", kind) + value


def gguf_bytes(
    *pairs: bytes, tensors: int = 0, keys: int | None = None, rest: bytes = b""
) -> bytes:
    """A GGUF file of version 3 that may claim what it likes."""
    count = len(pairs) if keys is None else keys
    return b"GGUF" + struct.pack("<IQQ", 3, tensors, count) + b"".join(pairs) + rest


def tensor(name: bytes, dimensions: list[int], kind: int = 0, offset: int = 0) -> bytes:
    shape = struct.pack(f"<I{len(dimensions)}Q", len(dimensions), *dimensions)
    return text(name) + shape + struct.pack("<IQ", kind, offset)


def problem(path: Path, kind: SourceKind = GGUF) -> str:
    """Why a model cannot be read; the error is one line, and comes soon."""
    began = time.monotonic()
    with pytest.raises(ModelError) as caught:
        read(kind, str(path))
    assert time.monotonic() - began < _SOON_S
    assert "\n" not in caught.value.line()
    return caught.value.reason


def test_a_header_holds_what_is_short_and_counts_what_is_long(tiny: TinyModel) -> None:
    header = read_header(tiny.path)
    assert header.architecture == "llama"
    assert header.values["general.name"] == "tiny-bpe"
    assert header.values["tokenizer.ggml.tokens"] == Long(tiny.config.n_vocab)
    assert header.quantization == "F16"
    assert header.bytes == tiny.path.stat().st_size
    assert set(header.types) == {"F16", "F32"}


def test_a_large_vocabulary_over_many_windows_is_walked_over(tmp_path: Path) -> None:
    lengths = [(7 * i) % 61 for i in range(100_000)]
    texts = b"".join(text(b"x" * length) for length in lengths)
    vocabulary = struct.pack("<IQ", 8, len(lengths)) + texts
    after = pair(b"llama.context_length", 4, struct.pack("<I", 4096))
    path = tmp_path / "large.gguf"
    path.write_bytes(gguf_bytes(pair(b"tokens", 9, vocabulary), after))
    values = read_header(path).values
    assert values == {"tokens": Long(100_000), "llama.context_length": 4096}


def test_the_type_of_most_weights_stands_where_the_file_names_none(
    tiny: TinyModel, tmp_path: Path
) -> None:
    data = tiny.path.read_bytes().replace(b"general.file_type", b"general.file_typo")
    path = tmp_path / "untyped.gguf"
    path.write_bytes(data)
    assert read(GGUF, str(path)).stored == "F16"


_POINTER = (
    b"version https://git-lfs.github.com/spec/v1\n"
    b"oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\n"
    b"size 94000000\n"
)


def cut(share: float) -> Callable[[bytes], bytes]:
    return lambda data: data[: int(len(data) * share)]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda data: b"", "the file is empty"),
        (lambda data: b"<html>404</html>" * 9, "it is a web page"),
        (lambda data: b"\n <!DOCTYPE html><p>404</p>", "it is a web page"),
        (
            lambda data: _POINTER,
            "it is a Git LFS pointer in the place of a file of 94,000,000 bytes",
        ),
        (
            lambda data: b"Access to this model is restricted.\n",
            "it is text, and begins “Access to",
        ),
        (lambda data: b"PK\3\4" + data, "it is a ZIP archive"),
        (lambda data: b"tjgg" + data, "it is a GGML file"),
        (lambda data: (60).to_bytes(8, "little") + b'{"a"' + data, "it is a safetensors file"),
        (lambda data: b"\xff\xfe" + data, "it starts with other bytes"),
        (lambda data: data[:20], "it ends within its header"),
        (lambda data: data[:200], "within its header"),
        (cut(0.05), "header"),
        (cut(0.9), "it is cut short"),
        (lambda data: data[:-1], "it is cut short"),
        (lambda data: data[:4] + b"\x01" + data[5:], "it is of version 1 of GGUF"),
        (lambda data: data[:4] + b"\x04" + data[5:], "it is of version 4 of GGUF"),
        (lambda data: data[:4] + b"\0\0\0\1" + data[8:], "big-endian"),
        (lambda data: data[:4] + b"\0\0\0\3" + data[8:], "big-endian"),
        (lambda data: data[:4] + b"\x63" + data[5:], "no version 99"),
    ],
)
def test_a_damaged_file_has_one_reason(
    tiny: TinyModel, tmp_path: Path, change: Callable[[bytes], bytes], said: str
) -> None:
    path = tmp_path / "damaged.gguf"
    path.write_bytes(change(tiny.path.read_bytes()))
    assert said in problem(path)


def test_what_is_cut_short_by_little_is_told_in_bytes(tiny: TinyModel, tmp_path: Path) -> None:
    path = tmp_path / "short.gguf"
    data = tiny.path.read_bytes()
    path.write_bytes(data[:-1])
    assert f"{len(data) - 1:,} of {len(data):,} bytes are here" in problem(path)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (gguf_bytes(keys=_HUGE), "it claims"),
        (gguf_bytes(tensors=_HUGE), "it claims"),
        (gguf_bytes(struct.pack("<Q", _HUGE)), "a key claims"),
        (gguf_bytes(pair(b"k", 77, b"")), "type 77"),
        (gguf_bytes(pair(b"k", 8, struct.pack("<Q", _HUGE))), "past the end"),
        (gguf_bytes(pair(b"k", 9, struct.pack("<IQ", 8, _HUGE))), "claims"),
        (gguf_bytes(pair(b"k", 9, struct.pack("<IQ", 8, 5_000_000))), "within its header"),
        (gguf_bytes(pair(b"k", 9, struct.pack("<IQQ", 8, 9, _HUGE))), "past the end"),
        (gguf_bytes(pair(b"k", 9, struct.pack("<IQQ", 8, 9, 2**64 - 8))), "past the end"),
        (gguf_bytes(pair(b"k", 9, struct.pack("<IQ", 10, _HUGE))), "past the end"),
        (gguf_bytes(pair(b"k", 9, struct.pack("<IQ", 9, 3))), "type 9"),
        (gguf_bytes(pair(b"general.alignment", 4, bytes(4))), "alignment"),
        (gguf_bytes(tensors=1, rest=text(b"w") + struct.pack("<I", 2**31)), "dimensions"),
        (gguf_bytes(tensors=1, rest=tensor(b"w", [_HUGE] * 4)), "more than any disk holds"),
        (gguf_bytes(tensors=1, rest=tensor(b"w", [1 << 40], 99)), "it is cut short"),
        (gguf_bytes(tensors=1, rest=tensor(b"w", [32], 0, _HUGE)), "it is cut short"),
    ],
)
def test_a_lying_header_is_not_believed(tmp_path: Path, data: bytes, said: str) -> None:
    path = tmp_path / "lying.gguf"
    path.write_bytes(data)
    assert said in problem(path)


def test_a_file_of_zeros_of_any_length_ends_soon(tmp_path: Path) -> None:
    path = tmp_path / "zeros.gguf"
    path.write_bytes(gguf_bytes(pair(b"k", 9, struct.pack("<IQ", 8, 8_000_000)), keys=8_000))
    os.truncate(path, 1 << 40)
    problem(path)


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(where=st.floats(0, 1), byte=st.integers(0, 255), length=st.floats(0, 1.0))
def test_any_byte_may_be_any_other(
    tiny: TinyModel, tmp_path: Path, where: float, byte: int, length: float
) -> None:
    data = bytearray(tiny.path.read_bytes())
    header = 40_000
    data[int(where * header)] = byte
    path = tmp_path / "changed.gguf"
    path.write_bytes(bytes(data[: int(length * len(data)) + 30]))
    with suppress(ModelError):
        assert needed(read(GGUF, str(path)), OpenSpec("", "llama-cpp")).total > 0


_TEXT, _WHOLE = gguf.GGUFValueType.STRING, gguf.GGUFValueType.UINT32


@pytest.mark.parametrize(
    ("changes", "architecture", "said"),
    [
        ({"general.type": ("mmproj", _TEXT)}, None, "the part of a model that reads pictures"),
        ({"general.type": ("adapter", _TEXT)}, None, "it is a LoRA adapter"),
        ({"general.type": ("imatrix", _TEXT)}, None, "it is an importance matrix"),
        ({"general.type": ("dataset", _TEXT)}, None, "it is of the type dataset"),
        ({"llama.pooling_type": (1, _WHOLE)}, None, "embedding model"),
        ({"llama.attention.causal": (False, gguf.GGUFValueType.BOOL)}, None, "left to right"),
        ({"tokenizer.ggml.model": ("bert", _TEXT)}, None, "its tokenizer is that of an encoder"),
        ({"tokenizer.ggml.model": ("none", _TEXT)}, None, "it has no vocabulary"),
        ({}, "clip", "the part of a model that reads pictures"),
        ({}, "nomic-bert", "it is an encoder"),
        ({}, "t5", "it is an encoder with a decoder"),
        ({}, "dream", "it is a diffusion model"),
        ({}, "eagle3", "it is a draft model"),
        ({}, "zlama", "it says nothing of its architecture, zlama"),
    ],
)
def test_what_is_no_text_model_says_so(
    tiny: TinyModel, tmp_path: Path, changes: dict[str, Any], architecture: str | None, said: str
) -> None:
    path = tmp_path / "other.gguf"
    rewritten(tiny.path, path, architecture=architecture, changes=changes)
    with pytest.raises(UnsupportedModel) as caught:
        read(GGUF, str(path))
    assert said in caught.value.reason
    assert caught.value.hint


def test_a_vocabulary_alone_is_no_model(tmp_path: Path) -> None:
    tokens = pair(b"tokenizer.ggml.tokens", 9, struct.pack("<IQ", 8, 1) + text(b"a"))
    path = tmp_path / "vocabulary.gguf"
    path.write_bytes(gguf_bytes(pair(b"general.architecture", 8, text(b"llama")), tokens))
    assert problem(path) == "it holds a vocabulary and no weights"


_NOTHING = (None, _WHOLE)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"block_count": (0, _WHOLE)}, "llama.block_count is 0"),
        ({"block_count": (2**31, _WHOLE)}, "llama.block_count is 2147483648"),
        ({"block_count": (600, _WHOLE)}, "llama.block_count is 600"),
        ({"block_count": (3, _WHOLE)}, "it has the tensors of 2 layers and says 3"),
        ({"block_count": (2.0, gguf.GGUFValueType.FLOAT32)}, "llama.block_count is 2.0"),
        ({"block_count": _NOTHING}, "llama.block_count is missing"),
        ({"context_length": _NOTHING}, "llama.context_length is missing"),
        ({"embedding_length": (0, _WHOLE)}, "llama.embedding_length is 0"),
        ({"nextn_predict_layers": (7, _WHOLE)}, "nextn_predict_layers is 7"),
        ({"expert_used_count": (2, _WHOLE)}, "uses 2 of 0 experts"),
        ({"expert_count": (4, _WHOLE)}, "uses 0 of 4 experts"),
        ({"expert_count": (2**31, _WHOLE)}, "of 2147483648 experts"),
        (
            {"attention.layer_norm_rms_epsilon": (-1.0, gguf.GGUFValueType.FLOAT32)},
            "layer_norm_rms_epsilon is -1.0",
        ),
        (
            {"attention.layer_norm_rms_epsilon": (float("nan"), gguf.GGUFValueType.FLOAT32)},
            "layer_norm_rms_epsilon is nan",
        ),
        ({"rope.freq_base": (0.0, gguf.GGUFValueType.FLOAT32)}, "rope.freq_base is 0.0"),
        ({"rope.scaling.type": ("spiral", _TEXT)}, "in a way that is not known here (spiral)"),
    ],
)
def test_a_senseless_header_is_refused(
    tiny: TinyModel, tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    path = tmp_path / "senseless.gguf"
    named = {f"llama.{name}": change for name, change in changes.items()}
    assert said in problem(rewritten(tiny.path, path, changes=named))


@pytest.mark.parametrize("kind", ["I8", "I16", "I32", "I64", "F64"])
def test_numbers_that_nothing_computes_with_are_refused(
    tiny: TinyModel, tmp_path: Path, kind: str
) -> None:
    numbers = np.ones((64, 64), dtype={"F64": "f8"}.get(kind, f"i{int(kind[1:]) // 8}"))
    tensors = {"blk.0.attn_q.weight": numbers}
    path = rewritten(tiny.path, tmp_path / "whole.gguf", tensors=tensors)
    assert f"blk.0.attn_q.weight is stored as {kind}" in problem(path)


def test_a_token_that_is_there_twice_is_refused(tiny: TinyModel, tmp_path: Path) -> None:
    tokens = [*tiny.vocabulary.tokens]
    tokens[-1] = tokens[300]
    named = {"tokenizer.ggml.tokens": (tokens, gguf.GGUFValueType.ARRAY)}
    path = rewritten(tiny.path, tmp_path / "twice.gguf", changes=named)
    assert problem(path) == f"its vocabulary holds {tokens[300]!r} twice"
    tokens[-1] = tokens[-2] = ""
    read(GGUF, str(rewritten(tiny.path, path, changes=named)))


def test_tokens_past_a_window_are_compared(tmp_path: Path) -> None:
    tokens = [b"%d" % i * (i % 40) for i in range(100_000)]
    tokens[99_999] = tokens[12_345]
    path = tmp_path / "large.gguf"

    def repeated() -> str:
        listed = struct.pack("<IQ", 8, len(tokens)) + b"".join(map(text, tokens))
        path.write_bytes(gguf_bytes(pair(b"tokenizer.ggml.tokens", 9, listed)))
        return read_header(path).repeated

    assert repeated().encode() == tokens[12_345]
    tokens[99_999] = b"x" * (3 << 20)
    assert repeated() == ""


@pytest.mark.parametrize("value", [0, 2**31, 2**32 - 1])
def test_a_context_of_no_sense_is_unknown(tiny: TinyModel, tmp_path: Path, value: int) -> None:
    named = {"llama.context_length": (value, _WHOLE)}
    path = rewritten(tiny.path, tmp_path / "context.gguf", changes=named)
    facts = read(GGUF, str(path))
    assert facts.trained is None
    assert needed(facts, OpenSpec("", "llama-cpp")).n_ctx == 4096


def test_the_parts_of_a_split_file_count_together(tiny: TinyModel, tmp_path: Path) -> None:
    first = rewritten(tiny.path, tmp_path / "m.gguf", parts=3)
    parts = sorted(tmp_path.glob("m-*.gguf"))
    whole, one = read(GGUF, str(first)), read(GGUF, str(tiny.path))
    assert whole.parameters == one.parameters
    assert whole.bytes == sum(part.stat().st_size for part in parts)
    assert problem(parts[1]) == "it is part 2 of the 3 of a model"
    for part in parts:
        part.rename(tmp_path / f"renamed {part.name[2:7]}.gguf")
    assert problem(tmp_path / "renamed 00003.gguf") == "it is part 3 of the 3 of a model"
    assert "part 1 of the 3 of a model, which are found by their names" in problem(
        tmp_path / "renamed 00001.gguf"
    )


def test_a_missing_part_is_named(tiny: TinyModel, tmp_path: Path) -> None:
    first = rewritten(tiny.path, tmp_path / "m.gguf", parts=3)
    (tmp_path / "m-00003-of-00003.gguf").unlink()
    assert problem(first) == "1 of its 3 parts are not here: m-00003-of-00003.gguf"
    (tmp_path / "m-00002-of-00003.gguf").unlink()
    assert problem(first) == "2 of its 3 parts are not here: m-00002-of-00003.gguf, …"


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.gguf"
    os.mkfifo(pipe)
    assert problem(pipe) == "it is not a regular file"
    assert problem(tmp_path) == "it is not a regular file"
    assert problem(tmp_path / "nowhere\x00", TABLE) == "it is not a regular file"


# Directories -----------------------------------------------------------------------------------------------------


CONFIG = {
    "model_type": "llama",
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "hidden_size": 64,
    "max_position_embeddings": 2048,
}
WEIGHTS = {"w": {"dtype": "BF16", "shape": [8, 64], "data_offsets": [0, 1024]}}


def directory(
    path: Path, config: Any = CONFIG, weights: Any = WEIGHTS, *, data: bytes | None = None
) -> Path:
    path.mkdir()
    (path / "config.json").write_text(config if isinstance(config, str) else json.dumps(config))
    header = json.dumps(weights).encode()
    stored = struct.pack("<Q", len(header)) + header + bytes(1024)
    (path / "model.safetensors").write_bytes(stored if data is None else data)
    return path


def facts_of(path: Path) -> ModelFacts:
    return read(DIRECTORY, str(path))


def test_a_directory_says_what_it_is(tmp_path: Path) -> None:
    path = directory(tmp_path / "model")
    facts = facts_of(path)
    assert (facts.architecture, facts.stored, facts.parameters) == ("llama", "BF16", 512)
    assert (facts.trained, facts.chat_template) == (2048, False)
    assert facts.shape.kv_numbers == 2 * 2 * 2 * 16
    (path / "chat_template.jinja").write_text("{{ messages }}")
    assert facts_of(path).chat_template


def test_quantised_weights_have_the_name_of_their_method_and_no_count(tmp_path: Path) -> None:
    config = {**CONFIG, "quantization_config": {"quant_method": "gptq", "bits": 4}}
    facts = facts_of(directory(tmp_path / "model", config))
    assert (facts.stored, facts.parameters) == ("gptq 4", None)
    need = needed(facts, OpenSpec("", "transformers", device="cpu"))
    assert need.weights == facts.bytes


def test_a_model_of_pictures_and_text_has_its_sizes_one_level_down(tmp_path: Path) -> None:
    config = {"model_type": "llava", "text_config": {**CONFIG, "num_hidden_layers": 3}}
    assert facts_of(directory(tmp_path / "model", config)).shape.kv_numbers == 2 * 3 * 2 * 16


def test_only_layers_that_attend_keep_keys(tmp_path: Path) -> None:
    config = {**CONFIG, "layer_types": ["conv", "full_attention", {"odd": 1}]}
    assert facts_of(directory(tmp_path / "model", config)).shape.kv_numbers == 2 * 1 * 2 * 16


ONE = WEIGHTS["w"]


@pytest.mark.parametrize(
    ("config", "weights", "data", "said"),
    [
        ("{", WEIGHTS, None, "it is not JSON"),
        ("[" * 100_000, WEIGHTS, None, "it is not JSON"),
        ("[1]", WEIGHTS, None, "no model_type"),
        ({"model_type": "llama", "num_hidden_layers": 10**9}, WEIGHTS, None, "num_hidden_layers"),
        (CONFIG, WEIGHTS, b"", "within its header"),
        (CONFIG, WEIGHTS, b"x" * 100, "within its header"),
        (CONFIG, WEIGHTS, struct.pack("<Q", 2) + b"{]", "not JSON"),
        (CONFIG, [1, 2], None, "describes no tensors"),
        (CONFIG, {"w": {**ONE, "shape": [-1]}}, None, "describes no tensors"),
        (CONFIG, {"w": {**ONE, "shape": [10**300]}}, None, "describes no tensors"),
        (CONFIG, {"w": {**ONE, "shape": "abc"}}, None, "describes no tensors"),
        (CONFIG, {"w": {**ONE, "data_offsets": [0, 10**300]}}, None, "more than any disk holds"),
        (CONFIG, {"w": {**ONE, "data_offsets": [0, 4096]}}, None, "it is cut short"),
    ],
)
def test_a_damaged_directory_has_one_reason(
    tmp_path: Path, config: Any, weights: Any, data: bytes | None, said: str
) -> None:
    assert said in problem(directory(tmp_path / "model", config, weights, data=data), DIRECTORY)


@pytest.mark.parametrize("value", [True, -4, 2**80, "4", None, [4], 0.5])
def test_odd_numbers_in_a_config_count_as_unknown(tmp_path: Path, value: Any) -> None:
    config = {**CONFIG, "num_attention_heads": value, "max_position_embeddings": value}
    facts = facts_of(directory(tmp_path / "model", config))
    assert (facts.trained, facts.shape.kv_numbers) == (None, 0)
    assert needed(facts, OpenSpec("", "transformers")).n_ctx == 4096


# Memory ----------------------------------------------------------------------------------------------------------


def test_the_need_follows_what_is_asked_for(tiny: TinyModel) -> None:
    facts = read(GGUF, str(tiny.path))

    def need(**asked: Any) -> Any:
        return needed(facts, OpenSpec(**{"source": "", "backend": "llama-cpp", **asked}))

    assert need().n_ctx == 1024
    assert need(n_ctx=64).context < need().context < need(n_ctx=8192).context
    assert need(kv="f16").context < need(kv="f32").context == need().context
    assert need(backend="reference").weights == 4 * (facts.parameters or 0)
    half, full = (need(backend="transformers", dtype=t) for t in ("float16", "float32"))
    assert full.weights == pytest.approx(2 * half.weights, rel=1e-6)
    assert full.context == 2 * half.context


def test_a_table_needs_no_memory_to_speak_of(tmp_path: Path) -> None:
    path = tmp_path / "table.json"
    path.write_text(json.dumps({"name": "t", "tokens": ["a"], "n_ctx": 99, "chat_template": "x"}))
    facts = read(TABLE, str(path))
    assert (facts.name, facts.trained, facts.chat_template) == ("t", 99, True)
    assert needed(facts, OpenSpec("", "table")).context == 0
    for damaged, said in (("{", "not JSON"), ("[]", "no tokens"), ("[" * 99_999, "deeply")):
        path.write_text(damaged)
        assert said in problem(path, TABLE)


def test_sizes_are_said_in_few_digits() -> None:
    counts = [0, 999, 1023, 1024, 1000 * 1024, 1023.7 * 1024, 4.7 * 2**20, 3 << 30, 2**41]
    assert [size(count) for count in counts] == [
        *("0 B", "999 B", "1023 B", "1 KiB", "1000 KiB", "1 MiB", "4.7 MiB", "3.0 GiB"),
        "2,048.0 GiB",
    ]
    assert available_memory() is None or available_memory() > 0  # type: ignore[operator]


def test_an_unreadable_file_says_why(tiny: TinyModel, tmp_path: Path) -> None:
    path = tmp_path / "gone.gguf"
    with pytest.raises(ModelLoadError):
        read_header(path)
    path.symlink_to(path)
    assert problem(path) == "it is not a regular file"


def test_describing_imports_no_library_of_models(tiny: TinyModel, tmp_path: Path) -> None:
    path = directory(tmp_path / "model")
    code = f"""
import sys
from bftui.catalog.model_summary import PlannedOpening, described
from bftui.catalog.model_listing import Entry
for kind, file in (("gguf", {str(tiny.path)!r}), ("directory", {str(path)!r})):
    assert described(Entry("m", file, kind, 1), PlannedOpening()).facts is not None
print(*{{"torch", "transformers", "llama_cpp", "safetensors", "textual"}} & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
