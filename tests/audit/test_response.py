"""How a sweep is drawn and listed: one point a distance, θ by name, limits by what is there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from triptych.audit import response
from triptych.audit.result import AuditResult
from triptych.audit.run import audit
from triptych.audit.sweep import grid_from, grid_of
from triptych.audit.write import draw
from triptych.metrics.matrix import FactorMatrix, Known
from triptych.transforms import (
    AxisMirror,
    Chain,
    Gain,
    NoiseSNR,
    PhaseShift,
    Rotation,
    TimeScale,
    Transform,
)

pytestmark = pytest.mark.usefixtures("coarse_figures")

RING = PhaseShift(max_shift=0.25, rate=50.0, mode="circular")


class Mine(PhaseShift):
    """A transform that no table of names knows."""

    name = "mine"


def result_of(transform: Transform, grid: Any = None, pattern: Any = None) -> AuditResult:
    """Audit of flattened windows of six subjects; `pattern` replaces the cosines of its curve."""
    x = torch.randn(12, 3, 50, generator=torch.Generator().manual_seed(0)).cumsum(-1)
    found = audit(lambda z: z.flatten(1), x, transform, grid=grid, groups=np.arange(12) % 6)
    if pattern is None:
        return found
    name, mean = found.headline, np.asarray(pattern, np.float64)
    curve = replace(found.curve, mean=mean, low=mean - 0.001, high=mean, between=0.98)
    return replace(found, curves={**found.curves, name: curve})


def names_of(result: AuditResult) -> list[str]:
    return [row[0].text for row in response.sweep_table(result).rows]


def test_turns_of_one_angle_are_one_point_and_the_single_axes_stay() -> None:
    turn = Rotation()
    result = result_of(turn, grid_of(turn, 20))
    found = response.drawn(result)
    np.testing.assert_allclose(found.at, np.linspace(0, 180, 21), atol=1e-3)
    assert found.mean[0] == 1
    assert list(found.singles) == ["about x", "about y", "about z"]
    each = np.stack([similarity for _, similarity in found.singles.values()])
    np.testing.assert_allclose(found.mean[1:], each.mean(axis=0), atol=1e-9)
    for distance, _ in found.singles.values():
        np.testing.assert_allclose(distance, found.at[1:], atol=1e-3)
    assert "mean over" in response.caption(result)


def test_signed_and_single_theta_are_drawn_as_they_are() -> None:
    shifts = result_of(RING, grid_of(RING, 5))
    found = response.drawn(shifts)
    np.testing.assert_allclose(found.at, np.linspace(-0.25, 0.25, 11), atol=0.011)
    assert found.singles == {}
    assert found.mean[5] == 1
    ends = np.argsort(shifts.curve.theta)[[0, -1]]
    assert found.mean[[0, -1]].tolist() == shifts.curve.mean[ends].tolist()
    noise = result_of(NoiseSNR(), grid_of(NoiseSNR(), 4))
    assert response.drawn(noise).singles == {}
    assert len(response.drawn(noise).at) == 5
    assert "mean over" not in response.caption(noise)


def test_rows_name_the_axis_in_a_stable_order() -> None:
    turn = Rotation()
    names = names_of(result_of(turn, grid_of(turn, 20)))
    expected = [f"{9 * k} degrees about {axis}" for k in range(1, 21) for axis in "xyz"]
    assert names == expected
    tilt = result_of(Rotation(kind="tilt"), grid_from(Rotation(kind="tilt"), [[10, 20]]))
    assert names_of(tilt)[:2] == ["10 degrees about x", "10 degrees about y"]
    assert "two horizontal axes" in response.sweep_table(tilt).note


@pytest.mark.parametrize(
    ("transform", "grid", "expected"),
    [
        (
            Rotation(),
            [[-0.5, 0, 0, 0.75**0.5], [0, 0, 0, 1.0], [0, 0.5, -0.5, 0.5**0.5], [-1, 0, 0, -1e-8]],
            [
                "0 degrees",
                "60 degrees about −x",
                "90 degrees about (0, 0.71, −0.71)",
                "180 degrees about x",
            ],
        ),
        (Rotation(kind="yaw"), [[30.0], [-30.0]], ["−30 degrees", "30 degrees"]),
        (RING, [[0.1], [-0.1]], ["−100 ms", "100 ms"]),
        (TimeScale(), [[1.1], [0.9]], ["× 0.9", "× 1.1"]),
        (
            AxisMirror(),
            [[1.0, -1.0, 1.0], [-1.0, 1.0, 1.0]],
            ["y mirrored", "x mirrored"],
        ),
        (NoiseSNR(), [[20.0, 0.0], [20.0, 4.0]], ["20 dB", "20 dB (seed 4)"]),
        (
            Chain(Rotation(), Gain()),
            grid_from(Chain(Rotation(), Gain()), [[0, 90, 180], [3]]),
            [
                "rotation 0 degrees, gain 3 dB",
                "rotation 90 degrees about z, gain 3 dB",
                "rotation 180 degrees about z, gain 3 dB",
            ],
        ),
    ],
)
def test_theta_is_said_as_the_transform_can_tell(
    transform: Transform, grid: Any, expected: list[str]
) -> None:
    assert names_of(result_of(transform, torch.as_tensor(grid, dtype=torch.float32))) == expected


class Offset:
    """A transform of one's own: no base class, and only what has no default."""

    name, unit = "offset", "mV"

    def sample(self, n: int, generator: Any = None) -> torch.Tensor:
        return torch.rand(n, 2, generator=generator)

    def identity(self, n: int) -> torch.Tensor:
        return torch.zeros(n, 2)

    def apply(self, x: torch.Tensor, params: torch.Tensor) -> torch.Tensor:
        return x + params.sum(dim=1)[:, None, None]

    def relative(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return b - a

    def distance(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return (b - a).norm(dim=1)


def test_a_transform_of_ones_own_is_told_by_its_distance() -> None:
    own: Any = Offset()
    assert names_of(result_of(own, [[3.0, -4.0], [0.0, 1.0]])) == ["1 mV (0, 1)", "5 mV (3, −4)"]
    assert len(result_of(own).steps.labels) == 20
    together = result_of(Chain(own, Gain()), [[3.0, 4.0, 6.0]])
    assert names_of(together) == ["offset 5 mV (3, 4), gain 6 dB"]


def test_a_ratio_is_drawn_where_its_distance_is() -> None:
    found = response.drawn(result_of(TimeScale(1.5), [[1.5], [1 / 1.5]]))
    np.testing.assert_allclose(found.at, [-np.log(1.5), 0, np.log(1.5)], atol=1e-6)
    assert found.mean[1] == 1


def test_the_axis_begins_near_what_is_drawn_and_says_so(tmp_path: Path) -> None:
    close = result_of(RING, [[0.1], [-0.1]], [0.985, 0.99])
    assert response.drawn(close).floor == 0.95
    assert "begins at 0.95" in response.caption(close)
    figures = {each.file: each for each in draw(close, tmp_path)}
    assert "begins at 0.95" in figures["similarity.png"].caption
    far = result_of(RING, [[0.1], [-0.1]], [0.3, 0.99])
    assert response.drawn(far).floor == 0
    assert response.caption(far) == ""


def test_the_gallery_says_what_is_a_hit(tmp_path: Path) -> None:
    x = torch.randn(12, 3, 50, generator=torch.Generator().manual_seed(0))
    result = audit(lambda z: z.mean(-1), x, RING, grid=[[0.1]], groups=np.arange(12) % 6)
    window = {"signal": x[0].numpy(), "record": "1", "label": "walking", "similarity": 0.5}
    example = {"rate": 50.0, "query": {**window, "shown": "shifted"}, "matches": [window]}
    figures = {f.file: f for f in draw(replace(result, example=example), tmp_path)}
    assert "also where" in figures["gallery.png"].caption


def test_an_empty_field_of_the_glass_box_is_explained(tmp_path: Path) -> None:
    cells = [
        Known(factor, block, "", "R²", 0.5, 0.01, 10)
        for factor, block in [("class", "a"), ("class", "all blocks"), ("rotation", "a")]
    ]
    for gone, said in ((cells, "θ is read from each block by itself"), (cells[:2], "known.")):
        box = FactorMatrix(tuple(gone), {}, {}, {}, {})
        result = replace(result_of(RING, [[0.1]]), glass=box)
        caption = {f.file: f for f in draw(result, tmp_path)}["glass_box.png"].caption
        assert said in caption
        assert (" A dash" in caption) == (len(gone) == 3)
