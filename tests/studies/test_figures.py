from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from triptych_studies.base import Cell, Finished
from triptych_studies.figures import Album
from triptych_studies.studies.imu_rotation import ImuRotation
from triptych_studies.studies.imu_rotation_figures import _beside_scl


def finished(method: str, fold: int = 0, **artifacts: Any) -> Finished:
    return Finished(Cell(method, "data", "subject", fold, 0), {}, artifacts)


def album(study: Any, folder: Path, *cells: Finished) -> Album:
    return Album(folder, "simulated", study, {"summary": []}, cells)


@pytest.mark.parametrize(
    ("methods", "shown"),
    [
        (("scl", "plain", "scl+augment"), ["plain", "scl+augment"]),
        (("scl", "plain"), ["plain", "scl"]),
        (("exact+scl",), []),
    ],
)
def test_the_distilled_row_stands_for_scl_where_it_was_run(
    tmp_path: Path, methods: tuple[str, ...], shown: list[str]
) -> None:
    cells = [finished(name, fold, map=fold) for fold in (1, 0) for name in methods]
    made = album(ImuRotation(), tmp_path, *cells)
    assert _beside_scl(made, "map") == dict.fromkeys(shown, 0)  # of the first fold
    assert _beside_scl(made, "directions") == {}


def test_artifacts_are_kept_where_a_figure_may_show_them() -> None:
    study = ImuRotation()
    assert study.draws(Cell("plain", "data"), "map")
    assert not study.draws(Cell("random", "data"), "map")
    assert study.draws(Cell("random", "data"), "angles")
    assert not study.draws(Cell("plain", "data", seed=1), "map")
    assert not study.draws(Cell("plain", "data", fold=1), "angles")
