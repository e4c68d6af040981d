"""Every formula in every precision, on the latents at which a norm or a logarithm goes wrong."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from triptych.errors import InputError
from triptych.latent import Block, BlockHeads, LatentSchema, gates, heads
from triptych.networks import ConvDecoder, autoencoder, front_end
from triptych.networks.registry import ALL
from triptych.objectives import (
    NonNegative,
    Separation,
    SimCLR,
    StructuredContrastive,
    SupCon,
    orbit,
    separation_terms,
    terms,
)
from triptych.objectives.gather import weighted_mean
from triptych.precision import cosine, precise, unit, working_dtype
from triptych.registry import Registry
from triptych.transforms import Gain, PhaseShift, Rotation
from triptych_studies.images.networks import ImageEncoder, PatchEncoder
from triptych_studies.methods.contrastive_vae import FORMS
from triptych_studies.methods.vae_objective import ContrastiveVAE

DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
WAYS = [(dtype, None) for dtype in DTYPES] + [
    (torch.float32, dtype) for dtype in (torch.float16, torch.bfloat16)
]
SIZE = 6
# What a public function of these modules may ask for by name, beside latents (below). A new term
# is found by itself; one that wants anything else has to say here what it gets.
SETTINGS: dict[str, Any] = {
    "temperature": 0.1, "sharpness": 0.05, "bandwidth": 0.5, "attribute_bandwidth": 0.5,
    "ridge": 0.01, "floor": 1.0, "prior": 0.8, "radius": 0.5, "k": 3, "kind": "rep_relu",
    "columns": slice(None), "spreading": slice(None), "null_pairs": True,
    "discrete": False,
}  # fmt: skip
LATENTS = {
    "a", "b", "z", "x", "y", "first", "second", "common", "salient", "mean", "log_variance",
    "forward", "backward", "query", "key", "negatives",
}  # fmt: skip
MODULES = (terms, separation_terms, gates, heads, autoencoder)


def public(module: ModuleType) -> Iterator[tuple[str, Callable[..., Any]]]:
    for name, function in inspect.getmembers(module, inspect.isfunction):
        if function.__module__ == module.__name__ and not name.startswith("_"):
            yield f"{module.__name__.split('.')[-1]}.{name}", function


FORMULAS = dict(each for module in MODULES for each in public(module))


def latents(kind: str, seed: int, dtype: torch.dtype) -> Tensor:
    """Rows of the kind named; the seed tells both sides of a pair apart."""
    generator = torch.Generator().manual_seed(seed)
    z = torch.randn(8, SIZE, generator=generator)
    z = {
        "ordinary": lambda: z,
        "a zero row": lambda: z * (torch.arange(8) != 3)[:, None],
        "zero rows": lambda: z * 0,
        "equal rows": lambda: torch.ones_like(z),
        "offset of 1e4": lambda: z + 1e4,
        "one row": lambda: z[:1],
        "one zero row": lambda: z[:1] * 0,
        "two rows": lambda: z[:2],
    }[kind]()
    return z.to(dtype).requires_grad_()


KINDS_OF_ROWS = (
    "ordinary", "a zero row", "zero rows", "equal rows", "offset of 1e4", "one row",
    "one zero row", "two rows",
)  # fmt: skip


def arguments(function: Callable[..., Any], kind: str, dtype: torch.dtype) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for seed, name in enumerate(inspect.signature(function).parameters):
        n = len(latents(kind, 0, dtype))
        if name in LATENTS:
            found[name] = latents(kind, seed, dtype)
            if name == "log_variance" and kind == "offset of 1e4":
                found[name] = latents("ordinary", seed, dtype)  # e^10,000 is no variance
        elif name in SETTINGS:
            found[name] = SETTINGS[name]
        elif name in ("of", "target"):
            found[name] = torch.arange(n) % 2 == 0
        elif name in ("labels", "groups"):
            found[name] = torch.arange(n) // 2 % 2
        elif name in ("weight", "attribute"):
            found[name] = torch.linspace(0, 1, n, dtype=dtype)
        elif name == "own":
            found[name] = ()
        elif name == "similarity":
            found[name] = torch.eye(n, dtype=dtype)
        elif name == "probability":
            rows = latents(kind, seed, dtype).detach()
            found[name] = (rows - rows[:, :1]).sigmoid().requires_grad_()
        else:
            pytest.fail(f"say in this file what a formula gets for {name!r}")
    return found


def within(autocast: torch.dtype | None) -> AbstractContextManager[Any]:
    return nullcontext() if autocast is None else torch.autocast("cpu", dtype=autocast)


def require_finite(values: Any, leaves: list[Tensor]) -> None:
    values = values if isinstance(values, tuple) else (values,)
    loss = torch.zeros((), dtype=torch.float64)
    for value in values:
        if isinstance(value, Tensor) and value.is_floating_point():
            assert torch.isfinite(value).all()
            loss = loss + value.double().mean()
    if loss.requires_grad:
        for gradient in torch.autograd.grad(loss, leaves, allow_unused=True):
            assert gradient is None or torch.isfinite(gradient).all()


@pytest.mark.parametrize(("dtype", "autocast"), WAYS, ids=str)
@pytest.mark.parametrize("name", FORMULAS)
def test_a_formula_is_finite_in_every_precision(
    name: str, dtype: torch.dtype, autocast: torch.dtype | None
) -> None:
    for kind in KINDS_OF_ROWS:
        given = arguments(FORMULAS[name], kind, dtype)
        with within(autocast):
            # under autocast latents come from a layer, in the short type
            seen = {
                key: value.to(autocast) if autocast and key in LATENTS else value
                for key, value in given.items()
            }
            try:
                values = FORMULAS[name](**seen)
            except InputError:
                continue
            leaves = [each for each in given.values() if getattr(each, "requires_grad", False)]
            require_finite(values, leaves)


@pytest.mark.parametrize("name", [name for name in FORMULAS if name.split(".")[0] == "terms"])
@pytest.mark.parametrize("short", [torch.float16, torch.bfloat16])
def test_a_term_of_short_latents_is_that_of_the_same_numbers(name: str, short: torch.dtype) -> None:
    """Norms and kernels are taken in float32, so only the latents themselves are rounded."""
    given = arguments(FORMULAS[name], "ordinary", short)
    wide = {key: x.double() if isinstance(x, Tensor) and x.is_floating_point() else x
            for key, x in given.items()}  # fmt: skip
    found, expected = FORMULAS[name](**given), FORMULAS[name](**wide)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["terms.hsic", "separation_terms.joint_entropy"])
@pytest.mark.parametrize("offset", [0.0, 1e3, 1e4])
def test_kernels_do_not_see_an_offset(name: str, offset: float) -> None:
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(64, 4, generator=generator).mul(64).round().div(64) for _ in range(2))
    b = b + a  # multiples of 1/64: in float32 the offset leaves them as they are
    expected = float(FORMULAS[name](a.double(), b.double()))
    assert float(FORMULAS[name](a + offset, b - offset)) == pytest.approx(expected, rel=1e-5)


# --- whole objectives, with the layers that autocast shortens

SHIFT, TURN = PhaseShift(rate=50.0, max_shift=0.2, mode="circular"), Rotation()
MOVED = LatentSchema(
    Block("same", 6, invariant_to=("phase_shift", "rotation")),
    Block("time", 6, variant_to="phase_shift"),
    Block("turn", 6, equivariant_to="rotation"),
)
SHIFTED = LatentSchema(
    Block("same", 6, invariant_to="phase_shift"), Block("time", 6, equivariant_to="phase_shift")
)
TWO = LatentSchema(Block("common", 6, role="common"), Block("salient", 6, role="salient"))
LABELS = torch.arange(4) % 2


def objectives() -> dict[str, Callable[[], tuple[nn.Module, int]]]:
    def scl(**settings: Any) -> Callable[[], tuple[nn.Module, int]]:
        return lambda: (StructuredContrastive(MOVED, [SHIFT, TURN], **settings), MOVED.size)

    def vae(kind: Any) -> Callable[[], tuple[nn.Module, int]]:
        made = ContrastiveVAE(TWO, [Gain()], ConvDecoder(12, 3, 40, widths=(8,)), FORMS[kind])
        return lambda: (made, 12)

    return {
        "simclr": lambda: (SimCLR(12, [Gain()], projection=8), 12),
        "supcon": lambda: (SupCon(12, [Gain()], projection=0), 12),
        "ncl": lambda: (NonNegative(12, [Gain()], projection=0, non_negative="relu"), 12),
        "ncl top-k": lambda: (NonNegative(12, [Gain()], projection=8, top_k=2), 12),
        "scl predict": scl(weights={"centring": 1.0}, sharpness=0.1, independence="hsic"),
        "scl repel": scl(variation="repel", independence="joint_entropy"),
        "scl cycles": lambda: (StructuredContrastive(SHIFTED, [SHIFT]), SHIFTED.size),
        "sepclr": lambda: (Separation(TWO, [Gain()]), 12),
        "sepclr grouped": lambda: (Separation(TWO, [Gain()], independence="hsic"), 12),
        **{kind: vae(kind) for kind in FORMS},
    }


@pytest.mark.parametrize(("dtype", "autocast"), WAYS, ids=str)
@pytest.mark.parametrize("name", objectives())
def test_an_objective_trains_in_every_precision(
    name: str, dtype: torch.dtype, autocast: torch.dtype | None
) -> None:
    objective, size = objectives()[name]()
    objective.to(dtype)
    x = torch.randn(4, 3, 40, dtype=dtype)
    views = objective.views(x, torch.Generator().manual_seed(0))
    views = type(views)(**{**vars(views), "labels": LABELS})
    z = torch.randn(len(views.signals), size, dtype=dtype)
    for rows in (z, z * (torch.arange(len(z)) % 4 != 1)[:, None], z * 0):
        rows = rows.clone().requires_grad_()
        with within(autocast):
            losses = objective(rows.to(autocast or dtype), views)
        leaves = [rows, *objective.parameters()]
        require_finite((losses.total, *losses.terms.values()), leaves)


# --- the helpers themselves


def test_a_row_of_zeros_stays_and_gets_no_gradient() -> None:
    z = torch.tensor([[3.0, 4.0], [0.0, 0.0]], requires_grad=True)
    assert torch.equal(unit(z), torch.tensor([[0.6, 0.8], [0.0, 0.0]]))
    (gradient,) = torch.autograd.grad((unit(z) + cosine(z, z.detach() + 1)[:, None]).sum(), z)
    assert gradient[0].abs().max() > 0
    assert torch.equal(gradient[1], torch.zeros(2))


def test_formulas_see_one_type_that_is_wide_enough() -> None:
    @precise
    def seen(a: Tensor, b: Tensor, n: int) -> tuple[torch.dtype, torch.dtype, torch.dtype]:
        return a.dtype, b.dtype, (a @ b).dtype

    one = torch.ones(2, 2)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert seen(one.half(), one.bfloat16(), 1) == (torch.float32,) * 3
        assert seen(one.half(), b=one.double(), n=1) == (torch.float64,) * 3
    assert working_dtype(one.half()) == torch.float32


def test_a_gated_block_of_zeros_and_a_null_radius_are_finite() -> None:
    z = torch.tensor([[300.0, 0.0], [0.0, 0.0]], dtype=torch.float16, requires_grad=True)
    found = heads.beyond(z, 0.5)
    assert found.dtype == torch.float16
    require_finite(found, [z])
    schema = LatentSchema(Block("shape", 4, gate=gates.BernoulliGate()))
    encoder = BlockHeads(nn.Flatten(), schema, features=8)
    with torch.autocast("cpu", dtype=torch.float16):
        rows = encoder(torch.zeros(2, 8))
        loss = terms.nt_xent(rows, rows, 0.1)
    require_finite(loss, list(encoder.parameters()))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("transform", [SHIFT, TURN], ids=lambda each: each.name)
def test_orbits_of_flat_signals_are_finite(transform: Any, dtype: torch.dtype) -> None:
    x = torch.randn(4, 3, 40).to(dtype)
    x[1] = 0
    assert torch.isfinite(orbit.orbit_similarity(x, transform)).all()


# --- networks: what they give, and their weights' gradients, for windows with nothing in them


@pytest.mark.parametrize(("dtype", "autocast"), WAYS, ids=str)
@pytest.mark.parametrize("name", ["conv", "resnet", "guaranteed", "image", "patches"])
def test_encoders_of_flat_windows_are_finite(
    name: str, dtype: torch.dtype, autocast: torch.dtype | None
) -> None:
    x = torch.randn(6, 3, 64)
    x[0], x[1], x[2, 0], x[3, :, :32], x[4] = 0.0, 3.7, 0.0, 0.0, x[4] * 1e-6
    front = front_end("invariants_beside" if name == "guaranteed" else "standardize")
    shape = {"channels": front.shape(3, 64)[0], "length": 64}
    if name in ("image", "patches"):
        x, shape = x.unflatten(2, (8, 8)), {"channels": 3, "size": 8}
    settings = {"guaranteed": {"raw": 54}, "patches": {"patch": 4, "stride": 2}}
    kinds = Registry[Any]("network", {"image": ImageEncoder, "patches": PatchEncoder}, ALL)
    network = nn.Sequential(front, kinds.make(name, {**shape, **settings.get(name, {})})).to(dtype)
    with within(autocast):
        z = network(x.to(dtype))
    require_finite(z, list(network.parameters()))


@pytest.mark.parametrize("dtype", DTYPES[:2])
def test_a_weighted_mean_counts_its_rows_exactly(dtype: torch.dtype) -> None:
    n = 4099  # which half precision rounds
    found = weighted_mean(torch.ones(n, dtype=dtype), torch.ones(n, dtype=dtype))
    assert float(found) == pytest.approx(1, abs=1e-6)
