"""Whether the weights of a model are as many numbers as its config asks for: before any of them is allocated.

transformers builds what the config says, and fills with random numbers what the files lack: a config that lacks sizes,
or has inflated ones, would take all memory before anybody missed a tensor. Here the model is built without numbers.
"""

from __future__ import annotations

import copy
import re
from typing import Any

from bftui.backends.transformers.hf_library import one_line, torch, transformers
from bftui.backends.transformers.hf_source import WeightsSource
from bftui.core.errors import ModelLoadError
from bftui.formats.directory_check import TOGETHER
from bftui.formats.machine import available_memory, size

CAUSAL = "AutoModelForCausalLM"

SPARE = re.compile(r"pooler\.")
"""Tensors that may be missing: what is read is the last layer, not what a pooler makes of it."""

_LEAST_BITS = 1
"""Of one number of quantised weights."""


def check_size(
    source: WeightsSource, config: Any, width: int, device: str, auto: str = CAUSAL
) -> None:
    """Raises ModelLoadError where the model is larger than its weights, or than the memory.

    Args:
        width: bytes of one number as it will be held.
        auto: the class of the library that builds it.
    """
    try:
        with torch.device("meta"):
            model = getattr(transformers, auto).from_config(
                copy.deepcopy(config), attn_implementation="eager"
            )
    except ImportError:
        # What is missing is said where the model is loaded.
        return
    except Exception as error:
        # Sizes of no sense show as any of a dozen errors.
        raise ModelLoadError(f"cannot load {source.path}", one_line(error), TOGETHER) from error
    asked = sum(p.numel() for name, p in model.named_parameters() if not SPARE.match(name))
    if getattr(config, "quantization_config", None) is not None and source.gguf is None:
        held, width = 8 * source.bytes // _LEAST_BITS, 1
    else:
        held = source.numbers
    if getattr(model.config.get_text_config(decoder=True), "tie_word_embeddings", False):
        # Whether it is counted once or twice is a matter of the library's version.
        tied = model.get_output_embeddings()
        asked -= 0 if tied is None else min(tied.weight.numel(), max(0, asked - held))
    if asked > held:
        raise ModelLoadError(
            f"cannot load {source.path}",
            f"its config describes a model of {asked:,} numbers, and its weights are {held:,}",
            TOGETHER,
        )
    buffers = sum(buffer.numel() * buffer.element_size() for buffer in model.buffers())
    need, free = asked * width + buffers, available_memory() if device == "cpu" else None
    if free is not None and need > free:
        raise ModelLoadError(
            f"{source.path} does not fit into the memory",
            f"it takes {size(need)} and {size(free)} are available",
            "open a smaller or quantised one",
        )
