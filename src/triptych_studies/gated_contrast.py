"""The gated-contrast study: whether single dimensions of a latent vector mean one thing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from triptych.audit.tables import spanned
from triptych_studies import gated_measures as measures
from triptych_studies.base import Cell, CellResult, Options, Progress, Study
from triptych_studies.collapse import sound
from triptych_studies.fitted import fitted_model
from triptych_studies.gated_measures import (
    ABOVE_SHUFFLED,
    DRAWS,
    EPSILONS,
    NEIGHBOURS,
    SUPPORT,
    above,
)
from triptych_studies.gated_recipes import ABLATIONS, HEADLINE, METHODS, SIZE, recipe_of
from triptych_studies.gated_windows import GatedData, prepare
from triptych_studies.results import compare, means_of
from triptych_studies.scores import Scores

ENOUGH, COVERED = 16, 0.95  # active dimensions and coverage, without which c′ is easily had
_LAYER = "of what the contrast compares (non-negative rows: after ReLU, top-k and gates)"


class GatedContrast(Study[GatedData]):
    """SimCLR, NCL, BayesNCL and SCL with and without gates, on one encoder."""

    name: ClassVar[str] = "gated-contrast"
    title: ClassVar[str] = "Gated-contrast study"
    figures: ClassVar[str] = "gated_figures"
    methods: ClassVar[tuple[str, ...]] = METHODS
    focus: ClassVar[str] = "bayesncl-ste"
    baseline: ClassVar[str] = "ncl"
    headline: ClassVar[tuple[str, ...]] = (
        ABOVE_SHUFFLED,
        "semantic_consistency",
        "classes_told",
        "active",
        "coverage",
        "linear_probe",
        "cosine_transformed",
        "cosine_random",
    )
    metrics: ClassVar[Mapping[str, str]] = {
        ABOVE_SHUFFLED: "↑ (c′ − s)/(1 − s) of max(z, 0), s being the c′ that shuffled labels give "
        "to dimensions that open as often: 0 by chance also where few windows open a dimension (of "
        "cells without it: s of one shuffle, @shuffled)",
        "semantic_consistency": "↑ c′ = (c − 1/K)/(1 − 1/K): c is the share of the commonest class "
        "among the test windows that open a dimension, classes of equal weight, mean over active "
        f"dimensions; open: |z| > {EPSILONS['']:g} after scaling z to norm 1; z is the layer "
        f"{_LAYER}. Without signs to close them, all dimensions of random, simclr and scl are open",
        "classes_told": "↑ classes that are the majority (half or more, classes of equal weight) "
        "among the windows that open some dimension of max(z, 0): c′ is also high where every "
        "dimension tells one and the same class",
        "active": "dimensions that any test window opens",
        "coverage": "share of test windows that open any dimension",
        "linear_probe": "↑ balanced accuracy of logistic regression on the trunk's features "
        "(before the head), fitted on training people",
        "cosine_transformed": f"↑ mean cosine of z and z of the window under the data set's "
        f"transform ({', '.join(HEADLINE.values())}), {DRAWS} draws a window",
        "cosine_random": "↓ mean cosine of z between windows of different people and classes; at "
        "least 0 where z is non-negative",
        "semantic_consistency_raw": "↑ c as the paper prints it: classes weighted as they come, "
        "not corrected for chance",
        "semantic_consistency@positive": "c′ of max(z, 0): the fair comparison for signed rows",
        "semantic_consistency@shuffled": "c′ of max(z, 0) with the labels shuffled: what is had "
        "because a dimension is opened by few windows",
        "semantic_consistency@supported": "c′ of max(z, 0) over dimensions that at least "
        f"{100 * SUPPORT:g} % of the windows open",
        "active@supported": "how many these are",
        **{
            f"{name}{suffix}": f"{name} with ε = {epsilon:g}"
            for name in ("semantic_consistency", "active", "coverage", "sparsity")
            for suffix, epsilon in EPSILONS.items()
            if suffix
        },
        "sparsity": "share of entries of z that are closed",
        "semantic_entropy": "↓ entropy of the classes that open a dimension, mean, in nats",
        "effective_rank": "exp of the entropy of z's normalised singular values",
        "separation": "↑ AUROC of cosine: transformed windows against strangers",
        "linear_probe@contrasted": "the same probe on z",
        "knn": f"↑ balanced accuracy of the {NEIGHBOURS} nearest training windows by cosine of "
        "centred features",
        "sign_flips": "share of training steps in which the sign of the gradient on a common "
        "dimension changes (the tenth that most samples open), mean over the last half",
        "common_open": "share of training samples that open a common dimension, over the last half",
    }

    def prepare(self, data: Path | None, options: Options) -> GatedData:
        """Read the data set and cut its windows."""
        return prepare(options.dataset or "watch-18", data, options)

    def key(self, prepared: GatedData, cell: Cell) -> Mapping[str, Any]:
        """The recipe, and how much is measured."""
        sizes = {side: len(getattr(prepared, side)) for side in ("train", "fitted", "test")}
        return {"recipe": recipe_of(cell.method, prepared, cell.seed), "windows": sizes}

    def compute(self, prepared: GatedData, cell: Cell, progress: Progress) -> CellResult:
        """Train one row and measure everything that it has."""
        from triptych.training import Recipe
        from triptych_studies.gradient_signs import GradientSigns

        content, signs = recipe_of(cell.method, prepared, cell.seed), GradientSigns(SIZE)
        model, _, epochs = fitted_model(
            content,
            prepared.train,
            prepared.validation,
            channels=prepared.channels,
            device=prepared.options.device,
            untrained=cell.method == "random",
            progress=progress,
            callbacks=[signs],
        )
        progress("measuring")
        recipe, scores = Recipe.of(content), Scores()
        objective = recipe.make_objective()  # its last step on latents has no weights
        read = measures.reader(model, objective.represent)
        test, fitted = read(prepared.test.centred), read(prepared.fitted.centred)
        transform = next(t for t in recipe.make_transforms() if t.name == HEADLINE[prepared.kind])
        measures.measure_invariance(read, test.z, transform, prepared.test, scores)
        measures.measure_dimensions(test.z, prepared.test, scores)
        measures.measure_probes(fitted, test, prepared, scores)
        if signs.flips:
            half = len(signs.flips) // 2
            scores.add("sign_flips", sum(signs.flips[half:]) / len(signs.flips[half:]))
            scores.add("common_open", sum(signs.open[half:]) / len(signs.open[half:]))
            scores.artifacts["signs"] = {
                name: [round(value, 4) for value in values]
                for name, values in (("flips", signs.flips), ("open", signs.open))
            }
        return CellResult(
            metrics=scores.metrics,
            subjects=scores.by_subject(),
            parameters=sum(p.numel() for p in model.parameters()),
            epochs=epochs,
            artifacts=scores.artifacts,
        )

    def settled(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Add c′ above shuffled labels to cells without it; take c′ away where nothing is open.

        People have it where z is non-negative, so that z is what c′ of people was computed of.
        """
        old, c = row["metrics"], "semantic_consistency"
        empty = {f"{c}{suffix}" for suffix in EPSILONS if old.get(f"active{suffix}") == 0}
        level, positive = (old.get(f"{c}@{name}") for name in ("shuffled", "positive"))

        def settled(own: Mapping[str, float], value: float | None) -> dict[str, float]:
            kept = {name: figure for name, figure in own.items() if name not in empty}
            if ABOVE_SHUFFLED in old or level is None or value is None:
                return kept
            return kept | {ABOVE_SHUFFLED: above(value, level)}

        of_people = positive is not None and abs(old[c] - positive) < 1e-12
        subjects = {
            name: {**each, "metrics": settled(own, own.get(c) if of_people else None)}
            for name, each in row["subjects"].items()
            for own in (each["metrics"],)
        }
        return {**row, "metrics": settled(old, positive), "subjects": subjects}

    def conclude(self, results: Mapping[str, Any]) -> str:
        """Say how much of NCL's distance to 1 the gate closes, and at which price."""
        found = {row["method"]: row["metrics"] for row in sound(results["summary"])}
        said: list[str] = []

        def mean(method: str, metric: str) -> float:
            return found[method][metric]["mean"]

        def said_of(method: str, metric: str) -> str:
            return spanned(found[method][metric], 3)

        if {"ncl", "bayesncl-ste", "simclr"} <= set(found):
            c = ABOVE_SHUFFLED
            before, after = (mean(m, c) for m in ("ncl", "bayesncl-ste"))
            apart = compare(results["rows"], c, "bayesncl-ste", "ncl", self)
            active, coverage = (mean("bayesncl-ste", m) for m in ("active", "coverage"))
            probe = compare(results["rows"], "linear_probe", "bayesncl-ste", "simclr", self)
            told = [mean(m, "classes_told") for m in ("ncl", "bayesncl-ste")]
            enough = active >= ENOUGH and coverage >= COVERED
            said.append(
                f"c′ above shuffled labels is {said_of('ncl', c)} without gates (NCL) and "
                f"{said_of('bayesncl-ste', c)} with straight-through gates, "
                f"{100 * (after - before) / (1 - before):+.0f} % of the distance to 1, with "
                f"{active:.0f} active dimensions and coverage {coverage:.3f}"
                f"{'' if enough else ' (too few for the figure to mean much)'}; classes told: "
                f"{told[1]:.0f} (NCL: {told[0]:.0f})."
            )
            named = (("c′", apart), ("Linear probe", probe))
            said += [f"{what}: {each.verdict}." for what, each in named if each is not None]
        if {"scl", "scl+gate"} <= set(found):
            c = ABOVE_SHUFFLED
            same = [said_of(m, "cosine_transformed") for m in ("scl", "scl+gate")]
            said.append(
                f"On SCL's invariant block c′ above shuffled labels is {said_of('scl', c)} without "
                f"gates (of its positive part) and {said_of('scl+gate', c)} with them, and the "
                f"cosine under the transform {same[0]} and {same[1]}."
            )
        return " ".join(said)


class GatedAblation(GatedContrast):
    """BayesNCL with one choice changed at a time, beside NCL."""

    name: ClassVar[str] = "gated-ablation"
    title: ClassVar[str] = "What the gate of BayesNCL needs"
    methods: ClassVar[tuple[str, ...]] = ("ncl", "bayesncl-ste", *ABLATIONS)

    def conclude(self, results: Mapping[str, Any]) -> str:
        """Say which change has the highest and which the lowest c′ above shuffled labels."""
        found = means_of(results, ABOVE_SHUFFLED)
        changes = {name: value for name, value in found.items() if name in ABLATIONS}
        if not (changes and {"ncl", "bayesncl-ste"} <= set(found)):
            return ""
        low, high = (sorted(changes, key=changes.__getitem__)[end] for end in (0, -1))
        return (
            f"With straight-through gates c′ above shuffled labels is {found['bayesncl-ste']:.3f}, "
            f"without gates (NCL) {found['ncl']:.3f}. Of {len(changes)} changes of one choice, "
            f"{high} has the highest ({changes[high]:.3f}) and {low} the lowest "
            f"({changes[low]:.3f})."
        )
