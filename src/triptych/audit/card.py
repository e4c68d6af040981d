"""Model cards: what a model is, what its blocks measure, and where not to use it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import yaml

from triptych.audit.explain import explain
from triptych.audit.factors import probe_matrix_of
from triptych.audit.moves import moves_of
from triptych.audit.run import audit_model
from triptych.audit.sweep import grid_of
from triptych.audit.tables import Table, Value, number
from triptych.datasets import Windows
from triptych.metrics.result import Result
from triptych.model import Model, hub
from triptych.transforms import Transform

STEPS = 6  # distances of a sweep
SWEPT = 200  # windows that are swept, and that θ is read from
PERMUTATIONS = 19  # no p is printed


@dataclass(frozen=True)
class About:
    """What no measurement says of a model; every field is plain text (Markdown).

    Attributes
    ----------
    name, summary
        What it is called, and what it is in one line.
    licence
        Of the weights, by its identifier on the Hugging Face hub (``"cc-by-4.0"``).
    data
        Names of the data sets that it was trained on.
    attribution
        Who made the data, under which licence, and where they are.
    subjects
        Who was recorded, and how many of them the weights saw.
    figures_from
        Whose windows the figures are of, and which weights gave them.
    use, limits
        What it is for, and what it is not for or not good at, one entry each.
    reproduce
        The command that trains it and writes this card.
    seconds, device
        What the training of the shipped weights took, and on what.
    tags
        Beside those of every card.
    """

    name: str
    summary: str
    licence: str
    data: Sequence[str]
    attribution: str
    subjects: str
    figures_from: str
    use: Sequence[str]
    limits: Sequence[str]
    reproduce: str
    seconds: float
    device: str
    tags: Sequence[str] = ()


@dataclass(frozen=True)
class BlockMove(Result):
    """How a block moves under one transform, on windows of subjects that the weights never saw.

    `cosine` is the mean similarity of z(x) and z(T_θ x), θ drawn as in training, with its 95 %
    interval over subjects; `between` that of different subjects; `gap` (cosine − between) / (1 −
    between); `half_life` the distance at which similarity has fallen halfway to `between`, in
    `unit`; None with `outcome` "not reached" where it never does.
    """

    block: str
    transform: str
    relation: str
    cosine: float
    low: float
    high: float
    between: float
    gap: float
    half_life: float
    outcome: str
    unit: str


@dataclass(frozen=True)
class BlockFigures(Result):
    """What `block_figures` measured: per block and transform, and what each block knows.

    `purity` and `leakage` are those of `FactorMatrix`, by factor.
    """

    moves: tuple[BlockMove, ...]
    purity: Mapping[str, float]
    leakage: Mapping[str, float]
    windows: int
    subjects: int
    notes: tuple[str, ...] = field(default=())


def block_figures(
    model: Model, windows: Windows, transforms: Sequence[Transform], *, seed: int = 0
) -> BlockFigures:
    """Measure every block of a model for its card.

    Parameters
    ----------
    windows
        Prepared for the model, with the context of every transform; of subjects whom it never saw.
    transforms
        Those that blocks name.

    What blocks know is read of the transforms that a block carries, of classes and identity.

    Raises
    ------
    InputError
        As `moves_of` and `probe_matrix_of`.
    """
    moves, notes = moves_of(model, windows, transforms, seed=seed)
    schema = model.schema
    carried = [t for t in transforms if schema.variant(t.name) + schema.equivariant(t.name)]
    box, unread = probe_matrix_of(
        model, windows, carried, rows=SWEPT, permutations=PERMUTATIONS, seed=seed
    )
    few = windows.take(np.sort(np.random.default_rng(seed).permutation(len(windows))[:SWEPT]))
    halves = {
        each.name: audit_model(model, few, each, grid=grid_of(each, STEPS), seed=seed).half_lives
        for each in transforms
    }
    units = {each.name: each.unit for each in transforms}
    rows = tuple(
        BlockMove(
            move.block, move.transform, move.relation, move.similarity.mean, move.similarity.low,
            move.similarity.high, move.between,
            (move.similarity.mean - move.between) / max(1 - move.between, 1e-12),
            halves[move.transform][move.block].value,
            halves[move.transform][move.block].outcome, units[move.transform],
        )
        for move in moves
    )  # fmt: skip
    whose = len(np.unique(windows.subject))
    purity, leakage = (box.purity, box.leakage) if box is not None else ({}, {})
    return BlockFigures(rows, purity, leakage, len(windows), whose, (*notes, *unread))


def card_of(
    model: Model,
    about: About,
    figures: BlockFigures,
    probes: Sequence[Table] = (),
) -> str:
    """Text of a model's card: Markdown with the YAML front matter of the Hugging Face hub.

    `probes` are further tables, each with its note. `Model.save(folder, card=...)` writes it, and
    so does `write_card`.
    """
    import jinja2

    loader = jinja2.PackageLoader("triptych.audit", "")
    pages = jinja2.Environment(loader=loader, trim_blocks=True, undefined=jinja2.StrictUndefined)
    front = {
        "license": about.licence,
        "library_name": "triptych",
        "tags": ["time-series", "signals", "self-supervised", "invariance", *about.tags],
        "datasets": list(about.data),
        "metrics": ["f1", "cosine"],
    }
    told = explain(model)
    return pages.get_template("card.md.j2").render(
        front=yaml.safe_dump(front, sort_keys=False, allow_unicode=True),
        about=about,
        told=told,
        form=model.preprocessing,
        weights=sum(each.numel() for each in model.parameters()),
        shortest=model.shortest,
        figures=figures,
        tables=[each.to_markdown() for each in (_moved(figures), *_known(figures), *probes)],
    )


def write_card(
    model: Model,
    folder: str | Path,
    about: About,
    figures: BlockFigures,
    probes: Sequence[Table] = (),
) -> None:
    """Write ``README.md`` into a model's folder; see `card_of`. InputError if it cannot be."""
    hub.write_card(folder, card_of(model, about, figures, probes))


