"""How a model is measured in the IMU rotation study: every metric of the protocol."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from triptych import metrics
from triptych.datasets import Windows
from triptych.latent import LatentSchema
from triptych.model import Model
from triptych.transforms import Rotation
from triptych_studies.maps import embedding_map
from triptych_studies.scores import Scores, unlike_pairs
from triptych_studies.tasks.base import Sides
from triptych_studies.tasks.imu_windows import gravity, has_gravity

DRAWS = 10
FAMILIES = {
    "": Rotation(),
    "@yaw": Rotation("yaw"),
    "@tilt30": Rotation("tilt"),
    "@cube24": Rotation("cube24"),
}
ANGLES = tuple(range(0, 181, 15))
GAIT = ("walking", "upstairs", "downstairs")
PROBED = 6000  # rotated windows of training subjects that a direction probe is fitted on
DRAWN = 60  # windows whose direction is drawn

Codes = NDArray[np.int64]
Read = Callable[[Tensor], Codes]  # latents (n, size) → classes (n,)


@dataclass(frozen=True)
class MeasuredTurns:
    """A trained model with its two readers, the windows of its cell, and the classes' order."""

    embed: Callable[[Tensor], Tensor]
    schema: LatentSchema
    invariant: Read
    full: Read
    sides: Sides
    classes: tuple[str, ...]

    @cached_property
    def upright(self) -> Tensor:
        """Latents of the test windows as they are."""
        return self.embed(self.sides.test.signals)

    @cached_property
    def turned(self) -> list[Tensor]:
        """The same under `DRAWS` Haar-uniform rotations."""
        return _turned(self, FAMILIES[""])

    @cached_property
    def turned_once(self) -> tuple[Tensor, Tensor, NDArray[Any]]:
        """The same under one draw, its θ, and where gravity then points, (n, 3)."""
        return _turned_once(self, self.sides.test, 13)

    @property
    def inside(self) -> tuple[str, ...]:
        """The blocks that should not know the rotation; all, where there are no relations."""
        return self.schema.invariant_to_all or self.schema.names

    @property
    def outside(self) -> tuple[str, ...]:
        """The blocks that should know it; all, where there are no relations."""
        related = self.schema.variant("rotation") + self.schema.equivariant("rotation")
        return tuple(block.name for block in related) or self.schema.names

    def sound(self, scores: Scores) -> bool:
        """Whether the blocks inside may be measured; marked in `scores` if they have collapsed."""
        seen = [self.upright, *self.turned]
        return scores.sound(" + ".join(self.inside), *(_select(self, self.inside, z) for z in seen))

    def codes(self, windows: Windows) -> Codes:
        """Classes of the windows as indices."""
        return np.array([self.classes.index(str(label)) for label in windows.label])


def measured(model: Model, sides: Sides, classes: tuple[str, ...], frozen: bool) -> MeasuredTurns:
    """Put a model beside its windows; `frozen` fits the heads on its frozen latents."""

    def embed(x: Tensor) -> Tensor:
        return model.embed(x).all

    readers: tuple[Read, Read]
    if frozen:
        one = _logistic(embed, sides.train, classes)
        readers = one, one
    else:
        readers = _head(model.heads["invariant"]), _head(model.heads["full"])
    return MeasuredTurns(embed, model.schema, *readers, sides, classes)


def _head(head: nn.Module) -> Read:
    def read(z: Tensor) -> Codes:
        with torch.no_grad():
            return cast(Tensor, head(z)).argmax(dim=1).numpy()

    return read


def _logistic(embed: Callable[[Tensor], Tensor], train: Windows, classes: Sequence[str]) -> Read:
    """Logistic regression on upright training windows and one rotated copy of each."""
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    x = train.signals[::2]  # they overlap by half
    turn = Rotation()
    turned = turn.apply(x, turn.sample(len(x), torch.Generator().manual_seed(11)))
    z = torch.cat([embed(x), embed(turned)]).numpy()
    y = np.tile([classes.index(str(label)) for label in train.label[::2]], 2)
    scale, model = cast(Any, StandardScaler)(), cast(Any, LogisticRegression)(max_iter=200)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(scale.fit_transform(z), y)
    return lambda new: model.predict(scale.transform(new.numpy()))


