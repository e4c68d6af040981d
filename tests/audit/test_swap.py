"""The block swap: shares of a decoder whose blocks are known, and what is refused."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tests.audit import tiny
from torch import Tensor, nn

from triptych.audit.run import audit_model
from triptych.audit.swap import block_swap, shares
from triptych.audit.write import write_audit
from triptych.datasets import simulated, windows
from triptych.errors import InputError
from triptych.latent import Block, LatentSchema
from triptych.model import Model
from triptych.transforms import PhaseShift

SCHEMA = LatentSchema(Block("shape", 2), Block("place", 1), Block("idle", 3))
SHIFT = PhaseShift(0.1, 100.0)


def pairs(n: int = 50) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(n, 6, generator=generator), torch.randn(n, 6, generator=generator)


def test_shares_of_a_decoder_that_adds_its_blocks_are_those_of_a_loop_and_sum_to_one() -> None:
    x, y = pairs()
    weights = torch.randn(6, 8, generator=torch.Generator().manual_seed(1))
    weights[3:] = 0  # nothing is made of the idle block
    found, outputs = shares(lambda z: (z @ weights)[:, None], SCHEMA, x, y)
    ways = [((a - b) @ weights).numpy() for a, b in zip(x, y, strict=True)]
    for name, part in SCHEMA.slices.items():
        own = [((a - b)[part] @ weights[part]).numpy() for a, b in zip(x, y, strict=True)]
        share = sum(o @ w for o, w in zip(own, ways, strict=True)) / sum(w @ w for w in ways)
        assert found[name] == pytest.approx(share, abs=1e-5)
    assert sum(found.values()) == pytest.approx(1, abs=1e-5)
    assert found["idle"] == 0
    assert torch.equal(outputs["idle"], outputs["y"])


def test_a_decoder_that_reads_one_block_follows_that_block_alone() -> None:
    def decode(z: Tensor) -> Tensor:  # a bump where the place says
        at = torch.arange(40.0)
        return torch.exp(-((at - 20 - 4 * z[:, 2:3]) ** 2) / 8)[:, None]

    x, y = pairs()
    assert shares(decode, SCHEMA, x, y)[0] == {"shape": 0, "place": 1, "idle": 0}


@pytest.mark.parametrize("constant", [0.0, 3.0])
def test_there_is_nothing_to_swap_in_a_collapsed_block(constant: float) -> None:
    x, y = pairs()
    x[:, 2] = y[:, 2] = constant
    found, _ = shares(lambda z: z, SCHEMA, x, y)
    assert np.isnan(found["place"])
    assert found["shape"] + found["idle"] == pytest.approx(1)


def test_what_does_not_fit_is_refused() -> None:
    x, y = pairs()
    with pytest.raises(InputError, match="z_x and z_y"):
        shares(lambda z: z, SCHEMA, x, y[:3])
    with pytest.raises(InputError, match="nothing to swap"):
        shares(lambda z: torch.ones(len(z), 1, 4), SCHEMA, x, y)
    with pytest.raises(InputError, match="schema needs 6"):
        shares(lambda z: z, SCHEMA, x[:, :4], y[:, :4])


class _Decoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(16, 80)

    def forward(self, z: Tensor) -> Tensor:
        return self.inner(torch.cat([z[:, :8], 0 * z[:, 8:]], dim=1))[:, None]


def decoding() -> Model:
    """A model whose decoder reads morphology only."""
    plain = tiny.model()
    return Model(plain.preprocessing, plain.encoder, plain.schema, decoder=_Decoder()).eval()


def cohort(subjects: int = 4) -> Any:
    drawn = simulated.load(people=subjects, seconds=20, rate=100)
    return windows.random_windows(drawn, 20, 0.8, 0.1)


def test_the_audit_of_an_autoencoder_swaps_blocks_and_draws_it(tmp_path: Path) -> None:
    result = audit_model(decoding(), cohort(), SHIFT, grid=np.array([0.05, 0.1]))
    assert result.swap is not None
    for share in (result.swap.between_pairs, result.swap.transformed):
        assert share == {"morphology": pytest.approx(1), "timing": 0, "detail": 0}
    assert result.swap.ends["morphology"] == pytest.approx((1, 1))
    for name, told in zip(("timing", "detail"), result.swap.ignored(), strict=True):
        assert re.search(rf"block {name}: .* 0\.0%", told)
    page = write_audit(result, tmp_path).read_text()
    assert "decoder ignores block" in page
    assert "decoder makes" in page
    assert "different subjects" in (tmp_path / "table.md").read_text()
    with Image.open(tmp_path / "figures" / "swap.png") as image:
        assert min(image.size) > 400
    told = replace(result.swap, ends={"timing": (0.0, 0.2)}, between_pairs={"timing": 0.005})
    assert replace(told, transformed={"timing": 0.003}).ignored() == []  # not shown to be ignored
    assert "examples" not in result.to_dict()["swap"]


def test_a_model_without_decoder_has_nothing_to_swap_and_one_person_no_stranger() -> None:
    assert block_swap(tiny.model(), cohort(), SHIFT) == (None, [])
    one = cohort(1)
    nothing, notes = block_swap(decoding(), one, SHIFT)
    assert nothing is None
    assert "20 rows belong" in notes[0]


def test_latents_are_decoded_as_they_are_reconstructed() -> None:
    model, x = decoding(), cohort().centred
    torch.testing.assert_close(model.decode(model.embed(x).all), model.reconstruct(x))
    with pytest.raises(InputError, match="no decoder"):
        tiny.model().decode(torch.zeros(1, 16))
