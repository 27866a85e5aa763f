"""A result as a trace and a journal hold it, and the types that each kind of measurement has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, is_dataclass
from functools import cache
from typing import Any, Protocol, runtime_checkable

from bftui.core.added_code import load_added
from bftui.results.codec import FieldError, decode, describe, encode

GROUP = "bftui.measurements"
"""Entry points of this group add kinds of measurements: name = "module:TYPES", a pair (settings, result)."""


@dataclass(frozen=True, slots=True)
class StoredResult:
    """What was measured at a node.

    Attributes:
        kind: which measurement, one of those of `kinds`.
        node: where.
        settings, result: frozen dataclasses of this kind.
    """

    kind: str
    node: int
    settings: Any
    result: Any

    @classmethod
    def read(cls, fields: Mapping[str, Any]) -> StoredResult:
        """Reads a measurement of a trace, whose frame was checked.

        Raises FieldError for what its kind does not declare, and for a kind that this bftui does not know.
        """
        kind = fields["kind"]
        known = kinds().get(kind) or _added(kind)
        if known is None:
            raise FieldError(f"this bftui does not know the kind {kind!r}", "kind")
        settings, result = known
        return cls(
            kind,
            fields["node"],
            _within("settings", settings, fields),
            _within("result", result, fields),
        )

    def spelled(self) -> tuple[int, ...]:
        """Returns the tokens whose texts a trace keeps for it: they are in no node."""
        parts = (self.settings, self.result)
        return tuple(i for part in parts if isinstance(part, NamesTokens) for i in part.spelled())

    def fields(self) -> dict[str, Any]:
        """Writes it with the fields of a trace."""
        return {
            "kind": self.kind,
            "node": self.node,
            "settings": _plain(self.settings),
            "result": _plain(self.result),
        }


@runtime_checkable
class Storing(Protocol):
    """A measurement that says what a trace keeps of it: None where it found nothing yet."""

    def stored(self) -> StoredResult | None: ...


@runtime_checkable
class NamesTokens(Protocol):
    """Settings or a result that hold tokens which may be in no node: continuations, candidates."""

    def spelled(self) -> tuple[int, ...]: ...


@cache
def kinds() -> dict[str, tuple[type, type]]:
    """Returns the settings and the result of each kind of measurement that a trace may hold."""
    from bftui.results.calibration_result import CalibrationResult, CalibrationSettings
    from bftui.results.dial_result import DialResult, DialSettings
    from bftui.results.forks_result import ForksResult, ForksSettings
    from bftui.results.horizon_result import HorizonResult, HorizonSettings
    from bftui.results.injection_result import InjectionResult, InjectionSettings
    from bftui.results.lookahead_result import LookaheadResult, LookaheadSettings
    from bftui.results.nudging_result import NudgingResult, NudgingSettings
    from bftui.results.response_result import (
        PartnerResponseResult,
        PartnerResponseSettings,
        ResponseResult,
        ResponseSettings,
    )
    from bftui.results.rollouts_result import RolloutsResult, RolloutsSettings
    from bftui.results.shift_result import ShiftResult, ShiftSettings

    return {
        "rollouts": (RolloutsSettings, RolloutsResult),
        "resampling": (RolloutsSettings, RolloutsResult),
        "nudging": (NudgingSettings, NudgingResult),
        "shift": (ShiftSettings, ShiftResult),
        "response": (ResponseSettings, ResponseResult),
        "partner_response": (PartnerResponseSettings, PartnerResponseResult),
        "lookahead": (LookaheadSettings, LookaheadResult),
        "calibration": (CalibrationSettings, CalibrationResult),
        "forks": (ForksSettings, ForksResult),
        "horizon": (HorizonSettings, HorizonResult),
        "dial": (DialSettings, DialResult),
        "injection": (InjectionSettings, InjectionResult),
    }


def _added(kind: str) -> tuple[type, type] | None:
    """Finds the types of a kind that another package measures; looks for packages each time, since that is rare."""
    from importlib.metadata import entry_points

    for entry in entry_points(group=GROUP, name=kind):
        try:
            settings, result = load_added(entry)
        except Exception as error:
            # Other people's code may raise anything.
            raise FieldError(f"{entry.value} cannot be imported: {error}", "kind") from error
        if isinstance(settings, type) and isinstance(result, type):
            return settings, result
    return None


def kinds_schema(shared: dict[str, Any]) -> list[dict[str, Any]]:
    """Describes what each kind of measurement holds, as conditions of a JSON Schema; others may hold anything.

    `shared` are the `$defs` of that schema.
    """
    return [
        {
            "if": {"properties": {"kind": {"const": kind}}},
            "then": {
                "properties": {
                    "settings": describe(settings, shared),
                    "result": describe(result, shared),
                }
            },
        }
        for kind, (settings, result) in kinds().items()
    ]


def _within(name: str, cls: type, fields: Mapping[str, Any]) -> Any:
    try:
        return decode(cls, fields[name])
    except FieldError as error:
        raise error.within(name) from None


def _plain(value: Any) -> Any:
    return encode(value) if is_dataclass(value) else value
