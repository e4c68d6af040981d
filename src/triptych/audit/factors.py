"""The probe matrix of a model on windows: what each block knows of the factors that are there."""

from __future__ import annotations

import importlib
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from triptych.audit.sources import both_sides
from triptych.audit.tables import Table, Value, number
from triptych.datasets import Windows
from triptych.errors import InputError
from triptych.latent import LatentSchema
from triptych.metrics.collapse import collapsed
from triptych.metrics.matrix import Factor, FactorMatrix, factor_matrix
from triptych.metrics.similarity import separation
from triptych.model import Model
from triptych.transforms import Transform
from triptych.transforms.base import method_of, parts_of

__all__ = ["knowledge", "probe_matrix_of", "readable", "salient_dimensions"]

MOST = 20  # classes in a table of dimensions
ROWS = 600
"""Windows of which θ is read: the probes are fitted 18 times a block and parameter."""


def probe_matrix_of(
    model: Model,
    windows: Windows,
    transforms: Sequence[Transform],
    *,
    rows: int = ROWS,
    permutations: int = 399,
    seed: int = 0,
) -> tuple[FactorMatrix | None, list[str]]:
    """Read θ of each transform, the class and the identity from every block.

    Parameters
    ----------
    windows
        Prepared for the model, with the context of every transform.
    rows
        At most so many windows, drawn at random, θ is read from.

    Returns
    -------
    The matrix (None where no factor can be read), and which factors were left out, and why.

    Raises
    ------
    InputError
        Too little context, or two transforms of one name.
    """
    schema, n = model.schema, len(windows)
    few = np.sort(np.random.default_rng(seed).permutation(n)[:rows])
    people = windows.subject if len(np.unique(windows.subject)) > 3 else windows.record
    every = [p for t in transforms for p in parts_of(t)]
    parts = [p for place, p in enumerate(every) if p not in every[:place]]
    if len({part.name for part in parts}) < len(parts):
        raise InputError(
            f"what blocks know is told by the transforms' names, but two of "
            f"{', '.join(part.name for part in parts)} have one name; ask for one at a time"
        )
    factors: list[Factor] = []
    for part in parts:
        still, moved, theta = both_sides(model, windows.take(few), part, seed)
        values = method_of(part, "factor")(theta).numpy()
        factors.append(Factor(part.name, values, people[few], still, moved, part.name))
    z = model.embed(windows.centred)
    latents: dict[str, Tensor] = {**z, "all blocks": z.all}
    labelled = np.flatnonzero(windows.label != "")
    own = {name: block[torch.as_tensor(labelled)] for name, block in latents.items()}
    block = _shared(schema)
    factors.append(Factor("class", windows.label[labelled], people[labelled], own, block=block))
    record, start = windows.record, windows.start
    factors.append(Factor("identity", record, record, latents, block=block, start=start))
    return readable(factors, schema, permutations=permutations, seed=seed)


def readable(
    factors: Sequence[Factor], schema: LatentSchema, *, permutations: int = 399, seed: int = 0
) -> tuple[FactorMatrix | None, list[str]]:
    """The probe matrix of the factors that can be read, and which were left out, and why."""
    notes, found = list[str](), list[FactorMatrix]()
    for factor in factors:
        try:
            if len(np.unique(np.asarray(factor.values), axis=0)) < 2:
                raise InputError("the data have one value of it only, or none")
            found.append(factor_matrix([factor], schema, permutations=permutations, seed=seed))
        except InputError as error:
            notes.append(f"{factor.name} is not read from the blocks: {error}")
    if not found:
        return None, notes
    joined: dict[str, Any] = {"cells": tuple(cell for box in found for cell in box.cells)}
    for name in ("meant", "purity", "free", "leakage"):
        joined[name] = {key: value for box in found for key, value in getattr(box, name).items()}
    joined["collapsed"] = tuple(dict.fromkeys(name for box in found for name in box.collapsed))
    return FactorMatrix(**joined), notes


