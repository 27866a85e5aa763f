"""A sampler in words. Imports no NumPy: the first frame needs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bftui.core.sampler import Sampler


def short(value: float) -> str:
    """A share without its leading zero, with two decimals at least."""
    text = f"{value:.2f}" if round(value, 2) == value else f"{value:g}"
    return text.removeprefix("0")


def cut(sampler: Sampler) -> str:
    """The sampler's cut."""
    parts = []
    if sampler.top_k:
        parts.append(f"top-k {sampler.top_k}")
    if sampler.top_p < 1:
        parts.append(f"top-p {short(sampler.top_p)}")
    if sampler.min_p > 0:
        parts.append(f"min-p {short(sampler.min_p)}")
    return " ".join(parts) or "no cut"


def sampling(sampler: Sampler) -> str:
    """All of it."""
    temperature = f"{sampler.temperature:.4g}"
    temperature += "" if "." in temperature else ".0"
    return f"T {temperature}  {cut(sampler)}  seed {sampler.seed}"
