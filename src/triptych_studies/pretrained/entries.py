"""The encoders that ship: whose data, what they are for, how they are measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from triptych.audit import About
from triptych.audit.tables import Table
from triptych.datasets import Windows, wisdm
from triptych.model import Model
from triptych.training import fit_heads
from triptych_studies.pretrained import ecg, motion
from triptych_studies.pretrained.training import TrainingSource

Measure = Callable[[TrainingSource, Model, frozenset[str], Path | None], dict[str, Any]]
HEADED = 8_000  # windows that heads are fitted on, at most


@dataclass(frozen=True)
class Entry:
    """What is told of one encoder, and what is measured beside its blocks."""

    summary: str
    licence: str
    data: Sequence[str]
    attribution: str
    recorded: str
    use: Sequence[str]
    limits: Sequence[str]
    channels: tuple[str, ...]
    measure: Measure
    tables: Callable[[dict[str, Any]], list[Table]]
    tags: Sequence[str] = ()
    classes: Sequence[str] = ()
    fold: Callable[[int], frozenset[str]] | None = None
    info: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def left_out(self, source: TrainingSource, number: int) -> frozenset[str]:
        """Subjects of a fold: those that the data set's own split tests, else drawn."""
        return self.fold(number) if self.fold else source.fold(number)

    def about(self, name: str, subjects: int, out: int, seconds: float, device: str) -> About:
        """What the card says beside its figures."""
        return About(
            name, self.summary, self.licence, self.data, self.attribution,
            f"{self.recorded} The shipped weights saw {subjects} subjects, all that are there.",
            "No figure is of a subject that its weights saw: a twin of the shipped weights, "
            f"trained alike without {out} of the subjects, gave them on these.",
            self.use, self.limits, f"python -m triptych_studies.pretrained {name}", seconds, device,
            self.tags,
        )  # fmt: skip

    def some(self, windows: Windows, most: int) -> Windows:
        """So many of the windows at most, drawn."""
        rows = np.random.default_rng(2).permutation(len(windows))[:most]
        return windows.take(np.sort(rows))

    def with_heads(self, model: Model, source: TrainingSource) -> Model:
        """The model with linear heads for the data's labels, if it has classes."""
        if not self.classes:
            return model
        return fit_heads(model, self.some(source.windows, HEADED), self.classes, balanced=True)


WISDM = (
    "WISDM Smartphone and Smartwatch Activity and Biometrics Dataset, G. Weiss, K. Yoneda and T. "
    "Hayajneh, IEEE Access 7:133190–133202, 2019, [doi 10.24432/C5HK59]"
    "(https://doi.org/10.24432/C5HK59), CC BY 4.0; changed: resampled, cut, learned from."
)
SILENT = "Nothing is declared under noise, another tempo or a missing axis."
WORN = (
    "A smartwatch on the dominant wrist and a phone in the trouser pocket, worn by the same "
    "subjects, 18 activities (walking to folding clothes)."
)
LIMITS = (
    "Acceleration in g, with gravity: not gain-free (a note says if data look like another unit).",
    "Students of one university, activities of three minutes on request: daily life differs.",
    "A mirrored axis is not a rotation: axes must be right-handed, as on every phone and watch.",
    "Not a medical device, and not tested for identifying people.",
)


def of_motion(
    name: str, where: str, recorded: str, limit: str, steady: str = "exactly the same"
) -> Entry:
    """An encoder of acceleration; `limit` is what holds of this one."""
    return Entry(
        summary=f"Accelerometer {where}, 20 Hz, windows of 5 s: activity, {steady} however "
        "the sensor is turned, and orientation, which turns with it.",
        recorded=recorded,
        use=(
            "Embeddings of accelerometer windows that do not change with how the sensor is worn: "
            "block activity.",
            "Own labels: `triptych.training.fit_heads(model, windows, classes)` trains heads in "
            f"seconds; `init_from: {name}` in a recipe trains the encoder on.",
        ),
        limits=(
            "Block orientation carries where gravity points, and little of a turn about the "
            "vertical. Purity of rotation, read from pairs of windows by a general probe, "
            "understates it: see *Orientation*.",
            limit,
            *LIMITS,
        ),
        licence="cc-by-4.0",
        data=("wisdm",),
        attribution=WISDM,
        channels=("acc x", "acc y", "acc z"),
        measure=motion.measure,
        tables=motion.tables,
        tags=("accelerometer", "human-activity-recognition", "rotation"),
        classes=wisdm.ACTIVITIES,
    )


ENTRIES: dict[str, Entry] = {
    "ecg-1lead": Entry(
        summary="Any single lead of an ECG, 100 Hz, windows of 3 s: morphology whatever the shift, "
        "gain, noise and wander; timing; detail.",
        licence="odc-by",
        data=("mitdb",),
        attribution="MIT-BIH Arrhythmia Database 1.0.0, G. B. Moody and R. G. Mark, IEEE Eng. in "
        "Med. and Biol. 20(3):45–50, 2001, [doi 10.13026/C2F305](https://doi.org/10.13026/C2F305"
        "), on PhysioNet, Open Data Commons Attribution License 1.0; changed: resampled, "
        "filtered, cut, learned from.",
        recorded="Holter recordings of 44 half hours, leads MLII and V1 to V5.",
        use=(
            "Embeddings of single-lead ECG windows: a recording of several leads is embedded lead "
            "by lead, by one command or in a loop.",
            "Search by morphology, probes and heads for own labels "
            "(`triptych.training.fit_heads`), `init_from: ecg-1lead` in a recipe.",
        ),
        limits=(
            "Windows of 3 s only: where the beats stand is read from a map of fixed length.",
            "Gain-free: windows are standardised, so that amplitudes in mV are not known.",
            "44 recordings of one hospital: other devices and paced rhythms were not seen.",
            "Intervals between beats tell atrial fibrillation far better than these latents do: "
            "take RR features for rhythm.",
            "Not a medical device; a probe's figures here are no diagnosis.",
        ),
        channels=("ECG",),
        measure=ecg.measure,
        tables=ecg.tables,
        tags=("ecg", "arrhythmia", "phase-shift"),
        fold=ecg.fold,
        info={"each_channel": True},
    ),
    "imu-wrist": of_motion(
        "imu-wrist",
        "on the wrist",
        "A smartwatch on the dominant wrist, 18 activities (walking to folding clothes).",
        "On a phone on the waist it is 3 points below the same network trained from scratch on 200 "
        "labelled windows; in the pocket, neither is shown to be better. " + SILENT,
    ),
    "imu-phone": of_motion(
        "imu-phone",
        "of a phone in the pocket",
        "A phone in the trouser pocket, 18 activities (walking to folding clothes).",
        "What hands do is hardly seen in the pocket: it is for gait, stairs and rest. " + SILENT,
    ),
    "imu-any": of_motion(
        "imu-any",
        "on the wrist or in the pocket",
        WORN,
        "Over both places together fewer activities are told than on the wrist alone by imu-wrist. "
        + SILENT,
    ),
    "imu-any-learned": of_motion(
        "imu-any-learned",
        "on the wrist or in the pocket",
        WORN,
        "The invariance to rotation is learned, not guaranteed: 43 % of the answers of a probe "
        "change when the sensor is turned. Take imu-any where that matters. In 8 bits the "
        "invariance to gain is lost.",
        steady="nearly the same",
    ),
}
