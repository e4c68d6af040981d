"""Front-ends: exact under circular shifts, and the practitioner's way with its limits."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from triptych.datasets import mitdb, preprocess
from triptych.errors import InputError
from triptych.networks import (
    AlignedPeak,
    CanonicalPhase,
    CrossSpectrum,
    FrontEnd,
    GuidedPhase,
    PowerSpectrum,
    Standardize,
    front_end,
)

RATE = 100.0
shifts = st.floats(-500, 500)


def band_limited(n: int = 6, channels: int = 2, time: int = 100, top: int = 12) -> Tensor:
    """Standardised float64 signals without anything above harmonic `top`."""
    spectrum = torch.zeros(n, channels, time // 2 + 1, dtype=torch.complex128)
    spectrum[..., : top + 1] = torch.randn(n, channels, top + 1, dtype=torch.complex128)
    return Standardize()(torch.fft.irfft(spectrum, n=time))


def shifted(x: Tensor, samples: float) -> Tensor:
    """x(t + samples) on the ring, by its Fourier series: independent of triptych's transforms."""
    spectrum = torch.fft.rfft(x)
    bins = torch.arange(spectrum.shape[-1], dtype=torch.float64)
    return torch.fft.irfft(
        spectrum * torch.exp(2j * math.pi * bins * samples / x.shape[-1]), n=x.shape[-1]
    )


def guided() -> GuidedPhase:
    """With a guidance network that says something."""
    made = GuidedPhase(bins=8)
    for weight in made.guidance[-1].parameters():
        torch.nn.init.normal_(weight, generator=torch.Generator().manual_seed(0))
    return made


EXACT = [
    CanonicalPhase(),
    CanonicalPhase(harmonics=1),
    CanonicalPhase(harmonics=3, lead=None),
    CanonicalPhase(lead=1),
    PowerSpectrum(RATE, cutoff=30.0),
    CrossSpectrum(RATE, cutoff=30.0),
    guided(),
]


@pytest.mark.parametrize("exact", EXACT, ids=lambda module: f"{module.settings}")
@given(samples=shifts, odd=st.booleans(), seed=st.integers(0, 2**16))
@settings(max_examples=10)
def test_a_circular_shift_changes_nothing(
    exact: FrontEnd, samples: float, odd: bool, seed: int
) -> None:
    torch.manual_seed(seed)
    x = band_limited(time=101 if odd else 100)
    torch.testing.assert_close(exact(shifted(x, samples)), exact(x), atol=1e-6, rtol=0)


@pytest.mark.parametrize("exact", EXACT[::2], ids=lambda module: f"{module.settings}")
@pytest.mark.parametrize("samples", [0.3, -7.0, 41.7])
def test_float32_is_exact_to_1e_4(exact: FrontEnd, samples: float) -> None:
    x = band_limited(64, time=400, top=40)
    found = exact(shifted(x, samples).float())
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, exact(x.float()), atol=1e-4, rtol=0)


def test_whole_samples_of_any_signal_change_nothing() -> None:
    """White noise has content at the Nyquist frequency, whose phase is unknown: it is dropped."""
    x = torch.randn(4, 1, 64, dtype=torch.float64)
    for exact in (CanonicalPhase(), PowerSpectrum(RATE, cutoff=50.0)):
        torch.testing.assert_close(exact(x.roll(13, dims=-1)), exact(x), atol=1e-7, rtol=0)


@pytest.mark.parametrize("period", [1, 2, 5])
def test_a_window_of_equal_cycles_is_canonical_too(period: int) -> None:
    """With only harmonics of `period`, all its possible shifts give one and the same window."""
    spectrum = torch.zeros(1, 1, 51, dtype=torch.complex128)
    spectrum[..., period : 6 * period : period] = torch.randn(5, dtype=torch.complex128)
    x = torch.fft.irfft(spectrum, n=100)
    exact = CanonicalPhase()
    torch.testing.assert_close(exact(shifted(x, 17.3)), exact(x), atol=1e-9, rtol=0)


