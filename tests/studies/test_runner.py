"""The runner: what is finished stays, what is missing is computed, by one process or several."""

from __future__ import annotations

import errno
import json
import math
import multiprocessing
import os
import re
import signal
import threading
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.studies.fake import PEOPLE, Fake, FakeData

import triptych_studies as studies
from triptych.errors import InputError
from triptych.files import read_json, write_json
from triptych.metrics.statistics import bootstrap_interval
from triptych_studies import cache as cache_module
from triptych_studies import runner
from triptych_studies.base import Cell, Options
from triptych_studies.cache import Cache
from triptych_studies.results import summary_of
from triptych_studies.wording import direction

pytestmark = pytest.mark.usefixtures("coarse_figures")


@dataclass
class Ears:
    notes: list[str] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    cells: list[str] = field(default_factory=list)
    left: list[int] = field(default_factory=list)

    def note(self, text: str) -> None:
        self.notes.append(text)

    def step(self, cell: Cell, text: str) -> None:
        self.steps.append(text)

    def done(self, cell: Cell, seconds: float, left: int) -> None:
        self.cells.append(f"{cell.method} {cell.seed}")
        self.left.append(left)


def data(folder: Path | None = None, **changes: Any) -> FakeData:
    return FakeData(data_name="made-up", fingerprint="sha256:0", folder=folder, **changes)


def go(out: Path, study: Fake | None = None, **options: Any) -> tuple[runner.Outcome, Ears]:
    ears = Ears()
    return runner.run(study or Fake(), out, listener=ears, **options), ears


def computed(folder: Path) -> list[str]:
    path = folder / "computed.txt"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return sorted(line.rsplit(" ", 1)[0] for line in lines)


WRITTEN = ("results.json", "table.md")  # by `rebuild`, from cells alone
EVERYTHING = sorted(f"{m} {s}" for m in Fake.methods for s in (0, 1))


def test_an_arrow_before_a_metric_says_which_way_is_better() -> None:
    assert Fake().directions == {"cosine": "higher", "error": "lower"}
    assert Fake().definitions == {
        "cosine": "mean cosine <of windows> & so on",
        "level": "between-sample level",
        "error": "smaller is better",
    }
    assert direction(Fake(), "cosine@yaw") == "higher"
    assert direction(Fake(), "level") == "none"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, runner.Outcome, Ears]:
    """One run of everything, for tests that only read what it wrote."""
    folder = tmp_path_factory.mktemp("fake")
    study = Fake(data(figures=True))
    return folder, *go(folder, study, command="triptych study fake --out <here>")


def test_results_have_the_binding_format(whole: tuple[Path, runner.Outcome, Ears]) -> None:
    folder, outcome, ears = whole
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    assert results == outcome.results
    assert list(results) == [
        "study",
        "protocol",
        "data",
        "budget",
        "environment",
        "definitions",
        "rows",
        "summary",
        "command",
    ]
    assert results["data"] == {
        "name": "made-up",
        "fingerprint": "sha256:0",
        "simulated": False,
    }
    assert results["environment"]["threads"] >= 1
    assert {"triptych", "torch", "python"} <= set(results["environment"])
    assert len(results["rows"]) == 6
    row = next(r for r in results["rows"] if r["method"] == "scl" and r["seed"] == 1)
    assert {"dataset": "made-up", "split": "subject", "fold": 0}.items() <= row.items()
    assert {"parameters": 1234, "epochs": 2, "trials": 8}.items() <= row.items()
    assert set(row["subjects"]) == set(PEOPLE)
    assert row["subjects"]["100"]["n"] == 50
    assert "error" not in row["metrics"]  # NaN: the method does not have it
    assert all("artifacts" not in r for r in results["rows"])
    scl = next(s for s in results["summary"] if s["method"] == "scl")
    assert set(scl) == {"method", "dataset", "split", "metrics"}
    figures = scl["metrics"]["cosine"]
    assert set(figures) == {"mean", "low", "high", "n"}
    assert figures["n"] == 2
    assert figures["low"] < figures["mean"] < figures["high"]
    own = [r["metrics"]["cosine"] for r in results["rows"] if r["method"] == "scl"]
    assert math.isclose(figures["mean"], sum(own) / 2)
    assert sorted(ears.cells) == EVERYTHING
    assert ears.left == [5, 4, 3, 2, 1, 0]
    assert "epoch 1/2" in ears.steps
    table = outcome.table.read_text(encoding="utf-8")
    assert "study fake --out" in table
    assert "simulated" not in table
    assert outcome.report.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_one_seed_without_subjects_has_no_interval(tmp_path: Path) -> None:
    outcome, _ = go(tmp_path, options=Options(seeds=1))
    level = outcome.results["summary"][0]["metrics"]["level"]
    assert level == {"mean": 0.1, "low": None, "high": None, "n": 1}


