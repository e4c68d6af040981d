"""An audit: how brittle an embedding is under a transform, in figures and one sentence."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from triptych.audit.embeddings import StoredViews
from triptych.audit.factors import probe_matrix_of
from triptych.audit.measure import (
    Classes,
    Groups,
    Latents,
    Measured,
    example_of,
    judged,
    measure_sweep,
    named,
)
from triptych.audit.premise import Premise, premise_of, premise_of_views
from triptych.audit.result import AuditResult
from triptych.audit.sentences import unmoved
from triptych.audit.sources import Progress, classes_of, subjects_or_records
from triptych.audit.swap import BlockSwap, block_swap
from triptych.audit.sweep import Steps, swept
from triptych.datasets import Windows
from triptych.errors import InputError
from triptych.metrics.inputs import Labels, Rows
from triptych.metrics.matrix import FactorMatrix
from triptych.metrics.sweeps import distances, embedded
from triptych.model import Model
from triptych.transforms import Transform, context_of
from triptych.transforms.base import method_of

__all__ = ["Embed", "audit", "audit_model", "audit_views"]

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
    classes: Sequence[str] | None = None,
    labels: Labels | None = None,
    relations: Mapping[str, str] | None = None,
    glass: FactorMatrix | None = None,
    swap: BlockSwap | None = None,
    subject: str = "an embedding",
    data: str = "",
    notes: Sequence[str] = (),
    batch: int = 512,
    seed: int = 0,
    progress: Progress | None = None,
) -> AuditResult:
    """Audit an embedding under a transform.

    First the premise is tested: untransformed windows, asked again, in another order and one by
    one, have the same latents. Memory holds two sets of latents and one number a window, however
    many θ are swept.

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
        (n,) subject or record of every window; windows know theirs.
    headline
        Block that verdict and figures are about; left out, the first.
    classifier
        What `embed` gives are class scores (n, K): the audit is of the class that is highest.
    classes, labels
        Of a classifier: the names of its K scores, and (n,) labels of the windows (``""`` where
        not known; windows know theirs). With both, accuracy, macro F1 and sensitivities stand
        first.
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
    around = signals.with_context(context_of(transform)) if isinstance(signals, Windows) else None
    x = torch.as_tensor(cast(Rows, signals) if around is None else around.signals)
    if groups is not None:
        whose = Groups(groups, "groups")
    elif around is not None:
        whose = Groups(*subjects_or_records(around), around.record, around.start)
    else:
        raise InputError("signals without records need groups: the subject of every window")
    transform, steps = swept(transform, grid)
    _moving(transform, steps)
    whole, done = len(steps) + 1 + (not classifier), 0

    def latents(rows: Tensor, theta: Tensor) -> dict[str, NDArray[Any]]:
        return embedded(lambda part: named(embed(part), classifier), rows, transform, theta, batch)

    def view(theta: Tensor) -> dict[str, NDArray[Any]]:
        nonlocal done
        found = latents(x, theta)
        done += 1
        if progress is not None:
            progress(done, whole)
        return found

    def ask(rows: NDArray[np.int64]) -> Latents:
        return judged(latents(x[torch.as_tensor(rows)], transform.identity(1)))

    reference = view(transform.identity(1))
    chosen = headline or next(iter(reference))
    if chosen not in reference:
        raise InputError(f"headline is {chosen!r}, expected one of {', '.join(reference)}")
    premise = premise_of(ask, judged(reference), min(batch, len(x)), seed)
    theta = transform.sample(len(x), torch.Generator().manual_seed(seed))
    known = around.label if labels is None and around is not None else labels
    found = measure_sweep(
        reference,
        (view(step[None]) for step in steps),
        lambda: view(theta),
        steps,
        transform,
        whose,
        headline=chosen,
        classes=Classes(classes, known) if classifier else None,
        seed=seed,
    )
    example = None
    if around is not None and found.moved is not None and "record_p10" in found.figures:
        pair = reference[chosen], found.moved
        example = example_of(*pair, whose, around, x, transform, theta)
    return _result(
        found,
        steps,
        transform,
        premise,
        groups=whose.of,
        relations=dict(relations or {}),
        glass=glass,
        swap=swap,
        notes=notes,
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
    measured too (`probe_matrix_of`). What a decoder makes of each block is always measured.

    Gaps are filled for a model that does not mask them. Raises InputError as `audit`, and where the
    model has no such head.
    """
    if not model.takes_gaps:
        transform = method_of(transform, "filled")()
    if head is not None:
        told = classes_of(model, head)

        def scores(x: Tensor) -> Rows:
            return model.predict(x)[head].probabilities

        options |= {"classifier": True, "classes": options.get("classes") or told}
        return audit(scores, windows, transform, notes=notes, seed=seed, **options)
    box, more = probe_matrix_of(model, windows, [transform], seed=seed) if glass else (None, [])
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
    views: StoredViews,
    transform: Transform,
    *,
    classifier: bool = False,
    classes: Sequence[str] | None = None,
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
    whose = Groups(views.groups, views.of, views.record, views.start)
    still = np.setdiff1d(np.arange(len(steps)), apart)
    premise = premise_of_views(views.original, views.transformed[still[0]] if len(still) else None)

    def moved() -> Latents:
        rows = np.arange(len(views.original))
        step = np.random.default_rng(seed).choice(apart, len(rows))
        return named(views.transformed[step, rows], classifier)

    reference = named(views.original, classifier)
    found = measure_sweep(
        reference,
        (named(one, classifier) for one in views.transformed),
        moved,
        steps,
        transform,
        whose,
        headline=next(iter(reference)),
        classes=Classes(classes, views.label) if classifier else None,
        seed=seed,
    )
    words: dict[str, Any] = {"groups": whose.of, "relations": {}, "notes": notes}
    return _result(found, steps, transform, premise, subject=subject, data=data, **words)


def _moving(transform: Transform, steps: Tensor) -> NDArray[np.int64]:
    """Which θ are not the identity."""
    # a θ without a distance is none of this transform, which `apply` will say
    apart = np.flatnonzero(distances(transform, steps).numpy() != 0)
    if not len(apart):
        raise InputError("every θ is the identity, so there is nothing to audit")
    return apart


def _result(
    found: Measured, steps: Tensor, transform: Transform, premise: Premise, **words: Any
) -> AuditResult:
    more = [*found.notes, *filter(None, [premise.note])]
    more += unmoved(found.curves, words["relations"], transform.name)
    words["notes"] = (*words["notes"], *more)
    return AuditResult(
        transform=transform,
        grid=steps.numpy(),
        steps=Steps.of(transform, steps),
        headline=found.headline,
        curves=found.curves,
        half_lives=found.half_lives,
        figures=found.figures,
        answers=found.answers,
        premise=premise,
        **words,
    )
