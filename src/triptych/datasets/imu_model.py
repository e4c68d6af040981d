"""Accelerometer synthesiser: virtual people with a phone in the trouser pocket, five activities.

A recording is the specific force on the thigh, in g: gravity and the movement of the leg, seen in
a frame that swings with the thigh and that the phone's own mounting turns again. A gait is a
personal waveform over the stride (a few harmonics and a heel strike), with the step rate and
strength wandering from stride to stride; postures are gravity, sway and now and then a shift.
It knows nothing of muscles or ground: it is made for trying out models of activity and
orientation, not for learning about walking.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from triptych.datasets.noise import Array, band_noise

ACTIVITIES = ("walking", "jogging", "stairs", "sitting", "standing")
_RANGE_G = 2.0  # the phones of WISDM saturate at 2 g
_STEP_G = 0.0012


@dataclass(frozen=True)
class Gait:
    """One periodic movement of the leg; axes are forward, sideways, up."""

    stride_hz: float  # of one leg: two steps
    size: Array  # (3, harmonics) in g
    phase: Array  # (3, harmonics)
    strike_g: Array  # (3,) peak of the heel strike
    strike_width: float  # share of the stride
    swing_deg: float  # pitch of the thigh, to either side
    swing_phase: float
    rattle_g: float  # of the phone in the pocket


@dataclass(frozen=True)
class Walker:
    """What stays the same about a person and the phone."""

    mounting: Array  # (3, 3) rotation, thigh to phone
    gaits: dict[str, Gait]  # walking, jogging, up, down
    sitting_deg: tuple[float, float]  # pitch and roll of the thigh
    standing_deg: tuple[float, float]
    restlessness_hz: float  # shifts of posture
    tremor_g: float
    unsteadiness: float  # stride-to-stride variation, as a share
    sensor_noise_g: float
    bias_g: Array  # (3,)


def draw_walker(rng: np.random.Generator) -> Walker:
    """Draw a person: a few ways to put a phone into a pocket, each some 20 degrees imprecise."""
    u = rng.uniform
    # The phone's long axis (y) lies along the thigh, its screen (z) looks forward; or turned over.
    upright = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
    turned = np.diag(np.array([[1, 1, 1], [-1, -1, 1], [1, -1, -1], [-1, 1, -1]])[rng.integers(4)])
    across = _rotation(np.array([0.0, 0.0, 90.0 * (u() < 0.2)]))  # some wear it on its side
    mounting = across @ turned @ upright @ _rotation(rng.normal(0, (14, 14, 35)))
    strength, style = math.exp(rng.normal(0, 0.17)), rng.normal(0, 0.7, (3, 5))
    walk_hz = float(np.clip(rng.normal(0.93, 0.07), 0.75, 1.12))
    stairs_hz = walk_hz * u(0.68, 0.86)
    return Walker(
        mounting=mounting,
        gaits={
            "walking": _gait(rng, walk_hz, 0.25 * strength, 0.6, u(11, 19), style),
            "jogging": _gait(rng, u(1.25, 1.48), 0.8 * strength, 1.1, u(18, 30), style),
            "up": _gait(rng, stairs_hz, 0.19 * strength, 0.25, u(14, 24), style),
            "down": _gait(rng, stairs_hz * u(1.0, 1.15), 0.22 * strength, 0.65, u(8, 15), style),
        },
        sitting_deg=(float(rng.normal(76, 16)), float(rng.normal(0, 18))),
        standing_deg=(float(rng.normal(4, 6)), float(rng.normal(0, 5))),
        restlessness_hz=math.exp(rng.normal(math.log(1 / 45), 0.7)),
        tremor_g=math.exp(rng.normal(math.log(0.004), 0.4)),
        unsteadiness=u(0.06, 0.16),
        sensor_noise_g=u(0.002, 0.006),
        bias_g=rng.normal(0, 0.015, 3),
    )


def synthesise(
    walker: Walker, activity: str, seconds: float, rate: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Simulate one recording of a person: (3, time) in g, gravity included.

    `activity` is one of `ACTIVITIES`; stairs are flights up and down with landings in between.
    """
    n = round(seconds * rate)
    if activity in ("sitting", "standing"):
        degrees = walker.sitting_deg if activity == "sitting" else walker.standing_deg
        angles, force = _posture(walker, degrees, n, rate, rng)
    elif activity == "stairs":
        angles, force = _stairs(walker, n, rate, rng)
    else:
        angles, force = _walk(walker, walker.gaits[activity], n, rate, rng)
    force[2] += 1.0  # the ground pushes back: gravity as a resting sensor feels it
    pitch, roll = np.deg2rad(angles)
    # From the world into the thigh: pitch about the sideways axis, then roll about the forward one.
    forward = np.cos(pitch) * force[0] + np.sin(pitch) * force[2]
    up = -np.sin(pitch) * force[0] + np.cos(pitch) * force[2]
    sideways = np.cos(roll) * force[1] + np.sin(roll) * up
    up = -np.sin(roll) * force[1] + np.cos(roll) * up
    seat = _rotation(rng.normal(0, 5, 3)) @ walker.mounting  # never put in quite alike
    felt = seat @ np.stack([forward, sideways, up]) + walker.bias_g[:, None]
    felt += walker.sensor_noise_g * rng.standard_normal((3, n))
    felt = np.clip(felt, -_RANGE_G, _RANGE_G)
    return (np.round(felt / _STEP_G) * _STEP_G).astype(np.float32)


