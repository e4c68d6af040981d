"""Activities by a sensor that is worn turned: the motion tasks of the benchmark."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from torch import Tensor
from torch.nn import functional

from triptych import datasets
from triptych.datasets import Dataset, Windows, cut, preprocess, wisdm
from triptych_studies.tasks.benchmark import BenchmarkTask

HAAR: Mapping[str, Any] = {"name": "rotation"}
# A row that learns to ignore rotations alone tells windows by their noise and pace.
VARIED: tuple[Mapping[str, Any], ...] = (
    {"name": "noise_snr"},
    {"name": "gain"},
    {"name": "time_scale"},
    {"name": "channel_dropout"},
)
NEAR_S = 10.0  # a view lies that close to its window: what lasts is what is learned
NEAR: Mapping[str, Any] = {"name": "phase_shift", "max_shift": NEAR_S}


class Motion(BenchmarkTask):
    """Windows with gravity, overlapping by half; the nuisance is a rotation, Haar-uniform."""

    nuisance: ClassVar[tuple[Mapping[str, Any], ...]] = (HAAR,)
    varied: ClassVar[tuple[Mapping[str, Any], ...]] = VARIED
    main: ClassVar[str] = "rotation"
    front_end: ClassVar[Any] = "second_order"
    exact: ClassVar[Any] = "rotation_invariants"
    encoder: ClassVar[Mapping[str, Any]] = {
        "widths": [48, 64, 96, 96],
        "kernels": [9, 5, 5, 3],
        "strides": [2, 2, 2, 1],
        "dropout": 0.2,
    }
    source: ClassVar[tuple[str, Mapping[str, Any]]]
    rate: ClassVar[float] = 20.0
    length_s: ClassVar[float] = 5.0
    context_s: ClassVar[float] = 0.0

    @classmethod
    def read(cls, data: Path | None) -> tuple[Dataset, Windows]:
        """Recordings at the task's rate; those too short for a window are left out."""
        name, options = cls.source
        dataset = datasets.load(name, data, **options)
        dataset = dataset.map(lambda each: preprocess(each, cls.rate, None, None))
        whole = cls.length_s + 2 * cls.context_s + 2 / cls.rate
        long = [each for each in dataset.recordings if each.duration_s >= whole]
        return dataset, cut(long, cls.length_s, cls.context_s, starts=cls.length_s / 2)

    def carried(self, windows: Windows, part: Any, theta: Tensor) -> tuple[Tensor, bool]:
        """The direction of gravity in the turned window, read from that alone."""
        return gravity(windows, part, theta), False


def gravity(windows: Windows, part: Any, theta: Tensor) -> Tensor:
    """Unit vectors `(n, 3)` of where gravity points in the first sensor of turned windows."""
    mean = windows.centred[:, :3].mean(dim=2, keepdim=True)
    return functional.normalize(part.apply(mean, theta)[:, :, 0], dim=1)


class Worn(Motion):
    """Motion of WISDM, long enough for views of neighbours in time."""

    varied: ClassVar[tuple[Mapping[str, Any], ...]] = (NEAR, *VARIED)
    context_s: ClassVar[float] = NEAR_S


class Watch18(Worn):
    """A watch, 18 activities, windows of 5 s at 20 Hz."""

    title: ClassVar[str] = "watch-18"
    source: ClassVar[tuple[str, Mapping[str, Any]]] = ("wisdm", wisdm.PRESETS["watch-18"])


class Watch18Harnet(Watch18):
    """The same as harnet was tested: windows of 10 s at 30 Hz, macro F1 (`probe`)."""

    title: ClassVar[str] = "watch-18@harnet"
    rate: ClassVar[float] = 30.0
    length_s: ClassVar[float] = 10.0


class Phone5(Worn):
    """A phone in the pocket, walking, jogging, stairs, sitting, standing."""

    title: ClassVar[str] = "phone-5"
    source: ClassVar[tuple[str, Mapping[str, Any]]] = ("wisdm", wisdm.PRESETS["phone-5"])


class Hapt6(Motion):
    """A phone on the waist, accelerometer and gyroscope, windows of 2.56 s at 50 Hz."""

    title: ClassVar[str] = "hapt-6"
    source: ClassVar[tuple[str, Mapping[str, Any]]] = ("hapt", {"classes": 6})
    rate: ClassVar[float] = 50.0
    length_s: ClassVar[float] = 2.56


class HaptComposite(Hapt6):
    """The same under a time shift, a gain and a rotation together, tested beyond the training."""

    title: ClassVar[str] = "hapt-composite"
    exact: ClassVar[Any] = {"name": "rotation_invariants", "per_gravity": True}
    nuisance: ClassVar[tuple[Mapping[str, Any], ...]] = (
        {"name": "phase_shift", "max_shift": 0.25},
        {"name": "gain", "max_gain": 2.0},
        {"name": "rotation", "kind": "tilt", "max_angle": 60.0},
    )
    tested: ClassVar[tuple[Mapping[str, Any], ...]] = (
        {"name": "phase_shift", "max_shift": 0.5},
        {"name": "gain", "max_gain": 4.0},
        HAAR,
    )
    context_s: ClassVar[float] = 0.5
