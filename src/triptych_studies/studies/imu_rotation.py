"""The IMU rotation study: activities recognised however the sensor is turned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from triptych.audit.tables import spanned
from triptych_studies.grid import Study
from triptych_studies.methods.scl import TEACHER
from triptych_studies.studies.imu_rotation_figures import DRAWN, STRUCTURED
from triptych_studies.tasks.base import Task
from triptych_studies.tasks.turned_imu import TurnedImu


class ImuRotation(Study):
    """SCL and other methods under rotations of the sensor, on WISDM, HAPT or a simulated cohort."""

    name: ClassVar[str] = "imu-rotation"
    title: ClassVar[str] = "IMU rotation study"
    task: ClassVar[type[Task]] = TurnedImu
    figures: ClassVar[str] = "studies.imu_rotation_figures"
    drawn: ClassVar[Mapping[str, tuple[str, ...]]] = DRAWN
    methods: ClassVar[tuple[str, ...]] = (
        "random",
        "plain",
        "plain+augment",
        "augmentation",
        "exact",
        "exact+augment",
        "canonical",
        "simclr",
        "supcon",
        "scl-repel",
        "scl-predict",
        "scl-equivariant",
        "scl",
        "scl+augment",
        "exact+scl",
    )
    exact: ClassVar[tuple[str, ...]] = ("exact", "exact+augment", "canonical", "exact+scl")
    headline: ClassVar[tuple[str, ...]] = (
        "accuracy",
        "accuracy_full",
        "accuracy_rotated",
        "consistency",
        "consistency_balanced",
        "cosine_rotated",
        "cosine_random",
        "orientation_error",
        "orientation_r2_invariant",
    )
    units: ClassVar[Mapping[str, tuple[float, str]]] = {"orientation_error": (1.0, "degrees")}
    ablations: ClassVar[Mapping[str, Mapping[str, Any]]] = {  # one thing at a time around `scl`
        **{
            f"variation={v}": {"latent": TurnedImu.blocks("variant"), "objective": {"variation": v}}
            for v in ("repel", "predict")
        },
        "independence=none": {"objective": {"independence": None}},
        "independence=two-sided": {"objective": {"one_sided": False}},
        "isolation=variation": {"objective": {"stop_gradient": ["variation"]}},
        "isolation=all": {
            "objective": {"stop_gradient": ["alignment", "variation", "independence"]}
        },
        "blocks=32+12+96": {"latent": TurnedImu.blocks("equivariant", (32, 96))},
        "blocks=96+12+32": {"latent": TurnedImu.blocks("equivariant", (96, 32))},
        **{  # the recipe has no NT-Xent, so it has no temperature either
            f"temperature={t:g}": {"objective": {"weights": {"invariance": 0.3}, "temperature": t}}
            for t in (0.1, 0.5)
        },
        "consistency=0": {"weights": {"consistency": 0.0}},
        "teacher=none": {"weights": {"teacher": 0.0, "invariant_head": 1.0 + TEACHER}},
        "heads=equal": {"weights": {"full_head": 1.0 + TEACHER, "original": 1.0}},
        **{f"schedule={v}": {"schedule": v} for v in ("alternate", "pretrain-then-task")},
    }

    def conclude(self, results: Mapping[str, Any]) -> str:
        """State what became of the accuracy when the sensor is turned."""
        found = {row["method"]: row["metrics"] for row in results["summary"]}
        chosen = next((name for name in STRUCTURED if name in found), None)
        if "plain" not in found or chosen is None:
            return ""
        plain, scl = found["plain"], found[chosen]

        def percent(row: Mapping[str, Any], name: str) -> str:
            mean, _, ends = spanned(row[name], 0, 100).partition(" ")
            return f"{mean} % {ends}".rstrip()

        return (
            f"Turned at random, a plain classifier falls from {percent(plain, 'accuracy')} to "
            f"{percent(plain, 'accuracy_rotated')}; the invariant head of {chosen} has "
            f"{percent(scl, 'accuracy_rotated')} and keeps its prediction in "
            f"{percent(scl, 'consistency')} of the rotations, and its full head has "
            f"{percent(scl, 'accuracy_full')} upright."
        )
