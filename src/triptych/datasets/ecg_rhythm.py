"""Rhythm of a virtual subject: when each beat comes and of which AAMI class it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from triptych.datasets.ecg_person import Person
from triptych.datasets.noise import Array

MARGIN_S = 3.0  # beats before the start and after the end reach into the recording


@dataclass(frozen=True)
class Beats:
    """Beats of a recording: arrays of one length."""

    time_s: Array  # of the R peak
    label: NDArray[np.str_]  # AAMI class "N", "S", "V" or "F"
    rr_s: Array  # smoothed interval that repolarisation has adapted to
    form: NDArray[np.int64]  # which of the subject's ventricular forms (used for V and F)
    ventricular: Array  # share of the ventricular form in the QRS: 0 (N, S), 1 (V), between (F)


def draw_beats(person: Person, seconds: float, rng: np.random.Generator) -> Beats:
    """Draw sinus beats with heart-rate variability, premature beats and fusion beats.

    A ventricular beat leaves the sinus node alone, so the pause after it is compensatory; a
    supraventricular one resets the node, so the pause is about one ordinary interval.
    """
    draws = 16 + int((seconds + 2 * MARGIN_S) / 0.2)
    chance, jitter = rng.uniform(size=draws), rng.standard_normal(draws)
    modulation = _modulation(person, rng)
    rows: list[tuple[float, str, float]] = []
    time, adapted, pause, before, last = -MARGIN_S, person.rr_s, 0.0, "N", "N"
    for u, z in zip(chance.tolist(), np.tanh(jitter).tolist(), strict=True):
        rr = person.rr_s * modulation(time)
        if person.fibrillation:  # the node is bombarded: every interval is drawn anew
            rr = max(0.38, rr * float(np.exp(0.3 * z)))
        label = _next_label(person, before, last, u)
        if label == "V":
            interval = rr * person.coupling_ventricular * (1 + 0.04 * z)
        elif label == "S":
            interval = rr * person.coupling_supraventricular * (1 + 0.04 * z)
        elif label == "F":
            interval = rr * (0.94 + 0.03 * z)
        else:
            interval = pause or rr
        pause = {"V": 2 * rr - interval, "F": 2 * rr - interval, "S": 1.06 * rr, "N": 0.0}[label]
        time += interval
        if time > seconds + MARGIN_S:
            break
        before, last = last, label
        adapted += 0.3 * (rr - adapted)  # QT follows the rate over a few beats
        rows.append((time, label, adapted))
    labels = np.array([row[1] for row in rows])
    mixed = rng.uniform(0.35, 0.65, len(rows))
    second = rng.uniform(size=len(rows)) < 0.25
    return Beats(
        time_s=np.array([row[0] for row in rows]),
        label=labels,
        rr_s=np.array([row[2] for row in rows]),
        form=np.where(second, len(person.ventricles_ectopic) - 1, 0),
        ventricular=np.where(labels == "V", 1.0, np.where(labels == "F", mixed, 0.0)),
    )


def _next_label(person: Person, before: str, last: str, u: float) -> str:
    """Class of the next beat, from the two classes before it and a uniform number."""
    ectopic = person.ventricular_rate
    if last == "V":  # a run; three in a row are rare
        ventricular = person.run * (0.3 if before == "V" else 1.0)
    elif before == "V" and last == "N":
        ventricular = max(ectopic, person.bigeminy)
    else:  # every first one brings others: begin fewer of them to keep the rate
        ventricular = ectopic * (1 - person.run) * (1 - person.bigeminy)
    if u < ventricular:
        return "V"
    if last == "V":
        return "N"
    if u < ventricular + person.fusion_rate:
        return "F"
    repeated = 2.5 if last == "S" else 0.9  # atrial ectopy comes in pairs and short runs
    if u < ventricular + person.fusion_rate + repeated * person.supraventricular_rate:
        return "S"
    return "N"


def _modulation(person: Person, rng: np.random.Generator) -> Callable[[float], float]:
    """RR interval over its mean as a function of time: respiratory, 0.1 Hz and slow parts.

    Each part is a few sines of neighbouring frequencies, so the peaks in the spectrum have width.
    """
    parts = (
        (person.rr_respiration, person.breathing_hz * rng.normal(1.0, 0.06, 5)),
        (person.rr_low_frequency, rng.normal(0.1, 0.012, 5)),
        (person.rr_slow, rng.uniform(0.003, 0.03, 6)),
    )
    size = np.concatenate([np.full(len(f), sd * np.sqrt(2 / len(f))) for sd, f in parts])
    omega = 2 * np.pi * np.concatenate([f for _, f in parts])
    phase = rng.uniform(0, 2 * np.pi, len(omega))

    def modulation(time: float) -> float:
        return float(np.exp(np.clip(np.sum(size * np.sin(omega * time + phase)), -0.35, 0.35)))

    return modulation
