"""Images with known factors, background and target, and the handwriting they are made from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

Side = Literal["train", "validation", "test"]
SIDES: tuple[Side, ...] = ("train", "validation", "test")
_SHARES = (0.6, 0.1, 0.3)  # of the handwritten digits


@dataclass(frozen=True)
class Images:
    """Generated images of two populations, and the truth about them.

    Attributes
    ----------
    images
        Float32 ``(n, channels, height, width)``, 0 (black) to 1.
    target
        Bool ``(n,)``: True for targets, False for background.
    factors
        Name → value of each image ``(n,)``: integers for classes, float for quantities; −1 or
        NaN where an image does not have it.
    classes
        Names of the classes of a discrete factor, where it has names.
    fingerprint
        Hash of the settings and of the generator's version.
    """

    images: NDArray[np.float32]
    target: NDArray[np.bool_]
    factors: Mapping[str, NDArray[Any]]
    classes: Mapping[str, tuple[str, ...]]
    fingerprint: str

    def __len__(self) -> int:
        return len(self.images)


def fingerprint(settings: Mapping[str, Any]) -> str:
    """Hash of a generator's settings (its version among them)."""
    text = json.dumps(settings, sort_keys=True)
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def generator(seed: int, side: Side, purpose: str) -> np.random.Generator:
    """One stream per side and purpose, so that none depends on how much another one draws."""
    return np.random.default_rng([seed, SIDES.index(side), *purpose.encode()])


def handwriting(side: Side) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Handwritten digits of one side: images ``(n, 8, 8)``, 0 to 1, and their classes.

    scikit-learn's 1,797 digits (Alpaydin & Kaynak, UCI 1998), divided class by class, the same
    way whatever the seed: no sample is on two sides. The data do not say who wrote them.
    """
    import sklearn.datasets

    found: Any = cast(Any, sklearn.datasets).load_digits()
    images = (found.images / 16).astype(np.float32)
    digits: NDArray[np.int64] = found.target.astype(np.int64)
    rng, rows = np.random.default_rng(0), list[int]()
    place = SIDES.index(side)
    for digit in range(10):
        own = rng.permutation(np.flatnonzero(digits == digit))
        ends = np.round(np.cumsum((0, *_SHARES)) * len(own)).astype(int)
        rows += own[ends[place] : ends[place + 1]].tolist()
    return images[rows], digits[rows]
