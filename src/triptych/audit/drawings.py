"""The figures of one report, with the words that stand beside them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from triptych.audit.report import Picture

__all__ = ["Drawings", "Figure"]


@dataclass(frozen=True)
class Figure:
    """A drawn file; `alt` says what it shows to who cannot see."""

    file: str
    title: str
    caption: str
    alt: str = ""

    def picture(self, folder: Path) -> Picture:
        """What the report shows of the file in `folder`."""
        alt = self.alt or f"{self.title}. {self.caption}"
        return Picture(folder / self.file, self.caption, alt)


@dataclass
class Drawings:
    """The figures of one report, drawn one after the other into `folder`.

    `note` belongs in every title: ``"simulated"`` or empty.
    """

    folder: Path
    note: str
    figures: list[Figure] = field(default_factory=list[Figure], kw_only=True)

    def add(
        self,
        file: str,
        title: str,
        draw: Callable[..., None],
        *drawn: Any,
        caption: str,
        alt: str = "",
        **how: Any,
    ) -> None:
        """Call ``draw(*drawn, path, title=, note=, **how)`` and put the figure into the report.

        Nothing happens where there is nothing to draw: an empty first argument.
        """
        if drawn and not drawn[0]:
            return
        draw(*drawn, self.folder / file, title=title, note=self.note, **how)
        self.figures.append(Figure(file, title, caption, alt))
