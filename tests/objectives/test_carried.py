"""Δ is what somebody who sees the signals of both sides would measure, whatever came after."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from triptych.errors import InputError
from triptych.latent import Block, LatentSchema
from triptych.objectives import (
    Augmentation,
    Separation,
    SimCLR,
    StructuredContrastive,
    make_views,
)
from triptych.objectives.views import Views
from triptych.transforms import (
    AxisMirror,
    BaselineWander,
    Chain,
    ChannelDropout,
    Gain,
    LeadSwap,
    NoiseSNR,
    PhaseShift,
    Rotation,
    TimeScale,
    Transform,
)
from triptych.transforms.rotations import to_matrices
from triptych_studies.images.transforms import ImageCrop, ImageTone
from triptych_studies.methods.vae_objective import ContrastiveVAE

RATE, TIME, CYCLE = 100.0, 400, 4.0  # Hz, samples, Hz

CROP = PhaseShift(0.05, RATE)
RING = PhaseShift(0.05, RATE, mode="circular")
SO3, CUBE, YAW, TILT = (Rotation(kind) for kind in ("so3", "cube24", "yaw", "tilt"))  # type: ignore[arg-type]
MIRROR, SWAP, SCALE = AxisMirror(), LeadSwap(6), TimeScale(1.2)
# so little noise that what is measured is not moved by it
NOISE, WANDER, DROPOUT = NoiseSNR(80, 90), BaselineWander(1e-4, RATE), ChannelDropout()
FOCI = {
    "crop": CROP,
    "ring": RING,
    "so3": SO3,
    "cube24": CUBE,
    "yaw": YAW,
    "tilt": TILT,
    "mirror": MIRROR,
    "swap": SWAP,
    "scale": SCALE,
    "gain": Gain(),
    "noise": NOISE,
    "wander": WANDER,
    "dropout": DROPOUT,
}
LATER = {name: each for name, each in FOCI.items() if name != "crop"}
TURNS = ("so3", "cube24", "yaw", "tilt")
# What is left of the earlier one's change is not one of its own.
REFUSED = {
    *((turn, "swap") for turn in (*TURNS, "mirror")),
    *((other, turn) for other in ("mirror", "swap") for turn in TURNS),
    ("swap", "mirror"),
    ("swap", "swap"),
    *((one, other) for one in TURNS for other in TURNS),
}


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def signals(transform: Transform) -> Tensor:
    """A cycle, or several, of each channel's own strength on an offset (gravity) of its own."""
    strength, offset = torch.rand(2, 16, 6, 1, generator=generator(1), dtype=torch.float64) + 0.5
    time = torch.arange(TIME + 2 * transform.context, dtype=torch.float64) / RATE
    start = torch.rand(16, 1, 1, generator=generator(2), dtype=torch.float64)
    if transform.acts_on == "time":
        return strength * (2 * math.pi * (CYCLE * time + start)).cos() + offset
    slow = [
        (2 * math.pi * (k * time + torch.rand(16, 6, 1, generator=generator(k)).double())).cos()
        for k in range(1, 5)
    ]
    return strength * torch.stack(slow).sum(dim=0) + 3 * offset


def twin(transform: Transform) -> Transform:
    """The same under a name of its own, as somebody may derive it to use it twice."""
    kind = type(transform)
    own = type(f"Late{kind.__name__}", (kind,), {"name": f"late_{transform.name}"})
    return own(**dataclasses.asdict(transform))  # type: ignore[call-overload]


def objective(first: Transform, second: Transform, **options: object) -> StructuredContrastive:
    schema = LatentSchema(
        Block("carries", 6, variant_to=first.name, invariant_to=second.name),
    )
    return StructuredContrastive(schema, [first, second], **options)  # type: ignore[arg-type]


