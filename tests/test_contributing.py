"""The worked examples of CONTRIBUTING.md: each one file and one line, and they work."""

from __future__ import annotations

import doctest
import importlib
import importlib.util
import inspect
import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

import triptych_studies
from triptych import metrics, transforms
from triptych.datasets.readers import folder, load
from triptych.errors import InputError
from triptych.lazy import attach
from triptych.registry import Registry
from triptych.training import Recipe
from triptych_studies import methods
from triptych_studies.base import Options
from triptych_studies.runner import run
from triptych_studies.tasks.mitdb_phase import MitdbPhase

REPOSITORY = Path(__file__).resolve().parents[1]
PAGE = (REPOSITORY / "CONTRIBUTING.md").read_text(encoding="utf-8")
BLOCKS = dict(re.findall(r"^```python\n# (.*)\n((?:.*\n)*?)```$", PAGE, re.MULTILINE))
LINES = {
    "triptych_studies/methods/two_blocks.py": 30,
    "triptych_studies/tasks/wandering_ecg.py": 60,
    "triptych_studies/studies/ecg_wander.py": 90,
    "triptych/transforms/mains_hum.py": 40,
    "triptych/metrics/rank.py": 20,
    "triptych/datasets/readers/mhealth.py": 40,
}


def file(path: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module of one example, as if its file lay at `path`."""
    name = path.removesuffix(".py").replace("/", ".")
    spec = importlib.util.spec_from_loader(name, loader=None)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    exec(compile(BLOCKS[f"src/{path}"], path, "exec"), vars(module))
    return module


def line(
    path: str, table: str, monkeypatch: pytest.MonkeyPatch, known: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The entry of one example's table, which is now in the table, too."""
    (entry,) = BLOCKS[f"in src/{path}, {table}"].splitlines()
    name = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    real = getattr(importlib.import_module(name), table)
    made = eval(f"{{{entry}}}", dict(known or {}))
    for key, value in made.items():
        assert key not in real
        monkeypatch.setitem(real, key, value)
    return made


def test_every_example_is_run_and_short() -> None:
    files = {name.removeprefix("src/") for name in BLOCKS if name.startswith("src/")}
    assert files == set(LINES)
    for name, most in LINES.items():
        assert len(BLOCKS[f"src/{name}"].splitlines()) <= most, name
        assert not (REPOSITORY / "src" / name).exists(), f"{name} is there: take another example"


def without_data(kind: type, **known: Any) -> Any:
    """A task without its recordings."""
    made = object.__new__(kind)
    vars(made).update(known, options=Options("quick"))
    return made


def test_the_method_makes_recipes_on_tasks_that_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    file("triptych_studies/methods/two_blocks.py", monkeypatch)
    (row,) = line("triptych_studies/methods/__init__.py", "TABLE", monkeypatch)
    recipe = Recipe.of(methods.recipe_of(without_data(MitdbPhase, data_name="mitdb"), row, seed=3))
    assert [block.name for block in recipe.schema_of_latent.blocks] == ["shared", "rest"]
    assert recipe.training.seed == 3


def test_the_task_and_its_study_train_and_measure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file("triptych_studies/methods/two_blocks.py", monkeypatch)
    line("triptych_studies/methods/__init__.py", "TABLE", monkeypatch)
    file("triptych_studies/tasks/wandering_ecg.py", monkeypatch)
    file("triptych_studies/studies/ecg_wander.py", monkeypatch)
    (name,) = line("triptych_studies/__init__.py", "STUDIES", monkeypatch)
    study = triptych_studies.study(name)
    outcome = run(study, tmp_path, options=Options("smoke", ("random", "scl-two-blocks")))
    rows = {row["method"]: row["metrics"] for row in outcome.results["rows"]}
    assert set(rows) == {"random", "scl-two-blocks"}
    for found in rows.values():
        assert set(found) == set(study.metrics)
        assert -1 <= found["cosine_random"] < found["cosine"] <= 1
    assert "simulated" in outcome.table.read_text(encoding="utf-8").splitlines()[0]


def laws(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The tests that hold for every transform: those with one argument `case`, and types."""
    place = REPOSITORY / "tests" / "transforms" / "test_base.py"
    spec = importlib.util.spec_from_file_location("laws_of_transforms", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, module.__name__, module)  # dataclasses look there
    spec.loader.exec_module(module)
    tests = {name: each for name, each in vars(module).items() if name.startswith("test_")}
    given = {name: set(inspect.signature(each).parameters) for name, each in tests.items()}
    return {
        name: each for name, each in tests.items() if {"case"} <= given[name] <= {"case", "dtype"}
    }


def test_the_transform_keeps_the_laws_and_is_known_by_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = file("triptych/transforms/mains_hum.py", monkeypatch)
    with monkeypatch.context() as there:
        line("triptych/transforms/__init__.py", "_TRANSFORMS", there, vars(made))
        hum = transforms.transform("mains_hum", largest=0.2, rate=400.0)
        found = laws(there)
        assert len(found) > 8
        for each in found.values():
            typed = "dtype" in inspect.signature(each).parameters
            each(case=hum, **({"dtype": torch.float64} if typed else {}))
    assert "mains_hum" not in transforms.names()
    there = vars(transforms)["_TRANSFORMS"]
    monkeypatch.setattr(transforms, "_TRANSFORMS", Registry("transform", {}, there))
    transforms.register("mains_hum", made.MainsHum)
    again = transforms.from_dict(json.loads(json.dumps(transforms.to_dict(hum))))
    assert again == hum
    assert hum.label(hum.at(0.1)) == ["0.1 mV"]


def test_the_metric_shows_itself_in_an_example(monkeypatch: pytest.MonkeyPatch) -> None:
    made = file("triptych/metrics/rank.py", monkeypatch)
    place = REPOSITORY / "src" / "triptych" / "metrics" / "__init__.py"
    (entry,) = BLOCKS["in src/triptych/metrics/__init__.py, TYPE_CHECKING"].splitlines()
    source, under = place.read_text(encoding="utf-8"), "if TYPE_CHECKING:\n"
    load, _, names = attach("triptych.metrics", source.replace(under, f"{under}    {entry}\n"))
    (name,) = set(names) - set(metrics.__all__)
    metric = load(name)
    monkeypatch.delattr(metrics, name)  # which it was added to
    assert metric is getattr(made, name)
    (example,) = doctest.DocTestFinder(recurse=False).find(metric, name, globs=vars(made))
    assert example.examples
    assert not doctest.DocTestRunner().run(example).failed
    assert np.isnan(metric(torch.ones(20, 4)))


def test_the_reader_reads_its_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file("triptych/datasets/readers/mhealth.py", monkeypatch)
    (ending,) = line("triptych/datasets/readers/folder.py", "FORMATS", monkeypatch)
    assert ending in folder.FORMATS
    values = np.random.default_rng(0).normal(size=(300, 24)).round(3)
    values[:, 23] = np.repeat([0, 1, 9], 100)
    for k in (1, 2):
        rows = np.column_stack([values[:, :23] + k, values[:, 23]])
        np.savetxt(tmp_path / f"mHealth_subject{k}{ending}", rows, fmt="%.3f", delimiter="\t")
    data = load(tmp_path, subject_pattern=r"subject(\d+)")
    assert data.subjects == ("1", "2")
    assert [each.label for each in data.recordings[:3]] == [None, "1", "9"]
    assert {(each.rate, each.signal.shape) for each in data.recordings} == {(50.0, (23, 100))}
    np.testing.assert_allclose(data.recordings[0].signal, values[:100, :23].T + 1, atol=1e-4)
    (tmp_path / f"mHealth_subject1{ending}").write_text("1\t2\tthree\n")
    with pytest.raises(InputError, match="of mHealth"):
        load(tmp_path / f"mHealth_subject1{ending}")
