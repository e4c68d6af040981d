"""A report: one HTML file that holds its figures and style and opens without a network."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from triptych.audit.tables import Table
from triptych.errors import InputError
from triptych.files import write_atomically

__all__ = ["Code", "Part", "Picture", "Points", "Section", "Terms", "Text", "write_report"]


@dataclass(frozen=True)
class Text:
    """A paragraph; the first one of a report, with `lead`, is what a reader takes home."""

    text: str
    lead: bool = False


@dataclass(frozen=True)
class Points:
    """A list of sentences."""

    points: tuple[str, ...]


@dataclass(frozen=True)
class Picture:
    """A PNG file with its caption; `alt` says in words what it shows."""

    file: Path
    caption: str
    alt: str


@dataclass(frozen=True)
class Terms:
    """Words and what they mean, or settings and their values."""

    terms: Mapping[str, str]


@dataclass(frozen=True)
class Code:
    """A command or file content, as it is."""

    text: str


Part: TypeAlias = Text | Points | Picture | Terms | Code | Table


@dataclass(frozen=True)
class Section:
    """A heading and what stands under it."""

    title: str
    parts: tuple[Part, ...]


def write_report(path: str | Path, title: str, sections: Sequence[Section]) -> Path:
    """Write a self-contained report; nothing in it is fetched and no script runs.

    Parameters
    ----------
    title
        Over the page; names the data, and says "simulated" if they are.
    sections
        In reading order; a first section without a title stands directly under the page's title.

    Raises
    ------
    InputError
        If a figure cannot be read or the report cannot be written.
    """
    import jinja2

    loader = jinja2.PackageLoader("triptych.audit", "")
    pages = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
    filters: dict[str, Any] = pages.filters
    filters["pixels"] = _pixels
    page = pages.get_template("report.html.j2").render(title=title, sections=sections)
    with write_atomically(path) as handle:
        handle.write(page)
    return Path(path)


def _pixels(file: Path) -> dict[str, Any]:
    """Attributes of `<img>` that hold a PNG, at 96 pixels an inch whatever its own density."""
    from PIL import Image

    try:
        content = file.read_bytes()
        with Image.open(io.BytesIO(content)) as image:
            density = image.info.get("dpi", (96, 96))[0]
            width, height = (round(96 * side / density) for side in image.size)
    except (OSError, ValueError, ZeroDivisionError) as error:
        raise InputError(f"the figure {file} cannot be read as a PNG: {error}") from error
    data = base64.b64encode(content).decode("ascii")
    return {"width": width, "height": height, "src": f"data:image/png;base64,{data}"}
