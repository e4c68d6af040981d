"""The ECG phase study: whether a window that starts a little later keeps its embedding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from triptych import InputError, datasets
from triptych.audit.tables import spanned
from triptych.datasets import Dataset, preprocess, random_windows
from triptych.datasets import mitdb as mitdb_module
from triptych.datasets import simulated as simulated_module
from triptych.model import Model
from triptych_studies import ecg_measures as measures
from triptych_studies import ecg_trials, glass
from triptych_studies.base import Budget, Cell, CellResult, Options, Progress, Study
from triptych_studies.ecg_recipes import ABLATIONS, MAX_SHIFT_S, METHODS, RATE, WINDOWS, recipe_of
from triptych_studies.ecg_trials import train
from triptych_studies.ecg_windows import TEST, EcgData, measured_windows
from triptych_studies.scores import Scores


class EcgPhase(Study[EcgData]):
    """SCL and its rivals under a phase shift, on MIT-BIH or on a simulated cohort."""

    name: ClassVar[str] = "ecg-phase"
    title: ClassVar[str] = "ECG phase study"
    figures: ClassVar[str] = "ecg_figures"
    methods: ClassVar[tuple[str, ...]] = METHODS
    ablations: ClassVar[Mapping[str, Mapping[str, Any]]] = ABLATIONS
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
    metrics: ClassVar[Mapping[str, str]] = {
        "cosine_75ms": "↑ mean cos(z(x), z(x shifted by ±75 ms)) over test windows",
        "cosine_mean": "↑ the same, mean over shifts of ±12.5, ±25, … ±250 ms",
        "cosine_random": "↓ mean cosine between windows of different people",
        "separation": "↑ AUROC of cosine: (x, shifted x) against pairs from different people; "
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
        "beat_f1": "↑ linear probe on frozen latents (all blocks), trained on training people: "
        "macro F1 over N, S, V",
        "beat_f1:F": "the same probe's F1 on fusion beats (nearly one person)",
        "beat_auroc": "↑ its one-against-rest AUROC, macro over N, S, V",
        **glass.metrics("phase", "the shift"),
        "glass box, phase": "R² of the shift, as in phase_r2_variant, block by block",
        "glass box, class": "N, S or V, on the test windows of beat_f1: linear probe fitted on "
        "half of the test people, scored on the others",
        "glass box, identity": "the record, as in record_gap, on the gallery",
        "glass box, heart rate": "R² of beats a minute, from the annotated beats within 5 s of "
        f"the window's centre, on {measures.TIMED:,} gallery windows",
        "record_gap": "↑ how well the record is told (balanced accuracy above chance, 0 to 1: "
        "linear probe fitted on the first half in time of each test record, scored on the second, "
        "30 s gap) from the invariant block, minus the same from the variant block",
        "cosine_mean@circular": "cosine under circular shifts, where exact rows are exact",
        "record_p10@projector": "record_p10 of SimCLR's latents after its projector",
        "cosine_75ms@projector": "cosine_75ms of SimCLR's latents after its projector",
        "cosine_random@projector": "cosine_random of SimCLR's latents after its projector",
    }

    def prepare(self, data: Path | None, options: Options) -> EcgData:
        """Read and split the recordings; cut every window that any row needs."""
        name = options.dataset or "mitdb"
        cohort, split = _load(name, data, options.budget)
        train, validation, test = split(cohort)
        if options.budget == "smoke":
            test = test.select(names=test.names[:8])
        budget = options.budget
        cut = (1.0, MAX_SHIFT_S)
        return EcgData(
            data_name=cohort.name,
            fingerprint=cohort.fingerprint,
            simulated="simulated" in cohort.name,
            notes=cohort.notes,
            options=options,
            train=random_windows(train, WINDOWS[budget], *cut, seed=1),
            validation=random_windows(validation, max(20, WINDOWS[budget] // 2), *cut, seed=2),
            test=measured_windows(train, validation, test, budget),
            channels=("ECG",),
        )

    def key(self, prepared: EcgData, cell: Cell) -> Mapping[str, Any]:
        """The recipe and the numbers of test windows."""
        budget = prepared.options.budget
        recipe, trials = recipe_of(cell.method, prepared.data_name, budget, cell.seed)
        return {"recipe": recipe, "trials": trials, "test": TEST[budget]}

    def compute(self, prepared: EcgData, cell: Cell, progress: Progress) -> CellResult:
        """Train one method and measure everything that it has."""
        budget = prepared.options.budget
        content, trials = recipe_of(cell.method, prepared.data_name, budget, cell.seed)
        model, projector, epochs = train(content, prepared, cell.method == "random", progress)
        progress("measuring")
        return _measured(model, projector, epochs, trials, prepared, glass.has_glass_box(cell))

    def conclude(self, results: Mapping[str, Any]) -> str:
        """Say what became of the similarity at 75 ms."""
        found = {row["method"]: row["metrics"] for row in results["summary"]}
        if not {"plain", "scl"} <= set(found):
            return ""
        plain, scl = (spanned(found[name]["cosine_75ms"]) for name in ("plain", "scl"))
        stranger = spanned(found["scl"]["cosine_random"])
        return (
            f"A window that starts 75 ms later keeps a cosine of {plain} to itself under plain "
            f"training and of {scl} in SCL's invariant block, where a stranger's window has "
            f"{stranger}."
        )

    def tune(
        self, prepared: EcgData, methods: Sequence[str], out: Path, progress: Progress
    ) -> Path:
        """Run the methods' trials on validation people; see `ecg_trials.tune`."""
        return ecg_trials.tune(prepared, methods, out, progress)


