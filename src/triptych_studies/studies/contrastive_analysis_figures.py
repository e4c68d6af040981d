"""Figures of the contrastive-analysis study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from triptych.audit.canvas import COLOURS, INK, canvas
from triptych.audit.plots import block_factor_map
from triptych_studies.figures import Album
from triptych_studies.maps import embedding_maps

SPACES = ("common", "salient")


def draw(album: Album) -> None:
    """Draw maps, neighbours and intervals from the first seed of the method under study."""
    focus = album.study.focus
    if focus in album.cells:
        _inside(album, focus, album.cells[focus])
    album.add_intervals("seeds")


def _inside(album: Album, focus: str, artifacts: Mapping[str, Any]) -> None:
    """What the two spaces of one method look like."""
    own, shared = artifacts["names"]
    spaces = {space: artifacts[f"map_{space}"] for space in SPACES}
    album.add(
        "maps.png",
        f"Common and salient space of {focus}",
        embedding_maps,
        {s: {"xy": m["xy"], own: m["own"], shared: m["shared"]} for s, m in spaces.items()},
        colour_by=(own, shared),
        caption=f"t-SNE of test samples' latents, by {own} (none: background) and by {shared}; "
        "the salient map shows targets alone, since the background lies on one point. A picture, "
        "not evidence: the metrics are in the table.",
        alt="Two-dimensional maps of the common and the salient latents",
    )
    album.add(
        "neighbours.png",
        f"Nearest neighbours in either space of {focus}",
        neighbours,
        artifacts["neighbours"],
        (own, shared),
        caption=f"Left: a test target, drawn at random. Right: its five nearest test samples by "
        f"the common latents, which should share its {shared}, and by the salient ones, which "
        f"should share its {own}. A frame in colour: they do.",
        alt="Test samples and their nearest neighbours in the common and the salient space",
    )
    if "attributes" in artifacts:
        names = artifacts["attributes"]["names"]
        album.add(
            "attributes.png",
            "What each salient dimension carries",
            block_factor_map,
            [
                {"block": block, "factor": factor, "score": score, "p": 0.0, "relation": None}
                for block, row in zip(names, artifacts["attributes"]["spearman"], strict=True)
                for factor, score in zip(names, row, strict=True)
                if score is not None  # of a dimension that has collapsed
            ],
            meant={name: name for name in names},
            caption="Size of the rank correlation between each salient dimension (rows) and each "
            "attribute (columns) on test targets; framed: the attribute that supervises it. The "
            "shape has three classes without an order: its column is no measure of what is known "
            "of it.",
            alt="A table of five dimensions against five attributes, shaded by correlation",
        )


def neighbours(
    rows: Sequence[Mapping[str, Any]],
    names: tuple[str, str],
    path: Path,
    title: str,
    note: str = "",
) -> None:
    """Queries and their neighbours by the common and by the salient latents.

    `rows` have ``query`` and a list for each space; samples are ``x`` (time) or (height, width),
    ``own`` and ``shared``, which `names` call by their words.
    """
    k = len(rows[0]["common"])
    lines = [(row, space) for row in rows for space in SPACES]
    with canvas(path, 1.35 * (k + 1) + 0.6, 1.45 * len(lines) + 0.7, title, note) as figure:
        axes = figure.subplots(len(lines), k + 1, squeeze=False)
        for line, (row, space) in zip(axes, lines, strict=True):
            word, key = (names[1], "shared") if space == "common" else (names[0], "own")
            query = row["query"]
            _sample(line[0], query["x"], INK)
            line[0].set_title(f"{word} {query[key]}", fontsize=8)
            line[0].set_ylabel(f"by {space}", fontsize=9, fontweight="bold")
            for axis, found in zip(line[1:], row[space], strict=True):
                right = found[key] == query[key]
                colour = COLOURS[0] if right else COLOURS[1]
                _sample(axis, found["x"], colour)
                axis.set_title(f"{'✓' if right else '✗'} {found[key]}", fontsize=8, color=colour)


def _sample(axis: Any, x: Any, colour: str) -> None:
    values = np.asarray(x, dtype=float)
    if values.ndim == 2:
        axis.imshow(values, cmap="gray", vmin=0, vmax=1)
    else:
        axis.plot(values, color=colour, lw=1)
    axis.set(xticks=[], yticks=[])
    axis.grid(visible=False)
    for spine in axis.spines.values():
        spine.set(visible=True, color=colour, lw=1.6)
