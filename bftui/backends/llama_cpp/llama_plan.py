"""Whether the memory holds the context of a llama.cpp model.

llama.cpp checks none of this: a context beyond the memory would end the process.
"""

from __future__ import annotations

from bftui.backends.llama_cpp.llama_library import C
from bftui.core.errors import ModelLoadError
from bftui.formats.context_plan import Plan, Shape, planned
from bftui.formats.machine import available_memory, size
from bftui.formats.open_spec import OpenSpec


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
