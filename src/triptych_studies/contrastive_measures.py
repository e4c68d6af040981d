"""How common and salient latents are measured: every metric of the contrastive-analysis study."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from triptych.audit.maps import embedding_map
from triptych.metrics import collapsed, cosine, disentanglement, linear_probe, per_subject, top_k_of
from triptych_studies.contrastive_data import Populations, Samples
from triptych_studies.scores import Scores

SHOWN = 5  # neighbours of the drawn queries
MAPPED = 400  # test samples on each map


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


def measure(
    embed: Callable[[Tensor], Tensor],
    spaces: tuple[Space, Space],
    data: Populations,
    pictures: bool = False,
) -> Scores:
    """All metrics of latents ``embed(x) (n, size)`` and their common and salient part.

    What is read from a part that has collapsed is missing (see `READ`).

    With `pictures` what the figures show of one method: both maps, and nearest neighbours.
    """
    scores = Scores()
    salient = spaces[1]
    test = data.test
    z = {
        name: embed(part.x)
        for name, part in (
            ("train", data.train.take(data.train.target)),
            ("test", test),
            ("fit", data.shared_fit),
            ("score", data.shared_test),
        )
    }
    scores.counts = {str(g): int((test.group == g).sum()) for g in np.unique(test.group)}
    hit = test.target
    sound = [space for space in spaces if scores.sound(space.name, *map(space.of, z.values()))]
    errors = 0.0
    for space in spaces:
        probes = {
            "target": (
                (space.of(z["train"]), data.train.own[data.train.target]),
                (space.of(z["test"])[hit], test.take(hit)),
            ),
            "shared": (
                (space.of(z["fit"]), data.shared_fit.shared),
                (space.of(z["score"]), data.shared_test),
            ),
        }
        for what, ((fitted, known), (unseen, part)) in probes.items():
            truth = part.own if what == "target" else part.shared
            chance = 1 / len(np.unique(truth))
            scores.metrics[f"{what}_chance"] = chance
            if space not in sound:
                continue
            probe = linear_probe(fitted, known, unseen, truth)
            own = _by_group(probe.predicted == truth, truth, part.group)
            name, value = f"{what}_{space.name}", probe.balanced_accuracy
            scores.add(name, value, own)
            wanted = (what == "target") == (space is salient)
            errors += 1 - value if wanted else max(0.0, value - chance)
    if len(sound) == len(spaces):
        scores.add("error_sum", errors)
        scores.add("dependence", dependence(*(space.of(z["test"])[hit] for space in spaces)))
    norm = np.linalg.norm(salient.of(z["test"]), axis=1)
    level = float(norm[hit].mean())
    if salient in sound and level > 0:
        quiet = per_subject(norm[~hit] / level, test.group[~hit])
        scores.add("background_norm", float(norm[~hit].mean()) / level, quiet)
    if pictures:
        _pictures(spaces, z["test"], test, scores)
    return scores


def measure_attributes(z: Tensor, data: Populations, scores: Scores) -> None:
    """``spearman_*`` and DCI of targets' salient dimensions ``(n, a)``, one for each attribute.

    Missing where all of them have collapsed, and the first two where one has: it has no ranks.
    """
    from scipy import stats

    rank: Any = cast(Any, stats).spearmanr
    salient = z.numpy()
    hit = data.test.target
    if collapsed(salient[hit]):
        return
    fallen = [collapsed(column[:, None]) for column in salient[hit].T]
    truth = data.test.labels[:, 1:].double().numpy()[hit]
    table = np.array(
        [
            [
                np.nan if fallen[d] else abs(float(rank(salient[hit, d], truth[:, a])[0]))
                for a in range(truth.shape[1])
            ]
            for d in range(salient.shape[1])
        ]
    )
    held = [k for k, kind in enumerate(data.attributes.values()) if kind == "continuous"]
    scores.add("spearman_own", float(np.min([table[k, k] for k in held])))
    others = [table[d, k] for d in range(len(table)) for k in held if d != k]
    scores.add("spearman_other", float(np.max(others)))
    names = list(data.attributes)
    factors = {
        name: truth[:, k].astype(np.int64) if data.attributes[name] == "discrete" else truth[:, k]
        for k, name in enumerate(names)
    }
    found = disentanglement(salient[hit], factors)
    scores.add("dci", found.disentanglement)
    scores.artifacts["attributes"] = {"names": names, "spearman": table.round(3).tolist()}


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


def _pictures(spaces: tuple[Space, Space], z: Tensor, test: Samples, scores: Scores) -> None:
    """Both maps, and the nearest neighbours of a few targets in each space."""
    rng = np.random.default_rng(0)
    some = np.sort(rng.permutation(len(test.x))[:MAPPED])
    for space in spaces:
        latents = space.of(z)
        chosen = some
        if space.name == "salient":
            chosen = some[test.target[some]]  # all others are one point
        few, xy = embedding_map(latents[chosen], n=MAPPED)
        rows = chosen[few]
        scores.artifacts[f"map_{space.name}"] = {
            "xy": xy.round(2).tolist(),
            "own": np.where(test.target[rows], test.own[rows], "none").tolist(),
            "shared": test.shared[rows].tolist(),
        }
    queries = rng.permutation(np.flatnonzero(test.target))[:3]
    shown: list[dict[str, Any]] = []
    for query in queries:
        entry: dict[str, Any] = {"query": _drawn(test, int(query))}
        for space in spaces:
            latents = space.of(z)
            near = nearness(space, latents[query : query + 1], latents)
            found, _ = top_k_of(near, SHOWN, np.arange(len(latents))[None] == query)
            entry[space.name] = [_drawn(test, int(row)) for row in found[0]]
        shown.append(entry)
    scores.artifacts["neighbours"] = shown


def nearness(space: Space, query: NDArray[Any], latents: NDArray[Any]) -> NDArray[Any]:
    """Nearness of latents ``(n, d)`` to one query ``(1, d)``, as ``(1, n)``.

    Cosine in the common space, minus the distance in the salient one, where null is a place.
    """
    if space.name == "common":
        return cosine(np.broadcast_to(query, latents.shape), latents)[None]
    return -np.linalg.norm(latents - query, axis=1)[None]


def _drawn(test: Samples, row: int) -> dict[str, Any]:
    x = test.x[row, 0]
    return {
        "x": np.round(x.numpy(), 2 if x.ndim == 2 else 3).tolist(),
        "own": str(test.own[row]) or "none",
        "shared": str(test.shared[row]),
    }
