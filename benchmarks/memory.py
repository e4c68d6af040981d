"""Memory: ten million windows in a file are embedded and trained on within 2 GiB.

Each job is a process of its own, whose peak is compared with that of the same job on few windows:
what the libraries and the model take is in both. The file is sparse, so it takes no room on disk.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from benchmarks.timing import Effort, Row, Spread, peak_mb

BOUND_MB, LENGTH, SIZE, STEPS = 2048.0, 64, 8, 5
FEW = 2_000


def run(effort: Effort) -> Iterator[Row]:
    """Peak beyond that of a small file; one round."""
    rows = 4_000 if effort.smallest else 10_000_000
    for job in ("embedding", "training"):
        small, _ = _peak(job, FEW)
        large, seconds = _peak(job, rows)
        value = Spread.of([max(large - small, 0.1)])
        case = f"{job}, {rows:,} windows of {LENGTH} samples beyond {FEW:,}"
        yield Row("memory", case, value, "MB", BOUND_MB, "at most", {"job": seconds})


def _peak(job: str, rows: int) -> tuple[float, float]:
    """MB at the peak of a process that does a job, and its seconds."""
    with TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "benchmarks.memory", job, str(rows), folder]
        done = subprocess.run(command, check=True, capture_output=True, text=True, env=_paths())
    found = json.loads(done.stdout.splitlines()[-1])
    return found["peak"], found["seconds"]


def _paths() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(each for each in sys.path if each)}


def work(job: str, rows: int, folder: Path) -> None:
    """Do a job in this process, and print its peak."""
    import time

    from triptych.datasets import from_windows

    shape = (rows, 1, LENGTH)
    np.lib.format.open_memmap(folder / "x.npy", "w+", np.float32, shape).flush()
    held = np.load(folder / "x.npy", mmap_mode="r")
    who = np.repeat([f"subject {i:02d}" for i in range(100)], rows // 100)
    what = np.resize(["walking", "running", "cycling"], rows)
    windows = from_windows(held, rate=64.0, subjects=who, labels=what)
    start = time.perf_counter()
    (_embed if job == "embedding" else _train)(windows, folder)
    print(json.dumps({"peak": peak_mb(), "seconds": time.perf_counter() - start}))


def _embed(windows: Any, folder: Path) -> None:
    from triptych.latent import Block, BlockHeads, LatentSchema
    from triptych.model import Model, Preprocessing
    from triptych.networks import ConvEncoder

    schema = LatentSchema(Block("latent", SIZE))
    encoder = BlockHeads(ConvEncoder(1, LENGTH, widths=(8,), kernels=(9,), strides=(8,)), schema)
    model = Model(Preprocessing(64.0, ("x",), LENGTH), encoder, schema).eval()
    out = np.lib.format.open_memmap(folder / "z.npy", "w+", np.float32, (len(windows), SIZE))
    model.embed(windows.centred, batch=1024, out=out)


def _train(windows: Any, folder: Path) -> None:
    import lightning.pytorch as L

    from triptych.training import Recipe, fit

    class Few(L.Callback):
        """Some steps are enough: an epoch of ten million windows takes an hour."""

        def on_train_batch_end(self, trainer: L.Trainer, *_: Any) -> None:
            if trainer.global_step >= STEPS:
                trainer.should_stop = True

    recipe = Recipe.model_validate(
        {
            "name": "memory",
            "data": {"name": "folder", "rate": 64.0, "low": None, "high": None, "length_s": 1.0},
            "transforms": [{"name": "phase_shift", "max_shift": 0.1, "mode": "circular"}],
            "latent": [{"name": "shape", "size": SIZE, "invariant_to": "phase_shift"}],
            "classes": ["walking", "running", "cycling"],
            "encoder": {"widths": [8], "kernels": [9], "strides": [8]},
            "training": {"epochs": 1, "batch": 128},
        }
    )
    held = windows.subject == "subject 99"
    few = np.flatnonzero(held)[:1000]
    fit(
        recipe, windows.take(~held), windows.take(few), device="cpu", progress=False,
        callbacks=[Few()],
    )  # fmt: skip


if __name__ == "__main__":
    torch.set_num_threads(1)
    work(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
