"""Laws that hold for every transform, chains, and the registry."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from triptych.errors import InputError
from triptych.transforms import (
    BaselineWander,
    Chain,
    ChannelDropout,
    ChannelShift,
    Gain,
    Group,
    LeadSwap,
    NoiseSNR,
    PhaseShift,
    Rotation,
    TimeScale,
    Transform,
    from_dict,
    names,
    to_dict,
    transform,
)

RATE = 50.0
CASES: dict[str, Transform] = {
    "crop": PhaseShift(0.2, RATE),
    "circular": PhaseShift(0.2, RATE, mode="circular"),
    "circular_grid": PhaseShift(0.2, RATE, mode="circular", whole=True, length=33),
    "time_scale": TimeScale(1.3),
    "time_scale_crop": TimeScale(1.3, length=33),
    "gain": Gain(),
    "noise_snr": NoiseSNR(),
    "baseline_wander": BaselineWander(rate=RATE),
    "channel_dropout": ChannelDropout(max_channels=2),
    "channel_shift": ChannelShift(channels=6),
    "lead_swap": LeadSwap(channels=6, swaps=2),
    "so3": Rotation(),
    "so3_one_of_two": Rotation(triads=((3, 5, 1),)),
    "yaw": Rotation("yaw"),
    "tilt": Rotation("tilt", max_angle=60),
    "cube24": Rotation("cube24"),
    "axis_mirror": transform("axis_mirror"),
    "gaps": transform("gaps", fill="interpolate"),
    "chain": Chain(PhaseShift(0.1, RATE), Rotation("yaw"), NoiseSNR()),
}
every = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
seeds = st.integers(0, 2**20)
devices = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def signals(case: Transform, n: int = 5, dtype: torch.dtype = torch.float64, seed: int = 0):
    x = torch.randn(n, 6, 33 + 2 * case.context, generator=generator(seed), dtype=torch.float64)
    return (x + 0.5).to(dtype)


def centre(case: Transform, x: torch.Tensor) -> torch.Tensor:
    return x[..., case.context : x.shape[2] - case.context]


@every
def test_it_is_a_frozen_transform_with_a_name_and_a_unit(case: Transform) -> None:
    assert isinstance(case, Transform)
    assert case.name
    assert case.unit
    assert hash(case) == hash(dataclasses.replace(case) if case.name != "chain" else case)
    with pytest.raises(dataclasses.FrozenInstanceError):
        case.name = "another"  # type: ignore[misc]


@every
def test_sampling_is_float32_and_repeats_with_the_generator(case: Transform) -> None:
    first, again = case.sample(7, generator(3)), case.sample(7, generator(3))
    assert first.dtype == torch.float32
    assert first.shape == case.identity(7).shape
    assert torch.equal(first, again)
    assert not torch.equal(case.sample(64, generator(3)), case.sample(64, generator(4)))
    assert case.sample(0).shape[0] == 0


@every
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("device", devices)
def test_dtype_and_device_are_kept_and_theta_may_live_elsewhere(
    case: Transform, dtype: torch.dtype, device: str
) -> None:
    x = signals(case, dtype=dtype).to(device)
    y = case.apply(x, case.sample(5, generator(0)))
    assert y.dtype == dtype
    assert y.device == x.device
    assert y.shape == (5, 6, 33)
    assert y.isfinite().all()


@every
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_the_identity_changes_nothing(case: Transform, dtype: torch.dtype) -> None:
    x = signals(case, dtype=dtype)
    y = case.apply(x, case.identity(5))
    torch.testing.assert_close(y, centre(case, x), rtol=1e-6, atol=1e-6)
    assert (case.distance(case.identity(5), case.identity(5)) == 0).all()


@every
@settings(max_examples=10)
@given(seed=seeds)
def test_apply_is_pure_and_independent_of_the_batch_around(case: Transform, seed: int) -> None:
    x, params = signals(case, seed=seed), case.sample(5, generator(seed))
    before = x.clone(), params.clone()
    y = case.apply(x, params)
    assert torch.equal(y, case.apply(x, params))
    assert torch.equal(x, before[0])
    assert torch.equal(params, before[1])
    assert y.data_ptr() != x.data_ptr()
    for i in (0, 3):
        alone = case.apply(x[i : i + 1], params[i : i + 1])
        torch.testing.assert_close(alone[0], y[i], rtol=1e-12, atol=1e-12)


@every
def test_one_row_of_parameters_is_shared_by_the_batch(case: Transform) -> None:
    x, params = signals(case), case.sample(1, generator(1))
    assert torch.equal(case.apply(x, params), case.apply(x, params.repeat(5, 1)))


@every
def test_gradients_with_respect_to_x_are_right(case: Transform) -> None:
    x = signals(case, n=2).requires_grad_()
    params = case.sample(2, generator(5))
    torch.autograd.gradcheck(lambda x: case.apply(x, params), (x,), fast_mode=True)
    assert torch.equal(case.apply(x, params).detach(), case.apply(x.detach(), params))


@every
@settings(max_examples=10)
@given(seed=seeds)
def test_distance_is_zero_to_itself_symmetric_and_never_negative(
    case: Transform, seed: int
) -> None:
    a, b = case.sample(4, generator(seed)), case.sample(4, generator(seed + 1))
    # normalising a quaternion again moves its last bit
    assert (case.distance(a, a) < 1e-5).all()
    assert (case.distance(a, b) >= 0).all()
    torch.testing.assert_close(case.distance(a, b), case.distance(b, a), rtol=1e-4, atol=1e-4)


@every
@settings(max_examples=10)
@given(seed=seeds)
def test_groups_compose_and_invert(case: Transform, seed: int) -> None:
    if not isinstance(case, Group):
        return
    a, b, c = (case.sample(4, generator(seed + i)) for i in range(3))
    e = case.identity(4)

    def same(left: torch.Tensor, right: torch.Tensor) -> None:
        tolerance = 0.05 if case.unit == "degrees" else 1e-5
        assert (case.distance(left, right) <= tolerance).all()

    same(case.compose(a, e), a)
    same(case.compose(e, a), a)
    same(case.compose(a, case.inverse(a)), e)
    same(case.compose(case.compose(a, b), c), case.compose(a, case.compose(b, c)))
    same(case.compose(a, case.relative(a, b)), b)


@every
def test_what_does_not_fit_is_refused_with_its_shape(case: Transform) -> None:
    x, params = signals(case), case.sample(5, generator(0))
    for wrong_x, wrong_params, quoted in [
        (x[0], params, r"\(6, "),
        (x.long(), params, "int64"),
        (x, params[:3], r"\(3, "),
        (x, params[:, 0], r"\(5,\)"),
        (x, torch.cat([params, params], dim=1), r"\(5, "),
    ]:
        with pytest.raises(InputError, match=quoted):
            case.apply(wrong_x, wrong_params)


@every
def test_json_brings_it_back(case: Transform) -> None:
    assert from_dict(json.loads(json.dumps(to_dict(case)))) == case


def test_an_empty_batch_passes() -> None:
    for case in CASES.values():
        assert case.apply(signals(case, n=0), case.sample(0)).shape == (0, 6, 33), case


# What sweeps need to know


def away(case: Transform, theta: torch.Tensor) -> torch.Tensor:
    distance = case.distance(theta, case.identity(1).expand(len(theta), -1))
    return distance if distance.ndim == 1 else distance.sum(dim=1)  # of a chain


@every
def test_a_grid_begins_with_the_identity_and_rises(case: Transform) -> None:
    grid = case.grid(6)
    assert torch.equal(grid[:1], case.identity(1))
    assert grid.dtype == torch.float32
    assert len({tuple(row) for row in grid.tolist()}) == len(grid) > 1
    distance = away(case, grid)
    assert (distance[1:] > 0).all()
    assert (distance.diff() >= -1e-4 * distance.max()).all()
    assert torch.equal(grid, case.grid(6))
    assert case.apply(signals(case, n=1).expand(len(grid), -1, -1), grid).isfinite().all()
    assert torch.equal(case.grid(0), case.identity(1))


@every
def test_a_grid_goes_to_the_limit(case: Transform) -> None:
    limit = getattr(case, "limit", None)
    if limit is not None:
        assert float(away(case, case.grid(5)).max()) == pytest.approx(limit, rel=1e-4)


LEVELS = {
    "channel_dropout": (1, 2),
    "channel_shift": (1, 2),
    "lead_swap": (3, 4),
    "axis_mirror": (1,),
    "rotation": (0.5, 30, 60),
    "cube24": (90, 120, 180),
    "phase_shift": (0.02, 0.1, 0.2),
    "chain": (0.02, 0.1),
}


def levels(case: Transform) -> tuple[float, ...]:
    """Distances at which the transform has θ."""
    kind = getattr(case, "kind", "")
    return LEVELS[kind] if kind in LEVELS else LEVELS.get(case.name, (0.1, 0.25))


@every
def test_what_is_at_a_distance_lies_there(case: Transform) -> None:
    for value in levels(case):
        theta = case.at(value)
        assert theta.shape[1:] == case.identity(1).shape[1:]
        torch.testing.assert_close(
            away(case, theta), torch.full((len(theta),), float(value)), rtol=1e-4, atol=1e-5
        )
    assert (away(case, case.at(0)) == 0).all()


@every
@settings(max_examples=10)
@given(seed=seeds)
def test_every_theta_has_words_of_its_own(case: Transform, seed: int) -> None:
    known = torch.cat([case.grid(5), *(case.at(v) for v in levels(case))])
    words = case.label(theta := torch.unique(known, dim=0))
    assert len(set(words)) == len(words) == len(theta)
    drawn = case.label(torch.cat([case.sample(3, generator(seed)), theta]))
    assert drawn[3:] == words  # the same in any company


def test_theta_is_said_in_physical_units() -> None:
    for case, theta, words in [
        (PhaseShift(), PhaseShift().at(0.075), ["75 ms"]),
        (Gain(), Gain().at(-3), ["−3 dB"]),
        (NoiseSNR(), NoiseSNR().at(0.1), ["20 dB"]),
        (NoiseSNR(), NoiseSNR().identity(1), ["no noise"]),
        (TimeScale(), TimeScale().theta(1.1), ["× 1.1"]),
        (Rotation(), Rotation().at(90), [f"90 degrees about {axis}" for axis in "xyz"]),
        (Rotation("tilt"), Rotation("tilt").at(20), [f"20 degrees about {axis}" for axis in "xy"]),
        (Rotation("yaw"), Rotation("yaw").at(-30), ["−30 degrees"]),
        (ChannelDropout(), torch.tensor([[1.0, 7.0]]), ["1 channels (seed 7)"]),
        (LeadSwap(3), torch.tensor([[2.0, 1.0, 0.0]]), ["channels 0, 2 from 2, 0"]),
    ]:
        assert case.label(theta) == words
    assert NoiseSNR().theta(20).tolist() == [[20, 0]]
    with pytest.raises(InputError, match="lead_swap is known"):
        LeadSwap(3).at(1)


def test_probes_read_theta_without_seeds_and_rotations_as_vectors() -> None:
    assert BaselineWander().factor(torch.tensor([[0.5, 7.0]])).tolist() == [[0.5]]
    turn = Rotation().sample(5, generator(0))
    torch.testing.assert_close(Rotation().factor(turn).norm(dim=1), away(Rotation(), turn))
    assert torch.equal(Rotation("yaw").factor(turn[:, :1]), turn[:, :1])


# Chains


def test_a_chain_splits_its_parameters_and_applies_from_left_to_right() -> None:
    shift, noise = PhaseShift(0.1, RATE), NoiseSNR()
    chain = Chain(shift, Gain(), noise)
    params = chain.sample(5, generator(0))
    parts = chain.split(params)
    assert [part.shape for part in parts] == [(5, 1), (5, 1), (5, 2)]
    assert chain.context == shift.context == 5
    assert chain.unit == "s, dB, noise/signal"
    x = signals(chain)
    by_hand = noise.apply(Gain().apply(shift.apply(x, parts[0]), parts[1]), parts[2])
    assert torch.equal(chain.apply(x, params), by_hand)


def test_a_chain_relates_part_by_part() -> None:
    chain = Chain(PhaseShift(0.1, RATE), Rotation(), Gain())
    a, b = chain.sample(4, generator(0)), chain.sample(4, generator(1))
    columns = chain.distance(a, b)
    assert columns.shape == (4, 3)
    for part, one, other, relative, column in zip(
        chain.parts,
        chain.split(a),
        chain.split(b),
        chain.split(chain.relative(a, b)),
        columns.unbind(1),
        strict=True,
    ):
        assert torch.equal(relative, part.relative(one, other))
        assert torch.equal(column, part.distance(one, other))


def test_the_parts_of_a_chain_grow_together() -> None:
    chain = Chain(PhaseShift(0.1, RATE), Rotation(), Gain(0))
    shift, turn, still = chain.split(chain.grid(4))
    assert shift[:, 0].tolist() == pytest.approx([0, 0.02, 0.04, 0.08, 0.1])
    assert Rotation().label(turn[1:]) == [f"{45 * k} degrees about z" for k in range(1, 5)]
    assert (still == 0).all()
    assert chain.label(chain.at([0.1, 90, 3])) == [
        "phase shift 100 ms, rotation 90 degrees about z, gain 3 dB"
    ]
    held = chain.swept(chain.at([0, 90, 3]))
    assert (held.unit, held.name) == ("degrees", "phase_shift and rotation and gain")
    assert held.distance(held.at([0, 30, 3]), held.identity(1)).tolist() == [pytest.approx(30)]


def test_chains_in_a_chain_are_flattened() -> None:
    assert Chain(Chain(Gain(), Rotation()), NoiseSNR()).parts == (Gain(), Rotation(), NoiseSNR())


def test_a_second_or_late_crop_is_refused() -> None:
    crop = PhaseShift()
    for parts in [
        (Gain(), crop),
        (crop, crop),
        (crop, TimeScale(length=400)),
        (Gain(), Chain(crop)),
    ]:
        with pytest.raises(InputError, match=r"crop '(phase_shift|time_scale)'"):
            Chain(*parts)
    Chain(crop, TimeScale(), PhaseShift(mode="circular"))
    with pytest.raises(InputError, match="at least one"):
        Chain()


def test_a_transform_of_ones_own_needs_no_base_class() -> None:
    class Flip:
        name = "flip"
        unit = "signs"

        def sample(self, n, generator=None):
            return torch.ones(n, 1)

        def apply(self, x, params):
            return x * params[:, :, None]

        def identity(self, n):
            return torch.ones(n, 1)

        def relative(self, a, b):
            return a * b

        def distance(self, a, b):
            return (a != b).float()[:, 0]

    chain = Chain(PhaseShift(0.1, RATE), Flip())
    assert chain.apply(signals(chain), chain.sample(5)).shape == (5, 6, 33)


# The registry


def test_every_transform_is_made_by_its_name() -> None:
    ours = tuple(name for name in names() if not name.startswith("image_"))  # of the studies
    assert ours == (
        "phase_shift",
        "time_scale",
        "gain",
        "noise_snr",
        "baseline_wander",
        "channel_dropout",
        "channel_shift",
        "lead_swap",
        "rotation",
        "axis_mirror",
        "gaps",
    )
    for name in names():
        assert transform(name).name == name


def test_lists_from_yaml_become_tuples() -> None:
    rotation = transform("rotation", kind="tilt", triads=[[0, 1, 2], [3, 4, 5]])
    assert rotation == Rotation("tilt", triads=((0, 1, 2), (3, 4, 5)))


def test_wrong_names_and_settings_are_refused() -> None:
    with pytest.raises(InputError, match=r"no transform 'phase'.*phase_shift"):
        transform("phase")
    with pytest.raises(InputError, match=r"no setting 'max_shfit'.*max_shift"):
        transform("phase_shift", max_shfit=0.1)
    with pytest.raises(InputError, match="cannot be made"):
        transform("phase_shift", max_shift="a quarter")
    with pytest.raises(InputError, match="needs a 'name'"):
        from_dict({"max_shift": 0.1})


@dataclass(frozen=True)
class Sign:
    """A transform of one's own with the members that the protocol names, and no more."""

    axis: int = 1
    name = "sign"
    unit = "signs"
    context = 0


def test_a_transform_of_ones_own_is_described_by_its_fields() -> None:
    assert to_dict(Sign(2)) == {"name": "sign", "axis": 2}  # type: ignore[arg-type]
    chain = Chain(Sign(2), Gain())  # type: ignore[arg-type]
    assert to_dict(chain)["parts"][0] == {"name": "sign", "axis": 2}
