"""`triptych audit`: how brittle an embedding is."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from triptych.cli.options import (
    Format,
    PerRecord,
    Seed,
    grids,
    limits,
    names,
    pairs,
)
from triptych.cli.own import reads_own
from triptych.cli.show import command_of, complain, note, progress, say, say_json, show_table
from triptych.errors import InputError

if TYPE_CHECKING:
    from triptych.audit.result import AuditResult
    from triptych.transforms import Transform

OTHERS = "Models of other makers"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog="Example: triptych audit model mitdb: --transform phase_shift --out audit "
        "--fail-under cosine_mean=0.9 --fail-under separation=0.95"
    )(audit)


@reads_own
def audit(
    ctx: typer.Context,
    subject: Annotated[
        str,
        typer.Argument(
            metavar="MODEL_OR_EMBEDDINGS",
            help="A pretrained name or the folder of a model; an .onnx file (best for models of "
            "other makers); with --allow-code a TorchScript file (.pt, .ts), a torch.export file "
            "(.pt2) or package.module:function, which maps (n, channels, time) to (n, d); or an "
            ".npz with original (n, d), transformed (m, n, d), theta (m,), if known also subject, "
            "record, start, label (n,).",
        ),
    ],
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder for report, figures, table and JSON.")
    ],
    own: dict[str, Any],
    data: Annotated[
        str | None,
        typer.Argument(
            metavar="DATA",
            help="For a model: own recordings (a folder or file), or a data set by its name: "
            "mitdb:, mitdb:DIR, simulated:.",
        ),
    ] = None,
    transform: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="phase_shift, rotation, ..., or a chain: phase_shift,gain; default the model's "
            "own.",
        ),
    ] = None,
    max_shift: Annotated[
        float | None, typer.Option(metavar="S", help="Largest phase shift, in s.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="Any other setting of the transform; in a chain PART.NAME=VALUE.",
        ),
    ] = None,
    grid: Annotated[
        list[str] | None,
        typer.Option(
            metavar="θ",
            help="What to sweep, in the transform's unit: LOW:HIGH:COUNT or θ,θ; for a chain one "
            "--grid a part.",
        ),
    ] = None,
    steps: Annotated[int, typer.Option(metavar="N", help="Sizes of θ to sweep otherwise.")] = 20,
    glass_box: Annotated[
        bool,
        typer.Option(
            "--probe-matrix", "--glass-box", help="Measure what each block knows, too (slow)."
        ),
    ] = False,
    per_record: PerRecord = 50,
    seed: Seed = 0,
    output_format: Format = "text",
    fail_under: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="Exit with code 1 if a figure is lower, or the verdict is void (a model that "
            "says the same to everyone, or not the same twice): cosine_mean, cosine_lowest, "
            "cosine@0.075, separation, record_p10, half_life; of a classifier consistency, "
            "consistency_lowest, consistency@0.075, all with every class counting alike, and with "
            "--classes accuracy_transformed, macro_f1_transformed, sensitivity_lowest:CLASS (can "
            "be repeated).",
        ),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Output of an ONNX, TorchScript or torch.export file (of a tuple its place, from "
            "0); of a triptych model a head, whose classes are audited.",
            rich_help_panel=OTHERS,
        ),
    ] = None,
    classifier: Annotated[
        bool,
        typer.Option(
            "--classifier",
            help="It gives class scores: audit the highest class.",
            rich_help_panel=OTHERS,
        ),
    ] = False,
    classes: Annotated[
        str | None,
        typer.Option(
            metavar="A,B",
            help="With --classifier: the labels that its scores stand for, in their order; then "
            "accuracy, macro F1 and sensitivities are measured, too.",
            rich_help_panel=OTHERS,
        ),
    ] = None,
    model_rate: Annotated[
        float | None,
        typer.Option(
            metavar="HZ",
            help="Rate it was made for; recordings are resampled.",
            rich_help_panel=OTHERS,
        ),
    ] = None,
    window: Annotated[
        float | None,
        typer.Option(
            metavar="S", help="Length of its windows, where any will do.", rich_help_panel=OTHERS
        ),
    ] = None,
    allow_code: Annotated[
        bool,
        typer.Option("--allow-code", help="Open models that run code.", rich_help_panel=OTHERS),
    ] = False,
) -> None:
    """Measure how much an embedding changes when only a nuisance changes."""
    from triptych.audit.figures import check_limits
    from triptych.audit.write import tables_of, write_audit
    from triptych.model import hub

    at_least = limits(fail_under, "--fail-under")
    check_limits(at_least)
    path, theta = Path(subject).expanduser(), grids(grid)
    if not (classifier or output) and any(name.startswith("consistency") for name in at_least):
        raise InputError("consistency is a figure of classifiers; say --classifier")
    if classes and not classifier:
        raise InputError("--classes names the scores of a classifier; say --classifier")
    answered: dict[str, Any] = {"classifier": classifier, "classes": names(classes) or None}
    wanted = pairs(settings, "--set")
    if max_shift is not None:
        prefix = "phase_shift." if "," in (transform or "") else ""
        wanted[f"{prefix}max_shift"] = max_shift
    common: dict[str, Any] = {"subject": subject, "seed": seed}
    if path.is_file() and path.suffix.lower() == ".npz":
        given = {
            "DATA": data, "--grid": theta, "--probe-matrix": glass_box, "--output": output,
            "--model-rate": model_rate, "--window": window, "--allow-code": allow_code,
            "options of own recordings": own,
        }  # fmt: skip
        if useless := [name for name, value in given.items() if value]:
            raise InputError(f"{subject} holds latents and θ: leave {useless[0]} out")
        result = _of_embeddings(path, transform, wanted, **answered, **common)
    else:
        if data is None:
            raise InputError(f"{subject} needs DATA to be audited on, e.g. simulated")
        cut = (data, own, per_record, seed)
        named = (transform, wanted, theta, steps)
        if hub.means_model(subject):
            if classifier or model_rate or allow_code:
                raise InputError(
                    f"{subject} is a model of ours and says itself what it needs; leave "
                    "--classifier, --model-rate and --allow-code out"
                )
            common |= {"head": output, "glass": glass_box}
            result = _of_model(subject, window, cut, named, common)
        else:
            if glass_box:
                raise InputError(
                    "--probe-matrix needs a model with blocks: the folder of one of ours"
                )
            opened = (allow_code, output, model_rate, window)
            result = _of_outside(subject, opened, cut, named, common | answered)
    report = write_audit(result, out, command_of(ctx))
    failed = result.below(at_least)
    note(result.notes)
    if output_format == "json":
        said = {"verdict": result.verdict, "void": bool(result.void), "report": str(report)}
        say_json({**said, **result.to_dict(), "failed": failed})
    else:
        for table in itertools.chain.from_iterable(tables_of(result).values()):
            show_table(table)
        say(result.verdict)
        say(f"The report is {report} (open it in a browser).")
    for sentence in failed:
        complain(sentence)
    if failed:
        raise typer.Exit(1)


def _of_embeddings(
    path: Path, transform: str | None, settings: Mapping[str, Any], **options: Any
) -> AuditResult:
    from triptych.audit.embeddings import read_views
    from triptych.audit.run import audit_views
    from triptych.audit.sweep import transform_for

    return audit_views(read_views(path), transform_for(None, transform, settings), **options)


def _of_model(
    subject: str, window: float | None, cut: Any, named: Any, common: dict[str, Any]
) -> AuditResult:
    from triptych.audit.run import audit_model
    from triptych.audit.sources import data_for, random_windows_of, seen_before
    from triptych.audit.sweep import transform_for
    from triptych.model import Model

    model = Model.from_pretrained(subject)
    model = model if window is None else model.with_length(window)
    data, given, per_record, seed = cut
    chosen = transform_for(model, *named[:2])
    source = data_for(model, data, given, [chosen])
    windows = random_windows_of(source, model.preprocessing, chosen, per_record, seed)
    common |= _told(source, seen_before(model, source)) | {"grid": _theta(chosen, *named[2:])}
    with progress("auditing") as show:
        return audit_model(model, windows, chosen, progress=show, **common)


def _of_outside(
    subject: str, opened: Any, cut: Any, named: Any, common: dict[str, Any]
) -> AuditResult:
    from triptych.audit.run import audit as audited
    from triptych.audit.sources import fit_to, random_windows_of
    from triptych.audit.sweep import transform_for
    from triptych.datasets.sources import open_data
    from triptych.model.foreign import open_model

    allow_code, output, rate, window = opened
    model = open_model(subject, allow_code=allow_code, output=output)
    data, given, per_record, seed = cut
    source = open_data(data, given)
    first = source.recordings[0]
    form = model.form(first.rate, first.channels, rate, window)
    notes = [model.warning] if model.warning else []
    if rate is None and model.rate is None:
        notes.append(f"nothing says what rate the model needs: {form.rate:g} Hz, as recorded")
    chosen = transform_for(None, *named[:2], rate=form.rate)
    source = fit_to(source, form, [chosen])
    windows = random_windows_of(source, form, chosen, per_record, seed)
    if bool(windows.signals.isnan().any()):
        notes.append("missing samples are filled by linear interpolation for this model")
    common |= _told(source, notes) | {"grid": _theta(chosen, *named[2:])}
    with progress("auditing") as show:
        return audited(model.embed, windows, chosen, progress=show, **common)


def _theta(chosen: Transform, theta: list[tuple[float, ...]], steps: int) -> Any:
    from triptych.audit.sweep import grid_from, grid_of

    return grid_from(chosen, theta) if theta else grid_of(chosen, steps)


def _told(source: Any, notes: Any) -> dict[str, Any]:
    return {"data": source.title, "notes": (*source.notes, *notes)}
