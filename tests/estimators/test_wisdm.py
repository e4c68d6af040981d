"""A grid search on real recordings, subjects apart."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sklearn
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import make_pipeline

from triptych import Block, BlockEncoder
from triptych.datasets import packed, random_windows, wisdm
from triptych.estimators import ConsistencyScorer

SUBJECTS = ("1608", "1616", "1626", "1600", "1612", "1630", "1640", "1645", "1620", "1624")
ACTIVITIES = ("walking", "jogging", "sitting", "typing")


@pytest.fixture
def _routing() -> Iterator[None]:
    with sklearn.config_context(enable_metadata_routing=True):
        yield


@pytest.mark.data
@pytest.mark.usefixtures("_routing")
def test_a_grid_search_over_recipes_keeps_subjects_apart(data_root: Path, tmp_path: Path) -> None:
    folder = tmp_path / "raw" / "watch" / "accel"
    folder.mkdir(parents=True)
    for name in SUBJECTS:
        found = packed.find(data_root / "wisdm", f"raw/watch/accel/data_{name}_accel_watch.txt")
        if found is not None:
            (folder / found.name).symlink_to(found)
    if len(list(folder.iterdir())) < 6:
        pytest.skip("fewer than six of these subjects of WISDM 2019 are here")
    data = random_windows(wisdm.load(tmp_path, activities=ACTIVITIES), 12, 4.0, seed=0)
    X, y, subjects = data.centred.numpy(), data.label, data.subject
    seen: list[tuple[set[str], set[str]]] = []

    class Apart(GroupKFold):
        def split(self, X: Any, y: Any = None, groups: Any = None) -> Any:
            for train, test in super().split(X, y, groups):
                seen.append((set(groups[train]), set(groups[test])))
                yield train, test

    encoder = BlockEncoder(
        [Block("activity", 16, invariant_to="rotation")],
        "rotation",
        rate=20,
        encoder={"name": "conv", "front_end": "rotation_invariants", "widths": [16, 16],
                 "kernels": [7, 5], "strides": [2, 2]},
        epochs=3,
        validation_fraction=0.3,
        device="cpu",
        random_state=0,
    ).set_fit_request(groups=True)  # fmt: skip
    fixed = {"training.monitor": "macro_f1", "training.class_weights": "balanced"}
    grid = {
        "blockencoder__learning_rate": [1e-5, 1e-2],
        "blockencoder__changes": [{**fixed, "objective.temperature": 0.1}],
    }
    search = GridSearchCV(
        make_pipeline(encoder, LogisticRegression(max_iter=200)),
        grid,
        cv=Apart(3),
        scoring={"accuracy": "balanced_accuracy", "kept": ConsistencyScorer("rotation", rate=20)},
        refit="accuracy",
    ).fit(X, y, groups=subjects)
    assert len(seen) == 3
    assert all(not train & test for train, test in seen)
    assert len(search.cv_results_["params"]) == 2
    assert search.best_score_ > 0.6  # chance is 0.25
    assert search.cv_results_["mean_test_kept"].min() > 0.99  # exact channels
    kept = search.best_estimator_[0].model_.info["recipe"]
    assert kept["training"]["monitor"] == "macro_f1"
    assert np.isfinite(search.best_estimator_[0].history_[0]["validation/macro_f1"])
