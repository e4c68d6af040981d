"""Figures of the ECG encoder: both leads under a shift, beats, and atrial fibrillation."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from triptych import datasets
from triptych.audit.tables import Table, Value, number
from triptych.datasets import Dataset, Windows, cut, event_windows, mitdb, preprocess
from triptych.metrics import between_groups, cosine, linear_probe, macro_auroc
from triptych.model import Model
from triptych.networks import encoder
from triptych.training import Recipe, fit
from triptych.transforms import PhaseShift
from triptych_studies.pretrained.probing import (
    DRAWS,
    ProbeSides,
    probe_figures,
    share_of,
    supervised,
)
from triptych_studies.pretrained.training import TrainingSource

SHIFT_S = 0.25
BEATS = 40  # windows of a class per record and lead
PARTS = 3  # windows whose latents are put together where rhythm is told
AF = "AFIB"


def fold(number: int) -> frozenset[str]:
    """Subjects of DS2 (0) or DS1 (1), but for the man who is in both, who is left in."""
    names = (mitdb.DS2, mitdb.DS1)[number % 2]
    return frozenset(mitdb.person(each) for each in names) - {mitdb.person("202")}


def measure(
    source: TrainingSource, twin: Model, out: frozenset[str], data: Path | None
) -> dict[str, Any]:
    """Gap of each lead at both ends of the shift, probes of beats, and of atrial fibrillation."""
    form, length_s = twin.preprocessing, twin.preprocessing.length / twin.preprocessing.rate
    inside, every = twin.schema.invariant_to_all, twin.schema.names
    beats = datasets.load("mitdb", data, lead="each")
    beats = beats.map(lambda each: preprocess(each, form))
    windows = event_windows(beats, ("N", "S", "V"), BEATS, SHIFT_S, length_s, SHIFT_S)
    shift = PhaseShift(max_shift=SHIFT_S, rate=form.rate)
    sides = ProbeSides.of(*_split(windows, out), shift)
    return {
        "gap_at_250_ms": _gaps(twin, source.split(out)[1], shift),
        "probes": {
            " + ".join(blocks): probe_figures(twin, blocks, sides) for blocks in (inside, every)
        },
        "rhythm": _rhythm(twin, _rhythms(twin, data), out)
        | {"from scratch@10%": _from_scratch(source.recipe, _rhythms(twin, data, SHIFT_S), out)},
    }


def _split(windows: Windows, out: frozenset[str]) -> tuple[Windows, Windows]:
    tested = np.isin(windows.subject, sorted(out))
    return windows.take(~tested), windows.take(tested)


def _gaps(model: Model, windows: Windows, shift: PhaseShift) -> dict[str, float]:
    """Gap of the invariant block at ±250 ms, lead by lead: the lower of both ends."""
    blocks, found = model.schema.invariant_to_all, dict[str, float]()
    lead = np.array([name.rpartition(" ")[2] for name in windows.record.tolist()])
    for which in np.unique(lead).tolist():
        own = windows.take(lead == which)
        x = own.with_context(shift.context).signals
        still = model.schema.select(model.embed(own.centred).all, blocks).numpy()
        level = float(between_groups(still, own.subject).mean())
        ends: list[float] = []
        for theta in (-SHIFT_S, SHIFT_S):
            moved = model.embed(shift.apply(x, torch.full((len(x), 1), theta))).all
            like = cosine(still, model.schema.select(moved, blocks).numpy()).mean()
            ends.append(float((like - level) / (1 - level)))
        found[f"lead {which}"] = min(ends)
    return found


def _rhythms(model: Model, data: Path | None, context_s: float = 0.0) -> Windows:
    """Stretches of one annotated rhythm, as long as `PARTS` windows of the model."""
    form = model.preprocessing
    dataset: Dataset = datasets.load("mitdb", data, lead="each", rhythms=True)
    dataset = dataset.map(lambda each: preprocess(each, form))
    length_s = PARTS * form.length / form.rate
    long = [each for each in dataset.recordings if each.duration_s > length_s + 2 * context_s]
    found = cut(long, length_s, context_s, starts=length_s)
    return replace(found, label=np.where(found.label == AF, AF, "other"))


def _rhythm(model: Model, windows: Windows, out: frozenset[str]) -> dict[str, Any]:
    """AUROC of atrial fibrillation with 10 and 100 % of the labels, beside RR intervals."""
    x = windows.centred
    parts = [model.embed(each.contiguous()).all.numpy() for each in x.chunk(PARTS, dim=2)]
    rr: Any = encoder("rr", channels=1, length=x.shape[-1], rate=windows.rate)
    rr.fit(x)  # scales only
    with torch.no_grad():
        intervals = rr(x).numpy()
    rows: dict[str, NDArray[Any]] = {
        "latents": np.concatenate([np.mean(parts, axis=0), np.std(parts, axis=0)], axis=1),
        "RR intervals": intervals,
    }
    tested = np.isin(windows.subject, sorted(out))
    told, truth = windows.label[~tested], windows.label[tested]
    found: dict[str, Any] = {"windows": int(tested.sum()), "fibrillation": int((truth == AF).sum())}
    for name, z in rows.items():
        for share in (10, 100):
            scores: list[float] = []
            for draw in range(DRAWS[share]):
                few = share_of(told, share, draw)
                probe = linear_probe(z[~tested][few], told[few], z[tested], truth)
                scores.append(probe.macro_auroc)
            found[f"{name}@{share}%"] = float(np.mean(scores))
    return found


def _from_scratch(recipe: Recipe, stretches: Windows, out: frozenset[str]) -> float:
    """AUROC of fibrillation by the same network, trained on 10 % of the labels alone.

    It learns single windows under shifts, both classes weighted alike; a stretch has the mean
    probability of its windows.
    """
    around = stretches.context
    length = stretches.centred.shape[2] // PARTS
    parts = [
        replace(stretches, signals=stretches.signals[..., at : at + length + 2 * around])
        for at in range(0, PARTS * length, length)
    ]
    tested = np.isin(stretches.subject, sorted(out))
    few = np.flatnonzero(~tested)[share_of(stretches.label[~tested], 10, 0)]
    shift = PhaseShift(max_shift=SHIFT_S, rate=stretches.rate)
    train = Windows.concat([each.take(few) for each in parts])
    sides = ProbeSides.of(train, train.take(np.arange(2)), shift)
    learned = supervised(recipe, sides, 0).replace(
        {
            "transforms": [{"name": shift.name, "max_shift": SHIFT_S}],
            "training.class_weights": "balanced",
        }
    )
    model = fit(learned, train, None, progress=False).model
    told = [model.predict(each.take(tested).centred)["invariant"] for each in parts]
    truth = stretches.label[tested][:, None] == np.array(told[0].classes)
    return macro_auroc(truth, np.mean([each.probabilities.numpy() for each in told], axis=0))


def tables(found: dict[str, Any]) -> list[Table]:
    """The figures as the card prints them."""
    gaps = tuple(
        (Value(lead), Value(number(each))) for lead, each in found["gap_at_250_ms"].items()
    )
    rows: list[tuple[Value, ...]] = []
    for blocks, each in found["probes"].items():
        scores = [each[f"probe{side}@{share}%"] for share in DRAWS for side in ("", "_moved")]
        rows.append((Value(blocks), *(Value(number(s)) for s in (*scores, each["consistency"]))))
    sides = [f"{share} %{side}" for share in DRAWS for side in ("", ", shifted")]
    note = (
        "Macro F1 of beats N, S, V nearest the centre of a window, by a linear probe on the frozen "
        "blocks with this share of the training subjects' labels; shifted: by up to 250 ms."
    )
    rhythm = found["rhythm"]
    lines = tuple(
        (Value(name), *(Value(number(rhythm[f"{name}@{share}%"])) for share in (10, 100)))
        for name in ("latents", "RR intervals")
    )
    scratch = number(rhythm["from scratch@10%"])
    lines = (*lines, (Value("the same network from scratch"), Value(scratch), Value("–")))
    told = (
        f"AUROC of a linear probe over {rhythm['windows']} stretches of {PARTS} windows, "
        f"{rhythm['fibrillation']} of them in fibrillation; latents: mean and spread over the "
        "windows; RR intervals: triptych's rhythm features."
    )
    return [
        Table(
            ("lead", "gap"), gaps, "Morphology, every window shifted by 250 ms",
            "The lower of −250 ms and +250 ms; gap as above.",
        ),
        Table(("blocks", *sides, "consistency"), tuple(rows), "Beats of held-out subjects", note),
        Table(("read from", "10 %", "100 %"), lines, "Atrial fibrillation", told),
    ]  # fmt: skip
