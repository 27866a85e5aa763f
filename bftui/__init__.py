"""bftui: a terminal workbench for the next-token distributions of language models.

    import bftui

    with bftui.open_model("practice") as model:
        session = bftui.Session(model, prompt="Q: Name a fruit.\\nA:", seed=1)
        node = session.step()
        node = session.force(" Sure")
        session.back(3)
        session.trace().save("trace.json")

Names are imported when they are first used, so that `bftui --help` loads no model library.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from bftui.core.version import VERSION

if TYPE_CHECKING:
    from bftui.core.errors import BftuiError as BftuiError
    from bftui.model.loaded_model import Model as Model
    from bftui.model.loaded_model import open_model as open_model
    from bftui.model.prompt import Prompt as Prompt
    from bftui.session.session import Session as Session
    from bftui.trace.document import read as read_trace

__version__ = VERSION
__all__ = [
    "BftuiError",
    "Model",
    "Prompt",
    "Session",
    "__version__",
    "open_model",
    "read_trace",
]

_HOMES = {
    "BftuiError": ("bftui.core.errors", "BftuiError"),
    "Model": ("bftui.model.loaded_model", "Model"),
    "Prompt": ("bftui.model.prompt", "Prompt"),
    "Session": ("bftui.session.session", "Session"),
    "open_model": ("bftui.model.loaded_model", "open_model"),
    "read_trace": ("bftui.trace.document", "read"),
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _HOMES[name]
    return getattr(import_module(module), attribute)
