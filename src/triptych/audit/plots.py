"""Figures of audits and studies, drawn from plain data (curves, coordinates, signals) into PNGs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from triptych.audit.canvas import COLOURS, GREY, INK, canvas, grid_of, styles

Curve = Mapping[str, Any]
"""A `ResponseCurve.to_dict()`: theta, distance, mean, low, high, between."""

_SCALE = {"s": (1000.0, "ms"), "deg": (1.0, "°")}  # how a transform's unit is printed


def similarity_curves(
    curves: Mapping[str, Curve],
    path: Path,
    *,
    parameter: str,
    unit: str,
    title: str,
    note: str = "",
    columns: int = 5,
) -> None:
    """Cosine of z(x) and z(T_θ x) against θ: one panel a method, the other methods in grey.

    Every panel has the method's 95 % band and, dashed, its own between-sample level.
    """
    factor, shown = _SCALE.get(unit, (1.0, unit))
    columns = min(columns, len(curves))
    rows = -(-len(curves) // columns)
    with canvas(path, max(2.15 * columns, 4.5), 2.2 * rows + 0.9, title, note) as figure:
        axes = grid_of(figure, len(curves), columns, sharex=True, sharey=True)
        floor = min(0.0, *(float(np.min([*c["low"], c["between"]])) for c in curves.values()))
        for k, (axis, (method, curve)) in enumerate(zip(axes, curves.items(), strict=True)):
            for other in curves.values():
                axis.plot(_x(other, factor), other["mean"], color=GREY, lw=0.7, zorder=1)
            x = _x(curve, factor)
            axis.fill_between(x, curve["low"], curve["high"], color=COLOURS[0], alpha=0.3, lw=0)
            axis.plot(x, curve["mean"], color=COLOURS[0], zorder=3)
            axis.axhline(curve["between"], color=COLOURS[1], ls=(0, (4, 2)), lw=1.4, zorder=2)
            axis.set_title(method)
            axis.set_ylim(floor - 0.04, 1.04)
            axis.set_yticks(np.arange(np.ceil(floor * 4) / 4, 1.01, 0.25))
            if k + columns >= len(curves):
                axis.set_xlabel(f"{parameter}, {shown}")
                axis.tick_params(labelbottom=True)
        figure.supylabel("cosine similarity to the same window", fontsize=10)
        _legend(
            figure,
            [
                ("line", COLOURS[0], "this method, 95 % band"),
                ("dash", COLOURS[1], "its between-sample level"),
                ("line", GREY, "the other methods"),
            ],
        )


def block_responses(
    curves: Mapping[str, Curve],
    path: Path,
    *,
    parameter: str,
    unit: str,
    title: str,
    note: str = "",
) -> None:
    """Distance 1 - cosine of each block against the size of the transform.

    The dashed line is the block's distance between windows of different records: a block ignores
    the transform where its curve lies near 0, far below that line. Names of the curves are the
    blocks', e.g. ``"morphology (invariant)"``.
    """
    factor, shown = _SCALE.get(unit, (1.0, unit))
    top = max(float(np.max([*_away(c)[1], 1 - c["between"]])) for c in curves.values()) * 1.08
    with canvas(path, max(2.9 * len(curves), 4.5), 3.5, title, note) as figure:
        for axis, (block, curve) in zip(
            grid_of(figure, len(curves), len(curves), sharey=True), curves.items(), strict=True
        ):
            distance, response, low, high = _away(curve)
            axis.fill_between(distance * factor, low, high, color=COLOURS[0], alpha=0.3, lw=0)
            axis.plot(distance * factor, response, color=COLOURS[0])
            axis.axhline(1 - curve["between"], color=COLOURS[1], ls=(0, (4, 2)), lw=1.4)
            axis.set_title(block)
            axis.set_ylim(-0.03 * top, top)
            axis.set_xlim(left=0)
            axis.set_xlabel(f"size of the {parameter}, {shown}")
        figure.supylabel("block distance, 1 − cosine", fontsize=10)
        _legend(
            figure,
            [
                ("line", COLOURS[0], "same window, transformed (95 % band)"),
                ("dash", COLOURS[1], "windows of different records"),
            ],
        )


def gallery(
    query: Mapping[str, Any],
    matches: Mapping[str, Sequence[Mapping[str, Any]]],
    path: Path,
    *,
    rate: float,
    title: str,
    note: str = "",
) -> None:
    """A query and the top matches of each method, drawn as signals.

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
    """
    k, rows = max(len(found) for found in matches.values()), len(matches)
    with canvas(path, max(1.8 * (k + 1) + 0.4, 6.0), 1.4 * rows + 1.3, title, note) as figure:
        axes = figure.subplots(rows, k + 1, squeeze=False)
        for row, (method, found) in enumerate(matches.items()):
            last = row == rows - 1
            left = axes[row, 0]  # the query again in every line, to compare with
            _trace(left, query["signal"], rate, INK, last)
            left.set_ylabel(method, fontsize=11, fontweight="bold")
            if row == 0:
                left.set_title(f"query: {_name(query)}\n{query['shown']}", fontsize=9)
            for spare in axes[row, len(found) + 1 :]:
                spare.remove()
            for axis, match in zip(axes[row, 1:], found, strict=False):
                right = str(match["record"]) == str(query["record"])
                colour = COLOURS[0] if right else COLOURS[1]
                _trace(axis, match["signal"], rate, colour, last)
                words = f"{'✓' if right else '✗'} {_name(match)}: {match['similarity']:.2f}"
                axis.set_title(words, fontsize=9, color=colour)
                for spine in axis.spines.values():
                    spine.set(visible=True, color=colour, lw=1.4, ls="-" if right else (0, (4, 3)))
        _legend(
            figure,
            [
                ("line", COLOURS[0], "✓ the query's record"),
                ("dash", COLOURS[1], "✗ another record"),
                ("", INK, "record, class: cosine similarity; best match on the left"),
            ],
        )


def embedding_maps(
    maps: Mapping[str, Mapping[str, Any]],
    path: Path,
    *,
    title: str,
    note: str = "",
    colour_by: tuple[str, str] = ("record", "class"),
    columns: int = 4,
) -> None:
    """Latents in two dimensions: for each method one panel by record and below it one by class.

    `maps` gives for every method ``xy`` (n, 2) and a list (n,) for each name in `colour_by`.
    Every group has a colour and a marker of its own.
    """
    columns = min(columns, len(maps))
    bands = -(-len(maps) // columns)
    width, height = 2.2 * columns + 1.7, 2.35 * 2 * bands + 0.6
    with canvas(path, width, height, title, note) as figure:
        layout = figure.add_gridspec(2 * bands, columns + 1, width_ratios=[*[1] * columns, 0.7])
        for part, by in enumerate(colour_by):
            look = styles(_groups(maps, by))
            for k, (method, points) in enumerate(maps.items()):
                axis = figure.add_subplot(layout[k // columns * 2 + part, k % columns])
                xy, names = np.asarray(points["xy"]), np.array([str(v) for v in points[by]])
                for name, (colour, marker) in look.items():
                    here = xy[names == name]
                    axis.scatter(*here.T, s=7, c=colour, marker=marker, lw=0, alpha=0.75)
                axis.set(xticks=[], yticks=[])
                axis.spines[:].set_visible(True)
                axis.set_title(f"{method}, by {by}", fontsize=10)
            names = figure.add_subplot(layout[part, columns])
            names.set_axis_off()
            names.legend(
                handles=[
                    _handle("", colour, marker, name) for name, (colour, marker) in look.items()
                ],
                loc="center left",
                bbox_to_anchor=(-0.1, 0.5),
                title=by,
                ncols=-(-len(look) // 14),
                fontsize=8,
                handletextpad=0.1,
                columnspacing=0.6,
                labelspacing=0.3,
            )


def interval_panels(
    summary: Sequence[Mapping[str, Any]],
    metrics: Sequence[str],
    path: Path,
    *,
    directions: Mapping[str, str],
    title: str,
    note: str = "",
    exact: Sequence[str] = (),
    focus: str = "",
    columns: int = 3,
) -> None:
    """Dot and whisker (mean, 95 % interval) of every method, one panel a metric.

    `summary` is that of results.json. Exact methods are squares, the method `focus` is orange.
    """
    methods = list(dict.fromkeys(str(row["method"]) for row in summary))[::-1]
    columns = min(columns, len(metrics))
    rows = -(-len(metrics) // columns)
    height = rows * (0.24 * len(methods) + 0.75) + 0.7
    with canvas(path, 3.3 * columns + 0.6, height, title, note) as figure:
        axes = grid_of(figure, len(metrics), columns, sharey=True)
        for axis, metric in zip(axes, metrics, strict=True):
            for row in summary:
                if metric not in row["metrics"]:
                    continue
                figures, method = row["metrics"][metric], str(row["method"])
                y = methods.index(method)
                colour = COLOURS[1] if method == focus else COLOURS[0]
                axis.plot([figures["low"], figures["high"]], [y, y], color=colour, lw=2)
                marker = "s" if method in exact else "o"
                axis.plot(figures["mean"], y, marker, color=colour, ms=6, mec="white", mew=0.8)
            better = {"higher": " (more is better)", "lower": " (less is better)"}
            axis.set_title(metric + better.get(directions.get(metric, ""), ""), fontsize=10)
            axis.set_yticks(range(len(methods)), methods)
            axis.set_ylim(-0.6, len(methods) - 0.4)
            axis.locator_params(axis="x", nbins=5)
            axis.grid(axis="y", visible=False)
        kinds = [("dot", COLOURS[0], "mean and 95 % interval")]
        kinds += [("square", COLOURS[0], "exact by construction")] if exact else []
        kinds += [("dot", COLOURS[1], f"{focus}, the method under study")] if focus else []
        _legend(figure, kinds)


def _x(curve: Curve, factor: float) -> Any:
    return np.asarray(curve["theta"], dtype=float) * factor


def _away(curve: Curve) -> tuple[Any, Any, Any, Any]:
    """Distance, response, low and high, values of θ of equal distance averaged."""
    distance = np.asarray(curve["distance"], dtype=np.float64)
    where, index = np.unique(np.round(distance, 9), return_inverse=True)
    share = np.eye(len(where))[index]
    share /= share.sum(axis=0)
    return where, *(1 - np.asarray(curve[name]) @ share for name in ("mean", "high", "low"))


def _groups(maps: Mapping[str, Mapping[str, Any]], by: str) -> list[str]:
    """Names of the groups: the few largest first if they are few (classes), else sorted."""
    count = Counter(str(name) for points in maps.values() for name in points[by])
    few = len(count) <= len(COLOURS)
    return [name for name, _ in count.most_common()] if few else sorted(count)


def _name(window: Mapping[str, Any]) -> str:
    """Record and class of a window in a gallery; not every dataset has classes."""
    return f"{window['record']}, {window['label']}" if window.get("label") else window["record"]


def _trace(axis: Any, signal: Any, rate: float, colour: str, last: bool) -> None:
    """A recording's channels over time, without a scale: every window is standardised."""
    channels = np.atleast_2d(np.asarray(signal, dtype=float))
    time = np.linspace(0, channels.shape[1] / rate, channels.shape[1], endpoint=False)
    looks = [colour] if len(channels) == 1 else [colour, "#777777", "#bbbbbb"]
    for i, channel in enumerate(channels):
        axis.plot(time, channel, color=looks[i % len(looks)], lw=1)
    axis.set(yticks=[], xlim=(0, channels.shape[1] / rate))
    axis.tick_params(labelbottom=last, labelsize=8)
    axis.grid(visible=False)
    axis.locator_params(axis="x", nbins=3)
    if last:
        axis.set_xlabel("time, s", fontsize=9)


def _handle(kind: str, colour: str, marker: str, label: str) -> Any:
    from matplotlib.lines import Line2D

    line = {"line": "-", "dash": (0, (4, 2))}.get(kind, "none")
    return Line2D([], [], color=colour, ls=line, marker=marker, label=label, ms=6, mew=0)


def _legend(figure: Any, kinds: Sequence[tuple[str, str, str]]) -> None:
    markers = {"dot": "o", "square": "s"}
    handles = [_handle(kind, colour, markers.get(kind, ""), text) for kind, colour, text in kinds]
    figure.legend(handles=handles, loc="outside lower left", ncols=len(handles), fontsize=9)
