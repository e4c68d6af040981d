"""An audit: how brittle an embedding is under a transform, in figures and one sentence."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from triptych.audit.audit_result import CLASSES, EMBEDDING, SCORES, AuditResult
from triptych.audit.brittleness import ResponseCurve, curves, distances, embedded
from triptych.audit.embeddings import Views
from triptych.audit.factors import glass_box_of, unmoved
from triptych.audit.glassbox import GlassBox
from triptych.audit.half_life import HalfLife, half_life
from triptych.audit.inputs import Labels, Rows, as_array
from triptych.audit.pairs import ViewPair, Whose, example_of
from triptych.audit.sources import Progress, people_or_records
from triptych.audit.statistics import Interval
from triptych.audit.swap import BlockSwap, block_swap
from triptych.audit.sweep import around as signals_around
from triptych.audit.sweep import swept
from triptych.datasets import Windows
from triptych.errors import InputError
from triptych.model import Model
from triptych.transforms import Transform, to_dict

__all__ = ["AuditResult", "Embed", "audit", "audit_model", "audit_views"]

Embed = Callable[[Tensor], Rows | Mapping[str, Rows]]
"""Signals (n, c, t) → latents (n, d), or block name → latents."""


def audit(
    embed: Embed,
    signals: Windows | Rows,
    transform: Transform,
    *,
    grid: Rows | None = None,
    groups: Labels | None = None,
    headline: str | None = None,
    classifier: bool = False,
    relations: Mapping[str, str] | None = None,
    glass: GlassBox | None = None,
    swap: BlockSwap | None = None,
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
        Signals (n, c, t) → latents (n, d) or a mapping block → latents.
    signals
        Windows with at least the transform's context, or an array (n, c, t + 2·context).
    transform
        A transform, or a chain: its distances are those of the first part whose θ differ.
    grid
        θ (m,) or (m, p) in the transform's unit; left out, `grid_of` makes one.
    groups
        (n,) person or record of every window; windows know theirs.
    headline
        Block that verdict and figures are about; left out, the first.
    classifier
        What `embed` gives are class scores (n, K): the audit is of the class that is highest.
    relations, glass, swap
        Block → what it declares to the transform, what each knows, and what a decoder makes of it,
        for the report.
    subject, data, notes
        What was audited, on what, and what a reader should know: for the report.

    Raises
    ------
    InputError
        Fewer than two groups, too little context, θ or latents that do not fit.
    """
    around = signals if isinstance(signals, Windows) else None
    x = torch.as_tensor(signals) if around is None else signals_around(around, transform)
    if groups is not None:
        whose = Whose(groups, "groups")
    elif around is not None:
        whose = Whose(*people_or_records(around), around.record, around.start)
    else:
        raise InputError("signals without records need groups: the person of every window")
    transform, steps = swept(transform, grid)
    _moving(transform, steps)
    done = 0

    def named(batch: Tensor) -> Mapping[str, Rows]:
        return _named(embed(batch), classifier)

    def view(theta: Tensor) -> dict[str, NDArray[Any]]:
        nonlocal done
        found = embedded(named, x, transform, theta, batch)
        done += 1
        if progress is not None:
            progress(done, len(steps) + 2)
        return found

    reference = view(transform.identity(1))
    chosen = headline or next(iter(reference))
    if chosen not in reference:
        raise InputError(f"headline is {chosen!r}, expected one of {', '.join(reference)}")
    views = (view(step[None]) for step in steps)
    found = curves(reference, views, steps, transform, whose.groups, seed=seed)
    theta = transform.sample(len(x), torch.Generator().manual_seed(seed))
    looked_at = SCORES if classifier else chosen
    pair = ViewPair(reference[looked_at], view(theta)[looked_at], whose)
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
        glass=glass,
        swap=swap,
        figures=figures,
        notes=(*notes, *more),
        example=example,
        subject=subject,
        data=data,
    )


