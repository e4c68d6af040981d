"""Every front-end and encoder as ONNX, on ordinary windows and on those with nothing in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from triptych.errors import InputError
from triptych.latent import Block, LatentSchema
from triptych.model.export import export_onnx, export_stream, trials
from triptych.networks import ENCODERS, FRONT_ENDS, Standardize, encoder, front_end
from triptych.signals.preprocessing import Preprocessing

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")

RATE = {"rate": 100.0}
STANDARDIZED = {"canonical_phase": {}, "power_spectrum": RATE, "aligned_peak": RATE}
STANDARDIZED |= {"guided_phase": {}, "cross_spectrum": RATE, "envelope_spectrum": RATE}
TRIADS: dict[str, dict[str, Any]] = {
    "scaled": {},
    "ring_aligned": {"per_loudness": True},
    "gravity_aligned": {},
}
# rotation_invariants and second_order are the first and the last channels of invariants_beside
TRIADS |= {"invariants_beside": {}, "vqf": RATE | {"heading": False}}  # that of gravity_aligned
TRIADS |= {"motion_removed": RATE | {"first": 1}}


class Outputs(nn.Module):
    """Several networks over one input, since the exporter's start takes seconds.

    Those of `behind` stand behind one `Standardize`: the exporter's time grows with the graph.
    """

    def __init__(
        self, parts: dict[str, nn.Module], behind: dict[str, nn.Module] | None = None
    ) -> None:
        super().__init__()
        self.parts = nn.ModuleDict(parts)
        self.standardize, self.behind = Standardize(), nn.ModuleDict(behind or {})

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        first = tuple(part(x) for part in self.parts.values())
        if not self.behind:
            return first
        standard = self.standardize(x)
        return (*first, standard, *(part(standard) for part in self.behind.values()))

    @property
    def names(self) -> list[str]:
        return [*self.parts, *(["standardize", *self.behind] if self.behind else [])]


class OwnScale(nn.Module):
    """What users write: an epsilon in the divisor, alone and squared."""

    def forward(self, x: Tensor) -> Tensor:
        mean_square = x.square().mean(dim=2, keepdim=True)
        return x / (x.abs().amax(dim=2, keepdim=True) + 1e-9) + x / (mean_square + 1e-14).sqrt()


class Beside(nn.Module):
    """A channel that is no acceleration in front of three that are."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x[:, :1].square() + x[:, 1:2], x], dim=1)


def exported(module: Outputs, channels: int, length: int, path: Path) -> None:
    """Export, which checks itself; then the same on windows that the check has not seen."""
    module.eval()
    export_onnx(module, (channels, length), module.names, path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    x = torch.randn(3, channels, length)
    x[1, 0], x[2] = 0.0, 9.81
    with torch.no_grad():
        expected = module(x)
    found = session.run(module.names, {"signals": x.numpy()})
    for name, ours, theirs in zip(module.names, expected, found, strict=True):
        assert torch.isfinite(ours).all(), name
        np.testing.assert_allclose(theirs, ours, atol=1e-4, rtol=1e-4, err_msg=name)


def test_what_stands_behind_standardize(tmp_path: Path) -> None:
    inside = {"standardize", "rotation_invariants", "second_order", "log_frequency"}
    assert {*STANDARDIZED, *TRIADS} | inside == set(FRONT_ENDS)
    fixed = {"components", "rr", "har", "statistics"}  # features that are not trained: Python only
    convolutions = {"conv", "conv_blur", "conv_dct", "resnet", "guaranteed", "dilated"}
    assert {*convolutions, "tempo"} == set(ENCODERS) - fixed - {"image"}
    small = {"channels": 2, "length": 48, "outputs": 4, "widths": (8, 16)}
    layers = {"kernels": (5, 5), "strides": (2, 1)}
    # conv is within guaranteed
    more = dict.fromkeys(("conv_blur", "conv_dct"), layers) | {"resnet": {}}
    behind: dict[str, nn.Module] = {
        **{name: front_end(name, **settings) for name, settings in STANDARDIZED.items()},
        **{name: encoder(name, **small, **settings) for name, settings in more.items()},
        "dilated": encoder("dilated", channels=2, length=48, hidden=4, width=6, depth=2),
        "described": encoder("conv", **small, **layers, statistics=6),
    }
    exported(Outputs({"own": OwnScale()}, behind), 2, 48, tmp_path / "model.onnx")


def test_what_takes_physical_units(tmp_path: Path) -> None:
    parts: dict[str, nn.Module] = {name: front_end(name, **own) for name, own in TRIADS.items()}
    beside = parts.pop("invariants_beside")
    trunk = encoder(
        "guaranteed", channels=beside.shape(3, 12)[0], length=12, raw=beside.raw_channels(3),
        widths=(8,), kernels=(5,), strides=(2,),
    )  # fmt: skip
    parts["guaranteed"] = nn.Sequential(beside, trunk)
    spectrum, tempo = front_end("log_frequency", **RATE), encoder("tempo", channels=1, length=61)
    parts["tempo"] = nn.Sequential(Beside(), parts.pop("motion_removed"), spectrum, tempo)
    exported(Outputs(parts), 3, 12, tmp_path / "model.onnx")


def test_an_exporter_that_drops_an_epsilon_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = torch.onnx.export
    monkeypatch.setattr(
        torch.onnx,
        "export",
        lambda *args, **settings: export(*args, **settings | {"optimize": True}),
    )
    module = Outputs({"z": Standardize()})
    with pytest.raises(InputError, match=r"'z' differs .*nan on zeros"):
        export_onnx(module, (2, 20), ["z"], tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


def test_a_window_of_which_torch_makes_no_numbers_does_not_count(tmp_path: Path) -> None:
    class Log(nn.Module):
        def forward(self, x: Tensor) -> tuple[Tensor, ...]:
            return (x.abs().log(),)

    export_onnx(Log(), (2, 20), ["z"], tmp_path / "model.onnx")
    assert not torch.isfinite(Log()(trials(2, 20)["zeros"])[0]).any()


@pytest.mark.parametrize("rate", [1000 / 7, 51.2, 400.0])
def test_the_rate_is_told_to_the_last_digit(
    rate: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: dict[str, str] = {}

    def written(*given: Any) -> None:
        told.update(given[4])

    monkeypatch.setattr("triptych.model.export.export_onnx", written)
    form = Preprocessing(rate, ("x",), 8)
    export_stream(nn.Flatten(), form, LatentSchema(Block("a", 8)), tmp_path / "model.onnx")
    assert float(told["rate"]) == rate
    assert len(told["rate"]) < 20
