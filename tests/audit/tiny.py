"""A tiny untrained model and cohort, for the tests that only need something to embed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from triptych.datasets import simulated
from triptych.latent import Block, BlockHeads, LatentSchema
from triptych.model import Model, Preprocessing
from triptych.networks import ConvEncoder, Standardize

SCHEMA = LatentSchema(
    Block("morphology", 8, invariant_to="phase_shift"),
    Block("timing", 4, variant_to="phase_shift"),
    Block("detail", 4),
)


def model(schema: LatentSchema = SCHEMA, info: dict[str, Any] | None = None) -> Model:
    """Windows of 0.8 s at 100 Hz, one channel MLII."""
    torch.manual_seed(0)
    trunk = ConvEncoder(1, 80, widths=(8, 8), kernels=(7, 5), strides=(4, 2))
    encoder = torch.nn.Sequential(Standardize(), BlockHeads(trunk, schema))
    preprocessing = Preprocessing(100.0, ("MLII",), 80, 0.5, 40.0)
    return Model(preprocessing, encoder, schema, info=info).eval()


def recordings(folder: Path, subjects: int = 4, seconds: float = 12, rate: bool = True) -> Path:
    """Own recordings of virtual subjects: one .npz each, with rate, subject and label."""
    folder.mkdir(parents=True, exist_ok=True)
    cohort = simulated.load(people=subjects, seconds=seconds, rate=120)
    for i, each in enumerate(cohort.recordings):
        said: dict[str, Any] = {"subject": f"subject {i}", "label": "well" if i % 2 else "ill"}
        if rate:
            said["rate"] = 120.0
        np.savez(folder / f"{each.name}.npz", signal=each.signal, **said)
    return folder
