"""Figures of the encoders of motion: activities that were trained near, and two sets never seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from triptych import datasets
from triptych.audit.tables import Table, Value, number
from triptych.datasets import Dataset, Windows, cut, preprocess, wisdm
from triptych.metrics import cosine, direction_probe
from triptych.model import Model
from triptych.transforms import Rotation
from triptych_studies.pretrained.probing import DRAWS, ProbeSides, against_scratch, probe_figures
from triptych_studies.pretrained.training import TrainingSource

TURNED = Rotation()
READ = 800  # windows of which orientation is read
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
        "orientation": orientation(twin, source.split(out)[1]),
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


def orientation(twin: Model, unseen: Windows) -> dict[str, float]:
    """How an equivariant block turns, and what each block knows of gravity in turned windows.

    ``turned_back``: mean cosine of the block of a turned window and of the same window's block
    turned by the same rotation (`others`: of another window's). ``gravity@block``: mean angle in
    degrees between gravity and the direction that is read by `metrics.direction_probe`, fitted on
    every other subject and scored on those between them; a guess has 90.
    """
    unseen = unseen.take(np.random.default_rng(0).permutation(len(unseen))[:READ])
    x = unseen.centred
    theta = TURNED.sample(len(x), torch.Generator().manual_seed(0))
    moved = TURNED.apply(x, theta)
    before, after = twin.embed(x), twin.embed(moved)
    gravity = functional.normalize(moved[:, :3].mean(dim=2), dim=1)
    half = np.isin(unseen.subject, np.unique(unseen.subject)[::2])
    fitted = torch.as_tensor(half)
    found: dict[str, float] = {}
    for block in twin.schema.equivariant(TURNED.name):
        vectors = before[block.name].reshape(len(x), -1, 3).transpose(1, 2)
        z = TURNED.apply(vectors, theta).transpose(1, 2).flatten(1)
        found["turned_back"] = float(cosine(z, after[block.name]).mean())
        other = after[block.name].roll(len(z) // 2, 0)
        found["turned_back_others"] = float(cosine(z, other).mean())
    for name, z in after.items():
        read = direction_probe(
            z[fitted], gravity[fitted], unseen.subject[half], z[~fitted], gravity[~fitted]
        )
        found[f"gravity@{name}"] = float(read.per_row.mean())
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
    told = found["orientation"]
    read = [(name, f"gravity@{name}") for name in ("orientation", "activity", "detail")]
    turned = Table(
        ("turned back", "beside others", *(f"gravity by {name}" for name, _ in read)),
        (
            (
                Value(number(told["turned_back"])), Value(number(told["turned_back_others"])),
                *(Value(f"{told[key]:.1f} degrees") for _, key in read),
            ),
        ),
        "Orientation",
        "Turned back: mean cosine of the orientation block of a turned window and of the block of "
        "the same window turned by the same rotation; beside others: of another window. Gravity: "
        "mean angle between its direction in a turned window and the one read from a block, of "
        "subjects whom neither twin nor probe saw; a guess has 90 degrees.",
    )  # fmt: skip
    head = ("task", "labelled windows", "frozen", "scratch", "accuracy gained", "scratch takes")
    note = (
        "Macro F1 of turned test windows, 10 % of the labels: a probe on the frozen invariant "
        "blocks, and the same network trained from scratch on these labels under rotations. "
        "Accuracy gained: with its 95 % interval over test subjects."
    )
    return [first, turned, Table(head, tuple(lines), "Tasks that the weights never saw", note)]
