"""A view of every window beside the window itself: separation, retrieval and an example."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from triptych.audit.audit_result import by_distance, shown
from triptych.audit.brittleness import ResponseCurve, distances
from triptych.audit.inputs import Labels
from triptych.audit.retrieval import Rule, near_in_time, precision_at_k, top_k
from triptych.audit.similarity import between_groups, cosine, separation
from triptych.audit.statistics import Interval, bootstrap_interval, per_subject
from triptych.datasets import Windows
from triptych.errors import InputError
from triptych.transforms import Transform

FEW = 6  # groups, under which a bootstrap over them says little


@dataclass(frozen=True)
class Whose:
    """To whom every window belongs; record and start tell neighbours in time, where known."""

    groups: Labels
    of: str
    record: Labels | None = None
    start: Labels | None = None

    def near(self) -> Rule:
        """Rule that leaves out the query itself, and its neighbours in time."""
        if self.record is not None and self.start is not None:
            return near_in_time(self.record, self.start, self.record, self.start)
        place = np.arange(len(self.groups))
        return lambda rows: place[rows, None] == place


@dataclass(frozen=True, eq=False)
class ViewPair:
    """Latents of windows as they are, and of the same windows under one random θ each."""

    reference: NDArray[Any]
    moved: NDArray[Any]
    whose: Whose

    def measure(self, curve: ResponseCurve) -> tuple[dict[str, Interval], list[str]]:
        """Figures beside the curve, and notes on what could not be measured."""
        groups, notes = self.whose.groups, list[str]()
        by_group = curve.group_means[:, curve.distance > 0].mean(axis=1)
        strangers = between_groups(self.reference, groups, seed=1)
        apart = separation(cosine(self.reference, self.moved), strangers)
        figures = {
            "cosine_mean": _single(np.nan)
            if curve.collapsed
            else bootstrap_interval(by_group, curve.sizes),
            "cosine_lowest": _single(float(by_distance(curve)[1].min())),
            "cosine_random": _single(curve.between),
            "separation": _single(apart),
        }
        own = self.whose.record if self.whose.record is not None else groups
        if curve.collapsed:
            notes.append(
                "collapsed: the latents are the same for every window and θ, so neither similarity "
                "nor retrieval is measured"
            )
            return figures, notes
        if self.whose.of == "rows":
            notes.append("neither person nor record is given: every other row counts as a stranger")
        else:
            if len(curve.groups) < FEW:
                notes.append(f"only {len(curve.groups)} {self.whose.of}: intervals are rough")
            try:
                found = precision_at_k(self.moved, self.reference, own, own, self.whose.near())
            except InputError as error:
                notes.append(f"record_p10 is left out: {error}")
            else:
                each = per_subject(found.per_query, groups).values()
                means, counts = zip(*each, strict=True)
                figures["record_p10"] = bootstrap_interval(means, counts)
        return figures, notes


def example_of(
    pair: ViewPair, windows: Windows, x: Tensor, transform: Transform, theta: Tensor
) -> dict[str, Any]:
    """A query and its five nearest windows; of the queries of median precision the farthest θ."""
    near = pair.whose.near()
    record = windows.record
    right = precision_at_k(pair.moved, pair.reference, record, record, near).per_query
    typical = np.flatnonzero(right == np.quantile(right, 0.5, method="nearest"))
    size = distances(transform, theta).numpy()
    query = int(typical[size[typical].argmax()])
    one = slice(query, query + 1)
    rows, similarity = top_k(pair.moved[one], pair.reference, 5, near(one))
    signed = f"{1000 * float(theta[query, 0]):+.0f} ms" if transform.unit == "s" else ""
    moved = transform.apply(x[one], theta[one])[0]

    def window(row: int, signal: Tensor, **more: Any) -> dict[str, Any]:
        values = (signal - signal.mean(-1, keepdim=True)) / signal.std(-1, keepdim=True)
        names = {"record": str(record[row]), "label": str(windows.label[row])}
        return {"signal": values.nan_to_num().numpy(), **names, **more}

    words = signed or shown(float(size[query]), transform.unit)
    return {
        "rate": windows.rate,
        "query": window(query, moved, shown=f"{transform.name.replace('_', ' ')} of {words}"),
        "matches": [
            window(int(row), windows.centred[int(row)], similarity=float(value))
            for row, value in zip(rows[0], similarity[0], strict=True)
        ],
    }


def _single(figure: float) -> Interval:
    """A figure over all windows, without an interval."""
    return Interval(figure, float("nan"), float("nan"), 1, 1)
