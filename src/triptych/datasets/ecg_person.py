"""A virtual person's heart: the shape of every wave, the rhythm's habits, the recording's quality.

Amplitudes are in mV and times in s at a heart rate of 60/min, so that an angle of the cycle of
McSharry et al. (2003) is 2 pi times that time: their P at -pi/3 is a wave at -0.17 s.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from triptych.datasets.noise import Array
from triptych.errors import InputError


@dataclass(frozen=True)
class Waves:
    """Asymmetric Gaussians around an R peak, arrays of one length.

    `position`, `left` and `right` (standard deviation before and after the peak) are in s at
    60/min and grow with the RR interval (in s) to the power of `stretch`: 0.5 is Bazett's law.
    """

    position: Array
    amplitude: Array
    left: Array
    right: Array
    stretch: Array


def waves(*rows: tuple[float, float, float, float, float]) -> Waves:
    """Rows of (position, amplitude, left, right, stretch)."""
    return Waves(*np.asarray(rows, dtype=np.float64).T)


@dataclass(frozen=True)
class Person:
    """What stays the same about a person during a recording."""

    atria: Waves
    atria_ectopic: Waves  # the P wave of supraventricular beats
    ventricles: Waves
    ventricles_ectopic: tuple[Waves, ...]  # one or two forms of ventricular beats
    rr_s: float
    rr_low_frequency: float  # standard deviation of RR / mean RR around 0.1 Hz
    rr_respiration: float  # the same at the breathing frequency (sinus arrhythmia)
    rr_slow: float  # the same below 0.03 Hz
    fibrillation: bool  # atrial fibrillation: no P, irregular
    breathing_hz: float
    ventricular_rate: float  # share of premature ventricular beats
    supraventricular_rate: float
    fusion_rate: float
    run: float  # probability that a ventricular beat is followed at once by another one
    bigeminy: float  # probability that it returns after one normal beat
    coupling_ventricular: float  # interval before the premature beat / expected interval
    coupling_supraventricular: float
    snr_db: float  # beats against mains, muscle and white noise
    muscle_share: float  # of the noise power
    mains_share: float
    mains_hz: float
    wander_mv: float
    respiration_gain: float  # breathing changes the wave heights by this share
    beat_variation: float  # beat-to-beat standard deviation of the wave heights, as a share
    offset_mv: float


def draw_person(rng: np.random.Generator, place: float) -> Person:
    """Draw a person.

    Parameters
    ----------
    rng
        Source of all that is drawn.
    place
        Number in [0, 1) that decides about arrhythmia, so that a caller can spread arrhythmias
        evenly: 0.00-0.25 ventricular, 0.25-0.45 both kinds, 0.45-0.65 supraventricular,
        the rest none.

    Raises
    ------
    InputError
        If `place` is outside [0, 1).
    """
    if not 0 <= place < 1:
        raise InputError(f"draw_person: place must lie in [0, 1), got {place}")
    u = rng.uniform
    ventricular = place < 0.45
    supraventricular = 0.25 <= place < 0.65
    fibrillation = not supraventricular and bool(u() < 0.15)  # needs a P wave to be premature
    ventricles = _ventricles(rng)
    pr = u(0.12, 0.20)
    height = u(0.04, 0.22)
    return Person(
        atria=_atria(rng, pr, height),
        atria_ectopic=_atria(rng, pr * u(0.75, 1.1), height * _pick(rng, u(-1.1, -0.5), u(0.3, 1))),
        ventricles=ventricles,
        ventricles_ectopic=tuple(_ectopic(rng, ventricles) for _ in range(1 + (u() < 0.25))),
        rr_s=60 / u(50, 100),
        rr_low_frequency=u(0.008, 0.03),
        rr_respiration=float(rng.gamma(2.0, 0.012)),
        rr_slow=u(0.01, 0.035),
        fibrillation=fibrillation,
        breathing_hz=u(0.18, 0.34),
        ventricular_rate=_log_uniform(rng, 0.02, 0.15) if ventricular else 0.0,
        supraventricular_rate=_log_uniform(rng, 0.01, 0.12) if supraventricular else 0.0,
        fusion_rate=_log_uniform(rng, 0.006, 0.03) if ventricular and u() < 0.6 else 0.0,
        run=u(0, 0.25) if u() < 0.4 else 0.0,
        bigeminy=u(0.2, 0.7) if u() < 0.4 else 0.0,
        coupling_ventricular=u(0.55, 0.78),
        coupling_supraventricular=u(0.60, 0.82),
        snr_db=u(10, 30),
        muscle_share=u(0.2, 0.85),
        mains_share=u(0, 0.15),
        mains_hz=60.0 if u() < 0.5 else 50.0,
        wander_mv=_log_uniform(rng, 0.02, 0.18),
        respiration_gain=u(0.01, 0.08),
        beat_variation=u(0.01, 0.04),
        offset_mv=u(-0.4, 0.2),
    )


def _atria(rng: np.random.Generator, pr: float, height: float) -> Waves:
    """P wave: one Gaussian, or two for a notched P."""
    u = rng.uniform
    width = u(0.016, 0.026)
    split, second = (u(0.035, 0.05), u(0.4, 1.0)) if u() < 0.3 else (0.03, 0.0)
    return waves(
        (-pr, height, width * u(0.8, 1.2), width * u(0.8, 1.2), 0.2),
        (-pr + split, height * second, width * 0.8, width * 0.8, 0.2),
    )


def _ventricles(rng: np.random.Generator) -> Waves:
    """QRS complex, ST segment, T and U wave of the normally conducted beat."""
    u = rng.uniform
    form = rng.choice(4, p=[0.62, 0.12, 0.13, 0.13])  # plain, deep S, left and right bundle block
    width = u(0.0075, 0.0125) if form in (0, 1) else u(0.016, 0.023)
    r = u(0.7, 2.0) if form != 1 else u(0.25, 0.7)
    q = -u(0.0, 0.18) * r if form != 2 else 0.0
    s = {0: -u(0.0, 0.45) * r, 1: -u(0.6, 1.4), 2: -u(0.0, 0.15) * r, 3: -u(0.25, 0.7) * r}[form]
    notch = {0: _pick(rng, u(-0.08, 0.12), 0.0) * r, 1: 0.0, 2: u(0.35, 0.8) * r, 3: -u(0, 0.1)}[
        form
    ]
    if form == 3:  # right bundle block: narrow first deflection, slurred wide S in an inferior lead
        width *= 0.6
    late = 2.4 * width
    t = _pick(rng, u(0.12, 0.5), u(-0.3, 0.12), odds=0.8) * (0.7 + 0.3 * max(r, -s))
    if form == 2:  # secondary repolarisation points away from the wide QRS
        t = -u(0.1, 0.35)
    t_at, t_width = u(0.27, 0.34), u(0.036, 0.052)
    second = u(-0.5, 0.3) if u() < 0.25 else 0.0  # bi-phasic or doubled T
    st = u(-0.10, 0.10) if form != 2 else -0.4 * abs(t)
    s_width = width * u(0.9, 1.3) * (2.6 if form == 3 else 1.0)
    return waves(
        (-u(2.1, 2.8) * width, q, 0.75 * width, 0.75 * width, 0.0),
        (0.0, r, width * u(0.9, 1.15), width * u(0.9, 1.15), 0.0),
        (late * u(0.75, 1.0), notch, 0.9 * width, 0.9 * width, 0.0),
        (late + 0.6 * s_width, s, 0.9 * s_width, 1.1 * s_width, 0.0),
        (0.11 + late, st, 0.030, 0.060, 0.3),
        (t_at, t, t_width * u(1.3, 2.0), t_width, 0.5),
        (t_at + 2.1 * t_width, t * second, 0.8 * t_width, 0.8 * t_width, 0.5),
        (t_at + u(0.17, 0.20), u(0.01, 0.05) if u() < 0.3 else 0.0, 0.035, 0.045, 0.5),
    )


def _ectopic(rng: np.random.Generator, normal: Waves) -> Waves:
    """One form of ventricular beat: wide, often taller than the normal one, T the other way."""
    u = rng.uniform
    size = float(np.abs(normal.amplitude).max()) * u(0.6, 1.4) + 0.3
    up = 1.0 if u() < 0.55 else -1.0
    width = u(0.022, 0.040)
    shoulder = u(-0.55, 0.7)  # a second deflection: notch when > 0, Rs or qR shape when < 0
    t = -up * size * u(0.22, 0.55)
    t_width = u(0.05, 0.075)
    return waves(
        (-u(1.8, 2.4) * width, -up * size * u(0.0, 0.15), 0.6 * width, 0.6 * width, 0.0),
        (0.0, up * size, width * u(0.7, 1.0), width * u(0.9, 1.3), 0.0),
        (u(1.6, 2.3) * width, up * size * shoulder, 0.8 * width, 1.1 * width, 0.0),
        (0.17, 0.5 * t, 0.05, 0.08, 0.3),
        (u(0.31, 0.37), t, t_width * u(1.2, 1.6), t_width, 0.5),
    )


def _pick(rng: np.random.Generator, first: float, second: float, odds: float = 0.5) -> float:
    return first if rng.uniform() < odds else second


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return math.exp(rng.uniform(math.log(low), math.log(high)))