def _measured(
    model: Model,
    projector: nn.Module | None,
    epochs: int,
    trials: int,
    prepared: EcgData,
    boxed: bool,
) -> CellResult:
    test, scores = prepared.test, Scores()
    scores.count(test.sweep.person)
    schema = model.schema
    inside = tuple(block.name for block in schema.invariant("phase_shift")) or schema.names
    outside = tuple(
        block.name for block in schema.variant("phase_shift") + schema.equivariant("phase_shift")
    )

    def blocks(x: Tensor) -> Mapping[str, Tensor]:
        return model.embed(x)

    def invariant(x: Tensor) -> Tensor:
        return schema.select(model.embed(x).all, inside)

    def everything(x: Tensor) -> Tensor:
        return model.embed(x).all

    if scores.sound(" + ".join(inside), *measures.gallery_latents(invariant, test)):
        measures.measure_invariance(invariant, test, scores)
        measures.measure_circular(invariant, test, scores)
        measures.measure_retrieval(invariant, test, scores)
    phase = measures.measure_phase(blocks, inside, outside, test, scores)
    if boxed:
        measures.measure_glass_box(blocks, schema, phase, test, scores)
    measures.measure_beats(everything, test, scores)
    measures.measure_blocks(blocks, test, scores)
    if model.decoder is not None and epochs:
        measures.measure_reconstruction(model.reconstruct, model.front_end, test, scores)
    if projector is not None and not isinstance(projector, nn.Identity):
        after = Scores()

        def projected(x: Tensor) -> Tensor:
            with torch.no_grad():
                return projector(model.embed(x).all)

        if scores.sound("projector", *measures.gallery_latents(projected, test)):
            measures.measure_invariance(projected, test, after)
            measures.measure_retrieval(projected, test, scores, suffix="@projector")
            for name in ("cosine_75ms", "cosine_random"):
                scores.metrics[f"{name}@projector"] = after.metrics[name]
    return CellResult(
        metrics=scores.metrics,
        subjects=scores.by_subject(),
        parameters=sum(p.numel() for p in model.parameters()),
        epochs=epochs,
        trials=trials,
        artifacts=scores.artifacts | {"showcase": test.showcase},
    )


def _load(name: str, data: Path | None, budget: Budget) -> tuple[Dataset, Any]:
    if name == "mitdb":
        loaded, split = datasets.load("mitdb", data), mitdb_module.split
    elif name == "simulated":
        people = 12 if budget == "smoke" else 40
        loaded, split = (
            datasets.load("simulated", kind="ecg", people=people),
            simulated_module.split,
        )
    else:
        raise InputError(f"ecg-phase has no data set {name!r}; it runs on mitdb or simulated")
    return loaded.map(lambda recording: preprocess(recording, RATE, 0.5, 40.0)), split
