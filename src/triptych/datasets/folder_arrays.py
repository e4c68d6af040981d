"""Own recordings in arrays and records: .npy, .npz and WFDB (.hea)."""

from __future__ import annotations

import importlib
import math
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from numpy.typing import NDArray

from triptych.datasets.folder_pieces import Piece, reason
from triptych.datasets.mitdb import AAMI
from triptych.datasets.recordings import Events
from triptych.errors import InputError

_SIGNAL_KEYS = ("signals", "signal", "x", "X", "data")
# Bits of a sample in WFDB's formats of fixed size; the compressed ones notice a cut themselves.
_BITS = {"8": 8, "16": 16, "24": 24, "32": 32, "61": 16, "80": 8, "160": 16, "212": 12}
_OTHER_KEYS = ("rate", "label", "person", "record")


def read_npy(path: Path) -> list[Piece]:
    """Read one array, (channels, time) or (n, channels, time)."""
    _require_magic(path, b"\x93NUMPY")
    return _pieces(path, _array(path, lambda: np.load(path, allow_pickle=False)), {})


def read_npz(path: Path) -> list[Piece]:
    """Read arrays by name: the signals, and any of rate, label, person, record."""
    _require_magic(path, b"PK")
    # numpy leaves a file that it opened itself open where the archive is damaged.
    with open(path, "rb") as handle, _open_npz(path, handle) as archive:
        names = [str(each) for each in archive.files]
        signals = [each for each in names if each in _SIGNAL_KEYS]
        rest = [each for each in names if each not in _OTHER_KEYS]
        chosen = signals if len(signals) == 1 else rest
        if len(chosen) != 1:
            raise InputError(
                f"{path} holds the arrays {', '.join(names) or '(none)'}; expected one of "
                "signals, beside optional ones called rate, label, person and record"
            )
        values = _array(path, lambda: archive[chosen[0]])
        extra = {
            each: _array(path, lambda k=each: archive[k]) for each in names if each in _OTHER_KEYS
        }
    return _pieces(path, values, extra)


def read_wfdb(path: Path) -> list[Piece]:
    """Read one WFDB record; beats of a ``.atr`` file beside it become events (AAMI classes)."""
    stem = str(path.with_suffix(""))
    try:
        with warnings.catch_warnings():
            # wfdb uses pandas in ways that newer versions warn of; no user can act upon that.
            warnings.simplefilter("ignore")
            wfdb: Any = importlib.import_module("wfdb")
            _require_whole(path, wfdb.rdheader(stem))
            record = wfdb.rdrecord(stem)
            beats = wfdb.rdann(stem, "atr") if path.with_suffix(".atr").is_file() else None
        signal = np.ascontiguousarray(record.p_signal.T)
        events = None
        if beats is not None:
            sample = np.asarray(beats.sample, dtype=np.int64)
            label = np.array([AAMI.get(symbol, "") for symbol in beats.symbol], dtype="<U1")
            kept = (label != "") & (sample >= 0) & (sample < signal.shape[1])
            events = Events(sample[kept], label[kept]) if kept.any() else None
        return [
            Piece(
                part="",
                signal=signal,
                channels=tuple(map(str, record.sig_name)),
                units=tuple(map(str, record.units)),
                rate=float(record.fs),
                events=events,
            )
        ]
    except InputError:
        raise
    except Exception as error:  # wfdb meets damaged records with many kinds of exception
        raise InputError(
            f"{path} cannot be read as a WFDB record ({reason(error)}); its signal files must "
            "lie beside it and be complete"
        ) from error


def segments_of(header: Path) -> list[Path]:
    """Headers of the segments that a WFDB record is put together from; none for an ordinary one."""
    try:
        text = header.read_text(encoding="utf-8", errors="replace")
    except OSError:  # said when the record itself is read
        return []
    lines = [each.split() for each in text.splitlines() if each.strip() and each[0] != "#"]
    if not lines or "/" not in lines[0][0]:
        return []
    return [header.parent / f"{line[0]}.hea" for line in lines[1:] if line[0] != "~"]


