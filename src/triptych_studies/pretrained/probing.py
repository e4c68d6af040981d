"""Frozen probes with few labels or all, and the same network trained from scratch on these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from triptych.datasets import Windows
from triptych.metrics import bootstrap_interval, f1_scores, linear_probe, per_subject
from triptych.model import Model
from triptych.training import Recipe, fit
from triptych.transforms import Transform, context_of

Array = NDArray[Any]
DRAWS = {100: 1, 10: 2, 1: 3}  # per cent of the labels → draws of them
FITTED, TESTED = 2_000, 1_000  # windows at most
SCRATCH = {"epochs": 20, "batch": 32, "learning_rate": 2e-3, "weight_decay": 1e-2}


@dataclass(frozen=True)
class ProbeSides:
    """Windows of a task, as they are and under one draw of a nuisance each; all with labels."""

    train: Windows
    test: Windows
    moved: tuple[Windows, Windows]
    nuisance: str

    @classmethod
    def of(cls, train: Windows, test: Windows, nuisance: Transform) -> ProbeSides:
        """Draw the windows and the nuisance, always the same."""
        rng = np.random.default_rng(3)
        parts = [
            each.take(np.sort(rng.permutation(np.flatnonzero(each.label != ""))[:most]))
            for each, most in ((train, FITTED), (test, TESTED))
        ]
        moved = [under(each, nuisance, seed) for seed, each in enumerate(parts)]
        plain = [each.with_context(0) for each in parts]
        return cls(plain[0], plain[1], (moved[0], moved[1]), nuisance.name)

    @property
    def classes(self) -> list[str]:
        """Labels, in order."""
        return [str(each) for each in np.unique(self.train.label)]


def under(windows: Windows, nuisance: Transform, seed: int) -> Windows:
    """Windows under one draw of the nuisance each, without context."""
    from dataclasses import replace

    x = windows.with_context(context_of(nuisance)).signals
    theta = nuisance.sample(len(x), torch.Generator().manual_seed(seed))
    return replace(windows, signals=nuisance.apply(x, theta), context=0)


def share_of(labels: Array, share: int, draw: int) -> Array:
    """Rows of this share of the labels, at least one per class."""
    rng = np.random.default_rng([4, share, draw])
    if share == 100:
        return np.arange(len(labels))
    rows = [rng.permutation(np.flatnonzero(labels == each)) for each in np.unique(labels)]
    return np.sort(np.concatenate([r[: max(1, round(len(r) * share / 100))] for r in rows]))


def probe_figures(model: Model, blocks: Sequence[str], sides: ProbeSides) -> dict[str, float]:
    """Macro F1 of probes with 1, 10 and 100 % of the labels, and consistency with all of them."""
    z = [_latents(model, blocks, each) for each in (sides.train, sides.moved[0])]
    unseen = [_latents(model, blocks, each) for each in (sides.test, sides.moved[1])]
    found: dict[str, float] = {}
    for share, draws in DRAWS.items():
        scores: list[list[float]] = []
        for draw in range(draws):
            rows = share_of(sides.train.label, share, draw)
            guess = _read(z, sides.train.label, rows, unseen)
            scores.append([macro_f1(each, sides.test.label) for each in guess])
            if share == 100:
                found["consistency"] = float((guess[0] == guess[1]).mean())
        found[f"probe@{share}%"], found[f"probe_moved@{share}%"] = np.mean(scores, axis=0).tolist()
    return found


def against_scratch(
    model: Model,
    blocks: Sequence[str],
    sides: ProbeSides,
    recipe: Recipe,
    share: int = 10,
    draws: int = 1,
) -> dict[str, Any]:
    """Frozen probe and a network of the same recipe trained on these labels alone, both turned.

    Test windows are under the nuisance; so are training windows, anew in every epoch from scratch.
    """
    z = [_latents(model, blocks, each) for each in (sides.train, sides.moved[0])]
    unseen = [_latents(model, blocks, sides.moved[1])]
    truth, subject = sides.test.label, sides.test.subject
    frozen, scratch, right, seconds = list[float](), list[float](), list[Array](), 0.0
    for draw in range(draws):
        rows = share_of(sides.train.label, share, draw)
        mine = _read(z, sides.train.label, rows, unseen)[0]
        trained = fit(supervised(recipe, sides, draw), sides.train.take(rows), None, progress=False)
        theirs = trained.model.predict(sides.moved[1].signals)["invariant"].labels
        seconds += trained.seconds
        frozen.append(macro_f1(mine, truth))
        scratch.append(macro_f1(theirs, truth))
        right.append((mine == truth).astype(float) - (theirs == truth))
    each = per_subject(np.mean(right, axis=0), subject).values()
    gain = bootstrap_interval(*map(list, zip(*each, strict=True)))
    return {
        "windows": len(share_of(sides.train.label, share, 0)),
        "draws": draws,
        "frozen": float(np.mean(frozen)),
        "scratch": float(np.mean(scratch)),
        "scratch_seconds": seconds / draws,
        "accuracy_gain": {"mean": gain.mean, "low": gain.low, "high": gain.high},
        "test_subjects": len(np.unique(subject)),
    }


def macro_f1(guess: Array, truth: Array) -> float:
    """Mean F1 of the classes that there are."""
    found: Mapping[str, float] = f1_scores(guess, truth, np.unique(truth).tolist())
    return float(np.nanmean(list(found.values())))


def _latents(model: Model, blocks: Sequence[str], windows: Windows) -> Array:
    return model.schema.select(model.embed(windows.centred).all, tuple(blocks)).numpy()


def _read(z: Sequence[Array], labels: Array, rows: Array, unseen: Sequence[Array]) -> list[Array]:
    """What a probe, fitted on both views of these rows, reads of each of the `unseen`."""
    fitted, told = np.concatenate([each[rows] for each in z]), np.tile(labels[rows], 2)
    together = np.concatenate(unseen)
    nobody = np.full(len(together), told[0])  # its scores are not used
    return np.split(linear_probe(fitted, told, together, nobody).predicted, len(unseen))


def supervised(recipe: Recipe, sides: ProbeSides, seed: int) -> Recipe:
    """The same network with a classifier, trained on labels under the nuisance only.

    Of two trunks one is trained: nothing here is variant to the nuisance.
    """
    content = recipe.to_dict()
    nuisance = [each for each in content["transforms"] if each["name"] == sides.nuisance]
    inside = recipe.schema_of_latent.invariant_to_all
    related = {"invariant_to": [sides.nuisance]}
    content |= {
        "name": f"{recipe.name} from scratch",
        "transforms": nuisance,
        "latent": [
            {"name": b.name, "size": b.size, **(related if b.name in inside else {})}
            for b in recipe.schema_of_latent.blocks
        ],
        "classes": sides.classes,
        "encoder": {**content["encoder"], "two": False},
        "objective": {"name": "augmentation"},
        "training": {**content["training"], **SCRATCH, "seed": seed},
    }
    return Recipe.of(content)