def test_the_table_says_who_lost_and_what_is_a_tie(
    whole: tuple[Path, runner.Outcome, Ears],
) -> None:
    text = whole[1].table.read_text(encoding="utf-8")
    assert re.search(
        r"cosine \(.*\): scl 0\.9.*, plain 0\.3.*, exact \(the best exact\) 0\.9", text
    )
    behind = text.index("## Where scl is behind")
    assert behind < text.index("scl is below exact by") < text.index("## What scl is ahead of")
    assert "points: plain 6" in text
    assert "<of windows>" not in text.replace("\\<of windows\\>", "")
    assert "**0.9" in next(line for line in text.splitlines() if line.startswith("| exact"))
    assert "†" in text
    assert "**" not in "".join(line for line in text.splitlines() if line.startswith("| plain"))


def test_a_finished_study_computes_nothing_again(tmp_path: Path) -> None:
    study = Fake(data(tmp_path))
    first, _ = go(tmp_path / "out", study)
    again, ears = go(tmp_path / "out", study)
    assert ears.cells == []
    assert again.results == first.results
    assert computed(tmp_path) == EVERYTHING


def test_a_failing_cell_keeps_the_finished_ones(tmp_path: Path) -> None:
    broken = Fake(data(tmp_path, faults={"exact": InputError("no beats in record 100")}))
    with pytest.raises(InputError, match=r"exact on made-up .*record 100"):
        go(tmp_path / "out", broken)
    _, ears = go(tmp_path / "out", Fake(data(tmp_path)))
    assert sorted(ears.cells) == sorted(set(EVERYTHING) - {"plain 0"})
    assert computed(tmp_path) == EVERYTHING
    assert not list((tmp_path / "out" / "cells").glob("*.lock"))


def test_ctrl_c_says_what_is_done_and_writes_it(tmp_path: Path) -> None:
    stopped = Fake(data(tmp_path, faults={"scl": KeyboardInterrupt()}))
    with pytest.raises(runner.Interrupted, match=r"2 of 6 cells .*again"):
        go(tmp_path / "out", stopped)
    results = json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))
    assert [row["method"] for row in results["rows"]] == ["plain", "exact"]
    assert "2 cells" in (tmp_path / "out" / "table.md").read_text(encoding="utf-8")
    go(tmp_path / "out", Fake(data(tmp_path)))
    assert computed(tmp_path) == EVERYTHING


def test_ctrl_c_before_the_first_cell_leaves_no_results(tmp_path: Path) -> None:
    with pytest.raises(runner.Interrupted, match="0 of 6"):
        go(tmp_path, Fake(data(faults={"plain": KeyboardInterrupt()})))
    assert not (tmp_path / "results.json").exists()


