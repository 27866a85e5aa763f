"""What a session did, record by record, from its journal or from its trace: data in, data out."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from bftui.core.errors import InputError
from bftui.trace.bounds import LARGEST
from bftui.trace.journal import FORMAT, VERSION
from bftui.trace.nodes import checked_action, checked_measurement, checked_node
from bftui.trace.reading import TraceFile, damaged
from bftui.trace.stream import VALUE, check_plain, opened, parse

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class JournalRecord:
    """One thing that was done, or found.

    Attributes:
        number: the line of the journal, or the place of the action in the trace; for messages.
        nodes: new nodes with the fields of the trace; a root also has its `prompt`.
        action: with the fields of the trace.
        draws: tokens sampled so far, after it; None where that did not change.
        measurement: with the fields of the trace; `place` says where it stands among them, None at the end.
        restated: numbers under another sampler, see `nodes.apply_restated`.
        settled: `cursor`, `marks`, `folded`, `pruned` as they are after it, whatever was done.
        pair: `partner` as in the head of a trace, where a second model came or went.
        seen: what the second model said of nodes: `partner` of each as in the trace, with `node` and `sampler`.
        partner_prompt: the second model's prompt at a root, as `partner`, with the root as `node`.
        tokens, partner_tokens: the bytes of tokens that occur for the first time.
    """

    number: int = 0
    nodes: list[dict[str, Any]] = field(default_factory=list)
    action: dict[str, Any] | None = None
    draws: int | None = None
    measurement: dict[str, Any] | None = None
    place: int | None = None
    restated: dict[str, Any] | None = None
    settled: dict[str, Any] | None = None
    pair: dict[str, Any] | None = None
    seen: list[dict[str, Any]] = field(default_factory=list)
    partner_prompt: dict[str, Any] | None = None
    tokens: Mapping[int, bytes] = field(default_factory=dict)
    partner_tokens: Mapping[int, bytes] = field(default_factory=dict)

    def fields(self) -> dict[str, Any]:
        """As a line of a journal."""
        names = (
            *("action", "draws", "measurement", "place"),
            *("restated", "settled", "partner_prompt"),
        )
        found = {name: value for name in names if (value := getattr(self, name)) is not None}
        for name in ("tokens", "partner_tokens"):
            if spelled := getattr(self, name):
                found[name] = {
                    str(i): base64.b64encode(data).decode() for i, data in spelled.items()
                }
        lists = {name: value for name in ("nodes", "seen") if (value := getattr(self, name))}
        return {**lists, **found, **(self.pair or {})}


class JournalFile:
    """A journal on disk; a last line that was cut is left out.

    Attributes:
        path: the file.
        head: what the session started from.
        ignore_eos: whether its steps go on after an end of generation.
        size: bytes of whole records, once `records` came to its end.
        cut: whether something stood behind them.
        ended: whether the session was ended, and not killed.
    """

    def __init__(self, path: Path) -> None:
        """Reads the beginning; raises InputError for what is not a journal."""
        from bftui.trace.schema import Head

        self.path, self.size, self.cut, self.ended = path, 0, False, False
        lines = self._lines()
        first = next(lines, None)
        if first is None or first[1].get("format") != FORMAT:
            raise InputError(f"{path} is not a journal", f'it has no "format": "{FORMAT}"')
        version = first[1].get("version")
        if type(version) is not int or version > VERSION:
            raise InputError(
                f"{path} has journal version {version!r}",
                f"this bftui reads version {VERSION}",
                "update bftui",
            )
        second = next(lines, None)
        if second is None or "open" not in second[1]:
            raise InputError(f"{path} holds no session", "it ended before the first prompt")
        self.head = self._checked(Head.model_validate, second[1]["open"], "line 2")
        self.ignore_eos = second[1].get("ignore_eos") is True

    def records(self) -> Iterator[JournalRecord]:
        """Yields everything after the head, in order. Raises InputError that names the line."""
        self.size, self.cut, self.ended = 0, False, False
        for number, line in self._lines():
            self.ended = "end" in line
            if number == 1:
                continue
            try:
                yield self._record(number, line)
            except ValueError as error:
                raise self._damaged(number, str(error)) from error

    def _record(self, number: int, line: dict[str, Any]) -> JournalRecord:
        from bftui.trace.schema import PartnerNode, TracePartner, TracePrompt

        here = f"line {number}"
        found: dict[str, Any] = {}
        for name, check in (("action", checked_action), ("measurement", checked_measurement)):
            if name in line:
                found[name] = self._checked(check, line[name], here)
        for name in ("draws", "place"):
            if name in line and (type(line[name]) is not int or not 0 <= line[name] < 2**63):
                raise ValueError(f"{name} is not a number")
            found[name] = line.get(name)
        for name in ("restated", "settled"):
            if name in line and not isinstance(line[name], dict):
                raise ValueError(f"{name} is not an object")
            found[name] = line.get(name)
        if "partner" in line:
            if line["partner"] is not None:
                self._checked(TracePartner.model_validate, line["partner"], here)
            found["pair"] = {"partner": line["partner"]}
        if "partner_prompt" in line:
            later = found["partner_prompt"] = line["partner_prompt"]
            _check_numbers(later, "node")
            if later.get("partner") is not None:
                self._checked(TracePrompt.model_validate, later["partner"], here)
        found["seen"] = seen = line.get("seen", [])
        if not isinstance(seen, list):
            raise ValueError("seen is not a list")
        for each in seen:
            _check_numbers(each, "node", "sampler")
            self._checked(PartnerNode.model_validate, each, here)
        for name in ("tokens", "partner_tokens"):
            found[name] = _bytes_of(line.get(name, {}))
        nodes = line.get("nodes", [])
        if not isinstance(nodes, list):
            raise ValueError("nodes is not a list")
        found["nodes"] = [self._checked(checked_node, node, f"{here}: nodes") for node in nodes]
        for node in found["nodes"]:
            if node["parent"] is None:
                self._checked(TracePrompt.model_validate, node.get("prompt"), here)
        return JournalRecord(number, **found)

    def _checked(self, check: Callable[[Any], T], value: Any, where: str) -> T:
        from pydantic import ValidationError

        try:
            return check(value)
        except ValidationError as error:
            raise damaged(self.path, where, error) from error

    def _lines(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """The records, with the numbers of their lines."""
        with opened(self.path) as file:
            number, waiting = 0, b""
            while line := file.readline(VALUE):
                if waiting:
                    yield number, self._parsed(number, waiting)
                    self.size += len(waiting)
                number, waiting = number + 1, line
                if len(line) == VALUE:
                    raise self._damaged(number, f"it is longer than {VALUE >> 20} MiB")
            if not waiting:
                return
            # Only the last line may have been cut.
            try:
                last = self._parsed(number, waiting) if waiting.endswith(b"\n") else None
            except InputError:
                last = None
            if last is None:
                self.cut = True
                return
            yield number, last
            self.size += len(waiting)

    def _parsed(self, number: int, line: bytes) -> dict[str, Any]:
        from pydantic_core import from_json

        try:
            record = from_json(line, allow_inf_nan=False)
        except ValueError:
            # Python's own parser takes twice as long, and says where and why.
            try:
                record = parse(line.decode())
            except ValueError as error:
                raise self._damaged(number, str(error).partition(";")[0]) from error
        if not isinstance(record, dict):
            raise self._damaged(number, "it is not a record")
        return record

    def _damaged(self, number: int, why: str) -> InputError:
        return InputError(f"{self.path} is a damaged journal", f"line {number}: {why}")


def _check_numbers(found: Any, *names: str) -> None:
    """Raises ValueError unless this is an object whose fields of these names are whole numbers from 0 on."""
    if not isinstance(found, dict):
        raise ValueError("it is not an object")
    check_plain(found)
    for name in names:
        if type(found.get(name)) is not int or not 0 <= found[name] <= LARGEST:
            raise ValueError(f"{name} is not a number")


def _bytes_of(spelled: Any) -> dict[int, bytes]:
    """Reads the bytes of tokens, by id; raises ValueError for what is not such a table."""
    try:
        return {int(i): base64.b64decode(data, validate=True) for i, data in spelled.items()}
    except (AttributeError, TypeError, ValueError):
        raise ValueError("its tokens are not a table of bytes") from None


def trace_records(trace: TraceFile) -> Iterator[JournalRecord]:
    """Yields a trace as the records that its journal held: each action with the nodes that it made."""
    prompts = trace.prompts()

    def whole(node: dict[str, Any]) -> dict[str, Any]:
        if node["parent"] is not None:
            return node
        return {**node, "prompt": prompts[node["id"]].model_dump(mode="json", by_alias=True)}

    nodes = map(whole, trace.nodes())
    partner = trace.outline.partner
    pair = None if partner is None else partner.model_dump(mode="json", by_alias=True)
    outline = trace.outline
    spelled = (
        {int(i): base64.b64decode(each.bytes) for i, each in table.items()}
        for table in (outline.tokens, outline.partner_tokens)
    )
    tokens, theirs = spelled
    yield JournalRecord(
        nodes=[next(nodes)], pair={"partner": pair}, tokens=tokens, partner_tokens=theirs
    )
    made = 1
    for number, action in enumerate(trace.actions()):
        new = [next(nodes) for _ in range(made, action["node"] + 1)]
        made += len(new)
        yield JournalRecord(number, nodes=new, action=action)
    # Nodes that no action of the trace made: measurements may be of them.
    if rest := list(nodes):
        yield JournalRecord(nodes=rest)
    for measurement in trace.measurements():
        yield JournalRecord(measurement=measurement)
    for later in outline.prompts:
        if later.partner is not None:
            asked = later.partner.model_dump(mode="json", by_alias=True)
            yield JournalRecord(partner_prompt={"node": later.node, "partner": asked})
    settled = {
        "cursor": outline.path[-1] if outline.path else 0,
        "marks": outline.marks,
        "folded": outline.folded,
        "pruned": outline.pruned,
    }
    yield JournalRecord(settled=settled, draws=outline.draws)


def begins_as_journal(path: Path) -> bool:
    """Tells whether a file says in its beginning that it is a journal. Raises InputError where it cannot be read."""
    with opened(path) as file:
        return f'"{FORMAT}"'.encode() in file.read(80)