def _require_whole(path: Path, header: Any) -> None:
    """Refuse signal files that are shorter than the header says: wfdb may repeat what is left."""
    names: list[str] = getattr(header, "file_name", None) or []
    if not names:  # a record of several segments: each has a header of its own
        return
    bits: dict[str, float] = {}
    for name, form, each in zip(names, header.fmt, header.samps_per_frame, strict=True):
        bits[name] = bits.get(name, 0) + _BITS.get(str(form), 0) * int(each or 1)
    for name, width in bits.items():
        place = path.parent / name
        found, expected = place.stat().st_size, math.ceil(width * int(header.sig_len or 0) / 8)
        if found < expected:
            raise InputError(
                f"{place} is cut off: it has {found} bytes, but {path.name} promises {expected}; "
                "copy it again"
            )


def _require_magic(path: Path, magic: bytes) -> None:
    with open(path, "rb") as handle:
        if handle.read(len(magic)) != magic:
            raise InputError(
                f"{path} is not a NumPy {path.suffix.lower()} file, whatever its name says; "
                "write it with numpy.save or numpy.savez"
            )


def _open_npz(path: Path, handle: IO[bytes]) -> Any:
    try:
        return np.load(handle, allow_pickle=False)
    except Exception as error:  # zipfile's and numpy's own
        raise InputError(
            f"{path} is damaged or cut off ({reason(error)}); copy it again"
        ) from error


def _array(path: Path, load: Callable[[], Any]) -> NDArray[Any]:
    try:
        return cast(NDArray[Any], load())
    except Exception as error:
        if isinstance(error, ValueError) and "allow_pickle" in str(error):
            raise InputError(
                f"{path} holds Python objects, and loading these could execute code; save plain "
                "arrays of numbers (and of text for labels) instead"
            ) from error
        raise InputError(
            f"{path} is damaged or cut off ({reason(error)}); copy it again"
        ) from error


def _pieces(path: Path, values: NDArray[Any], extra: dict[str, NDArray[Any]]) -> list[Piece]:
    if values.ndim not in (2, 3) or 0 in values.shape or values.dtype.kind not in "fiu":
        raise InputError(
            f"{path} holds {values.dtype} values of shape {values.shape}, expected numbers of "
            "shape (channels, time) or (n, channels, time)"
        )
    if values.shape[-2] > values.shape[-1]:
        raise InputError(
            f"{path} has shape {values.shape}, which would be {values.shape[-2]} channels of "
            f"{values.shape[-1]} samples; expected (channels, time), so transpose it"
        )
    batch = values[None] if values.ndim == 2 else values
    n = len(batch)
    columns: dict[str, list[Any]] = {}
    for key, array in extra.items():
        if array.size not in (1, n) or array.ndim > 1:
            raise InputError(
                f"{key!r} in {path} has shape {array.shape}, expected one value or {n}, one for "
                "each recording"
            )
        columns[key] = np.broadcast_to(array.reshape(-1), n).tolist()
    if "rate" in extra and extra["rate"].dtype.kind not in "fiu":
        raise InputError(f"'rate' in {path} holds {extra['rate'].dtype} values, expected Hz")

    def texts(key: str) -> list[str]:
        values = columns.get(key, [""] * n)
        return [each.decode() if isinstance(each, bytes) else str(each) for each in values]

    records = texts("record")
    again = len(set(records)) < n  # windows of one record: their place tells them apart
    parts = [f"{each}.{i}".strip(".") if again else each for i, each in enumerate(records)]
    labels, people = texts("label"), texts("person")
    return [
        Piece(
            part=f"#{parts[i]}" if parts[i] and (n > 1 or records[i]) else "",
            signal=batch[i],
            channels=tuple(str(channel) for channel in range(batch.shape[1])),
            rate=float(columns["rate"][i]) if "rate" in columns else None,
            label=labels[i] or None,
            person=people[i] or None,
        )
        for i in range(n)
    ]
