"""Maps: neighbours stay neighbours, and the same latents give the same picture."""

from __future__ import annotations

import numpy as np
import pytest

from triptych.errors import InputError
from triptych_studies.maps import embedding_map


def clusters(n: int = 90) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    label = np.arange(n) % 3
    return 10 * np.eye(3, 16)[label] + rng.normal(size=(n, 16)), label


def test_neighbours_stay_neighbours_and_rows_are_named() -> None:
    z, label = clusters()
    rows, xy = embedding_map(z, n=60)
    assert xy.shape == (60, 2)
    assert (np.diff(rows) > 0).all()
    distance = np.linalg.norm(xy[:, None] - xy[None], axis=2) + 1e9 * np.eye(60)
    assert (label[rows][distance.argmin(axis=1)] == label[rows]).mean() > 0.95
    again = embedding_map(1000 * z, n=60)  # cosine: length does not count
    np.testing.assert_array_equal(again[0], rows)
    np.testing.assert_allclose(again[1], xy, rtol=0.05, atol=0.05 * np.abs(xy).max())


@pytest.mark.parametrize("z", [np.ones((20, 4)), np.arange(1.0, 21)[:, None]])
def test_collapsed_latents_are_drawn_too(z: np.ndarray) -> None:
    assert np.isfinite(embedding_map(z)[1]).all()


def test_too_few_latents_are_refused() -> None:
    with pytest.raises(InputError, match="at least 8"):
        embedding_map(np.ones((5, 4)))
