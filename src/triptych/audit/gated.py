"""Gated blocks explained: what each active dimension stands for, and what activates it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from triptych.audit.pictures import excited_dimensions
from triptych.audit.sources import both_sides
from triptych.audit.tables import Table, Value, number
from triptych.datasets import Windows
from triptych.errors import InputError
from triptych.metrics.active import Dimension, active_dimensions
from triptych.model import Model
from triptych.transforms import Transform

SHOWN = 20  # dimensions of a block that are listed
DRAWN = 10  # and drawn


@dataclass(frozen=True)
class Spoken:
    """Gated `blocks` by name and their dimensions (see `active_dimensions`), found on `windows`.

    `channels` are the names of the windows' channels.
    """

    blocks: Mapping[str, list[Dimension]]
    windows: Windows
    channels: tuple[str, ...]

    def tables(self) -> list[Table]:
        """One table a block: its open dimensions, those that speak most clearly first."""
        return [self._table(name, found) for name, found in self.blocks.items()]

    def draw(self, path: Path, note: str) -> None:
        """Draw the windows that excite the clearest dimensions most; InputError if none is open."""
        columns: list[dict[str, Any]] = [
            {
                "dimension": each.index,
                "speaks_for": each.value or each.factor.replace("_", " "),
                "share": each.share,
                "open": each.open,
                "labels": self.windows.label[list(each.top)].tolist(),
                "signals": cast(Any, self.windows.centred[list(each.top)]).tolist(),
            }
            for found in self.blocks.values()
            for each in found[:DRAWN]
        ]
        if not columns:
            raise InputError("no gated dimension is open in ten windows; give more data")
        title = "What excites single dimensions most"
        excited_dimensions(columns, path, title=title, note=note, channels=self.channels)

    def _table(self, name: str, found: list[Dimension]) -> Table:
        rows = tuple(
            (
                Value(str(each.index)),
                Value(f"{100 * each.open:.1f} %"),
                Value(f"{each.factor} {each.value}".replace("_", " ").strip()),
                Value(f"{100 * each.share:.0f} %"),
                Value(number(each.score)),
                Value("; ".join(map(self._place, each.top))),
            )
            for each in found[:SHOWN]
        )
        return Table(
            ("dimension", "active in", "stands for", "share", "above chance", "activated most by"),
            rows,
            caption=f"{name}: {len(found)} dimensions are open in at least ten windows"
            + (f"; the {SHOWN} that speak most clearly:" if len(found) > SHOWN else ":"),
        )

    def _place(self, row: int) -> str:
        label = f" ({self.windows.label[row]})" if self.windows.label[row] else ""
        return f"{self.windows.record[row]} at {self.windows.start[row]:.1f} s{label}"


def spoken(
    model: Model, windows: Windows, transforms: Sequence[Transform], *, seed: int = 0
) -> Spoken:
    """Active dimensions of the gated blocks, and the class, subject or transform of each.

    Parameters
    ----------
    windows
        Prepared for the model, with the context of every transform. Blocks are left out where
        they have neither classes nor subjects nor a transform to tell apart.
    """
    gated = [block.name for block in model.schema.blocks if block.gate]
    channels = model.preprocessing.channels
    if not gated:
        return Spoken({}, windows, channels)
    latents = model.embed(windows.centred)
    views = {t.name: both_sides(model, windows, t, seed)[1] for t in transforms}
    factors = {"class": windows.label, "subject": windows.subject}
    found: dict[str, list[Dimension]] = {}
    for name in gated:
        with suppress(InputError):
            moved = {transform: view[name] for transform, view in views.items()}
            found[name] = active_dimensions(latents[name], factors, moved)
    return Spoken(found, windows, channels)
