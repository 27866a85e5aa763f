"""Documents held against the schema of a trace, which is checked for itself once."""

from __future__ import annotations

from functools import cache
from typing import Any

import jsonschema

from bftui.trace.schema import json_schema


@cache
def _validator() -> Any:
    schema = json_schema()
    kind = jsonschema.validators.validator_for(schema)
    kind.check_schema(schema)
    return kind(schema)


def validate(document: Any) -> None:
    """Raises jsonschema.ValidationError where a document is not what the schema describes."""
    _validator().validate(document)
