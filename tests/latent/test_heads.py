"""Block heads around trunks of any kind, bare modules, and linear heads."""

from __future__ import annotations

import re
from typing import cast

import pytest
import torch
from torch import Tensor, nn

from triptych.errors import InputError
from triptych.latent import Block, BlockHeads, LatentSchema, LinearHead
from triptych.networks import ConvEncoder
from triptych.objectives import StructuredContrastive
from triptych.transforms import PhaseShift

SCHEMA = LatentSchema(
    Block("shape", 6, invariant_to="phase_shift"),
    Block("timing", 4, variant_to="phase_shift"),
    Block("detail", 2),
)
SHIFT = PhaseShift(max_shift=0.05, rate=100.0)


class Recurrent(nn.Module):
    """An LSTM as somebody would bring it: no `features`, no settings."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(1, size, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.lstm(x.transpose(1, 2))[1][0][-1]


class Attention(nn.Module):
    """A small transformer over patches of ten samples."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.patch = nn.Conv1d(1, 16, 10, stride=10)
        self.place = nn.Parameter(torch.randn(16, 5) / 4)
        layer = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True)
        self.stack = nn.TransformerEncoder(layer, 1)
        self.last = nn.Linear(16, size)

    def forward(self, x: Tensor) -> Tensor:
        patches = (self.patch(x) + self.place).transpose(1, 2)
        return self.last(self.stack(patches).mean(dim=1))


TRUNKS = [Recurrent, Attention, lambda size: ConvEncoder(1, 50, size)]
IDS = ["lstm", "transformer", "conv"]


@pytest.mark.parametrize("trunk", TRUNKS, ids=IDS)
@pytest.mark.parametrize("wrapped", [True, False], ids=["block heads", "bare"])
def test_any_module_trains_with_structured_contrast(trunk: object, wrapped: bool) -> None:
    assert callable(trunk)
    encoder = BlockHeads(trunk(9), SCHEMA, hidden=8) if wrapped else trunk(SCHEMA.size)
    objective = StructuredContrastive(SCHEMA, [SHIFT], variation=("repel", "predict"))
    x = torch.randn(6, 1, 50 + 2 * SHIFT.context)
    views = objective.views(x, torch.Generator().manual_seed(0))
    z = encoder(views.signals)
    assert z.shape == (12, SCHEMA.size)
    optimiser = torch.optim.SGD([*encoder.parameters(), *objective.parameters()], 0.1)
    losses = objective(z, views)
    losses.total.backward()
    before = z.detach().clone()
    optimiser.step()
    assert torch.isfinite(losses.total)
    assert not torch.equal(encoder(views.signals), before)


@pytest.mark.parametrize("trunk", TRUNKS, ids=IDS)
@pytest.mark.parametrize("hidden", [0, 5])
def test_heads_make_the_blocks_one_by_one(trunk: object, hidden: int) -> None:
    assert callable(trunk)
    encoder = BlockHeads(trunk(9), SCHEMA, hidden=hidden)
    x = torch.randn(3, 1, 50)
    z = encoder(x)
    features = encoder.trunk(x)
    for name, part in SCHEMA.split(z).items():
        torch.testing.assert_close(part, encoder.heads[name](features))


def test_the_width_is_read_from_the_trunk_or_from_its_output() -> None:
    trunk = ConvEncoder(1, 50)
    assert BlockHeads(trunk, SCHEMA).heads["shape"].in_features == trunk.features
    assert BlockHeads(Recurrent(9), SCHEMA, features=9).heads["shape"].in_features == 9
    lazy = BlockHeads(Recurrent(7), SCHEMA)
    lazy(torch.randn(1, 1, 50))
    assert lazy.heads["detail"].in_features == 7
    other = Recurrent(7)
    other.features = nn.Sequential(nn.Identity())  # what other libraries' trunks call so
    assert BlockHeads(other, SCHEMA)(torch.randn(1, 1, 50)).shape == (1, SCHEMA.size)