def test_the_first_harmonic_peaks_in_the_centre() -> None:
    time = torch.arange(100, dtype=torch.float64)
    x = torch.cos(2 * math.pi * (time - 13) / 100)[None, None]
    y = CanonicalPhase(harmonics=1)(x)
    torch.testing.assert_close(y[0, 0], torch.cos(2 * math.pi * (time - 50) / 100))


def test_a_first_harmonic_of_nothing_does_not_lead() -> None:
    """Two cycles a window with a trace of noise in harmonic 1, whose phase means nothing."""
    time = torch.arange(100, dtype=torch.float64)
    two = torch.cos(4 * math.pi * time / 100) + 0.5 * torch.cos(6 * math.pi * time / 100 + 1)
    traces = [1e-9 * torch.cos(2 * math.pi * time / 100 + phase) for phase in (0.0, 2.0)]
    guarded, naive = CanonicalPhase(), CanonicalPhase(harmonics=1)
    a, b = ((two + trace)[None, None] for trace in traces)
    torch.testing.assert_close(guarded(a), guarded(b), atol=1e-6, rtol=0)
    # harmonic 1 alone leaves windows as they are where it is negligible: not invariant
    assert (naive(a) - naive(shifted(a, 9.0))).abs().max() > 0.1


def test_silence_and_high_tones_stay_as_they_are() -> None:
    time = torch.arange(100, dtype=torch.float64)
    tone = torch.cos(2 * math.pi * 20 * time / 100)[None, None]
    for x in (tone, torch.zeros(1, 1, 100, dtype=torch.float64)):
        torch.testing.assert_close(CanonicalPhase()(x), x)


def test_channels_shift_together() -> None:
    x = band_limited(3, channels=2)
    y = CanonicalPhase()(x)
    delay = torch.fft.rfft(y) / torch.fft.rfft(x)
    torch.testing.assert_close(delay[:, 0, 1:12], delay[:, 1, 1:12])
    alone = CanonicalPhase()(x[:, :1])
    torch.testing.assert_close(y[:, :1], alone)


def test_exact_front_ends_are_differentiable() -> None:
    torch.manual_seed(3)
    x = band_limited(1, channels=2, time=16, top=5).requires_grad_()
    for exact in (CanonicalPhase(), PowerSpectrum(16.0, cutoff=5.0)):
        assert torch.autograd.gradcheck(exact, (x,), eps=1e-6, atol=1e-4)


def test_silent_windows_have_finite_gradients() -> None:
    for exact in (CanonicalPhase(), PowerSpectrum(RATE), AlignedPeak(RATE)):
        x = torch.zeros(2, 1, 100, requires_grad=True)
        exact(x).square().sum().backward()
        assert torch.isfinite(x.grad).all()


# --- power spectrum


def test_amplitudes_are_those_of_the_sinusoids() -> None:
    time = torch.arange(200, dtype=torch.float64) / RATE
    x = (3 * torch.sin(2 * math.pi * 5 * time) + 0.5 * torch.cos(2 * math.pi * 8.5 * time))[None]
    spectrum = PowerSpectrum(RATE, cutoff=20.0, scale=10.0)
    y = spectrum(x[None])[0, 0]
    expected = torch.zeros(40, dtype=torch.float64)  # bins of 0.5 Hz, the first at 0.5 Hz
    expected[9], expected[16] = math.log1p(30), math.log1p(5)
    torch.testing.assert_close(y, expected, atol=1e-4, rtol=0)
    assert spectrum.shape(1, 200) == (1, 40)


@pytest.mark.parametrize("time", [7, 100, 101])
def test_the_spectrum_has_the_promised_shape(time: int) -> None:
    spectrum = PowerSpectrum(RATE, cutoff=1000.0)
    assert spectrum(torch.randn(2, 3, time)).shape[1:] == spectrum.shape(3, time)
    assert spectrum.shape(3, time)[1] == (time - 1) // 2


