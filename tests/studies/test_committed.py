"""Nets under the committed results: they follow from their cells, and the code still makes them."""

from __future__ import annotations

import itertools
import shlex
from pathlib import Path
from shutil import copytree
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tests.studies.test_benchmark import SHAPES

import triptych_studies as studies
from triptych.files import read_json
from triptych_studies.base import Cell, Options
from triptych_studies.rebuild import rebuild
from triptych_studies.runner import checked, keys_of
from triptych_studies.studies.benchmark import task_of

RESULTS = Path(__file__).resolve().parents[2] / "results"
FOLDERS = {
    str(path.parent.relative_to(RESULTS)): path.parent for path in RESULTS.rglob("results.json")
}
WRITTEN = ("results.json", "table.md")  # by `rebuild`, from cells alone
READ = (  # whose keys are made from the data themselves; of the others the data are made up
    "contrastive-analysis/digits/quick",
    "gated-contrast/digits/full",
    "imu-rotation/phone-5/full",
)

every_folder = pytest.mark.parametrize("name", sorted(FOLDERS))


@every_folder
def test_results_and_tables_follow_from_their_cells(name: str, tmp_path: Path) -> None:
    copytree(FOLDERS[name], tmp_path / "copy")
    assert list(rebuild("all", tmp_path)) == [tmp_path / "copy"]
    for file in WRITTEN:
        assert (tmp_path / "copy" / file).read_text() == (FOLDERS[name] / file).read_text()


def stored_keys(name: str) -> list[dict[str, Any]]:
    return [read_json(path)["key"] for path in sorted((FOLDERS[name] / "cells").glob("*.json"))]


def command_of(name: str) -> tuple[Any, Options]:
    """Study and options of the command that stands in the results."""
    words = shlex.split(read_json(FOLDERS[name] / "results.json")["command"])
    values = dict(itertools.pairwise(words))
    study = studies.study(words[2])
    methods = tuple(values["--methods"].split(",")) if "--methods" in values else ()
    options = Options(
        budget=values.get("--budget", "quick"),  # pyright: ignore[reportArgumentType]
        methods=study.ablated if "--ablate" in words else methods,
        dataset=values.get("--dataset") or values.get("--task"),
        split=values.get("--split"),
    )
    return study, checked(study, options, 1)


def made_up(
    key: dict[str, Any], options: Options, classes: tuple[str, ...], task: type | None
) -> Any:
    """Data of the shapes that the cell's recipe was made from."""
    about = key["recipe"].get("recipe", {}).get("data", {})
    rate = about.get("rate", 0.0)
    length = round(about.get("length_s", 0) * rate) or key["recipe"].get("length", 1)
    sizes = key["recipe"].get("windows", {})
    samples = key["recipe"].get("samples", (1, 1))
    channels = 6 if key["dataset"].startswith("hapt") and ">" not in key["dataset"] else 3

    def windows(n: int) -> Any:
        class Windows(SimpleNamespace):
            def __len__(self) -> int:
                return n

        signals = np.empty((1, channels, length), np.float32)
        return Windows(signals=signals, rate=rate, context=0, x=np.broadcast_to(0.0, (n, length)))

    made = object.__new__(task)
    vars(made).update(channels=("",) * channels)
    vars(made).update(
        data_name=key["dataset"],
        fingerprint=key["data"],
        options=options,
        classes=classes,
        attributes={
            name: "discrete" if width == key["recipe"]["recipe"]["bandwidth"] else "continuous"
            for name, width in key["recipe"].get("null_bandwidths", {}).items()
        },
        rate=float("length" in key["recipe"]),
        train=windows(sizes.get("train", samples[0])),
        fitted=windows(sizes.get("fitted", 0)),
        test=windows(sizes.get("test", samples[1])),
    )
    return made


def benchmarked(key: dict[str, Any], keys: list[dict[str, Any]], options: Options) -> Any:
    """The cell's task of the benchmark, on data of its shapes."""
    told = [each["recipe"]["recipe"].get("classes") for each in keys
            if each["dataset"] == key["dataset"]]  # fmt: skip
    said, (channels, length) = key["recipe"], SHAPES[key["dataset"]]

    class Windows(SimpleNamespace):
        def __len__(self) -> int:
            return said["windows"]

    kind = task_of(key["dataset"])
    task = object.__new__(kind)
    vars(task).update(
        data_name=kind.title,
        fingerprint=said["data"],
        options=options,
        channels=("MLII",) if "mitdb" in kind.title else tuple(f"c{k}" for k in range(channels)),
        windows=Windows(
            rate=said["recipe"]["data"]["rate"],
            centred=np.empty((1, channels, length), np.float32),
            label=np.array(next((each for each in told if each), ["1.0"])),
        ),
    )
    return SimpleNamespace(tasks={kind.title: task}, fingerprint="", options=options)


@every_folder
def test_recipes_of_today_are_those_of_the_cells(name: str) -> None:
    """A key holds all that decides a cell's figures; a refactor must not change any."""
    study, options = command_of(name)
    keys = stored_keys(name)
    told = [key["recipe"].get("recipe", {}).get("classes") for key in keys]  # not by rows without
    classes = next((tuple(each) for each in told if each), ())
    for key in keys:
        cell = Cell(*(key[field] for field in ("method", "dataset", "split", "fold", "seed")))
        prepared = (
            benchmarked(key, keys, options)
            if study.name == "benchmark"
            else made_up(key, options, classes, getattr(study, "task", None))
        )
        assert keys_of(study, prepared, [cell])[cell] == key


@pytest.mark.data
@pytest.mark.parametrize("name", READ)
def test_data_of_today_are_those_of_the_cells(name: str, data_root: Path) -> None:
    study, options = command_of(name)
    prepared = study.prepare(data_root, options)
    keys = list(keys_of(study, prepared, study.cells(prepared)).values())
    assert all(key in keys for key in stored_keys(name))
