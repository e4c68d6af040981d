"""`triptych search`: windows that are most like one window."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from triptych.cli.options import (
    Data,
    Format,
    ModelDir,
)
from triptych.cli.own import reads_own
from triptych.cli.show import note, progress, say, say_json, show_rows


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: triptych search model mitdb: --query 208:17")(search)


@reads_own
def search(
    model: ModelDir,
    data: Data,
    query: Annotated[
        str,
        typer.Option(
            metavar="FILE:INDEX",
            help="Window INDEX (from 0) of a file, or of the recording of that name in DATA.",
        ),
    ],
    own: dict[str, Any],
    k: Annotated[int, typer.Option("--k", metavar="N", help="How many to find.")] = 10,
    block: Annotated[
        str | None, typer.Option(help="Block to compare; default those that are invariant.")
    ] = None,
    output: Format = "text",
) -> None:
    """Find the windows of DATA that are most like one window.

    Windows of the query's own recording that start within 5 s of it are left out.
    """
    from triptych.audit.search import search as find
    from triptych.audit.sources import data_for
    from triptych.model import Model

    loaded = Model.load(model)
    source = data_for(loaded, data, own)
    note(source.notes)
    with progress("embedding") as show:
        found = find(loaded, source, query, k, block=block, options=own, progress=show)
    if output == "json":
        say_json(found.to_dict())
        return
    asked = found.query
    label = f", label {asked.label}" if asked.label else ""
    say(
        f"Most like {asked.record} at {asked.start:g} s{label}, by {' and '.join(found.blocks)}, "
        f"among {found.among:,} windows of {source.title}:"
    )
    show_rows(
        ("rank", "similarity", "record", "subject", "start, s", "label"),
        [
            (
                str(each.rank),
                f"{each.similarity:.3f}",
                each.record,
                each.subject,
                f"{each.start:.2f}",
                each.label,
            )
            for each in found.found
        ],
        right=(0, 1, 4),
    )
