"""What every figure shares: colours that colour-blind readers tell apart, sizes, saving."""

from __future__ import annotations

import io
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from textwrap import wrap
from typing import Any

from triptych.files import write_atomically

__all__ = [
    "COLOURS",
    "GREY",
    "INK",
    "MARKERS",
    "canvas",
    "fit_titles",
    "grid_of",
    "handle",
    "legend",
    "lowest_of",
    "styles",
    "titled",
]

# Okabe and Ito, "Color universal design" (2008), without the yellow, which is too pale for lines.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
GREY = "#b4b4b4"
INK = "#222222"

# Dots an inch and colours in the palette, finest first: the first that makes a small file is taken.
# Figures are laid out for 100 dots an inch.
FINENESS = ((200, 256), (200, 64), (150, 64), (100, 64), (100, 16))
SMALL = 195_000  # bytes; a report carries every figure inside itself

_STARTS = (0.95, 0.9, 0.8, 0.5)  # of an axis that ends at 1, where it need not begin at 0


@contextmanager
def canvas(path: Path, width: float, height: float, title: str, note: str = "") -> Generator[Any]:
    """Matplotlib figure of `width` x `height` inches that is saved as PNG at the end.

    `note` ("simulated") follows the title. No state of matplotlib outlives the block.
    """
    from matplotlib import style
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with style.context("triptych.audit.triptych"):
        figure: Any = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(figure)
        above = figure.suptitle(titled(title, note), x=0.008, ha="left")
        _fit(above, 0.98 * figure.bbox.width, figure.canvas.get_renderer())
        yield figure
        _save(figure, path)


def titled(title: str, note: str) -> str:
    """Title with the note behind it, unless it says so already."""
    return f"{title} · {note}" if note and note not in title else title


def _save(figure: Any, path: Path) -> None:
    """Write the PNG with a palette, a third of the size of full colour, as fine as is small."""
    from PIL import Image

    drawn: dict[int, Image.Image] = {}
    packed = io.BytesIO()
    for dpi, colours in FINENESS:
        if dpi not in drawn:
            raw = io.BytesIO()
            figure.savefig(raw, dpi=dpi, format="png", facecolor="white")
            drawn[dpi] = Image.open(raw).convert("RGB")
        packed = io.BytesIO()
        image = drawn[dpi].quantize(colours, method=Image.Quantize.MAXCOVERAGE)
        image.save(packed, format="png", optimize=True, dpi=(dpi, dpi))
        if packed.tell() < SMALL:
            break
    with write_atomically(path, "wb") as handle:
        handle.write(packed.getvalue())


def grid_of(figure: Any, count: int, columns: int, **shared: Any) -> list[Any]:
    """`count` axes in rows of `columns`, in reading order."""
    rows = -(-count // columns)
    axes = figure.subplots(rows, columns, squeeze=False, **shared).ravel()
    for spare in axes[count:]:
        spare.remove()
    return list(axes[:count])


def styles(names: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Colour and marker of every name; a pair comes again only after 49 names."""
    k = len(COLOURS)
    return {
        name: (COLOURS[i % k], MARKERS[(i + i // k) % len(MARKERS)]) for i, name in enumerate(names)
    }


def handle(kind: str, colour: str, marker: str, label: str) -> Any:
    """Entry of a legend: a "line", a "dash", "dots" or, with a marker only, anything else."""
    from matplotlib.lines import Line2D

    line = {"line": "-", "dash": (0, (4, 2)), "dots": ":"}.get(kind, "none")
    return Line2D([], [], color=colour, ls=line, marker=marker, label=label, ms=6, mew=0)


def legend(figure: Any, kinds: Sequence[tuple[str, str, str]]) -> None:
    """Under the figure, in as few lines as its width allows: (kind, colour, words).

    A kind is one of `handle`, "dot", "square", or a marker of `MARKERS`.
    """
    markers = {"dot": "o", "square": "s"} | {marker: marker for marker in MARKERS}
    handles = [handle(kind, colour, markers.get(kind, ""), text) for kind, colour, text in kinds]
    room, renderer = figure.bbox.width, figure.canvas.get_renderer()
    for columns in range(len(handles), 0, -1):
        made = figure.legend(
            handles=handles, loc="outside lower left", ncols=columns, fontsize=9, columnspacing=1.5
        )
        if columns == 1 or made.get_window_extent(renderer).width <= room:
            return
        made.remove()


def fit_titles(figure: Any, axes: Sequence[Any]) -> None:
    """Break the titles of panels that are wider than their panel; call it when all is drawn."""
    figure.get_layout_engine().execute(figure)
    renderer = figure.canvas.get_renderer()
    for axis in axes:
        room = axis.get_window_extent(renderer).width
        for place in ("left", "center"):
            _fit(axis.title if place == "center" else axis._left_title, room, renderer)


def _fit(text: Any, room: float, renderer: Any) -> None:
    """Break a text between words, and shorten words in their middle, until it is `room` wide."""
    if text.get_window_extent(renderer).width <= room:
        return
    text.set_text(str(text.get_text()).replace(" (", "\n("))
    whole = str(text.get_text()).split("\n")
    for width in range(max(map(len, whole)), 3, -1):
        if text.get_window_extent(renderer).width <= room:
            return
        lines = [part for line in whole for part in wrap(line, width, break_long_words=False)]
        text.set_text("\n".join(shortened(line, width) for line in lines))


def shortened(name: str, width: int) -> str:
    """`name` in at most `width` characters: what stands in its middle is left out."""
    if len(name) <= width:
        return name
    end = (width - 1) // 2
    return f"{name[: width - 1 - end]}…{name[len(name) - end :]}"


def lowest_of(values: Sequence[float]) -> float:
    """Where an axis of similarities up to 1 begins: at 0, or nearer to 1 if nothing is drawn there.

    Never nearer than 0.95: differences of a hundredth are to look small. Values below 0 are drawn.
    """
    lowest = min(values)
    fit = [start for start in _STARTS if lowest >= start + 0.1 * (1 - start)]
    return fit[0] if fit else min(0.0, lowest)
