"""How commands speak: lines, tables, progress and complaints."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer

from triptych.files import readable

if TYPE_CHECKING:
    from triptych.audit.tables import Table

__all__ = ["command_of", "progress", "say", "show_table"]

LONG = 1200  # characters of an error; our own sentences are shorter
WIDE = 200  # columns of a table that is not read on a terminal


def say(text: str = "") -> None:
    """Print a line."""
    typer.echo(text)


def say_json(content: Any) -> None:
    """Print plain data as JSON."""
    import json

    typer.echo(json.dumps(content, ensure_ascii=False, indent=1))


def note(texts: Iterable[str]) -> None:
    """Print what a user should know, to stderr."""
    for text in texts:
        typer.echo(f"note: {text}", err=True)


def complain(sentence: str) -> None:
    """Print an error, to stderr; of another library's long message its begin and its end."""
    words = " ".join(sentence.split())
    if len(words) > LONG:
        words = f"{words[: LONG // 2]} [...] {words[-LONG // 2 :]}"
    typer.echo(f"triptych: error: {words}", err=True)


def command_of(ctx: typer.Context) -> str:
    """Return the command as it was typed, so that a report can name it."""
    return readable(shlex.join(["triptych", *(ctx.obj or ())]))


def show_rows(header: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[int]) -> None:
    """Print a table; columns whose places are in `right` are aligned there; no header: a list."""
    from rich import box
    from rich.console import Console
    from rich.table import Table as RichTable

    look = box.SIMPLE_HEAD if header else None
    table = RichTable(box=look, pad_edge=False, show_header=bool(header))
    for place, name in enumerate(header):
        table.add_column(name, justify="right" if place in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*row)
    width = None if sys.stdout.isatty() else WIDE
    Console(file=sys.stdout, width=width, markup=False, highlight=False).print(table)


def show_table(table: Table) -> None:
    """Print a table of the library, intervals under their figures."""
    rows = [
        ["\n".join(filter(None, (value.text, value.detail))) for value in row] for row in table.rows
    ]
    if table.caption:
        say(table.caption)
    show_rows(table.header, rows, range(1, len(table.header)))


@contextmanager
def progress(what: str) -> Generator[Callable[[int, int], None]]:
    """Line with a bar and the time left, on a terminal only; call it with (done, total)."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as TimeLeft

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeLeft())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as p:
        task = p.add_task(what, total=None)
        yield lambda done, total: p.update(task, completed=done, total=total)
