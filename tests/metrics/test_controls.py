"""One control suite over every metric of latents: what must come out where nothing is to be found.

Whatever in `triptych.metrics` or `triptych.audit` takes latents and gives figures is found by its
annotations, and either stands in `METRICS` or says in `OUTSIDE` why it need not.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
import torch

import triptych
from triptych.audit.swap import shares
from triptych.errors import InputError
from triptych.latent import Block, LatentSchema
from triptych.metrics.active import active_dimensions
from triptych.metrics.collapse import collapsed
from triptych.metrics.dci import disentanglement
from triptych.metrics.direction import direction_probe
from triptych.metrics.matrix import Factor, factor_matrix
from triptych.metrics.probes import linear_probe, read_parameter
from triptych.metrics.ranking import retrieval, same_group
from triptych.metrics.semantic import semantic_consistency
from triptych.metrics.sweeps import curves, half_life, invariance
from triptych.transforms import Gain
from triptych_studies.tasks.population_probes import dependence

PEOPLE, EACH, K = 6, 40, 3
GAIN = Gain(3.0)
Figures = dict[str, float]


@dataclass(frozen=True)
class World:
    """Latents (n, d) of windows and of their views, and what they could know."""

    z: np.ndarray
    view: np.ndarray
    label: np.ndarray
    subject: np.ndarray
    theta: np.ndarray
    up: np.ndarray  # (n, 3) directions


def world() -> World:
    """Non-negative latents that know class, subject, θ and a direction."""
    rng = np.random.default_rng(0)
    n = PEOPLE * EACH
    subject, label = np.repeat(np.arange(PEOPLE), EACH), np.tile(np.arange(K), n // K)
    theta, up = rng.uniform(-1, 1, n), rng.normal(size=(n, 3))
    up /= np.linalg.norm(up, axis=1, keepdims=True)
    kind = np.eye(K)[label] * rng.uniform(0.5, 1, (n, K))
    who = np.eye(PEOPLE)[subject] * rng.uniform(0.2, 0.4, (n, PEOPLE))
    place, moved = np.zeros((n, 1)), theta[:, None]
    noise = rng.uniform(0, 1, (n, 4)) * (rng.random((n, 4)) < 0.3)
    z, view = (np.concatenate([kind, who, up + 1, 1 + p, noise], axis=1) for p in (place, moved))
    return World(z, view, label.astype(str), subject, theta, up)


def by_response_curve(w: World) -> Figures:
    seen = iter((w.z, w.view))
    x = torch.zeros(len(w.z), 1, 4)
    curve = invariance(lambda x: next(seen), x, GAIN, [1.0], w.subject)
    return {name: float(getattr(curve, name)[0]) for name in ("mean", "low", "high", "auroc")}


def by_curves(w: World) -> Figures:
    curve = curves({"": w.z}, [{"": w.view}], torch.ones(1, 1), GAIN, w.subject)[""]
    return {"mean": float(curve.mean[0]), "groups": float(curve.group_means.mean())}


def by_half_life(w: World) -> Figures:
    far = np.roll(w.view, len(w.z) // 2, axis=0)  # views of others: it is reached
    curve = curves({"": w.z}, [{"": far}], torch.ones(1, 1), GAIN, w.subject)[""]
    return numbers(half_life(curve).to_dict())


def by_precision(w: World) -> Figures:
    rule = same_group(w.subject, w.subject)
    return {"p10": retrieval(w.view, w.z, w.label, w.label, rule, macro=True).precision}


def by_consistency(w: World) -> Figures:
    found = semantic_consistency(w.z, w.label)
    names = ("raw", "corrected", "rescaled", "chance", "entropy", "entropy_chance")
    return {name: getattr(found, name) for name in names}


def by_dimensions(w: World) -> Figures:
    found = active_dimensions(w.z, {"class": w.label})
    return {"score": float(np.mean([d.score for d in found])) if found else math.nan}


def by_linear_probe(w: World) -> Figures:
    even = np.arange(len(w.z)) % 2 == 0
    found = linear_probe(w.z[even], w.label[even], w.z[~even], w.label[~even])
    return {"accuracy": found.balanced_accuracy, "auroc": found.macro_auroc, **found.f1}


def by_phase_probe(w: World) -> Figures:
    found = read_parameter(w.z, w.view, w.theta, w.subject)
    subjects = {f"{p} {k}": v for p, row in found.per_record.items() for k, v in row.items()}
    subjects = {name: value for name, value in subjects.items() if not name.endswith(" n")}
    return {"r2": found.r2, "within": found.within, **subjects}


def by_direction_probe(w: World) -> Figures:
    held = w.subject >= PEOPLE // 2
    if held.all() or not held.any():
        held = np.arange(len(w.z)) % 2 == 0
    found = direction_probe(w.z[~held], w.up[~held], w.subject[~held], w.z[held], w.up[held])
    return {"r2": found.r2, "degrees": float(found.per_row.mean())}


def by_glass_box(w: World) -> Figures:
    schema = LatentSchema(Block("block", w.z.shape[1], variant_to="gain"))
    known = {"class": w.label, "up": w.up}
    factors = [Factor(name, values, w.subject, {"block": w.z}) for name, values in known.items()]
    box = factor_matrix(factors, schema, permutations=19)
    return dict.fromkeys(known, math.nan) | {cell.factor: cell.score for cell in box.cells}


def by_disentanglement(w: World) -> Figures:
    sides = {"class": w.label, "height": w.up[:, 2]}
    half = w.z.shape[1] // 2
    blocks = {"first": slice(0, half), "second": slice(half, None)}
    return numbers(disentanglement(w.z, sides, blocks, permutations=1).to_dict())


def by_shares(w: World) -> Figures:
    """The block is swapped beside one that is known."""
    schema = LatentSchema(Block("block", w.z.shape[1]), Block("other", 1))
    other = np.arange(len(w.z))[:, None] % 5
    z = torch.as_tensor(np.concatenate([w.z, other], axis=1))
    return {"share": shares(lambda z: z, schema, z, z.flip(0))[0]["block"]}


def by_dependence(w: World) -> Figures:
    rng = np.random.default_rng(1)
    other = rng.normal(size=(len(w.z), 3))
    return {"as salient": dependence(other, w.z), "as common": dependence(w.z, other)}


def numbers(figures: Mapping[str, object]) -> Figures:
    """The numbers of a result; null is NaN."""
    return {
        name: math.nan if value is None else float(value)
        for name, value in figures.items()
        if value is None or isinstance(value, int | float)
    }


@dataclass(frozen=True)
class Metric:
    """A function as the controls call it, and what they expect of it.

    `shuffled` are figures under shuffled labels: level and tolerance. Those in `permuted` are at
    most 0.02 under permuted θ and directions. `doubled` is how far a figure may move when every
    dimension is there twice, None if it may. `refuses` are the controls that are an InputError.
    """

    of: Callable[[World], Figures]
    shuffled: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    permuted: tuple[str, ...] = ()
    doubled: float | None = 1e-6
    refuses: tuple[str, ...] = ()


SUBJECTS = ("one subject",)
WITHOUT_CLASSES = ("invariance", "curves", "half_life", "read_parameter", "direction_probe")
METRICS = {
    "invariance": Metric(by_response_curve, refuses=SUBJECTS),
    "curves": Metric(by_curves, refuses=SUBJECTS),
    "half_life": Metric(by_half_life, refuses=SUBJECTS),
    "retrieval": Metric(by_precision, {"p10": (1 / K, 0.1)}, refuses=SUBJECTS),
    "semantic_consistency": Metric(
        by_consistency, {"corrected": (0, 0.05)}, refuses=("one class",)
    ),
    "active_dimensions": Metric(by_dimensions, {"score": (0, 0.05)}, refuses=("one class",)),
    "linear_probe": Metric(
        by_linear_probe,
        {"accuracy": (1 / K, 0.13), "auroc": (0.5, 0.13)},
        doubled=0.05,
        refuses=("one class",),
    ),
    "read_parameter": Metric(by_phase_probe, permuted=("r2",), doubled=None, refuses=SUBJECTS),
    "direction_probe": Metric(by_direction_probe, permuted=("r2",), doubled=0.2, refuses=SUBJECTS),
    "factor_matrix": Metric(
        by_glass_box,
        {"class": (0, 0.2)},
        permuted=("up",),
        doubled=None,
        refuses=("one class", *SUBJECTS),
    ),
    # its levels of chance: see test_disentanglement
    "disentanglement": Metric(by_disentanglement, doubled=None, refuses=("one class",)),
    "shares": Metric(by_shares, doubled=None),
    "dependence": Metric(by_dependence, doubled=0.05),
}
OUTSIDE = {
    "cosine": "of single rows, which cannot know the others",
    "moved_share": "of single dimensions: 0 of one that never changes; see active_dimensions",
    "between_groups": "of single pairs; the level beside which others stand",
    "separation": "of two lists of scores: 0.5 of a constant, which is its chance",
    "shape_based_distance": "of signals",
    "effective_rank": "says itself how far latents have collapsed: 0 or 1",
    "by_distance": "reads a curve",
    "levels": "reads a curve",
    "lowest_of": "reads a curve",
    "per_subject": "means of figures",
    "scores_of": "calls class_scores, set_scores or value_scores",
    "readable": "calls factor_matrix",
    "audit": "calls the others; see test_run",
    "explain": "puts into words what was measured",
}


def figure_functions() -> Iterator[str]:
    """Public functions of metrics and audit that take rows, factors or curves and give figures."""
    home = Path(triptych.__file__).parent
    files = sorted((*home.glob("metrics/*.py"), *home.glob("audit/*.py")))
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in files]
    results = {"float", "Floats", "dict[str, float]"} | {
        node.name
        for tree in trees
        for node in tree.body
        if isinstance(node, ast.ClassDef) and any(ast.unparse(b) == "Result" for b in node.bases)
    }
    taken = ("Rows", "ResponseCurve", "Factor", "z_x")
    for tree in trees:
        for node in tree.body:
            if not isinstance(node, ast.FunctionDef) or node.name.startswith("_"):
                continue
            given = " ".join(ast.unparse(a) for a in (*node.args.args, *node.args.kwonlyargs))
            back = ast.unparse(node.returns) if node.returns else ""
            gives = results & set(_names(back)) or "dict[str, float]" in back
            if gives and any(word in given for word in taken):
                yield node.name


def _names(annotation: str) -> Iterator[str]:
    word = "".join(c if c.isalnum() else " " for c in annotation)
    yield from word.split()


def test_no_metric_is_forgotten() -> None:
    found = set(figure_functions())
    assert {
        "semantic_consistency",
        "shares",
        "factor_matrix",
        "half_life",
    } <= found  # the search finds
    assert found <= set(METRICS) | set(OUTSIDE), "put it into METRICS, or say why not in OUTSIDE"


@pytest.fixture(scope="module")
def whole() -> World:
    return world()


@pytest.fixture(scope="module")
def figures(whole: World) -> dict[str, Figures]:
    return {name: metric.of(whole) for name, metric in METRICS.items()}


def constant(w: World, kind: str) -> World:
    shape = w.z.shape
    point = np.random.default_rng(1).normal(size=shape[1])
    both = {
        "null": np.zeros((2, *shape)),
        "constant": np.broadcast_to(point, (2, *shape)).copy(),
        "constant up to float32": (
            point * (1 + 1e-7 * np.random.default_rng(2).normal(size=(2, *shape)))
        ).astype(np.float32),
        "constant and tiny": np.broadcast_to(1e-30 * point, (2, *shape)).copy(),
    }[kind]
    return replace(w, z=both[0], view=both[1])


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize(
    "kind", ["null", "constant", "constant up to float32", "constant and tiny"]
)
def test_of_a_collapsed_block_every_figure_is_missing(name: str, kind: str, whole: World) -> None:
    found = METRICS[name].of(constant(whole, kind))
    assert found
    assert all(math.isnan(value) for value in found.values()), found


@pytest.mark.parametrize("name", METRICS)
def test_of_a_block_that_knows_something_no_figure_is_missing(
    name: str, figures: dict[str, Figures]
) -> None:
    assert all(math.isfinite(value) for value in figures[name].values()), figures[name]


@pytest.mark.parametrize(
    "name", ["curves", "retrieval", "semantic_consistency", "shares", "dependence"]
)
@pytest.mark.parametrize("scale", [1e-30, 1e30, -1.0])
def test_collapse_is_free_of_scale(
    name: str, scale: float, whole: World, figures: dict[str, Figures]
) -> None:
    found = METRICS[name].of(replace(whole, z=scale * whole.z, view=scale * whole.view))
    if name != "shares":  # beside a block that keeps its scale
        assert found == pytest.approx(figures[name], abs=1e-6)
    assert all(map(math.isfinite, found.values()))


@pytest.mark.parametrize("name", [n for n, m in METRICS.items() if m.shuffled])
def test_shuffled_labels_are_at_chance(name: str, whole: World) -> None:
    shuffled = replace(whole, label=np.random.default_rng(3).permutation(whole.label))
    found = METRICS[name].of(shuffled)
    for figure, (level, tolerance) in METRICS[name].shuffled.items():
        assert found[figure] == pytest.approx(level, abs=tolerance)


@pytest.mark.parametrize("name", [n for n, m in METRICS.items() if m.permuted])
def test_permuted_theta_and_directions_cannot_be_read(
    name: str, whole: World, figures: dict[str, Figures]
) -> None:
    order = np.random.default_rng(4).permutation(len(whole.z))
    found = METRICS[name].of(replace(whole, theta=whole.theta[order], up=whole.up[order]))
    for figure in METRICS[name].permuted:
        assert found[figure] <= 0.02
        assert figures[name][figure] > 0.5


@pytest.mark.parametrize("name", [n for n, m in METRICS.items() if m.doubled is not None])
def test_a_second_copy_of_every_dimension_changes_nothing(
    name: str, whole: World, figures: dict[str, Figures]
) -> None:
    found = METRICS[name].of(
        replace(whole, z=np.tile(whole.z, (1, 2)), view=np.tile(whole.view, (1, 2)))
    )
    assert found == pytest.approx(figures[name], abs=METRICS[name].doubled)


@pytest.mark.parametrize(
    ("name", "control"),
    [
        *((name, "one class") for name in METRICS if name not in WITHOUT_CLASSES),
        *((name, "one subject") for name in METRICS),
    ],
)
def test_one_class_or_one_subject_is_refused_or_means_nothing_more(
    name: str, control: str, whole: World
) -> None:
    n = len(whole.z)
    single = {
        "one class": replace(whole, label=np.full(n, "a")),
        "one subject": replace(whole, subject=np.zeros(n, int)),
    }[control]
    metric = METRICS[name]
    if control in metric.refuses:
        with pytest.raises(InputError):
            metric.of(single)
        return
    found = metric.of(single)
    if name == "retrieval":
        assert math.isnan(found["p10"])  # whatever is found is of the class
    else:
        assert all(map(math.isfinite, found.values()))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_collapse_is_seen_in_every_precision(dtype: torch.dtype) -> None:
    z = torch.randn(50, 8, generator=torch.Generator().manual_seed(0))
    assert not collapsed(z.to(dtype))
    assert not collapsed((z * 1e-3 + 1).to(dtype))
    assert collapsed((z[:1].expand(50, 8)).to(dtype))
    assert collapsed(z[:1])  # one window


def test_one_window_that_differs_or_one_view_is_no_collapse() -> None:
    z = np.ones((10_000, 4), np.float32)
    assert collapsed(z, z)
    one = z.copy()
    one[17, 2] = 1.1
    assert not collapsed(one)
    assert not collapsed(z, z + 1e-3)
    assert collapsed(z + 1e-3)
    with pytest.raises(InputError, match="4, 3 columns"):
        collapsed(z, z[:, :3])
