"""Figures of the benchmark."""

from __future__ import annotations

from triptych_studies.figures import Album


def draw(album: Album) -> None:
    """None yet."""
