"""Figures to SVG and PNG, without a screen, a browser or a state of the plotting library.

An SVG for a page has no colours of its own: each becomes the CSS variable of its role, so that one picture is dark and
light, and its texts stay texts. An SVG for a file has its colours, and its texts are outlines, the same everywhere.
"""

from __future__ import annotations

import importlib.util
import io
import logging
import math
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal
from xml.etree import ElementTree

from bftui.core.errors import MissingDependency
from bftui.trace.report.palette import LIGHT, Ink

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 9.0
"""Of every figure, in inches."""

DPI = 200
"""Of a PNG."""

_SVG, _XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"

Form = Literal["svg", "png"]


@dataclass(frozen=True, slots=True)
class Picture:
    """Something to draw.

    Attributes:
        name: unlike all others of the report; letters, digits and -.
        caption: what it shows, safe; also for those who do not see it.
        height: in inches.
        draw: puts it on an empty figure.
        notes: what is left out, safe.
    """

    name: str
    caption: str
    height: float
    draw: Callable[[Figure, Ink], None]
    notes: tuple[str, ...] = ()


def require() -> None:
    """Raises MissingDependency where the plotting library is not installed."""
    if importlib.util.find_spec("matplotlib") is None:
        raise MissingDependency(
            "reports need a plotting library",
            "matplotlib cannot be imported",
            "pip install 'bftui[report]'",
        )


def rendered(picture: Picture, ink: Ink, form: Form) -> bytes:
    """Draws a picture as a file with these colours."""
    with _settings(ink, outlines=True):
        figure = _figure(picture, ink)
        figure.set_facecolor(ink.background)
        return _saved(figure, form)


def inline(picture: Picture) -> str:
    """Draws a picture as an SVG element for a page that defines the colours of `Ink.roles` as CSS variables."""
    with _settings(LIGHT, outlines=False):
        figure = _figure(picture, LIGHT)
        figure.set_facecolor("none")
        return _adopted(_saved(figure, "svg"), picture)


def _figure(picture: Picture, ink: Ink) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, picture.height), layout="constrained")
    picture.draw(figure, ink)
    return figure


@contextmanager
def _settings(ink: Ink, *, outlines: bool) -> Iterator[None]:
    # Building the list of fonts, once for a machine, is not news for the terminal.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    import matplotlib

    settings: dict[Any, Any] = {
        "svg.fonttype": "path" if outlines else "none",
        "svg.hashsalt": "bftui",
        "font.family": ["DejaVu Sans"],
        "font.size": 9.0,
        # Token text is not a formula.
        "text.parse_math": False,
        "text.usetex": False,
        "text.color": ink.text,
        "axes.labelcolor": ink.dim,
        "axes.edgecolor": ink.line,
        "axes.facecolor": "none",
        "axes.spines.top": False,
        "xtick.color": ink.line,
        "ytick.color": ink.line,
        "xtick.labelcolor": ink.dim,
        "ytick.labelcolor": ink.dim,
        "grid.color": ink.line,
        "grid.linewidth": 0.5,
        "legend.frameon": False,
        "legend.fontsize": 8.5,
        "lines.linewidth": 1.6,
        "path.simplify": False,
    }
    with matplotlib.rc_context(settings), warnings.catch_warnings():
        # A sign that the font lacks is drawn as a box: the page spells it.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def _saved(figure: Figure, form: Form) -> bytes:
    file = io.BytesIO()
    metadata: dict[str, Any] = {"Creator": None, "Date": None} if form == "svg" else {}
    figure.savefig(file, format=form, dpi=DPI, metadata=metadata)
    return file.getvalue()


