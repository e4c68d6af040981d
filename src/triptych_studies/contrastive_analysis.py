"""The contrastive-analysis study: what two populations share, and what only one of them has."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from triptych.audit.tables import spanned
from triptych.objectives.separation_terms import null_bandwidth
from triptych_studies.base import Cell, CellResult, Options, Progress, Study
from triptych_studies.collapse import PREFIX, sound
from triptych_studies.contrastive_data import Populations, populations
from triptych_studies.contrastive_measures import READ, Space, measure, measure_attributes
from triptych_studies.contrastive_recipes import (
    ABLATIONS,
    CHANGES,
    DESCRIPTIONS,
    LINEAR,
    METHODS,
    OWN,
    UNDIVIDED,
    Parts,
    parts_of,
    recipe_of,
)
from triptych_studies.results import means_of


class ContrastiveAnalysis(Study[Populations]):
    """SepCLR and its rivals on digits over textures, on heartbeats, and on supervised sprites."""

    name: ClassVar[str] = "contrastive-analysis"
    title: ClassVar[str] = "Contrastive analysis: common and salient"
    figures: ClassVar[str] = "contrastive_figures"
    methods: ClassVar[tuple[str, ...]] = METHODS
    changes: ClassVar[Mapping[str, Mapping[str, Any]]] = CHANGES
    descriptions: ClassVar[Mapping[str, str]] = DESCRIPTIONS
    focus: ClassVar[str] = "sepclr"
    baseline: ClassVar[str] = "contrastive-pca"
    headline: ClassVar[tuple[str, ...]] = (
        "target_salient",
        "target_common",
        "shared_common",
        "shared_salient",
        "error_sum",
        "background_norm",
        "dependence",
        "spearman_own",
        "spearman_other",
        "dci",
    )
    metrics: ClassVar[Mapping[str, str]] = {
        "target_salient": "↑ class of the target (digit; beat S, V or F; shape) read from the "
        "salient block by logistic regression, fitted on training targets: balanced accuracy on "
        "test targets",
        "target_common": "↓ the same, read from the common block",
        "shared_common": "↑ what both populations share (texture or digit of the grid, on targets; "
        "record, on background windows, fitted on the first half in time of each test record and "
        "scored on the second, 30 s apart) read from the common block: balanced accuracy",
        "shared_salient": "↓ the same, read from the salient block",
        "error_sum": "↓ sum of the four errors: 1 − target_salient, 1 − shared_common, and what "
        "target_common and shared_salient have above chance",
        "background_norm": "↓ mean length of the background's salient latents over the targets'",
        "dependence": "↓ share of the variance of the targets' salient latents that kernel ridge "
        "reads from their common ones (half of the test targets fitted, half scored)",
        "spearman_own": "↑ the smallest rank correlation between a continuous attribute and the "
        "salient dimension that it supervises, on test targets",
        "spearman_other": "↓ the largest rank correlation between a continuous attribute and "
        "another salient dimension",
        "dci": "↑ DCI disentanglement of the salient dimensions and the attributes",
        "target_chance": "chance of the first two: 1 / number of classes",
        "shared_chance": "chance of the next two",
    }

    def prepare(self, data: Path | None, options: Options) -> Populations:
        """Generate or read both populations."""
        return populations(data, options)

    def key(self, prepared: Populations, cell: Cell) -> Mapping[str, Any]:
        """The recipe, the numbers of samples, how long signals are, how attributes supervise."""
        recipe = recipe_of(self.changes[cell.method], prepared)
        key = {"recipe": recipe, "samples": [len(prepared.train.x), len(prepared.test.x)]}
        if prepared.attributes and recipe["objective"] == "separation":
            key["null_bandwidths"] = {
                name: null_bandwidth(kind == "discrete", recipe["bandwidth"])
                for name, kind in prepared.attributes.items()
            }
        return key | ({"length": prepared.train.x.shape[-1]} if prepared.rate else {})

    def compute(self, prepared: Populations, cell: Cell, progress: Progress) -> CellResult:
        """Train one method and measure both of its spaces."""
        recipe = recipe_of(self.changes[cell.method], prepared)
        if cell.method == LINEAR:
            parts, embed = None, contrastive_pca(prepared, recipe["common"], recipe["salient"])
        else:
            parts = parts_of(recipe, prepared, cell.seed)
            embed = _trained(parts, prepared, cell, progress)
        progress("measuring")
        cut = recipe["common"]
        whole = cell.method in UNDIVIDED
        scores = measure(
            embed,
            (
                Space("common", slice(None) if whole else slice(0, cut)),
                Space("salient", slice(None) if whole else slice(cut, None)),
            ),
            prepared,
            pictures=cell.method == self.focus,
        )
        if prepared.attributes and recipe["objective"] == "separation":
            measure_attributes(embed(prepared.test.x)[:, cut:], prepared, scores)
        return CellResult(
            metrics=scores.metrics,
            subjects=scores.by_subject(),
            parameters=parts.parameters if parts else 0,
            epochs=parts.settings.epochs if parts and cell.method != "random" else 0,
            artifacts=scores.artifacts | {"names": prepared.names},
        )

    def settled(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Mark spaces that had collapsed before collapse was a word of the protocol.

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

    def conclude(self, results: Mapping[str, Any]) -> str:
        """Say what is read where."""
        found = {row["method"]: row["metrics"] for row in sound(results["summary"])}
        if self.focus not in found:
            return ""
        own = {name: spanned(figures) for name, figures in found[self.focus].items()}
        sums = means_of(results, "error_sum")
        rivals = {name: value for name, value in sums.items() if name not in OWN}
        best = min(rivals, key=lambda name: rivals[name]) if rivals else None
        ends = {name: spanned(found[name]["error_sum"]) for name in sums}
        beside = f"; the best rival, {best}, has {ends[best]}" if best else ""
        first = min(sums, key=lambda name: sums[name])
        if first not in (best, self.focus) and sums[first] < sums[self.focus]:
            beside += f", and {first}, another form of it, {ends[first]}"
        return (
            f"{self.focus} reads the target's class with {own['target_salient']} from the "
            f"salient block and {own['target_common']} from the common one (chance "
            f"{own['target_chance']}), and what both populations share with "
            f"{own['shared_common']} from the common block and {own['shared_salient']} "
            f"from the salient one (chance {own['shared_chance']}): four errors of together "
            f"{own['error_sum']}{beside}."
        )


class ContrastiveAblation(ContrastiveAnalysis):
    """The method under study without one of its terms, and with ten times more or less of each."""

    name: ClassVar[str] = "contrastive-ablation"
    title: ClassVar[str] = "Contrastive analysis: what each term does"
    methods: ClassVar[tuple[str, ...]] = tuple(ABLATIONS)
    changes: ClassVar[Mapping[str, Mapping[str, Any]]] = ABLATIONS

    def conclude(self, results: Mapping[str, Any]) -> str:
        """Say which change has the lowest and which the highest sum of errors."""
        found = means_of(results, "error_sum")
        changes = {name: value for name, value in found.items() if name != self.focus}
        if not changes or self.focus not in found:
            return ""
        low, high = (sorted(changes, key=changes.__getitem__)[end] for end in (0, -1))
        return (
            f"The four errors of {self.focus} are together {found[self.focus]:.2f}. Of "
            f"{len(changes)} changes, {low!r} has the lowest sum ({changes[low]:.2f}) and {high!r} "
            f"the highest ({changes[high]:.2f})."
        )

    def cells(self, prepared: Populations) -> Sequence[Cell]:
        """Without the rows that take away what the data set's recipe does not have."""
        whole = _acting(recipe_of(self.changes[self.focus], prepared))
        return [
            cell
            for cell in super().cells(prepared)
            if cell.method == self.focus
            or _acting(recipe_of(self.changes[cell.method], prepared)) != whole
        ]


