"""Probes of the benchmark: classes by logistic regression, numbers by ridge, few labels or all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from triptych import InputError
from triptych.metrics import f1_scores, linear_probe, per_subject, r2
from triptych_studies.scores import Scores
from triptych_studies.tasks.benchmark_reading import LatentReading

DRAWS = {100: 1, 10: 3, 1: 5}  # per cent of the labels → draws of them
FITTED = {"smoke": 600, "quick": 3_000, "full": 10_000}  # labelled training windows at most
ALPHAS = tuple(10.0**k for k in range(-2, 6))
Array = NDArray[Any]


def measure_probes(reading: LatentReading, scores: Scores) -> None:
    """Read the classes, or the numbers, from the latents that count and from all of them."""
    task, train, test = reading.task, reading.fitted, reading.sides.test
    known = np.flatnonzero(train.label != "")
    known = np.random.default_rng(3).permutation(known)[: FITTED[task.budget]]
    scored = np.flatnonzero(test.label != "")
    told, truth, subject = train.label[known], test.label[scored], test.subject[scored]
    if task.number:
        told, truth = told.astype(float), truth.astype(float)
    elif len(np.unique(told)) < 2:
        raise InputError(f"{task.title}: the training subjects have one class only")

    def rows(pair: Sequence[Tensor], which: Array, full: bool) -> list[Array]:
        chosen = pair if full else [reading.chosen(z) for z in pair]
        return [z[torch.as_tensor(which)].numpy() for z in chosen]

    for share, draws in DRAWS.items():
        guesses: list[list[Array]] = []
        for draw in range(draws):
            picked = _share(told, share, draw, bool(task.number))
            fitted = np.concatenate(rows(reading.train, known[picked], full=False))
            labels = np.tile(told[picked], 2)
            subjects = np.tile(train.subject[known[picked]], 2)
            unseen = rows(reading.test, scored, full=False)
            guesses.append(read(fitted, labels, subjects, unseen))
        suffix = "" if share == 100 else f"@{share}%"
        _keep(guesses, truth, subject, suffix, scores)
        if share == 100:
            _keep_all(reading, guesses[0], truth, subject, scores)
    fitted, labels = np.concatenate(rows(reading.train, known, full=True)), np.tile(told, 2)
    if len(reading.inside) < len(reading.model.schema.names):
        subjects = np.tile(train.subject[known], 2)
        both = [read(fitted, labels, subjects, rows(reading.test, scored, full=True))]
        _keep(both, truth, subject, "", scores, "probe_full")
    else:  # the whole vector counts anyway
        for name in ("", "_moved"):
            own = {s: m[f"probe{name}"] for s, m in scores.subjects.items() if f"probe{name}" in m}
            scores.add(f"probe_full{name}", scores.metrics[f"probe{name}"], own)
    if not task.number:
        z = np.concatenate(rows(reading.train, known, full=False))
        for name, unseen in zip(
            ("", "_moved"), rows(reading.test, scored, full=False), strict=True
        ):
            found = linear_probe(z, np.tile(told, 2), unseen, truth)
            scores.add(f"auroc{name}", found.macro_auroc)
    if task.by_recording:
        _measure_recordings(reading, scores)


def _share(told: Array, share: int, draw: int, number: bool) -> Array:
    """Positions of this share of the labels, at least one per class (two numbers)."""
    rng = np.random.default_rng([4, share, draw])
    if share == 100:
        return np.arange(len(told))
    groups = [np.arange(len(told))] if number else [told == name for name in np.unique(told)]
    least = 2 if number else 1
    picked: list[Array] = []
    for group in groups:
        own = rng.permutation(np.flatnonzero(group) if group.dtype == bool else group)
        picked.append(own[: max(least, round(len(own) * share / 100))])
    return np.sort(np.concatenate(picked))


def read(fitted: Array, labels: Array, subjects: Array, unseen: Sequence[Array]) -> list[Array]:
    """What a probe reads from each of the `unseen` latents."""
    together = np.concatenate(unseen)
    if labels.dtype.kind != "f":
        nobody = np.full(len(together), labels[0])  # its scores are not used
        read = linear_probe(fitted, labels, together, nobody).predicted
    else:
        from sklearn.linear_model import Ridge, RidgeCV
        from sklearn.model_selection import GroupKFold

        centre, spread = fitted.mean(axis=0), fitted.std(axis=0)
        rows = [(z - centre) / np.where(spread > 0, spread, 1) for z in (fitted, together)]
        count = min(5, len(np.unique(subjects)))
        splitter: Any = GroupKFold
        ridge: Any = Ridge(alpha=float(len(labels)))
        if count > 1:  # by subject: the same window stands there twice, and neighbours overlap
            folds = list(splitter(count).split(rows[0], labels, subjects))
            ridge = RidgeCV(alphas=ALPHAS, cv=folds, scoring="neg_mean_squared_error")
        read = ridge.fit(rows[0], labels).predict(rows[1])
    return np.split(np.asarray(read), len(unseen))


def _keep(
    guesses: Sequence[Sequence[Array]],
    truth: Array,
    subject: Array,
    suffix: str,
    scores: Scores,
    called: str = "probe",
) -> None:
    """Score what was read from windows as they are and moved, the mean over the draws."""
    classes = np.unique(truth).tolist()
    for side, name in enumerate(("", "_moved")):
        scores.pool(
            f"{called}{name}{suffix}",
            lambda kept, side=side: float(
                np.mean([score(g[side][kept], truth[kept], classes) for g in guesses])
            ),
            subject,
        )


def score(guess: Array, truth: Array, classes: Sequence[str]) -> float:
    """Macro F1 of these classes, or R² of numbers, as a probe read them `(n,)`."""
    if truth.dtype.kind == "f":
        return r2(guess, truth)
    return float(np.nanmean(list(f1_scores(guess, truth, classes).values())))


def _keep_all(
    reading: LatentReading, guess: Sequence[Array], truth: Array, subject: Array, scores: Scores
) -> None:
    """Consistency, and accuracy or error, with all labels."""
    task = reading.task
    stays = (
        np.abs(guess[1] - guess[0]) <= task.number_within if task.number else guess[1] == guess[0]
    )
    scores.add("consistency", stays.mean(), per_subject(stays.astype(float), subject))
    for side, name in enumerate(("", "_moved")):
        held = np.abs(guess[side] - truth) if task.number else (guess[side] == truth).astype(float)
        what = "error" if task.number else "accuracy"
        scores.add(f"{what}{name}", held.mean(), per_subject(held, subject))


def _measure_recordings(reading: LatentReading, scores: Scores) -> None:
    """AUROC of recordings by the means of their latents."""
    means: list[Array] = []
    labels: list[Array] = []
    for pair, windows in ((reading.train, reading.fitted), (reading.test, reading.sides.test)):
        own = np.flatnonzero(windows.label != "")
        names, first, code = np.unique(windows.record[own], return_index=True, return_inverse=True)
        z = reading.chosen(pair[0])[torch.as_tensor(own)].numpy()
        total = np.zeros((len(names), z.shape[1]))
        np.add.at(total, code, z)
        means.append(total / np.bincount(code)[:, None])
        labels.append(windows.label[own][first])
    found = linear_probe(means[0], labels[0], means[1], labels[1])
    scores.add("auroc@recording", found.macro_auroc)
