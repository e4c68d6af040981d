"""Mean ranks and critical differences against Demšar's published figures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from triptych_studies.studies.benchmark_ranks import critical_difference, diagrams, ranks_of


@pytest.mark.parametrize(("methods", "q"), [(2, 1.960), (3, 2.343), (5, 2.728), (10, 3.164)])
def test_critical_differences_are_those_of_the_published_table(methods: int, q: float) -> None:
    expected = q * np.sqrt(methods * (methods + 1) / (6 * 14))
    assert critical_difference(methods, 14) == pytest.approx(expected, rel=1e-3)


def test_ranks_share_ties_and_leave_out_rows_that_a_task_lacks() -> None:
    table = {
        "a": {"t": 0.9, "u": 0.5, "v": 0.7},
        "b": {"t": 0.9, "u": 0.4, "v": 0.1},
        "c": {"t": 0.1, "u": 0.6, "v": 0.2},
        "d": {"t": 1.0},
    }
    found = ranks_of(table)
    assert found is not None
    assert found.means == pytest.approx({"a": 4.5 / 3, "c": 6 / 3, "b": 7.5 / 3})
    assert list(found.means) == ["a", "c", "b"]
    assert found.groups == [(1.5, 2.5)]
    lower = ranks_of(table, "lower")
    assert lower is not None
    assert lower.means == pytest.approx({"a": 7.5 / 3, "c": 6 / 3, "b": 4.5 / 3})


@given(count=st.integers(3, 6), seed=st.integers(0, 99))
def test_ranks_add_up_and_groups_are_maximal(count: int, seed: int) -> None:
    values = np.random.default_rng(seed).random((count, 20))
    values += np.arange(count)[:, None] / 3
    table = {
        f"m{k}": dict(zip("abcdefghijklmnopqrst", row, strict=True)) for k, row in enumerate(values)
    }
    found = ranks_of(table)
    assert found is not None
    assert sum(found.means.values()) == pytest.approx(count * (count + 1) / 2)
    for first, last in found.groups:
        assert 0 < last - first < found.critical
    ends = [last for _, last in found.groups]
    assert ends == sorted(set(ends))


def test_too_little_to_rank_gives_no_diagram(tmp_path: Path) -> None:
    assert (
        ranks_of({"a": {"t": 1.0, "u": 1.0, "v": 1.0}, "b": {"t": 0.0, "u": 0.0, "v": 0.0}}) is None
    )
    table = {
        name: {task: k + 0.1 * j for j, task in enumerate("tuv")} for k, name in enumerate("abcd")
    }
    found = ranks_of(table)
    assert found is not None
    diagrams({"probe": found}, tmp_path / "ranks.png", title="Mean ranks")
    assert (tmp_path / "ranks.png").stat().st_size > 5_000
