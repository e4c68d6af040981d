"""`triptych train`: a model from a recipe."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from triptych.cli.options import Device
from triptych.cli.own import reads_own
from triptych.cli.show import note, say
from triptych.counts import counted
from triptych.files import readable

if TYPE_CHECKING:
    from triptych.training import Fitted, Prepared, Recipe


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog="Example: triptych train --example > recipe.yaml, change it, then: "
        "triptych train recipe.yaml --data recordings --out model"
    )(train)


def _example(asked: bool) -> None:
    if asked:
        say(files("triptych.cli").joinpath("example.yaml").read_text(encoding="utf-8").rstrip())
        raise typer.Exit


@reads_own
def train(
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE.yaml", help="What to train, and how.")],
    out: Annotated[Path, typer.Option(metavar="MODEL_DIR", help="Folder for the model.")],
    own: dict[str, Any],
    changes: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="KEY=VALUE",
            help="Changes of the recipe, e.g. training.epochs=3 data.high=null.",
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on after the last finished epoch in MODEL_DIR.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the model that is in MODEL_DIR.")
    ] = False,
    data: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder of the data, if the recipe does not say."),
    ] = None,
    device: Device = "auto",
    strategy: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="ddp: in all processes that torchrun or srun started; auto: in this one alone.",
        ),
    ] = "auto",
    example: Annotated[
        bool,
        typer.Option(
            "--example", callback=_example, is_eager=True, help="Print a recipe to start from."
        ),
    ] = False,
) -> None:
    """Train a model from a recipe; it can be interrupted and resumed."""
    from triptych.training import Recipe, fit, prepare
    from triptych.training.keeper import claimed
    from triptych.training.trainer import process_rank

    plan = Recipe.read(recipe, [readable(each) for each in changes or ()], own)
    rank = process_rank() if strategy != "auto" else 0
    with claimed(out, resume=resume, overwrite=overwrite, rank=rank):
        prepared = prepare(plan, data)
        note(prepared.notes)
        train, validation = prepared.train, prepared.validation
        say(
            f"Training {plan.name}: {plan.objective.name} on {prepared.title}, "
            f"{_count(train)} for training and {_count(validation)} for validation, at most "
            f"{counted(plan.training.epochs, 'epoch')}{_teachers(plan)}."
        )
        try:
            fitted = fit(
                plan,
                train,
                validation,
                out=out,
                resume=resume,
                device=device,
                strategy=strategy,
                channels=prepared.channels,
                info=_origin(prepared),
                redraw=prepared.redraw,
            )
        except KeyboardInterrupt as stop:
            raise KeyboardInterrupt(
                f"interrupted; finished epochs are kept in {out}: run the same command with "
                "--resume to go on"
            ) from stop
    say(
        f"{counted(fitted.epochs, 'epoch')} in {fitted.seconds:.0f} s; the weights of epoch "
        f"{fitted.best_epoch} are kept (validation {plan.training.monitor or 'loss'} "
        f"{fitted.best_validation:.4g})."
    )
    note(_silent(fitted, fitted.model.schema.names))
    say(f"The model is in {out}; `triptych explain {out}` says what it is.")


def _origin(prepared: Prepared) -> dict[str, Any]:
    """What is saved with the model about its data and its making."""
    from importlib.metadata import version

    from triptych import __version__

    sides = {"train": prepared.train, "validation": prepared.validation}
    counts = {
        side: {"subjects": len(set(each.subject)), "windows": len(each)}
        for side, each in sides.items()
    }
    return {
        "data": {
            "title": prepared.title,
            "fingerprint": prepared.fingerprint,
            "notes": list(prepared.notes),
            **counts,
        },
        "versions": {"triptych": __version__, "torch": version("torch")},
    }


def _silent(fitted: Fitted, blocks: Sequence[str]) -> list[str]:
    """Blocks that ended at their null vector for every window, and what to do about it."""
    kept = fitted.history[fitted.best_epoch - 1]
    side = "validation" if any(name.startswith("validation/") for name in kept) else "train"
    names = [block for block in blocks if kept.get(f"{side}/null/{block}", 0) >= 1]
    return [
        f"block {name!r} is null for every window, so it says nothing: its null_radius is more "
        "than the training can overcome; lower it"
        for name in names
    ]


def _teachers(plan: Recipe) -> str:
    names = " and ".join(each.name for each in plan.teachers.values())
    words = {0: "", 1: f"; its teacher, {names}, comes first"}
    return words.get(len(plan.teachers), f"; its teachers, {names}, come first")


def _count(windows: Any) -> str:
    subjects = counted(len(set(windows.subject)), "subject")
    return f"{counted(len(windows), 'window')} of {subjects}"
