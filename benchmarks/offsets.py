"""How much of HAPT's postures is in a phone's calibration errors, which no digital rotation turns.

``python -m benchmarks.offsets --data DATA/`` reads lying, sitting and standing from numbers that
are the same in every orientation. Under a real turn of the phone its offsets would stay with the
sensor; a digital rotation turns them along, so that an exactly invariant model may read them.
"""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from triptych import datasets
from triptych.datasets import cut

POSTURES = ("laying", "sitting", "standing")
LENGTH_S = 2.56


def features(x: Tensor) -> dict[str, Tensor]:
    """Rotation-invariant numbers of acceleration and angular velocity ``(n, 6, time)``."""
    mean = x.mean(dim=2)
    size = mean[:, :3].norm(dim=1, keepdim=True)
    up, drift = mean[:, :3] / size, mean[:, 3:]
    bias = (up * drift).sum(dim=1, keepdim=True)
    moved = (x - mean[:, :, None]).unflatten(1, (2, 3))
    along = (moved * up[:, None, :, None]).sum(dim=2)
    across = moved.square().sum(dim=2) - along.square()
    motion = torch.cat([along.square().mean(dim=2), across.mean(dim=2)], dim=1).log()
    return {
        "size of the mean acceleration": size,
        "mean angular velocity along gravity": bias,
        "both": torch.cat([size, bias], dim=1),
        "motion along and across gravity": motion,
        "all": torch.cat([size, bias, motion], dim=1),
    }


def main() -> None:
    """Print the share of windows read right, subjects apart, and each posture's."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--data", type=Path, default=None, help="folder of the data sets")
    dataset = datasets.load("hapt", parser.parse_args().data, classes=6)
    long = [each for each in dataset.recordings if each.duration_s > LENGTH_S]
    windows = cut(long, LENGTH_S, starts=LENGTH_S)
    windows = windows.take(np.isin(windows.label, POSTURES))
    ensemble: Any = importlib.import_module("sklearn.ensemble")
    selection: Any = importlib.import_module("sklearn.model_selection")
    print(f"{len(windows)} windows of {len(np.unique(windows.subject))} subjects; chance 0.34")
    for name, found in features(windows.centred.double()).items():
        trees = ensemble.HistGradientBoostingClassifier(max_leaf_nodes=8, max_iter=80)
        read = selection.cross_val_predict(
            trees, found.numpy(), windows.label, groups=windows.subject, cv=selection.GroupKFold(5)
        )
        right = read == windows.label
        each = ", ".join(f"{p} {right[windows.label == p].mean():.2f}" for p in POSTURES)
        print(f"{name:36} {right.mean():.3f}  ({each})")


if __name__ == "__main__":
    main()
