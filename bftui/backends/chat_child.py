"""The short-lived process that renders one chat template: a template is a program that came with a model's weights.

Reads one JSON request from standard input, writes one JSON reply to standard output: `{"text": …}`, `{"refused": …}`
(the template's own words) or `{"failed": …}`. The sandbox keeps it from Python's insides; the limits of the process
end what the sandbox cannot: loops, memory, output. Imports jinja2 and the standard library only, to start fast.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from datetime import datetime
from typing import Any

from jinja2 import nodes
from jinja2.exceptions import TemplateError
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment


class Refused(Exception):
    """What the template said with `raise_exception`."""


class TooLong(Exception):
    """More text than the request allows."""


class Generation(Extension):
    """Lets `{% generation %}` stand around the assistant's words; it marks them for training and writes nothing."""

    tags = {"generation"}  # noqa: RUF012 - as the base class has it

    def parse(self, parser: Parser) -> nodes.Node | list[nodes.Node]:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.Scope(body, lineno=line)


def raise_exception(message: object) -> None:
    """The template's way to refuse."""
    raise Refused(str(message))


def tojson(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """JSON as models read it: without Jinja's escapes for HTML."""
    return json.dumps(
        value,
        ensure_ascii=ensure_ascii,
        indent=indent,
        separators=separators,
        sort_keys=sort_keys,
    )


def render(source: str, variables: dict[str, Any], limit: int) -> str:
    """The text that a template makes of its variables; raises TooLong beyond `limit` characters."""
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=[Generation, "jinja2.ext.loopcontrols"],
    )
    environment.filters["tojson"] = tojson
    # The same prompt is the same tokens.
    del environment.filters["random"]
    environment.globals["raise_exception"] = raise_exception
    environment.globals["strftime_now"] = lambda form: datetime.now().strftime(form)
    parts: list[str] = []
    length = 0
    for part in environment.from_string(source).generate(**variables):
        length += len(part)
        if length > limit:
            raise TooLong
        parts.append(part)
    return "".join(parts)


def _confine(seconds: int, memory: int) -> None:
    """Ends this process when its time is over, and holds its memory, where the system can."""
    if not hasattr(signal, "setitimer"):
        return
    # The default action needs no turn of the interpreter, so that it ends a single endless operation too.
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    import resource

    for kind, most in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
    ):
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(kind, (most, most))


def _answer(request: dict[str, Any]) -> dict[str, str]:
    try:
        return {"text": render(request["template"], request["variables"], request["limit"])}
    except Refused as refusal:
        return {"refused": str(refusal)[:500]}
    except TooLong:
        return {"failed": f"it writes more than {request['limit']:,} characters"}
    except MemoryError:
        return {"failed": "it uses too much memory"}
    except RecursionError:
        return {"failed": "it calls itself without end"}
    except TemplateError as error:
        return {"failed": f"{type(error).__name__}: {error.message}"[:500]}
    except Exception as error:
        return {"failed": f"{type(error).__name__}: {error}"[:500]}


def main() -> None:
    """Answers one request."""
    request = json.load(sys.stdin.buffer)
    _confine(request["seconds"], request["memory"])
    reply = json.dumps(_answer(request)).encode()
    # Buffers of the interpreter may need memory that is not there any more.
    while reply:
        reply = reply[os.write(1, reply) :]
    os._exit(0)


if __name__ == "__main__":
    main()
