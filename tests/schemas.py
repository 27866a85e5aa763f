"""Documents held against the schema of a trace, which is checked for itself once; nodes as they are written."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import jsonschema

from bftui.core.tree import Tree
from bftui.trace.node_writer import node_texts
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


def node_fields(tree: Tree, node: int) -> dict[str, Any]:
    """A node of a tree as traces and journals write it alone."""
    ((text, _),) = node_texts(tree, node, node + 1)
    fields: dict[str, Any] = json.loads(text)
    return fields
