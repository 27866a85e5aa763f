"""Whether the memory holds the context of a llama.cpp model.

llama.cpp checks none of this: a context beyond the memory would end the process.
"""

from __future__ import annotations

from bftui.backends.base import OpenSpec
from bftui.backends.context_plan import Plan, Shape, planned
from bftui.backends.llama_cpp_library import C
from bftui.backends.machine import available_memory, size
from bftui.core.errors import ModelLoadError


def plan_context(spec: OpenSpec, shape: Shape, gpu: bool) -> Plan:
    """Sizes of the context; raises ModelLoadError where they exceed the memory."""
    plan = planned(spec, shape, C.llama_max_parallel_sequences())
    free = available_memory()
    if not gpu and free is not None and plan.bytes > free:
        raise ModelLoadError(
            f"a context of {plan.n_ctx} tokens does not fit",
            f"it needs about {size(plan.bytes)} and {size(free)} are available",
            "choose a smaller --ctx" + (", or --kv f16" if plan.kv == "f32" else ""),
        )
    return plan
