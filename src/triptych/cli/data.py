"""`triptych data`: which data sets there are, downloading them, checking them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from triptych.cli.options import Data, Format
from triptych.cli.own import reads_own
from triptych.cli.show import progress, say, say_json, show_rows


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    group = typer.Typer(
        help="List, download and check data sets; list pretrained models.", no_args_is_help=True
    )
    group.command("list", epilog="Example: triptych data list")(list_sets)
    group.command(epilog="Example: triptych data fetch mitdb --to recordings")(fetch)
    group.command(epilog="Example: triptych data check recordings/ --rate 50")(check)
    app.add_typer(group, name="data")


def list_sets(output: Format = "text") -> None:
    """List the data sets that triptych knows, where they lie, and the pretrained models."""
    from triptych import datasets
    from triptych.datasets.download import lacking
    from triptych.errors import InputError
    from triptych.model import hub

    rows: list[tuple[str, str, str]] = []
    models = [(name, hub.summary(name)) for name in hub.names()]
    for name in datasets.names():
        try:
            where = {"simulated": "made when needed", "folder": "any folder or file"}.get(name)
            if where is None:
                folder = datasets.locate(name)
                missing, of = lacking(name, folder)
                told = f" (lacks {missing} of {of} files: triptych data fetch {name})"
                where = f"{folder}{told if missing else ''}"
        except InputError:
            where = f"not here (triptych data fetch {name})"
        rows.append((name, datasets.summary(name), where))
    if output == "json":
        every = [*rows, *((name, what, "shipped: a pretrained model") for name, what in models)]
        say_json([{"name": name, "summary": what, "place": where} for name, what, where in every])
        return
    show_rows(("name", "what it is", "where it lies"), rows, right=())
    if models:
        show_rows(("pretrained model", "what it is"), models, right=())


def fetch(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the data set.")],
    to: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Where to; default $TRIPTYCH_DATA, else the user's cache."
        ),
    ] = None,
) -> None:
    """Download a data set from its official address, checksums verified."""
    from triptych import datasets

    with progress(f"downloading {name}") as show:
        folder = datasets.fetch(name, to, progress=lambda file, done, of: show(done, of))
    say(f"{name} is complete in {folder}.")


@reads_own
def check(
    data: Data,
    own: dict[str, Any],
    output: Format = "text",
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Every place that is meant, not three examples.")
    ] = False,
) -> None:
    """Check that data are complete and sound; exit code 1 if they are not."""
    from triptych import datasets

    name, place = datasets.named(data)
    report = datasets.check(place, name, verbose=verbose, **own)
    if output == "json":
        say_json(report.to_dict())
    else:
        say(str(report))
    if not report.ok:
        raise typer.Exit(1)