def _moved(figures: BlockFigures) -> Table:
    rows: list[tuple[Value, ...]] = []
    for each in figures.moves:
        half = each.outcome
        if each.outcome == "reached":
            half = f"{each.half_life:.3g} {each.unit}"
        between = f"{each.low:.3f} to {each.high:.3f}"
        rows.append(
            (
                Value(each.block), Value(each.transform.replace("_", " ")),
                Value(each.relation or "nothing"), Value(number(each.cosine), between),
                Value(number(each.between)),
                Value(number(each.gap), strong=each.relation == "invariant"), Value(half),
            )
        )  # fmt: skip
    head = ("block", "transform", "declares", "cosine", "different subjects", "gap", "half-life")
    note = (
        "Cosine of a window's latents before and after the transform (95 % interval over "
        "subjects), beside that of windows of different subjects, without which no similarity "
        "counts; gap: (cosine − different subjects) / (1 − different subjects); half-life: the "
        "strength at which similarity is halfway down to different subjects."
    )
    return Table(head, tuple(rows), "What every block does under every transform", note)


def _known(figures: BlockFigures) -> list[Table]:
    factors = dict.fromkeys([*figures.purity, *figures.leakage])
    if not factors:
        return []
    rows = tuple(
        (
            Value(factor.replace("_", " ")),
            Value(number(figures.purity.get(factor))), Value(number(figures.leakage.get(factor))),
        )
        for factor in factors
    )  # fmt: skip
    note = (
        "Purity: how well the factor is read from the block meant for it − from the best other "
        "block that declares a relation. Leakage: from blocks that declare to ignore it."
    )
    return [Table(("factor", "purity", "leakage"), rows, "What blocks know", note)]
