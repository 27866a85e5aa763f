"""Reads and writes results: a frozen dataclass on one side, the fields of a JSON object on the other.

A result is declared once, with the bounds of its numbers, and traces, journals, `--json`, reports and screens all use
that declaration:

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Width:
        \"\"\"How wide a distribution is.\"\"\"

        bf: Factor                                     # a bounded number of `result_types`
        text: str
        ci: Interval | None                            # null, or two numbers
        after: tuple[Width, ...]                       # a list of objects
        how: Annotated[Literal["ids", "text"], Named("class")]     # the field has another name in JSON
        sampler: Annotated[Sampler, FLAT]              # its fields stand among these
        suffix: Annotated[tuple[Id, ...], LEFT_OUT] = ()           # absent from JSON where it has its default
        kl: Annotated[Number | None, OR_NULL]                      # null in JSON where it is not finite

    encode(Width(...)) -> dict        decode(Width, fields) -> Width        json_schema(Width) -> dict

The order of the fields is that of the JSON. A field with a default may be missing in what is read (older traces), and
is always written unless it is marked `LEFT_OUT`. Fields that nobody knows are passed over: they are a newer
version's, and stay in the plain data that a trace or journal keeps.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import sys
import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass
from functools import cache
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from bftui.core.errors import BftuiError

T = TypeVar("T")

FLAT = object()
"""Marks a dataclass whose fields stand among those of the dataclass that holds it."""

LEFT_OUT = object()
"""Marks a field that is absent from JSON where it has its default."""

OR_NULL = object()
"""Marks a number that is null in JSON where it is not finite."""

_LARGEST = sys.float_info.max


class FieldError(ValueError):
    """Raised for JSON that is not what a result declares.

    Attributes:
        at: where, as names and places from the outside in.
        why: what is wrong there.
    """

    def __init__(self, why: str, *at: str | int) -> None:
        self.at, self.why = at, why
        super().__init__(f"{'.'.join(map(str, at))}: {why}" if at else why)

    def within(self, place: str | int) -> FieldError:
        """Returns the same error, seen from the object or list around it."""
        return FieldError(self.why, place, *self.at)


@dataclass(frozen=True, slots=True)
class Bounds:
    """The least and the largest number that a field may hold."""

    low: float = -_LARGEST
    high: float = _LARGEST


@dataclass(frozen=True, slots=True)
class Named:
    """Marks a field that has another name in JSON."""

    name: str


def encode(value: Any) -> dict[str, Any]:
    """Writes a result as the fields of a JSON object."""
    cls: Any = type(value)
    found: dict[str, Any] = _kind(cls).write(value)
    return found


def decode(cls: type[T], fields: Any) -> T:
    """Reads a result. Raises FieldError for what is missing, of another type or out of bounds."""
    hint: Any = cls
    found: T = _kind(hint).read(fields)
    return found


def json_schema(cls: Any) -> dict[str, Any]:
    """Describes the JSON of a result: a JSON Schema, draft 2020-12."""
    shared: dict[str, Any] = {}
    whole = _kind(cls).schema(shared)
    found = shared.pop(cls.__name__) if "$ref" in whole else whole
    return {**found, "$defs": shared} if shared else found


def describe(cls: Any, shared: dict[str, Any]) -> dict[str, Any]:
    """Describes a result within a larger schema, whose `$defs` get what the result is made of."""
    return _kind(cls).schema(shared)


# What each type does --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Kind:
    """How values of one type are read, written and described; `write` is None where a value is written as it is."""

    read: Callable[[Any], Any]
    write: Any
    schema: Callable[[dict[str, Any]], dict[str, Any]]


@cache
def _kind(hint: Any) -> _Kind:
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _annotated(inner[0], inner[1:])
    if origin in (Union, types.UnionType):
        return _union(inner)
    if origin is Literal:
        return _literal(inner)
    if origin is tuple:
        return _list(inner[0]) if inner[1:] == (...,) else _row(inner)
    if origin is frozenset:
        return _set(inner[0])
    if origin is not None and issubclass(origin, Mapping):
        return _table(inner[1])
    if dataclasses.is_dataclass(hint):
        return _object(hint)
    if hint in (int, float):
        return _number(hint, Bounds())
    if hint in (str, bool):
        return _exactly(hint)
    if hint is bytes:
        return _text_of_bytes()
    if hint is Any:
        return _Kind(lambda value: value, None, lambda shared: {})
    raise TypeError(f"a result cannot hold {hint!r}")


def _annotated(hint: Any, marks: tuple[Any, ...]) -> _Kind:
    for mark in marks:
        if isinstance(mark, Bounds):
            return _number(hint, mark)
    kind = _kind(hint)
    return dataclasses.replace(kind, write=finite) if OR_NULL in marks else kind


def _number(hint: type, bounds: Bounds) -> _Kind:
    low, high = bounds.low, bounds.high
    whole = hint is int
    allowed = (int,) if whole else (int, float)

    def read(value: Any) -> Any:
        # `type`, since a bool is an int; a NaN is within no bounds.
        if type(value) not in allowed or not low <= value <= high:
            what = "a whole number" if whole else "a number"
            raise FieldError(f"it is not {what}{_between(bounds)}")
        return value if whole else float(value)

    def schema(shared: dict[str, Any]) -> dict[str, Any]:
        limits = {"minimum": low, "maximum": high}
        known = {name: limit for name, limit in limits.items() if abs(limit) < _LARGEST}
        return {"type": "integer" if whole else "number", **known}

    return _Kind(read, None, schema)


def _between(bounds: Bounds) -> str:
    if bounds == Bounds():
        return ""
    return f" from {bounds.low:g} to {bounds.high:g}"


def _exactly(hint: type) -> _Kind:
    what = {str: "a text", bool: "true or false"}[hint]

    def read(value: Any) -> Any:
        if type(value) is not hint:
            raise FieldError(f"it is not {what}")
        return value

    return _Kind(read, None, lambda shared: {"type": {str: "string", bool: "boolean"}[hint]})


def _text_of_bytes() -> _Kind:
    """Bytes that JSON has as a text: what is not UTF-8 is lost when it is written."""
    text = _exactly(str)
    return _Kind(
        lambda value: text.read(value).encode(errors="replace"),
        lambda value: value.decode(errors="replace"),
        text.schema,
    )


def _literal(allowed: tuple[Any, ...]) -> _Kind:
    def read(value: Any) -> Any:
        if type(value) is not str or value not in allowed:
            raise FieldError(f"it is not one of {', '.join(allowed)}")
        return value

    return _Kind(read, None, lambda shared: {"enum": list(allowed)})


def _union(inner: tuple[Any, ...]) -> _Kind:
    """Reads one of several types, or null; only one of them may be written otherwise than as it is."""
    hints = [each for each in inner if each is not type(None)]
    optional = len(hints) < len(inner)
    kinds = [_kind(hint) for hint in hints]
    writes = [kind.write for kind in kinds if kind.write]

    def read(value: Any) -> Any:
        if value is None and optional:
            return None
        for kind in kinds[:-1]:
            with contextlib.suppress(FieldError):
                return kind.read(value)
        return kinds[-1].read(value)

    def schema(shared: dict[str, Any]) -> dict[str, Any]:
        found = [kind.schema(shared) for kind in kinds]
        return {"anyOf": [*found, {"type": "null"}] if optional else found}

    write = writes and (lambda value: None if value is None else writes[0](value))
    return _Kind(read, write or None, schema)


def _list(hint: Any) -> _Kind:
    kind = _kind(hint)

    def read(value: Any) -> Any:
        items = _items(value)
        try:
            return tuple(map(kind.read, items))
        except FieldError:
            # Only now does it matter which one it is.
            return tuple(_at(place, kind, each) for place, each in enumerate(items))

    return _Kind(
        read,
        list if kind.write is None else lambda value: [kind.write(each) for each in value],
        lambda shared: {"type": "array", "items": kind.schema(shared)},
    )


def _set(hint: Any) -> _Kind:
    """A set of numbers, which JSON has as a list in order."""
    items = _list(hint)
    return dataclasses.replace(items, read=lambda value: frozenset(items.read(value)), write=sorted)


def _row(hints: tuple[Any, ...]) -> _Kind:
    kinds = [_kind(hint) for hint in hints]

    def read(value: Any) -> Any:
        items = _items(value)
        if len(items) != len(kinds):
            raise FieldError(f"it does not have {len(kinds)} items")
        return tuple(_at(place, *each) for place, each in enumerate(zip(kinds, items, strict=True)))

    def schema(shared: dict[str, Any]) -> dict[str, Any]:
        count = len(kinds)
        items = [kind.schema(shared) for kind in kinds]
        return {"type": "array", "prefixItems": items, "minItems": count, "maxItems": count}

    return _Kind(read, list, schema)


def _table(hint: Any) -> _Kind:
    kind = _kind(hint)

    def read(value: Any) -> Any:
        if not isinstance(value, Mapping):
            raise FieldError("it is not an object")
        return {name: _at(name, kind, each) for name, each in value.items()}

    def write(value: Any) -> Any:
        return {
            name: each if kind.write is None else kind.write(each) for name, each in value.items()
        }

    return _Kind(
        read,
        write,
        lambda shared: {"type": "object", "additionalProperties": kind.schema(shared)},
    )


def _object(cls: Any) -> _Kind:
    members = _members(cls)

    def read(value: Any) -> Any:
        if not isinstance(value, Mapping):
            raise FieldError("it is not an object")
        found = {}
        for each in members:
            if each.flat:
                found[each.attribute] = each.kind.read(value)
            elif each.name in value:
                found[each.attribute] = _at(each.name, each.kind, value[each.name])
            elif each.required:
                raise FieldError("it is missing", each.name)
        try:
            return cls(**found)
        except BftuiError as error:
            raise FieldError(error.line()) from error

    def write(value: Any) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for each in members:
            inner = getattr(value, each.attribute)
            if each.left_out and (inner is each.default or inner == each.default):
                continue
            written = inner if each.kind.write is None else each.kind.write(inner)
            found.update(written if each.flat else {each.name: written})
        return found

    def schema(shared: dict[str, Any]) -> dict[str, Any]:
        if cls.__name__ not in shared:
            shared[cls.__name__] = {}
            shared[cls.__name__] = _object_schema(cls, members, shared)
        return {"$ref": f"#/$defs/{cls.__name__}"}

    return _Kind(read, write, schema)


@dataclass(frozen=True, slots=True)
class _Member:
    """One field of a dataclass."""

    attribute: str
    name: str
    kind: _Kind
    flat: bool
    required: bool
    left_out: bool
    default: Any


def _members(cls: Any) -> list[_Member]:
    hints = get_type_hints(cls, include_extras=True)
    found = []
    for each in dataclasses.fields(cls):
        hint = hints[each.name]
        marks = getattr(hint, "__metadata__", ())
        names = [mark.name for mark in marks if isinstance(mark, Named)]
        found.append(
            _Member(
                each.name,
                names[0] if names else each.name,
                _kind(hint),
                FLAT in marks,
                each.default is MISSING,
                LEFT_OUT in marks or each.metadata.get("left_out", False),
                each.default,
            )
        )
    return found


def _object_schema(cls: Any, members: list[_Member], shared: dict[str, Any]) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    required: list[str] = []
    for each in members:
        if each.flat:
            known = dict(shared)
            own = each.kind.schema(known)["$ref"].rpartition("/")[2]
            inner = known[own]
            shared.update({name: known[name] for name in known if name != own})
            properties |= inner["properties"]
            required += inner["required"]
            continue
        properties[each.name] = each.kind.schema(shared)
        if each.required:
            required.append(each.name)
    about = (cls.__doc__ or "").partition("\n")[0]
    return {
        "type": "object",
        "description": about,
        "properties": properties,
        "required": required,
    }


def _items(value: Any) -> Any:
    if type(value) not in (list, tuple):
        raise FieldError("it is not a list")
    return value


def _at(place: str | int, kind: _Kind, value: Any) -> Any:
    """Reads what is inside; an error says where."""
    try:
        return kind.read(value)
    except FieldError as error:
        raise error.within(place) from None


def finite(value: float | None) -> float | None:
    """Returns a number as JSON has it: None for one that is not finite."""
    return value if value is not None and math.isfinite(value) else None
