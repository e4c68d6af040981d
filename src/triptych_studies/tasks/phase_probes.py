"""How a model is measured under phase shifts: every metric of the protocol, one function each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from triptych.latent import LatentSchema
from triptych.metrics import (
    Factor,
    cosine,
    different_pairs,
    f1_scores,
    invariance,
    jackknife_per_subject,
    linear_probe,
    near_in_time,
    neighbour_overlap,
    per_subject,
    read_parameter,
    retrieval,
    same_group,
    top_k,
)
from triptych.transforms import PhaseShift
from triptych_studies import probe_matrix
from triptych_studies.maps import embedding_map
from triptych_studies.scores import Scores, curve_points
from triptych_studies.tasks.phase_windows import BEATS, MeasuredWindows

STEP_S = 0.0125
TIMED = 2000  # gallery windows of which the heart rate is read


Embed = Callable[[Tensor], Mapping[str, Tensor]]
Sides = tuple[NDArray[Any], NDArray[Any]]  # latents (n, d) of windows as they are, and shifted


def gallery_latents(embed: Callable[[Tensor], Tensor], test: MeasuredWindows) -> Sides:
    """Latents (n, d) of the gallery as it is, and shifted by one random θ each."""
    gallery = test.gallery
    shifted = test.shift.apply(gallery.signals, test.gallery_shift)
    return embed(gallery.centred).numpy(), embed(shifted).numpy()


def measure_invariance(
    embed: Callable[[Tensor], Tensor], gallery: Sides, test: MeasuredWindows, scores: Scores
) -> None:
    """``cosine_*`` and ``separation``: the sweep over ±12.5, ±25, … ±250 ms."""
    steps = np.arange(1, round(test.shift.max_shift / STEP_S) + 1) * STEP_S
    grid = np.concatenate([-steps[::-1], [0.0], steps])
    curve = invariance(embed, test.sweep.signals, test.shift, grid, test.sweep.subject)
    shifted = np.flatnonzero(grid)
    at_75 = np.flatnonzero(np.isclose(np.abs(grid), 0.075))
    for name, columns in (("cosine_75ms", at_75), ("cosine_mean", shifted)):
        by_subject = dict(
            zip(curve.groups, curve.group_means[:, columns].mean(axis=1).tolist(), strict=True)
        )
        scores.add(name, float(curve.mean[columns].mean()), by_subject)
    if scores.wanted("curve"):
        scores.artifacts["curve"] = curve_points(curve)

    subjects = test.gallery.subject
    pairs = different_pairs(subjects, 20_000, seed=1)
    scores.between(gallery[0], pairs, subjects, cosine(*gallery))


def measure_circular(
    embed: Callable[[Tensor], Tensor], test: MeasuredWindows, scores: Scores
) -> None:
    """``cosine_mean@circular``: the exact rows' own transform, where invariance is by design."""
    ring = PhaseShift(test.shift.max_shift, test.shift.rate, mode="circular")
    x = test.sweep.centred[::4]
    z = embed(x)
    values: list[float] = []
    for theta in (-0.25, -0.15, -0.075, 0.075, 0.15, 0.25):
        moved = embed(ring.apply(x, torch.full((len(x), 1), theta)))
        values.append(float(cosine(z.numpy(), moved.numpy()).mean()))
    scores.add("cosine_mean@circular", float(np.mean(values)))


