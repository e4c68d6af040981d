"""`triptych study`: methods compared under one protocol."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast, get_args

import typer

from triptych.cli.options import Device, names
from triptych.cli.own import reads_own
from triptych.cli.show import command_of, progress, say, show_table

if TYPE_CHECKING:
    from triptych_studies.grid import Study
    from triptych_studies.runner import Outcome


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog="Example: triptych study ecg-phase --data mitdb --budget quick --out results/ecg"
    )(study)


@reads_own
def study(
    ctx: typer.Context,
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="own (your recordings), ecg-phase, imu-rotation, benchmark, "
            "contrastive-analysis, gated-contrast, or one of the last two's contrastive-ablation "
            "and gated-ablation.",
        ),
    ],
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder for results, table, figures, report.")
    ],
    own: dict[str, Any],
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="DATA",
            help="The data set's folder, or a folder that holds it; for own a folder, a file, or "
            "mitdb:DIR.",
        ),
    ] = None,
    nuisance: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME[:SETTING=VALUE,...]",
            help="For own: what must not matter, e.g. rotation, or phase_shift:max_shift=0.1; may "
            "be given several times.",
        ),
    ] = None,
    hold_out: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN[=A,B]",
            help="For own: train on the other values of this column, and test on each of these "
            "(all) by itself.",
        ),
    ] = None,
    window: Annotated[
        float | None, typer.Option(metavar="S", help="For own: length of windows; default 5.")
    ] = None,
    resample: Annotated[
        float | None,
        typer.Option(metavar="HZ", help="For own: rate of windows; default the slowest there is."),
    ] = None,
    band: Annotated[
        str | None,
        typer.Option(metavar="LOW,HIGH", help="For own: band in Hz, 0.5,40 or ,40; default open."),
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option(
            "--dataset",
            "--task",
            help="Another data set of the study, e.g. phone-5, or watch-18>phone-5; tasks of the "
            "benchmark, e.g. emg-gestures,ppg-rate.",
        ),
    ] = None,
    budget: Annotated[
        str, typer.Option(help="smoke (seconds), quick (minutes) or full (hours).")
    ] = "quick",
    methods: Annotated[
        str | None, typer.Option(metavar="A,B", help="Methods to compute; default all.")
    ] = None,
    seeds: Annotated[int | None, typer.Option(metavar="N", help="Runs of each method.")] = None,
    split: Annotated[
        str | None, typer.Option(help="subject (no subject on two sides) or random.")
    ] = None,
    device: Device = "auto",
    jobs: Annotated[int, typer.Option(metavar="N", help="Processes that compute at a time.")] = 1,
    tune: Annotated[
        bool, typer.Option("--tune", help="Only try each method's settings on validation subjects.")
    ] = False,
    ablate: Annotated[
        bool,
        typer.Option("--ablate", help="Only the method under study, and one thing of it changed."),
    ] = False,
    from_cells: Annotated[
        bool,
        typer.Option(
            "--from-cells",
            help="Only write the tables in DIR and below anew from finished cells (NAME may be "
            "'all'); nothing is trained, no data are needed.",
        ),
    ] = False,
    keep_models: Annotated[
        bool,
        typer.Option("--keep-models", help="Keep the best model of each method in DIR/models."),
    ] = False,
    demo: Annotated[
        bool, typer.Option("--demo", help="Three methods, quick, on MIT-BIH or simulated data.")
    ] = False,
) -> None:
    """Compare methods under one protocol: table, figures and report.

    Finished cells are kept in DIR: run the same command again to go on after an interruption.
    """
    import triptych_studies as studies
    from triptych import InputError
    from triptych_studies.base import Budget, Options
    from triptych_studies.runner import run

    if from_cells:
        from triptych_studies.rebuild import rebuild

        for folder in rebuild(name, out):
            say(f"{folder / 'table.md'} is written anew.")
        return
    chosen = studies.study(name)
    if demo:
        from triptych_studies import demo as demonstration

        methods = methods or ",".join(demonstration.METHODS)
        with progress("downloading") as show:
            dataset = dataset or demonstration.data_for(data, say, show)
    if ablate:
        methods = methods or ",".join(chosen.ablated)
    if budget not in get_args(Budget):
        choice = ", ".join(get_args(Budget))
        raise InputError(f"there is no budget {budget!r}: choose from {choice}")
    said = {"nuisance": nuisance, "hold_out": hold_out, "window": window, "rate": resample,
            "band": band}  # fmt: skip
    theirs = {"dataset": dataset, "split": split}
    asked = _asked(name, data, own, _given(said), _given(theirs))
    options = Options(cast(Budget, budget), names(methods), seeds, device, dataset, split, asked)
    if tune:
        _tune(chosen, data, options, out)
        return
    outcome = run(
        chosen,
        out,
        data=data,
        options=options,
        jobs=jobs,
        command=command_of(ctx),
        keep_models=keep_models,
    )
    _show(chosen, outcome)


def _given(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value}


def _asked(
    name: str, data: Path | None, own: dict[str, Any], said: dict[str, Any], theirs: dict[str, Any]
) -> dict[str, Any]:
    """What `study own` is told, as plain data; InputError for options of other studies."""
    from triptych import InputError

    if used := [*theirs] if name == "own" else [*said, *own]:
        whose = "of the other studies" if name == "own" else "of study own"
        raise InputError(
            f"the study {name} does not take {', '.join(used)}, which are {whose}; leave them out"
        )
    if name != "own":
        return {}
    from triptych_studies.tasks.own_words import asked_of

    return asked_of(data and str(data), own, said)


def _tune(chosen: Study, data: Path | None, options: Any, out: Path) -> None:
    from triptych_studies.runner import checked

    options = checked(chosen, options, 1)
    file = chosen.tune(chosen.prepare(data, options), options.methods, out, say)
    say(f"The trials are in {file}; the study uses those that are shipped with triptych.")


def _show(chosen: Study, outcome: Outcome) -> None:
    from triptych_studies import wording

    say()
    for table in wording.metric_tables(chosen, outcome.results, headline=True):
        show_table(table)
    if headline := wording.headline(chosen, outcome.results):
        say(headline)
    say(f"The report is {outcome.report} (open it in a browser), the table {outcome.table}.")
