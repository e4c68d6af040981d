"""The contrastive-analysis study: what two populations share, and what only one of them has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from triptych.audit.tables import spanned
from triptych_studies.base import Cell
from triptych_studies.collapse import sound
from triptych_studies.grid import Study
from triptych_studies.results import means_of
from triptych_studies.tasks.base import Task
from triptych_studies.tasks.population_probes import without_fallen
from triptych_studies.tasks.two_populations import TwoPopulations

TERMS = {"beta_s": "salient", "beta_r": "background", "lambda": "independence"}
OWN = ("sepclr-kjem", "sepclr-hsic", "sepclr-crosscov", "sepclr")  # our forms of the method


class ContrastiveAnalysis(Study):
    """SepCLR and other methods on digits over textures, on heartbeats, and on sprites."""

    name: ClassVar[str] = "contrastive-analysis"
    title: ClassVar[str] = "Contrastive analysis: common and salient"
    task: ClassVar[type[Task]] = TwoPopulations
    figures: ClassVar[str] = "studies.contrastive_analysis_figures"
    methods: ClassVar[tuple[str, ...]] = (
        "random",
        "contrastive-pca",
        "simclr",
        "supcon",
        "cvae",
        "mm-cvae",
        "mm-cvae-published",
        "sepvae",
        "sepvae-published",
        "sepclr-published",
        *OWN,
    )
    focus: ClassVar[str] = "sepclr"
    baseline: ClassVar[str] = "contrastive-pca"
    headline: ClassVar[tuple[str, ...]] = tuple(
        name for name in TwoPopulations.metrics if not name.endswith("_chance")
    )
    # What the names do not say; networks, views, batch and pace are the same throughout.
    descriptions: ClassVar[Mapping[str, str]] = {
        "random": "the encoder, untrained",
        "contrastive-pca": "principal components of the background, and of targets minus "
        "background",
        "simclr": "one latent vector, trained on views alone, stands for both spaces",
        "supcon": "one latent vector, trained to tell background from target, stands for both "
        "spaces",
        "cvae": "contrastive VAE without total correlation",
        "mm-cvae": "a variant of MM-cVAE: one kernel as wide as the latents, both discrepancies "
        "weigh 100 beside the mean loss of a sample",
        "mm-cvae-published": "MM-cVAE with its authors' terms and weights: 13 kernels, 10,000 for "
        "the common and 1,000 for the salient discrepancy beside a batch's summed loss",
        "sepvae": "a variant of SepVAE: salient prior of the background N(0, 0.1²), its variance "
        "learned, KL, classifier and shared information weigh 1",
        "sepvae-published": "SepVAE with its authors' terms and weights for CelebA: salient prior "
        "of the background N(0, 0.025), its variance held at 0.1, KL weighs 0.5, the classifier "
        "1e-9, shared information 2",
        "sepclr-published": "SepCLR with its authors' terms and weights: k-JEM, two views of the "
        "samples alone (of sprites: the supervised terms)",
        "sepclr-kjem": "sepclr with k-JEM as its independence term",
        "sepclr-hsic": "sepclr with HSIC as its independence term",
        "sepclr-crosscov": "sepclr with cross-covariance as its independence term",
        "sepclr": "SepCLR with our settings for each data set (of sprites: the authors' "
        "supervised terms and weights, on both views)",
    }

    def settled(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Mark spaces that had collapsed before collapse was a word of the protocol."""
        return without_fallen(row)

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
    ablations: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        name: {"objective": change}
        for name, change in {
            "no common term": {"times": {"common": 0.0}},
            "no salient term": {"times": {"salient": 0.0}},
            "no null vector": {"times": {"background": 0.0}},
            "no independence": {"independence": None},
            "null pairs counted": {"null_pairs": True},
            "uniformity of the background alone": {"spread_targets": False},
            "no background blended in": {"mix": 0.0, "sharing": 0},
            "each its own background": {"sharing": 0},
            "groups not told": {"grouped": False},
            "no null radius": {"null_radius": 0.0},
            **{
                f"{name} x {factor:g}": {"times": {term: factor}}
                for name, term in TERMS.items()
                for factor in (0.1, 10.0)
            },
        }.items()
    }
    methods: ClassVar[tuple[str, ...]] = ("sepclr", *ablations)

    def cells(self, prepared: TwoPopulations) -> Sequence[Cell]:
        """Without the rows that take away what the data set's recipe does not have."""

        def acting(name: str) -> dict[str, Any]:
            """Settings with an effect: null pairs have none where targets spread alone."""
            found = self.key(prepared, Cell(name, prepared.data_name))["recipe"]
            idle = ("null_pairs",) if found.get("sharing") or found.get("grouped") else ()
            return {name: value for name, value in found.items() if name not in idle}

        whole = acting(self.focus)
        return [
            cell
            for cell in super().cells(prepared)
            if cell.method == self.focus or acting(cell.method) != whole
        ]

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
