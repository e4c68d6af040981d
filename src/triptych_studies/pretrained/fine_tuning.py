"""Fine-tune a pretrained encoder with its structure terms on and off: what stays invariant.

``python -m triptych_studies.pretrained.fine_tuning NAME`` in a checkout. Subjects are new to the
weights; the labels of every other one of them are learned, and the rest are tested.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from triptych import InputError, datasets
from triptych.cli.show import say
from triptych.datasets import Windows, cut, event_windows, preprocess
from triptych.files import write_json
from triptych.metrics import between_groups, cosine
from triptych.metrics.result import plain
from triptych.model import Model
from triptych.training import Recipe, fit, fit_heads
from triptych.transforms import Transform
from triptych_studies.pretrained import ecg
from triptych_studies.pretrained.probing import macro_f1, under

SEEDS = (0, 1, 2)
TRAINING = {"epochs": 8, "batch": 64, "learning_rate": 5e-4, "class_weights": "balanced"}
ARMS: Mapping[str, Mapping[str, Any]] = {
    "structure on": {"weights.task": 4.0},
    "structure off": {"objective": {"name": "plain"}},
}
"""What differs from the pretrained encoder's recipe beside classes, and where weights start."""
COLUMNS = ("macro F1", "macro F1, moved", "consistency", "gap", "smallest gap")


@dataclass(frozen=True)
class NewSubjects:
    """Labelled windows of subjects whom the weights never saw."""

    nuisance: str
    max_shift: float  # s of the recipe's first transform, a crop
    windows: Callable[[Model, Path | None, float], Windows]

    def recipe(self, model: Model) -> Recipe:
        """The model's own, with this shift."""
        recipe = Recipe.of(model.info["recipe"])
        crop, *others = (each.model_dump() for each in recipe.transforms)
        crop["max_shift"] = self.max_shift
        return recipe.replace({"transforms": [crop, *others]})


def beats(model: Model, data: Path | None, context_s: float) -> Windows:
    """Beats N, S, V of DS2, both leads: for a twin that was trained without fold 0."""
    form = model.preprocessing
    found = datasets.load("mitdb", data, lead="each").map(lambda each: preprocess(each, form))
    length_s, most = form.length / form.rate, ecg.BEATS
    windows = event_windows(found, ("N", "S", "V"), most, ecg.SHIFT_S, length_s, context_s)
    return windows.take(np.isin(windows.subject, sorted(ecg.fold(0))))


def activities(model: Model, data: Path | None, context_s: float) -> Windows:
    """Six activities, a phone on the waist: no WISDM subject is in there."""
    form = model.preprocessing
    found = datasets.load("hapt", data, classes=6, sensors=("acc",))
    found = found.map(lambda each: preprocess(each, form))
    least = form.length / form.rate + 2 * context_s
    long = [each for each in found.recordings if each.duration_s > least]
    return cut(long, form.length / form.rate, context_s, starts=form.length / form.rate / 2)


TASKS = {
    "ecg-1lead": NewSubjects("phase_shift", ecg.SHIFT_S, beats),
    # in pretraining neighbours within 10 s, but an activity of HAPT lasts no longer
    "imu-wrist": NewSubjects("rotation", 1.0, activities),
}


def tuned(recipe: Recipe, model: Path | str, train: Windows, arm: str, seed: int) -> Model:
    """All weights trained on, from those of `model`, on the labels of `train`."""
    changes: dict[str, Any] = {
        **ARMS[arm], "name": arm, "init_from": str(model), "training.seed": seed,
        "classes": sorted(set(train.label.tolist())),
        **{f"training.{key}": value for key, value in TRAINING.items()},
    }  # fmt: skip
    channels = Model.from_pretrained(model).preprocessing.channels
    return fit(recipe.replace(changes), train, None, progress=False, channels=channels).model


