"""What is measured of a sweep: curves of every block, figures of the headline, answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from triptych.audit.answer_tally import AnswerTally
from triptych.audit.answers import BALANCED, CLASSES, SCORES, Answers
from triptych.audit.pairs import ViewPair, Whose
from triptych.audit.result import EMBEDDING
from triptych.errors import InputError
from triptych.metrics.inputs import Labels, Rows, as_array
from triptych.metrics.statistics import Interval
from triptych.metrics.sweeps import HalfLife, ResponseCurve, curves, half_life
from triptych.transforms import Transform

Latents = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Classes:
    """That a classifier is audited: names of its classes, and labels (n,), where known."""

    names: Sequence[str] | None = None
    labels: Labels | None = None


@dataclass(frozen=True, eq=False)
class Measured:
    """What `measure_sweep` found: see `AuditResult`; `pair` is of the headline of an embedding."""

    curves: dict[str, ResponseCurve]
    half_lives: dict[str, HalfLife]
    headline: str
    figures: dict[str, Interval]
    notes: list[str]
    answers: Answers | None = None
    pair: ViewPair | None = None


def measure_sweep(
    reference: Latents,
    views: Iterable[Latents],
    moved: Callable[[], Latents],
    steps: Tensor,
    transform: Transform,
    whose: Whose,
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
    if classes is not None:
        return _of_answers(reference, views, steps, transform, whose, classes, seed)
    found = curves(reference, views, steps, transform, whose.groups, seed=seed)
    pair = ViewPair(reference[headline], moved()[headline], whose)
    figures, notes = pair.measure(found[headline])
    halves = {name: half_life(curve) for name, curve in found.items()}
    figures["half_life"] = _as_interval(halves[headline], found[headline])
    return Measured(found, halves, headline, figures, notes, pair=pair)


def _of_answers(
    reference: Latents,
    views: Iterable[Latents],
    steps: Tensor,
    transform: Transform,
    whose: Whose,
    classes: Classes,
    seed: int,
) -> Measured:
    tally = AnswerTally(reference[SCORES], whose.groups, classes.names, classes.labels)
    plain = curves(reference, tally.watched(views), steps, transform, whose.groups, seed=seed)
    raw = plain[CLASSES]
    curve = tally.curve(raw)
    found = {BALANCED: curve, **plain}
    halves = {name: half_life(each) for name, each in found.items()}
    figures = tally.figures(curve, raw)
    figures["half_life"] = _as_interval(halves[BALANCED], curve)
    answers, notes = tally.answers(raw.distance), [*tally.notes, *whose.notes()]
    few = [
        name
        for name, n, counted in zip(answers.classes, answers.called, answers.counted, strict=True)
        if n and not counted
    ]
    if few and not answers.void:
        notes.append(f"too few windows to count in the mean over classes: {', '.join(few[:10])}")
    return Measured(found, halves, BALANCED, figures, notes, answers)


def named(z: Rows | Mapping[str, Rows], classifier: bool) -> Mapping[str, Rows]:
    """Latents by block; of class scores the highest class as a unit vector, and the scores.

    The cosine of two such vectors is 1 where the classes agree, else 0.
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


def arrays(z: NDArray[Any], classifier: bool) -> Latents:
    """As `named`, of arrays."""
    return cast(Latents, named(z, classifier))


def judged(latents: Latents) -> Latents:
    """What the premise is judged by: of a classifier what decides its answers, else every block.

    A shift that all scores of a window share changes no answer, so it is taken off.
    """
    if {CLASSES, SCORES} != set(latents):
        return latents
    scores = latents[SCORES].astype(np.float64)
    return {SCORES: scores - scores.mean(axis=1, keepdims=True)}


def _as_interval(half: HalfLife, curve: ResponseCurve) -> Interval:
    return Interval(half.value, half.low, half.high, 1, len(curve.groups))
