from __future__ import annotations

import re

import numpy as np
import pytest
import scipy.stats
from benchmarks import calibration
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from triptych.errors import InputError
from triptych.metrics.differences import Difference, holm, paired_difference


def test_one_seed_is_a_paired_t_test_of_this_run() -> None:
    rng = np.random.default_rng(0)
    subject = rng.normal(0.6, 0.2, 21)  # subjects differ much more than the methods do
    b = subject + rng.normal(0, 0.01, 21)
    a = b + 0.031 + rng.normal(0, 0.01, 21)
    above = paired_difference(a, b, names=("scl", "plain"))
    expected = scipy.stats.ttest_rel(a, b)
    interval = expected.confidence_interval(0.95)
    assert (above.mean, above.p) == pytest.approx(((a - b).mean(), expected.pvalue))
    assert (above.low, above.high) == pytest.approx((interval.low, interval.high))
    assert above.shown
    mean, low, high = (f"{100 * each:.1f}" for each in (above.mean, above.low, above.high))
    said = rf" by {mean} points .*\(95 % interval {low} to {high}, 21 subjects, one seed\)$"
    assert re.search(f"^scl is above plain{said}", above.verdict)
    below = paired_difference(b, a, names=("plain", "scl"))
    assert re.search(f"^plain is below scl{said}", below.verdict)
    same = paired_difference(b, b + rng.normal(0, 0.05, 21))
    assert same.low < 0 < same.high
    assert not same.shown
    assert re.search("^no difference .*A and B .*95 %", same.verdict)


def test_seeds_and_subjects_match_the_formula_written_out() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(3, 8)), rng.normal(0.5, 2, (4, 8))
    gap = a.mean(axis=0) - b.mean(axis=0)
    parts = [gap.var(ddof=1) / 8, a.mean(1).var(ddof=1) / 3, b.mean(1).var(ddof=1) / 4]
    freedom = sum(parts) ** 2 / sum(p**2 / f for p, f in zip(parts, (7, 2, 3), strict=True))
    got = paired_difference(a, b)
    half = scipy.stats.t.ppf(0.975, freedom) * np.sqrt(sum(parts))
    assert (got.low, got.high) == pytest.approx((gap.mean() - half, gap.mean() + half))
    p = 2 * scipy.stats.t.sf(abs(gap.mean()) / np.sqrt(sum(parts)), freedom)
    assert got.p == pytest.approx(p)
    assert got.seeds == (3, 4)
    assert "in this run" not in got.verdict
    assert "8 subjects, 3" in got.verdict


def test_a_single_seed_borrows_the_variance_of_the_other_sides_seeds() -> None:
    rng = np.random.default_rng(2)
    a = 0.5 * rng.normal(size=(3, 1)) + rng.normal(size=(1, 30)) * 0.01
    few, many = paired_difference(a, a[:1]), paired_difference(a[:1], a[1:2])
    assert few.high - few.low > 3 * (many.high - many.low)


@pytest.mark.parametrize("subjects", [6, 10, 22, 30])
@pytest.mark.parametrize("ratio", [0.0, 0.5, 1.0])
def test_no_difference_is_called_one_in_5_percent(subjects: int, ratio: float) -> None:
    rng = np.random.default_rng(4)
    shared, trials = rng.normal(size=subjects), 1500
    wrong = sum(
        paired_difference(
            *(shared + calibration.simulated(rng, subjects, ratio, 0.3) for _ in "ab")
        ).shown
        for _ in range(trials)
    )
    assert 0.03 <= wrong / trials <= 0.07


def test_another_seed_of_the_same_method_is_called_different_in_3_to_7_percent() -> None:
    """Version 1 of the protocol, which drew subjects only: 28 %."""
    tables = [table for _, table in calibration.committed()]
    assert len(tables) > 300
    calls = [each for table in tables for each in calibration.called_different(table)]
    assert 0.03 <= np.mean(calls) <= 0.07
    single = [each for table in tables for each in calibration.called_different_in_one_run(table)]
    assert np.mean(single) > 0.2  # one seed alone speaks of its run, and says so


@given(arrays.arrays(np.float64, (3, 7), elements=st.floats(-10, 10)), st.floats(-5, 5))
def test_a_shift_moves_the_interval_and_a_swap_mirrors_it(a: np.ndarray, by: float) -> None:
    b = np.arange(21.0).reshape(3, 7) % 5
    got, moved, swapped = (paired_difference(*pair) for pair in ((a, b), (a + by, b), (b, a)))
    assert (moved.low, moved.high) == pytest.approx((got.low + by, got.high + by), abs=1e-6)
    assert (swapped.low, swapped.high) == pytest.approx((-got.high, -got.low), abs=1e-9)
    assert swapped.p == pytest.approx(got.p)


def test_five_subjects_cannot_show_a_difference() -> None:
    got = paired_difference(np.ones(5), np.zeros(5))
    assert not got.shown
    assert "fewer than 6" in got.verdict
    assert paired_difference(np.ones(6), np.zeros(6)).verdict.startswith("A is above B by 100.")


def test_equal_figures_are_no_difference() -> None:
    got = paired_difference(np.ones((3, 6)), np.ones((3, 6)))
    assert (got.mean, got.low, got.high, got.p) == (0, 0, 0, 1)
    assert not got.shown


def test_a_difference_in_another_unit_is_plain_data() -> None:
    got = paired_difference([1.0, 2.0], [0.0, 0.0], scale=1, unit="degrees")
    assert (got.subjects, got.mean, got.seeds) == (2, 1.5, (1, 1))
    content = got.to_dict()
    assert content["subjects"] == 2
    assert "degrees" not in content
    assert content["verdict"] == got.verdict


def differences(p: list[float]) -> list[Difference]:
    return [Difference(1.0, 0.5, 1.5, each, 20, (3, 3)) for each in p]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_matches_its_definition(p: list[float]) -> None:
    """A p value is rejected if it and all smaller ones are below 0.05 / (m - rank)."""
    judged = holm(differences(p))
    order = np.argsort(p, kind="stable")
    rejecting = True
    for rank, k in enumerate(order):
        bound = 0.05 / (len(p) - rank)
        if abs(p[k] - bound) < 1e-12:
            return  # rounding decides
        rejecting = rejecting and p[k] < bound
        assert judged[k].shown == rejecting
        assert judged[k].comparisons == len(p)
        assert judged[k].p >= p[k]


def test_a_difference_that_only_stands_alone_says_so() -> None:
    alone, *_ = differences([0.03])
    assert alone.shown
    judged, *_ = holm(differences([0.03, 0.5]))
    assert not judged.shown
    assert re.search("^no difference .*A and B .* 2 comparisons", judged.verdict)
    assert (judged.low, judged.high) == (0.5, 1.5)


def test_refusals() -> None:
    with pytest.raises(InputError, match="same test subjects"):
        paired_difference(np.ones(4), np.ones(5))
    with pytest.raises(InputError, match="a holds NaN"):
        paired_difference([1.0, np.nan], [1.0, 2.0])
    with pytest.raises(InputError, match="at least two"):
        paired_difference([1.0], [2.0])
    with pytest.raises(InputError, match="shape"):
        paired_difference(np.ones((2, 3, 4)), np.ones(4))
