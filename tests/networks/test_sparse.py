"""A TopK dictionary: codes by definition, planted features found, groups by what moves them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn.functional import normalize

from triptych.errors import InputError
from triptych.latent import Block, BlockHeads, LatentSchema, Mapped
from triptych.metrics import moved_share
from triptych.model import Model
from triptych.networks import ConvEncoder, Standardize, TopKSAE
from triptych.signals.preprocessing import Preprocessing


@torch.no_grad()
def test_codes_are_the_largest_few_of_what_each_feature_reads() -> None:
    made = TopKSAE(5, 12, active=3).double()
    z = torch.randn(7, 5, dtype=torch.float64)
    made.threshold.data.normal_()
    made.centre += 0.3
    made.scale *= 2.0
    codes = made(z)
    for row, code in zip((z - 0.3) * 2, codes, strict=True):
        before = [float(w @ row + b) for w, b in zip(made.read, made.threshold, strict=True)]
        third = sorted(before)[-3]
        expected = [max(0.0, each) if each >= third else 0.0 for each in before]
        assert code.tolist() == pytest.approx(expected)
    made_up = codes @ made.directions / 2 + 0.3
    torch.testing.assert_close(made.decode(codes), made_up)
    order = torch.randperm(12)
    made.reorder(order)
    torch.testing.assert_close(made(z), codes[:, order])
    torch.testing.assert_close(made.decode(made(z)), made_up)


def test_a_planted_dictionary_is_found() -> None:
    generator = torch.Generator().manual_seed(0)
    planted = normalize(torch.randn(12, 8, generator=generator), dim=1)
    which = torch.stack([torch.randperm(12, generator=generator)[:2] for _ in range(1500)])
    codes = torch.zeros(1500, 12).scatter(1, which, 1 + torch.rand(1500, 2, generator=generator))
    z = 5 + 100 * codes @ planted
    made = TopKSAE(8, 16, active=2)
    explained = made.fit(z, epochs=40, batch=64, learning_rate=5e-3)
    assert explained > 0.9
    found = (normalize(made.directions, dim=1) @ planted.T).amax(dim=0)
    assert found.min().item() > 0.9
    again = TopKSAE(8, 16, active=2)
    assert again.fit(z, epochs=40, batch=64, learning_rate=5e-3) == explained
    left = (z - made.decode(made(z))).square().sum() / (z - z.mean(dim=0)).square().sum()
    assert 1 - left.item() == pytest.approx(explained, abs=1e-4)


def test_a_model_of_mapped_latents_is_saved_and_loaded(tmp_path: Path) -> None:
    inner, outer = LatentSchema(Block("all", 6)), LatentSchema(Block("a", 5), Block("b", 11))
    sparse = TopKSAE(6, 16, active=4)
    encoder = Mapped(BlockHeads(ConvEncoder(1, 80, widths=(8, 8), kernels=(5, 5), strides=(2, 2)),
                                inner), sparse)  # fmt: skip
    form = Preprocessing(100.0, ("ECG",), 80, None, None)
    model = Model(form, encoder, outer, front_end=nn.Sequential(Standardize())).eval()
    x = torch.randn(4, 1, 80)
    model.save(tmp_path / "m")
    z = Model.load(tmp_path / "m").embed(x).all
    assert torch.equal(z, model.embed(x).all)
    assert ((z > 0).sum(dim=1) <= 4).all()


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(InputError, match="active"):
        TopKSAE(4, 8, active=9)
    with pytest.raises(InputError, match="shape"):
        TopKSAE(4, 8, active=2).fit(torch.zeros(3, 5))
    with pytest.raises(InputError):
        moved_share(torch.zeros(3, 2), torch.zeros(4, 2))
