"""Figures of the course: one palette, alt text for every picture, Korean glyphs everywhere.

    figure, axes = new(1, 2)
    heat_map(axes[0], weights, rows=tokens, columns=tokens, title="weights")
    show(figure, alt="The attention weights of ...")

Needs only matplotlib. `show` returns an object that a notebook displays; it is the last line of a cell.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from html import escape
from pathlib import Path

import matplotlib
import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from matplotlib.patches import FancyBboxPatch

FONT = Path(__file__).parent / "fonts" / "CourseHangul.ttf"
fontManager.addfont(str(FONT))
FAMILY = ["DejaVu Sans", "Course Hangul"]  # of text that holds Korean

# Okabe and Ito's colours tell apart for all common kinds of colour vision; lines differ in dashes and markers too
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)), (0, (8, 2)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
COLOUR_MAP = "cividis"  # grows evenly in lightness, reads the same in grey
SIGNED_MAP = "RdBu"  # for numbers of both signs: red below zero, blue above, zero is white

_STYLE = {
    "font.family": FAMILY,
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": True,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "image.cmap": COLOUR_MAP,
}


def new(rows: int = 1, columns: int = 1, size: tuple[float, float] | None = None, **options):
    """A figure and its axes, as `matplotlib.pyplot.subplots` gives them; `size` in inches (width, height)."""
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=size or (4.2 * columns, 3.2 * rows), dpi=100, layout="constrained")
        axes = figure.subplots(rows, columns, **options)
    return figure, axes


def box(
    axes: Axes,
    x: float,
    y: float,
    text: str,
    colour: str,
    width: float = 2.6,
    height: float = 0.8,
    bold: bool = False,
) -> None:
    """A rounded box of a diagram with its text, centred on (x, y)."""
    corner = (x - width / 2, y - height / 2)
    style = "round,pad=0.02,rounding_size=0.1"
    line = 2.4 if bold else 1.4
    axes.add_patch(FancyBboxPatch(corner, width, height, style, facecolor="white", edgecolor=colour, linewidth=line))
    axes.text(x, y, text, ha="center", va="center", fontsize=9.5)


def arrow(
    axes: Axes, start: tuple[float, float], end: tuple[float, float], colour: str = "black", dashes: str = "-"
) -> None:
    """An arrow of a diagram."""
    style = {"arrowstyle": "-|>", "color": colour, "linewidth": 1.6, "linestyle": dashes, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", xy=end, xytext=start, arrowprops=style)


def line_style(index: int) -> dict:
    """Colour, dashes and marker of the line number `index`, for `axes.plot(..., **line_style(0))`."""
    return {
        "color": COLOURS[index % len(COLOURS)],
        "linestyle": DASHES[index % len(DASHES)],
        "marker": MARKERS[index % len(MARKERS)],
        "markersize": 5,
    }


def heat_map(
    axes: Axes,
    matrix,
    rows: Sequence[str] | None = None,
    columns: Sequence[str] | None = None,
    title: str = "",
    x_label: str = "",
    y_label: str = "",
    decimals: int | None = 2,
    limits: tuple[float, float] | None = None,
    hide_zeros: bool = False,
):
    """Draw a matrix, one cell per number, with its labels on both axes; `decimals=None` leaves the numbers out.

    `limits` is the range of the colours, for one scale in several panels; below zero it is made symmetric (`signed`).
    """
    matrix = np.asarray(matrix, dtype=float)
    finite = matrix[np.isfinite(matrix)]
    low, high = limits if limits else (finite.min(), finite.max())
    if low < 0:
        low, high = signed((low, high))
    image = axes.imshow(matrix, cmap=SIGNED_MAP if low < 0 else COLOUR_MAP, vmin=low, vmax=high, aspect="auto")
    if columns is not None:
        axes.set_xticks(range(len(columns)), columns, rotation=45 if max(map(len, map(str, columns))) > 4 else 0)
    if rows is not None:
        axes.set_yticks(range(len(rows)), rows)
    axes.set(title=title, xlabel=x_label, ylabel=y_label)
    axes.spines[:].set_visible(False)
    if decimals is not None:
        colours = image.cmap(image.norm(matrix))
        for (row, column), number in np.ndenumerate(matrix):
            if hide_zeros and number == 0:
                continue
            text = f"{number:.{decimals}f}".replace("-inf", "−∞").replace("-", "−")
            colour = _readable_on(colours[row, column]) if np.isfinite(number) else "black"
            axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=8.5)
    return image


def signed(*matrices) -> tuple[float, float]:
    """The limits of one colour scale for all these matrices, with zero in the middle."""
    largest = max(float(np.nanmax(np.abs(np.asarray(matrix, dtype=float)))) for matrix in matrices)
    return -largest, largest


def _readable_on(colour) -> str:
    """Black or white, whichever has the higher contrast (relative luminance as WCAG 2 defines it)."""
    channels = np.asarray(colour[:3])
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    luminance = float(linear @ [0.2126, 0.7152, 0.0722])
    return "black" if (luminance + 0.05) / 0.05 > 1.05 / (luminance + 0.05) else "white"


class Picture:
    """A finished figure: PNG bytes and the text that says the same in words."""

    def __init__(self, png: bytes, alt: str):
        self.png, self.alt = png, alt

    @property
    def html(self) -> str:
        """An <img> with alternative text; for widgets, and for JupyterLab, which shows image/png without any."""
        alt = escape(self.alt, quote=True)
        return f'<img style="max-width:100%" alt="{alt}" src="data:image/png;base64,{self._data}">'

    @property
    def _data(self) -> str:
        return base64.b64encode(self.png).decode()

    def _repr_mimebundle_(self, include=None, exclude=None):
        bundle = {"text/plain": f"Figure: {self.alt}", "text/html": self.html, "image/png": self._data}
        return bundle, {"image/png": {"alt": self.alt}}

    def __repr__(self) -> str:
        return f"Figure: {self.alt}"


def show(figure: Figure, alt: str) -> Picture:
    """Finish a figure. `alt` says in one to three sentences what it shows; ValueError if it is missing or if one of the
    axes is empty."""
    if not alt or len(alt.strip()) < 20:
        raise ValueError("alt: say in a sentence or more what the figure shows")
    for axes in figure.axes:
        if axes.axison and not (axes.has_data() or axes.texts):
            raise ValueError("one of the axes is empty: nothing was drawn into it")
    return Picture(png_bytes(figure), " ".join(alt.split()))


def png_bytes(figure: Figure) -> bytes:
    """The figure as a small PNG; equal figures give equal bytes."""
    from PIL import Image

    raw = io.BytesIO()
    with matplotlib.rc_context(_STYLE):
        figure.savefig(raw, format="png", metadata={"Software": None})
    raw.seek(0)
    out = io.BytesIO()
    Image.open(raw).convert("RGB").quantize(128, dither=Image.Dither.NONE).save(out, format="PNG", optimize=True)
    return out.getvalue()
