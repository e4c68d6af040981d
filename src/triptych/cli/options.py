"""Arguments and options that several commands share."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from triptych.errors import InputError

__all__ = ["Device", "names"]

ModelDir = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="A pretrained model by its name (triptych data list), the folder of one, or "
        "hf:user/repo@revision. A folder named like a pretrained model is written ./NAME.",
    ),
]
Data = Annotated[
    str,
    typer.Argument(
        metavar="DATA",
        help="Own recordings (a folder or file), or a data set by its name: mitdb:, mitdb:DIR, "
        "simulated:.",
    ),
]
Format = Annotated[
    Literal["text", "json"], typer.Option("--format", help="How results are printed.")
]
Head = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Head to ask: invariant or full; default full."),
]
WindowsFile = Annotated[
    Path, typer.Option(metavar="FILE", help="Name that ends in .npz, .csv or .parquet.")
]
Step = Annotated[
    float | None, typer.Option(metavar="S", help="A window every S seconds; default end to end.")
]
Window = Annotated[
    float | None,
    typer.Option(metavar="S", help="Length of windows, if the model takes any; default its own."),
]
PerRecord = Annotated[
    int, typer.Option(metavar="N", help="Windows of each recording, at random places.")
]
Seed = Annotated[int, typer.Option(metavar="N", min=0, help="Draws those places.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.", show_default=True)]


def names(text: str | None) -> tuple[str, ...]:
    """``"a, b"`` → ``("a", "b")``."""
    return tuple(each.strip() for each in (text or "").split(",") if each.strip())


def numbers(text: str | None, option: str) -> tuple[float, ...]:
    """``"-0.1, 0.1"`` → ``(-0.1, 0.1)``; InputError for what is no number, or nothing."""
    try:
        found = tuple(float(each) for each in names(text))
    except ValueError:
        found = ()
    if not found or any(map(math.isnan, found)):
        raise InputError(f"{option} is {text!r}, expected numbers with commas between")
    return found


def grids(texts: list[str] | None) -> list[tuple[float, ...]]:
    """``["-0.2:0.2:5", "3"]`` → numbers, ``LOW:HIGH:COUNT`` evenly spaced; else InputError."""
    found: list[tuple[float, ...]] = []
    for text in texts or ():
        if ":" not in text:
            found.append(numbers(text, "--grid"))
            continue
        try:
            low, high, count = text.split(":")
            step = (float(high) - float(low)) / max(int(count) - 1, 1)
            found.append(tuple(round(float(low) + step * k, 12) for k in range(int(count))))
        except (ValueError, OverflowError):
            found.append(())
        if not found[-1] or not all(map(math.isfinite, found[-1])):
            raise InputError(f"--grid is {text!r}, expected LOW:HIGH:COUNT, e.g. -0.25:0.25:41")
    return found


def pairs(texts: list[str] | None, option: str) -> dict[str, Any]:
    """``["mode=circular", "max_shift=0.1"]`` → names and values, read as in a recipe."""
    from triptych.training.sentences import read_value

    found: dict[str, Any] = {}
    for text in texts or ():
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise InputError(f"{option} is {text!r}, expected NAME=VALUE")
        if name in found:
            raise InputError(f"{option} says {name} twice, {found[name]} and {value}; say it once")
        found[name] = read_value(name, value)
    return found


def limits(texts: list[str] | None, option: str) -> dict[str, float]:
    """As `pairs`, with a number for every value."""
    found = pairs(texts, option)
    for name, value in found.items():
        if not isinstance(value, (int, float)):
            raise InputError(f"{option} has {name}={value}, expected a number")
    return found
