"""Values of a stretch: as float32, and what is odd about them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from triptych import signals
from triptych.datasets.readers.stretch import Findings, Floats, listed
from triptych.errors import InputError

_OFFSET = 1e-3  # of a channel's spread, that float32 may round away
SENTINELS = (-9999.0, -999.0, 9999.0, 99999.0, -32768.0)


def float32(values: Floats, where: str, findings: Findings) -> NDArray[np.float32]:
    """float32, without the offset of a channel that would lose its changes beside it."""
    known = ~np.isnan(values)
    level = np.abs(values).max(axis=1, where=known, initial=0.0)
    spread = values.std(axis=1, where=known)
    lost = (spread > 0) & (level * 2.0**-24 > _OFFSET * spread)
    if lost.any():
        values = np.where(
            lost[:, None], values - values.mean(axis=1, keepdims=True, where=known), values
        )
        findings.say("a large offset is taken away, which single precision cannot hold", where)
    if level.max(initial=0.0) > np.finfo(np.float32).max:
        raise InputError(f"{where} has values beyond {np.finfo(np.float32).max:.1g}; correct them")
    return values.astype(np.float32)


def flag(
    signal: NDArray[np.float32],
    channels: Sequence[str],
    where: str,
    rate: float,
    findings: Findings,
) -> None:
    """Say of a stretch what no model can use, and values that stand for missing ones."""
    still = np.fmax.reduce(signal, axis=1) == np.fmin.reduce(signal, axis=1)
    if still.any():
        if still.all():
            signals.validate(signal, rate, name=where, channels=channels)
        named = listed([c for c, s in zip(channels, still, strict=False) if s], 3)
        findings.say(f"channel {named} is constant in a stretch", where)
    for row, channel in zip(signal, channels, strict=False):
        for value in SENTINELS:
            hits = int((row == value).sum())
            rest = row[(row != value) & ~np.isnan(row)]
            if hits > 4 and len(rest) and np.abs(rest).max() * 5 < abs(value):
                findings.say(
                    f"channel {channel} holds {value:g} {hits} times, which may stand for missing "
                    f"values; if so, pass --missing-value {value:g}",
                    where,
                )
