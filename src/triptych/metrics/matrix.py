"""The probe matrix: what each block knows of each factor, and whether that is what it declared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from triptych.errors import InputError
from triptych.latent import LatentSchema
from triptych.metrics.collapse import collapsed
from triptych.metrics.inputs import Labels, Rows, as_array, as_labels
from triptych.metrics.permutation import LEVEL, least_shown, permuted, smallest_p
from triptych.metrics.probes import above_chance, linear_probe, read_parameter
from triptych.metrics.regressors import folds, r2
from triptych.metrics.result import Result

GAP_S = 30.0
"""Between the rows that identity is fitted on and those it is scored on."""


@dataclass(frozen=True, eq=False)
class Factor:
    """Something that latents may know, with the latents to read it from.

    Attributes
    ----------
    name
        ``"phase"``, ``"class"``, ``"identity"``, ...
    values
        (n,) labels, or floats (n,) or (n, p): then it is continuous.
    groups
        (n,) subject of every row; for identity the record, whose time is halved.
    latents
        Block → (n, d); entries that are no block of the schema ("all blocks") are only read.
    moved
        The same for T_θ x where `values` is θ, which is read from both.
    transform
        Whose θ (or consequence) this is.
    block
        The block meant for the factor; left out, the first variant or equivariant to `transform`.
    start
        (n,) in s, for identity only: fitted on the first half of each record, scored on the second.
    read
        Block → (n,) or (n, p) of `values` as the same probes have read it before.
    """

    name: str
    values: Labels | Rows
    groups: Labels
    latents: Mapping[str, Rows]
    moved: Mapping[str, Rows] | None = None
    transform: str = ""
    block: str = ""
    start: Labels | None = None
    read: Mapping[str, Rows] = field(default_factory=dict[str, Rows])


@dataclass(frozen=True)
class Known(Result):
    """One field of the matrix: what `block` knows of `factor`, from `n` scored rows.

    `score` is 1 where all is known and 0 at chance; R² is not clipped, so it may be negative. `p`
    is by permutation of the truths of each scored half, by subject (`exchanged`), and the smaller
    of both halves' p times two: never too small where nothing is known. `least` is the smallest
    score that would have p < 0.05 with these `groups` (subjects, or records: `of`): what is not
    shown may be anything below; infinite where no score could.
    """

    factor: str
    block: str
    relation: str
    kind: str
    score: float
    p: float
    n: int
    least: float = float("nan")
    groups: int = 0
    of: str = "subjects"


@dataclass(frozen=True)
class FactorMatrix(Result):
    """The block × factor matrix and what follows from it.

    Attributes
    ----------
    cells
        Factor by factor, every block.
    meant
        Factor → the block that is meant for it, where one is.
    purity
        Factor → its score in that block − the best in another block that declares a relation.
    free
        Factor → the best score in a free block.
    leakage
        Factor → the best score in a block invariant to its transform.
    collapsed
        Blocks that are the same for every row: they have no cells, and no factor has a purity
        beside them (one that knows nothing at all is not to be praised for it).
    """

    cells: tuple[Known, ...]
    meant: dict[str, str]
    purity: dict[str, float]
    free: dict[str, float]
    leakage: dict[str, float]
    collapsed: tuple[str, ...] = ()

    def rows(self) -> list[dict[str, Any]]:
        """One plain row a block and factor."""
        return [cell.to_dict() for cell in self.cells]

    def table(self) -> tuple[tuple[str, ...], tuple[str, ...], NDArray[np.float64]]:
        """Names of blocks and factors, and their scores (blocks, factors)."""
        blocks = tuple(dict.fromkeys(cell.block for cell in self.cells))
        factors = tuple(dict.fromkeys(cell.factor for cell in self.cells))
        held = {(cell.block, cell.factor): cell.score for cell in self.cells}
        scores = [[held.get((b, f), np.nan) for f in factors] for b in blocks]
        return blocks, factors, np.array(scores)


def factor_matrix(
    factors: Sequence[Factor], schema: LatentSchema, *, permutations: int = 399, seed: int = 0
) -> FactorMatrix:
    """Read every factor from every block with held-out probes.

    Labels are read by logistic regression, floats by the best of ridge and boosting, θ also by an
    MLP (see `read_parameter`); fitted on
    half of the subjects, scored on the others, both halves in turn. For purity, scores below 0
    count as 0.

    Raises
    ------
    InputError
        A block that lacks, rows that do not match, a constant factor, fewer than four subjects.

    Examples
    --------
    The class can be read from the block that is invariant, not from the other.

    >>> from triptych.latent import Block, LatentSchema
    >>> schema = LatentSchema(Block("shape", 1, invariant_to="gain"), Block("level", 1))
    >>> rng = np.random.default_rng(0)
    >>> label, subject = np.arange(200) % 2, np.arange(200) // 10
    >>> z = {"shape": label[:, None] + 0.0, "level": rng.standard_normal((200, 1))}
    >>> factor = Factor("class", label, subject, z, block="shape")
    >>> found = factor_matrix([factor], schema, permutations=99)
    >>> [(cell.block, round(cell.score, 1)) for cell in found.cells]
    [('shape', 1.0), ('level', 0.1)]
    """
    cells: list[Known] = []
    fallen = dict[str, None]()
    meant = dict[str, str]()
    purity, free, leakage = dict[str, float](), dict[str, float](), dict[str, float]()
    for factor in factors:
        if lacking := [name for name in schema.names if name not in factor.latents]:
            raise InputError(f"the factor {factor.name} has no latents of the block {lacking[0]}")
        mine: dict[str, Known] = {}
        for name, z in factor.latents.items():
            if collapsed(*((z,) if factor.moved is None else (z, factor.moved[name]))):
                fallen.setdefault(name)
                continue
            block = schema[name] if name in schema.names else None
            relation = "" if block is None else block.relations.get(factor.transform, "")
            mine[name] = _known(factor, name, relation, permutations, seed)
        cells += mine.values()
        related = [block.name for block in schema.blocks if not block.free]
        declared = [name for name in related if name in mine]
        best = {name: max(0.0, mine[name].score) for name in schema.names if name in mine}
        carries = [n for n in declared if mine[n].relation in ("variant", "equivariant")]
        block = factor.block or next(iter(carries), "")
        if block:
            meant[factor.name] = schema[block].name
        if block in mine and declared == related:
            others = [best[name] for name in declared if name != block]
            purity[factor.name] = best[block] - max(others, default=0.0)
        if frees := [best[b.name] for b in schema.blocks if b.free and b.name in mine]:
            free[factor.name] = max(frees)
        if steady := [mine[n].score for n in declared if mine[n].relation == "invariant"]:
            leakage[factor.name] = max(steady)
    return FactorMatrix(tuple(cells), meant, purity, free, leakage, tuple(fallen))


def _known(factor: Factor, name: str, relation: str, permutations: int, seed: int) -> Known:
    z = as_array(factor.latents[name], name)
    groups = as_labels(factor.groups, len(z), f"groups of {factor.name}")
    values = np.asarray(cast(Any, factor.values))
    floats = values.dtype.kind == "f"
    sides = _sides(factor, groups, seed)
    if floats:
        truth = as_array(values.reshape(len(values), -1), factor.name).astype(np.float64)
        read = _read(factor, name, z, truth, groups, seed)
        found = [(read[b], truth[b], groups[b]) for _, b in sides]
    else:
        values = as_labels(values, len(z), factor.name).astype(str)
        code = np.unique(values, return_inverse=True)[1]
        read = [linear_probe(z[a], code[a], z[b], code[b]).predicted for a, b in sides]
        found = [
            (each.astype(np.int64), code[b], groups[b])
            for each, (_, b) in zip(read, sides, strict=True)
        ]
    score: Any = r2 if floats else above_chance
    guess, truth = (np.concatenate([half[k] for half in found]) for k in (0, 1))
    rng = np.random.default_rng(seed)
    halves = [permuted(score, *half, permutations, rng) for half in found]
    p = smallest_p(half.p for half in halves)
    # A score above the level of both halves is above that of one of them, whatever each half has.
    least = max(least_shown(half.shuffled, half.idle, LEVEL / len(halves)) for half in halves)
    own, kind = score(guess, truth), "R²" if floats else "accuracy"
    of = "records" if factor.start is not None else "subjects"
    count = len(np.unique(np.concatenate([half[2] for half in found])))
    return Known(factor.name, name, relation, kind, own, p, len(truth), least, count, of)


def _read(
    factor: Factor,
    name: str,
    z: NDArray[Any],
    values: NDArray[np.float64],
    groups: NDArray[Any],
    seed: int,
) -> NDArray[np.float64]:
    """The floats of a factor as the phase probe reads them from a block, column by column."""
    if name in factor.read:
        read = np.asarray(cast(Any, factor.read[name])).reshape(len(values), -1)
        return as_array(read, f"{factor.name} as read from {name}").astype(np.float64)
    moved = None if factor.moved is None else factor.moved[name]
    columns = [read_parameter(z, moved, column, groups, seed=seed) for column in values.T]
    return np.stack([column.predicted for column in columns], axis=1)


def _sides(
    factor: Factor, groups: NDArray[Any], seed: int
) -> list[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    """Rows to fit and rows to score: halves of every record in time, or both halves of subjects."""
    code = np.unique(groups, return_inverse=True)[1]
    if factor.start is None:
        if code.max() < 3:
            raise InputError(f"{factor.name} has rows of {code.max() + 1} subjects; expected four")
        return [(~held, held) for held in folds(code, 2, seed)]
    start = as_labels(factor.start, len(groups), f"start of {factor.name}").astype(np.float64)
    ends = np.full((2, code.max() + 1), np.inf)
    np.minimum.at(ends[0], code, start)
    np.minimum.at(ends[1], code, -start)
    middle = ((ends[0] - ends[1]) / 2)[code]
    first, second = start <= middle - GAP_S / 2, start >= middle + GAP_S / 2
    if not (first.any() and second.any()):
        raise InputError(f"no record of {factor.name} is longer than the gap of {GAP_S:g} s")
    return [(first, second)]
