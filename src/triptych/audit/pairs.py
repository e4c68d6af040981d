"""A view of every window beside the window itself: separation, retrieval and an example."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from triptych.audit.verdicts import lowest_of, single
from triptych.datasets import Windows
from triptych.errors import InputError
from triptych.metrics.inputs import Labels
from triptych.metrics.likeness import Likeness
from triptych.metrics.ranking import Rule, near_in_time, retrieval, top_k
from triptych.metrics.similarity import different_pairs, separation
from triptych.metrics.statistics import Interval, bootstrap_interval, per_subject
from triptych.metrics.sweeps import ResponseCurve, distances
from triptych.transforms import Transform
from triptych.transforms.base import method_of

FEW = 6  # groups, under which a bootstrap over them says little


@dataclass(frozen=True)
class Whose:
    """To whom every window belongs; record and start tell neighbours in time, where known."""

    groups: Labels
    of: str
    record: Labels | None = None
    start: Labels | None = None

    def notes(self) -> list[str]:
        """What to know of intervals over these groups."""
        if self.of == "rows":
            return ["neither person nor record is given: every other row counts as a stranger"]
        count = len(np.unique(np.asarray(self.groups)))
        return [f"only {count} {self.of}: intervals are rough"] if count < FEW else []

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
        like = Likeness(self.reference, different_pairs(groups, 20_000, seed=1))
        own, strangers = like(self.moved), like.strangers
        own, strangers = own[np.isfinite(own)], strangers[np.isfinite(strangers)]
        apart = separation(own, strangers) if len(own) and len(strangers) else float("nan")
        figures = {
            f"{like.measure}_mean": bootstrap_interval(by_group, curve.sizes)
            if np.isfinite(by_group).any()
            else single(float("nan")),
            f"{like.measure}_lowest": lowest_of(curve),
            f"{like.measure}_random": single(curve.between),
            "separation": single(apart),
        }
        if curve.collapsed:
            notes.append(
                "collapsed: the latents are the same for every window and θ, so neither similarity "
                "nor retrieval is measured"
            )
            return figures, [*self.whose.notes(), *notes]
        if curve.zeros or curve.lost.any():
            notes.append(
                f"{curve.zeros} of {len(self.reference)} windows have latents that are all zeros, "
                f"and up to {curve.lost.max(initial=0):.1%} get such under the transform: they "
                "point nowhere, and are in no mean"
            )
        if self.whose.of != "rows" and like.measure == "cosine":
            found, said = self._own_record()
            figures |= found
            notes += said
        return figures, [*self.whose.notes(), *notes]

    def _own_record(self) -> tuple[dict[str, Interval], list[str]]:
        """``record_p10`` over the queries that can find any of their own, and what limits it."""
        own = self.whose.record if self.whose.record is not None else self.whose.groups
        most = findable(own, self.whose.near())
        able = (most > 0) & self.moved.any(axis=1)
        if not able.any():
            why = "no window has another of its own record more than 5 s away" * (not most.any())
            return {}, [f"record_p10 is left out: {why or 'all latents are zeros'}"]
        try:
            found = retrieval(self.moved, self.reference, own, own, self.whose.near())
        except InputError as error:
            return {}, [f"record_p10 is left out: {error}"]
        notes = list[str]()
        ceiling = float((np.minimum(most, 10) / 10)[able].mean())
        if ceiling < 0.995 or not able.all():
            notes.append(
                f"record_p10 can be {ceiling:.2f} at most, by how many windows of its own record a "
                f"query can find; {int((~able).sum())} of {len(able)} queries can find none, and "
                "are left out"
            )
        each = per_subject(found.per_query[able], np.asarray(self.whose.groups)[able]).values()
        means, counts = zip(*each, strict=True)
        return {"record_p10": bootstrap_interval(means, counts)}, notes


def findable(own: Labels, near: Rule, rows: int = 1024) -> NDArray[np.int64]:
    """How many windows of its own record (n,) each query may find under the rule."""
    _, code = np.unique(np.asarray(own), return_inverse=True)
    cuts = [slice(start, start + rows) for start in range(0, len(code), rows)]
    return np.concatenate([((code[cut, None] == code) & ~near(cut)).sum(axis=1) for cut in cuts])


def example_of(
    pair: ViewPair, windows: Windows, x: Tensor, transform: Transform, theta: Tensor
) -> dict[str, Any]:
    """A query and its five nearest windows; of the queries of median precision the farthest θ."""
    near = pair.whose.near()
    record = windows.record
    right = retrieval(pair.moved, pair.reference, record, record, near).per_query
    typical = np.flatnonzero(right == np.quantile(right, 0.5, method="nearest"))
    size = distances(transform, theta).numpy()
    query = int(typical[size[typical].argmax()])
    one = slice(query, query + 1)
    rows, similarity = top_k(pair.moved[one], pair.reference, 5, near(one))
    moved = transform.apply(x[one], theta[one])[0]

    def window(row: int, signal: Tensor, **more: Any) -> dict[str, Any]:
        values = (signal - signal.mean(-1, keepdim=True)) / signal.std(-1, keepdim=True)
        names = {"record": str(record[row]), "label": str(windows.label[row])}
        return {"signal": values.nan_to_num().numpy(), **names, **more}

    words = method_of(transform, "label")(theta[one])[0]
    return {
        "rate": windows.rate,
        "query": window(query, moved, shown=f"{transform.name.replace('_', ' ')} of {words}"),
        "matches": [
            window(int(row), windows.centred[int(row)], similarity=float(value))
            for row, value in zip(rows[0], similarity[0], strict=True)
        ],
    }