def measure_classes(
    model: MeasuredTurns, scores: Scores, families: Sequence[str] = tuple(FAMILIES)
) -> None:
    """Accuracy and consistency, upright and under families of rotations; none if collapsed."""
    test = model.sides.test
    truth, subjects = model.codes(test), test.subject
    z = model.upright
    guess, full = model.invariant(z), model.full(z)
    scores.count(subjects)
    if scores.sound(" + ".join(model.schema.names), z):
        scores.mean("accuracy_full", full == truth, subjects)
    if not model.sound(scores):
        return
    scores.mean("accuracy", guess == truth, subjects)
    right, size = guess == truth, len(model.classes)
    table = metrics.flows(truth, guess, size).astype(np.float64)
    hits = np.diagonal(table)
    scores.add("f1", float(metrics.macro_f1(hits, table.sum(axis=1), table.sum(axis=0))))
    for suffix in families:
        views = _turned(model, FAMILIES[suffix]) if suffix else model.turned
        turned = np.stack([model.invariant(each) for each in views])
        same = turned == guess
        scores.mean(f"accuracy_rotated{suffix}", (turned == truth).mean(axis=0), subjects)
        scores.mean(f"consistency{suffix}", same.mean(axis=0), subjects)

        def balanced(kept: NDArray[np.bool_], turned: Codes = turned) -> float:
            return metrics.prediction_consistency(guess[kept], turned[:, kept], size).balanced

        scores.pool(f"consistency_balanced{suffix}", balanced, subjects)
        if suffix:
            continue
        pairs = (turned == np.roll(turned, 1, axis=0)).mean(axis=0)
        scores.mean("consistency_pair", pairs, subjects)
        if right.any():
            scores.mean("consistency_correct", same.mean(axis=0)[right], subjects[right])
        for k, name in enumerate(model.classes):
            own = truth == k
            if own.any():
                scores.metrics[f"recall:{name}"] = float(right[own].mean())
                scores.metrics[f"recall_rotated:{name}"] = float((turned == truth)[:, own].mean())
        gait = [f"recall_rotated:{name}" for name in GAIT]
        if all(name in scores.metrics for name in gait):
            scores.metrics["recall_gait@so3"] = float(np.mean([scores.metrics[n] for n in gait]))
        if scores.wanted("confusion"):
            scores.artifacts["confusion"] = {
                "classes": list(model.classes),
                "upright": metrics.flows(truth, guess, size).tolist(),
                "rotated": metrics.flows(np.tile(truth, DRAWS), turned.ravel(), size).tolist(),
            }


def measure_latents(model: MeasuredTurns, scores: Scores) -> None:
    """``cosine_rotated`` beside ``cosine_random``, on the invariant block; the map."""
    if not model.sound(scores):
        return
    test = model.sides.test
    inside = _select(model, model.inside, model.upright)
    turned = np.stack(
        [metrics.cosine(inside, _select(model, model.inside, each)) for each in model.turned]
    )
    scores.mean("cosine_rotated", turned.mean(axis=0), test.subject)
    pairs = unlike_pairs(test, 60_000)
    if len(pairs[0]):
        scores.between(inside, pairs, test.subject)
    if scores.wanted("map"):
        few, place = embedding_map(inside, n=900)
        scores.artifacts["map"] = {
            "xy": np.round(place, 2).tolist(),
            "activity": test.label[few].tolist(),
            "person": test.subject[few].tolist(),
        }


