"""A card: front matter that parses, figures that were measured, nothing that was not said."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import yaml

from triptych.audit import About, block_figures, card_of, write_card
from triptych.datasets import Windows, random_windows, simulated
from triptych.latent import Block, BlockHeads, LatentSchema
from triptych.model import Model, Preprocessing
from triptych.networks import ConvEncoder, Standardize
from triptych.transforms import Gain

SCHEMA = LatentSchema(
    Block("shape", 6, invariant_to=("gain",)), Block("timing", 4, variant_to="phase_shift")
)
ABOUT = About(
    "tiny", "A toy: with a colon.", "cc-by-4.0", ("simulated",), "Nobody.", "6 virtual subjects.",
    "Figures of others.", ("tests",), ("everything else",), "pytest", 2.0, "a CPU", ("toy",),
)  # fmt: skip


@pytest.fixture(scope="module")
def parts() -> tuple[Model, Windows]:
    torch.manual_seed(0)
    cohort = simulated.load("ecg", 4, seconds=12)
    trunk = ConvEncoder(1, 100, widths=(8,), kernels=(5,), strides=(4,), where=2)
    form = Preprocessing(cohort.recordings[0].rate, ("ECG",), 100)
    model = Model(form, BlockHeads(trunk, SCHEMA), SCHEMA, front_end=Standardize()).eval()
    return model, random_windows(cohort, 5, 100 / form.rate, seed=0)


def test_a_card_says_what_was_measured(parts: tuple[Model, Windows], tmp_path: Path) -> None:
    model, windows = parts
    figures = block_figures(model, windows, [Gain()])
    rows = {(each.block, each.transform): each for each in figures.moves}
    assert len(rows) == 2
    assert rows["shape", "gain"].gap == pytest.approx(1, abs=1e-3)  # by Standardize
    assert rows["shape", "gain"].relation == "invariant"
    assert rows["timing", "gain"].relation == ""
    assert (figures.windows, figures.subjects) == (20, 4)
    _, front, body = card_of(model, ABOUT, figures).split("---\n", 2)
    said = yaml.safe_load(front)
    assert said["license"] == "cc-by-4.0"
    assert said["datasets"] == ["simulated"]
    assert "toy" in said["tags"]
    assert "| shape | gain | invariant | 1.000" in body
    write_card(model, tmp_path, ABOUT, figures)
    assert body in (tmp_path / "README.md").read_text(encoding="utf-8")
