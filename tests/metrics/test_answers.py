"""Metrics of predictions, whatever type the arrays have."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score, roc_auc_score

from triptych.errors import InputError
from triptych.metrics.answers import class_scores, macro_auroc, set_scores, value_scores

RNG = np.random.default_rng(0)
SCORES = RNG.random((40, 3))
TRUTH = RNG.random((40, 3)) < 0.4


@pytest.mark.parametrize("kind", [np.bool_, np.int64, np.float32])
def test_sets_of_labels_are_flags_of_any_type(kind: type) -> None:
    given = TRUTH.astype(kind)
    assert macro_auroc(given, SCORES) == pytest.approx(roc_auc_score(TRUTH, SCORES))
    found = set_scores(given, SCORES)
    assert found["macro_auroc"] == pytest.approx(roc_auc_score(TRUTH, SCORES))
    assert found["macro_f1"] == pytest.approx(f1_score(TRUTH, SCORES >= 0.5, average="macro"))
    assert found["accuracy"] == pytest.approx(((SCORES >= 0.5) == TRUTH).all(axis=1).mean())


@pytest.mark.parametrize("truth", [[0, 3], [0, -1], [0, 1, 2]])
def test_classes_that_cannot_be_are_refused(truth: list[int]) -> None:
    with pytest.raises(InputError, match="truth"):
        class_scores(np.array(truth), SCORES[:2])


def test_a_column_of_numbers_is_not_compared_with_a_row() -> None:
    with pytest.raises(InputError, match="shapes"):
        value_scores(np.zeros((3, 1)), np.arange(3.0))
