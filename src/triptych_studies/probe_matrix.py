"""The probe matrix of a study's methods: measured in the first cell of each, shown in one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from triptych.audit.factors import knowledge, readable
from triptych.audit.plots import block_factor_map
from triptych.audit.tables import Table, Value
from triptych.latent import LatentSchema
from triptych.metrics import Factor, FactorMatrix, Known
from triptych_studies.base import Finished
from triptych_studies.figures import Album, first_cells
from triptych_studies.grid import Study
from triptych_studies.scores import Scores

ALL = "all blocks"  # beside the blocks of a latent that has several


def metrics(factor: str, words: str) -> dict[str, str]:
    """Lines for ``purity@…`` and ``leakage@…`` of a study's `metrics`."""
    return {
        f"purity@{factor}": f"↑ score of {words} (R², other subjects than the probe was fitted on; "
        "below 0 counts as 0) in the block that is meant for it, minus the best score in another "
        "block that declares a relation; probe matrix, first seed and fold",
        f"leakage@{factor}": f"↓ score of {words} in the blocks that declare to be invariant to "
        "the transform (the best of them); probe matrix, first seed and fold",
    }


def with_all(z: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Latents by block and, where there are several, all of them as one."""
    import torch

    return {**z, ALL: torch.cat(list(z.values()), dim=1)} if len(z) > 1 else dict(z)


def measure(factors: Sequence[Factor], schema: LatentSchema, scores: Scores) -> FactorMatrix | None:
    """Read the factors from the blocks and keep the matrix; None if the data have none of them."""
    box, notes = readable(factors, schema)
    if box is not None:
        scores.artifacts["glass_box"] = box.to_dict() | {"notes": notes}
    return box


def score_of(box: FactorMatrix, factor: str, blocks: Sequence[str]) -> float:
    """Best score of a factor in any of these blocks, NaN if it was not read; below 0 counts as 0.

    The runner leaves out a figure that is NaN.
    """
    held = [c.score for c in box.cells if c.factor == factor and c.block in blocks]
    return max(0.0, *held) if held else float("nan")


def tables(study: Study, finished: Sequence[Finished]) -> list[Table]:
    """One table of all methods that have a probe matrix: methods and blocks by factors."""
    boxes = _boxes(study, finished)
    found = {method: knowledge(_box(kept))[0] for method, kept in boxes.items()}
    if not found:
        return []
    names = tuple(dict.fromkeys(name for table in found.values() for name in table.header[1:]))
    lines: list[tuple[Value, ...]] = []
    for method, table in found.items():
        blocks = {cell["block"] for cell in boxes[method]["cells"]}
        for row in table.rows if len(blocks) > 1 else table.rows[:1]:
            held = dict(zip(table.header[1:], row[1:], strict=True))
            called = Value(f"{method}: {row[0].text}")
            lines.append((called, *(held.get(name, Value("–")) for name in names)))
    notes = ["First seed and fold of every method.", next(iter(found.values())).note]
    notes += [f"{method}: {note}." for method, kept in boxes.items() for note in kept["notes"]]
    return [Table(("method: block", *names), tuple(lines), note=" ".join(notes))]


def draw(album: Album) -> None:
    """Add the blocks and factors of the method under study, if it has been measured."""
    focus = album.study.focus
    kept = album.having("glass_box").get(focus)
    if kept is None:
        return
    album.add(
        "probe_matrix.png",
        f"What each block of {focus} encodes",
        block_factor_map,
        kept["cells"],
        meant=kept["meant"],
        caption="Score of held-out probes that read a factor from a block, on test subjects: 0 is "
        "chance, 1 all known. Framed: the block meant for the factor; dashed: a block that "
        "declares to be invariant to it.",
        alt="Heat map of blocks and factors",
    )


def _boxes(study: Study, finished: Sequence[Finished]) -> dict[str, Any]:
    cells = first_cells(study, finished)
    return {name: kept["glass_box"] for name, kept in cells.items() if "glass_box" in kept}


def _box(kept: Mapping[str, Any]) -> FactorMatrix:
    others = {name: kept[name] for name in ("meant", "purity", "free", "leakage")}
    fallen = tuple(kept.get("collapsed", ()))
    return FactorMatrix(tuple(Known(**cell) for cell in kept["cells"]), **others, collapsed=fallen)
