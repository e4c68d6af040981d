from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from triptych.audit.statistics import (
    bootstrap_interval,
    jackknife_per_subject,
    paired_difference,
    per_subject,
    stack_subjects,
)
from triptych.errors import InputError


def ends(means: list[float], n: int) -> tuple[float, float]:
    """Expanded percentiles (Hesterberg 2015, 3.1) of drawn means of n figures."""
    tail = scipy.stats.norm.cdf(np.sqrt(n / (n - 1)) * scipy.stats.t.ppf(0.025, n - 1))
    low, high = np.quantile(means, [tail, 1 - tail])
    return float(low), float(high)


def test_one_seed_draws_subjects_only_and_matches_a_loop() -> None:
    values = np.random.default_rng(0).normal(0.8, 0.1, 21)
    rng = np.random.default_rng(1)
    means = [rng.choice(values, 21).mean() for _ in range(20_000)]
    got = bootstrap_interval(values, resamples=20_000)
    assert got.mean == pytest.approx(values.mean())
    assert (got.low, got.high) == pytest.approx(ends(means, 21), abs=2e-3)
    assert (got.seeds, got.subjects) == (1, 21)


def test_seeds_and_subjects_are_both_drawn_and_match_a_loop() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(3, 1)) + rng.normal(size=(1, 12))
    counts = rng.integers(1, 50, (3, 12)).astype(float)
    means = []
    for _ in range(20_000):
        drawn = np.ix_(rng.integers(0, 3, 3), rng.integers(0, 12, 12))
        means.append((values[drawn] * counts[drawn]).sum() / counts[drawn].sum())
    got = bootstrap_interval(values, counts, resamples=20_000)
    assert got.mean == pytest.approx((values * counts).sum() / counts.sum())
    assert (got.low, got.high) == pytest.approx(ends(means, 12), abs=0.06)
    only_subjects = bootstrap_interval(values.mean(axis=0))
    assert got.high - got.low > only_subjects.high - only_subjects.low


def test_the_interval_covers_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    inside = 0
    for trial in range(200):
        got = bootstrap_interval(rng.normal(size=40), resamples=400, seed=trial)
        inside += got.low <= 0 <= got.high
    assert 0.88 <= inside / 200 <= 0.99


def test_folds_that_test_different_people_are_one_table() -> None:
    table = stack_subjects([{"a": 0.5, "b": 0.7}, {"c": 0.9}])
    np.testing.assert_array_equal(table, [[0.5, 0.7, np.nan], [np.nan, np.nan, 0.9]])
    got = bootstrap_interval(table)
    assert got.mean == pytest.approx(0.7)
    assert (got.seeds, got.subjects) == (2, 3)
    assert 0.5 <= got.low <= got.mean <= got.high <= 0.9


def test_intervals_are_deterministic_and_a_single_figure_has_none() -> None:
    values = np.arange(20.0).reshape(2, 10)
    assert bootstrap_interval(values) == bootstrap_interval(values)
    assert bootstrap_interval(values) != bootstrap_interval(values, seed=1)
    lone = bootstrap_interval([0.5])
    assert lone.mean == 0.5
    assert lone.to_dict() == {"mean": 0.5, "low": None, "high": None, "seeds": 1, "subjects": 1}


@pytest.mark.parametrize("n", [6, 10, 30])
def test_few_people_do_not_make_an_interval_too_narrow(n: int) -> None:
    rng = np.random.default_rng(0)
    inside = 0
    for trial in range(600):
        got = bootstrap_interval(rng.normal(size=n), resamples=1000, seed=trial)
        inside += got.low <= 0 <= got.high
    assert 0.92 <= inside / 600 <= 0.98  # of 2.5 % percentiles: 0.88, 0.90, 0.93


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=12), st.floats(-10, 10))
def test_moving_all_figures_moves_the_interval(values: list[float], by: float) -> None:
    a = bootstrap_interval(values, resamples=50)
    b = bootstrap_interval(np.array(values) + by, resamples=50)
    assert (b.mean, b.low, b.high) == pytest.approx((a.mean + by, a.low + by, a.high + by))
    assert a.low - 1e-9 <= a.high


def test_per_subject_means_and_counts() -> None:
    got = per_subject([0.0, 1.0, 1.0, 0.5], ["b", "a", "a", "b"])
    assert got == {"a": (1.0, 2), "b": (0.25, 2)}


