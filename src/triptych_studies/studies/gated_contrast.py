"""The gated-contrast study: whether single dimensions of a latent vector mean one thing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from triptych.audit.tables import spanned
from triptych_studies.collapse import sound
from triptych_studies.grid import Study
from triptych_studies.methods.ncl import ABLATIONS
from triptych_studies.results import compare, means_of
from triptych_studies.studies.gated_contrast_figures import DRAWN
from triptych_studies.tasks import dimension_meaning
from triptych_studies.tasks.base import Task
from triptych_studies.tasks.class_dimensions import ClassDimensions
from triptych_studies.tasks.dimension_meaning import ABOVE_SHUFFLED

ENOUGH, COVERED = 16, 0.95  # active dimensions and coverage, without which c′ is easily had


class GatedContrast(Study):
    """SimCLR, NCL, BayesNCL and SCL with and without gates, on one encoder."""

    name: ClassVar[str] = "gated-contrast"
    title: ClassVar[str] = "Gated-contrast study"
    task: ClassVar[type[Task]] = ClassDimensions
    figures: ClassVar[str] = "studies.gated_contrast_figures"
    drawn: ClassVar[Mapping[str, tuple[str, ...]]] = DRAWN
    methods: ClassVar[tuple[str, ...]] = (
        "random",
        "simclr",
        "ncl",
        "ncl-topk",
        "bayesncl-ste",
        "bayesncl-gumbel",
        "scl",
        "scl+gate",
    )
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

    def settled(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Cells from before c′ above shuffled labels have it, too."""
        return dimension_meaning.settled(row)

    def conclude(self, results: Mapping[str, Any]) -> str:
        """Say how much of NCL's distance to 1 the gate closes, and at which price."""
        found = {row["method"]: row["metrics"] for row in sound(results["summary"])}
        said: list[str] = []

        def mean(method: str, metric: str) -> float:
            return found[method][metric]["mean"]

        def said_of(method: str, metric: str) -> str:
            return spanned(found[method][metric], 3)

        c = ABOVE_SHUFFLED
        if {"ncl", "bayesncl-ste", "simclr"} <= set(found):
            before, after = (mean(m, c) for m in ("ncl", "bayesncl-ste"))
            active, coverage = (mean("bayesncl-ste", m) for m in ("active", "coverage"))
            told = [mean(m, "classes_told") for m in ("ncl", "bayesncl-ste")]
            enough = active >= ENOUGH and coverage >= COVERED
            said.append(
                f"c′ above shuffled labels is {said_of('ncl', c)} without gates (NCL) and "
                f"{said_of('bayesncl-ste', c)} with straight-through gates, "
                f"{100 * (after - before) / (1 - before):+.0f} % of the distance to 1, with "
                f"{active:.0f} active dimensions and coverage {coverage:.3f}"
                f"{'' if enough else ' (too few for c′ to mean much)'}; classes told: "
                f"{told[1]:.0f} (NCL: {told[0]:.0f})."
            )
            pairs = (("c′", c, "ncl"), ("Linear probe", "linear_probe", "simclr"))
            for what, metric, other in pairs:
                if apart := compare(results["rows"], metric, "bayesncl-ste", other, self):
                    said.append(f"{what}: {apart.verdict}.")
        if {"scl", "scl+gate"} <= set(found):
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
