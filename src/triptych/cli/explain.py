"""`triptych explain`: what a model is, and what its blocks know."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from triptych.cli.options import (
    Format,
    ModelDir,
    PerRecord,
    Seed,
)
from triptych.cli.own import reads_own
from triptych.cli.show import note, say, say_json, show_rows, show_table


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: triptych explain model --data mitdb:")(explain)


@reads_own
def explain(
    model: ModelDir,
    own: dict[str, Any],
    data: Annotated[
        str | None,
        typer.Option(
            metavar="DATA",
            help="Measure what each block knows on these: own recordings (a folder or file), or "
            "a data set: mitdb, simulated, mitdb:DIR.",
        ),
    ] = None,
    figure: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.png",
            help="With --data: draw the signals that excite each gated dimension most.",
        ),
    ] = None,
    per_record: PerRecord = 50,
    seed: Seed = 0,
    output: Format = "text",
) -> None:
    """Say what each block of a model declares, what it does on DATA, and how it was made."""
    from triptych.audit.explain import explain as explained
    from triptych.audit.factors import knowledge, probe_matrix_of, salient_dimensions
    from triptych.audit.gated import spoken
    from triptych.audit.moves import Move, moves_of
    from triptych.audit.sentences import broken, unkept
    from triptych.audit.sources import data_for, random_windows_of, seen_before
    from triptych.audit.swap import block_swap
    from triptych.audit.sweep import transform_for
    from triptych.audit.tables import Table
    from triptych.errors import InputError
    from triptych.model import Model
    from triptych.transforms import context_of

    loaded = Model.from_pretrained(model)
    box, title, gated, further = None, "", None, list[Table]()
    moves, judged = list[Move](), list[str]()
    if figure is not None and (data is None or not any(b.gate for b in loaded.schema.blocks)):
        raise InputError(
            "--figure draws what excites gated dimensions: give --data, and a model with a gated "
            "block (a recipe's latent: [{name: ..., size: ..., gate: {}}])"
        )
    if data is None and own:
        raise InputError(
            f"{', '.join(own)}: how recordings are read, but there are none; say --data"
        )
    if data is not None:
        transforms = [transform_for(loaded, name) for name in loaded.schema.transforms]
        source = data_for(loaded, data, own, transforms)
        widest = max(transforms, key=context_of, default=None)
        windows = random_windows_of(source, loaded.preprocessing, widest, per_record, seed)
        box, left_out = probe_matrix_of(loaded, windows, transforms, seed=seed)
        moves, unmoved = moves_of(loaded, windows, transforms, seed=seed)
        left_out += unmoved
        gated = spoken(loaded, windows, transforms, seed=seed)
        further += salient_dimensions(loaded, windows)
        for each in transforms:
            swapped, unswapped = block_swap(loaded, windows, each, seed=seed)
            further += [swapped.table()] if swapped else []
            judged += swapped.ignored() if swapped else []
            left_out += unswapped
        title = source.title
        judged = [*unkept(moves), *broken(box), *judged]
        note([*source.notes, *seen_before(loaded, source), *left_out, *judged])
    said = explained(loaded, box, moves)
    if output == "json":
        measured = [*further, *(gated.tables() if gated is not None else [])]
        say_json(
            {
                **said.to_dict(),
                "data": title or None,
                "moves": [each.to_dict() for each in moves],
                "matrix": box.to_dict() if box is not None else None,
                "tables": [each.to_dict() for each in measured],
            }
        )
        if gated is not None and figure is not None:
            gated.draw(figure, title)
        return
    say(said.sentence)
    rows = [(name, str(size), words) for name, size, words in said.blocks]
    show_rows(("block", "dimensions", "what it declares"), rows, right=(1,))
    if said.known:
        say(f"Measured on {title}:")
        show_rows(("block", "what is measured"), list(said.known.items()), right=())
        for table in (*knowledge(box), *further):
            show_table(table)
    if gated is not None:
        for table in gated.tables():
            show_table(table)
        if figure is not None:
            gated.draw(figure, title)
            say(f"The signals are drawn in {figure}.")
    show_rows((), list(said.facts.items()), right=())
    if said.figures:
        say("Stored with the model, of the subjects it was trained and validated on:")
        figures = [(name, f"{value:.4g}") for name, value in said.figures.items()]
        show_rows(("figure", "value"), figures, right=(1,))
