from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from triptych.audit.drawings import Drawings, Figure
from triptych.audit.report import Picture


def test_what_there_is_is_drawn_and_its_words_are_kept(tmp_path: Path) -> None:
    seen: list[Any] = []

    def draw(what: Sequence[int], path: Path, *, title: str, note: str, wide: int) -> None:
        seen.append((list(what), path, title, note, wide))

    made = Drawings(tmp_path, "simulated")
    made.add("a.png", "A", draw, [1, 2], caption="what it is", alt="dots", wide=3)
    made.add("b.png", "B", draw, [], caption="nothing to draw", wide=3)
    assert seen == [([1, 2], tmp_path / "a.png", "A", "simulated", 3)]
    assert made.figures == [Figure("a.png", "A", "what it is", "dots")]


def test_a_figure_without_a_description_is_described_by_title_and_caption(tmp_path: Path) -> None:
    assert Figure("a.png", "A", "B.", "dots").picture(tmp_path) == Picture(
        tmp_path / "a.png", "B.", "dots"
    )
    assert Figure("a.png", "A", "B.").picture(tmp_path).alt == "A. B."
