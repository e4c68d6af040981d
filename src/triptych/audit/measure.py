"""What is measured of a sweep: curves of every block, figures of the headline, answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from triptych.audit.answer_tally import AnswerTally
from triptych.audit.answers import BALANCED, CLASSES, SCORES, Answers
from triptych.audit.result import EMBEDDING
from triptych.audit.verdicts import lowest_of, single
from triptych.datasets import Windows
from triptych.errors import InputError
from triptych.metrics.inputs import Labels, Rows, as_array
from triptych.metrics.ranking import Rule, near_in_time, retrieval, top_k
from triptych.metrics.similarity import Likeness, different_pairs
from triptych.metrics.statistics import Interval, bootstrap_interval, per_subject
from triptych.metrics.sweeps import HalfLife, ResponseCurve, curves, distances, half_life
from triptych.transforms import Transform
from triptych.transforms.base import method_of

Latents = Mapping[str, NDArray[Any]]
Figures = dict[str, Interval]
FEW = 6  # groups, under which a bootstrap over them says little


@dataclass(frozen=True)
class Groups:
    """The group of every window; record and start tell neighbours in time, where known."""

    labels: Labels
    of: str
    record: Labels | None = None
    start: Labels | None = None

    def notes(self) -> list[str]:
        """What to know of intervals over these groups."""
        if self.of == "rows":
            return [
                "neither subject nor record is given: every other row counts as another subject"
            ]
        count = len(np.unique(np.asarray(self.labels)))
        return [f"only {count} {self.of}: intervals are rough"] if count < FEW else []

    def near(self) -> Rule:
        """Rule that leaves out the query itself, and its neighbours in time."""
        if self.record is not None and self.start is not None:
            return near_in_time(self.record, self.start, self.record, self.start)
        place = np.arange(len(self.labels))
        return lambda rows: place[rows, None] == place


@dataclass(frozen=True)
class Classes:
    """That a classifier is audited: names of its classes, and labels (n,), where known."""

    names: Sequence[str] | None = None
    labels: Labels | None = None


@dataclass(frozen=True, eq=False)
class Measured:
    """What `measure_sweep` found: see `AuditResult`.

    `moved` are the headline's latents under one random θ a window; None of a classifier.
    """

    curves: dict[str, ResponseCurve]
    half_lives: dict[str, HalfLife]
    headline: str
    figures: Figures
    notes: list[str]
    answers: Answers | None = None
    moved: NDArray[Any] | None = None


def measure_sweep(
    reference: Latents,
    views: Iterable[Latents],
    moved: Callable[[], Latents],
    steps: Tensor,
    transform: Transform,
    groups: Groups,
    *,
    headline: str,
    classes: Classes | None,
    seed: int,
) -> Measured:
    """Measure a sweep while its views come.

    Parameters
    ----------
    reference, views
        Block → latents (n, d) of the windows as they are, and of T_θ x for each θ of `steps`.
    moved
        Called once, after the sweep of an embedding: the same under one random θ a window.
    """
    tally, answers, random = None, None, None
    if classes is not None:
        tally = AnswerTally(reference[SCORES], groups.labels, classes.names, classes.labels)
        views, headline = tally.watched(views), BALANCED
    found = curves(reference, views, steps, transform, groups.labels, seed=seed)
    if tally is not None:
        raw = found[CLASSES]
        found = {BALANCED: tally.curve(raw), **found}
        answers = tally.answers(raw.distance)
        figures = tally.figures(found[BALANCED], raw, answers.truth)
        notes = [*tally.notes, *groups.notes(), *answers.notes()]
    else:
        random = moved()[headline]
        figures, notes = _of_latents(reference[headline], random, groups, found[headline])
    halves = {name: half_life(curve) for name, curve in found.items()}
    half, count = halves[headline], len(found[headline].groups)
    figures["half_life"] = Interval(half.value, half.low, half.high, 1, count)
    return Measured(found, halves, headline, figures, notes, answers, random)


def _of_latents(
    reference: NDArray[Any], moved: NDArray[Any], groups: Groups, curve: ResponseCurve
) -> tuple[Figures, list[str]]:
    """Figures beside the curve of an embedding, and notes on what could not be measured."""
    notes = groups.notes()
    by_group = curve.group_means[:, curve.distance > 0].mean(axis=1)
    like = Likeness(reference, different_pairs(groups.labels, 20_000, seed=1))
    figures = {
        f"{like.measure}_mean": bootstrap_interval(by_group, curve.sizes)
        if np.isfinite(by_group).any()
        else single(float("nan")),
        f"{like.measure}_lowest": lowest_of(curve),
        f"{like.measure}_random": single(curve.between),
        "separation": single(like.separation(like(moved))),
    }
    if curve.collapsed:
        return figures, [
            *notes,
            "collapsed: the latents are the same for every window and θ, so neither similarity nor "
            "retrieval is measured",
        ]
    if curve.zeros or curve.lost.any():
        notes.append(
            f"{curve.zeros} of {len(reference)} windows have latents that are all zeros, and up to "
            f"{curve.lost.max(initial=0):.1%} get such under the transform: they point nowhere, "
            "and are in no mean"
        )
    if groups.of == "rows" or like.measure != "cosine":
        return figures, notes
    found, said = _own_record(reference, moved, groups)
    return figures | found, [*notes, *said]


def _own_record(
    reference: NDArray[Any], moved: NDArray[Any], groups: Groups
) -> tuple[Figures, list[str]]:
    """``record_p10`` over the queries that can find any of their own, and what limits it."""
    own = groups.record if groups.record is not None else groups.labels
    try:
        found = retrieval(moved, reference, own, own, groups.near())
    except InputError as error:
        return {}, [f"record_p10 is left out: {error}"]
    most, notes = found.findable, list[str]()
    able = (most > 0) & moved.any(axis=1)
    if not able.any():
        why = "no window has another of its own record more than 5 s away" * (not most.any())
        return {}, [f"record_p10 is left out: {why or 'all latents are zeros'}"]
    ceiling = float((np.minimum(most, 10) / 10)[able].mean())
    if ceiling < 0.995 or not able.all():
        notes.append(
            f"record_p10 can be {ceiling:.2f} at most, by how many windows of its own record a "
            f"query can find; {int((~able).sum())} of {len(able)} queries can find none, and are "
            "left out"
        )
    each = per_subject(found.per_query[able], np.asarray(groups.labels)[able]).values()
    means, counts = zip(*each, strict=True)
    return {"record_p10": bootstrap_interval(means, counts)}, notes


def example_of(
    reference: NDArray[Any],
    moved: NDArray[Any],
    groups: Groups,
    windows: Windows,
    x: Tensor,
    transform: Transform,
    theta: Tensor,
) -> dict[str, Any]:
    """A query and its five nearest windows; of the queries of median precision the farthest θ."""
    near, record = groups.near(), windows.record
    right = retrieval(moved, reference, record, record, near).per_query
    typical = np.flatnonzero(right == np.quantile(right, 0.5, method="nearest"))
    size = distances(transform, theta).numpy()
    query = int(typical[size[typical].argmax()])
    one = slice(query, query + 1)
    rows, similarity = top_k(moved[one], reference, 5, near(one))

    def window(row: int, signal: Tensor, **more: Any) -> dict[str, Any]:
        values = (signal - signal.mean(-1, keepdim=True)) / signal.std(-1, keepdim=True)
        names = {"record": str(record[row]), "label": str(windows.label[row])}
        return {"signal": values.nan_to_num().numpy(), **names, **more}

    words = method_of(transform, "label")(theta[one])[0]
    view = transform.apply(x[one], theta[one])[0]
    return {
        "rate": windows.rate,
        "query": window(query, view, shown=f"{transform.name.replace('_', ' ')} of {words}"),
        "matches": [
            window(int(row), windows.centred[int(row)], similarity=float(value))
            for row, value in zip(rows[0], similarity[0], strict=True)
        ],
    }


def named(z: Rows | Mapping[str, Rows], classifier: bool) -> Latents:
    """Latents by block; of class scores the highest class as a unit vector, and the scores.

    The cosine of two such vectors is 1 where the classes agree, else 0.
    """
    if isinstance(z, Mapping):
        if classifier:
            raise InputError(
                f"a classifier gives one array of class scores (n, K), not {', '.join(z)}; let "
                "embed return that"
            )
        return {name: as_array(part, name) for name, part in z.items()}
    if not classifier:
        return {EMBEDDING: as_array(z, EMBEDDING)}
    scores = as_array(z, "the class scores")
    if scores.shape[1] < 2:
        raise InputError("a classifier has scores (n, K) of two classes or more, but K is 1")
    return {CLASSES: np.eye(scores.shape[1], dtype=np.float32)[scores.argmax(1)], SCORES: scores}


def judged(latents: Latents) -> Latents:
    """What the premise is judged by: of a classifier what decides its answers, else every block.

    A shift that all scores of a window share changes no answer, so it is taken off.
    """
    if {CLASSES, SCORES} != set(latents):
        return latents
    scores = latents[SCORES].astype(np.float64)
    return {SCORES: scores - scores.mean(axis=1, keepdims=True)}