def figures(
    model: Model, test: Windows, transforms: Mapping[str, Transform], nuisance: str
) -> dict[str, Any]:
    """Macro F1 of the invariant head, still and moved, and the invariant blocks' gaps."""
    blocks, truth, still = model.schema.invariant_to_all, test.label, test.centred
    z = model.schema.select(model.embed(still).all, blocks).numpy()
    level = float(between_groups(z, test.subject).mean())
    gaps: dict[str, float] = {}
    for seed, (name, each) in enumerate(transforms.items()):
        x = under(test, each, seed).signals
        like = cosine(z, model.schema.select(model.embed(x).all, blocks).numpy()).mean()
        gaps[name] = float((like - level) / (1 - level))
    moved = under(test, transforms[nuisance], 0).signals
    here, there = (model.predict(each)["invariant"].labels for each in (still, moved))
    return {
        "macro F1": macro_f1(here, truth), "macro F1, moved": macro_f1(there, truth),
        "consistency": float((here == there).mean()),
        "gap": gaps[nuisance], "smallest gap": min(gaps.values()), "gaps": gaps,
    }  # fmt: skip


def main(
    name: Annotated[str, typer.Argument(metavar="NAME", help=", ".join(TASKS))],
    model: Annotated[
        str | None,
        typer.Option(help="Weights that saw none of the subjects; of ecg-1lead the twin's folder."),
    ] = None,
    data: Annotated[Path | None, typer.Option(help="Folder of the data sets.")] = None,
    results: Annotated[Path, typer.Option(help="For NAME.json.")] = Path(
        "results/pretrained/fine-tuning"
    ),
    seeds: Annotated[int, typer.Option(min=1, help="How many trainings per row.")] = len(SEEDS),
) -> None:
    """Compare the frozen encoder, and all weights trained on with structure and without."""
    try:
        _compare(name, model, data, results, seeds)
    except InputError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from error


def _compare(name: str, model: str | None, data: Path | None, results: Path, seeds: int) -> None:
    if name not in TASKS or (model is None and name == "ecg-1lead"):
        raise InputError(
            f"{name} cannot be fine-tuned on new subjects; choose from {', '.join(TASKS)}, and "
            "name by --model the twin of ecg-1lead (out/pretrained/ecg-1lead/fold-0), as the "
            "shipped weights saw all subjects"
        )
    task, start = TASKS[name], model or name
    before = Model.from_pretrained(start)
    recipe = task.recipe(before)
    transforms = {each.name: each for each in recipe.make_transforms()}
    windows = task.windows(before, data, recipe.context_s)
    learned = np.isin(windows.subject, np.unique(windows.subject)[::2])
    train, test = windows.take(learned), windows.take(~learned)
    classes = sorted(set(train.label.tolist()))
    frozen = fit_heads(before, train, classes, balanced=True)
    rows = {"frozen": [figures(frozen, test, transforms, task.nuisance)]}
    for arm in ARMS:
        made = [tuned(recipe, start, train, arm, seed) for seed in range(seeds)]
        rows[arm] = [figures(each, test, transforms, task.nuisance) for each in made]
    means = {
        arm: {key: float(np.mean([one[key] for one in each])) for key in COLUMNS}
        for arm, each in rows.items()
    }
    counts = {
        f"{side}_{what}": number
        for side, each in (("train", train), ("test", test))
        for what, number in (
            ("windows", len(each)), ("subjects", len(np.unique(each.subject))),
        )
    }  # fmt: skip
    content = {"name": name, "nuisance": task.nuisance, "classes": classes, **counts,
               "training": TRAINING, "arms": ARMS, "rows": means, "seeds": rows}  # fmt: skip
    write_json(results / f"{name}.json", plain(content))
    for arm, each in means.items():
        say(f"{arm}: {', '.join(f'{key} {value:.3f}' for key, value in each.items())}")
    say(f"{counts['test_windows']} windows of {counts['test_subjects']} subjects tested.")


app = typer.Typer(pretty_exceptions_enable=False, add_completion=False)
app.command()(main)

if __name__ == "__main__":
    app(prog_name="python -m triptych_studies.pretrained.fine_tuning")
