"""Figures of the ECG phase study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from triptych.audit import plots
from triptych.studies.base import Figure, Finished, Study
from triptych.studies.figures import first_cells, intervals

GALLERY = ("plain", "augmentation", "simclr", "exact", "scl")
RELATIONS = {"morphology": "invariant", "timing": "variant", "detail": "free"}


def draw(
    study: Study[Any],
    results: Mapping[str, Any],
    finished: Sequence[Finished],
    folder: Path,
    note: str,
) -> list[Figure]:
    """Draw what the finished cells allow; one cell a method (its first seed)."""
    cells = first_cells(study, finished)
    figures: list[Figure] = []

    title = "Similarity of a window to itself, shifted"
    curves = {name: artifacts["curve"] for name, artifacts in cells.items()}
    plots.similarity_curves(
        curves, folder / "similarity.png", parameter="shift", unit="s", title=title, note=note
    )
    figures.append(
        Figure(
            "similarity.png",
            title,
            "Cosine of the latents of a test window and of the same window shifted, mean and 95 % "
            "interval over people; dashed: mean cosine between windows of different people. A "
            "model that a shift does not disturb stays at 1, far above its dashed line.",
            "Curves of cosine similarity against the shift, one panel a method",
        )
    )

    shown = {name: cells[name]["matches"] for name in GALLERY if name in cells}
    if shown:
        query = next(iter(cells.values()))["showcase"]
        title = "Retrieval of a beat whose window starts at another moment"
        plots.gallery(query, shown, folder / "gallery.png", rate=200.0, title=title, note=note)
        figures.append(
            Figure(
                "gallery.png",
                title,
                f"Left: the query, record {query['record']}, {query['shown']}. Right: its five "
                "nearest windows in the unshifted gallery by each method's latents, with cosine "
                "similarity, record and class of the nearest beat. A fixed rule chose the query: "
                "of the ventricular beats in records with at least 20 of them, the one with the "
                "largest shift under 200 ms.",
                "The query and the nearest windows of each method, drawn as signals",
            )
        )

    structured = next((n for n in ("scl", "scl-predict", "scl-equivariant") if n in cells), None)
    if structured is not None:
        title = f"Response of each block of {structured} to the shift"
        blocks = {
            f"{name} ({RELATIONS.get(name, 'free')})": curve
            for name, curve in cells[structured]["blocks"].items()
        }
        plots.block_responses(
            blocks, folder / "blocks.png", parameter="shift", unit="s", title=title, note=note
        )
        figures.append(
            Figure(
                "blocks.png",
                title,
                "Distance (1 − cosine) of each block between a window and its shifted self; "
                "dashed: its distance between windows of different people.",
                "Curves of the distance of every block against the size of the shift",
            )
        )

    title = "Embedding of test windows"
    maps = {
        name: cells[name]["map"]
        for name in ("plain", "augmentation", "exact", "scl")
        if name in cells
    }
    if maps:
        plots.embedding_maps(maps, folder / "map.png", title=title, note=note)
        figures.append(
            Figure(
                "map.png",
                title,
                "t-SNE of the latents of 800 test windows (invariant block where there is one), "
                "coloured by record and by AAMI class. A picture, not evidence: the figures are in "
                "the table.",
                "Two-dimensional maps of the latents of several methods",
            )
        )

    figures.append(intervals(study, results, folder, note, "seeds"))
    return figures
