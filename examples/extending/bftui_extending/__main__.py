"""`python -m bftui_extending run MODEL`: bftui with the actions of this package."""

from __future__ import annotations

import bftui_extending.to_prompt_action  # noqa: F401 - importing declares the action
from bftui.cli import main

main()
