"""`triptych embed`: latents of recordings, as a file."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from triptych.cli.options import (
    Data,
    ModelDir,
    Step,
    Window,
    WindowsFile,
)
from triptych.cli.own import reads_own
from triptych.cli.show import note, progress, say
from triptych.counts import counted
from triptych.files import readable


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: triptych embed model recordings --rate 250 --out latents.npz")(
        embed
    )


@reads_own
def embed(
    model: ModelDir,
    data: Data,
    out: WindowsFile,
    own: dict[str, Any],
    step: Step = None,
    window: Window = None,
    cluster: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Address of a Dask scheduler whose workers embed."),
    ] = None,
) -> None:
    """Write the latents of recordings, by block, with record, subject, start and label."""
    from triptych.audit.embeddings import require_kind, write_latents
    from triptych.audit.parts import WindowParts, embed_parts
    from triptych.audit.sources import data_for
    from triptych.model import Model

    require_kind(out)
    loaded = Model.from_pretrained(model)
    loaded = loaded if window is None else loaded.with_length(window)
    source = data_for(loaded, data, own)
    note(source.notes)
    parts = WindowParts(source, loaded.preprocessing, step)
    about = {"model": readable(str(model)), "data": source.title, "fingerprint": source.fingerprint}
    with progress("embedding") as show:
        n = write_latents(out, embed_parts(loaded, parts, show, cluster), about)
    sizes = ", ".join(f"{block.name} {block.size}" for block in loaded.schema.blocks)
    say(
        f"{counted(n, 'window')} of {counted(len(source), 'recording')} ({source.title}) in {out}: "
        f"{sizes} dimensions, with record, subject, start and label."
    )
