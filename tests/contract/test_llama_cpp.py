"""What only the llama.cpp backend has: a library that must leave nothing behind."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest.importorskip("llama_cpp")

IMPORTING = "import bftui.backends.llama_cpp_library"


def test_the_library_leaves_no_file_open() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error::ResourceWarning", "-c", IMPORTING],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stderr == ""
