"""What every test shares: seeds, threads, hypothesis settings, the way to real recordings."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import pytest
import torch

REPOSITORY = Path(__file__).resolve().parents[1]

# Deadlines would be timing assertions; in CI the same examples are drawn every time.
hypothesis.settings.register_profile("here", deadline=None)
hypothesis.settings.register_profile(
    "ci", deadline=None, derandomize=True, database=None, print_blob=True
)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "here")

# One: with two, small operations wait for the other core, many times over on a busy machine.
torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _seeds() -> None:
    """Seed every global generator: a test that forgot its own seed still repeats."""
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 - the global state is what is seeded here
    torch.manual_seed(0)


RENDERED: dict[str, bytes] = {}  # name of a figure's file -> the first that was rendered


@pytest.fixture(scope="module")
def coarse_figures() -> Iterator[None]:
    """Figures of few dots, for modules that only ask which were drawn.

    All are put together; rendering them, most of the time, is done once for each name.
    """
    from triptych.audit import canvas

    def save(figure: Any, path: Path) -> None:
        if path.name not in RENDERED:
            rendered(figure, path)
            RENDERED[path.name] = path.read_bytes()
        path.write_bytes(RENDERED[path.name])

    rendered = canvas._save
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(canvas, "FINENESS", ((40, 16),))
        patch.setattr(canvas, "_save", save)
        patch.setattr("triptych_studies.maps.STEPS", 250)  # the fewest that there may be
        yield


@pytest.fixture(scope="session")
def data_root() -> Path:
    """Folder with one folder per real dataset (mitdb, wisdm, ...); skips where there is none."""
    named = os.environ.get("TRIPTYCH_DATA")
    root = Path(named) if named else REPOSITORY.parent / "shared" / "data"
    if not root.is_dir():
        where = f"$TRIPTYCH_DATA={named}" if named else "../shared/data beside the checkout"
        pytest.skip(f"no real recordings: {where} is not a folder")
    return root