def test_a_block_trains_its_own_head_and_the_trunk_only() -> None:
    encoder = BlockHeads(ConvEncoder(1, 50), SCHEMA)
    SCHEMA.split(encoder(torch.randn(3, 1, 50)))["timing"].sum().backward()
    assert encoder.heads["timing"].weight.grad is not None
    assert encoder.heads["shape"].weight.grad.abs().sum() == 0
    assert encoder.trunk.where.weight.grad.abs().sum() > 0


@pytest.mark.parametrize("trunk", [nn.Identity(), nn.LSTM(50, 4, batch_first=True)])
def test_a_trunk_without_flat_features_is_refused(trunk: nn.Module) -> None:
    with pytest.raises(InputError, match=r"features \(n, f\)"):
        BlockHeads(trunk, SCHEMA, features=50)(torch.randn(2, 1, 50))


def test_bare_modules_of_another_size_are_refused() -> None:
    objective = StructuredContrastive(SCHEMA, [SHIFT])
    views = objective.views(torch.randn(4, 1, 60))
    with pytest.raises(InputError, match="schema needs 12"):
        objective(Recurrent(11)(views.signals), views)


# --- linear heads


def test_a_linear_head_reads_its_blocks_only() -> None:
    head = LinearHead(SCHEMA, ["detail", "shape"], ["N", "S", "V"])
    z = torch.randn(5, SCHEMA.size, requires_grad=True)
    logits = head(z)
    assert logits.shape == (5, 3)
    joined = torch.cat([z[:, 10:], z[:, :6]], dim=1)
    torch.testing.assert_close(logits, head.linear(joined))
    logits.sum().backward()
    assert z.grad[:, 6:10].abs().sum() == 0
    assert head.settings == {"blocks": ["detail", "shape"], "classes": ["N", "S", "V"]}


@pytest.mark.parametrize(
    ("blocks", "classes", "message"),
    [
        ([], ["a", "b"], "shape, timing, detail"),
        (["mood"], ["a", "b"], "no block 'mood'"),
        (["shape"], ["a"], "more different classes"),
        (["shape"], ["a", "b", "a"], "more different classes"),
    ],
)
def test_impossible_heads_are_refused(blocks: list[str], classes: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        LinearHead(SCHEMA, blocks, classes)


def test_a_null_radius_shortens_salient_latents_and_silences_short_ones() -> None:
    schema = LatentSchema(
        Block("shared", 2, role="common"), Block("own", 2, role="salient", null_radius=1.0)
    )
    assert re.search("^own: 2 .*salient, null .* 1$", str(schema["own"]))
    assert LatentSchema.from_dict(schema.to_dict()) == schema
    encoder = BlockHeads(nn.Identity(), schema, features=4)
    for name, first in (("shared", 0), ("own", 2)):
        head = cast(nn.Linear, encoder.heads[name])
        head.weight.data = torch.eye(4)[first : first + 2]
        head.bias.data.zero_()
    x = torch.tensor([[0.1, 0.0, 3.0, 4.0], [0.1, 0.0, 0.6, 0.0], [0.1, 0.0, 0.0, 0.0]])
    x.requires_grad_()
    z = encoder(x)
    expected = torch.tensor([[0.1, 0.0, 2.4, 3.2], [0.1, 0.0, 0.0, 0.0], [0.1, 0.0, 0.0, 0.0]])
    torch.testing.assert_close(z, expected)
    z.sum().backward()
    assert x.grad is not None
    assert torch.isfinite(x.grad).all()
    assert (x.grad[1:, 2:] == 0).all()
    for settings in ({"role": "common"}, {"role": "salient", "gate": {}}):
        with pytest.raises(InputError, match="null radius"):
            Block("own", 2, null_radius=0.5, **settings)
    with pytest.raises(InputError, match="least 0"):
        Block("own", 2, role="salient", null_radius=-1.0)
