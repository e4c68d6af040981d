"""The variational autoencoder: shapes, its divergence, where its randomness is."""

from __future__ import annotations

import json

import pytest
import torch
from torch import nn
from torch.distributions import Normal
from torch.distributions import kl_divergence as reference

from triptych.networks import ConvDecoder, ConvEncoder, SignalVAE, kl_divergence


@pytest.mark.parametrize(("channels", "length"), [(1, 400), (3, 100), (2, 77), (1, 5)])
def test_the_decoder_gives_whole_windows(channels: int, length: int) -> None:
    assert ConvDecoder(16, channels, length)(torch.randn(4, 16)).shape == (4, channels, length)


def test_settings_rebuild_the_decoder() -> None:
    decoder = ConvDecoder(6, 2, 50, widths=(16, 8), samples=2)
    again = ConvDecoder(**json.loads(json.dumps(decoder.settings)))
    again.load_state_dict(decoder.state_dict())
    z = torch.randn(3, 6)
    assert torch.equal(decoder(z), again(z))


def test_divergence_is_the_closed_form() -> None:
    mean, log_variance = torch.randn(2, 7, 5, dtype=torch.float64).unbind(0)
    normal = Normal(mean, (0.5 * log_variance).exp())
    expected = reference(normal, Normal(torch.zeros(()), torch.ones(()))).sum(dim=1).mean()
    torch.testing.assert_close(kl_divergence(mean, log_variance), expected)


def test_divergence_is_least_at_the_prior() -> None:
    zeros = torch.zeros(4, 3)
    assert kl_divergence(zeros, zeros) == 0
    assert kl_divergence(zeros + 0.1, zeros) > 0
    assert kl_divergence(zeros, zeros - 0.1) > 0


def vae(encoder: nn.Module | None = None) -> SignalVAE:
    return SignalVAE(encoder or ConvEncoder(1, 64, 6), ConvDecoder(6, 1, 64), 6)


def test_it_draws_in_training_only() -> None:
    model, x = vae(), torch.randn(3, 1, 64)
    with torch.no_grad():
        first, second = model.train()(x), model(x)
        assert torch.equal(first.z, second.z)
        assert not torch.equal(first.signals, second.signals)
        model.eval()
        assert torch.equal(model(x).signals, model(x).signals)
        assert torch.equal(model(x).signals, model.decoder(model(x).z))


def test_the_global_seed_repeats_the_draw() -> None:
    model, x, found = vae(), torch.randn(3, 1, 64), []
    for _ in range(2):
        torch.manual_seed(5)
        found.append(model(x).signals)
    assert torch.equal(*found)


def test_the_divergence_reaches_the_encoder_through_the_mean_only() -> None:
    model = vae()
    x = torch.randn(3, 1, 64)
    out = model(x)
    out.log_variance.sum().backward()
    assert all(value.grad is None for value in model.encoder.parameters())
    assert model.log_variance.bias.grad.abs().sum() > 0
    kl_divergence(model(x).z, model(x).log_variance).backward()
    assert any(value.grad is not None for value in model.encoder.parameters())


def test_log_variance_stays_in_its_bounds() -> None:
    model = vae()
    nn.init.constant_(model.log_variance.bias, 1e6)
    assert (model(torch.randn(2, 1, 64)).log_variance == 4).all()


def test_it_stands_around_any_encoder() -> None:
    class Recurrent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm = nn.LSTM(1, 6, batch_first=True)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.lstm(x.transpose(1, 2))[1][0][-1]

    model = vae(Recurrent())
    out = model(torch.randn(2, 1, 64))
    assert out.z.shape == out.log_variance.shape == (2, 6)
    out.signals.square().mean().backward()
    assert all(value.grad is not None for value in model.encoder.parameters())