def audit_model(
    model: Model,
    windows: Windows,
    transform: Transform,
    *,
    head: str | None = None,
    glass: bool = False,
    notes: Sequence[str] = (),
    seed: int = 0,
    **options: Any,
) -> AuditResult:
    """Audit a triptych model: its blocks invariant to the transform, and every block by itself.

    Takes the `options` of `audit`; `windows` are prepared for the model. Where no block is
    invariant to the transform, the verdict is about the whole latent vector. With `head`, the
    classes that this head names are audited instead; with `glass`, what each block knows is
    measured too (`glass_box_of`). What a decoder makes of each block is always measured.

    Raises InputError as `audit`, and where the model has no such head.
    """
    if head is not None:
        if head not in model.heads:
            raise InputError(
                f"the model has no head {head!r}; it has {', '.join(model.heads) or 'none'}"
            )

        def scores(x: Tensor) -> Rows:
            return model.predict(x)[head].probabilities

        return audit(scores, windows, transform, classifier=True, notes=notes, seed=seed, **options)
    box, more = glass_box_of(model, windows, [transform], seed=seed) if glass else (None, [])
    swapped, unswapped = block_swap(model, windows, transform, seed=seed)
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
    return audit(
        embed,
        windows,
        transform,
        headline=headline,
        relations=relations,
        glass=box,
        swap=swapped,
        notes=(*notes, *more, *unswapped),
        seed=seed,
        **options,
    )


def audit_views(
    views: Views,
    transform: Transform,
    *,
    classifier: bool = False,
    subject: str = "embeddings",
    data: str = "",
    notes: Sequence[str] = (),
    seed: int = 0,
) -> AuditResult:
    """Audit latents that another program made, before and after the transform.

    Raises InputError where the θ do not fit the transform, or all are the identity.
    """
    transform, steps = swept(transform, views.theta)
    apart = _moving(transform, steps)
    whose = Whose(views.groups, views.of, views.record, views.start)
    reference = _named(views.original, classifier)
    held = (_named(one, classifier) for one in views.transformed)
    found = curves(reference, held, steps, transform, whose.groups, seed=seed)
    chosen = next(iter(reference))
    rows = np.arange(len(views.original))
    step = np.random.default_rng(seed).choice(apart, len(rows))
    pair = ViewPair(views.original, views.transformed[step, rows], whose)
    figures, more = pair.measure(found[chosen])
    return _result(
        found,
        steps,
        transform,
        groups=whose.of,
        headline=chosen,
        relations={},
        figures=figures,
        notes=(*notes, *more),
        subject=subject,
        data=data,
    )


def _moving(transform: Transform, steps: Tensor) -> NDArray[np.int64]:
    """Which θ are not the identity."""
    apart = np.flatnonzero(distances(transform, steps).numpy() > 0)
    if not len(apart):
        raise InputError("every θ is the identity, so there is nothing to audit")
    return apart


def _named(z: Rows | Mapping[str, Rows], classifier: bool) -> Mapping[str, Rows]:
    """Latents by block; of class scores the highest class as a unit vector, and the scores.

    The cosine of two such vectors is 1 where the classes agree, else 0: its mean is consistency.
    """
    if isinstance(z, Mapping):
        if classifier:
            raise InputError(
                f"a classifier gives one array of class scores (n, K), not {', '.join(z)}; let "
                "embed return that"
            )
        return z
    if not classifier:
        return {EMBEDDING: z}
    scores = as_array(z, "the class scores")
    if scores.shape[1] < 2:
        raise InputError("a classifier has scores (n, K) of two classes or more, but K is 1")
    return {CLASSES: np.eye(scores.shape[1], dtype=np.float32)[scores.argmax(1)], SCORES: scores}


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
    words["notes"] = (*words["notes"], *unmoved(found, words["relations"], transform.name))
    if headline == CLASSES and SCORES in found:
        renamed = {"cosine_mean": "consistency", "cosine_lowest": "consistency_lowest"}
        renamed["cosine_random"] = "consistency_random"
        figures = {renamed.get(name, name): figure for name, figure in figures.items()}
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