def measure_orientation(model: MeasuredTurns, scores: Scores) -> None:
    """``orientation_error`` from the variant or equivariant block, and what the others leak."""
    train, test = model.sides.train, model.sides.test
    rows = np.sort(np.random.default_rng(4).permutation(len(train))[:PROBED])
    fitted = train.take(rows)
    if not (has_gravity(fitted) and has_gravity(test)):
        return  # no direction to read
    z, _, directions = _turned_once(model, fitted, 12)
    new, _, truth = model.turned_once

    def probe(blocks: tuple[str, ...]) -> metrics.DirectionProbe:
        seen, unseen = (_select(model, blocks, each) for each in (z, new))
        return metrics.direction_probe(seen, directions, fitted.subject, unseen, truth)

    outside = probe(model.outside)
    inside = outside if model.inside == model.outside else probe(model.inside)

    def leaked(kept: NDArray[np.bool_]) -> float:
        return metrics.r2(inside.read[kept], truth[kept])

    scores.pool("orientation_r2_invariant", leaked, test.subject)
    outer = (_select(model, model.outside, each) for each in (z, new))
    if not scores.sound(" + ".join(model.outside), *outer):
        return
    scores.mean("orientation_error", outside.per_row, test.subject)
    if not scores.wanted("directions"):
        return
    few = np.sort(np.random.default_rng(5).permutation(len(test))[:DRAWN])
    scores.artifacts["directions"] = {
        "true": np.round(truth[few], 3).tolist(),
        "read": np.round(outside.predicted[few], 3).tolist(),
        "block": " + ".join(model.outside),
    }


def measure_angles(model: MeasuredTurns, scores: Scores) -> None:
    """Accuracy and consistency against the angle of a rotation about a random axis."""
    if not (scores.wanted("angles") and model.sound(scores)):
        return
    test = model.sides.test
    part = slice(None, None, max(1, len(test) // 1500))
    guess, test = model.invariant(model.upright[part]), test.take(part)
    truth, turn = model.codes(test), Rotation()
    axis = torch.randn(len(test), 3, generator=torch.Generator().manual_seed(14))
    axis = nn.functional.normalize(axis, dim=1)
    curves: dict[str, list[list[float]]] = {"accuracy": [], "consistency": []}
    for degrees in ANGLES:
        half = torch.deg2rad(torch.tensor(degrees / 2))
        theta = torch.cat([axis * half.sin(), half.cos().expand(len(test), 1)], dim=1)
        turned = model.invariant(model.embed(turn.apply(test.signals, theta)))
        for name, hits in (("accuracy", turned == truth), ("consistency", turned == guess)):
            figures = metrics.per_subject(hits.astype(float), test.subject)
            means, sizes = zip(*figures.values(), strict=True)
            found = metrics.bootstrap_interval(np.array([means]), np.array([sizes]))
            curves[name].append([round(v, 4) for v in (found.mean, found.low, found.high)])
    scores.artifacts["angles"] = {"degrees": list(ANGLES)} | curves


def _turned(model: MeasuredTurns, family: Rotation) -> list[Tensor]:
    """Latents of the test windows under `DRAWS` draws, the same for every method."""
    x, generator = model.sides.test.signals, torch.Generator().manual_seed(10)
    return [model.embed(family.apply(x, family.sample(len(x), generator))) for _ in range(DRAWS)]


def _turned_once(
    model: MeasuredTurns, windows: Windows, seed: int
) -> tuple[Tensor, Tensor, NDArray[Any]]:
    turn = Rotation()
    theta = turn.sample(len(windows), torch.Generator().manual_seed(seed))
    up = nn.functional.normalize(gravity(windows.signals), dim=1)[..., None]
    z = model.embed(turn.apply(windows.signals, theta))
    return z, theta, (turn.matrices(theta) @ up)[..., 0].numpy()


def _select(model: MeasuredTurns, blocks: tuple[str, ...], z: Tensor) -> NDArray[Any]:
    return model.schema.select(z, blocks).numpy()