def _adopted(data: bytes, picture: Picture) -> str:
    """An SVG file as an element of a page: names of its own, colours of the page, a title for screen readers."""
    ElementTree.register_namespace("", _SVG)
    ElementTree.register_namespace("xlink", _XLINK)
    root = ElementTree.fromstring(data)
    roles = {colour: f"var(--{role})" for role, colour in LIGHT.roles().items()}
    colours = re.compile("|".join(roles))
    for metadata in root.findall(f"{{{_SVG}}}metadata"):
        root.remove(metadata)
    for element in root.iter():
        for name, value in list(element.attrib.items()):
            if name == "id":
                element.set(name, f"{picture.name}-{value}")
            elif name == f"{{{_XLINK}}}href" and value.startswith("#"):
                element.set(name, f"#{picture.name}-{value[1:]}")
            elif name in ("style", "fill", "stroke", "clip-path"):
                value = value.replace("url(#", f"url(#{picture.name}-")
                element.set(name, colours.sub(lambda found: roles[found[0]], value))
    for name in ("width", "height"):
        root.attrib.pop(name, None)
    root.set("role", "img")
    root.set("aria-label", picture.caption)
    return ElementTree.tostring(root, encoding="unicode")


# Axes --------------------------------------------------------------------------------------------------------------


def factor_axis(axes: Axes, low: float, high: float, *, axis: Literal["x", "y"] = "y") -> None:
    """Draws a logarithmic axis of branching factors from near `low` to near `high`."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator

    low, high = max(low, 1e-6), max(high, low * 1.5, 1.5)
    margin = (high / low) ** 0.06
    if axis == "y":
        axes.set_yscale("log")
        axes.set_ylim(low / margin, high * margin)
    else:
        axes.set_xscale("log")
        axes.set_xlim(low / margin, high * margin)
    which = axes.yaxis if axis == "y" else axes.xaxis
    ends = (low / margin, high * margin)
    # No branching factor is below 1, so that no line is drawn there; a trace may say what it wants.
    floor = ends[0] if low < 1 else 1.0
    which.set_major_locator(
        FixedLocator([tick for tick in _ticks(*ends) if floor <= tick <= ends[1]])
    )
    which.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
    which.set_minor_locator(NullLocator())
    which.set_minor_formatter(NullFormatter())
    axes.grid(True, axis=axis)
    axes.set_axisbelow(True)


_TICKS = 12
"""Most of them on an axis of less than a decade."""


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers over the decades of a logarithmic axis, fewer the longer it is."""
    ratio = high / low
    in_decade: tuple[float, ...] = (1.0,)
    if ratio < 2.2:
        ten = 10.0 ** math.floor(math.log10(high))
        steps = (ten / 10, ten / 5, ten / 2, ten)
        step = next(each for each in steps if (high - low) / each <= _TICKS)
        return [step * place for place in range(math.ceil(low / step), math.floor(high / step) + 1)]
    elif ratio < 6:
        in_decade = (1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0)
    elif ratio < 200:
        in_decade = (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)
    first, last = (math.floor(math.log10(end)) for end in (low, high))
    apart = max(1, (last - first) // 10)
    return [
        float(f"{each:g}e{decade}")
        for decade in range(first, last + 1)
        if decade % apart == 0
        for each in in_decade
    ]


def nats_beside(axes: Axes) -> None:
    """Draws the logarithm of the factor axis on the right, in nats."""
    twin = axes.twinx()
    twin.set_ylim(*(math.log(end) for end in axes.get_ylim()))
    twin.set_ylabel("H(P~), nats")


def token_axis(axes: Axes, labels: Sequence[str], bold: Sequence[int] = ()) -> None:
    """Tokens below the axis, at positions from 0; some of them bold."""
    names = [label if len(label) <= 14 else f"{label[:13]}…" for label in labels]
    axes.set_xlim(-0.6, max(len(labels), 2) - 0.4)
    axes.set_xticks(range(len(labels)), names, rotation=60, ha="right", rotation_mode="anchor")
    for t in bold:
        axes.get_xticklabels()[t].set_fontweight("bold")


def legend_above(axes: Axes, handles: Sequence[Any], names: Sequence[str]) -> None:
    """Draws what the marks mean, above the axes."""
    axes.legend(handles, names, loc="lower left", bbox_to_anchor=(0, 1), ncols=6, borderaxespad=0.2)
