"""`triptych explain`: what a model is."""

from __future__ import annotations

import typer

from triptych.cli.options import ModelDir
from triptych.cli.show import say, show_rows


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: triptych explain model")(explain)


def explain(model: ModelDir) -> None:
    """Say what each block of a model is, and how the model was made."""
    from triptych.audit.explain import explain as explained
    from triptych.model import Model

    said = explained(Model.load(model))
    say(said.sentence)
    rows = [(name, str(size), words) for name, size, words in said.blocks]
    show_rows(("block", "dimensions", "what it does"), rows, right=(1,))
    show_rows((), list(said.facts.items()), right=())
    if said.figures:
        figures = [(name, f"{value:.4g}") for name, value in said.figures.items()]
        show_rows(("figure", "value"), figures, right=(1,))
