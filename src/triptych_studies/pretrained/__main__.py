"""Train an encoder that ships, measure it on a twin, and write its weights and card.

``python -m triptych_studies.pretrained NAME`` in a checkout, where recipes/pretrained/ lies.
"""

from __future__ import annotations

import platform
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from triptych import InputError
from triptych.audit import GraphFigures, block_figures, card_of, compare_graphs, graph_table
from triptych.cli.show import say
from triptych.datasets import Windows
from triptych.files import write_json
from triptych.metrics.result import plain
from triptych.model import Model, hub
from triptych.training import Recipe
from triptych.transforms import Transform
from triptych_studies.pretrained.entries import ENTRIES
from triptych_studies.pretrained.training import TrainingSource

FEW = 400  # windows of which blocks are measured


def main(
    name: Annotated[str, typer.Argument(metavar="NAME", help=", ".join(ENTRIES))],
    data: Annotated[Path | None, typer.Option(help="Folder of the data sets.")] = None,
    fold: Annotated[int, typer.Option(help="Whose subjects the twin does not see.")] = 0,
    recipes: Annotated[Path, typer.Option(help="Folder of NAME.yaml.")] = Path(
        "recipes/pretrained"
    ),
    work: Annotated[Path, typer.Option(help="Trainings, which go on.")] = Path("out/pretrained"),
    results: Annotated[Path, typer.Option(help="For NAME.json.")] = Path("results/pretrained"),
    weights: Annotated[
        Path | None, typer.Option(help="Folder of the model; default: where it ships from.")
    ] = None,
    change: Annotated[
        list[str] | None, typer.Option(help="Of the recipe, as training.epochs=1; repeat.")
    ] = None,
) -> None:
    """Train on all subjects, and a twin without those of a fold; write weights, figures, card."""
    try:
        _make(name, data, fold, recipes, work, results, weights or hub.SHIPPED / name, change or [])
    except InputError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from error


def _make(
    name: str,
    data: Path | None,
    fold: int,
    recipes: Path,
    work: Path,
    results: Path,
    weights: Path,
    changes: list[str],
) -> None:
    if name not in ENTRIES:
        raise InputError(f"there is no encoder {name!r} to train; choose from {', '.join(ENTRIES)}")
    entry = ENTRIES[name]
    recipe = Recipe.read(recipes / f"{name}.yaml", changes)
    source = TrainingSource.read(recipe, data, entry.channels)
    out = entry.left_out(source, fold)
    twin, seconds = source.trained(work / name / f"fold-{fold}", out)
    say(f"The twin without {len(out)} subjects took {seconds:.0f} s.")
    unseen = source.split(out)[1]
    blocks = block_figures(twin, entry.some(unseen, FEW), recipe.make_transforms())
    graphs = graphs_of(twin, entry.some(unseen, FEW), recipe.make_transforms())
    say(f"Blocks are measured on {blocks.windows} windows of {blocks.subjects} subjects.")
    found = entry.measure(source, twin, out, data)
    content = {"name": name, "fold": fold, "subjects_out": sorted(out), "blocks": blocks, **found}
    content["graphs"] = graphs
    model, seconds = source.trained(work / name / "release")
    content |= {"train_seconds": seconds, "parameters": sum(p.numel() for p in model.parameters())}
    about = entry.about(name, len(set(source.windows.subject.tolist())), len(out), seconds, _cpu())
    shipped = Model(
        model.preprocessing, model.encoder, model.schema, front_end=model.front_end,
        info={**model.info, "summary": about.summary, "licence": about.licence, **entry.info},
    )  # fmt: skip
    shipped = entry.with_heads(shipped, source)
    tables = [*entry.tables(found), graph_table(graphs)]
    shipped.save(weights, card_of(shipped, about, blocks, tables))
    write_json(results / f"{name}.json", plain({**content, "about": asdict(about)}))
    say(f"Weights and card are in {weights}, figures in {results / f'{name}.json'}.")


def graphs_of(
    model: Model, windows: Windows, transforms: Sequence[Transform]
) -> dict[str, GraphFigures]:
    """Size, latency and gaps of the model's graph in float32 and in 8 bits."""
    with tempfile.TemporaryDirectory() as folder:
        paths = {name: Path(folder) / f"{name}.onnx" for name in ("float32", "int8")}
        for name, path in paths.items():
            model.export(path, int8=name == "int8")
        return compare_graphs(paths, windows, transforms)


def _cpu() -> str:
    return f"one core of a {platform.machine()} CPU"


app = typer.Typer(pretty_exceptions_enable=False, add_completion=False)
app.command()(main)

if __name__ == "__main__":
    app(prog_name="python -m triptych_studies.pretrained")
