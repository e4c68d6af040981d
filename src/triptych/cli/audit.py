"""`triptych audit`: how brittle an embedding is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from triptych.cli.options import (
    Channels,
    LabelColumn,
    PersonColumn,
    Rate,
    limits,
    numbers,
    own_options,
    pairs,
)
from triptych.cli.show import command_of, complain, note, progress, say, show_table
from triptych.errors import InputError

if TYPE_CHECKING:
    from triptych.audit.run import AuditResult


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog="Example: triptych audit model mitdb --transform phase_shift --out audit "
        "--fail-under cosine_mean=0.9 --fail-under separation=0.95"
    )(audit)


def audit(
    ctx: typer.Context,
    subject: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL_OR_EMBEDDINGS",
            help="Folder of a model, or an .npz with the arrays original (n, d), "
            "transformed (m, n, d) and theta (m,), if known also person, record and start (n,).",
        ),
    ],
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder for report, figures, table and JSON.")
    ],
    data: Annotated[
        str | None,
        typer.Argument(
            metavar="DATA",
            help="For a model: own recordings (a folder or file), or a data set: mitdb, "
            "simulated, mitdb:DIR.",
        ),
    ] = None,
    transform: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="phase_shift, rotation, ...; default the model's own."),
    ] = None,
    max_shift: Annotated[
        float | None, typer.Option(metavar="S", help="Largest phase shift, in s.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Any other setting of the transform."),
    ] = None,
    grid: Annotated[
        str | None, typer.Option(metavar="θ,θ", help="θ to sweep, in the transform's unit.")
    ] = None,
    steps: Annotated[int, typer.Option(metavar="N", help="Sizes of θ to sweep otherwise.")] = 20,
    per_record: Annotated[
        int, typer.Option(metavar="N", help="Windows of each recording, at random places.")
    ] = 50,
    seed: Annotated[int, typer.Option(metavar="N", help="Draws those places.")] = 0,
    fail_under: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="Exit with code 1 if a figure is lower: cosine_mean, cosine_lowest, "
            "cosine@0.075, separation, record_p10, half_life (can be repeated).",
        ),
    ] = None,
    rate: Rate = None,
    channels: Channels = None,
    label_column: LabelColumn = None,
    person_column: PersonColumn = None,
) -> None:
    """Measure how much an embedding changes when only a nuisance changes, and say it."""
    from triptych.audit.audit_outputs import block_tables, figure_table
    from triptych.audit.audit_result import check_limits

    at_least = limits(fail_under, "--fail-under")
    check_limits(at_least)
    wanted = pairs(settings, "--set") | ({} if max_shift is None else {"max_shift": max_shift})
    if not subject.exists():
        raise InputError(f"there is no {subject}; expected the folder of a model, or an .npz")
    if subject.is_file():
        if data or grid:
            raise InputError(f"{subject} holds latents and θ: leave DATA and --grid out")
        result = _of_embeddings(subject, transform, wanted)
    else:
        given = own_options(rate, channels, label_column, person_column)
        theta = numbers(grid, "--grid") or steps
        result = _of_model(subject, data, given, transform, wanted, theta, per_record, seed)
    report = result.save(out, command_of(ctx))
    note(result.notes)
    for table in (figure_table(result), *block_tables(result)):
        show_table(table)
    say(result.verdict)
    say(f"The report is {report} (open it in a browser).")
    if failed := result.below(at_least):
        for sentence in failed:
            complain(sentence)
        raise typer.Exit(1)


def _of_embeddings(path: Path, transform: str | None, settings: Mapping[str, Any]) -> AuditResult:
    from triptych.audit.embeddings import read_views
    from triptych.audit.run import audit_views
    from triptych.audit.sweep import transform_for

    views = read_views(path)
    return audit_views(views, transform_for(None, transform, settings), subject=path.name)


def _of_model(
    path: Path,
    data: str | None,
    given: Mapping[str, Any],
    transform: str | None,
    settings: Mapping[str, Any],
    theta: tuple[float, ...] | int,
    per_record: int,
    seed: int,
) -> AuditResult:
    import torch

    from triptych.audit.run import audit_model
    from triptych.audit.sources import fit_to, open_data, random_windows_of, seen_before
    from triptych.audit.sweep import grid_of, transform_for
    from triptych.model import Model

    model = Model.load(path)
    if data is None:
        raise InputError(f"{path} is a model, so it needs DATA to be audited on, e.g. simulated")
    chosen = transform_for(model, transform, settings)
    source = fit_to(open_data(data, given), model.preprocessing)
    windows = random_windows_of(source, model.preprocessing, chosen, per_record, seed)
    with progress("auditing") as show:
        return audit_model(
            model,
            windows,
            chosen,
            grid=grid_of(chosen, theta) if isinstance(theta, int) else torch.tensor(theta),
            subject=str(path),
            data=source.dataset.title,
            notes=(*source.notes, *seen_before(model, source)),
            seed=seed,
            progress=show,
        )
