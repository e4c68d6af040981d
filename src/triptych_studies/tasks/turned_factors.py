"""The probe matrix of the IMU rotation study: angle, gravity, activity, subject and cadence."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from triptych.datasets import Windows
from triptych.metrics import Factor
from triptych.transforms import Rotation
from triptych_studies import probe_matrix
from triptych_studies.scores import Scores
from triptych_studies.tasks.imu_windows import has_gravity
from triptych_studies.tasks.turned_probes import MeasuredTurns

ROWS, THETA_ROWS = 1000, 600  # test windows of which gravity and cadence, and the angle, are read
MOVING_G = 0.05  # standard deviation of the acceleration's norm; a window below stands still
CADENCE_HZ = (0.5, 5.0)


def measure_matrix(model: MeasuredTurns, scores: Scores) -> None:
    """What each block knows of each factor; purity and leakage of gravity, ``activity_share``."""
    test, schema = model.sides.test, model.schema
    theta, up = model.turned_once[1:]
    still, moved = (schema.split(z) for z in (model.upright, model.turned_once[0]))
    all_still = probe_matrix.with_all(still)
    order = np.random.default_rng(6).permutation(len(test))
    few, fewer = (np.sort(order[:n]) for n in (ROWS, THETA_ROWS))
    turn, drawn = Rotation(), theta[torch.as_tensor(fewer)]
    angle = turn.distance(drawn, turn.identity(len(drawn)))
    pace = cadence(test)
    paced = few[np.isfinite(pace[few])]
    subject, inside = test.subject, [block.name for block in schema.invariant("rotation")]
    sides = (_rows(still, fewer), _rows(moved, fewer))
    known = [
        Factor("angle", angle.double().numpy(), subject[fewer], *sides, "rotation"),
        Factor("activity", test.label, subject, all_still, block=next(iter(inside), "")),
        Factor("identity", subject, subject, all_still, start=_from_middle(test)),
        Factor("cadence", pace[paced], subject[paced], _rows(still, paced)),
    ]
    if has_gravity(test):
        seen = _rows(moved, few)
        known.insert(1, Factor("gravity", up[few], subject[few], seen, transform="rotation"))
    box = probe_matrix.measure(known, schema, scores)
    if box is None or not inside:
        return
    for name in ("purity", "leakage"):
        scores.add(f"{name}@gravity", getattr(box, name).get("gravity", np.nan))
    own, every = (
        probe_matrix.score_of(box, "activity", each) for each in (inside, [probe_matrix.ALL])
    )
    scores.add("activity_share", own / every if every > 0 else np.nan)


def cadence(windows: Windows) -> NDArray[np.float64]:
    """Dominant frequency of the acceleration's norm, 0.5 to 5 Hz; NaN for a window at rest."""
    norm = np.linalg.norm(windows.signals[:, :3].double().numpy(), axis=1)
    norm -= norm.mean(axis=1, keepdims=True)
    n = norm.shape[1]
    # zeros behind the window draw the spectrum finer than one over its length
    power = np.abs(np.fft.rfft(norm * np.hanning(n), 8 * n))
    hertz = np.fft.rfftfreq(8 * n, 1 / windows.rate)
    power[:, (hertz < CADENCE_HZ[0]) | (hertz > CADENCE_HZ[1])] = 0
    return np.where(norm.std(axis=1) < MOVING_G, np.nan, hertz[power.argmax(axis=1)])


def _from_middle(windows: Windows) -> NDArray[np.float64]:
    """Start of each window from the middle of its recording's: halves of recordings, by subject."""
    _, record = np.unique(windows.record, return_inverse=True)
    ends = np.full((2, record.max() + 1), np.inf)
    np.minimum.at(ends[0], record, windows.start)
    np.minimum.at(ends[1], record, -windows.start)
    return windows.start - ((ends[0] - ends[1]) / 2)[record]


def _rows(z: Mapping[str, Tensor], rows: NDArray[np.int64]) -> dict[str, Tensor]:
    return {name: block[torch.as_tensor(rows)] for name, block in z.items()}