def measure_retrieval(
    latents: Sides, test: MeasuredWindows, scores: Scores, suffix: str = ""
) -> None:
    """``record_p10``, ``class_p10``, ``sbd_recall10`` and the drawn example."""
    gallery, (z, query) = test.gallery, latents
    near = near_in_time(gallery.record, gallery.start, gallery.record, gallery.start)
    found = retrieval(query, z, gallery.record, gallery.record, near)
    scores.add(
        "record_p10" + suffix, found.precision, per_subject(found.per_query, gallery.subject)
    )
    if suffix:
        return
    own = same_group(gallery.subject, gallery.subject)
    classes = retrieval(query, z, gallery.label, gallery.label, own, macro=True)
    scores.add("class_p10", classes.precision)
    for label, value in classes.per_class.items():
        scores.metrics[f"class_p10:{label}"] = value
    asked = test.shape_queries
    barred = near_in_time(
        gallery.record[asked], gallery.start[asked], gallery.record, gallery.start
    )
    nearest, _ = top_k(z[asked], z, 10, barred)
    overlap = neighbour_overlap(nearest, test.shape_neighbours)
    scores.mean("sbd_recall10", overlap, gallery.subject[asked])
    if scores.wanted("matches"):
        scores.artifacts["matches"] = _matches(query, z, near, test)
    if scores.wanted("map"):
        few, place = embedding_map(z)
        scores.artifacts["map"] = {
            "xy": np.round(place, 2).tolist(),
            "record": gallery.record[few].tolist(),
            "class": gallery.label[few].tolist(),
        }


def _matches(
    query: NDArray[Any], z: NDArray[Any], near: Any, test: MeasuredWindows
) -> list[dict[str, Any]]:
    """The five nearest windows of the drawn example."""
    gallery, example = test.gallery, int(test.showcase["query"])
    own = slice(example, example + 1)
    rows, similarity = top_k(query[own], z, 5, near(own))
    return [
        {
            "signal": np.round(gallery.centred[row, 0, ::2].numpy(), 3).tolist(),
            "record": str(gallery.record[row]),
            "label": str(gallery.label[row]),
            "similarity": round(float(value), 4),
        }
        for row, value in zip(rows[0], similarity[0], strict=True)
    ]


def measure_projected(
    embed: Callable[[Tensor], Tensor],
    projector: torch.nn.Module,
    test: MeasuredWindows,
    scores: Scores,
) -> None:
    """``…@projector``: retrieval and cosines of what SimCLR's loss compares."""
    after = Scores()

    def projected(x: Tensor) -> Tensor:
        with torch.no_grad():
            return projector(embed(x))

    gallery = gallery_latents(projected, test)
    if scores.sound("projector", *gallery):
        measure_invariance(projected, gallery, test, after)
        measure_retrieval(gallery, test, scores, suffix="@projector")
        for name in ("cosine_75ms", "cosine_random"):
            scores.metrics[f"{name}@projector"] = after.metrics[name]


def measure_phase(
    embed: Embed,
    invariant: tuple[str, ...],
    variant: tuple[str, ...],
    test: MeasuredWindows,
    scores: Scores,
) -> Factor:
    """``phase_*``: what fixed probes read of θ from the variant and the invariant blocks.

    Returns θ as a factor of the probe matrix, with what was read from these blocks.
    """
    first = embed(test.probe.centred)
    second = embed(test.shift.apply(test.probe.signals, test.probe_shift))
    theta = test.probe_shift[:, 0].double().numpy()
    subjects = test.probe.subject

    def sides(names: tuple[str, ...]) -> Sides:
        a, b = (torch.cat([side[name] for name in names], dim=1) for side in (first, second))
        return a.numpy(), b.numpy()

    def measure(names: tuple[str, ...], **metrics: str) -> None:
        probe = read_parameter(*sides(names), theta, subjects)
        for what, metric in metrics.items():
            by_subject = {name: row[what] for name, row in probe.per_record.items()}
            scores.add(metric, getattr(probe, what), by_subject)
        if len(names) == 1:
            read[names[0]] = probe.predicted

    read: dict[str, NDArray[Any]] = {}
    measure(invariant, r2="phase_r2_invariant")
    few = np.random.default_rng(0).permutation(len(theta))[:10_000]
    a, b = (side[few] for side in sides(invariant))
    size = read_parameter(a, b, np.abs(theta[few]), subjects[few])
    scores.add("phase_abs_r2_invariant", size.r2)
    if variant:
        measure(variant, r2="phase_r2_variant", within="phase_within_20ms")
    return Factor("phase", theta, subjects, first, second, test.shift.name, read=read)


