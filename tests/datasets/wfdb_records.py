"""Small WFDB records in the form of the official ones, for the tests of mitdb."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np

BEATS = "NNVNASFQN/"


def write_record(
    folder: Path,
    name: str = "100",
    leads: Sequence[str] = ("MLII", "V1"),
    symbols: Sequence[str] = ("+", *BEATS, "~"),
    n: int = 3600,
    crlf: bool = True,
    missing: slice | None = None,
) -> None:
    """Write NNN.hea, .dat and .atr; symbols lie 300 samples apart, NaN at `missing`."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(int(name))
    signal = np.cumsum(rng.standard_normal((n, len(leads))), axis=0)
    signal = np.round(signal / np.abs(signal).max() * 1000) / 200
    if missing is not None:
        signal[missing, 0] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import wfdb

        wfdb.wrsamp(
            name,
            fs=360,
            units=["mV"] * len(leads),
            sig_name=list(leads),
            p_signal=signal,
            fmt=["212"] * len(leads),
            adc_gain=[200.0] * len(leads),
            baseline=[0] * len(leads),
            write_dir=str(folder),
        )
        sample = np.arange(len(symbols)) * 300
        wfdb.wrann(name, "atr", sample, symbol=list(symbols), write_dir=str(folder))
    header = folder / f"{name}.hea"
    text = header.read_bytes().replace(b"\r\n", b"\n")
    header.write_bytes(text.replace(b"\n", b"\r\n") if crlf else text)
