"""How common and salient latents of two populations are measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from triptych.metrics import collapsed, disentanglement, linear_probe, per_subject
from triptych_studies.collapse import PREFIX
from triptych_studies.scores import Scores
from triptych_studies.tasks.population_samples import Populations

READ = {
    "common": ("target_common", "shared_common", "error_sum", "dependence"),
    "salient": (
        "target_salient",
        "shared_salient",
        "error_sum",
        "background_norm",
        "dependence",
        "spearman_own",
        "spearman_other",
        "dci",
    ),
}
"""What is measured on each space, and missing where it has collapsed."""


class Space(NamedTuple):
    """A part of the latents: ``"common"`` or ``"salient"``, and its columns."""

    name: str
    columns: slice

    def of(self, z: Tensor) -> NDArray[np.float32]:
        """The part of ``z (n, size)``."""
        return z[:, self.columns].numpy()


def measure_spaces(
    embed: Callable[[Tensor], Tensor],
    spaces: tuple[Space, Space],
    data: Populations,
    scores: Scores,
) -> None:
    """All metrics of latents ``embed(x) (n, size)`` and their common and salient part.

    What is read from a part that has collapsed is missing (see `READ`).
    """
    salient, test, hit = spaces[1], data.test, data.test.target
    train, targets = data.train.take(data.train.target), test.take(hit)
    fit, seen = data.shared_fit, data.shared_test
    z_train, z, z_fit, z_seen = latents = [embed(part.x) for part in (train, test, fit, seen)]
    probes = (  # fitted on, scored on rows of
        ("target", (z_train, train.own), (z, hit), (targets.own, targets.group)),
        ("shared", (z_fit, fit.shared), (z_seen, slice(None)), (seen.shared, seen.group)),
    )
    scores.count(test.group)
    sound = [space for space in spaces if scores.sound(space.name, *map(space.of, latents))]
    errors = 0.0
    for space in spaces:
        for what, (fitted, known), (unseen, rows), (truth, group) in probes:
            chance = 1 / len(np.unique(truth))
            scores.metrics[f"{what}_chance"] = chance
            if space not in sound:
                continue
            probe = linear_probe(space.of(fitted), known, space.of(unseen)[rows], truth)
            value = probe.balanced_accuracy
            own = _by_group(probe.predicted == truth, truth, group)
            scores.add(f"{what}_{space.name}", value, own)
            wanted = (what == "target") == (space is salient)
            errors += 1 - value if wanted else max(0.0, value - chance)
    if len(sound) == len(spaces):
        scores.add("error_sum", errors)
        scores.add("dependence", dependence(*(space.of(z)[hit] for space in spaces)))
    norm = np.linalg.norm(salient.of(z), axis=1)
    level = float(norm[hit].mean())
    if salient in sound and level > 0:
        quiet = per_subject(norm[~hit] / level, test.group[~hit])
        scores.add("background_norm", float(norm[~hit].mean()) / level, quiet)


def measure_attributes(z: Tensor, data: Populations, scores: Scores) -> None:
    """``spearman_*`` and DCI of targets' salient dimensions ``(n, a)``, one for each attribute.

    Missing where all of them have collapsed, and the first two where one has: it has no ranks.
    """
    from scipy import stats

    rank: Any = cast(Any, stats).spearmanr
    hit = data.test.target
    salient, truth = z.numpy()[hit], data.test.labels[:, 1:].double().numpy()[hit]
    if collapsed(salient):
        return
    fallen = [collapsed(column[:, None]) for column in salient.T]
    table = np.array(
        [
            [np.nan if gone else abs(float(rank(column, known)[0])) for known in truth.T]
            for column, gone in zip(salient.T, fallen, strict=True)
        ]
    )
    held = [k for k, kind in enumerate(data.attributes.values()) if kind == "continuous"]
    scores.add("spearman_own", float(np.min([table[k, k] for k in held])))
    others = [table[d, k] for d in range(len(table)) for k in held if d != k]
    scores.add("spearman_other", float(np.max(others)))
    factors = {
        name: known.astype(np.int64) if kind == "discrete" else known
        for (name, kind), known in zip(data.attributes.items(), truth.T, strict=True)
    }
    scores.add("dci", disentanglement(salient, factors).disentanglement)
    names = list(data.attributes)
    scores.artifacts["attributes"] = {"names": names, "spearman": table.round(3).tolist()}


def without_fallen(row: Mapping[str, Any]) -> dict[str, Any]:
    """A cell's row, with spaces marked that had collapsed before cells marked them.

    Of a constant both probes read one class whatever comes, so their balanced accuracies are
    chance to the last digit, and what they are of is no metric of the space.
    """
    old = row["metrics"]
    fallen = [
        space
        for space in READ
        if all(
            abs(old.get(f"{what}_{space}", np.inf) - old.get(f"{what}_chance", 0.0)) < 1e-12
            for what in ("target", "shared")
        )
    ]
    gone = {name for space in fallen for name in READ[space]}

    def kept(metrics: Mapping[str, float]) -> dict[str, float]:
        return {name: value for name, value in metrics.items() if name not in gone}

    return {
        **row,
        "metrics": kept(old) | {f"{PREFIX}{space}": 1.0 for space in fallen},
        "subjects": {
            name: {**subject, "metrics": kept(subject["metrics"])}
            for name, subject in row["subjects"].items()
        },
    }


def dependence(common: NDArray[Any], salient: NDArray[Any]) -> float:
    """Share of the variance of salient latents that kernel ridge reads from the common ones.

    Fitted on one half of the rows and scored on the other: Gaussian kernel of the median distance,
    the best of three ridges by the scored R², so an upper estimate; not below 0. No loss term of
    any method is of this form. NaN where either side has collapsed: there is nothing to read, or
    nothing to read it from.
    """
    if collapsed(common) or collapsed(salient[1::2]):  # of half of the rows is scored
        return float("nan")
    x, y = (torch.as_tensor(each).double() for each in (common, salient))
    spread = x.std(0)  # as `centre_and_spread`: a dimension that is constant comes out as 0
    x = (x - x.mean(0)) / spread.where(spread > 1e-7 * x.abs().amax(0), torch.inf)
    y = y - y.mean(0)
    even = torch.arange(len(x)) % 2 == 0
    squares = torch.cdist(x, x[even]).square()
    kernel = torch.exp(-squares / squares.median().clamp_min(1e-12))
    best = 0.0
    for ridge in (1e-2, 1e-1, 1.0):
        inner = kernel[even] + ridge * torch.eye(int(even.sum()), dtype=torch.float64)
        weights = cast(Any, torch.linalg).solve(inner, y[even])
        wrong: Tensor = (kernel[~even] @ weights - y[~even]).square().sum()
        best = max(best, 1 - float(wrong / y[~even].square().sum()))
    return best


def _by_group(
    right: NDArray[np.bool_], truth: NDArray[np.str_], group: NDArray[np.str_]
) -> dict[str, float]:
    """Balanced accuracy of every group, over the classes that it has."""
    return {
        str(name): float(np.mean([right[own & (truth == k)].mean() for k in np.unique(truth[own])]))
        for name in np.unique(group)
        if (own := group == name).any()
    }