def test_windows_too_short_for_a_spectrum_are_refused() -> None:
    with pytest.raises(InputError, match="no frequency up"):
        PowerSpectrum(RATE, cutoff=0.5)(torch.randn(1, 1, 100))


# --- aligned peak


def beats(places: list[int], rate: float = 400.0, time: int = 400, sign: float = 1.0) -> Tensor:
    """One ECG-like window a place: QRS of 25 ms with a broad T wave after it."""
    t = torch.arange(time)
    rows = []
    for place in places:
        s = (t - place) / rate
        rows.append(
            sign * torch.exp(-((s / 0.012) ** 2)) + 0.3 * torch.exp(-(((s - 0.25) / 0.05) ** 2))
        )
    return torch.stack(rows)[:, None]


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("rate", [250.0, 400.0])
def test_the_peak_comes_to_the_centre(rate: float, sign: float) -> None:
    places = [60, 130, 200, 290, 350]
    x = Standardize()(beats(places, rate, sign=sign))
    aligned = AlignedPeak(rate)
    assert (aligned.detect(x) - torch.tensor(places)).abs().max() <= 1
    peaks = (sign * aligned(x))[:, 0].argmax(dim=1)
    assert (peaks - 200).abs().max() <= 1


def test_the_nearest_of_two_peaks_is_taken_whatever_the_size() -> None:
    x = beats([40]) + 0.8 * beats([240])
    assert abs(int(AlignedPeak(400.0).detect(x)) - 240) <= 1
    assert abs(int(AlignedPeak(400.0).detect(1e-3 * x)) - 240) <= 1


def test_the_window_is_rolled_with_all_its_channels() -> None:
    x = beats([150]).repeat(1, 2, 1)
    x[:, 1] = torch.arange(400.0)
    y = AlignedPeak(400.0)(x)
    assert torch.equal(y, x.roll(200 - int(AlignedPeak(400.0).detect(x)), dims=-1))


@pytest.mark.data
def test_detected_peaks_are_annotated_beats(data_root: Path) -> None:
    """Annotations are the judge only; the detector sees the window and nothing else."""
    records = ["100", "117", "208", "222"]  # clean, small, ventricular, noisy
    dataset = mitdb.load(data_root / "mitdb", records=records)
    aligned, near, seen = AlignedPeak(400.0), 0, 0
    for recording in dataset.recordings:
        recording = preprocess(recording, 400.0, 0.5, 40.0)
        starts = np.random.default_rng(0).integers(0, recording.signal.shape[1] - 400, 250)
        x = np.stack([recording.signal[:, start : start + 400] for start in starts])
        found = aligned.detect(Standardize()(torch.as_tensor(x))).numpy() + starts
        assert recording.events is not None
        beat = recording.events.sample
        after = np.clip(np.searchsorted(beat, starts), 0, len(beat) - 1)
        holds_a_beat = (beat[after] >= starts) & (beat[after] < starts + 400)
        distance = np.abs(beat[None] - found[:, None]).min(axis=1)
        near += int((distance[holds_a_beat] <= 10).sum())
        seen += int(holds_a_beat.sum())
    assert near / seen >= 0.95


# --- settings


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("canonical_phase", {"harmonics": 0}),
        ("power_spectrum", {"rate": 0.0}),
        ("power_spectrum", {"rate": 100.0, "cutoff": -1.0}),
        ("aligned_peak", {"rate": 50.0}),
        ("aligned_peak", {"rate": math.nan}),
    ],
)
def test_impossible_settings_are_refused(name: str, wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match=name):
        front_end(name, **wrong)


