"""ECG windows that start at another moment: MIT-BIH, DS1 against DS2, or a simulated cohort."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from triptych import InputError, datasets
from triptych.datasets import Dataset, mitdb, preprocess, random_windows, simulated
from triptych.metrics import between_groups, cosine, separation
from triptych_studies import probe_matrix
from triptych_studies.base import Cell, Options
from triptych_studies.scores import Scores
from triptych_studies.tasks import phase_probes as probes
from triptych_studies.tasks.base import Sides, Task, Trained
from triptych_studies.tasks.phase_probes import TIMED
from triptych_studies.tasks.phase_windows import (
    MAX_SHIFT_S,
    RATE,
    TEST,
    MeasuredWindows,
    measured_windows,
)

WINDOWS = {"smoke": 30, "quick": 400, "full": 600}  # per training record
# So many that a cell trains within the budget on two idle cores; no clock cuts a training short.
EPOCHS = {"smoke": 1, "quick": 4, "full": 16}


@dataclass(frozen=True, kw_only=True)
class MitdbPhase(Task):
    """Windows of 1 s at random positions; the nuisance is a shift of up to 250 ms."""

    kind: ClassVar[str] = "ecg"
    title: ClassVar[str] = "ecg-phase"
    trials: ClassVar[int] = 8
    limits: ClassVar[dict[str, float]] = {"phase_shift": MAX_SHIFT_S}
    metrics: ClassVar[Mapping[str, str]] = {
        "cosine_75ms": "↑ mean cos(z(x), z(x shifted by ±75 ms)) over test windows",
        "cosine_mean": "↑ the same, mean over shifts of ±12.5, ±25, … ±250 ms",
        "cosine_random": "↓ mean cosine between windows of different subjects",
        "separation": "↑ AUROC of cosine: (x, shifted x) against pairs from different subjects; "
        "shift uniform within ±250 ms",
        "record_p10": "↑ shifted query against the unshifted gallery: share of the same record "
        "among the 10 nearest, windows within 5 s of the query removed",
        "class_p10": "↑ the same for the AAMI class of the nearest beat, the query's own record "
        "removed; macro over classes with at least 50 gallery windows in other records",
        "sbd_recall10": "↑ overlap of the 10 nearest latents with the 10 nearest windows by "
        "shape-based distance, unshifted queries",
        "phase_r2_variant": "↑ R² of the shift read by fixed probes from the variant block of both "
        "windows, on records that the probe has not seen",
        "phase_within_20ms": "↑ share of pairs whose shift is so read to within 20 ms",
        "phase_r2_invariant": "↓ R² of the shift so read from the invariant block (whole latent "
        "where a method has no blocks); at most 0 means that nothing is read",
        "phase_abs_r2_invariant": "R² of the size of the shift, read from the same latents",
        "mse": "↓ reconstruction error of unshifted standardised test windows (exact rows: of "
        "their front-end's output)",
        "beat_f1": "↑ linear probe on frozen latents (all blocks), trained on training subjects: "
        "macro F1 over N, S, V",
        "beat_f1:F": "the same probe's F1 on fusion beats (nearly one subject)",
        "beat_auroc": "↑ its one-against-rest AUROC, macro over N, S, V",
        **probe_matrix.metrics("phase", "the shift"),
        "probe matrix, phase": "R² of the shift, as in phase_r2_variant, block by block",
        "probe matrix, class": "N, S or V, on the test windows of beat_f1: linear probe fitted on "
        "half of the test subjects, scored on the others",
        "probe matrix, identity": "the record, as in record_gap, on the gallery",
        "probe matrix, heart rate": "R² of beats per minute, from the annotated beats within 5 s "
        f"of the window's centre, on {TIMED:,} gallery windows",
        "record_gap": "↑ how well the record is read (balanced accuracy above chance, 0 to 1: "
        "linear probe fitted on the first half in time of each test record, scored on the second, "
        "30 s gap) from the invariant block, minus the same from the variant block",
        "cosine_mean@circular": "cosine under circular shifts, where exact rows are exact",
        "record_p10@projector": "record_p10 of SimCLR's latents after its projector",
        "cosine_75ms@projector": "cosine_75ms of SimCLR's latents after its projector",
        "cosine_random@projector": "cosine_random of SimCLR's latents after its projector",
    }

    train: datasets.Windows
    validation: datasets.Windows
    test: MeasuredWindows

    @classmethod
    def load(cls, data: Path | None, options: Options) -> Self:
        """Read and split the recordings; cut every window that any method needs."""
        cohort = _read(options.dataset or "mitdb", data, options.budget)
        split = simulated.split if "simulated" in cohort.name else mitdb.split
        train, validation, test = split(cohort)
        if options.budget == "smoke":
            test = test.select(names=test.names[:8])
        count, cut = WINDOWS[options.budget], (1.0, MAX_SHIFT_S)
        return cls(
            data_name=cohort.name,
            fingerprint=cohort.fingerprint,
            simulated="simulated" in cohort.name,
            notes=cohort.notes,
            options=options,
            train=random_windows(train, count, *cut, seed=1),
            validation=random_windows(validation, max(20, count // 2), *cut, seed=2),
            test=measured_windows(train, validation, test, options.budget),
            channels=("ECG",),
        )

    def sides(self, cell: Cell) -> Sides:
        """The same for every cell; what is measured has windows of its own."""
        del cell
        return Sides(self.train, self.validation, self.test.sweep)

    def recipe(self, seed: int) -> dict[str, Any]:
        """A variational autoencoder, plainly trained."""
        return {
            "data": {"name": self.data_name, "per_recording": WINDOWS[self.budget]},
            "transforms": [{"name": "phase_shift", "max_shift": MAX_SHIFT_S, "mode": "crop"}],
            "latent": [{"name": "latent", "size": 128}],
            "encoder": {"name": "conv", "front_end": "standardize", "widths": [32, 64, 96, 128]},
            "decoder": True,
            "objective": {"name": "plain"},
            "weights": {"kl": 3e-4},
            "training": {
                "epochs": EPOCHS[self.budget],
                "batch": 128,
                "learning_rate": 4e-3,
                "seed": seed,
                "patience": 4,
            },
        }

    def terms(self, recipe: Mapping[str, Any]) -> dict[str, Any]:
        """How many windows are measured."""
        del recipe
        return {"test": TEST[self.budget]}

    @staticmethod
    def blocks(relation: str, sizes: tuple[int, int] = (32, 16)) -> list[dict[str, Any]]:
        """SCL's three blocks; `sizes` of the invariant and the variant one, of 128."""
        morphology, timing = sizes
        return [
            {"name": "morphology", "size": morphology, "invariant_to": ["phase_shift"]},
            {"name": "timing", "size": timing, f"{relation}_to": ["phase_shift"]},
            {"name": "detail", "size": 128 - morphology - timing},
        ]

    def measure(self, trained: Trained, cell: Cell, scores: Scores) -> None:
        """Invariance, retrieval, what blocks know of the shift, beats, reconstruction."""
        test, model, schema = self.test, trained.model, trained.model.schema
        scores.count(test.sweep.subject)
        inside = tuple(block.name for block in schema.invariant("phase_shift")) or schema.names
        related = schema.variant("phase_shift") + schema.equivariant("phase_shift")
        outside = tuple(block.name for block in related)

        def blocks(x: Tensor) -> Mapping[str, Tensor]:
            return model.embed(x)

        def invariant(x: Tensor) -> Tensor:
            return schema.select(model.embed(x).all, inside)

        def everything(x: Tensor) -> Tensor:
            return model.embed(x).all

        gallery = probes.gallery_latents(invariant, test)
        if scores.sound(" + ".join(inside), *gallery):
            probes.measure_invariance(invariant, gallery, test, scores)
            probes.measure_circular(invariant, test, scores)
            probes.measure_retrieval(gallery, test, scores)
        phase = probes.measure_phase(blocks, inside, outside, test, scores)
        if cell.first:
            probes.measure_matrix(blocks, schema, phase, test, scores)
        probes.measure_beats(everything, test, scores)
        if scores.wanted("blocks"):
            probes.measure_blocks(blocks, test, scores)
        if model.decoder is not None and trained.epochs:
            probes.measure_reconstruction(model.reconstruct, model.front_end, test, scores)
        projector = trained.projector
        if projector is not None and not isinstance(projector, nn.Identity):
            probes.measure_projected(everything, projector, test, scores)
        if scores.wanted("showcase"):
            scores.artifacts["showcase"] = test.showcase

    def scored(self, trained: Trained) -> dict[str, float]:
        """``separation`` and, with a decoder, ``mse`` on validation subjects."""
        windows, shift, model = self.validation, self.test.shift, trained.model
        names = tuple(b.name for b in model.schema.invariant("phase_shift")) or model.schema.names

        def invariant(x: Tensor) -> Any:
            return model.schema.select(model.embed(x).all, names).numpy()

        theta = shift.sample(len(windows), torch.Generator().manual_seed(0))
        z, moved = invariant(windows.centred), invariant(shift.apply(windows.signals, theta))
        between = between_groups(z, windows.subject, seed=0)
        found = {"separation": separation(cosine(z, moved), between)}
        if model.decoder is not None:
            with torch.no_grad():
                target = model.front_end(windows.centred)
            error = (model.reconstruct(windows.centred) - target).square().mean()
            found["mse"] = float(error)
        return found

    @staticmethod
    def total(scores: Mapping[str, float], plain: Sequence[Mapping[str, float]]) -> float:
        """`separation` − mse / plain's lowest mse; without a decoder `separation` alone."""
        reference = min(each["mse"] for each in plain)
        return scores["separation"] - scores.get("mse", 0.0) / reference


def _read(name: str, data: Path | None, budget: str) -> Dataset:
    if name == "mitdb":
        loaded = datasets.load("mitdb", data)
    elif name == "simulated":
        people = 12 if budget == "smoke" else 40
        loaded = datasets.load("simulated", kind="ecg", people=people)
    else:
        raise InputError(f"ecg-phase has no data set {name!r}; it runs on mitdb or simulated")
    return loaded.map(lambda recording: preprocess(recording, RATE, 0.5, 40.0))
