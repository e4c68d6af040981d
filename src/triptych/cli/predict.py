"""`triptych predict`: classes of recordings, as a file."""

from __future__ import annotations

from typing import Any, cast

import typer

from triptych.cli.options import Data, Head, ModelDir, Step, WindowsFile
from triptych.cli.own import reads_own
from triptych.cli.show import note, progress, say
from triptych.counts import counted
from triptych.files import readable


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: triptych predict model recordings --out predictions.csv")(predict)


@reads_own
def predict(
    model: ModelDir,
    data: Data,
    out: WindowsFile,
    own: dict[str, Any],
    head: Head = None,
    step: Step = None,
) -> None:
    """Write the predicted class of every window, with the probability of each class."""
    from triptych.audit.embeddings import require_kind, write_predictions
    from triptych.audit.evaluating import head_of
    from triptych.audit.parts import WindowParts, predict_parts
    from triptych.audit.sources import data_for
    from triptych.latent import LinearHead
    from triptych.model import Model

    require_kind(out)
    loaded = Model.from_pretrained(model)
    chosen = head_of(loaded, head)
    source = data_for(loaded, data, own)
    note(source.notes)
    target = cast(LinearHead, loaded.heads[chosen]).target
    parts = WindowParts(source, loaded.preprocessing, step)
    about = {"model": readable(str(model)), "head": chosen, "data": source.title}
    about["fingerprint"] = source.fingerprint
    with progress("predicting") as show:
        n = write_predictions(out, predict_parts(loaded, parts, chosen, show), about)
    say(
        f"Predictions of {counted(n, 'window')} of {counted(len(source), 'recording')} "
        f"({source.title}) by "
        f"the {chosen} head are in {out}: {target.said}."
    )