def centre(x: Tensor) -> Tensor:
    """The part that no mirrored edge reaches."""
    return x[..., TIME // 8 : -TIME // 8]


def strongest(x: Tensor) -> Tensor:
    """The strongest channel without its mean, `(n, time)`: none that was dropped."""
    x = centre(x)
    x = x - x.mean(dim=2, keepdim=True)
    which = x.square().sum(dim=2).argmax(dim=1)
    return x[torch.arange(len(x)), which]


def wave(x: Tensor, frequencies: Tensor) -> Tensor:
    """Complex amplitudes `(n, f)` of frequencies `(n, f)` or `(f,)` in `x` `(n, time)`."""
    time = torch.arange(x.shape[1], dtype=torch.float64) / RATE
    turn = torch.exp(-2j * math.pi * frequencies.double()[..., None, :] * time[:, None])
    window = torch.hann_window(x.shape[1], dtype=torch.float64)
    return ((x * window)[:, None].to(turn.dtype) @ turn)[:, 0]


def frequency(x: Tensor) -> Tensor:
    """Frequency of one cycle in `x` `(n, time)`, by trying them all, `(n, 1)`."""
    tried = torch.linspace(CYCLE / 1.3, CYCLE * 1.3, 1201, dtype=torch.float64)
    return tried[wave(x, tried).abs().argmax(dim=1)][:, None]


def shift(a: Tensor, b: Tensor) -> Tensor:
    a, b = strongest(a), strongest(b)
    f = frequency(a)
    return (wave(b, f) / wave(a, f)).angle() / (2 * math.pi * f)


def ratio(a: Tensor, b: Tensor) -> Tensor:
    return frequency(strongest(b)) / frequency(strongest(a))


def decibels(a: Tensor, b: Tensor) -> Tensor:
    return 10 * (b.square().sum(dim=(1, 2)) / a.square().sum(dim=(1, 2))).log10()[:, None]


def matrices(a: Tensor, b: Tensor) -> Tensor:
    """The rotation that turns a's sensors into b's, by least squares (Kabsch)."""
    a, b = (x.unflatten(1, (2, 3)).transpose(1, 2).flatten(2) for x in (a, b))
    u, _, vh = torch.linalg.svd(b @ a.mT)
    sign = torch.diag_embed(
        torch.stack([torch.ones(len(a)), torch.ones(len(a)), (u @ vh).det()], 1)
    )
    return u @ sign.double() @ vh


def signs(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).unflatten(1, (2, 3)).sum(dim=(1, 3)).sign()


def places(a: Tensor, b: Tensor) -> Tensor:
    apart = (b[:, :, None] - a[:, None]).square().mean(dim=3)
    return apart.argmin(dim=2).double()


def same_turn(transform: Rotation, a: Tensor, b: Tensor, delta: Tensor) -> Tensor:
    """How far the turn of Δ is from the one that is measured."""
    delta = delta.double()
    seen = transform.matrices(delta, a) if transform.kind == "yaw" else to_matrices(delta)
    return matrices(a, b) - seen


MEASURES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "phase_shift": shift,
    "time_scale": ratio,
    "gain": decibels,
    "axis_mirror": signs,
    "lead_swap": places,
}


def pair_of(views: Views, name: str) -> tuple[Tensor, Tensor, Tensor]:
    a, b = views.sides(views.signals, name)
    return a, b, views.changes[name].delta


@pytest.mark.parametrize("later", LATER)
@pytest.mark.parametrize("focus", FOCI)
def test_delta_is_what_the_signals_show(focus: str, later: str) -> None:
    first, second = FOCI[focus], LATER[later]
    if first.name == second.name:
        second = twin(second)
    if (focus, later) in REFUSED:
        with pytest.raises(InputError, match=f"put {second.name} before {first.name}"):
            objective(first, second)
        beside = objective(first, second, reference="original")
        views = beside.views(signals(first), generator(7))
        still = first.identity(16).to(views.thetas(first.name)[0])
        expected = first.relative(still, views.thetas(first.name)[1])
        if focus != "tilt":  # whose Δ is in the sensor frame
            torch.testing.assert_close(views.changes[first.name].delta, expected)
        return
    scl = objective(first, second)
    views = scl.views(signals(first), generator(7))
    a, b, delta = pair_of(views, first.name)
    if isinstance(
        second, ChannelDropout
    ):  # what a channel showed is lost, not changed: where all are there
        whole = views.params[second.name][0][:, 0] == 0
        a, b, delta = a[whole], b[whole], delta[whole]
        assert len(a) > 3
    theta = views.thetas(first.name)
    torch.testing.assert_close(views.changes[first.name].distance, first.distance(*theta))
    if isinstance(first, Rotation):
        away = same_turn(first, a, b, delta)
        assert float(away.abs().max()) < (0.2 if later in ("ring", "scale") else 1e-2)
    elif first.name in MEASURES:
        measured = MEASURES[first.name](a, b)
        torch.testing.assert_close(measured, delta.double(), atol=2e-3, rtol=1e-2)
    else:  # a strength, which nothing changes
        torch.testing.assert_close(views.changes[first.name].delta, first.relative(*theta))


