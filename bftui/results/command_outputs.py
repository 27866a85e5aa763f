"""What `--json` of each command says, by the command's name."""

from __future__ import annotations

from functools import cache
from typing import Any

from bftui.core.errors import UsageError
from bftui.results.codec import json_schema

TRACES = ("export", "record")
"""Commands whose `--json` is a trace."""

_DRAFT = "https://json-schema.org/draft/2020-12/schema"


@cache
def outputs() -> dict[str, Any]:
    """Returns the result of each command that has a typed one."""
    from bftui.results.calibration_result import CalibrateOutput, CalibrateOutputs
    from bftui.results.check_result import CheckOutput
    from bftui.results.dial_result import DialOutput
    from bftui.results.diff_result import DiffOutput
    from bftui.results.diversity_result import DiversityOutput
    from bftui.results.doctor_output import DoctorOutput
    from bftui.results.forks_result import ForksResult
    from bftui.results.horizon_result import HorizonOutput
    from bftui.results.injection_result import InjectionOutput
    from bftui.results.lexicon_result import LexiconOutput
    from bftui.results.listing_outputs import (
        ConfigOutput,
        ListedKey,
        ModelsOutput,
        ReportOutput,
        SessionsOutput,
        ThemesOutput,
    )
    from bftui.results.lookahead_result import LookaheadResult
    from bftui.results.measure_result import MeasureOutput
    from bftui.results.model_info import InfoOutput
    from bftui.results.nudging_result import NudgingOutput
    from bftui.results.response_result import PrintedResponse, PrintedResponses
    from bftui.results.shift_result import ShiftOutput

    return {
        "calibrate": CalibrateOutput | CalibrateOutputs,
        "check": CheckOutput,
        "config": ConfigOutput,
        "dial": DialOutput,
        "diff": DiffOutput,
        "diversity": DiversityOutput,
        "doctor": DoctorOutput,
        "forks": ForksResult,
        "horizon": HorizonOutput,
        "info": InfoOutput,
        "inject": InjectionOutput,
        "keys": tuple[ListedKey, ...],
        "lexicon": LexiconOutput,
        "lookahead": LookaheadResult,
        "measure": MeasureOutput,
        "models": ModelsOutput,
        "nudge": NudgingOutput,
        "report": ReportOutput,
        "respond": PrintedResponse | PrintedResponses,
        "sessions": SessionsOutput,
        "shift": ShiftOutput,
        "themes": ThemesOutput,
    }


def output_schema(command: str) -> dict[str, Any]:
    """Describes what a command prints: a JSON Schema, draft 2020-12. Raises UsageError for a command without one."""
    known = outputs()
    if command not in known:
        names = ", ".join(sorted({*known, *TRACES}))
        raise UsageError(f"there is no schema of {command!r}", hint=f"take one of {names}")
    return {"$schema": _DRAFT, "title": f"bftui {command}", **json_schema(known[command])}