@pytest.mark.parametrize("lead", [-1, 2])
@pytest.mark.parametrize("kind", [CanonicalPhase, lambda lead: AlignedPeak(400.0, lead=lead)])
def test_a_lead_that_is_not_there_is_refused(kind: Callable[..., FrontEnd], lead: int) -> None:
    message = f"lead={lead}" + (" for signals of 2 channels" if lead > 0 else ", expected a whole")
    with pytest.raises(InputError, match=message):
        kind(lead=lead)(torch.randn(3, 2, 80))
    with pytest.raises(InputError, match=message):
        kind(lead=lead).shape(2, 80)
    assert kind(lead=1)(torch.randn(3, 2, 80)).shape == (3, 2, 80)


@pytest.mark.parametrize(
    "name",
    [
        "canonical_phase",
        "power_spectrum",
        "rotation_invariants",
        "gravity_aligned",
        "vqf",
        "second_order",
        "invariants_beside",
        "ring_aligned",
        "scaled",
    ],
)
def test_an_empty_batch_stays_empty(name: str) -> None:
    module = front_end(name, **({"rate": 100.0} if name in ("power_spectrum", "vqf") else {}))
    assert module(torch.empty(0, 6, 80)).shape == (0, *module.shape(6, 80))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(dtype: torch.dtype) -> None:
    x = torch.randn(3, 1, 80, generator=torch.Generator().manual_seed(0)).to(dtype)
    spectrum = PowerSpectrum(100.0)
    assert spectrum(x).dtype == dtype
    torch.testing.assert_close(spectrum(x), spectrum(x.float()).to(dtype))


@pytest.mark.parametrize(
    "module", [Standardize(), CanonicalPhase(harmonics=3), PowerSpectrum(90.0), AlignedPeak(400.0)]
)
def test_settings_rebuild_the_front_end(module: FrontEnd) -> None:
    again = type(module)(**json.loads(json.dumps(module.settings)))
    x = torch.randn(2, 1, 100)
    assert torch.equal(module(x), again(x))
    assert module(x).shape[1:] == module.shape(1, 100)
    assert not module.state_dict(), "a front-end has nothing to learn and nothing to store"


def test_a_guided_phase_begins_as_the_canonical_one_and_learns_where_to_turn() -> None:
    x, made = band_limited(), GuidedPhase(bins=8)
    torch.testing.assert_close(made(x), CanonicalPhase()(x))
    assert float(made.penalty(x).detach()) < 1e-5
    other = guided()
    turned = other(x).detach()
    assert not torch.allclose(turned, made(x), atol=1e-3)
    angle = other.angle(torch.fft.rfft(x[:, 0]).abs(), x.shape[-1])
    expected = torch.stack([
        shifted(row, float(a) / (2 * math.pi) * x.shape[-1])
        for row, a in zip(CanonicalPhase()(x), angle.detach(), strict=True)
    ])  # fmt: skip
    torch.testing.assert_close(turned, expected)
    penalty = other.penalty(x)
    assert float(penalty.detach()) == pytest.approx(float(angle.detach().std(correction=0)))
    penalty.backward()
    assert all(weight.grad is not None for weight in other.parameters())


def test_a_cross_spectrum_knows_how_channels_move_to_each_other_and_no_gain() -> None:
    x = band_limited()
    apart = torch.stack([x[:, 0], shifted(x[:, 1], 7.0)], dim=1)
    cross, power = CrossSpectrum(RATE, cutoff=12.0), PowerSpectrum(RATE, cutoff=12.0)
    assert cross(x).shape == (6, 4, 12)
    torch.testing.assert_close(cross(x)[:, :2], power(x))
    torch.testing.assert_close(power(x), power(apart))
    assert (cross(x) - cross(apart))[:, 2:].abs().mean() > 0.1
    scaled = Standardize()(x * torch.tensor([[3.0], [0.2]], dtype=torch.float64) + 5)
    torch.testing.assert_close(cross(scaled), cross(x))
    swapped = cross(x.flip(1))
    torch.testing.assert_close(swapped[:, 2], cross(x)[:, 2])
    torch.testing.assert_close(swapped[:, 3], -cross(x)[:, 3])
