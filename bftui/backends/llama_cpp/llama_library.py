"""The llama.cpp library: imported quietly, its log kept instead of printed, its questions answered in Python types.

`C` is the low-level API. The high-level class of llama-cpp-python is not used: it knows one sequence only, redirects
the standard streams while loading, and loses tokens of more than 32 bytes.
Not for: contexts and decoding.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import re
import sys
from collections import deque
from contextlib import suppress
from importlib import import_module
from importlib.metadata import version
from typing import Any

# On a failed assertion ggml would start a debugger or print a backtrace over the terminal.
os.environ.setdefault("GGML_NO_BACKTRACE", "1")
# Threads that spin while they wait for each other are fast alone, and a hundred times slower as soon as another program
# has one of the cores; threads that sleep at once are half as fast alone. A short spin is near the best of both.
# GNU OpenMP reads this when it is loaded.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")

C: Any = import_module("llama_cpp.llama_cpp")

# The library opens the null device twice when it is imported and leaves it open: Python would complain as it ends.
for _name in ("outnull_file", "errnull_file"):
    if _left_open := getattr(sys.modules.get("llama_cpp._utils"), _name, None):
        atexit.register(_left_open.close)

LIBRARY = f"llama-cpp-python {version('llama_cpp_python')}"

_WARN, _ERROR, _CONTINUED = 3, 4, 5
"""Levels of ggml.h."""

_PREFIX = re.compile(r"^[A-Za-z_][\w:~]*: (?:error loading model: )?")


class _Log:
    """The latest warnings and errors. Called by the library, so that it must never raise."""

    def __init__(self) -> None:
        self.lines: deque[tuple[int, str]] = deque(maxlen=200)
        self._level = 0

    def write(self, level: int, text: bytes | None, _data: object) -> None:
        with suppress(Exception):
            if level != _CONTINUED:
                self._level = level
            if self._level in (_WARN, _ERROR) and text:
                self.lines.append((self._level, text.decode("utf-8", "replace").rstrip()))


_log = _Log()
# Referenced for the life of the process: the library may log at any time.
_log_callback = C.llama_log_callback(_log.write)
C.llama_log_set(_log_callback, ctypes.c_void_p(0))
C.llama_backend_init()


def forget_log() -> None:
    """Forget the reasons so far, before something that may fail."""
    _log.lines.clear()


def logged_reason(otherwise: str) -> str:
    """Why the last thing failed, in the library's words: its first error line that says more than that it failed."""
    errors = [line for level, line in _log.lines if level == _ERROR]
    for line in errors:
        text = _PREFIX.sub("", line).strip()
        if text and not text.startswith("failed to load model"):
            return text
    return otherwise


def metadata(model: Any, key: str) -> str | None:
    """Return a scalar of the file's metadata as text; None where it is missing or an array."""
    buffer = ctypes.create_string_buffer(1024)
    length = C.llama_model_meta_val_str(model, key.encode(), buffer, len(buffer))
    return buffer.value.decode("utf-8", "replace") if length >= 0 else None


def metadata_int(model: Any, key: str) -> int | None:
    """Return a whole number of the metadata."""
    text = metadata(model, key)
    return int(text) if text is not None and text.lstrip("-").isdigit() else None


def piece(vocab: Any, token_id: int, buffer: Any) -> bytes:
    """Return a token's bytes, a control token's written form. The library aborts where the id is not valid."""
    length = C.llama_token_to_piece(vocab, token_id, buffer, len(buffer), 0, True)
    if length < 0:
        buffer = ctypes.create_string_buffer(-length)
        length = C.llama_token_to_piece(vocab, token_id, buffer, len(buffer), 0, True)
    return bytes(buffer.raw[:length])


def encode(vocab: Any, text: str, *, special: bool = False, whole: bool = False) -> list[int]:
    """Return ids of a text as the library gives them, with a space before it where the model asks for one.

    `special` has control tokens that are written in the text read as such; `whole` puts around it what the model wants
    around a text, of which nothing is put else.
    """
    data = text.encode()
    ids = (C.llama_token * (len(data) + 8))()
    count = C.llama_tokenize(vocab, data, len(data), ids, len(ids), whole, special)
    if count < 0:
        ids = (C.llama_token * -count)()
        count = C.llama_tokenize(vocab, data, len(data), ids, len(ids), whole, special)
    return list(ids[:count])
