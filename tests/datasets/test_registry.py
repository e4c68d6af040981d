"""Data sets by name."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from triptych import datasets
from triptych.datasets import Dataset, Report, mitdb
from triptych.errors import InputError


def toy(**made: Any) -> Dataset:
    return Dataset("toy", repr(made), (), "sha256:0")


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> dict[str, ModuleType]:
    """mitdb beside a generated and an own data set that only note how they were called."""
    made, own = ModuleType("made"), ModuleType("own")
    made.load = lambda **options: toy(**options)  # type: ignore[attr-defined]
    own.load = lambda path, **options: toy(path=path, **options)  # type: ignore[attr-defined]
    own.check = lambda path: Report("own", path, 1)  # type: ignore[attr-defined]
    entries = {"mitdb": datasets._TABLE["mitdb"]}
    for name, module, files in (("made", made, "none"), ("own", own, "given")):
        monkeypatch.setitem(sys.modules, f"triptych.datasets.{name}", module)
        entries[name] = datasets._Entry(name, files, f"{name} for tests")  # type: ignore[arg-type]
    monkeypatch.setattr(datasets, "_TABLE", entries)
    return {"made": made, "own": own}


def test_names_and_summaries() -> None:
    assert {"mitdb", "simulated", "folder"} <= set(datasets.names())
    assert all(datasets.summary(name) for name in datasets.names())
    assert "simulated" in datasets.summary("simulated")
    with pytest.raises(InputError, match="'mit'; choose"):
        datasets.load("mit")


@pytest.mark.usefixtures("table")
def test_load_passes_what_each_kind_needs(tmp_path: Path) -> None:
    assert datasets.load("made", people=3).title == "{'people': 3}"
    assert str(tmp_path) in datasets.load("own", tmp_path, rate=2).title
    with pytest.raises(InputError, match="made is generated"):
        datasets.load("made", tmp_path)
    with pytest.raises(InputError, match="needs the folder"):
        datasets.load("own")
    with pytest.raises(InputError, match="no MIT-BIH records"):
        datasets.load("mitdb", tmp_path)


@pytest.mark.usefixtures("table")
def test_fetch_goes_to_the_named_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[Path] = []
    monkeypatch.setattr(mitdb, "fetch", lambda path, progress: called.append(path))
    assert datasets.fetch("mitdb", tmp_path) == tmp_path / "mitdb"
    assert called == [tmp_path / "mitdb"]
    with pytest.raises(InputError, match="made cannot"):
        datasets.fetch("made")


def test_a_data_set_is_checked_only_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "mitdb").mkdir()
    (tmp_path / "mitdb" / "100.hea").write_text("100 0 360\n")
    for folder in (tmp_path, tmp_path / "mitdb"):
        report = datasets.check(folder, "mitdb")
        assert (report.name, report.path) == ("mitdb", tmp_path / "mitdb")
        assert not report.ok
        assert datasets.check(folder).name == "own recordings"
    with pytest.raises(InputError, match="there is no "):
        datasets.check(tmp_path / "nowhere")
    with pytest.raises(InputError, match="with mitdb"):
        datasets.check(tmp_path / "nowhere", "mitdb")
    with pytest.raises(InputError, match="mitdb does"):
        datasets.check(tmp_path, "mitdb", rate=3)
    with pytest.raises(InputError, match="no files"):
        datasets.check(tmp_path, "simulated")
