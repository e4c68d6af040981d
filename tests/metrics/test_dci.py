from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from triptych.errors import InputError
from triptych.metrics import dci as module
from triptych.metrics.dci import disentanglement

N = 10_000
RNG = np.random.default_rng(0)
FACTORS = {"class": RNG.integers(0, 2, N), "rate": RNG.uniform(size=N)}
F = np.stack([(values - values.mean()) / values.std() for values in FACTORS.values()], axis=1)
PERFECT = dict.fromkeys(
    (
        "disentanglement",
        "completeness",
        "informativeness",
        "mig",
        "sap",
        "modularity",
        "explicitness",
    ),
    1.0,
)
NOTHING = dict.fromkeys(PERFECT, 0.0) | {"explicitness": 0.5}


def measured(z: np.ndarray, factors: Any, *more: Any) -> dict[str, float]:
    """All metrics, without their chance levels: with so many rows these are 0."""
    found = disentanglement(z, factors, *more, permutations=0).to_dict()
    assert found.pop("chance") == {}
    return found


def test_a_dimension_a_factor_is_perfect() -> None:
    assert measured(F, FACTORS) == pytest.approx(PERFECT, abs=0.02)


def test_dimensions_that_mix_two_equal_factors_know_all_and_divide_nothing() -> None:
    values = {name: RNG.uniform(size=2 * N) for name in ("rate", "gain")}
    a, b = (each - 0.5 for each in values.values())
    found = disentanglement(np.stack([a + b, a - b], axis=1), values, permutations=0)
    assert found.informativeness == pytest.approx(1, abs=0.02)
    assert found.explicitness == pytest.approx(1, abs=0.02)
    shared = (found.disentanglement, found.completeness, found.mig, found.sap, found.modularity)
    assert shared == pytest.approx((0, 0, 0, 0, 0), abs=0.02)


def test_a_collapsed_encoder_knows_nothing() -> None:
    found = disentanglement(np.ones((N, 3)), FACTORS).to_dict()
    assert found == {**dict.fromkeys(NOTHING), "chance": {}}  # missing, and null in JSON


def test_permuted_latents_know_nothing() -> None:
    found = measured(F[RNG.permutation(N)], FACTORS)
    assert found == pytest.approx(NOTHING, abs=0.02)


def test_blocks_that_turn_a_factor_inside_themselves_are_perfect_as_blocks_only() -> None:
    turn = np.array([[1.0, 1.0], [1.0, -1.0]]) / np.sqrt(2)
    noise = RNG.normal(size=(N, 2))
    z = np.concatenate([np.c_[F[:, i], noise[:, i]] @ turn for i in range(2)], axis=1)
    as_blocks = measured(z, FACTORS, {"morphology": slice(0, 2), "timing": [2, 3]})
    assert as_blocks == pytest.approx(PERFECT, abs=0.02)
    assert measured(z[:4000], {n: v[:4000] for n, v in FACTORS.items()})["mig"] < 0.1


def test_people_are_not_on_both_sides() -> None:
    # the label is the subject's own and random: who knows the subject does not know it of others
    subject = np.arange(400) % 40
    label = np.random.default_rng(1).permutation(np.arange(40) % 2)[subject]
    z = np.random.default_rng(2).normal(size=(40, 3))[subject]
    factors = {"label": label, "other": np.random.default_rng(3).normal(size=400)}
    assert disentanglement(z, factors, permutations=0).informativeness > 0.4
    assert disentanglement(z, factors, groups=subject, permutations=0).informativeness < 0.3


def test_what_cannot_be_divided_is_refused() -> None:
    with pytest.raises(InputError, match="1 factor"):
        disentanglement(F, {"class": FACTORS["class"]})
    with pytest.raises(InputError, match="one value only"):
        disentanglement(F, {"rate": FACTORS["rate"], "one": np.ones(N)})
    with pytest.raises(InputError, match="no empty block"):
        disentanglement(F, FACTORS, {"a": slice(0, 2), "b": []})


def test_one_group_cannot_be_split() -> None:
    rng = np.random.default_rng(0)
    factors = {"a": rng.normal(size=40), "b": rng.integers(0, 3, 40)}
    with pytest.raises(InputError, match="groups are"):
        disentanglement(rng.normal(size=(40, 3)), factors, groups=np.zeros(40))


