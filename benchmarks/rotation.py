"""Rotation on a batch against a loop over its windows with SciPy's rotations."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from scipy.spatial.transform import Rotation as ScipyRotation

from benchmarks.timing import Effort, Row, ratio
from triptych.transforms import Rotation

BOUND, LENGTH = 20.0, 128


def run(effort: Effort) -> Iterator[Row]:
    """Two tri-axial sensors, turned together."""
    batch = 8 if effort.smallest else 256
    rotation = Rotation(triads=((0, 1, 2), (3, 4, 5)))
    generator = torch.Generator().manual_seed(0)
    x, params = (
        torch.randn(batch, 6, LENGTH, generator=generator),
        rotation.sample(batch, generator),
    )
    signals, quaternions = x.numpy(), params.numpy()

    def loop() -> np.ndarray:
        out = np.empty_like(signals)
        for i, quaternion in enumerate(quaternions):
            turn = ScipyRotation.from_quat(quaternion)
            for first in (0, 3):
                out[i, first : first + 3] = turn.apply(signals[i, first : first + 3].T).T
        return out

    np.testing.assert_allclose(rotation.apply(x, params), loop(), atol=1e-5)
    sides = {"triptych": lambda: rotation.apply(x, params), "SciPy loop": loop}
    case = f"so3, batch {batch}, 6 channels, {LENGTH} samples"
    yield ratio("rotation", case, sides, effort, at_least=BOUND)