def exact(x: Tensor) -> Tensor:
    """Vectors that turn with the sensors, whatever the axes' signs: means and accelerations."""
    return x.unflatten(1, (2, 3))[..., :2].permute(0, 1, 3, 2).flatten(1)


@pytest.mark.parametrize("reference", ["transformed", "original"])
def test_an_exact_block_has_no_loss_before_a_mirror(reference: str) -> None:
    schema = LatentSchema(
        Block("turns", 12, equivariant_to="rotation", invariant_to="axis_mirror"),
    )
    scl = StructuredContrastive(schema, [SO3, MIRROR], reference=reference)  # type: ignore[arg-type]
    views = scl.views(signals(SO3), generator(7))
    losses = scl(10 * exact(views.signals), views)
    error = losses.terms["variation/rotation/turns/equivariant"]
    assert float(error) == pytest.approx(0, abs=1e-5)


def test_a_phase_turns_by_what_is_left_of_a_shift_after_a_time_scale() -> None:
    """z = (cos, sin) of the phase, whose frequency the viewer sees is that of the scaled window."""
    schema = LatentSchema(
        Block("cycle", 1, invariant_to=("phase_shift", "time_scale")),
        Block("phase", 2, equivariant_to="phase_shift"),
    )
    scl = StructuredContrastive(schema, [RING, SCALE])
    views = scl.views(signals(RING), generator(7))
    x = strongest(views.signals)
    f = frequency(x)
    phase = wave(x, f).angle()
    low, high = 0.4, 3.5  # the mechanism's; here the cycle is half as fast and counts twice
    inside = torch.logit((f / 2 / low).log() / math.log(high / low))
    z = torch.cat([inside, 10 * phase.cos(), 10 * phase.sin()], dim=1).float()
    turn = scl.mechanisms["phase_shift__phase"]["equivariant"]  # type: ignore[index]
    turn.frequency.load_state_dict({"weight": torch.ones(1, 1), "bias": torch.zeros(1)})
    turn.order.fill_(2.0)
    error = scl(z, views).terms["variation/phase_shift/phase/equivariant"]
    assert float(error.detach()) == pytest.approx(0, abs=1e-4)


def test_sensors_that_are_not_the_same_are_refused_unless_apart() -> None:
    one, other = ((0, 1, 2),), ((3, 4, 5),)
    for turned, mirrored, known in [(one, one, True), (one, other, True), (one, None, False)]:
        turn, mirror = Rotation(triads=turned), AxisMirror(triads=mirrored)
        if not known:
            with pytest.raises(InputError, match="axis_mirror before rotation"):
                objective(turn, mirror)
            continue
        scl = objective(turn, mirror)
        a, b, delta = pair_of(scl.views(signals(turn), generator(7)), "rotation")
        torch.testing.assert_close(turn.apply(a, delta), b, atol=1e-5, rtol=1e-5)


def test_a_ring_of_unknown_length_is_refused_where_a_shift_may_wrap() -> None:
    schema = LatentSchema(Block("timing", 4, variant_to="phase_shift"))
    far = PhaseShift(2.0, RATE, mode="circular")
    with pytest.raises(InputError, match="length=400"):
        StructuredContrastive(schema, [far]).views(signals(far))
    known = PhaseShift(2.0, RATE, mode="circular", length=400)
    a, b, delta = pair_of(StructuredContrastive(schema, [known]).views(signals(known)), known.name)
    torch.testing.assert_close(known.apply(a, delta), b, atol=1e-5, rtol=1e-5)


