"""The short-lived process that renders one chat template: a template is a program that came with a model's weights.

Reads one JSON request from standard input, writes one JSON reply to standard output: `renders` has `{"text": …}`,
`{"refused": …}` (the template's own words) or `{"failed": …}` for each set of variables; `dated` says whether the
template asked for the day, `asks` which variables it looks up. The sandbox keeps it from Python's insides; the limits
of the process end what the sandbox cannot: loops, memory, output. What a template finds around it is what
`transformers.apply_chat_template` gives it. Imports jinja2 and the standard library only, to start fast.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from jinja2 import Template, meta, nodes
from jinja2.exceptions import SecurityError, TemplateError
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace

T = TypeVar("T")


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


class Unwritten:
    """Data that a template reads and does not write: one that does wants a text in its place."""

    def __repr__(self) -> str:
        raise TypeError("it writes content in parts as if it were a text")

    __str__ = __repr__


class Parts(Unwritten, list["MessagePart"]):
    """Content in parts, for templates that read them one by one."""


class MessagePart(Unwritten, dict[str, str]):
    """One part of a content: its type and its text."""


class Dict:
    """`dict` for templates: a call and `fromkeys`, without a way into Python."""

    def __call__(self, *args: Any, **kwargs: Any) -> dict[Any, Any]:
        return dict(*args, **kwargs)

    def fromkeys(self, *args: Any) -> dict[Any, Any]:
        """As `dict.fromkeys`."""
        return dict.fromkeys(*args)


class Names(Namespace):
    """`namespace` for templates, whose attributes begin with no underscore."""

    def __init__(*args: Any, **kwargs: Any) -> None:
        self, *rest = args
        values = dict(*rest, **kwargs)
        for name in values:
            Names._check(name)
        Namespace.__init__(self, values)

    def __setitem__(self, name: str, value: Any) -> None:
        Names._check(name)
        Namespace.__setitem__(self, name, value)

    @staticmethod
    def _check(name: object) -> None:
        if isinstance(name, str) and name.startswith("_"):
            raise SecurityError(f"a namespace has no {name!r}")


class Calendar:
    """What day it is for a template.

    Attributes:
        asked: whether it wanted to know.
    """

    def __init__(self, day: str) -> None:
        self._day = datetime.fromisoformat(day)
        self.asked = False

    def strftime_now(self, form: str) -> str:
        """Return the day in a form of the template's; the time is midnight, so that a prompt is the same all day."""
        self.asked = True
        return self._day.strftime(form)


def environment(calendar: Calendar) -> ImmutableSandboxedEnvironment:
    """Make the environment that templates run in, with what they may use."""
    made = ImmutableSandboxedEnvironment(
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=[Generation, "jinja2.ext.loopcontrols"],
    )
    made.filters["tojson"] = tojson
    # The same prompt is the same tokens.
    del made.filters["random"]
    made.globals["raise_exception"] = raise_exception
    made.globals["strftime_now"] = calendar.strftime_now
    made.globals["dict"] = Dict()
    made.globals["namespace"] = Names
    return made


def render(template: Template, variables: dict[str, Any], limit: int) -> str:
    """Return the text that a template makes of its variables; raises TooLong beyond `limit` characters."""
    for message in variables["messages"]:
        if isinstance(message["content"], list):
            message["content"] = Parts(map(MessagePart, message["content"]))
    parts: list[str] = []
    length = 0
    for part in template.generate(**variables):
        length += len(part)
        if length > limit:
            raise TooLong(f"it writes more than {limit:,} characters")
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


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Return the reply to one request."""
    calendar = Calendar(request["day"])

    def compiled() -> tuple[Template, list[str]]:
        made = environment(calendar)
        asks = meta.find_undeclared_variables(made.parse(request["template"]))
        return made.from_string(request["template"]), sorted(asks)

    found, failed = _tried(compiled)
    if found is None:
        return {"renders": [failed] * len(request["renders"]), "dated": False, "asks": []}
    template, asks = found
    limit = request["limit"]
    renders = []
    for variables in request["renders"]:
        text, failed = _tried(partial(render, template, variables, limit))
        renders.append(failed if text is None else {"text": text})
    return {"renders": renders, "dated": calendar.asked, "asks": asks}


def _tried(work: Callable[[], T]) -> tuple[T | None, dict[str, str]]:
    """What the work gives, or why it gives nothing."""
    try:
        return work(), {}
    except Refused as refusal:
        return None, {"refused": str(refusal)[:500]}
    except TooLong as error:
        return None, {"failed": str(error)}
    except MemoryError:
        return None, {"failed": "it uses too much memory"}
    except RecursionError:
        return None, {"failed": "it calls itself without end"}
    except TemplateError as error:
        return None, {"failed": f"{type(error).__name__}: {error.message}"[:500]}
    except Exception as error:
        return None, {"failed": f"{type(error).__name__}: {error}"[:500]}


def main() -> None:
    """Answers one request."""
    request = json.load(sys.stdin.buffer)
    _confine(request["seconds"], request["memory"])
    reply = json.dumps(answer(request)).encode()
    # Buffers of the interpreter may need memory that is not there any more.
    while reply:
        reply = reply[os.write(1, reply) :]
    os._exit(0)


if __name__ == "__main__":
    main()
