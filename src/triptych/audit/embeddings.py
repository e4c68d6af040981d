"""Latents as files: written for other tools, and read back from other models to be audited."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from triptych.datasets import Windows
from triptych.errors import InputError
from triptych.files import readable, write_atomically
from triptych.latent import Quantity
from triptych.metrics.inputs import Labels, as_array, as_labels
from triptych.model import Prediction

KINDS = (".npz", ".csv", ".parquet")
COLUMNS = ("record", "subject", "start", "label")


def require_kind(path: str | Path) -> None:
    """Raise InputError unless `write_latents` can write a file of this name."""
    kind = Path(path).suffix.lower()
    if kind not in KINDS:
        raise InputError(f"{path} is of an unknown kind; expected a name in {', '.join(KINDS)}")
    if kind == ".parquet" and importlib.util.find_spec("pyarrow") is None:
        raise InputError(
            "a .parquet file needs the extra 'tables'; run pip install 'triptych[tables]', or "
            "write .npz or .csv"
        )


def write_latents(
    path: str | Path,
    parts: Iterable[tuple[Mapping[str, Tensor], Windows]],
    about: Mapping[str, Any] | None = None,
) -> int:
    """Write latents by block, with record, subject, start in s and label; return the windows.

    ``.npz``: one array (n, size) per block, one (n,) for each of the others, and ``about`` as JSON.
    ``.csv`` and ``.parquet`` (extra ``tables``): one row per window, one column per dimension,
    called ``morphology_0`` and so on; written part by part, so that no more than a part is held.

    Raises
    ------
    InputError
        Another kind of file, a block that is called as one of the columns, or a file that cannot
        be written; what stood there stays.
    """

    def tables() -> Iterator[_Table]:
        for latents, windows in parts:
            clash = [
                name for name in latents if name in (*COLUMNS, "about", "file", "allow_pickle")
            ]
            if clash:
                raise InputError(
                    f"block {clash[0]!r} is called like a column of the file; rename the block"
                )
            blocks = {name: z.numpy() for name, z in latents.items()}
            flat = {f"{name}_{i}": z[:, i] for name, z in blocks.items() for i in range(z.shape[1])}
            yield _Table(_columns(windows), blocks, flat)

    return _write(path, tables(), about)


def write_predictions(
    path: str | Path,
    parts: Iterable[tuple[Prediction, Windows]],
    about: Mapping[str, Any] | None = None,
) -> int:
    """Write a head's predictions, with record, subject, start in s and label; return the windows.

    ``.csv`` and ``.parquet`` (extra ``tables``): one row per window, with ``prediction`` and one
    column ``probability_CLASS`` per class. ``.npz``: ``probabilities`` (n, K) and ``classes`` (K,)
    in their place. A label is empty where none is known. Of a head that says a number the
    prediction is that number, and there are no probabilities.

    Raises
    ------
    InputError
        Another kind of file, or one that cannot be written; what stood there stays.
    """

    def tables() -> Iterator[_Table]:
        for prediction, windows in parts:
            columns = _columns(windows)
            if isinstance(prediction.target, Quantity):
                yield _Table({**columns, "prediction": prediction.values}, {}, {})
                continue
            p = prediction.probabilities.numpy()
            flat = {f"probability_{name}": p[:, i] for i, name in enumerate(prediction.classes)}
            columns["prediction"] = prediction.labels
            yield _Table(columns, {"probabilities": p}, flat, prediction.classes)

    return _write(path, tables(), about)


@dataclass(frozen=True, eq=False)
class _Table:
    """Columns (n,), with arrays as a `whole` in an .npz file, or `flat`, one column each."""

    columns: Mapping[str, NDArray[Any]]
    whole: Mapping[str, NDArray[Any]]
    flat: Mapping[str, NDArray[Any]]
    classes: tuple[str, ...] = ()


def _columns(windows: Windows) -> dict[str, NDArray[Any]]:
    columns = {name: np.asarray(getattr(windows, name)) for name in COLUMNS}
    for name, values in columns.items():
        columns[name] = _whole(values) if values.dtype.kind == "U" else values
    return columns


def _whole(words: NDArray[Any]) -> NDArray[Any]:
    """Words that a file takes: names that a locale could not decode hold halves of letters."""
    points = np.ascontiguousarray(words).view(np.uint32)
    if not (points >> 11 == 0xD800 >> 11).any():
        return words
    return np.array([readable(str(each)) for each in words])


def _write(path: str | Path, tables: Iterator[_Table], about: Mapping[str, Any] | None) -> int:
    require_kind(path)
    kind, n = Path(path).suffix.lower(), 0
    if kind == ".npz":
        held = list(tables)
        said = {"about": np.array(json.dumps(dict(about or {})))}
        if held[0].classes:
            said["classes"] = np.array(held[0].classes)
        for part in ("columns", "whole"):
            for name in getattr(held[0], part):
                said[name] = np.concatenate([getattr(each, part)[name] for each in held])
        with write_atomically(path, "wb") as handle:
            np.savez(handle, allow_pickle=False, **said)
        return sum(len(each.columns["record"]) for each in held)
    import pandas as pd

    with write_atomically(path, "wb") as handle, ExitStack() as stack:
        writer: Any = None
        for table in tables:
            frame: Any = pd.DataFrame({**table.columns, **table.flat})
            if kind == ".csv":
                # times have more digits than latents: since 1970 all of them before the point
                frame["start"] = [f"{float(each):.15g}" for each in frame["start"]]
                frame.to_csv(
                    handle, index=False, header=not n, float_format="%.7g", lineterminator="\n"
                )
            else:
                import pyarrow as pa
                import pyarrow.parquet as pq

                rows: Any = cast(Any, pa).Table.from_pandas(frame, preserve_index=False)
                if writer is None:
                    writer = stack.enter_context(cast(Any, pq).ParquetWriter(handle, rows.schema))
                writer.write_table(rows.cast(writer.schema))
            n += len(frame)
    return n


@dataclass(frozen=True, eq=False)
class StoredViews:
    """Latents of any model, before and after a transform.

    Attributes
    ----------
    original
        (n, d).
    transformed
        (m, n, d), one (n, d) for each θ.
    theta
        (m, p) in the transform's unit.
    groups, of
        (n,) subject or record of every row, and which of the two; rows themselves where neither
        is known.
    record, start
        (n,) of every row where they are known: neighbours in time are then no answers.
    label
        (n,) label of every row where they are known: of class scores they say what is right.
    """

    original: NDArray[Any]
    transformed: NDArray[Any]
    theta: Tensor
    groups: Labels
    of: str
    record: Labels | None = None
    start: Labels | None = None
    label: Labels | None = None


def read_views(path: str | Path) -> StoredViews:
    """Read an ``.npz`` with ``original`` (n, d), ``transformed`` (m, n, d) and ``theta`` (m,).

    ``theta`` may be (m, p); with one θ, ``transformed`` may be (n, d). Optional: ``subject``,
    ``record``, ``start`` and ``label``, (n,) each.

    Raises
    ------
    InputError
        If the file is damaged, would run code, lacks one of the three, or shapes do not match.
    """
    try:
        # numpy leaves a file that it opened itself open where the archive is damaged
        with open(path, "rb") as handle, np.load(handle, allow_pickle=False) as archive:
            older = {"person": "subject"}
            held = {older.get(name, name): archive[name] for name in map(str, archive.files)}
    except Exception as error:  # damaged archives and pickled objects fail in many ways
        raise InputError(
            f"{path} cannot be read as embeddings ({type(error).__name__}); expected an .npz with "
            "plain arrays original, transformed and theta"
        ) from error
    missing = [name for name in ("original", "transformed", "theta") if name not in held]
    if missing:
        raise InputError(
            f"{path} has no {' and no '.join(missing)} (it has {', '.join(held) or 'nothing'}); "
            "expected original (n, d), transformed (m, n, d) and theta (m,)"
        )
    original = as_array(held["original"], "original")
    theta = np.atleast_1d(held["theta"])
    theta = as_array(theta[:, None] if theta.ndim == 1 else theta, "theta")
    transformed = held["transformed"]
    transformed = transformed[None] if transformed.ndim == 2 else transformed
    if transformed.shape != (len(theta), *original.shape):
        raise InputError(
            f"{path} has transformed of shape {transformed.shape}, but original {original.shape} "
            f"and {len(theta)} θ need {(len(theta), *original.shape)}: row i of every view "
            "belongs to row i of original"
        )
    n = len(original)
    side = {
        name: as_labels(held[name], n, name)
        for name in ("subject", "record", "start", "label")
        if name in held
    }
    if "start" in side and side["start"].dtype.kind not in "fiu":
        raise InputError(f"start holds {side['start'].dtype} values, expected seconds")
    several = [name for name in ("subject", "record") if len(np.unique(side.get(name, ()))) > 1]
    of = next((name for name in (*several, "subject", "record") if name in side), "row")
    words = {"subject": "subjects", "record": "records", "row": "rows"}
    return StoredViews(
        original,
        as_array(transformed, "transformed", 3),
        torch.as_tensor(theta, dtype=torch.float32),
        cast(Labels, side.get(of, np.arange(n))),
        words[of],
        side.get("record"),
        side.get("start"),
        side.get("label"),
    )
