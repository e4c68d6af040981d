"""What was measured of single blocks in sentences, and what of it a block declares otherwise.

A sentence is a measurement. What could not be shown is called that, with the smallest effect that
these subjects could have shown; it is never said to be absent.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from triptych.audit.moves import Move
from triptych.audit.tables import number
from triptych.audit.verdicts import COLLAPSED, with_ends
from triptych.metrics.matrix import FactorMatrix, Known
from triptych.metrics.sweeps import ResponseCurve

LEAST = 0.01  # score of a block that knows anything
LEAK = 0.1  # of θ in an invariant block: less is said, but not held against it
CARRYING = ("variant", "equivariant")
UNMOVED = 0.01  # of the way to the latents of another subject


def words_of(box: FactorMatrix, block: str) -> str:
    """What is shown to be known by a block, what is not shown, and what leaks into it."""
    if block in box.collapsed:
        return "is the same for every window (collapsed), so that nothing can be read from it"
    cells = [cell for cell in box.cells if cell.block == block]
    shown = [f"{_name(c)} {c.score:.2f} (p {c.p:.2g})" for c in cells if _carried(c) and _sure(c)]
    unshown = [_unshown(c) for c in cells if _carried(c) and not _sure(c)]
    leaks = [
        f"{_name(c)} leaks in: {c.score:.2f} (p {c.p:.2g})"
        if _sure(c)
        else f"no leak of {_unshown(c)}"
        for c in cells
        if not _carried(c)
    ]
    known = [f"knows {', '.join(shown)}"] if shown else []
    lacking = [f"not shown to know {', nor '.join(unshown)}"] if unshown else []
    return "; ".join([*known, *lacking, *leaks]) or "nothing was read from it"


def broken(box: FactorMatrix | None) -> list[str]:
    """What blocks declare to a transform and are not shown to keep, a sentence each."""
    said = [
        f"block {name} is the same for every window (collapsed), so that nothing can be said of "
        "what it declares"
        for name in (box.collapsed if box is not None else ())
    ]
    for cell in box.cells if box is not None else ():
        if cell.relation in CARRYING and not _sure(cell):
            said.append(
                f"block {cell.block} declares to carry, but is not shown to carry, {_unshown(cell)}"
            )
        elif cell.relation == "invariant" and _sure(cell) and cell.score >= LEAK:
            said.append(
                f"block {cell.block} declares to be invariant to {_name(cell)}, but "
                f"{cell.score:.2f} of it can be read there (p {cell.p:.2g})"
            )
    return said


def moved_words(moves: Sequence[Move], block: str) -> str:
    """How far a block is from itself under each transform, beside the between-sample level."""
    return "; ".join(
        f"under {move.transform.replace('_', ' ')} its {_measured(move)}"
        for move in moves
        if move.block == block
    )


def unkept(moves: Sequence[Move]) -> list[str]:
    """Blocks that declare to be invariant and are not shown to be, a sentence each."""
    said: list[str] = []
    for move in moves:
        if move.relation != "invariant":
            continue
        first = f"block {move.block} declares to be invariant to {move.transform.replace('_', ' ')}"
        if move.between >= COLLAPSED:
            said.append(
                f"{first}, but is nearly the same for everyone ({move.measure} "
                f"{number(move.between)} between {move.groups}): that it stays means nothing"
            )
        elif not move.similarity.low > move.between and not math.isnan(move.similarity.mean):
            said.append(
                f"{first}, but is not shown to be closer to itself than the between-sample level: "
                "its "
                f"{_measured(move)}"
            )
    return said


def unmoved(
    curves: Mapping[str, ResponseCurve], relations: Mapping[str, str], transform: str
) -> list[str]:
    """Blocks that should carry a transform but stay where they are, a sentence each."""
    return [
        f"block {name} declares to be {relation} to {transform.replace('_', ' ')}, but does not "
        f"move under it: {curves[name].measure} at least {curves[name].mean.min():.3f}"
        for name, relation in relations.items()
        if relation in CARRYING
        and 1 - curves[name].mean.min() < UNMOVED * (1 - curves[name].between)
    ]


def _measured(move: Move) -> str:
    zeros = f", and {move.zeros:.0%} of windows are all zeros" if move.zeros else ""
    return (
        f"{move.measure} to itself is {with_ends(move.similarity)} (between-sample level: "
        f"{number(move.between)}{zeros})"
    )


def _name(cell: Known) -> str:
    return cell.factor.replace("_", " ")


def _carried(cell: Known) -> bool:
    return cell.relation != "invariant"


def _sure(cell: Known) -> bool:
    return cell.p < 0.05 and cell.score >= LEAST


def _unshown(cell: Known) -> str:
    """A factor with its score, and what these subjects could have shown."""
    could = ""
    if math.isinf(cell.least):
        could = f"; {cell.groups} {cell.of} are too few to show any"
    elif math.isfinite(cell.least):
        could = f"; {cell.groups} {cell.of} would show {max(cell.least, LEAST):.2f}"
    return f"{_name(cell)}: {round(cell.score, 2) + 0.0:.2f} (p {cell.p:.2g}{could})"
