"""The files of pretrained models: what their headers say, what they are called, and what a copy with a fault says."""

from __future__ import annotations

from pathlib import Path

import pytest

from bftui.backends.registry import open_backend
from bftui.core.errors import ModelError
from bftui.formats.model_facts import GGUF, read
from bftui.formats.open_spec import OpenSpec

pytestmark = pytest.mark.real


def test_headers_say_what_the_files_are(smollm2_gguf: Path, gemma_gguf: Path) -> None:
    small, large = read(GGUF, str(smollm2_gguf)), read(GGUF, str(gemma_gguf))
    assert (small.name, small.title) == (smollm2_gguf.stem, "Smollm2 135M 8k Lc100K Mix1 Ep2")
    assert (large.name, large.title) == (gemma_gguf.stem, "Gemma 3 270m")
    assert (small.stored, small.trained, small.chat_template) == ("Q4_1", 8192, True)
    assert (large.stored, large.trained, large.chat_template) == ("Q4_K_M", 32768, False)


def test_a_copy_with_a_fault_is_one_error(smollm2_gguf: Path, tmp_path: Path) -> None:
    data = smollm2_gguf.read_bytes()
    faults = {
        "cut.gguf": (data[:-100_000], "it is cut short"),
        "older.gguf": (data[:4] + b"\1" + data[5:], "version 1"),
        "part-00002-of-00003.gguf": (data[:1000], "it is part 2 of the 3 of a model"),
    }
    for name, (content, said) in faults.items():
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(ModelError) as listed:
            read(GGUF, str(path))
        with pytest.raises(ModelError) as opened:
            open_backend(OpenSpec(str(path), "llama-cpp"), lambda share, text: True)
        assert said in listed.value.reason
        assert opened.value.line() == listed.value.line()


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_caches_of_directories_are_trusted(
    smollm2_directory: Path, gemma_directory: Path, dtype: str
) -> None:
    for path in (smollm2_directory, gemma_directory):
        spec = OpenSpec(str(path), "transformers", n_ctx=64, threads=1, dtype=dtype, device="cpu")  # type: ignore[arg-type]
        backend = open_backend(spec, lambda share, text: True)
        try:
            assert backend.info.name == path.name
            assert backend.info.rewind == "any"
        finally:
            backend.close()
