"""The ECG phase study: whether a window that starts a little later keeps its embedding."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from triptych.audit.tables import spanned
from triptych_studies.grid import Study
from triptych_studies.studies.ecg_phase_figures import DRAWN
from triptych_studies.tasks.base import Task
from triptych_studies.tasks.mitdb_phase import MitdbPhase


class EcgPhase(Study):
    """SCL and other methods under a phase shift, on MIT-BIH or on a simulated cohort."""

    name: ClassVar[str] = "ecg-phase"
    title: ClassVar[str] = "ECG phase study"
    task: ClassVar[type[Task]] = MitdbPhase
    figures: ClassVar[str] = "studies.ecg_phase_figures"
    drawn: ClassVar[Mapping[str, tuple[str, ...]]] = DRAWN
    methods: ClassVar[tuple[str, ...]] = (
        "random",
        "plain",
        "augmentation",
        "exact",
        "aligned",
        "simclr",
        "scl-repel",
        "scl-predict",
        "scl-equivariant",
        "scl",
    )
    exact: ClassVar[tuple[str, ...]] = ("exact", "aligned")
    headline: ClassVar[tuple[str, ...]] = (
        "cosine_75ms",
        "cosine_mean",
        "cosine_random",
        "separation",
        "record_p10",
        "sbd_recall10",
        "phase_r2_variant",
        "phase_within_20ms",
        "phase_r2_invariant",
        "mse",
        "beat_f1",
    )
    units: ClassVar[Mapping[str, tuple[float, str]]] = {"mse": (1000.0, "thousandths")}
    ablations: ClassVar[Mapping[str, Mapping[str, Any]]] = {  # one thing at a time around `scl`
        **{f"variation={v}": {"objective": {"variation": v}} for v in ("repel", "equivariant")},
        **{
            f"independence={v}": {"objective": {"independence": v}}
            for v in ("cross_covariance", "hsic")
        },
        "isolation=variation": {"objective": {"stop_gradient": ["variation"]}},
        "isolation=all": {
            "objective": {"stop_gradient": ["invariance", "alignment", "centring", "variation"]}
        },
        "blocks=16+8+104": {"latent": MitdbPhase.blocks("variant", (16, 8))},
        "blocks=64+32+32": {"latent": MitdbPhase.blocks("variant", (64, 32))},
        **{f"temperature={t:g}": {"objective": {"temperature": t}} for t in (0.03, 0.2)},
        "sharpness=0": {"objective": {"sharpness": 0.0}},
        "alignment=0": {"objective": {"weights": {"alignment": 0.0}}},
        "centring=0": {"objective": {"weights": {"centring": 0.0}}},
        **{f"schedule={v}": {"schedule": v} for v in ("alternate", "pretrain-then-task")},
    }

    def conclude(self, results: Mapping[str, Any]) -> str:
        """State what became of the similarity at 75 ms."""
        found = {row["method"]: row["metrics"] for row in results["summary"]}
        if not {"plain", "scl"} <= set(found):
            return ""
        plain, scl = (spanned(found[name]["cosine_75ms"]) for name in ("plain", "scl"))
        between = spanned(found["scl"]["cosine_random"])
        return (
            f"A window that starts 75 ms later keeps a cosine of {plain} to itself under plain "
            f"training and of {scl} in SCL's invariant block, where windows of "
            f"different subjects have {between}."
        )
