"""How all figures of the page look, and how they become SVG and PNG."""

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

WIDTH = 360
"""Width of a figure in points: those of a phone's screen, so that letters keep their size there."""

INK = "#3b3c3d"
"""Colour of letters and lines; on the page it is that of the text around, light or dark."""

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C6BB1", "#7F7F7F")
"""Told apart by colour-blind people (Okabe and Ito 2008, without black and yellow)."""

CALM = (0.01, 0.97)
"""Quantiles of the numbers that a linear axis shows: a few steps at the start may lie above."""

_STYLE = {
    **dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), INK),
    "font.size": 10,
    "axes.titlesize": 10,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": INK,
    "grid.alpha": 0.2,
    "grid.linewidth": 0.6,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "lines.linewidth": 1.5,
    "svg.fonttype": "none",
    "svg.hashsalt": "kerasnets",
    "text.parse_math": False,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "axes.unicode_minus": True,
}


@contextmanager
def style() -> Iterator[None]:
    """Have figures that are made and written in the block look alike."""
    with matplotlib.rc_context(_STYLE), warnings.catch_warnings():
        # the font lacks emoji, which a browser draws by another
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        yield


def new_figure(height: float, *, placed: bool = False) -> Figure:
    """Return an empty figure of `WIDTH`.

    Args:
        height: in points.
        placed: whether its axes come from `place`, and are not laid out by matplotlib.
    """
    return Figure(figsize=(WIDTH / 72, height / 72), layout=None if placed else "constrained")


def place(figure: Figure, *, left: float, top: float, width: float, height: float) -> Axes:
    """Return new axes at a place of a figure; all in points, `top` from its upper edge."""
    whole = 72 * figure.get_figheight()
    return figure.add_axes((left / WIDTH, 1 - (top + height) / whole, width / WIDTH, height / whole))


def png(figure: Figure) -> bytes:
    """Return a figure as a PNG file on white."""
    buffer = io.BytesIO()
    figure.set_canvas(FigureCanvasAgg(figure))
    figure.savefig(buffer, format="png", dpi=200, facecolor="white", metadata={"Software": None})
    return buffer.getvalue()


def svg(figure: Figure) -> str:
    """Return a figure as the text of an SVG file."""
    buffer = io.StringIO()
    figure.set_canvas(FigureCanvasSVG(figure))
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


def inline_svg(figure: Figure, name: str) -> str:
    """Return a figure as an SVG element for a page that has others too, in the colour of the page's text.

    Args:
        figure: what is drawn.
        name: put before each id, so that no two of a page are alike.
    """
    text = svg(figure)
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text[text.index("<svg") :], flags=re.DOTALL)
    text = re.sub(r'(\bid="|url\(#|href="#)', lambda match: f"{match[0]}{name}-", text)
    # a hundredth of a point is enough, and halves the size
    text = re.sub(r' d="[^"]+"', lambda match: re.sub(r"(\.\d\d)\d+", r"\1", match[0]), text)
    text = re.sub(r"<svg ([^>]*?)>", _without_size, text, count=1)
    return text.replace(INK, "currentColor").replace("'DejaVu Sans', ", "")


def _without_size(match: re.Match[str]) -> str:
    """Return the opening tag without width and height, which the page gives."""
    attributes = re.sub(r'\b(width|height)="[^"]*"\s*', "", match[1])
    return f'<svg role="presentation" {attributes}>'


def short(name: str, most: int = 20) -> str:
    """Return a name of at most `most` characters, its middle left out where it is longer."""
    return name if len(name) <= most else f"{name[: most // 3]}…{name[len(name) - most + most // 3 + 1 :]}"


def short_layer(path: str, most: int = 20) -> str:
    """Return a layer's path of at most `most` characters, which still tells it from the others of a deep net.

    Its first words lose all letters but one, as many as need be: "s1_b12_conv1_relu" of block 12 in stage 1.
    """
    parts = re.split("([_/])", path)
    for number in range(0, len(parts) - 1, 2):
        if sum(map(len, parts)) > most:
            parts[number] = re.sub(r"^([A-Za-z])[A-Za-z]*", r"\1", parts[number])
    return short("".join(parts), most)


def run_colours(runs: int) -> list[tuple[str, str]]:
    """Return colours of training and validation for each run; of one run alone they differ."""
    if runs == 1:
        return [(COLOURS[0], COLOURS[1])]
    return [(COLOURS[number % len(COLOURS)],) * 2 for number in range(runs)]


def marker_of(numbers: np.ndarray) -> str:
    """Return the marker of a line: few points are seen, and a single one at all."""
    return "o" if np.isfinite(numbers).sum() <= 40 else ""


def set_calm_limits(axes: Axes, numbers: np.ndarray, *, log: bool = False) -> None:
    """Set the limits of the vertical axis by quantiles, so that a few numbers do not decide it.

    Args:
        axes: whose axis is set.
        numbers: all that is drawn, NaN and infinity among them.
        log: whether the axis is logarithmic, then only for numbers above zero.
    """
    values = numbers[np.isfinite(numbers) & ((numbers > 0) | (not log))]
    if log:
        axes.set_yscale("log")
    if not len(values):
        return
    values = np.log10(values) if log else values
    lowest, highest = (values.min(), values.max()) if len(values) < 20 else np.quantile(values, CALM)
    if log or highest - lowest > 0.5 * (values.max() - values.min()):
        lowest, highest = values.min(), values.max()
    margin = 0.06 * (highest - lowest) or 0.06 * abs(highest) or 0.5
    low, high = float(lowest - margin), float(highest + margin)
    axes.set_ylim(*((10**low, 10**high) if log else (low, high)))
    if log:
        set_log_ticks(axes.yaxis, high - low)


def set_log_ticks(axis: Axis, decades: float) -> None:
    """Name powers of ten along a logarithmic axis, on a short one also 2 and 5 times those."""
    axis.set_major_locator(LogLocator(10, subs=(1, 2, 5) if decades < 2 else (1,)))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter(NullFormatter())
