"""`study own`: who is on which side, what is left in the folder, what is advised and refused."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from shutil import copytree, ignore_patterns
from typing import Any

import numpy as np
import pytest
import torch

from triptych import InputError
from triptych.cli import main
from triptych.datasets import Dataset, Windows
from triptych.datasets.sources import open_data
from triptych.files import read_json
from triptych.metrics import paired_difference
from triptych.model import Model
from triptych.training import Recipe, fit, prepare
from triptych_studies.base import Cell, Options
from triptych_studies.figures import Album
from triptych_studies.methods.practitioner import beats_of
from triptych_studies.rebuild import rebuild
from triptych_studies.runner import Interrupted, run
from triptych_studies.studies import own_figures
from triptych_studies.studies.own import OwnStudy
from triptych_studies.studies.own_advice import advise, smallest
from triptych_studies.tasks import own_conditions, own_data, own_words
from triptych_studies.tasks.own import Own as Task

pytestmark = pytest.mark.usefixtures("coarse_figures")

RATE, SECONDS = 20.0, 20
LABELS = {"walk": (1.5, 0.3), "run": (2.6, 0.9)}
FILES: dict[str, Any] = {"rate": RATE, "channels": ("ax", "ay", "az")}
WAYS = ("pocket", "waist", "wrist")


def folder(path: Path, subjects: int = 5, labels: tuple[str, ...] = ("walk", "run")) -> Path:
    """A table per subject; sensors in all orientations but the first are really turned."""
    rng, t = np.random.default_rng(0), np.arange(SECONDS * int(RATE)) / RATE
    path.mkdir(parents=True, exist_ok=True)
    for subject in range(subjects):
        rows: list[list[Any]] = []
        for way in WAYS:
            turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
            turn *= np.sign(np.linalg.det(turn))
            for label in labels:
                pace, size = LABELS[label]
                wave = size * np.sin(2 * np.pi * pace * (1 + 0.02 * subject) * t)
                x = np.stack([0.3 * wave, 0.1 * np.roll(wave, 3), 1 + wave])
                x = (x if way == WAYS[0] else turn @ x) + 0.03 * rng.normal(size=x.shape)
                said = [f"s{subject}", label, way, f"{60 + 5 * subject}"]
                rows += [[*said, *(f"{value:.4f}" for value in sample)] for sample in x.T]
        with open(path / f"{subject}.csv", "w", newline="", encoding="utf-8") as handle:
            titles = ["subject", "activity", "orientation", "weight", "ax", "ay", "az"]
            csv.writer(handle).writerows([titles, *rows])
    return path


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder(tmp_path_factory.mktemp("own") / "data")


@pytest.fixture(scope="module", autouse=True)
def _read_once() -> Iterator[None]:
    """Each folder is read once for each way of asking: that is most of these tests' time."""
    kept: dict[str, Dataset] = {}

    def opened(data: str, options: Any = None) -> Dataset:
        key = repr((data, options))
        if key not in kept:
            kept[key] = open_data(data, options)
        return kept[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("triptych_studies.tasks.own_data.open_data", opened)
        yield


def asked(data: Path, nuisance: str = "rotation", **said: Any) -> dict[str, Any]:
    own = FILES | said.pop("own", {"label_column": ["activity"]})
    return own_words.asked_of(str(data), own, {"nuisance": [nuisance], **said})


def loaded(data: Path, methods: tuple[str, ...] = ("random",), **said: Any) -> Task:
    budget = said.pop("budget", "smoke")
    return Task.load(None, Options(budget, methods, asked=asked(data, **said)))


@pytest.fixture(scope="module")
def computed(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("own") / "out"
    options = Options("smoke", ("plain", "exact"), asked=asked(data, hold_out="orientation=waist"))
    run(OwnStudy(), out, options=options, listener=Ears(), keep_models=True)
    return out


class Ears:
    """Keeps what a run says."""

    def __init__(self) -> None:
        self.notes, self.cells = list[str](), list[Cell]()

    def note(self, text: str) -> None:
        self.notes.append(text)

    def step(self, cell: Cell, text: str) -> None: ...

    def done(self, cell: Cell, seconds: float, left: int) -> None:
        self.cells.append(cell)


def test_a_run_leaves_tables_advice_recipes_and_models(data: Path, computed: Path) -> None:
    results = read_json(computed / "results.json")
    rows = {row["method"]: row for row in results["rows"]}
    assert {row["dataset"] for row in rows.values()} == {"own (orientation=waist)"}
    assert rows["exact"]["metrics"]["gap"] == pytest.approx(1, abs=1e-3)
    assert rows["plain"]["metrics"]["gap"] < 0.99
    for way in WAYS:  # seen in training or not
        assert 0 <= rows["plain"]["metrics"][f"probe@orientation={way}"] <= 1
    assert "probe" in next(iter(rows["plain"]["subjects"].values()))["metrics"]
    text = results["advice"]["text"]
    assert "validation subject" in text
    assert "smoke" in text  # a training of seconds chooses no method
    for page in ("table.md", "report.html"):
        assert text[:60] in (computed / page).read_text().replace("\n", " ")
    assert {path.stem for path in (computed / "recipes").iterdir()} == {"plain", "exact"}
    for name in ("plain", "exact"):
        model = Model.load(computed / "models" / name)
        assert model.embed(np.zeros((2, 3, 100), np.float32)).all.shape == (2, 128)
    before = (computed / "results.json").read_text()
    assert list(rebuild("own", computed)) == [computed]
    assert (computed / "results.json").read_text() == before


def test_values_held_out_are_drawn_side_by_side(computed: Path, tmp_path: Path) -> None:
    results = read_json(computed / "results.json")
    other = [row | {"dataset": "own (orientation=wrist)"} for row in results["summary"]]
    album = Album(tmp_path, "", OwnStudy(), {**results, "summary": results["summary"] + other}, ())
    own_figures.draw(album)
    assert [each.file for each in album.figures] == ["heat.png", "cost.png"]
    assert all((tmp_path / each.file).stat().st_size for each in album.figures)
    assert all("§" in each.caption for each in album.figures)


def test_recipes_train_on_the_data(data: Path, computed: Path) -> None:
    recipe = Recipe.read(computed / "recipes" / "exact.yaml")
    made = prepare(recipe, data)
    assert fit(recipe, made.train, made.validation, progress=False).epochs == 1
    assert Recipe.read(computed / "recipes" / "plain.yaml").classes == ("run", "walk")


def test_finished_cells_are_used_and_a_model_that_was_not_kept_is_said(
    data: Path, computed: Path, tmp_path: Path
) -> None:
    copytree(computed / "cells", tmp_path / "cells", ignore=ignore_patterns("models"))
    options = Options("smoke", ("plain",), asked=asked(data, hold_out="orientation=waist"))
    ears, study = Ears(), OwnStudy()
    run(study, tmp_path, options=options, listener=ears, keep_models=True)
    assert not ears.cells
    assert not (tmp_path / "models").exists()
    assert any("plain" in text and "--keep-models" in text for text in ears.notes)
    task = Task.load(None, options)
    cell = task.cells()[0]
    askings = [task.asked, replace(task.asked, values=()), replace(task.asked, data=str(tmp_path))]
    seen = [study.key(replace(task, asked=each), cell) for each in askings]
    assert seen[0] != seen[1]
    assert seen[0] == seen[2]


def test_a_model_that_was_kept_stays_until_another_is_whole(
    data: Path, computed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    copytree(computed, tmp_path / "out")
    options = Options("smoke", ("plain",), asked=asked(data, hold_out="orientation=waist"))
    monkeypatch.setattr("triptych_studies.kept_models.shutil.copytree", killed)
    with pytest.raises(Interrupted):
        run(OwnStudy(), tmp_path / "out", options=options, listener=Ears(), keep_models=True)
    Model.load(tmp_path / "out" / "models" / "plain")


def test_subjects_and_values_are_apart(data: Path) -> None:
    one = loaded(data, hold_out="orientation=waist,wrist", budget="quick")
    assert {cell.dataset for cell in one.cells()} == {
        "own (orientation=waist)",
        "own (orientation=wrist)",
    }
    tested: list[str] = []
    for cell in one.cells():
        sides = one.sides(cell)
        every = (sides.train, sides.validation, sides.test)
        parts: list[set[str]] = [set(each.subject.tolist()) for each in every]
        assert all(parts)
        assert sum(map(len, parts)) == len({name for part in parts for name in part})
        for side in (sides.train, sides.validation):
            assert set(side.attributes["orientation"]) == {"pocket"}
            assert set(side.label) == {"walk", "run"}
        assert len(set(sides.test.attributes["orientation"])) == 1
        tested += sorted(parts[2])
    assert sorted(tested) == sorted(2 * [f"s{k}" for k in range(5)])
    each = loaded(data, hold_out="orientation")
    assert len({cell.dataset for cell in each.cells()}) == 3
    train = each.sides(each.cells()[0]).train
    assert len(set(train.attributes["orientation"])) == 2


@pytest.mark.parametrize("window", [0.0, -1.0, 1e-6, float("inf"), float("nan")])
def test_a_window_has_a_sample_or_more(data: Path, window: float) -> None:
    with pytest.raises(InputError, match="--window"):
        loaded(data, window=window)


def test_what_the_nuisance_and_the_labels_decide(data: Path, tmp_path: Path) -> None:
    rows = ("random", "rr", "har", "exact", "supcon")
    turned = loaded(data, rows)
    assert set(turned.refused) == {"rr"}
    assert turned.exact["name"] == "rotation_invariants"
    shifted = loaded(data, rows, nuisance="phase_shift:max_shift=0.2", window=2.0)
    assert (shifted.exact, shifted.windows.context) == ("canonical_phase", 4)
    both = own_words.asked_of(str(data), FILES, {"nuisance": ["gain", "phase_shift"]})
    chained = Task.load(None, Options("smoke", rows, asked=both))
    assert [each["name"] for each in chained.nuisance] == ["phase_shift", "gain"]
    assert chained.main == "gain"
    still = loaded(data, rows, nuisance="noise_snr:low=90,high=90")
    assert {"exact", "rr"} <= set(still.refused)
    assert [each["name"] for each in still.blocks("variant")] == ["steady", "rest"]
    number = loaded(data, rows, own={"target_column": "weight"})
    assert "supcon" in number.refused
    assert not number.recipe(0).get("classes")
    assert number.number_within > 0
    assert len(loaded(folder(tmp_path / "four", 4), budget="quick").cells()) == 4


def test_without_labels_invariance_is_measured_and_nothing_is_read(tmp_path: Path) -> None:
    plain = folder(tmp_path / "data", 4, ("walk",))
    task = loaded(plain, ("random",), own={"attributes": ("orientation",)})
    assert any("no labels" in note for note in task.notes)
    result = OwnStudy().compute(task, task.cells()[0], lambda text: None)
    assert {"gap", "separation", "leakage"} <= set(result.metrics)
    assert not [name for name in result.metrics if name.startswith("probe")]
    assert "cosine_moved@orientation=waist" in result.metrics


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"nuisance": "wobble"}, "no transform 'wobble'"),
        ({"nuisance": "gain:loud=3"}, "no setting 'loud'"),
        ({"nuisance": "channel_shift:channels=8"}, "channel"),
        ({"hold_out": "orientation=ankle"}, "ankle"),
        ({"hold_out": "orientation=pocket,waist,wrist"}, "no other value"),
        ({"hold_out": "session"}, "session"),
        ({"own": {"label_column": ["posture"]}}, "posture"),
        ({"window": 60.0}, "window"),
        ({"band": "0.5,40"}, "40 Hz"),
        ({"band": "low"}, "--band"),
        ({"nuisance": "gain:loud"}, "--nuisance"),
        ({"hold_out": "orientation="}, "--hold-out"),
    ],
)
def test_what_cannot_be_asked(data: Path, said: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        loaded(data, **said)


def test_too_few_subjects_or_classes(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="1 subject"):
        loaded(folder(tmp_path / "one", 1))
    with pytest.raises(InputError, match="two classes"):
        loaded(folder(tmp_path / "alike", 3, ("walk",)))
    for lacking in ("data", "nuisance"):
        content = {"data": "x", "nuisance": [{"name": "gain"}], lacking: None}
        with pytest.raises(InputError, match=lacking):
            Task.load(None, Options(asked=content))


SUBJECTS = [f"s{k}" for k in range(8)]


def results(figures: dict[str, list[float]], seconds: dict[str, float]) -> dict[str, Any]:
    """Results of made-up figures per subject."""
    rows: list[dict[str, Any]] = [
        {
            "method": name,
            "dataset": "own",
            "split": "subject",
            "fold": 0,
            "seed": 0,
            "metrics": {"probe_moved": float(np.mean(values)), "validation_subjects": 2.0}
            | ({"train_seconds": seconds[name]} if name in seconds else {}),
            "subjects": {
                subject: {"n": 10, "metrics": {"probe_moved": value}}
                for subject, value in zip(SUBJECTS, values, strict=False)
            },
        }
        for name, values in figures.items()
    ]
    summary: list[Any] = [
        {k: row[k] for k in ("method", "dataset", "split")}
        | {"metrics": {m: {"mean": row["metrics"][m], "n": 1} for m in row["metrics"]}}
        for row in rows
    ]
    return {"rows": rows, "summary": summary, "asked": {"nuisance": [{"name": "rotation"}]}}


def test_advice_names_what_is_shown_and_the_cheapest_that_is_not_beaten() -> None:
    noise = np.random.default_rng(0).normal(scale=0.02, size=(4, 8))
    level = {"plain": 0.4, "augmentation": 0.79, "exact+scl": 0.8, "har": 0.6}
    noise -= noise.mean(axis=1, keepdims=True)
    figures = {n: (v + e).tolist() for (n, v), e in zip(level.items(), noise, strict=True)}
    found = advise(OwnStudy(), results(figures, {"plain": 8, "augmentation": 10, "exact+scl": 50}))
    (part,) = found["parts"]
    assert part["start_from"] == "augmentation"
    text, leader = found["text"], part["leader"]
    assert leader == "exact+scl"
    assert "costs a fifth" in text
    assert "in this run" in text
    assert "above plain by" in text
    assert "2 validation subjects" in text
    gaps = [paired_difference(figures[leader], figures[name]) for name in level if name != leader]
    assert part["smallest"] == smallest(gaps)
    assert f"{part['smallest'] * 100:.1f} points" in text


def test_an_interval_without_0_that_shows_nothing_is_explained() -> None:
    spread = np.array([-3, -2, -1, 0, 0, 1, 2, 3]) / 100
    figures = {"scl": np.full(8, 0.5), "plain": 0.48 - spread}  # t = 2.7
    rest = dict.fromkeys(("simclr", "vicreg", "exact", "augmentation"), 0.499 - spread)
    alone = advise(OwnStudy(), results({n: v.tolist() for n, v in figures.items()}, {}))
    both = advise(OwnStudy(), results({n: v.tolist() for n, v in (figures | rest).items()}, {}))
    assert "above plain" in alone["text"]
    assert "above plain" not in both["text"]
    assert "together" in both["text"]
    assert "together" not in alone["text"]


def test_of_numbers_the_least_error_is_best() -> None:
    noise = np.random.default_rng(0).normal(scale=0.2, size=(2, 8))
    noise -= noise.mean(axis=1, keepdims=True)
    figures = {"plain": (9 + noise[0]).tolist(), "scl": (5 + noise[1]).tolist()}
    given = json.loads(json.dumps(results(figures, {})).replace("probe_moved", "error_moved"))
    found = advise(OwnStudy(), given)
    assert (found["metric"], found["parts"][0]["leader"]) == ("error_moved", "scl")
    assert "plain by 4.0" in found["text"]


def test_advice_says_so_when_nothing_beats_features_or_nothing_can_be_shown() -> None:
    figures = {"har": [0.8, 0.81, 0.79, 0.8, 0.82, 0.78, 0.8, 0.8]}
    figures["scl"] = [value + 0.01 * (-1) ** k for k, value in enumerate(figures["har"])]
    figures["scl"][0] += 0.01
    found = advise(OwnStudy(), results(figures, {"scl": 10.0}))
    assert "better than har" in found["text"]
    assert found["parts"][0]["start_from"] == "har"
    few = {name: values[:3] for name, values in figures.items()}
    told = advise(OwnStudy(), results(few, {"scl": 10.0}))
    assert "fewer than 6" in told["text"]
    assert (told["parts"][0]["smallest"], told["parts"][0]["start_from"]) == (None, "")
    figures["random"] = figures["har"]
    untrained = advise(OwnStudy(), results(figures, {"scl": 10.0}))
    assert "no training" in untrained["text"]
    assert untrained["parts"][0]["start_from"] == ""


def test_the_smallest_difference_is_where_an_interval_at_holms_level_touches_zero() -> None:
    rng = np.random.default_rng(1)
    noise = rng.normal(size=12)
    one = paired_difference(noise, np.zeros(12))
    least = smallest([one])
    assert least is not None
    moved = noise - noise.mean()
    for factor, shown in ((1.01, True), (0.99, False)):
        assert paired_difference(moved + factor * least, np.zeros(12)).shown is shown


@pytest.mark.parametrize(
    ("held_out", "columns"), [("", ("side", "day")), ("side", ("side",)), ("session", ())]
)
def test_conditions_are_of_the_column_that_is_held_out(
    held_out: str, columns: tuple[str, ...]
) -> None:
    code = np.arange(40)
    names = np.full(40, "")
    attributes = {"side": (code % 2).astype(str), "session": code.astype(str),
                  "day": (code % 3).astype(str)}  # fmt: skip
    windows = Windows(torch.zeros(40, 1, 4), 10.0, 0, names, names, code * 1.0, names,
                      np.full(40, np.nan), attributes)  # fmt: skip
    assert own_conditions.columns_of(windows, held_out) == columns


def test_words() -> None:
    read = own_words.nuisances(
        ["phase_shift:max_shift=0.1,mode=circular", "rotation:triads=[[0,1,2]]"]
    )
    assert read == [
        {"name": "phase_shift", "max_shift": 0.1, "mode": "circular"},
        {"name": "rotation", "triads": [[0, 1, 2]]},
    ]
    assert own_words.band(",40") == (None, 40.0)
    with pytest.raises(InputError, match="twice"):
        own_words.nuisances(["gain", "gain:max_gain=3"])
    for words in ("side=", "=left"):
        with pytest.raises(InputError, match="--hold-out"):
            own_words.asked_of("data", {}, {"nuisance": ["gain"], "hold_out": words})
    assert own_words.nuisances(["phase_shift:max_shift=5e-2"])[0]["max_shift"] == 0.05
    assert [beats_of("own", (each,)) for each in ("MLII", "aVF", "PPG 1", "ax")] == [
        "ecg",
        "ecg",
        "ppg",
        "",
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["own", "--data", "DATA"], "--nuisance"),
        (["own", "--nuisance", "rotation"], "--data"),
        (["own", "--nuisance", "rotation", "--data", "DATA", "--dataset", "x"], "dataset"),
        (["own", "--nuisance", "rotation", "--data", "nowhere"], "no data 'nowhere'"),
        (["ecg-phase", "--nuisance", "rotation"], "nuisance"),
        (["ecg-phase", "--label", "activity"], "label_column"),
    ],
)
def test_words_that_a_study_does_not_take(
    words: list[str], said: str, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [str(data) if word == "DATA" else word for word in words]
    with pytest.raises(SystemExit) as end:
        main(["study", *given, "--out", str(tmp_path / "out")])
    assert end.value.code == 2
    assert said in capsys.readouterr().err


def test_a_unit_is_the_typical_subjects_and_no_single_one_moves_it() -> None:
    x = torch.ones(60, 6, 10)
    x[:, 3:] = 0.032
    subject = np.repeat(["a", "b", "c"], 20)
    x[40:] *= 20
    windows = Windows(x, 20.0, 0, subject, subject, np.zeros(60), subject, np.zeros(60))
    assert own_data.strengths(windows, 3) == [1.0, 0.03]
