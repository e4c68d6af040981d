from __future__ import annotations

import numpy as np
import pytest

from triptych.audit.disentanglement import disentanglement
from triptych.errors import InputError

N = 20_000
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


def test_a_dimension_a_factor_is_perfect() -> None:
    assert disentanglement(F, FACTORS).to_dict() == pytest.approx(PERFECT, abs=0.02)


def test_dimensions_that_mix_two_equal_factors_know_all_and_divide_nothing() -> None:
    values = {name: RNG.uniform(size=N) for name in ("rate", "gain")}
    a, b = (each - 0.5 for each in values.values())
    found = disentanglement(np.stack([a + b, a - b], axis=1), values)
    assert found.informativeness == pytest.approx(1, abs=0.02)
    assert found.explicitness == pytest.approx(1, abs=0.02)
    shared = (found.disentanglement, found.completeness, found.mig, found.sap, found.modularity)
    assert shared == pytest.approx((0, 0, 0, 0, 0), abs=0.02)


def test_a_collapsed_encoder_knows_nothing() -> None:
    found = disentanglement(np.ones((N, 3)), FACTORS).to_dict()
    assert found == dict.fromkeys(NOTHING)  # missing, and null in JSON


def test_permuted_latents_know_nothing() -> None:
    found = disentanglement(F[RNG.permutation(N)], FACTORS)
    assert found.to_dict() == pytest.approx(NOTHING, abs=0.02)


def test_blocks_that_turn_a_factor_inside_themselves_are_perfect_as_blocks_only() -> None:
    turn = np.array([[1.0, 1.0], [1.0, -1.0]]) / np.sqrt(2)
    noise = RNG.normal(size=(N, 2))
    z = np.concatenate([np.c_[F[:, i], noise[:, i]] @ turn for i in range(2)], axis=1)
    as_blocks = disentanglement(z, FACTORS, {"morphology": slice(0, 2), "timing": [2, 3]})
    assert as_blocks.to_dict() == pytest.approx(PERFECT, abs=0.02)
    assert disentanglement(z[:4000], {n: v[:4000] for n, v in FACTORS.items()}).mig < 0.1


def test_people_are_not_on_both_sides() -> None:
    # the label is the person's own and random: who knows the person does not know it of others
    person = np.arange(400) % 40
    label = np.random.default_rng(1).permutation(np.arange(40) % 2)[person]
    z = np.random.default_rng(2).normal(size=(40, 3))[person]
    factors = {"label": label, "other": np.random.default_rng(3).normal(size=400)}
    assert disentanglement(z, factors).informativeness > 0.4
    assert disentanglement(z, factors, groups=person).informativeness < 0.3


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
    with pytest.raises(InputError, match="groups are all one"):
        disentanglement(rng.normal(size=(40, 3)), factors, groups=np.zeros(40))