def measure_matrix(
    embed: Embed, schema: LatentSchema, phase: Factor, test: MeasuredWindows, scores: Scores
) -> None:
    """Phase, class, identity and heart rate by block; ``record_gap``, and purity and leakage."""
    gallery, beats = test.gallery, test.beats_test
    beats = beats.take(np.isin(beats.label, BEATS))
    z, own = (probe_matrix.with_all(embed(each.centred)) for each in (gallery, beats))
    timed = np.flatnonzero(np.isfinite(test.heart_rate))
    timed = np.sort(np.random.default_rng(11).permutation(timed)[:TIMED])
    known = {name: block[torch.as_tensor(timed)] for name, block in z.items()}
    inside = tuple(block.name for block in schema.invariant(phase.transform))
    outside = schema.variant(phase.transform) + schema.equivariant(phase.transform)
    block, record = next(iter(inside), ""), gallery.record
    factors = [
        phase,
        Factor("class", beats.label, beats.subject, own, block=block),
        Factor("identity", record, record, z, block=block, start=gallery.start),
        Factor("heart rate", test.heart_rate[timed], gallery.subject[timed], known),
    ]
    box = probe_matrix.measure(factors, schema, scores)
    if box is not None and inside and outside:
        scores.add("purity@phase", box.purity.get("phase", np.nan))
        scores.add("leakage@phase", box.leakage.get("phase", np.nan))
        sides = (inside, [each.name for each in outside])
        inner, outer = (probe_matrix.score_of(box, "identity", names) for names in sides)
        scores.add("record_gap", inner - outer)


def measure_beats(embed: Callable[[Tensor], Tensor], test: MeasuredWindows, scores: Scores) -> None:
    """``beat_f1``, ``beat_auroc``: a linear probe on frozen latents, DS1 → DS2.

    A macro F1 is no mean over subjects: theirs are the jackknife's pseudo-values.
    """
    train, held = test.beats_train, test.beats_test
    fitted, unseen = (embed(each.centred).numpy() for each in (train, held))
    probe = linear_probe(fitted, train.label, unseen, held.label, classes=[*BEATS, "F"])

    def macro(kept: NDArray[np.bool_]) -> float:
        each = f1_scores(probe.predicted[kept], held.label[kept], BEATS)
        return float(np.nanmean(list(each.values())))  # of a class that went with its subject, none

    f1 = float(np.mean([probe.f1[name] for name in BEATS]))
    by_subject = jackknife_per_subject(macro, held.subject, len(held)) if np.isfinite(f1) else None
    scores.add("beat_f1", f1, by_subject)
    scores.add("beat_f1:F", probe.f1["F"])
    scores.add("beat_auroc", float(np.mean([probe.auroc[name] for name in BEATS])))


def measure_reconstruction(
    reconstruct: Callable[[Tensor], Tensor],
    front_end: torch.nn.Module,
    test: MeasuredWindows,
    scores: Scores,
) -> None:
    """``mse`` on unshifted windows, in the units of what the decoder was asked to give."""
    x = test.gallery.centred
    with torch.no_grad():
        cuts = range(0, len(x), 1024)
        target = torch.cat([front_end(x[start : start + 1024]) for start in cuts])
    error = (reconstruct(x) - target).square().mean(dim=(1, 2)).numpy()
    scores.mean("mse", error, test.gallery.subject)


def measure_blocks(embed: Embed, test: MeasuredWindows, scores: Scores) -> None:
    """Response curve of every block that has not collapsed, on a part of the windows."""
    part = test.sweep.take(slice(None, None, 5))
    grid = np.linspace(-test.shift.max_shift, test.shift.max_shift, 21)
    curves = {
        name: invariance(
            lambda x, name=name: embed(x)[name], part.signals, test.shift, grid, part.subject
        )
        for name in tuple(embed(part.centred[:2]))
    }
    scores.artifacts["blocks"] = {
        name: curve_points(curve) for name, curve in curves.items() if not curve.collapsed
    }
