"""The premise of an audit: the same windows, untransformed, always have the same latents.

A model that answers at random, that keeps something between calls, that mixes the windows of a
batch or gives rows back in another order would be blamed on the transform. It is asked the same
windows again, in another order, and one by one, before anything is swept.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from triptych.metrics.inputs import Floats
from triptych.metrics.result import Result
from triptych.metrics.similarity import cosine

ALONE = 12
"""Windows that are asked one by one."""

SAME = 0.02
"""Up to here a difference is rounding; 1 is the distance between the latents of two windows."""

EQUAL = 1e-4
"""The same for a row that is another row, up to rounding."""

Latents = Mapping[str, NDArray[Any]]
Ask = Callable[[NDArray[np.int64]], Latents]
"""Rows of the windows → block → latents (n, d) of them untransformed, in one batch if they fit."""


@dataclass(frozen=True)
class Premise(Result):
    """How far untransformed windows are from themselves, asked once more.

    A distance is relative to that between the latents of two windows: 0 the same, 1 another
    subject's. NaN where it could not be asked.

    Attributes
    ----------
    again
        The same windows in the same batch.
    order
        The same windows in another order.
    alone
        Windows one by one, against the same windows in a batch.
    rest
        A batch drawn at random, against the same windows when all were asked.
    cosine
        Mean cosine of the answers that differ most; NaN for single numbers.
    broken
        What is wrong, in one sentence; empty if nothing is.
    note
        What could not be checked.
    """

    again: float
    order: float
    alone: float
    rest: float
    cosine: float
    broken: str
    note: str = ""


def premise_of(ask: Ask, reference: Latents, batch: int, seed: int = 0) -> Premise:
    """Ask at most `batch` windows in several ways.

    Parameters
    ----------
    reference
        Block → latents (n, d) of all windows untransformed.
    """
    n = len(next(iter(reference.values())))
    rng = np.random.default_rng(seed)
    rows = rng.permutation(n)[:batch]
    order = rng.permutation(len(rows))
    few = rows[:ALONE]
    with _seeded(seed):
        first = ask(rows)
        with _seeded(seed):
            seeded = ask(rows)
        with _seeded(seed + 1):
            again = ask(rows)
        with _seeded(seed):
            mixed = ask(rows[order])
            alone, note = _one_by_one(ask, few)
    expected = {
        "again": (first, again),
        "order": (_rows(first, order), mixed),
        "rest": (first, _rows(reference, rows)),
    }
    if alone is not None:
        expected["alone"] = (_rows(first, np.arange(len(few))), alone)
    away = {name: _worst(one, other, reference) for name, (one, other) in expected.items()}
    least = max(away.values())[1]
    figures = {name: away[name][0] if name in away else float("nan") for name in _NAMES}
    differs = {name for name in away if not away[name][0] <= SAME}
    if not differs:
        return Premise(**figures, cosine=least, broken="", note=note)
    # with equal seeds even noise is the same row by row, so an order is told by the rest alone
    asked = "again" if "again" in differs else "order"
    if asked in differs and _reordered(*expected[asked], reference):
        why = "it gives the rows of a batch back in another order"
    elif "again" in differs:
        drawn = _worst(first, seeded, reference)[0] <= SAME
        why = (
            "asked the same windows twice it gives different answers, and equal ones from equal "
            "random seeds: dropout was left on, or it draws noise"
            if drawn
            else "asked the same windows twice it gives different answers, whatever the random "
            "seed: it keeps something between calls, or draws random numbers of its own"
        )
    elif differs & {"order", "alone"}:
        why = (
            "its answer to a window depends on the windows beside it or before it: it takes "
            "statistics over the batch (batch normalisation in training mode, for one), or keeps "
            "something between calls"
        )
    else:
        why = (
            "it gives different answers early and late: it keeps something between calls, or its "
            "answer depends on the size of the batch"
        )
    most = max(away[name][0] for name in differs)
    broken = f"Before any transform, {why} {_measured(most, least)}"
    return Premise(**figures, cosine=least, broken=broken, note=note)


def premise_of_views(reference: NDArray[Any], still: NDArray[Any] | None) -> Premise:
    """The same of latents that another program made; `still` (n, d) are those of the view at θ = 0.

    Without such a view nothing is checked, and a note says so.
    """
    nan = float("nan")
    if still is None:
        note = (
            "no θ among the views is the identity, so nothing shows that untransformed windows "
            "keep their latents, row by row; add such a view"
        )
        return Premise(nan, nan, nan, nan, nan, "", note)
    pair = {"": reference}, {"": still}
    away, alike = _worst(*pair, pair[0])
    why = ""
    if not away <= SAME:
        why = "At θ = 0 the view differs from the original: "
        why += (
            "its rows stand in another order"
            if _reordered(*pair, pair[0])
            else "the model is random, keeps something between calls or mixes the windows of a "
            "batch, or the rows stand in another order"
        )
        why += f" {_measured(away, alike)}"
    return Premise(away, nan, nan, nan, alike, why)


def _measured(away: float, alike: float) -> str:
    said = f"; cosine {alike:.2f} to themselves" if np.isfinite(alike) else ""
    return f"(windows move {away:.2g} of the way to another window's latents{said})"


_NAMES = ("again", "order", "alone", "rest")


def _rows(latents: Latents, rows: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    return {name: z[rows] for name, z in latents.items()}


def _one_by_one(ask: Ask, rows: NDArray[np.int64]) -> tuple[Latents | None, str]:
    try:
        parts = [ask(rows[k : k + 1]) for k in range(len(rows))]
    except Exception as error:  # another maker's code fails in its own ways
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        return None, f"the model cannot be asked for one window alone: {reason[:160]}"
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}, ""


def _worst(one: Latents, other: Latents, reference: Latents) -> tuple[float, float]:
    """Largest distance over blocks (see `Premise`), and the mean cosine there."""
    found = [(distance_between(one[name], other[name], z), name) for name, z in reference.items()]
    away, name = max(found)
    alike = cosine(one[name], other[name]).mean() if one[name].shape[1] > 1 else np.nan
    return away, float(alike)


def distance_between(a: NDArray[Any], b: NDArray[Any], reference: NDArray[Any]) -> float:
    """How far rows of (n, d) are from their twins, relative to two rows of the reference."""
    moved = float(np.square(a.astype(np.float64) - b).sum(axis=1).mean())
    return float(np.sqrt(moved) / _apart(reference)) if moved else 0.0


def _apart(z: NDArray[Any]) -> float:
    """Typical distance between two rows; of equal rows a thousandth of their norm."""
    rows = z.astype(np.float64)
    spread = np.sqrt(2 * rows.var(axis=0).sum())
    norm = np.sqrt(np.square(rows).sum(axis=1).mean())
    return float(max(spread, 1e-3 * norm, 1e-300))


def _reordered(one: Latents, other: Latents, reference: Latents) -> bool:
    """Whether nearly every row of `other` is some row of `one`, once, and not that at its place."""
    name = max(
        reference, key=lambda each: distance_between(one[each], other[each], reference[each])
    )
    a, b = one[name].astype(np.float64), other[name].astype(np.float64)
    centre, close = a.mean(axis=0), EQUAL * _apart(reference[name])
    a, b = a - centre, b - centre
    square = np.square(a).sum(axis=1) - 2 * b @ a.T + np.square(b).sum(axis=1)[:, None]
    nearest = square.argmin(axis=1)
    found: Floats = np.sqrt(np.square(a[nearest] - b).sum(axis=1)) <= close
    stays: Floats = np.sqrt(np.square(a - b).sum(axis=1)) <= close
    once = len(np.unique(nearest)) / len(nearest)
    return bool(min(found.mean(), once) > 0.9 and stays.mean() < 0.5)


@contextmanager
def _seeded(seed: int) -> Generator[None]:
    """Seeds of torch, numpy and random inside; their states from before afterwards."""
    legacy: Any = np.random
    of_torch: Any = torch
    held = random.getstate(), legacy.get_state(), torch.random.get_rng_state()
    try:
        random.seed(seed)
        legacy.seed(seed % 2**32)
        of_torch.manual_seed(seed)
        yield
    finally:
        random.setstate(held[0])
        legacy.set_state(held[1])
        torch.random.set_rng_state(held[2])
