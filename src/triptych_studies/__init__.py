"""Studies: methods x seeds on a dataset under the protocol. One file and one line here each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from triptych import InputError

if TYPE_CHECKING:
    from triptych_studies.grid import Study

# Name on the command line to module and class; a study is imported when it is asked for.
STUDIES = {
    "ecg-phase": "triptych_studies.studies.ecg_phase:EcgPhase",
    "imu-rotation": "triptych_studies.studies.imu_rotation:ImuRotation",
    "contrastive-analysis": "triptych_studies.studies.contrastive_analysis:ContrastiveAnalysis",
    "contrastive-ablation": "triptych_studies.studies.contrastive_analysis:ContrastiveAblation",
    "gated-contrast": "triptych_studies.studies.gated_contrast:GatedContrast",
    "benchmark": "triptych_studies.studies.benchmark:Benchmark",
    "own": "triptych_studies.studies.own:OwnStudy",
    "gated-ablation": "triptych_studies.studies.gated_contrast:GatedAblation",
}


def names() -> tuple[str, ...]:
    """Names of all studies."""
    return tuple(STUDIES)


def study(name: str) -> Study:
    """Study of that name; an unknown one raises InputError."""
    from importlib import import_module

    if name not in STUDIES:
        raise InputError(f"there is no study {name!r}: choose from {', '.join(STUDIES)}")
    module, _, kind = STUDIES[name].partition(":")
    return getattr(import_module(module), kind)()