def knowledge(box: FactorMatrix | None) -> list[Table]:
    """Scores of every block and factor, and what follows from them; nothing without a matrix."""
    if box is None or not box.cells:
        return []
    blocks, factors, scores = box.table()
    # A score below 0 may be far above that of permuted truths; it is no knowledge all the same.
    p = {(cell.block, cell.factor): cell.p for cell in box.cells if cell.score > 0}
    rows = [
        (
            Value(block),
            *(
                Value(
                    number(float(scores[i, k])),
                    f"p {p[block, name]:.2g}" if (block, name) in p else "",
                    strong=box.meant.get(name) == block,
                )
                for k, name in enumerate(factors)
            ),
        )
        for i, block in enumerate(blocks)
    ]
    for word in ("purity", "leakage", "free"):
        held: dict[str, float] = getattr(box, word)
        said = "best in a free block" if word == "free" else word
        if held:
            rows.append((Value(said), *(Value(number(held.get(name))) for name in factors)))
    note = (
        "Accuracy above chance, or R²: 0 chance, 1 all known; bold: the block meant for the "
        "factor; p: by permuted truths, where the score is above 0. Purity: score in that block − "
        "best in another that declares a relation. Leakage: score of θ in a block that declares to "
        "be invariant to it."
    )
    return [Table(("block", *factors), tuple(rows), note=note)]


def salient_dimensions(model: Model, windows: Windows) -> list[Table]:
    """Which class and which attribute each salient dimension carries.

    A table for the label and for each attribute in words (AUROC of the single dimension, one class
    against the rest: 0.5 is chance, 1 tells the class by large values and 0 by small ones), and
    one for all attributes in numbers (Spearman's rank correlation). Windows that have none do not
    count; nothing is said without salient blocks or two values.
    """
    if not model.schema.salient:
        return []
    words: dict[str, NDArray[Any]] = {"class": windows.label}
    numbers: dict[str, NDArray[Any]] = {}
    for name, values in windows.attributes.items():
        try:
            numbers[name] = np.array([float(each or "nan") for each in values])
        except ValueError:
            words[name] = values
    numbers = {
        name: values
        for name, values in numbers.items()
        if len(np.unique(values[np.isfinite(values)])) > 1
    }
    words = {
        name: values
        for name, values in words.items()
        if 2 <= len(np.unique(values[values != ""])) <= MOST
    }
    if not words and not numbers:
        return []
    found = model.embed(windows.centred)
    dimensions = {
        f"{block.name} {place}" if block.size > 1 else block.name: column
        for block in model.schema.salient
        for place, column in enumerate(found[block.name].numpy().T, start=1)
    }
    tables = [_told(dimensions, name, values) for name, values in words.items()]
    return [*tables, *([_ranked(dimensions, numbers)] if numbers else [])]


def _told(dimensions: dict[str, NDArray[Any]], what: str, values: NDArray[Any]) -> Table:
    """AUROC of every dimension for every class of `values`."""
    known = values != ""
    own = {str(label): values[known] == label for label in np.unique(values[known])}
    lines: list[tuple[Value, ...]] = []
    for name, column in dimensions.items():
        column = column[known]
        if collapsed(column[:, None]):
            lines.append((Value(name), *(Value(number(None)) for _ in own)))
            continue
        areas = [separation(column[is_it], column[~is_it]) for is_it in own.values()]
        clear = max(areas, key=lambda area: abs(area - 0.5))
        cells = [Value(number(area), strong=area == clear) for area in areas]
        lines.append((Value(name), *cells))
    note = f"AUROC of one {what} against the rest: 0.5 chance; bold: the {what} it tells best."
    return Table(("salient dimension", *own), tuple(lines), note=note)


def _ranked(dimensions: dict[str, NDArray[Any]], attributes: dict[str, NDArray[Any]]) -> Table:
    """Rank correlation of every dimension with every attribute."""
    stats: Any = importlib.import_module("scipy.stats")  # costly to import

    def rank(column: NDArray[Any], values: NDArray[Any]) -> float:
        known = np.isfinite(values)
        column = column[known]
        if collapsed(column[:, None]):  # it has no ranks
            return math.nan
        return float(stats.spearmanr(column, values[known]).statistic)

    lines: list[tuple[Value, ...]] = []
    for name, column in dimensions.items():
        found = [rank(column, values) for values in attributes.values()]
        clear = max((each for each in found if not math.isnan(each)), key=abs, default=None)
        cells = [Value(number(each), strong=each == clear) for each in found]
        lines.append((Value(name), *cells))
    note = "Rank correlation (Spearman) over windows: 0 none; bold: the attribute it carries best."
    return Table(("salient dimension", *attributes), tuple(lines), note=note)


def _shared(schema: LatentSchema) -> str:
    """The block that is meant for class and identity: the first that is invariant to something."""
    invariant = (b.name for b in schema.blocks if "invariant" in b.relations.values())
    return next(invariant, "")