def _acting(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """A recipe's settings but those without effect: null pairs where targets spread alone."""
    idle = ("null_pairs",) if recipe.get("sharing") or recipe.get("grouped") else ()
    return {name: value for name, value in recipe.items() if name not in idle}


def _trained(
    parts: Parts, prepared: Populations, cell: Cell, progress: Progress
) -> Callable[[Tensor], Tensor]:
    from triptych.training import StructuredModule, fit_module
    from triptych.training.preparation import with_groups

    if cell.method != "random":
        progress("training")
        module = StructuredModule(
            parts.encoder, parts.objective, schema=parts.schema, settings=parts.settings
        )
        train = prepared.train
        labels = train.labels
        if cell.method in UNDIVIDED:
            labels = labels[:, 0].long()
        elif parts.objective.grouped:
            labels = with_groups(labels, train.group)
        fit_module(module, train.x, labels, device=prepared.options.device)

    def embed(x: Tensor) -> Tensor:
        context = (x.shape[-1] - parts.length) // 2
        with torch.no_grad():
            cut = x[..., context : context + parts.length] if context else x
            starts = range(0, len(cut), 1024)
            return torch.cat([parts.encoder(cut[start : start + 1024]) for start in starts])

    return embed


def contrastive_pca(data: Populations, common: int, salient: int) -> Callable[[Tensor], Tensor]:
    """Principal components of the background, and those of targets minus background (α = 1).

    Abid, Zhang, Bagaria and Zou, "Exploring patterns enriched in a dataset with contrastive
    principal component analysis", Nature Communications 9 (2018).
    """
    x = data.train.x.flatten(1).double().numpy()
    target = data.train.target
    mean = x[~target].mean(axis=0)
    covariances = [np.cov((x[rows] - mean).T) for rows in (~target, target)]
    directions = [
        np.linalg.eigh(matrix)[1][:, ::-1][:, :size]
        for matrix, size in (
            (covariances[0], common),
            (covariances[1] - covariances[0], salient),
        )
    ]
    both = torch.as_tensor(np.concatenate(directions, axis=1))
    return lambda x: ((x.flatten(1).double() - torch.as_tensor(mean)) @ both).float()
