"""A report: one HTML file that holds its figures and style and opens without a network."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import TypeAlias

from triptych.audit.tables import Table
from triptych.errors import InputError
from triptych.files import write_atomically


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
    style = files("triptych.audit").joinpath("report.css").read_text(encoding="utf-8")
    named = [(f"part-{i}", s) for i, s in enumerate(sections)]
    links = "".join(f'<li><a href="#{n}">{escape(s.title)}</a></li>' for n, s in named if s.title)
    body = "\n".join(_section(name, section) for name, section in named)
    page = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; \
style-src 'unsafe-inline'">
<title>{escape(title)}</title>
<style>
{style}</style>
</head>
<body>
<header><h1>{escape(title)}</h1>
<nav aria-label="Contents"><ul>{links}</ul></nav></header>
<main>
{body}
</main>
</body>
</html>
"""
    with write_atomically(path) as handle:
        handle.write(page)
    return Path(path)


def _section(name: str, section: Section) -> str:
    parts = "\n".join(map(_part, section.parts))
    if not section.title:
        return f'<section id="{name}">\n{parts}\n</section>'
    heading = f'<h2 id="{name}-title">{escape(section.title)}</h2>'
    return f'<section id="{name}" aria-labelledby="{name}-title">\n{heading}\n{parts}\n</section>'


def _part(part: Part) -> str:
    match part:
        case Table():
            return part.to_html()
        case Text(text, lead):
            return f'<p class="lead">{escape(text)}</p>' if lead else f"<p>{escape(text)}</p>"
        case Points(points):
            return "<ul>" + "".join(f"<li>{escape(point)}</li>" for point in points) + "</ul>"
        case Terms(terms):
            rows = (f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in terms.items())
            return "<dl>" + "\n".join(rows) + "</dl>"
        case Code(text):
            return f"<pre><code>{escape(text)}</code></pre>"
        case Picture(file, caption, alt):
            image = f'<img alt="{escape(alt)}" {_pixels(file)}>'
            return f"<figure>{image}<figcaption>{escape(caption)}</figcaption></figure>"


def _pixels(file: Path) -> str:
    """Content of a PNG as attributes of `<img>`, at 96 pixels an inch whatever its own density."""
    from PIL import Image

    try:
        content = file.read_bytes()
        with Image.open(io.BytesIO(content)) as image:
            density = image.info.get("dpi", (96, 96))[0]
            width, height = (round(96 * side / density) for side in image.size)
    except (OSError, ValueError, ZeroDivisionError) as error:
        raise InputError(f"the figure {file} cannot be read as a PNG: {error}") from error
    data = base64.b64encode(content).decode("ascii")
    return f'width="{width}" height="{height}" src="data:image/png;base64,{data}"'
