"""`triptych evaluate`: how right a model's predictions are, and whether they stay."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from triptych.cli.options import Data, Format, Head, ModelDir, Seed, Step
from triptych.cli.own import reads_own
from triptych.cli.show import note, progress, say, say_json, show_table


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: triptych evaluate model recordings --by device")(evaluate)


@reads_own
def evaluate(
    model: ModelDir,
    data: Data,
    own: dict[str, Any],
    head: Head = None,
    by: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN", help="Figures for each value of this column of recordings.csv, too."
        ),
    ] = None,
    step: Step = None,
    seed: Seed = 0,
    output: Format = "text",
) -> None:
    """Compare predictions with labels: accuracy, and consistency under the model's nuisances.

    With intervals over subjects, per subject, per label and, with --by, per condition.
    """
    from triptych.audit import evaluate as evaluated
    from triptych.audit.evaluating import head_of
    from triptych.audit.sources import data_for, seen_before, windows_of
    from triptych.audit.sweep import transform_for
    from triptych.model import Model

    loaded = Model.from_pretrained(model)
    head_of(loaded, head)
    transforms = [transform_for(loaded, name) for name in loaded.schema.transforms]
    source = data_for(loaded, data, own)
    windows = windows_of(source, loaded.preprocessing, step)
    around = windows_of(source, loaded.preprocessing, step, transforms)
    said = [*source.notes, *seen_before(loaded, source)]
    chosen: dict[str, Any] = {"head": head, "by": by, "seed": seed, "transforms": transforms}
    with progress("evaluating") as show:
        result = evaluated(
            loaded, windows, around, data=source.title, notes=said, progress=show, **chosen
        )
    note(result.notes)
    if output == "json":
        say_json(result.to_dict())
        return
    say(result.sentence)
    for table in result.tables():
        show_table(table)
