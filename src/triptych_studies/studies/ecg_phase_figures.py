"""Figures of the ECG phase study."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from triptych.audit.canvas import COLOURS, GREY, canvas, grid_of, legend
from triptych.audit.pictures import gallery
from triptych.audit.plots import block_responses
from triptych_studies.figures import Album
from triptych_studies.maps import embedding_maps

GALLERY = ("plain", "augmentation", "simclr", "exact", "scl")
MAPPED = ("plain", "augmentation", "exact", "scl")
STRUCTURED = ("scl", "scl-predict", "scl-equivariant")  # the first that was run is looked into
DRAWN = {"matches": GALLERY, "showcase": GALLERY, "map": MAPPED, "blocks": STRUCTURED}
RELATIONS = {"morphology": "invariant", "timing": "variant", "detail": "free"}


def draw(album: Album) -> None:
    """Draw what the finished cells allow; one cell per method (its first seed)."""
    album.add(
        "similarity.png",
        "Similarity of a window to itself, shifted",
        _similarity,
        album.having("curve"),
        caption="Cosine of the latents of a test window and of the same window shifted, mean and "
        "95 % interval over subjects; dashed: mean cosine between windows of different subjects. "
        "An invariant model stays at 1, far above its dashed line.",
        alt="Curves of cosine similarity against the shift, one panel per method",
    )

    shown = album.having("matches", GALLERY)
    if shown:
        query = next(iter(album.having("showcase", GALLERY).values()))
        album.add(
            "gallery.png",
            "Retrieval of a beat whose window starts at another moment",
            gallery,
            query,
            shown,
            rate=200.0,
            caption=f"Left: the query, record {query['record']}, {query['shown']}. Right: its five "
            "nearest windows in the unshifted gallery by each method's latents, with cosine "
            "similarity, record and class of the nearest beat. A fixed rule chose the query: of "
            "the ventricular beats in records with at least 20 of them, the one with the largest "
            "shift under 200 ms.",
            alt="The query and the nearest windows of each method, drawn as signals",
        )

    for method, curves in list(album.having("blocks", STRUCTURED).items())[:1]:
        album.add(
            "blocks.png",
            f"Response of each block of {method} to the shift",
            block_responses,
            {f"{n} ({RELATIONS.get(n, 'free')})": curve for n, curve in curves.items()},
            parameter="shift",
            unit="s",
            caption="Distance (1 − cosine) of each block between a window and its shifted self; "
            "dashed: its distance between windows of different subjects.",
            alt="Curves of the distance of every block against the size of the shift",
        )

    album.add(
        "map.png",
        "Embedding of test windows",
        embedding_maps,
        album.having("map", MAPPED),
        caption="t-SNE of the latents of 800 test windows (invariant block where there is one), "
        "coloured by record and by AAMI class. A picture, not evidence: the metrics are in the "
        "table.",
        alt="Two-dimensional maps of the latents of several methods",
    )
    album.add_intervals("seeds")


def _similarity(curves: Mapping[str, Any], path: Path, title: str, note: str) -> None:
    """Cosine of z(x) and z(T_θ x) against θ: one panel per method, the other methods in grey.

    Every panel has the method's 95 % band and, dashed, its own between-sample level.
    """

    def ms(curve: Mapping[str, Any]) -> Any:
        return 1000 * np.asarray(curve["theta"], dtype=float)

    columns = min(5, len(curves))
    rows = -(-len(curves) // columns)
    with canvas(path, max(2.15 * columns, 4.5), 2.2 * rows + 0.9, title, note) as figure:
        axes = grid_of(figure, len(curves), columns, sharex=True, sharey=True)
        floor = min(0.0, *(float(np.min([*c["low"], c["between"]])) for c in curves.values()))
        for k, (axis, (method, curve)) in enumerate(zip(axes, curves.items(), strict=True)):
            for other in curves.values():
                axis.plot(ms(other), other["mean"], color=GREY, lw=0.7, zorder=1)
            x = ms(curve)
            axis.fill_between(x, curve["low"], curve["high"], color=COLOURS[0], alpha=0.3, lw=0)
            axis.plot(x, curve["mean"], color=COLOURS[0], zorder=3)
            axis.axhline(curve["between"], color=COLOURS[1], ls=(0, (4, 2)), lw=1.4, zorder=2)
            axis.set_title(method)
            axis.set_ylim(floor - 0.04, 1.04)
            axis.set_yticks(np.arange(np.ceil(floor * 4) / 4, 1.01, 0.25))
            if k + columns >= len(curves):
                axis.set_xlabel("shift, ms")
                axis.tick_params(labelbottom=True)
        figure.supylabel("cosine to the same window", fontsize=10)
        legend(
            figure,
            [
                ("line", COLOURS[0], "this method, 95 % band"),
                ("dash", COLOURS[1], "its between-sample level"),
                *([("line", GREY, "the other methods")] * (len(curves) > 1)),
            ],
        )
