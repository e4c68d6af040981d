"""Ablations: rows that change one thing, and the table of what it did."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from tests.studies import fake
from tests.studies.fake import Fake
from tests.studies.test_ecg_phase import task

from triptych.errors import InputError
from triptych.training import Recipe
from triptych_studies import ablations
from triptych_studies.base import Options
from triptych_studies.methods import recipe_of
from triptych_studies.runner import checked, run
from triptych_studies.studies.ecg_phase import EcgPhase
from triptych_studies.studies.imu_rotation import ImuRotation


class Changed(Fake):
    """Its method under study, and two changes of it."""

    ablations: ClassVar[dict[str, Any]] = {"size=1": {}, "size=2": {}}


def results(subjects: int = 8) -> dict[str, Any]:
    """size=1 is a little worse for everybody, size=2 now better and now worse."""
    rng = np.random.default_rng(0)
    base = rng.uniform(0.8, 0.9, subjects)
    shown = {
        "scl": base,
        "scl/size=1": base - 0.1,
        "scl/size=2": base + [0.1, -0.1] * (subjects // 2),
    }
    rows = [
        {
            "method": name,
            "dataset": "made-up",
            "split": "subject",
            "seed": 0,
            "metrics": {"cosine": float(each.mean()), "level": 0.5},
            "subjects": {str(i): {"n": 5, "metrics": {"cosine": v}} for i, v in enumerate(each)},
        }
        for name, each in shown.items()
    ]
    return {"rows": rows}


def test_a_change_is_compared_with_what_it_changes_subject_by_subject() -> None:
    table = ablations.tables(Changed(), results())[0]
    assert table.header == ("change", "cosine")  # level has no better side
    worse, even = table.rows
    assert [worse[0].text, worse[1].text, worse[1].strong] == ["size=1", "−10.0 ▼", True]
    assert [even[0].text, even[1].text, even[1].strong] == ["size=2", "+0.0", False]
    assert "[−10.0, −10.0]" in worse[1].detail
    assert ablations.tables(Fake(), results()) == []


def test_ablations_are_rows_only_when_they_are_asked_for(tmp_path: Path) -> None:
    study = Changed()
    assert study.ablated == ("scl", "scl/size=1", "scl/size=2")
    assert checked(study, Options(), 1).methods == study.methods
    assert checked(study, Options(methods=("scl/size=2", "scl")), 1).methods == (
        "scl",
        "scl/size=2",
    )
    with pytest.raises(InputError, match="scl/size=3"):
        run(study, tmp_path, options=Options(methods=("scl/size=3",)))


@pytest.mark.parametrize("study", [EcgPhase(), ImuRotation()])
def test_a_study_changes_one_thing_in_sixteen_rows_at_most(study: Any) -> None:
    assert 8 < len(study.ablated) <= 16
    assert all("=" in name for name in study.ablations)


def test_retired_ablations_are_used_where_they_are_finished_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(fake.LEVEL, "scl/size=2", 0.8)

    class Retired(Changed):
        retired: ClassVar[tuple[str, ...]] = ("size=2",)

    options = Options(methods=("scl", "scl/size=2"))
    run(Changed(), tmp_path / "old", options=options)
    for folder, expected in (("old", {"scl", "scl/size=2"}), ("new", {"scl"})):
        results = run(Retired(), tmp_path / folder, options=options).results
        assert {row["method"] for row in results["rows"]} == expected
    with pytest.raises(InputError, match=r"retired, .*scl/size=2"):
        run(Retired(), tmp_path / "none", options=Options(methods=("scl/size=2",)))


@pytest.mark.parametrize(
    "method", [m for m in EcgPhase().ablated if m.partition("/")[2] not in EcgPhase.retired]
)
def test_every_ablation_is_a_recipe_and_leaves_the_rest_alone(method: str) -> None:
    content = recipe_of(task(), method, 0, EcgPhase.ablations)
    own = recipe_of(task(), "scl", 0)
    changed = Recipe.of(content).to_dict()
    differs = {key for key, value in Recipe.of(own).to_dict().items() if changed[key] != value}
    assert len(differs - {"name"}) == (method != "scl")
    assert Recipe.of(content).schema_of_latent.size == 128