def test_ctrl_c_while_reading_is_a_sentence_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def prepare(*_: object) -> FakeData:
        raise KeyboardInterrupt

    monkeypatch.setattr(Fake, "prepare", prepare)
    with pytest.raises(runner.Interrupted, match="while the data"):
        go(tmp_path)


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) // 2],
        lambda text: "",
        lambda text: "[]",
        lambda text: text.replace('"row"', '"line"'),
        lambda text: text.replace('"seed": 0', '"seed": 7'),
        lambda text: text.replace('"n": 50', '"n": "many"'),
    ],
)
def test_a_damaged_cell_is_noted_and_computed_anew(tmp_path: Path, damage: Any) -> None:
    study = Fake(data(tmp_path))
    first, _ = go(tmp_path / "out", study)
    (victim,) = (tmp_path / "out" / "cells").glob("scl-made-up-subject-f0-s0-*.json")
    victim.write_text(damage(victim.read_text(encoding="utf-8")), encoding="utf-8")
    again, ears = go(tmp_path / "out", study)
    assert ears.cells == ["scl 0"]
    assert len([note for note in ears.notes if victim.name in note]) == 1
    for row in (*first.results["rows"], *again.results["rows"]):
        row.pop("seconds")
    assert again.results["rows"] == first.results["rows"]


@pytest.mark.parametrize(
    "change",
    [
        {"recipe": 0.002},
        {"fingerprint": "sha256:1"},
        {"options": Options(budget="full")},
        {"revision": 2},
        {"protocol": "2"},
    ],
)
def test_what_decides_figures_changes_the_key(
    tmp_path: Path, change: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    change = dict(change)
    study = Fake(data(tmp_path))
    go(tmp_path / "out", study, options=Options(methods=("plain",), seeds=1))
    options = change.pop("options", Options())
    for name in ("revision", "protocol"):
        if name in change:
            monkeypatch.setattr(Fake, name, change.pop(name))
    _, ears = go(
        tmp_path / "out",
        Fake(replace(study.prepared, **change)),
        options=replace(options, methods=("plain",), seeds=1),
    )
    assert ears.cells == ["plain 0"]
    assert any("1 finished cell(s)" in note for note in ears.notes)
    assert len(list((tmp_path / "out" / "cells").glob("*.json"))) == 2


def test_cells_of_other_code_are_used_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go(tmp_path, options=Options(seeds=1))
    monkeypatch.setattr(runner, "code_version", lambda: "another")
    outcome, ears = go(tmp_path)
    assert len(ears.cells) == 3
    assert any(re.search("^3 finished .*other code", note) for note in ears.notes)
    codes = outcome.results["environment"]["code"]
    assert len(codes) == 2
    assert "another" in codes


def test_what_does_not_decide_figures_keeps_the_key(tmp_path: Path) -> None:
    study = Fake(data(tmp_path))
    go(tmp_path / "out", study)
    _, ears = go(tmp_path / "out", study, options=Options(device="cpu", methods=("scl", "plain")))
    assert ears.cells == []


def test_a_claimed_cell_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = Fake(data(tmp_path))
    monkeypatch.setattr("triptych_studies.work.PAUSE", 0.01)
    options = runner.checked(study, Options(methods=("plain",), seeds=1), 1)
    prepared = study.prepare(None, options)
    cell = Cell("plain", "made-up")
    cache = Cache(tmp_path / "out" / "cells", runner.keys_of(study, prepared, [cell]))
    free = threading.Event()
    held = threading.Event()

    def somebody_else() -> None:
        with cache.claim(cell) as mine:
            assert mine
            held.set()
            free.wait(30)
            cache.store(cell, study.compute(prepared, cell, lambda _: None), 1.0, {})

    other = threading.Thread(target=somebody_else)
    other.start()
    assert held.wait(30)

    class Impatient(Ears):
        def note(self, text: str) -> None:
            super().note(text)
            free.set()

    ears = Impatient()
    runner.run(study, tmp_path / "out", options=options, listener=ears)
    other.join()
    assert ears.cells == []
    assert [n for n in ears.notes if re.search("another process .*plain", n)]
    assert computed(tmp_path) == ["plain 0"]


def test_a_lock_of_a_dead_process_is_taken_over(tmp_path: Path) -> None:
    study = Fake(data(tmp_path))
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=hold_and_die, args=(theirs, tmp_path / "out"))
    process.start()
    assert ours.recv() == "held"
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert list((tmp_path / "out" / "cells").glob("*.lock"))
    _, ears = go(tmp_path / "out", study)
    assert sorted(ears.cells) == EVERYTHING
    assert not list((tmp_path / "out" / "cells").glob("*.lock"))