class Own:
    """A transform of one's own, with the members that it needs and no more."""

    name = "own"
    unit = "1"

    def sample(self, n, generator=None):
        return torch.rand(n, 1, generator=generator)

    def apply(self, x, params):
        return x + params[:, :, None]

    def identity(self, n):
        return torch.zeros(n, 1)

    def relative(self, a, b):
        return b - a

    def distance(self, a, b):
        return (b - a)[:, 0].abs()


def test_transforms_of_ones_own_are_taken_where_nothing_is_unknown() -> None:
    own: Transform = Own()  # type: ignore[assignment]
    for first, second in [(own, Gain()), (Gain(), own), (own, Chain(Gain(), NOISE))]:
        with pytest.raises(InputError, match=f"put .* before {first.name}"):
            objective(first, second)
        objective(first, second, reference="original")
    schema = LatentSchema(Block("all", 4, invariant_to="own", variant_to="gain"))
    scl = StructuredContrastive(schema, [own, Gain()])  # nobody asks for the Δ of `own`
    assert set(scl.views(signals(Gain())).changes) == {"gain"}

    class Open(Own):
        acts_on = "values"

    objective(Open(), Gain())  # type: ignore[arg-type]
    chain = Chain(Gain(3.0), TimeScale(1.2))
    views = objective(CROP, chain).views(signals(CROP), generator(3))
    scale = views.params["chain"][0][:, 1:]
    delta = CROP.relative(*views.thetas("phase_shift"))
    torch.testing.assert_close(views.changes["phase_shift"].delta, delta / scale)


def test_two_transforms_of_one_name_are_refused_by_every_objective() -> None:
    twice = [Gain(), Gain(3.0)]
    schema = LatentSchema(Block("inside", 4, invariant_to="gain"))
    parts = LatentSchema(Block("common", 4, role="common"), Block("salient", 4, role="salient"))
    for make in (
        lambda: StructuredContrastive(schema, twice),
        lambda: SimCLR(4, twice),
        lambda: Augmentation(twice),
        lambda: Separation(parts, twice),
        lambda: ContrastiveVAE(parts, twice, torch.nn.Identity()),
        lambda: make_views(signals(Gain()), twice),
        lambda: make_views(signals(Gain()), [Chain(Gain()), Chain(NOISE)]),
    ):
        with pytest.raises(InputError, match=r"named '(gain|chain)'"):
            make()
    with pytest.raises(InputError, match="single crop first"):
        SimCLR(4, [Gain(), CROP])


def test_a_crop_of_an_image_leads_from_one_view_to_the_other() -> None:
    crop, tone = ImageCrop(0.3, 0.1), ImageTone(0.3, 0.1)
    place = torch.linspace(-1, 1, 64)
    x = torch.stack([place.expand(64, 64), place[:, None].expand(64, 64)]).sin()
    schema = LatentSchema(Block("place", 4, variant_to="image_crop", invariant_to="image_tone"))
    scl = StructuredContrastive(schema, [crop, tone])
    views = scl.views(x.repeat(16, 1, 1, 1), generator(3))
    a, b, delta = pair_of(views, "image_crop")
    again = crop.apply(a, delta)
    # about the view's own mean, which differs a little between the sides
    middle = (again - b)[..., 16:48, 16:48]
    middle = middle - middle.mean(dim=(2, 3), keepdim=True)
    assert float(middle.abs().max()) < 5e-3
    wrong = torch.diff(torch.stack(views.thetas("image_crop")), dim=0)[0]
    assert float((delta - wrong)[:, 1:].abs().max()) > 0.01


def test_views_that_were_not_asked_for_a_change_say_so() -> None:
    scl = objective(SO3, Gain())
    views = make_views(signals(SO3), [SO3, Gain()])
    with pytest.raises(InputError, match="not know the Δ"):
        scl(torch.randn(len(views.signals), 6), views)