# What follows are the cases of disentanglement_lib's own tests, with the values expected there: ten
# factors of ten values each, and latents that are these factors, twice, or in a random order.
INTEGERS = np.random.default_rng(4).integers(1, 11, size=(2000, 10))
FEWER = INTEGERS[:1000]
TWICE = 1 - np.log(2) / np.log(20)


def ten(rows: int) -> dict[str, np.ndarray]:
    return {str(k): column for k, column in enumerate(INTEGERS[:rows].T)}


@pytest.mark.parametrize(
    ("z", "expected"),
    [
        (FEWER, {"disentanglement": 1, "completeness": 1, "mig": 1, "modularity": 1}),
        (
            np.hstack([FEWER, 3 * FEWER]),  # scaled copies, which the library does not try
            {"disentanglement": 1, "completeness": TWICE, "mig": 0, "sap": 0, "modularity": 1},
        ),
        (
            np.random.default_rng(5).permuted(INTEGERS, axis=1),
            {"disentanglement": 0.1, "completeness": 0.1},  # expected there: 0 to 0.2
        ),
    ],
    ids=["perfect", "duplicated", "mixed"],  # zeros are 0 there and missing here: they collapsed
)
def test_as_disentanglement_lib(z: np.ndarray, expected: dict[str, float]) -> None:
    found = measured(z.astype(np.float64), ten(len(z)))
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=0.1)


def test_sap_of_continuous_factors_as_disentanglement_lib() -> None:
    floats = {name: values.astype(np.float64) for name, values in ten(1000).items()}
    assert measured(FEWER.astype(np.float64), floats)["sap"] == pytest.approx(1, abs=0.1)


DIAGONAL = 5 * np.eye(5)
EMPTY = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])


@pytest.mark.parametrize(
    ("matrix", "d", "c", "m"),
    [
        (DIAGONAL, 1, 1, 1),
        (EMPTY, 1, 1, 2 / 3),
        (np.zeros((10, 10)), 0, 0, 0),
        (np.vstack([DIAGONAL, DIAGONAL]), 1, 1 - np.log(2) / np.log(10), 1),
        # the library leaves factors that are missed out of completeness: 1; here they are 0
        (DIAGONAL[:2], 1, 2 / 5, 1),
        (np.hstack([DIAGONAL, DIAGONAL]), 1 - np.log(2) / np.log(10), 1, 1 - 1 / 9),
    ],
)
def test_matrices_of_disentanglement_lib(matrix: np.ndarray, d: float, c: float, m: float) -> None:
    assert module._disentanglement(matrix) == pytest.approx(d)
    assert module._completeness(matrix) == pytest.approx(c)
    assert module._modularity(matrix, np.zeros_like(matrix)) == pytest.approx(m)


def test_copies_share_a_factor_with_few_rows_too() -> None:
    z = np.random.default_rng(6).uniform(size=(500, 3))
    found = measured(np.hstack([z, 3 * z]), {str(k): column for k, column in enumerate(z.T)})
    assert found["completeness"] == pytest.approx(1 - np.log(2) / np.log(6), abs=0.02)


def test_what_is_chance_at_n_is_said_and_noise_is_not_above_it() -> None:
    rng = np.random.default_rng(7)
    z, u = rng.normal(size=(300, 4)), rng.uniform(size=(2, 300))
    factors = {"class": rng.integers(0, 4, 300), "rate": u[0], "gain": u[1]}
    found = disentanglement(z, factors, permutations=3).to_dict()
    chance = found.pop("chance")
    assert set(chance) == set(found)
    assert found["modularity"] == chance["modularity"] == 0  # before: 0.97 of noise
    assert {n: found[n] - chance[n] for n in ("informativeness", "mig", "sap", "explicitness")} == (
        pytest.approx(dict.fromkeys(("informativeness", "mig", "sap", "explicitness"), 0), abs=0.06)
    )
    assert chance["mig"] < 0.03


def test_chance_keeps_what_belongs_to_subjects() -> None:
    # a factor of four subjects has few orders: what is read by telling them apart is chance
    subject = np.repeat(np.arange(4), 40)
    z = np.eye(4)[subject] + 0.01 * np.random.default_rng(8).normal(size=(160, 4))
    factors = {"own": subject % 2, "other": np.random.default_rng(9).normal(size=160)}
    data = module._Data.of(z, factors, None, subject, 0)
    for other in data.shuffled(5, 0):
        for name in range(4):
            assert np.ptp(other.factors[0][subject == name]) == 0
            moved = set(other.factors[1][subject == name])  # of one subject, whole
            assert moved in [set(data.factors[1][subject == each]) for each in range(4)]