def hold_and_die(connection: Any, out: Path) -> None:
    study = Fake()
    options = runner.checked(study, Options(), 1)
    prepared = study.prepare(None, options)
    cell = Cell("plain", "made-up")
    cache = Cache(out / "cells", runner.keys_of(study, prepared, [cell]))
    with cache.claim(cell) as mine:
        assert mine
        connection.send("held")
        os.kill(os.getpid(), signal.SIGKILL)


def test_two_processes_share_the_work(tmp_path: Path) -> None:
    study = Fake(data(tmp_path, pause=0.05))
    outcome, ears = go(tmp_path / "out", study, jobs=2)
    assert computed(tmp_path) == EVERYTHING  # each exactly once
    assert sorted(ears.cells) == EVERYTHING
    assert 0 in ears.left  # whoever ends last says so, though not always last
    assert outcome.results["environment"]["threads"] == 1
    alone, _ = go(tmp_path / "alone", Fake(data()))
    for row in (*outcome.results["rows"], *alone.results["rows"]):
        row.pop("seconds")
    assert outcome.results["rows"] == alone.results["rows"]


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (InputError("no beats"), "scl on made-up .*no beats"),
        (ZeroDivisionError("a bug"), "a bug"),
    ],
)
def test_a_fault_in_another_process_comes_home(
    tmp_path: Path, fault: BaseException, said: str
) -> None:
    with pytest.raises(type(fault), match=said):
        go(tmp_path, Fake(data(faults={"scl": fault})), jobs=2)
    assert list((tmp_path / "cells").glob("*.json"))  # what was finished before it
    assert not list((tmp_path / "cells").glob("*.lock"))


def test_a_process_killed_from_outside_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"killed .*fewer jobs"):
        go(tmp_path, Fake(data(killed="scl")), jobs=2)
    assert not list((tmp_path / "cells").glob("*.lock"))


def test_simulated_data_are_named_in_every_title(tmp_path: Path) -> None:
    go(tmp_path, Fake(data(simulated=True, notes=("12 virtual people",))))
    assert "simulated" in (tmp_path / "table.md").read_text(encoding="utf-8").splitlines()[0]
    report = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<title>Fake study" in report
    assert "<h1>Fake study" in report
    assert "12 virtual people" in report


def test_the_report_holds_table_figures_definitions_and_settings(
    whole: tuple[Path, runner.Outcome, Ears],
) -> None:
    page = whole[1].report.read_text(encoding="utf-8")
    assert "simulated" not in page
    seen: list[tuple[str, dict[str, str | None]]] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            seen.append((tag, dict(attrs)))

    Reader().feed(page)
    images = [attributes for tag, attributes in seen if tag == "img"]
    assert len(images) == 1
    assert (images[0]["src"] or "").startswith("data:image/png;base64,")
    assert images[0]["alt"]
    for text in ("&lt;of windows&gt;", "sha256:0", "&lt;here&gt;", "seeds", "1,234"):
        assert text in page
    assert "<of windows>" not in page


def test_a_full_disk_is_one_sentence_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go(tmp_path, options=Options(methods=("plain",)))
    before = sorted(path.name for path in (tmp_path / "cells").iterdir())

    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("triptych.files.os.fsync", full)
        with pytest.raises(InputError, match="No space left"):
            go(tmp_path)
    assert sorted(path.name for path in (tmp_path / "cells").iterdir()) == before
    _, ears = go(tmp_path)
    assert sorted(ears.cells) == sorted(set(EVERYTHING) - {"plain 0", "plain 1"})


def test_a_file_where_the_folder_should_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("", encoding="utf-8")
    with pytest.raises(InputError, match=r"cannot write in .*out"):
        go(tmp_path / "out")


