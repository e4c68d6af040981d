"""Figures that show windows themselves: what a query finds, what excites a dimension, swaps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from triptych.audit.canvas import COLOURS, GREY, INK, canvas, fit_titles, legend
from triptych.audit.swap import BlockSwap

__all__ = ["excited_dimensions", "gallery", "swaps"]


def gallery(
    query: Mapping[str, Any],
    matches: Mapping[str, Sequence[Mapping[str, Any]]],
    path: Path,
    *,
    rate: float,
    title: str,
    note: str = "",
    right: str = "record",
) -> None:
    """A query and the top matches of each method, drawn as signals, a channel above the other.

    Parameters
    ----------
    query
        ``signal`` (channels, time) or (time,), ``record``, ``label``, ``shown`` (how it was
        transformed, e.g. ``"shifted by −120 ms"``).
    matches
        Method to matches, best first: ``signal``, ``record``, ``label``, ``similarity``. A match
        of the query's record has a solid frame and a tick, another a dashed frame and a cross.
    rate
        Hz.
    right
        ``"record"``, or ``"label"``: then ticks are for the query's class.
    """
    k, rows = max(len(found) for found in matches.values()), len(matches)
    channels = len(np.atleast_2d(np.asarray(query["signal"])))
    tall = max(1.4, 0.3 * channels + 0.3)
    width = max(1.8 * (k + 1) + (1.0 if channels > 1 else 0.4), 6.0)
    with canvas(path, width, tall * rows + 1.5, title, note) as figure:
        axes = figure.subplots(rows, k + 1, squeeze=False)
        for row, (method, found) in enumerate(matches.items()):
            last = row == rows - 1
            left = axes[row, 0]  # the query again in every line, to compare with
            _trace(left, query["signal"], rate, INK, last, named=True)
            left.set_ylabel(method, fontsize=11, fontweight="bold")
            if row == 0:
                left.set_title(f"query\n{_name(query)}\n{query['shown']}", fontsize=9)
            for spare in axes[row, len(found) + 1 :]:
                spare.remove()
            for axis, match in zip(axes[row, 1:], found, strict=False):
                hit = str(match[right]) == str(query[right])
                colour = COLOURS[0] if hit else COLOURS[1]
                _trace(axis, match["signal"], rate, colour, last)
                words = f"{'✓' if hit else '✗'} {match['similarity']:.2f}\n{_name(match)}"
                axis.set_title(words, fontsize=9, color=colour)
                for spine in axis.spines.values():
                    spine.set(visible=True, color=colour, lw=1.4, ls="-" if hit else (0, (4, 3)))
        what = {"record": "record", "label": "class"}[right]
        kinds = [
            ("line", COLOURS[0], f"✓ of the query's {what}"),
            ("dash", COLOURS[1], f"✗ of another {what}"),
            ("", INK, "number: cosine similarity, best on the left"),
        ]
        legend(figure, kinds)
        fit_titles(figure, [axis for axis in axes.flat if axis.figure is not None])


def _name(window: Mapping[str, Any]) -> str:
    """Record and class of a window in a gallery; not every dataset has classes."""
    return f"{window['record']}, {window['label']}" if window.get("label") else window["record"]


def _trace(
    axis: Any, signal: Any, rate: float, colour: str, last: bool, named: bool = False
) -> None:
    """A recording's channels over time, the first on top, numbered at the left where `named`.

    Without a scale: every window is standardised.
    """
    channels = np.atleast_2d(np.asarray(signal, dtype=np.float64))
    n = channels.shape[1]
    time = [i / rate for i in range(n)]
    step = 1.05 * float(np.ptp(channels, axis=1).max()) or 1.0
    middle = (channels.max(axis=1) + channels.min(axis=1)) / 2
    places = -step * np.arange(len(channels))
    for channel, place, half in zip(channels, places, middle, strict=True):
        axis.plot(time, channel - half + place, color=colour, lw=1)
    axis.set(yticks=[], xlim=(0, n / rate))
    if named and len(channels) > 1:
        axis.set_yticks(places, [f"channel {k + 1}" for k in range(len(channels))], fontsize=7)
        axis.tick_params(axis="y", length=0)
    axis.tick_params(axis="x", labelbottom=last, labelsize=8)
    axis.grid(visible=False)
    axis.locator_params(axis="x", nbins=3)
    if last:
        axis.set_xlabel("time, s", fontsize=9)


def excited_dimensions(
    found: Sequence[Mapping[str, Any]],
    path: Path,
    *,
    title: str,
    note: str = "",
    channels: Sequence[str] = (),
) -> None:
    """Draw the windows that excite single dimensions most, a column a dimension.

    Parameters
    ----------
    found
        ``dimension``, ``speaks_for``, ``share`` and ``open`` (0 to 1), and ``signals``, each
        (channels, time) or an image (height, width), with one of ``labels`` each.
    channels
        Their names; numbered where they are not known.
    """
    deep, wide = max(len(each["signals"]) for each in found), len(found)
    with canvas(path, max(1.2 * wide, 4.0), 1.05 * deep + 1.5, title, note) as figure:
        axes = figure.subplots(deep, wide, squeeze=False)
        drawn = 0
        for column, each in enumerate(found):
            for axis, signal, label in zip(
                axes[:, column], each["signals"], each["labels"], strict=False
            ):
                x = np.array(signal, dtype=float)
                if x.shape[0] == x.shape[1]:
                    axis.imshow(x, cmap="gray_r")
                else:
                    drawn = min(3, len(x))
                    for values, colour in zip(x[:3], COLOURS, strict=False):
                        axis.plot(values, color=colour if drawn > 1 else INK, lw=1.0)
                axis.set(xticks=[], yticks=[])
                axis.grid(visible=False)
                axis.set_xlabel(str(label)[:18], fontsize=7, labelpad=2)
            axes[0, column].set_title(
                f"dimension {each['dimension']}\n{str(each['speaks_for'])[:18]}: "
                f"{100 * each['share']:.0f} %\nopen in {100 * each['open']:.1f} %",
                fontsize=7,
                loc="center",
            )
        if drawn > 1:
            names = list(channels[:drawn]) or [f"channel {k + 1}" for k in range(drawn)]
            names[-1] += ", each window on its own scale"
            legend(figure, [("line", COLOURS[k], name) for k, name in enumerate(names)])


def swaps(swap: BlockSwap, path: Path, *, title: str, note: str = "") -> None:
    """Decoded windows with one block of x and the others of y: a column a block, a row a kind."""
    kinds = tuple(zip(swap.examples, (swap.between_pairs, swap.transformed), strict=True))
    names = list(swap.between_pairs)
    with canvas(path, max(2.9 * len(names), 6.0), 5.2, title, note) as figure:
        axes = figure.subplots(2, len(names), squeeze=False, sharex=True, sharey="row")
        for row, (example, share) in enumerate(kinds):
            at = np.arange(len(example["x"])) / example["rate"]
            for axis, name in zip(axes[row], names, strict=True):
                axis.plot(at, example["y"], color=GREY, lw=1.6)
                axis.plot(at, example["x"], color=COLOURS[1], lw=1.2, ls=(0, (4, 2)))
                axis.plot(at, example[name], color=COLOURS[0], lw=1.5)
                told = "collapsed" if np.isnan(share[name]) else f"{share[name]:.2f}"
                axis.set_title(f"{name} of x: {told}", fontsize=10)
                if row == 1:
                    axis.set_xlabel("time, s")
            axes[row, 0].set_ylabel(f"{example['words']}\n{example['channel']}, decoded")
        legend(
            figure,
            [
                ("line", COLOURS[0], "one block of x, the others of y"),
                ("dash", COLOURS[1], "x as decoded"),
                ("line", GREY, "y as decoded"),
            ],
        )
