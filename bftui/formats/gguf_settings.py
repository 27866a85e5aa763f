"""Which settings of a GGUF file change nothing, whoever reads it.

A backend that does not know a setting refuses the model, since its numbers would be those of another one; a setting
that asks for nothing is no reason to.
"""

from __future__ import annotations

from typing import Any


def is_neutral(name: str, value: Any) -> bool:
    """Whether a setting of an architecture ("attn_logit_softcapping") has the value that it has where it is left out.

    A number of 0 switches off, and a scale of 1 scales nothing.
    """
    values = value if isinstance(value, list) else [value]
    if name.endswith("scale") and name != "attention.scale":
        return all(each in (0, 1) for each in values)
    return all(each == 0 or each == "" for each in values)