@pytest.mark.parametrize(
    ("options", "jobs", "said"),
    [
        (Options(methods=("scl", "sCl")), 1, "plain, exact"),
        (Options(seeds=0), 1, "0 seeds"),
        (Options(), 0, "0 jobs"),
    ],
)
def test_what_does_not_exist_is_refused(
    tmp_path: Path, options: Options, jobs: int, said: str
) -> None:
    with pytest.raises(InputError, match=said):
        go(tmp_path, options=options, jobs=jobs)


def test_methods_keep_the_order_of_the_study(tmp_path: Path) -> None:
    outcome, _ = go(tmp_path, options=Options(methods=("scl", "plain"), seeds=1))
    assert [row["method"] for row in outcome.results["rows"]] == ["plain", "scl"]


def test_artifacts_are_small_plain_json(whole: tuple[Path, runner.Outcome, Ears]) -> None:
    path = next((whole[0] / "cells").glob("*.json"))
    content = json.loads(path.read_text(encoding="utf-8"))
    assert content["artifacts"] == {"curve": [1.0, 0.33333, None], "names": ["a", "b"]}
    assert content["key"]["budget"] == "quick"


def test_file_names_hold_no_strange_signs(tmp_path: Path) -> None:
    cell = Cell("exact+scl", "watch-18>phone-5/..")
    path = cache_module.Cache(tmp_path, {cell: {"a": 1}}).path(cell)
    assert path.parent == tmp_path
    assert path.name.startswith("exact+scl-watch-18_phone-5_..-subject-f0-s0-")


def test_an_unknown_study_is_refused() -> None:
    with pytest.raises(InputError, match="no study 'ecg-fase': choose"):
        studies.study("ecg-fase")


def test_folds_of_one_seed_are_one_table_of_subjects() -> None:
    def row(seed: int, fold: int, people: dict[str, float]) -> dict[str, Any]:
        mean = float(np.mean([*people.values()]))
        held = {name: {"n": 10, "metrics": {"cosine": v}} for name, v in people.items()}
        names = {"method": "a", "dataset": "d", "split": "subject", "seed": seed, "fold": fold}
        return {**names, "metrics": {"cosine": mean}, "subjects": held}

    values = np.random.default_rng(0).normal(size=12)
    names = [f"p{k}" for k in range(12)]
    people = dict(zip(names, values.tolist(), strict=True))
    folds = [dict(list(people.items())[k : k + 3]) for k in range(0, 12, 3)]
    alone = bootstrap_interval(np.array([people[name] for name in sorted(names)]))
    for seeds in (1, 2):  # the same figures twice are no more to draw from
        rows = [row(seed, k, each) for seed in range(seeds) for k, each in enumerate(folds)]
        found = summary_of(rows)["metrics"]["cosine"]
        assert found["low"] == pytest.approx(alone.low, abs=0.05)
        assert found["high"] == pytest.approx(alone.high, abs=0.05)


def test_tables_are_made_anew_from_cells_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import triptych_studies as studies
    from triptych_studies.rebuild import rebuild

    monkeypatch.setitem(studies.STUDIES, "fake", "tests.studies.fake:Fake")
    go(tmp_path / "a", command="triptych study fake")
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.name in WRITTEN}
    content = read_json(tmp_path / "a" / "results.json")
    write_json(tmp_path / "a" / "results.json", {**content, "summary": []})
    (tmp_path / "a" / "table.md").unlink()
    assert list(rebuild("all", tmp_path)) == [tmp_path / "a"]
    assert {p: p.read_bytes() for p in before} == before
    assert list(rebuild("fake", tmp_path / "a")) == [tmp_path / "a"]
    with pytest.raises(InputError, match=r"results\.json of ecg-phase"):
        list(rebuild("ecg-phase", tmp_path))
    with pytest.raises(InputError, match="no study 'fke'"):
        list(rebuild("fke", tmp_path))
    next((tmp_path / "a" / "cells").glob("*.json")).write_text("{}")
    with pytest.raises(InputError, match="whole cell"):
        list(rebuild("fake", tmp_path))
