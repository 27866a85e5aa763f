"""A regular expression on a text that grows, in a process that can be ended: no expression hangs who asks."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

from bftui.core.errors import UsageError

_CHILD = Path(__file__).parent / "diversity" / "checker_process.py"
_SECONDS = 1.0
"""For one look at a text."""

_STARTUP_S = 15.0
_MEMORY = 512 << 20


class BoundedPattern:
    """Looks for a pattern in one text after another; `close` ends its process."""

    def __init__(self, pattern: str, seconds: float = _SECONDS) -> None:
        """`seconds` is what one look may take."""
        self.pattern, self._seconds = pattern, seconds
        self._child: subprocess.Popen[bytes] | None = None

    def search(self, text: str, new: int) -> str | None:
        """Returns the first match that ends behind character `new` of the text; None where there is none.

        Raises UsageError where it takes too long, or more memory than it may; the next look begins anew.
        """
        first, child = self._child is None, self._started()
        assert child.stdin is not None
        assert child.stdout is not None
        timer = threading.Timer(self._seconds + (_STARTUP_S if first else 0), child.kill)
        timer.daemon = True
        timer.start()
        try:
            request = {"text": text, "new": new, "seconds": self._seconds}
            child.stdin.write(json.dumps(request).encode() + b"\n")
            child.stdin.flush()
            reply = child.stdout.readline()
        except OSError:
            reply = b""
        finally:
            timer.cancel()
        if not reply:
            self.close()
            raise UsageError(
                f"the regular expression {self.pattern[:60]!r} was ended",
                f"it takes more than {self._seconds:g} s or its memory on this text",
                "write it without a repeat inside of a repeat",
            )
        found: str | None = json.loads(reply)["answer"]
        return found

    def _started(self) -> subprocess.Popen[bytes]:
        if self._child is None:
            self._child = subprocess.Popen(
                [sys.executable, "-I", "-S", str(_CHILD), "watch"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            assert self._child.stdin is not None
            asked = {"pattern": self.pattern, "memory": _MEMORY}
            self._child.stdin.write(json.dumps(asked).encode() + b"\n")
        return self._child

    def close(self) -> None:
        """Ends the process, if one runs."""
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            child.communicate()
