"""Direction probe: laws on latents whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from triptych.errors import InputError
from triptych.metrics.direction import direction_probe


def unit(n: int, seed: int) -> np.ndarray:
    vectors = np.random.default_rng(seed).standard_normal((n, 3))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


SUBJECTS = np.repeat(np.arange(4), 150)


def test_a_linear_image_of_the_direction_is_read_exactly() -> None:
    mix = np.random.default_rng(0).standard_normal((3, 7))
    d, new = unit(600, 1), unit(100, 2)
    found = direction_probe(d @ mix, d, SUBJECTS, new @ mix, new)
    assert found.per_row.mean() < 0.1
    assert found.r2 > 0.999


def test_a_bent_image_is_left_to_boosting() -> None:
    d, new = unit(600, 1), unit(100, 2)
    found = direction_probe(d**3, d, SUBJECTS, new**3, new)
    assert found.per_row.mean() < 5  # ridge is 18 off


def test_noise_reads_as_a_guess() -> None:
    rng = np.random.default_rng(5)
    z, new = rng.standard_normal((600, 5)), rng.standard_normal((400, 5))
    found = direction_probe(z, unit(600, 1), SUBJECTS, new, unit(400, 2))
    assert found.per_row.mean() == pytest.approx(90, abs=6)
    assert found.r2 <= 0.02


def test_collapsed_latents_are_no_guess_even() -> None:
    found = direction_probe(
        np.ones((600, 2)), unit(600, 1), SUBJECTS, np.ones((50, 2)), unit(50, 2)
    )
    assert np.isnan(found.r2)
    assert np.isnan(found.per_row).all()


@pytest.mark.parametrize(
    ("directions", "subjects", "words"),
    [
        (unit(599, 1), SUBJECTS, "vector of 3"),
        (unit(600, 1), np.zeros(600), "at least two"),
    ],
)
def test_what_does_not_fit_is_refused(
    directions: np.ndarray, subjects: np.ndarray, words: str
) -> None:
    z = np.random.default_rng(0).standard_normal((600, 3))
    with pytest.raises(InputError, match=words):
        direction_probe(z, directions, subjects, z, unit(600, 1))
