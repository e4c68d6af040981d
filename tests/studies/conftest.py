"""What tests of the studies share."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.dummy import DummyRegressor

from triptych.metrics.regressors import Pairs, Predictor, ridge


@pytest.fixture
def ridge_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Probes without MLP and boosting, of which a study fits dozens; tests/metrics has them."""

    def quick(pairs: Pairs, y: np.ndarray, groups: object, seed: int) -> Predictor:
        read = ridge(pairs, y, (0.1,))
        return lambda unseen: read(unseen)[:, 0]

    def mean(x: np.ndarray, y: np.ndarray, seed: int) -> DummyRegressor:
        return DummyRegressor().fit(x, y)

    monkeypatch.setattr("triptych.metrics.probes.best_regressor", quick)
    monkeypatch.setattr("triptych.metrics.direction.boosted", mean)
