"""Windows of all subjects, the weights that ship, and twins that have not seen a fold."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from triptych import InputError, __version__
from triptych.datasets import Windows
from triptych.model import Model
from triptych.training import Prepared, Recipe, fit, prepare

FOLDS = 5


@dataclass(frozen=True)
class TrainingSource:
    """What an encoder is trained on: its recipe and windows of all subjects."""

    recipe: Recipe
    windows: Windows
    origin: Prepared
    channels: tuple[str, ...]

    @classmethod
    def read(cls, recipe: Recipe, data: Path | None, channels: tuple[str, ...]) -> TrainingSource:
        """Cut the windows; those that a training would validate on are trained on, too."""
        found = prepare(recipe, data)
        return cls(recipe, Windows.concat([found.train, found.validation]), found, channels)

    def fold(self, number: int) -> frozenset[str]:
        """Subjects of one of the folds, who are drawn as the benchmark draws them.

        Raises InputError if there is no such fold: nobody would be left out.
        """
        if not 0 <= number < FOLDS:
            raise InputError(f"--fold is {number}, expected 0 to {FOLDS - 1}")
        subjects = np.random.default_rng(0).permutation(np.unique(self.windows.subject)).tolist()
        return frozenset(name for k, name in enumerate(subjects) if k % FOLDS == number)

    def split(self, out: frozenset[str]) -> tuple[Windows, Windows]:
        """Windows of all others, and of these subjects."""
        inside = np.isin(self.windows.subject, sorted(out))
        return self.windows.take(~inside), self.windows.take(inside)

    def trained(self, folder: Path, without: frozenset[str] = frozenset()) -> tuple[Model, float]:
        """Train on all subjects but these, or take what a finished training left; and its seconds.

        An interrupted training goes on where it was; one that another process is at is waited for.
        """
        windows = self.split(without)[0]
        info: dict[str, Any] = {
            "data": {
                "title": self.origin.title,
                "fingerprint": self.origin.fingerprint,
                "notes": list(self.origin.notes),
                "train": {
                    "subjects": len(np.unique(windows.subject)), "windows": len(windows),
                },
            },
            "versions": {"triptych": __version__, "torch": version("torch")},
        }  # fmt: skip
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_suffix(".lock")):
            fitted = fit(
                self.recipe, windows, None, out=folder, resume=True, channels=self.channels,
                info=info,
            )  # fmt: skip
        return fitted.model, fitted.seconds
