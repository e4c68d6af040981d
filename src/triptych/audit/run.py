"""An audit: how brittle an embedding is under a transform, in figures and one sentence."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from triptych.audit.audit_result import EMBEDDING, AuditResult
from triptych.audit.brittleness import HalfLife, ResponseCurve, half_life
from triptych.audit.embeddings import Views
from triptych.audit.inputs import Labels, Rows, as_array
from triptych.audit.pairs import ViewPair, Whose, example_of
from triptych.audit.sources import Progress, people_or_records
from triptych.audit.statistics import Interval
from triptych.audit.sweep import curves, distances, grid_of
from triptych.datasets import Windows
from triptych.errors import InputError
from triptych.model import Model
from triptych.transforms import Chain, Transform, context_of, to_dict

__all__ = ["AuditResult", "Embed", "audit", "audit_model", "audit_views"]

Embed = Callable[[Tensor], Rows | Mapping[str, Rows]]
"""Signals (n, c, t) → latents (n, d), or block name → latents."""


def audit(
    embed: Embed,
    signals: Windows | Tensor,
    transform: Transform,
    *,
    grid: Rows | None = None,
    groups: Labels | None = None,
    headline: str | None = None,
    relations: Mapping[str, str] | None = None,
    subject: str = "an embedding",
    data: str = "",
    notes: Sequence[str] = (),
    batch: int = 512,
    seed: int = 0,
    progress: Progress | None = None,
) -> AuditResult:
    """Audit an embedding under a transform.

    Memory holds two sets of latents and one number a window, however many θ are swept.

    Parameters
    ----------
    embed
        Signals (n, c, t) → latents (n, d) or a mapping block → latents; no gradients needed.
    signals
        Windows with at least the transform's context, or a tensor (n, c, t + 2·context).
    grid
        θ (m,) or (m, p) in the transform's unit; left out, `grid_of` makes one.
    groups
        (n,) person or record of every window; windows know theirs.
    headline
        Block that verdict and figures are about; left out, the first.
    relations
        Block → what it declares to the transform, for the report.
    subject, data, notes
        What was audited, on what, and what a reader should know: for the report.

    Raises
    ------
    InputError
        Fewer than two groups, too little context, θ or latents that do not fit.
    """
    x, around = (signals.signals, signals) if isinstance(signals, Windows) else (signals, None)
    if around is not None:
        surplus = around.context - context_of(transform)
        if surplus < 0:
            raise InputError(
                f"the windows have {around.context} samples of context, but {transform.name} needs "
                f"{context_of(transform)}; cut them with more"
            )
        x = x[..., surplus : x.shape[-1] - surplus]
    if groups is not None:
        whose = Whose(groups, "groups")
    elif around is not None:
        whose = Whose(*people_or_records(around), around.record, around.start)
    else:
        raise InputError("signals without records need groups: the person of every window")
    steps = _grid(transform, grid)
    done = 0

    def view(theta: Tensor) -> dict[str, NDArray[Any]]:
        nonlocal done
        parts: list[Mapping[str, Rows]] = []
        for start in range(0, len(x), batch):
            rows = slice(start, start + batch)
            with torch.no_grad():
                z = embed(transform.apply(x[rows], theta[rows] if len(theta) > 1 else theta))
            parts.append(z if isinstance(z, Mapping) else {EMBEDDING: z})
        done += 1
        if progress is not None:
            progress(done, len(steps) + 2)
        names = list(parts[0])
        return {name: np.concatenate([as_array(p[name], name) for p in parts]) for name in names}

    reference = view(transform.identity(1))
    chosen = headline or next(iter(reference))
    views = (view(step[None]) for step in steps)
    found = curves(reference, views, steps, transform, whose.groups, seed=seed)
    theta = transform.sample(len(x), torch.Generator().manual_seed(seed))
    pair = ViewPair(reference[chosen], view(theta)[chosen], whose)
    figures, more = pair.measure(found[chosen])
    example = None
    if around is not None and "record_p10" in figures:
        example = example_of(pair, around, x, transform, theta)
    return _result(
        found,
        steps,
        transform,
        groups=whose.of,
        headline=chosen,
        relations=dict(relations or {}),
        figures=figures,
        notes=(*notes, *more),
        example=example,
        subject=subject,
        data=data,
    )


def audit_model(
    model: Model, windows: Windows, transform: Transform, **options: Any
) -> AuditResult:
    """Audit a triptych model: its blocks invariant to the transform, and every block by itself.

    Takes the `options` of `audit`; `windows` are prepared for the model. Where no block is
    invariant to the transform, the verdict is about the whole latent vector.
    """
    schema = model.schema
    inside = tuple(block.name for block in schema.invariant(transform.name)) or schema.names
    together = "all blocks" if inside == schema.names else "invariant blocks"
    headline = inside[0] if len(inside) == 1 else together

    def embed(x: Tensor) -> dict[str, Rows]:
        z = model.embed(x)
        return {headline: schema.select(z.all, inside), **z}

    relations = {
        block.name: block.relations.get(transform.name, "free" if block.free else "none")
        for block in schema.blocks
    }
    return audit(embed, windows, transform, headline=headline, relations=relations, **options)


def audit_views(
    views: Views,
    transform: Transform,
    *,
    subject: str = "embeddings",
    data: str = "",
    notes: Sequence[str] = (),
    seed: int = 0,
) -> AuditResult:
    """Audit latents that another program made, before and after the transform.

    Raises InputError where the θ do not fit the transform, or all are the identity.
    """
    steps = _grid(transform, views.theta)
    apart = np.flatnonzero(distances(transform, steps).numpy() > 0)
    if not len(apart):
        raise InputError("every θ is the identity, so there is nothing to audit")
    whose = Whose(views.groups, views.of, views.record, views.start)
    held = ({EMBEDDING: one} for one in views.transformed)
    found = curves({EMBEDDING: views.original}, held, steps, transform, whose.groups, seed=seed)
    rows = np.arange(len(views.original))
    step = np.random.default_rng(seed).choice(apart, len(rows))
    pair = ViewPair(views.original, views.transformed[step, rows], whose)
    figures, more = pair.measure(found[EMBEDDING])
    return _result(
        found,
        steps,
        transform,
        groups=whose.of,
        headline=EMBEDDING,
        relations={},
        figures=figures,
        notes=(*notes, *more),
        subject=subject,
        data=data,
    )


def _grid(transform: Transform, grid: Rows | None) -> Tensor:
    if isinstance(transform, Chain):
        raise InputError("an audit sweeps one transform, not a chain; name one of its parts")
    steps = grid_of(transform) if grid is None else torch.as_tensor(grid).float()
    steps = steps[:, None] if steps.ndim == 1 else steps
    width = transform.identity(1).shape[1]
    if steps.ndim != 2 or steps.shape[1] != width or not len(steps):
        raise InputError(
            f"θ has the shape {tuple(steps.shape)}, but {transform.name} needs (m, {width}): one "
            "row of parameters a step"
        )
    return steps


def _result(
    found: dict[str, ResponseCurve],
    steps: Tensor,
    transform: Transform,
    *,
    headline: str,
    figures: dict[str, Interval],
    **words: Any,
) -> AuditResult:
    halves = {name: half_life(curve) for name, curve in found.items()}
    return AuditResult(
        transform=to_dict(transform),
        unit=transform.unit,
        grid=steps.numpy(),
        headline=headline,
        curves=found,
        half_lives=halves,
        figures=figures | {"half_life": _as_interval(halves[headline], found[headline])},
        **words,
    )


def _as_interval(half: HalfLife, curve: ResponseCurve) -> Interval:
    return Interval(half.value, half.low, half.high, 1, len(curve.groups))
