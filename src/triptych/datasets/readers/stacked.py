"""Windows in text files, one file per channel and one row per window, as UCI HAR has them."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from triptych.datasets.readers.stretch import Findings, Floats, ReadOptions, Stretch, runs_of
from triptych.errors import InputError

LABELS = "y_"
CODES = "activity_labels.txt"  # number and word of each label, a line for each


def channels_of(labels: Path) -> dict[str, Path]:
    """Name → file of the channels whose windows a file ``y_train.txt`` labels; empty if it is none.

    ``subject_train.txt`` lies beside it, and there or a folder below ``body_acc_x_train.txt`` and
    others; ``X_train.txt``, which holds features, is none of these.
    """
    end = labels.name.removeprefix(LABELS[:-1])
    if not labels.name.startswith(LABELS) or labels.suffix != ".txt":
        return {}
    subject = labels.with_name(f"subject{end}")
    if not subject.is_file():
        return {}
    there = sorted((*labels.parent.glob(f"*{end}"), *labels.parent.glob(f"*/*{end}")))
    found = {each.name.removesuffix(end): each for each in there if each != subject}
    return {name: each for name, each in found.items() if name.casefold() not in ("x", "y")}


def members(labels: Path) -> list[Path]:
    """What belongs to a file of labels: channels, subjects, and words of the labels."""
    channels = list(channels_of(labels).values())
    subject = labels.with_name(f"subject{labels.name.removeprefix(LABELS[:-1])}")
    return [*channels, subject, *_codes(labels)] if channels else []


def read(labels: Path, options: ReadOptions, findings: Findings) -> list[Stretch]:
    """Rows as stretches; those that repeat the second half of the row before are joined with it.

    Raises
    ------
    InputError
        If files differ in rows or samples, or hold other than numbers.
    """
    files = channels_of(labels)
    values = [_numbers(file) for file in files.values()]
    label, subject = (_numbers(each)[:, 0] for each in (labels, members(labels)[len(files)]))
    for file, each in zip((*files.values(), labels, "subjects"), (*values, label, subject),
                          strict=True):  # fmt: skip
        asked = values[0].shape[: each.ndim]
        if each.shape != asked:
            raise InputError(
                f"{file} of {labels.parent} has {' x '.join(map(str, each.shape))} numbers, but "
                f"{next(iter(files.values())).name} {' x '.join(map(str, asked))}"
            )
    signal = np.stack(values, axis=1)
    half = signal.shape[2] // 2
    again = (signal[:-1, :, half:] == signal[1:, :, : signal.shape[2] - half]).all(axis=(1, 2))
    if again.any():
        findings.say("windows that overlap by half are joined again", str(labels))
    words = _words(labels, label)
    return [
        Stretch(
            part=str(rows.start),
            signal=np.concatenate([signal[rows.start], *signal[rows][1:, :, -half:]], axis=1),
            channels=tuple(files),
            rate=options.rate,
            label=words[float(label[rows.start])],
            subject=f"{subject[rows.start]:g}",
        )
        for rows in runs_of(np.cumsum(np.concatenate([[True], ~again])), label, subject)
    ]


def _codes(labels: Path) -> list[Path]:
    near = (each / CODES for each in (labels.parent, labels.parent.parent))
    return [each for each in near if each.is_file()][:1]


def _words(labels: Path, label: NDArray[Any]) -> dict[float, str]:
    """Number of a label → its word, if a file says it."""
    words = {float(each): f"{each:g}" for each in np.unique(label)}
    for file in _codes(labels):
        for line in file.read_text("utf-8", "replace").splitlines():
            number, _, word = line.strip().partition(" ")
            if number.isdecimal() and word.strip():
                words[float(number)] = word.strip()
    return words


def _numbers(file: Path) -> Floats:
    pandas: Any = importlib.import_module("pandas")
    try:
        return pandas.read_csv(file, sep=r"\s+", header=None, dtype=np.float64).to_numpy()
    except Exception as error:  # pandas meets damaged files with many exceptions
        lines = str(error).strip().splitlines() or ["no details"]
        raise InputError(
            f"{file} cannot be read ({lines[0][:120]}); expected a window in each row, numbers "
            "with spaces between"
        ) from error
