"""Has each block learned its relation? Asked of one batch of latents, in any loop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from triptych.errors import InputError
from triptych.latent import LatentSchema
from triptych.latent.block import Relation
from triptych.objectives.base import require_rows
from triptych.objectives.views import Views
from triptych.precision import cosine, unit
from triptych.transforms import Transform, target_of

LEAST, MOST = 64, 512  # samples that are needed, and that are read
FOLDS = 4
RIDGES = (1e-3, 1e-2, 1e-1, 1.0)
GAP, READ, LEAK = 0.5, 0.25, 0.2  # what a relation has to reach, and what may leak


@dataclass(frozen=True)
class Finding:
    """One block and one transform that it declares a relation to.

    Attributes
    ----------
    block, transform, relation
        Which.
    within, between
        Mean cosine of the block on both sides of the pair, and of different samples on one side.
    r2
        R² of Δ read from the block on both sides (1: all of it, at most 0: nothing); None where
        Δ never differs. Of an invariant block it is a leak.
    fault
        What is missing, in words; empty where the relation is learned.
    """

    block: str
    transform: str
    relation: Relation
    within: float
    between: float
    r2: float | None
    fault: str

    @property
    def gap(self) -> float:
        """How much more alike the two sides are than different samples: `within` − `between`."""
        return self.within - self.between

    def __str__(self) -> str:
        read = "does not differ" if self.r2 is None else f"R² of Δ {self.r2:.2f}"
        told = f"{self.block}, {self.relation} to {self.transform}: gap {self.gap:.2f}, {read}"
        return f"{told}; {self.fault or 'learned'}"


@dataclass(frozen=True)
class Diagnosis:
    """Every block's relations; `str` has a line of each.

    Attributes
    ----------
    findings
        In the order of the schema's blocks and their relations.
    """

    findings: tuple[Finding, ...]

    @property
    def violated(self) -> tuple[Finding, ...]:
        """Those that are not learned."""
        return tuple(each for each in self.findings if each.fault)

    def __str__(self) -> str:
        return "\n".join(map(str, self.findings))


@torch.no_grad()
def diagnose(
    schema: LatentSchema, transforms: Sequence[Transform], z: Tensor, views: Views
) -> Diagnosis:
    """Say of every block whether it has learned the relations that it declares.

    An invariant block should be alike on both sides of a pair, unlike between samples (gap of at
    least 0.5), and not tell Δ (R² of at most 0.2); a variant or equivariant one should (R² of at
    least 0.25). Δ is read by kernel ridge regression from both sides, scored on samples that it has
    not seen (4 folds, up to 512 samples; the best of two kernels and four ridges). Rotations are
    hard to read from few samples, so give it 512.

    Parameters
    ----------
    schema, transforms
        Of the objective that made `views`.
    z
        Latents ``(v·n, schema.size)``, of windows that are not trained on, n at least 64.
    views
        What was encoded.

    Raises
    ------
    InputError
        If shapes do not fit, there are fewer samples, or the views have no pairs.
    """
    schema.check(z, source="the encoder's latents")
    require_rows(z, views)
    if views.n < LEAST:
        raise InputError(f"diagnose got {views.n} samples, expected at least {LEAST}")
    named = {each.name: each for each in transforms}
    findings: list[Finding] = []
    for block in schema.blocks:
        for name, relation in block.relations.items():
            if name not in views.pairs:
                raise InputError(
                    f"these views have no pair of {name}; make them by the objective's views(x)"
                )
            sides = views.sides(schema.select(z, (block.name,)), name)
            first, second = (each[:MOST].double() for each in sides)
            delta = views.changes[name].delta if name in views.changes else None
            if delta is None:
                delta = named[name].relative(*views.thetas(name))
            target = target_of(named[name], delta[:MOST]).to(first)
            within = float(cosine(first, second).mean())
            between = _between(first)
            r2 = read_change(first, second, target)
            fault = _fault(relation, within, between, r2)
            found = Finding(block.name, name, relation, within, between, r2, fault)
            findings.append(found)
    return Diagnosis(tuple(findings))


def read_change(first: Tensor, second: Tensor, target: Tensor) -> float | None:
    """Cross-validated R² of ``target (n, k)``, read from both sides ``(n, d)``; None: it is one."""
    spread = target.std(dim=0)
    target = target[:, spread > 1e-6] / spread[spread > 1e-6]
    if not target.shape[1]:
        return None
    fold = torch.arange(len(target), device=target.device) % FOLDS
    return max(
        _scored(kernel, target, fold, ridge)
        for kernel in _kernels(first, second)
        for ridge in RIDGES
    )


def _scored(kernel: Tensor, target: Tensor, fold: Tensor, ridge: float) -> float:
    """R² of kernel ridge regression on the folds that it has not seen."""
    linalg: Any = torch.linalg
    error = total = 0.0
    for held in range(FOLDS):
        inside, outside = fold != held, fold == held
        own, mean = kernel[inside][:, inside], target[inside].mean(dim=0)
        ridged = own + ridge * torch.eye(len(own), dtype=own.dtype, device=own.device)
        read = kernel[outside][:, inside] @ linalg.solve(ridged, target[inside] - mean)
        error += float((target[outside] - mean - read).square().sum())
        total += float((target[outside] - mean).square().sum())
    return 1 - error / total


def _kernels(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """One for what both sides say, linear and Gaussian, and one for a turn of one into the other.

    The latter is that of products of a number of one side with one of the other, and its square.
    """
    columns = torch.cat([first, second], dim=1)
    columns = columns - columns.mean(dim=0)
    columns = columns / columns.std(dim=0).clamp_min(1e-9)
    distance = torch.cdist(columns, columns).square()
    near = torch.exp(-distance / distance.median().clamp_min(1e-9))
    a, b = unit(first), unit(second)
    products = (a @ a.T) * (b @ b.T)
    return columns @ columns.T / columns.shape[1] + near, products + products.square()


def _between(z: Tensor) -> float:
    rows = unit(z)
    n = len(rows)
    return float((rows.sum(dim=0).square().sum() - rows.square().sum()) / (n * (n - 1)))


def _fault(relation: Relation, within: float, between: float, r2: float | None) -> str:
    faults: list[str] = []
    if relation == "invariant":
        if between > 1 - GAP / 2:
            faults.append(f"collapsed: different samples are alike ({between:.2f})")
        elif within - between < GAP:
            faults.append(f"not invariant: the gap is below {GAP}")
        if r2 is not None and r2 > LEAK:
            faults.append(f"leaks: R² of Δ is above {LEAK}")
    elif r2 is not None and r2 < READ:
        faults.append(f"does not carry the transform: R² of Δ is below {READ}")
    return " and ".join(faults)