def test_a_difference_is_worded_by_its_interval() -> None:
    rng = np.random.default_rng(0)
    person = rng.normal(0.6, 0.2, 21)  # people differ much more than the methods do
    b = person + rng.normal(0, 0.01, 21)
    a = b + 0.031 + rng.normal(0, 0.01, 21)
    above = paired_difference(a, b, names=("scl", "plain"))
    assert above.mean == pytest.approx((a - b).mean())
    assert above.verdict.startswith("scl is above plain by 3.")
    assert f"(95 % interval {above.low * 100:.1f} to {above.high * 100:.1f}, 21" in above.verdict
    below = paired_difference(b, a, names=("plain", "scl"))
    assert below.verdict == above.verdict.replace("scl is above plain", "plain is below scl")
    same = paired_difference(b, b + rng.normal(0, 0.05, 21))
    assert same.low < 0 < same.high
    assert same.verdict.startswith("no difference shown between A and B (95 % interval -")


def test_five_people_cannot_show_a_difference() -> None:
    got = paired_difference(np.ones(5), np.zeros(5))
    assert got.low > 0
    assert got.verdict.startswith("no difference shown")
    assert "fewer than 6" in got.verdict
    assert paired_difference(np.ones(6), np.zeros(6)).verdict.startswith("A is above B by 100.0")


def test_a_difference_in_another_unit_is_plain_data() -> None:
    got = paired_difference([1.0, 2.0], [0.0, 0.0], scale=1, unit="degrees")
    assert (got.subjects, got.mean) == (2, 1.5)
    assert got.to_dict()["subjects"] == 2


def test_no_difference_is_rarely_called_one() -> None:
    rng = np.random.default_rng(0)
    wrong = sum(
        paired_difference(*rng.normal(size=(2, 20)), resamples=300).verdict.startswith("A is")
        for _ in range(200)
    )
    assert wrong / 200 <= 0.12


def test_refusals() -> None:
    with pytest.raises(InputError, match="nothing to average"):
        bootstrap_interval([np.nan, np.nan])
    with pytest.raises(InputError, match="nothing to average"):
        bootstrap_interval(np.ones((2, 3)), np.ones((2, 4)))
    with pytest.raises(InputError, match="nothing to average"):
        bootstrap_interval([1.0, 2.0], [-1.0, 3.0])
    with pytest.raises(InputError, match="shape"):
        bootstrap_interval(np.ones((2, 3, 4)))
    with pytest.raises(InputError, match="same test subjects"):
        paired_difference(np.ones(4), np.ones(5))
    with pytest.raises(InputError, match="a holds NaN"):
        paired_difference([1.0, np.nan], [1.0, 2.0])
    with pytest.raises(InputError, match="at least two"):
        paired_difference([1.0], [2.0])
    with pytest.raises(InputError, match="subjects has the shape"):
        per_subject([1.0, 2.0], ["a"])


def test_a_jackknife_of_a_mean_is_every_subjects_own_mean() -> None:
    rng = np.random.default_rng(0)
    values, people = rng.normal(size=40), np.array(list("aabbbccccd" * 4))
    parts = jackknife_per_subject(lambda kept: float(values[kept].mean()), people, 40)
    own = per_subject(values, people)
    assert {name: n for name, (_, n) in parts.items()} == {name: n for name, (_, n) in own.items()}
    for name, (mean, _) in own.items():
        assert parts[name][0] == pytest.approx(mean)


def test_a_jackknife_of_a_ratio_matches_the_formula_written_out() -> None:
    rng = np.random.default_rng(1)
    a, b, people = rng.uniform(1, 2, 12), rng.uniform(1, 2, 12), np.repeat(list("xyz"), [2, 4, 6])
    parts = jackknife_per_subject(lambda kept: float(a[kept].sum() / b[kept].sum()), people, 12)
    whole, sizes = a.sum() / b.sum(), {"x": 2, "y": 4, "z": 6}
    pseudo = {
        name: 12 / n * whole - (12 / n - 1) * a[people != name].sum() / b[people != name].sum()
        for name, n in sizes.items()
    }
    bias = sum(n * pseudo[name] for name, n in sizes.items()) / 12 - whole
    for name, n in sizes.items():
        assert parts[name] == (pytest.approx(pseudo[name] - bias), n)
    assert sum(n * value for value, n in parts.values()) / 12 == pytest.approx(whole)


def test_one_subject_cannot_be_left_out() -> None:
    with pytest.raises(InputError, match="one subject has all rows"):
        jackknife_per_subject(lambda kept: 0.0, ["a", "a"], 2)
