"""ECG synthesiser: from a virtual subject to a noisy signal of one lead with labelled R peaks.

After McSharry, Clifford, Tarassenko & Smith, "A dynamical model for generating synthetic
electrocardiogram signals", IEEE Trans. Biomed. Eng. 50(3), 2003. Their model integrates one
Gaussian attractor a wave along the phase angle of the beat; here the waves are summed in closed
form, so that a premature beat may overlap the beat before it. Added to it: asymmetric waves,
premature and fusion beats, atrial fibrillation, and the noise of an ambulatory recorder.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from triptych.datasets.ecg_person import Person, Waves
from triptych.datasets.ecg_rhythm import Beats, draw_beats
from triptych.datasets.noise import Array, band_noise

_STEP_MV = 0.005  # resolution of the recorder, as in mitdb


def synthesise(
    person: Person, seconds: float, rate: float, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.str_]]:
    """Simulate one recording of a subject.

    Returns
    -------
    signal : (time,) in mV
    sample : (beats,) index of the largest deflection of each QRS
    label : (beats,) AAMI class
    """
    n = round(seconds * rate)
    beats = draw_beats(person, seconds, rng)
    breath = _breath(person, n, rate, rng)
    clean = _render(person, beats, breath, n, rate, rng)
    sample, label = _r_peaks(clean, beats, rate)
    signal = clean + person.offset_mv + _noise(person, clean, rate, rng)
    signal += person.wander_mv * (0.5 * breath + band_noise(rng, n, rate, 0.02, 0.7, slope=1.0))
    if person.fibrillation:
        signal += rng.uniform(0.02, 0.06) * band_noise(rng, n, rate, 4.5, 7.5)
    return (np.round(signal / _STEP_MV) * _STEP_MV).astype(np.float32), sample, label


def _breath(person: Person, n: int, rate: float, rng: np.random.Generator) -> Array:
    """Chest movement: a sine whose frequency and depth wander, about unit height."""
    drift = band_noise(rng, n, rate, 0.005, 0.06)
    phase = 2 * np.pi * person.breathing_hz * np.cumsum(1 + 0.12 * drift) / rate
    return np.sin(phase + rng.uniform(0, 2 * np.pi)) * (1 + 0.2 * np.roll(drift, n // 2))


def _render(
    person: Person, beats: Beats, breath: Array, n: int, rate: float, rng: np.random.Generator
) -> Array:
    """Sum of all waves of all beats, (time,) in mV, without noise."""
    signal = np.zeros(n)
    variation = person.beat_variation
    at_beat = np.clip(np.round(beats.time_s * rate).astype(np.int64), 0, n - 1)
    size = 1 + person.respiration_gain * breath[at_beat]
    size *= 1 + variation * rng.standard_normal(len(size))
    posture = 1 + 2 * variation * band_noise(rng, n, rate, 0.002, 0.02)[at_beat]
    normal = 1 - beats.ventricular
    repolarisation = posture * (1 + 2 * variation * rng.standard_normal(len(size)))

    def add(waves: Waves, amount: Array, late: Array) -> None:
        for wave in range(len(waves.position)):
            is_late = bool(waves.stretch[wave] >= 0.3)  # ST, T and U vary with posture
            grow = beats.rr_s ** waves.stretch[wave]
            height = amount * size * waves.amplitude[wave] * (late if is_late else 1.0)
            left, right = grow * waves.left[wave], grow * waves.right[wave]
            _add_bumps(
                signal, beats.time_s + grow * waves.position[wave], height, left, right, rate
            )

    has_p = (beats.label != "V") & (not person.fibrillation)
    ectopic_p = beats.label == "S"
    add(person.atria, (has_p & ~ectopic_p) * posture, repolarisation)
    add(person.atria_ectopic, (has_p & ectopic_p) * posture, repolarisation)
    add(person.ventricles, normal, repolarisation)
    for form, waves in enumerate(person.ventricles_ectopic):
        add(waves, beats.ventricular * (beats.form == form), repolarisation)
    return signal


def _add_bumps(
    signal: Array, centre: Array, height: Array, left: Array, right: Array, rate: float
) -> None:
    """Add asymmetric Gaussians (centre and widths in s) to `signal` in place."""
    on = height != 0
    if not on.any():
        return
    centre, height, left, right = centre[on], height[on], left[on], right[on]
    reach = int(np.ceil(4 * rate * max(left.max(), right.max())))
    index = np.round(centre * rate).astype(np.int64)[:, None] + np.arange(-reach, reach + 1)
    away = index / rate - centre[:, None]
    bump = height[:, None] * np.exp(
        -0.5 * (away / np.where(away < 0, left[:, None], right[:, None])) ** 2
    )
    inside = (index >= 0) & (index < len(signal))
    signal += np.bincount(index[inside], weights=bump[inside], minlength=len(signal))


def _r_peaks(clean: Array, beats: Beats, rate: float) -> tuple[NDArray[np.int64], NDArray[np.str_]]:
    """Largest deflection of each QRS and its class, for the beats inside the recording."""
    n = len(clean)
    centre = np.round(beats.time_s * rate).astype(np.int64)
    inside = (centre >= 0) & (centre < n)
    centre, label = centre[inside], beats.label[inside]
    narrow, wide = round(0.04 * rate), round(0.06 * rate)
    lag = np.arange(-wide, wide + 1)
    reach = np.where(beats.ventricular[inside] > 0, wide, narrow)
    around = np.abs(clean[np.clip(centre[:, None] + lag, 0, n - 1)])
    around = np.where(np.abs(lag) <= reach[:, None], around, -1.0)
    sample = np.clip(centre + lag[around.argmax(axis=1)], 0, n - 1)
    sample, first = np.unique(sample, return_index=True)
    return sample, label[first]


def _noise(person: Person, clean: Array, rate: float, rng: np.random.Generator) -> Array:
    """Muscle, mains and white noise at the subject's signal-to-noise ratio."""
    n = len(clean)
    nyquist = rate / 2
    muscle = band_noise(rng, n, rate, min(8.0, 0.2 * nyquist), min(120.0, nyquist), slope=0.25)
    tension = np.exp(0.7 * band_noise(rng, n, rate, 0.005, 0.5, slope=0.5))  # bursts of movement
    muscle *= tension / np.sqrt(np.mean(tension**2))
    time = np.arange(n) / rate
    mains: Any = 0.0
    if person.mains_hz < nyquist:  # the recorder's anti-alias filter removes it otherwise
        swell = 1 + 0.4 * band_noise(rng, n, rate, 0.005, 0.2)
        mains = np.sqrt(2) * swell * np.sin(2 * np.pi * person.mains_hz * time + rng.uniform(0, 6))
    white = rng.standard_normal(n)
    shares = person.muscle_share, person.mains_share
    noise = np.sqrt(shares[0]) * muscle + np.sqrt(shares[1]) * mains
    noise += np.sqrt(max(0.0, 1 - sum(shares))) * white
    return noise * np.std(clean) * 10 ** (-person.snr_db / 20)
