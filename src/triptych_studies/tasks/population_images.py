"""Generated images of two populations: textures without and with a digit, grids and sprites."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from triptych_studies.base import Options
from triptych_studies.images import digits_on_textures, sprites
from triptych_studies.images.base import Images, Side
from triptych_studies.tasks.population_samples import Kind, Populations, Samples

COUNTS = {"smoke": (300, 300), "quick": (4000, 2000), "full": (6000, 4000)}  # train, test
GROUPS = 20  # of test images, in place of subjects
SPRITES: dict[str, Kind] = {
    name: "discrete" if name == "shape" else "continuous" for name in sprites.ATTRIBUTES
}


def images(name: str, options: Options) -> Populations:
    """Generate ``"digits"`` (on textures) or ``"sprites"`` (over digits, with attributes)."""
    supervised = name == "sprites"
    module: Any = sprites if supervised else digits_on_textures
    own, shared = ("shape", "digit") if supervised else ("digit", "texture")
    counts = COUNTS[options.budget]
    sides: tuple[tuple[Side, int], ...] = (("train", counts[0]), ("test", counts[1]))
    made: list[Images] = [module.load(n, side, seed=1) for side, n in sides]
    train, test = (_samples(each, own, shared, supervised) for each in made)
    return Populations(
        data_name=name,
        fingerprint=" ".join(each.fingerprint for each in made),
        simulated=True,
        options=options,
        split="handwriting",
        train=train,
        test=test,
        shared_fit=train.take(train.target),
        shared_test=test.take(test.target),
        names=(own, "digit of the grid" if supervised else shared),
        attributes=SPRITES if supervised else {},
    )


def _samples(data: Images, own: str, shared: str, supervised: bool) -> Samples:
    labels = data.target.astype(np.float32)[:, None]
    if supervised:
        labels = np.concatenate([labels, sprites.scaled_attributes(data)], axis=1)
    rows = np.arange(len(data))

    def words(factor: str) -> NDArray[np.str_]:
        names = data.classes.get(factor)
        return np.array(names)[data.factors[factor]] if names else data.factors[factor].astype(str)

    return Samples(
        torch.as_tensor(data.images),
        torch.as_tensor(labels),
        np.where(data.target, words(own), ""),
        words(shared),
        # neighbours are a background and a target image, so that every group has both
        np.char.add("images ", (rows // 2 % GROUPS + 1).astype(str)),
    )