def _gait(
    rng: np.random.Generator,
    stride_hz: float,
    size_g: float,
    strike: float,
    swing_deg: float,
    style: Array,
) -> Gait:
    """Draw a waveform: up moves at the step (2nd harmonic), sideways at the stride (1st)."""
    pattern = np.array(
        [[0.5, 0.7, 0.4, 0.4, 0.25], [0.5, 0.3, 0.4, 0.2, 0.2], [0.2, 1.1, 0.3, 0.5, 0.25]]
    )
    usual = np.array(
        [[0.5, 2.0, 1.0, 0.0, 2.0], [1.5, 0.0, 2.5, 1.0, 0.0], [0.0, 0.6, 3.0, 1.8, 0]]
    )
    return Gait(
        stride_hz=stride_hz,
        size=size_g * pattern * np.exp(rng.normal(0, 0.35, (3, 5))),
        phase=usual + style + rng.normal(0, 0.4, (3, 5)),
        strike_g=strike * np.array([-0.4, 0.25, 0.8]) * np.exp(rng.normal(0, 0.35, 3)),
        strike_width=float(rng.uniform(0.02, 0.04)),
        swing_deg=swing_deg,
        swing_phase=float(rng.normal(0.8, 0.3)),
        rattle_g=size_g * float(rng.uniform(0.25, 0.6)),
    )


def _walk(
    walker: Walker, gait: Gait, n: int, rate: float, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Angles (pitch, roll; time) in degrees and force (3, time) in g, without gravity."""
    pace = 1 + 0.3 * walker.unsteadiness * band_noise(rng, n, rate, 0.01, 0.4)
    phase = 2 * np.pi * (np.cumsum(pace * gait.stride_hz) / rate + rng.uniform())
    vigour = np.clip(1 + walker.unsteadiness * band_noise(rng, n, rate, 0.02, 0.8), 0.3, 2)
    force = gait.rattle_g * rng.standard_normal((3, n)) * vigour
    for harmonic in range(gait.size.shape[1]):
        if (harmonic + 1) * gait.stride_hz < 0.45 * rate:
            turn = (harmonic + 1) * phase + gait.phase[:, harmonic, None]
            force += vigour * gait.size[:, harmonic, None] * np.cos(turn)
    sharp = 1 / (2 * np.pi * gait.strike_width) ** 2
    for offset, share in ((0.0, 1.0), (np.pi, 0.45)):  # own heel, other heel
        pulse = np.exp(sharp * (np.cos(phase - offset) - 1))
        force += gait.strike_g[:, None] * (share * vigour * (pulse - pulse.mean()))
    pitch = walker.standing_deg[0] + gait.swing_deg * np.sin(phase + gait.swing_phase)
    roll = walker.standing_deg[1] + 0.2 * gait.swing_deg * np.sin(phase + 1.0)
    return np.stack([pitch, roll]), force


def _stairs(walker: Walker, n: int, rate: float, rng: np.random.Generator) -> tuple[Array, Array]:
    """Flights of 6-12 s, first up then down by turns, 1-3 s on the landing in between."""
    gaits = [walker.gaits["up"], walker.gaits["down"], walker.gaits["walking"]]
    parts = [_walk(walker, gait, n, rate, rng) for gait in gaits]
    kind = np.full(n, 2)
    start, flight = 0, int(rng.integers(2))
    while start < n:
        length = round(rng.uniform(6, 12) * rate)
        kind[start : start + length] = (flight // 2) % 2
        start += length + round(rng.uniform(1, 3) * rate)
        flight += 1
    angles = np.where(kind == 0, parts[0][0], np.where(kind == 1, parts[1][0], parts[2][0]))
    force = np.where(kind == 0, parts[0][1], np.where(kind == 1, parts[1][1], parts[2][1]))
    return angles, force


def _posture(
    walker: Walker, degrees: tuple[float, float], n: int, rate: float, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Rest: slow sway of about a degree, and shifts of some degrees that take half a second."""
    time = np.arange(n) / rate
    angles = np.array(degrees)[:, None] + rng.normal(0, 3, (2, 1)) * np.ones(n)
    force = walker.tremor_g * rng.standard_normal((3, n))
    for axis in range(2):
        angles[axis] += rng.uniform(0.2, 0.8) * band_noise(rng, n, rate, 0.05, 1.0, slope=0.5)
    for moment in rng.uniform(0, n / rate, rng.poisson(walker.restlessness_hz * n / rate)):
        angles += rng.normal(0, 4, (2, 1)) / (1 + np.exp(-np.clip((time - moment) / 0.12, -50, 50)))
        burst = np.exp(-0.5 * ((time - moment) / rng.uniform(0.2, 0.6)) ** 2)
        force += rng.uniform(0.03, 0.15) * burst * rng.standard_normal((3, n))
    return angles, force


def _rotation(degrees: Array) -> Array:
    """Rotation about x, then y, then z."""
    x, y, z = np.deg2rad(degrees)
    about_x = [[1, 0, 0], [0, np.cos(x), -np.sin(x)], [0, np.sin(x), np.cos(x)]]
    about_y = [[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]]
    about_z = [[np.cos(z), -np.sin(z), 0], [np.sin(z), np.cos(z), 0], [0, 0, 1]]
    return np.array(about_z) @ np.array(about_y) @ np.array(about_x)
