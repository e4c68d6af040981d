"""`triptych export`: a model as an ONNX graph, in full precision or in 8 bits."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from triptych.cli.options import Format, ModelDir, PerRecord, Seed
from triptych.cli.own import reads_own
from triptych.cli.show import note, say, say_json, show_table


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog="Example: triptych export ecg-1lead --out ecg.onnx --raw --int8 --data mitdb:"
    )(export)


@reads_own
def export(
    model: ModelDir,
    own: dict[str, Any],
    out: Annotated[Path, typer.Option(metavar="FILE.onnx", help="The graph.")],
    raw: Annotated[
        bool,
        typer.Option("--raw", help="Put the causal filter into the graph: it takes raw samples."),
    ] = False,
    int8: Annotated[
        bool, typer.Option("--int8", help="Quantise to 8 bits; blocks are audited again on --data.")
    ] = False,
    data: Annotated[
        str | None,
        typer.Option(
            metavar="DATA",
            help="With --int8: own recordings, or a data set (mitdb:), if possible of subjects "
            "whom the model never saw.",
        ),
    ] = None,
    per_record: PerRecord = 20,
    seed: Seed = 0,
    output: Format = "text",
) -> None:
    """Write a model as ONNX, and beside it a companion that embeds streams without torch."""
    from triptych.audit.graph import compare_graphs, graph_table
    from triptych.audit.sources import data_for, random_windows_of
    from triptych.audit.sweep import transform_for
    from triptych.errors import InputError
    from triptych.model import Model
    from triptych.model.graph import load_graph
    from triptych.transforms import context_of

    if int8 != (data is not None):
        raise InputError(
            "--int8 and --data need each other: what 8 bits do to the blocks is measured on "
            "recordings, such as --data mitdb:"
        )
    loaded = Model.from_pretrained(model)
    loaded.export(out, raw=raw, int8=int8)
    graph = load_graph(out, loaded.info)
    takes = (
        f"raw samples, of which it filters the last {loaded.preprocessing.length}"
        if raw
        else ("windows that are filtered already")
    )
    form = graph.preprocessing
    said = (
        f"The graph is in {out}: {', '.join(graph.schema.names)} of {takes}; {form.length} samples "
        f"at {form.rate:g} Hz of {', '.join(form.channels)}. A companion for streams is beside it."
    )
    figures, title = None, ""
    if data is not None:
        transforms = [transform_for(loaded, name) for name in graph.schema.transforms]
        source = data_for(graph, data, own, transforms)
        widest = max(transforms, key=context_of, default=None)
        windows = random_windows_of(source, form, widest, per_record, seed)
        note(source.notes)
        title = source.title
        with tempfile.TemporaryDirectory() as folder:
            whole = Path(folder) / "float32.onnx"
            loaded.export(whole, raw=raw)
            figures = compare_graphs(
                {"float32": whole, "int8": out}, windows, transforms, seed=seed
            )
    if output == "json":
        told = {name: each.to_dict() for name, each in (figures or {}).items()}
        say_json({"graph": str(out), "raw": raw, "samples": form.length, "figures": told or None})
        return
    say(said)
    if figures is not None:
        table = graph_table(figures, title)
        show_table(table)
        say(table.note)
