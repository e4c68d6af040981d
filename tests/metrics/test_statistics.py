from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from triptych.errors import InputError
from triptych.metrics.statistics import (
    bootstrap_interval,
    jackknife_per_subject,
    per_subject,
    stack_subjects,
)


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


def t_half_width(values: np.ndarray) -> float:
    """Half of the t interval of a mean over seeds and subjects (Welch and Satterthwaite)."""
    over_seeds, over_subjects = values.mean(axis=1), values.mean(axis=0)
    seeds, subjects = values.shape
    a, b = over_seeds.var(ddof=1) / seeds, over_subjects.var(ddof=1) / subjects
    freedom = (a + b) ** 2 / (a**2 / (seeds - 1) + b**2 / (subjects - 1))
    return float(scipy.stats.t.ppf(0.975, freedom) * np.sqrt(a + b))


def test_seeds_widen_the_interval_as_they_widen_a_t_interval() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(3, 1)) + rng.normal(size=(1, 400))
    got, alone = bootstrap_interval(values), bootstrap_interval(values.mean(axis=0))
    assert got.mean == pytest.approx(values.mean())
    assert (got.high - got.low) / 2 == pytest.approx(t_half_width(values), rel=0.02)
    assert got.high - got.low > 2 * (alone.high - alone.low)


def test_equal_seeds_leave_the_interval_of_the_subjects() -> None:
    values = np.random.default_rng(0).exponential(size=12)
    got, alone = bootstrap_interval(np.tile(values, (3, 1))), bootstrap_interval(values)
    assert (got.low, got.high) == pytest.approx((alone.low, alone.high))
    assert got.high - got.mean > got.mean - got.low  # skewed as the figures are


def test_seeds_without_subjects_have_the_t_interval() -> None:
    got = bootstrap_interval([[0.1], [0.4], [0.3]])
    expected = scipy.stats.ttest_1samp([0.1, 0.4, 0.3], 0).confidence_interval(0.95)
    assert (got.low, got.high) == pytest.approx((expected.low, expected.high))


def test_counts_weigh_subjects() -> None:
    rng = np.random.default_rng(0)
    values, counts = rng.normal(size=(3, 12)), rng.integers(1, 50, (3, 12)).astype(float)
    got = bootstrap_interval(values, counts)
    assert got.mean == pytest.approx((values * counts).sum() / counts.sum())
    twice = bootstrap_interval(values, 2 * counts)
    assert (twice.low, twice.high) == pytest.approx((got.low, got.high))


@pytest.mark.parametrize("subjects", [6, 10, 22, 30])
@pytest.mark.parametrize("ratio", [0.0, 0.5, 1.0])
def test_intervals_over_three_seeds_cover_95_percent(subjects: int, ratio: float) -> None:
    """`ratio` is the standard error that seeds add, in units of that of the subjects."""
    rng = np.random.default_rng(7)
    inside, trials = 0, 1500
    for _ in range(trials):
        seeds = ratio * np.sqrt(3 / subjects) * rng.normal(size=(3, 1))
        values = seeds + rng.normal(size=subjects) + 0.3 * rng.normal(size=(3, subjects))
        got = bootstrap_interval(values, resamples=2000)
        inside += got.low <= 0 <= got.high
    assert 0.93 <= inside / trials <= 0.97


def test_the_interval_covers_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    inside = 0
    for _ in range(200):
        got = bootstrap_interval(rng.normal(size=40), resamples=2000)
        inside += got.low <= 0 <= got.high
    assert 0.88 <= inside / 200 <= 0.99


def test_a_seed_may_lack_a_subject() -> None:
    table = stack_subjects([{"a": 0.5, "b": 0.7}, {"b": 0.8, "c": 0.9}])
    np.testing.assert_array_equal(table, [[0.5, 0.7, np.nan], [np.nan, 0.8, 0.9]])
    got = bootstrap_interval(table)
    assert got.mean == pytest.approx(0.725)
    assert (got.seeds, got.subjects) == (2, 3)
    assert got.low < got.mean < got.high


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
    for _ in range(600):
        got = bootstrap_interval(rng.normal(size=n), resamples=2000)
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


def test_refusals() -> None:
    with pytest.raises(InputError, match="nothing to average"):
        bootstrap_interval([np.nan, np.nan])
    with pytest.raises(InputError, match="nothing to average"):
        bootstrap_interval(np.ones((2, 3)), np.ones((2, 4)))
    with pytest.raises(InputError, match="nothing to average"):
        bootstrap_interval([1.0, 2.0], [-1.0, 3.0])
    with pytest.raises(InputError, match="shape"):
        bootstrap_interval(np.ones((2, 3, 4)))
    with pytest.raises(InputError, match="subjects has"):
        per_subject([1.0, 2.0], ["a"])


def test_a_jackknife_of_a_mean_is_every_subjects_own_mean() -> None:
    rng = np.random.default_rng(0)
    values, subjects = rng.normal(size=40), np.array(list("aabbbccccd" * 4))
    parts = jackknife_per_subject(lambda kept: float(values[kept].mean()), subjects, 40)
    own = per_subject(values, subjects)
    assert {name: n for name, (_, n) in parts.items()} == {name: n for name, (_, n) in own.items()}
    for name, (mean, _) in own.items():
        assert parts[name][0] == pytest.approx(mean)


def test_a_jackknife_of_a_ratio_matches_the_formula_written_out() -> None:
    rng = np.random.default_rng(1)
    a, b, subjects = rng.uniform(1, 2, 12), rng.uniform(1, 2, 12), np.repeat(list("xyz"), [2, 4, 6])
    parts = jackknife_per_subject(lambda kept: float(a[kept].sum() / b[kept].sum()), subjects, 12)
    whole, sizes = a.sum() / b.sum(), {"x": 2, "y": 4, "z": 6}
    pseudo = {
        name: 12 / n * whole - (12 / n - 1) * a[subjects != name].sum() / b[subjects != name].sum()
        for name, n in sizes.items()
    }
    bias = sum(n * pseudo[name] for name, n in sizes.items()) / 12 - whole
    for name, n in sizes.items():
        assert parts[name] == (pytest.approx(pseudo[name] - bias), n)
    assert sum(n * value for value, n in parts.values()) / 12 == pytest.approx(whole)


def test_one_subject_cannot_be_left_out() -> None:
    with pytest.raises(InputError, match="one subject"):
        jackknife_per_subject(lambda kept: 0.0, ["a", "a"], 2)
