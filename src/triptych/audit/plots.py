"""Figures of what blocks do and know, drawn from plain data (curves, scores) into PNGs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from triptych.audit.canvas import COLOURS, INK, canvas, fit_titles, grid_of, legend
from triptych.metrics.sweeps import equal_distances

__all__ = [
    "block_factor_map",
    "block_responses",
]

Curve = Mapping[str, Any]
"""A `ResponseCurve.to_dict()`: theta, distance, mean, low, high, between."""

_CHANCE = "#777777"
_SCALE = {"s": (1000.0, "ms"), "degrees": (1.0, "°")}  # how a transform's unit is printed


def block_responses(
    curves: Mapping[str, Curve],
    path: Path,
    *,
    parameter: str,
    unit: str,
    title: str,
    note: str = "",
    groups: str = "subjects",
) -> None:
    """Distance 1 - cosine of each block against the size of the transform.

    The dashed line is the block's distance between windows of different `groups`: a block ignores
    the transform where its curve lies near 0, far below that line. Names of the curves are the
    blocks', e.g. ``"morphology (invariant)"``. Panels share one axis (see `block_tops`) unless
    that makes one of them flat.
    """
    factor, shown = _SCALE.get(unit, (1.0, unit))
    tops = block_tops(curves)
    own = len(set(tops.values())) > 1
    with canvas(path, max(2.9 * len(curves), 4.5), 3.5, title, note) as figure:
        axes = grid_of(figure, len(curves), len(curves), sharey=not own)
        for axis, (block, curve) in zip(axes, curves.items(), strict=True):
            distance, response, low, high = _away(curve)
            axis.fill_between(distance * factor, low, high, color=COLOURS[0], alpha=0.3, lw=0)
            axis.plot(distance * factor, response, color=COLOURS[0])
            axis.axhline(1 - curve["between"], color=COLOURS[1], ls=(0, (4, 2)), lw=1.4)
            axis.set_title(f"{block}: collapsed" if curve.get("collapsed") else block)
            axis.set_ylim(-0.03 * tops[block], tops[block])
            axis.set_xlim(left=0)
            axis.set_xlabel(f"size of the {parameter}, {shown}")
        figure.supylabel("block distance, 1 − cosine", fontsize=10)
        kinds = [
            ("line", COLOURS[0], "same window, transformed (95 % band)"),
            ("dash", COLOURS[1], f"windows of different {groups}"),
        ]
        kinds += [("", INK, "every panel has a scale of its own: compare with its dashes")] * own
        legend(figure, kinds)
        fit_titles(figure, axes)


def block_tops(curves: Mapping[str, Curve]) -> dict[str, float]:
    """Where the axis of each block ends: above all that is drawn, at 0.01 or more.

    All end at the same place, unless one would then fill less than a quarter of its panel.
    """
    tops = {
        block: max(0.01, 1.08 * float(np.nanmax([*_away(curve)[3], 1 - curve["between"]])))
        for block, curve in curves.items()
    }
    highest = max(tops.values())
    return tops if min(tops.values()) < highest / 4 else dict.fromkeys(tops, highest)


def block_factor_map(
    cells: Sequence[Mapping[str, Any]],
    path: Path,
    *,
    meant: Mapping[str, str],
    title: str,
    note: str = "",
) -> None:
    """Heat map of what each block knows of each factor.

    `cells` are the rows of a `GlassBox`, and `meant` its blocks of factors: these are framed; a
    dashed frame is around θ in a block that declares to be invariant to it. Scores that are not
    above 0, or that shuffled truths reach (p ≥ 0.05), are grey; a dash stands where a factor was
    not read from a block. The legend names what is drawn.
    """
    blocks = list(dict.fromkeys(str(cell["block"]) for cell in cells))
    factors = list(dict.fromkeys(str(cell["factor"]) for cell in cells))
    table = np.full((len(blocks), len(factors)), np.nan)
    width, height = 1.15 * len(factors) + 2.6, 0.55 * len(blocks) + 1.7
    kinds = {
        "own": ("line", COLOURS[1], "the block meant for the factor"),
        "invariant": ("dash", COLOURS[1], "declared invariant: should be 0"),
        "chance": ("", _CHANCE, "grey: no more than by chance"),
        "unread": ("", INK, "–  not read from this block"),
    }
    there: set[str] = set()
    with canvas(path, max(width, 8.4), height, title, note) as figure:
        axis = figure.subplots()
        for cell in cells:
            y, x = blocks.index(str(cell["block"])), factors.index(str(cell["factor"]))
            table[y, x] = value = float(cell["score"])
            chance = cell["p"] >= 0.05 or value <= 0
            ink = _CHANCE if chance else INK
            if value > 0.55:
                ink = "#c9c9c9" if chance else "white"
            words = f"{value:.2f}".replace("-", "−").replace("−0.00", "0.00")
            axis.text(x, y, words, color=ink, ha="center", va="center")
            own = meant.get(factors[x]) == blocks[y]
            if own or cell["relation"] == "invariant":
                there.add("own" if own else "invariant")
                style = {
                    "fill": False,
                    "lw": 2.4,
                    "ec": COLOURS[1],
                    "ls": "-" if own else (0, (2, 1)),
                }
                axis.add_patch(_rectangle((x - 0.46, y - 0.44), 0.92, 0.88, **style))
            there |= {"chance"} if chance else set()
        for y, x in np.argwhere(np.isnan(table)).tolist():
            axis.text(x, y, "–", color=INK, ha="center", va="center")
            there.add("unread")
        image = axis.imshow(table, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        axis.set_xticks(range(len(factors)), factors)
        axis.set_yticks(range(len(blocks)), blocks)
        axis.grid(visible=False)
        axis.set(xlabel="factor", ylabel="block")
        figure.colorbar(image, label="score: 0 chance, 1 all known")
        legend(figure, [kind for name, kind in kinds.items() if name in there])


def _rectangle(*place: Any, **style: Any) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle(*place, **style)


def _away(curve: Curve) -> tuple[Any, Any, Any, Any]:
    """Distance, response, low and high, values of θ of equal distance averaged."""
    where, share = equal_distances(curve["distance"])
    # a cosine that is high is a distance that is low
    mean, low, high = (
        1 - np.asarray(curve[name], dtype=float) @ share for name in ("mean", "high", "low")
    )
    return where, mean, low, high
