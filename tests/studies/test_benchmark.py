"""The benchmark: who is on which side, what the columns say of known encoders, what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from triptych import InputError
from triptych.datasets import Windows
from triptych.latent import Block, LatentSchema
from triptych.metrics import moved_share
from triptych.model import Latents
from triptych.training import Recipe
from triptych_studies.base import Cell, Options
from triptych_studies.grid import Study
from triptych_studies.methods import recipe_of, topk_sae
from triptych_studies.scores import Scores
from triptych_studies.studies import benchmark, benchmark_figures
from triptych_studies.studies.benchmark import TASKS, Benchmark, task_of
from triptych_studies.studies.own_advice import PRACTITIONER
from triptych_studies.tasks.base import Trained
from triptych_studies.tasks.benchmark import BenchmarkTask
from triptych_studies.tasks.benchmark_motion import Motion
from triptych_studies.tasks.peak_memory import PeakMemory

pytestmark = pytest.mark.usefixtures("coarse_figures")

SHAPES = {"mitdb-phase": (1, 400), "mitdb-rhythm": (1, 1000), "watch-18": (3, 100),
          "watch-18@harnet": (3, 300), "phone-5": (3, 100), "watch-to-phone": (3, 100),
          "hapt-6": (6, 128),
          "hapt-composite": (6, 128), "ppg-rate": (5, 200), "emg-gestures": (8, 50),
          "eeg-bonn": (1, 512)}  # fmt: skip
RATES = {"mitdb-phase": 400.0, "mitdb-rhythm": 100.0, "ppg-rate": 25.0, "emg-gestures": 200.0,
         "eeg-bonn": 128.0, "watch-18@harnet": 30.0, "hapt-6": 50.0,
         "hapt-composite": 50.0}  # fmt: skip


class Small(Motion):
    """Simulated motion."""

    title: ClassVar[str] = "small"
    source: ClassVar[Any] = ("simulated", {"kind": "imu", "people": 10, "seconds": 30})


def made(kind: type[BenchmarkTask], channels: int, length: int, rate: float, n: int = 60) -> Any:
    """A task of random windows: six subjects, two labels."""
    context = max(int(np.ceil(each.get("max_shift", 0) * rate)) for each in
                  (*kind.nuisance, *kind.tested, *kind.varied))  # fmt: skip
    x = torch.randn(n, channels, length + 2 * context, generator=torch.Generator().manual_seed(0))
    subject = np.array([f"s{k % 6}" for k in range(n)])
    label = np.array([["60.0", "90.0"] if kind.number else ["a", "b"]][0])[np.arange(n) // 6 % 2]
    windows = Windows(x, rate, context, subject, subject, np.arange(n) * 1.0, label,
                      np.zeros(n))  # fmt: skip
    return kind(data_name=kind.title, fingerprint="", options=Options(budget="smoke"),
                channels=tuple(f"c{k}" for k in range(channels)), windows=windows,
                folds={f"s{k}": k % 3 for k in range(6)})  # fmt: skip


@pytest.mark.parametrize("name", TASKS)
def test_every_row_of_every_task_is_a_recipe_of_its_own_windows(name: str) -> None:
    kind = task_of(name)
    task = made(kind, *SHAPES[name], RATES.get(name, 20.0))
    assert (kind.exact is None) == bool(kind.no_exact)
    for method in Benchmark.methods:
        if task.refuses(method):
            assert method in ("rr", "envelope", "har", "exact-har", "peak", "vqf", "exact",
                              "exact+scl", "plita", "topographic-vae")  # fmt: skip
            with pytest.raises(InputError):
                recipe_of(task, method, 0)
            continue
        recipe = Recipe.of(recipe_of(task, method, 0))
        features = method in (*PRACTITIONER, "peak")  # which train nothing
        plain = ("plain", "plain-half", "enn", "fade", "augmentation", "exact", "vqf", "random")
        labelled = method in plain or features
        assert bool(recipe.classes) == (labelled and not kind.number)
        assert recipe.length == SHAPES[name][1]
        if not features and method not in ("looc", "sie"):  # these have no free block
            assert recipe.schema_of_latent.size == 128
        context = round(recipe.context_s * recipe.data.rate)
        assert context <= task.windows.context
        moved = task.chain(tested=True)
        assert moved.context <= task.windows.context
        assert moved.context >= task.chain(tested=False).context


@pytest.mark.parametrize("row", ["scl", "exact+scl"])
def test_a_tempo_is_carried_in_place_of_the_main_nuisance(row: str) -> None:
    task = made(task_of("ppg-rate"), *SHAPES["ppg-rate"], RATES["ppg-rate"])
    recipe, beside = (Recipe.of(recipe_of(task, each, 0)) for each in (row, "simclr"))
    assert [each.name for each in recipe.transforms[:2]] == ["phase_shift", "time_scale"]
    schema = recipe.schema_of_latent
    assert [block.name for block in schema.variant("time_scale")] == ["moved"]
    assert schema.variant("phase_shift") == ()
    assert "moved" in [block.name for block in schema.invariant("phase_shift")]
    assert "time_scale" not in [each.name for each in beside.transforms]


@pytest.fixture(scope="module")
def small() -> Small:
    return Small.load(None, Options(budget="smoke"))


def test_no_subject_is_on_two_sides_and_every_subject_is_tested_once(small: Small) -> None:
    full = replace(small, options=Options(budget="full", methods=("plain",)))
    tested: list[str] = []
    for cell in full.cells():
        sides = full.sides(cell)
        parts = [set(each.subject) for each in (sides.train, sides.validation, sides.test)]
        assert all(parts)
        assert sum(map(len, parts)) == len(set.union(*parts))
        tested += sorted(parts[2])
    assert sorted(tested) == sorted(set(small.windows.subject))


def test_a_watch_trains_and_others_phones_are_tested() -> None:
    task = made(task_of("watch-to-phone"), 3, 100, 20.0)
    device = np.array([" watch", " phone"])[np.arange(len(task.windows)) // 6 % 2]
    record = np.char.add(task.windows.subject, device)
    task = replace(task, windows=replace(task.windows, record=record))
    sides = task.sides(Cell("plain", "watch-to-phone"))
    for each, end in ((sides.train, "watch"), (sides.validation, "watch"), (sides.test, "phone")):
        assert len(each)
        assert np.char.endswith(each.record, end).all()
    seen = {*sides.train.subject, *sides.validation.subject}
    assert not seen & set(sides.test.subject)


class Known(nn.Module):
    """Latents by a formula: `schema` and `embed` are all that the columns ask for."""

    def __init__(self, schema: LatentSchema, read: Any) -> None:
        super().__init__()
        self.schema, self.read = schema, read
        self.front_end, self.encoder = nn.Identity(), nn.Identity()

    def embed(self, x: Tensor) -> Latents:
        return Latents(self.schema, self.read(x))


def columns(task: BenchmarkTask, schema: LatentSchema, read: Any) -> dict[str, float]:
    scores = Scores()
    task.measure(Trained(Known(schema, read), None, 1), Cell("known", task.data_name), scores)
    return scores.metrics


def test_blocks_that_keep_their_word_have_all_columns(small: Small) -> None:
    schema = LatentSchema(
        Block("steady", 3, invariant_to="rotation"), Block("moved", 6, variant_to="rotation")
    )

    def read(x: Tensor) -> Tensor:
        size = x.norm(dim=1)
        steady = torch.stack([size.mean(1), size.std(1), size.diff().abs().mean(1)], 1)
        return torch.cat([steady - steady.mean(0), x.mean(2), x[:, :, 0]], dim=1)

    found = columns(small, schema, read)
    assert found["gap"] == pytest.approx(1, abs=1e-3)
    assert found["consistency"] > 0.97
    assert found["probe_moved"] == pytest.approx(found["probe"], abs=0.03)
    assert found["probe_full"] != found["probe"]  # the other block is read, too
    assert found["purity"] > 0.7
    assert found["leakage"] < 0.1


def test_latents_that_say_nothing(small: Small) -> None:
    whole = LatentSchema(Block("latent", 4))
    constant = columns(small, whole, lambda x: torch.ones(len(x), 4))
    assert constant["collapsed:latent"] == 1
    assert not {"probe", "gap", "separation", "leakage"} & set(constant)
    noise = columns(small, whole, lambda x: torch.randn(len(x), 4))
    chance = 1 / len(small.classes)
    assert noise["accuracy"] < chance + 0.1
    assert abs(noise["gap"]) < 0.1
    assert noise["separation"] == pytest.approx(0.5, abs=0.05)
    assert noise["leakage"] < 0.1
    assert "purity" not in noise


def test_numbers_are_read_by_ridge_and_few_labels_read_less() -> None:
    task = made(task_of("ppg-rate"), 5, 200, 25.0, n=600)
    told = torch.tensor(task.windows.label.astype(float))
    signals = task.windows.signals
    signals[:, 2:] = 0
    signals[:, 2, :113], signals[:, 2, 113:] = told[:, None], 100.0  # no nuisance hides the ratio

    def read(x: Tensor) -> Tensor:
        noise = torch.randn(len(x), 40, generator=torch.Generator().manual_seed(len(x)))
        size = x[:, 2:].norm(dim=1)
        ratio = size[:, :80].mean(dim=1) / size[:, -80:].mean(dim=1)
        return torch.cat([100 * ratio[:, None], noise], dim=1).float()

    found = columns(task, LatentSchema(Block("latent", 41)), read)
    assert found["probe"] > 0.95
    assert found["probe_moved"] > 0.8
    assert found["probe@1%"] < found["probe@10%"] < found["probe"]
    assert found["error"] < 3
    assert found["consistency"] > 0.8
    assert (
        found["leakage"] < 0.2
    )  # two subjects are tested: θ is read from the others' windows, too
    assert not {"accuracy", "auroc"} & set(found)


def test_a_cell_does_not_depend_on_the_other_tasks(
    small: Small, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    study, options = Benchmark(), Options(budget="smoke", methods=("random", "scl"))
    one = replace(small, options=options)
    other = replace(one, data_name="other", fingerprint="other")
    monkeypatch.setitem(TASKS, "small", "")
    loaded = {"small": one, "other": other}
    kinds = {n: type(n, (), {"load": lambda data, options, n=n: loaded[n]}) for n in loaded}
    monkeypatch.setattr(benchmark, "task_of", kinds.__getitem__)
    alone = study.prepare(None, replace(options, dataset="small"))
    both = study.prepare(None, replace(options, dataset="small,other"))
    assert alone.fingerprint == both.fingerprint
    assert len(study.cells(both)) == 2 * len(study.cells(alone)) == 4
    cell = study.cells(alone)[1]
    assert study.key(alone, cell) == study.key(both, cell)
    assert study.key(both, replace(cell, dataset="other")) != study.key(both, cell)
    monkeypatch.setattr(Small, "band", (0.5, 8.0))
    result = study.compute(alone, cell, lambda text: None)
    form = result.model.preprocessing
    assert (form.low, form.high) == (0.5, 8.0)  # as others' recordings have to be filtered
    assert set(Benchmark.headline) <= set(result.metrics)
    per_subject = next(iter(result.subjects.values()))[1]
    whole = {"purity", "leakage"}
    assert set(Benchmark.headline) - whole <= set(per_subject)
    assert result.metrics["labels"] == 0
    with pytest.raises(InputError, match="no task"):
        task_of("nothing")
    table = {"scl": {"small": 0.5}, "plain ‡": {"small": 0.25, "other": 0.75}}
    benchmark_figures.heat_table(table, table, tmp_path / "heat.png", title="probe")
    benchmark_figures.scatter(table, table, tmp_path / "cost.png", title="cost")
    benchmark_figures.curves({1: table, 100: table}, tmp_path / "labels.png", title="labels")
    assert all((tmp_path / f"{name}.png").stat().st_size for name in ("heat", "cost", "labels"))


def test_features_of_a_dictionary_are_grouped_by_what_moves_them(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = Benchmark()
    task = replace(small, options=Options(budget="smoke", methods=("simclr", "topk-sae")))
    plain, post_hoc = (dict(Study.key(study, task, cell)) for cell in task.cells())
    assert post_hoc.pop("settings") == topk_sae.SETTINGS
    assert plain.keys() == post_hoc.keys()
    monkeypatch.setitem(topk_sae.SETTINGS, "features", 64)
    model = Study.compute(study, task, task.cells()[1], lambda text: None).model
    assert model.schema.size == 64
    windows = task.sides(task.cells()[1]).test
    turned = task.chain(tested=True).apply(
        windows.centred, task.chain(tested=True).sample(len(windows), torch.Generator())
    )
    still, moved = (model.embed(each).all for each in (windows.centred, turned))
    assert ((still > 0).sum(dim=1) <= 16).all()
    share = model.schema.split(torch.as_tensor(moved_share(still, moved))[None])
    assert share["steady"].mean() < share["moved"].mean()


def test_the_peak_of_memory_is_that_of_the_work() -> None:
    with PeakMemory() as peak:
        np.ones(20_000_000).sum()
    if np.isfinite(peak.megabytes):
        assert 140 < peak.megabytes < 400
