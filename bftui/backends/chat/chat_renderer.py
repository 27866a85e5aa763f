"""The process that a chat template is rendered in, seen from outside: what it is asked, and what comes back."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bftui.core.errors import BftuiError, TemplateError

SECONDS = 5
_STARTUP_S = 15
_MEMORY = 512 << 20
_OUTPUT = 2_000_000
_SOURCE = 1_000_000
_CHILD = Path(__file__).with_name("chat_sandbox.py")

RAW = "take the prompt without it: --template raw"
"""What to do about a template that fails."""


@dataclass(frozen=True, slots=True)
class Replies:
    """What came of some conversations, in order: texts, or the errors in their place."""

    texts: list[str | BftuiError]
    dated: bool
    asks: frozenset[str]


def render(source: str, variables: Sequence[Mapping[str, Any]], day: str) -> Replies:
    """Renders a template with each set of variables, in a process of its own.

    Raises TemplateError where the process gives no answer; what the template says or fails with is in the replies.
    """
    if len(source) > _SOURCE:
        raise _failed(f"it is {len(source):,} characters long")
    request = {
        "template": source,
        "renders": variables,
        "day": day,
        "limit": _OUTPUT,
        "memory": _MEMORY,
        "seconds": SECONDS,
    }
    reply = ask(request)
    texts = [_outcome(each) for each in reply["renders"]]
    return Replies(texts, bool(reply["dated"]), frozenset(reply["asks"]))


def ask(request: Mapping[str, Any]) -> dict[str, Any]:
    """Asks the process once; the request and the reply are those of `chat_sandbox`. Raises TemplateError."""
    try:
        # -P: a file in the working folder must not stand in for a library.
        done = subprocess.run(
            [sys.executable, "-P", str(_CHILD)],
            input=json.dumps(request).encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=SECONDS + _STARTUP_S,
            start_new_session=True,
            check=False,
        )
    except OSError as error:
        raise _failed(f"its process cannot start ({error.strerror or error})") from error
    except subprocess.TimeoutExpired:
        raise _failed(f"it did not end within {SECONDS} s") from None
    if done.returncode != 0:
        # An alarm is the child's own limit.
        slow = done.returncode == -getattr(signal, "SIGALRM", 0)
        raise _failed(f"it did not end within {SECONDS} s" if slow else "it ended its process")
    reply: dict[str, Any] = json.loads(done.stdout)
    return reply


def _outcome(reply: Mapping[str, str]) -> str | BftuiError:
    if "refused" in reply:
        return TemplateError("the model's chat template refused the prompt", reply["refused"], RAW)
    return _failed(reply["failed"]) if "failed" in reply else reply["text"]


def _failed(reason: str) -> TemplateError:
    return TemplateError("the model's chat template failed", reason, RAW)
