"""Figures of the encoders of motion: activities that were trained near, and two sets never seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from triptych import datasets
from triptych.audit.tables import Table, Value, number
from triptych.datasets import Dataset, Windows, cut, preprocess, wisdm
from triptych.model import Model
from triptych.transforms import Rotation
from triptych_studies.pretrained.probing import DRAWS, ProbeSides, against_scratch, probe_figures
from triptych_studies.pretrained.training import TrainingSource

TURNED = Rotation()
UNSEEN: dict[str, tuple[str, dict[str, Any]]] = {
    "phone-5": ("wisdm", dict(wisdm.PRESETS["phone-5"])),
    "hapt-6": ("hapt", {"classes": 6, "sensors": ("acc",)}),
}
"""Tasks whose labels no weights saw; of WISDM's phones only subjects whom the twin did not see."""


def measure(
    source: TrainingSource, twin: Model, out: frozenset[str], data: Path | None
) -> dict[str, Any]:
    """Probes of the held-out subjects, and frozen against from scratch on the unseen tasks."""
    inside, every = twin.schema.invariant_to_all, twin.schema.names
    own = ProbeSides.of(*source.split(out), TURNED)
    found: dict[str, Any] = {
        "probes": {
            " + ".join(blocks): probe_figures(twin, blocks, own) for blocks in (inside, every)
        },
        "probe_classes": len(own.classes),
        "unseen": {},
    }
    trained = frozenset(source.windows.subject.tolist()) - out
    for name, (named, options) in UNSEEN.items():
        dataset = datasets.load(named, data, **options)
        form = twin.preprocessing
        dataset = dataset.map(lambda each, form=form: preprocess(each, form))
        sides = _sides(dataset, form.length / form.rate, trained if named == "wisdm" else None)
        found["unseen"][name] = against_scratch(twin, inside, sides, source.recipe)
    return found


def _sides(dataset: Dataset, length_s: float, seen: frozenset[str] | None) -> ProbeSides:
    """Windows of subjects who train probes, and of others who test; the weights saw none of these.

    With `seen` (subjects of the twin's training) the others test; else a fifth that is drawn.
    """
    long = [each for each in dataset.recordings if each.duration_s > length_s]
    windows: Windows = cut(long, length_s, starts=length_s / 2)
    subjects = np.unique(windows.subject)
    if seen is None:
        tests = np.random.default_rng(0).permutation(subjects)[: max(2, round(len(subjects) / 5))]
    else:
        tests = np.array([each for each in subjects if each not in seen])
    tested = np.isin(windows.subject, tests)
    return ProbeSides.of(windows.take(~tested), windows.take(tested), TURNED)


def tables(found: dict[str, Any]) -> list[Table]:
    """The figures as the card prints them."""
    rows: list[tuple[Value, ...]] = []
    for blocks, each in found["probes"].items():
        scores = [each[f"probe{side}@{share}%"] for share in DRAWS for side in ("", "_moved")]
        rows.append((Value(blocks), *(Value(number(s)) for s in (*scores, each["consistency"]))))
    sides = [f"{share} %{side}" for share in DRAWS for side in (", as worn", ", turned")]
    note = (
        f"Macro F1 of {found['probe_classes']} activities by a linear probe on the frozen blocks, "
        "with this share of the training subjects' labels; turned: every test window under one "
        "uniform rotation. Consistency: share of test windows whose class stays when turned."
    )
    first = Table(
        ("blocks", *sides, "consistency"), tuple(rows), "Activities of held-out subjects", note
    )
    lines: list[tuple[Value, ...]] = []
    for name, each in found["unseen"].items():
        gain = each["accuracy_gain"]
        interval = f"{number(gain['low'])} to {number(gain['high'])}"
        lines.append(
            (
                Value(name), Value(str(each["windows"])), Value(number(each["frozen"])),
                Value(number(each["scratch"])), Value(number(gain["mean"]), interval),
                Value(f"{each['scratch_seconds']:.0f} s"),
            )
        )  # fmt: skip
    head = ("task", "labelled windows", "frozen", "scratch", "accuracy gained", "scratch takes")
    note = (
        "Macro F1 of turned test windows, 10 % of the labels: a probe on the frozen invariant "
        "blocks, and the same network trained from scratch on these labels under rotations. "
        "Accuracy gained: with its 95 % interval over test subjects."
    )
    return [first, Table(head, tuple(lines), "Tasks that the weights never saw", note)]
