"""Options of every command that reads own recordings: how their files are to be read."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any, cast

import typer

from triptych.cli.options import names
from triptych.errors import InputError
from triptych.files import readable

__all__ = ["reads_own"]

PANEL = "Own recordings"
# Option of the command line → its type, the name of the reader's option, metavar and help.
OPTIONS: dict[str, tuple[Any, str, str, str]] = {
    "--files": (str, "files", "GLOB", "Files of a folder to read, such as '*/ACC.csv'."),
    "--rate": (float, "rate", "HZ", "Sampling rate of files that do not state it."),
    "--channels": (str, "channels", "A,B", "Channels to use, in the model's order; quote a title "
                   'that has a comma: \'"acc, x",temp\'.'),
    "--label-column": (list[str], "label_column", "NAME", "Column (or array) of the label; given "
                       "several times, columns of 0 and 1 of several labels."),
    "--label-separator": (str, "label_separator", "SIGN", "Sign between several labels in one "
                          "cell, such as ; in AF;PVC."),
    "--target": (str, "target_column", "NAME", "Column (or attribute) of a number to learn."),
    "--subject-column": (str, "subject_column", "NAME", "Column (or array) of the subject."),
    "--time-column": (str, "time_column", "NAME", "Column of the times."),
    "--time-unit": (str, "time_unit", "UNIT", "Unit of the times: s, ms, us, ns, min, h or days."),
    "--no-label": (str, "no_label", "A,B", "Words that mean that there is no label."),
    "--missing": (str, "missing", "HOW", "Missing values: refuse, interpolate, mask or cut."),
    "--max-gap": (float, "max_gap", "S", "Longest gap interpolated or masked; default 0.1."),
    "--missing-value": (float, "missing_value", "X", "A number that stands for a missing value."),
    "--rows": (str, "rows", "WHAT", "A row of a table is one of samples, or of windows."),
    "--subject-pattern": (str, "subject_pattern", "REGEX", "Subject in a file's path: one group."),
    "--attributes": (str, "attributes", "A,B", "Columns that are attributes, such as device."),
    "--titles": (str, "titles", "A,B", "Titles of tables without; ... for all others."),
    "--min-share": (float, "min_share", "SHARE", "Of a window that one label must cover, such as "
                    "0.8; default: recordings are cut where labels change."),
    "--transitions": (str, "transitions", "NAME", "Label of windows with less; default: left out."),
    "--annotations": (str, "annotations", "EXT", "Extension of the WFDB annotations, such as atr."),
}  # fmt: skip
LISTS = ("channels", "no_label", "attributes", "titles")
ALIASES = {"--label-column": ("--label",)}


def reads_own(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command these options; it gets those that were used as its argument `own`."""
    signature = inspect.signature(command, eval_str=True)
    kept = [each for name, each in signature.parameters.items() if name != "own"]
    for option, (kind, name, metavar, text) in OPTIONS.items():
        spelled = (option, *ALIASES.get(option, ()))
        told = typer.Option(*spelled, metavar=metavar, help=text, rich_help_panel=PANEL)
        kept.append(
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=None,
                annotation=Annotated[kind | None, told],
            )
        )

    @wraps(command)
    def with_options(**given: Any) -> None:
        said = {name: given.pop(name) for _, name, _, _ in OPTIONS.values()}
        own = {name: value for name, value in said.items() if value is not None and value != []}
        own = {name: _readable(value) for name, value in own.items()}
        own |= {name: titles(own[name]) for name in LISTS if name in own}
        command(**given, own=own)

    vars(with_options)["__signature__"] = signature.replace(parameters=kept)
    with_options.__annotations__ = {each.name: each.annotation for each in kept}
    return with_options


def _readable(value: Any) -> Any:
    if isinstance(value, list):
        return [_readable(each) for each in cast("list[Any]", value)]
    return readable(value) if isinstance(value, str) else value


def titles(text: str) -> tuple[str, ...]:
    """``'"acc, x",temp'`` → ``("acc, x", "temp")``; without quotes as `names`."""
    if '"' not in text:
        return names(text)
    import csv

    try:
        return tuple(next(csv.reader([text], skipinitialspace=True, strict=True)))
    except csv.Error as error:
        raise InputError(f"{text!r} cannot be read as titles with commas between") from error
