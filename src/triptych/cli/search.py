"""`triptych search`: windows that are most like one window, among recordings or in an index."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from triptych.cli.options import Format, Step, names
from triptych.cli.own import reads_own
from triptych.cli.show import note, progress, say, say_json, show_rows
from triptych.counts import counted
from triptych.errors import InputError


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog="Example: triptych search model mitdb: --query 208:17. Or once triptych search "
        "model mitdb: --index found, and then triptych search --index found --query 208:17"
    )(search)


@reads_own
def search(
    own: dict[str, Any],
    model: Annotated[
        str | None,
        typer.Argument(
            metavar="[MODEL]",
            help="Folder or pretrained name of a model; an index remembers its own.",
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Argument(metavar="[DATA]", help="Recordings to search in, or to build an index of."),
    ] = None,
    query: Annotated[
        str | None,
        typer.Option(
            metavar="FILE:INDEX",
            help="Window INDEX (from 0) of a file, or of the recording of that name in DATA.",
        ),
    ] = None,
    index: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Latents that are kept: built of DATA, or opened."),
    ] = None,
    append: Annotated[
        list[str] | None, typer.Option(metavar="DATA", help="Add recordings to the index.")
    ] = None,
    k: Annotated[int, typer.Option("--k", metavar="N", help="How many to find.")] = 10,
    near: Annotated[
        str | None,
        typer.Option(
            "--near",
            "--block",
            metavar="A,B",
            help="Blocks to be similar in; default those that are invariant.",
        ),
    ] = None,
    far: Annotated[
        str | None, typer.Option(metavar="A,B", help="Blocks to differ in; default none.")
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN=VALUE", help="Find such windows only; repeat for others."),
    ] = None,
    unique: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="One window per entry of a column, e.g. subject."),
    ] = None,
    exclude: Annotated[
        Literal["time", "record", "subject"],
        typer.Option(help="Leave out of the query's own: 5 s around it, its record or subject."),
    ] = "time",
    approximate: Annotated[
        bool | None,
        typer.Option(
            "--approximate/--exact",
            help="How a new index is searched; default: nearly, from 50,000 windows on.",
        ),
    ] = None,
    step: Step = None,
    output: Format = "text",
) -> None:
    """Find the windows of DATA, or of an index, that are most like one window.

    With --index and DATA the latents are kept in a folder, and need not be made again. Windows of
    the query's own recording that start within 5 s of it are left out.
    """
    from triptych.audit.gallery import add_to, index_of
    from triptych.audit.search import search as find
    from triptych.audit.sources import data_for
    from triptych.index import Index
    from triptych.model import Model, fingerprint_of, hub

    if index is None and (data is None or query is None or append):
        raise InputError(
            "a search needs MODEL, DATA and --query, or --index FOLDER; an index is built of MODEL "
            "and DATA"
        )
    of_search = {"--where": where, "--near": near, "--far": far, "--unique": unique}
    if query is None and (useless := [name for name, given in of_search.items() if given]):
        raise InputError(f"{useless[0]} says what a search finds; say --query what is searched for")
    if data is None and approximate is not None:
        raise InputError(
            "--approximate or --exact says how a new index is searched; build one of MODEL and DATA"
        )
    if step is not None and not (data or append):
        raise InputError("--step cuts recordings into windows; give DATA or --append")
    opened = None if index is None or data is not None else Index.open(index)
    place: Any = model or (opened.about.get("model_folder") if opened is not None else None)
    embeds = append or data or (query and Path(query.rpartition(":")[0]).expanduser().exists())
    if place is None and (embeds or model is not None):
        raise InputError("name the MODEL that embeds these recordings")
    loaded = (
        Model.from_pretrained(place)
        if place is not None and (embeds or model is not None)
        else None
    )
    if opened is not None and loaded is not None and index is not None:
        opened = Index.open(index, fingerprint_of(loaded))
    title = f"the index {index}"
    if data is not None and loaded is not None:
        source = data_for(loaded, data, own)
        note(source.notes)
        title = source.title
        place = str(model)  # of a folder its whole path, so that it is found from anywhere
        if place not in hub.names() and not place.startswith(hub.PREFIX):
            place = str(hub.locate(place).resolve())
        about = {"model_folder": place, "data": [data]}
        with progress("embedding") as show:
            opened = index_of(
                loaded, source, file=data, folder=index, step_s=step, approximate=approximate,
                about=about, progress=show,
            )  # fmt: skip
    assert opened is not None
    for each in append or ():
        assert loaded is not None
        source = data_for(loaded, each, own)
        note(source.notes)
        with progress("embedding") as show:
            note(add_to(opened, loaded, source, file=each, step_s=step, progress=show))
    if query is None:
        if output == "json":
            say_json(_contents(opened))
            return
        kind = "lists of faiss" if opened.approximate else "all compared"
        say(f"{index} holds {counted(len(opened), 'window')} ({kind}):")
        show_rows((), [(name, str(value)) for name, value in _contents(opened).items()], ())
        return
    found = find(
        loaded, opened, query, k, near=names(near) or None, far=names(far) or None,
        where=_filters(where), unique=unique, apart=exclude, options=own,
    )  # fmt: skip
    if output == "json":
        say_json(found.to_dict())
        return
    asked = found.query
    label = f", label {asked.label}" if asked.label else ""
    by = " and ".join(found.blocks) + (f", unlike in {' and '.join(found.far)}" * bool(found.far))
    say(
        f"Most like {asked.record} at {asked.start:.12g} s{label}, by {by}, among {found.among:,} "
        f"windows of {title}:"
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


def _filters(texts: list[str] | None) -> dict[str, list[str]]:
    """``["label=V", "label=S"]`` → ``{"label": ["V", "S"]}``; InputError for other texts."""
    found: dict[str, list[str]] = {}
    for text in texts or ():
        name, equals, value = text.partition("=")
        if not (name and equals):
            raise InputError(f"--where is {text!r}, expected COLUMN=VALUE, e.g. label=V")
        found.setdefault(name, []).append(value)
    return found


def _contents(index: Any) -> dict[str, Any]:
    """What an index holds, as plain data."""
    counts = {
        f"{name}s": sum(map(bool, index.meta[name].words))  # of no label: ""
        for name in ("file", "record", "subject", "label")
        if name in index.meta
    }
    return {
        "windows": len(index),
        **counts,
        "blocks": ", ".join(f"{name} {size}" for name, size in index.blocks.items()),
        "compared": ", ".join(index.default),
        "columns": ", ".join(index.meta),
        "approximate": index.approximate,
        "model": index.about.get("model_folder", ""),
    }
