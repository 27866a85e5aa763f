"""What only the llama.cpp backend has: a library that must leave nothing behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import gguf
import numpy as np
import pytest

from bftui.backends.registry import open_backend
from bftui.core.errors import UnsupportedModel
from bftui.formats.open_spec import OpenSpec
from tests.contract.conftest import quiet
from tests.families import family_gguf
from tests.models import rewritten

pytest.importorskip("llama_cpp")

IMPORTING = "import bftui.backends.llama_cpp.llama_library"


def test_the_library_leaves_no_file_open() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error::ResourceWarning", "-c", IMPORTING],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("family", "name"),
    [
        ("mamba", "blk.0.ssm_conv1d.weight"),
        ("mamba", "blk.0.ssm_a"),
        ("mamba", "blk.0.ssm_d"),
        ("hybrid", "blk.0.shortconv.conv.weight"),
        ("qwen", "blk.0.attn_q.bias"),
        ("gemma", "blk.0.post_ffw_norm.weight"),
    ],
)
def test_what_the_library_takes_as_float32_alone_is_refused_otherwise(
    family: str, name: str, tmp_path: Path
) -> None:
    sound = family_gguf(tmp_path / "sound.gguf", family)
    held = next(each for each in gguf.GGUFReader(sound).tensors if each.name == name)
    tensors = {name: np.array(held.data).astype(np.float16)}
    path = rewritten(sound, tmp_path / "half.gguf", tensors=tensors)
    with pytest.raises(UnsupportedModel) as caught:
        open_backend(OpenSpec(str(path), "llama-cpp"), quiet)
    assert f"{name} is stored as F16" in caught.value.reason
