from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.studies.fake import Fake, FakeData

from triptych.studies.base import Cell, Finished
from triptych.studies.figures import Album
from triptych.studies.imu_figures import _beside_scl
from triptych.studies.imu_rotation import ImuRotation


def finished(method: str, fold: int = 0, **artifacts: Any) -> Finished:
    return Finished(Cell(method, "data", "subject", fold, 0), {}, artifacts)


def album(study: Any, folder: Path, *cells: Finished) -> Album:
    return Album(folder, "simulated", study, {"summary": []}, cells)


def test_an_album_draws_what_there_is_and_remembers_its_words(tmp_path: Path) -> None:
    seen: list[Any] = []

    def draw(what: Sequence[int], path: Path, *, title: str, note: str, wide: int) -> None:
        seen.append((list(what), path, title, note, wide))

    made = album(Fake(FakeData(data_name="data", fingerprint="f")), tmp_path)
    made.add("a.png", "A", draw, [1, 2], caption="what it is", alt="dots", wide=3)
    made.add("b.png", "B", draw, [], caption="nothing to draw", wide=3)
    assert seen == [([1, 2], tmp_path / "a.png", "A", "simulated", 3)]
    (figure,) = made.figures
    assert (figure.file, figure.title, figure.caption, figure.alt) == (
        "a.png", "A", "what it is", "dots"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("methods", "shown"),
    [
        (("scl", "plain", "scl+augment"), ["plain", "scl+augment"]),
        (("scl", "plain"), ["plain", "scl"]),
        (("exact+scl",), []),
    ],
)
def test_the_taught_row_stands_for_scl_where_it_was_run(
    tmp_path: Path, methods: tuple[str, ...], shown: list[str]
) -> None:
    cells = [finished(name, fold, map=fold) for fold in (1, 0) for name in methods]
    made = album(ImuRotation(), tmp_path, *cells)
    assert _beside_scl(made, "map", "plain") == dict.fromkeys(shown, 0)  # of the first fold
    assert _beside_scl(made, "directions", "plain") == {}
