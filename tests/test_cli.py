from __future__ import annotations

import contextlib
import csv
import importlib.util
import io
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from tests.audit import tiny
from tests.datasets.wfdb_records import write_record
from tests.studies.fake import Fake, FakeData

import triptych_studies as studies
from triptych import datasets
from triptych.cli import main
from triptych.cli.options import pairs
from triptych.errors import InputError
from triptych.files import held
from triptych.latent import BernoulliGate, Block, LatentSchema
from triptych.model import hub
from triptych.training import Recipe
from triptych_studies import demo

pytestmark = pytest.mark.usefixtures("coarse_figures")

DOCS = Path(__file__).parents[1] / "docs"
COMMANDS = (
    "study",
    "train",
    "predict",
    "evaluate",
    "audit",
    "embed",
    "search",
    "explain",
    "export",
)
RECIPE: dict[str, Any] = {
    "name": "tiny",
    "data": {
        "name": "folder", "rate": 100.0, "low": 0.5, "high": 40.0, "length_s": 0.8,
        "per_recording": 16,
    },
    "transforms": [{"name": "phase_shift", "max_shift": 0.2}],
    "latent": [
        {"name": "morphology", "size": 8, "invariant_to": "phase_shift"},
        {"name": "timing", "size": 4, "variant_to": "phase_shift"},
        {"name": "detail", "size": 4},
    ],
    "encoder": {"widths": [8, 8], "kernels": [7, 5], "strides": [4, 2]},
    "training": {"epochs": 2, "batch": 16},
}  # fmt: skip


@dataclass(frozen=True)
class World:
    """Own recordings, a recipe, and the model that was trained from them by the command line."""

    own: Path
    recipe: Path
    model: Path
    said: str


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str

    @property
    def sentence(self) -> str:
        """The one line of an error."""
        lines = [line for line in self.err.splitlines() if not line.startswith("note: ")]
        assert len(lines) == 1, self.err
        assert lines[0].startswith("triptych: error: ")
        return lines[0]


Run = Callable[..., Answer]


def call(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stop:
        main([str(each) for each in arguments])
    return int(stop.value.code or 0)


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    def answer(*arguments: object) -> Answer:
        capfd.readouterr()
        code = call(*arguments)
        out, err = capfd.readouterr()
        assert "Traceback" not in out + err
        return Answer(code, out, err)

    return answer


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("cli")
    own, recipe, model = tiny.recordings(folder / "own"), folder / "recipe.yaml", folder / "model"
    recipe.write_text(yaml.safe_dump(RECIPE))
    with contextlib.redirect_stdout(io.StringIO()) as said:
        assert call("train", recipe, "--data", own, "--out", model) == 0
    return World(own, recipe, model, said.getvalue())


@pytest.fixture(scope="session")
def classifier(world: World) -> World:
    """A model with heads, of the same recordings."""
    model, recordings = world.model.with_name("classifier"), world.own.with_name("labelled")
    tiny.recordings(recordings, subjects=6)
    manifest = "file,device\n" + "".join(
        f"{path.name},{'watch' if i % 3 else 'phone'}\n"
        for i, path in enumerate(sorted(recordings.glob("*.npz")))
    )
    (recordings / "recordings.csv").write_text(manifest)
    changes = ("classes=[well, ill]", "training.epochs=4", "decoder=no")
    with contextlib.redirect_stdout(io.StringIO()) as said:
        assert call("train", world.recipe, *changes, "--data", recordings, "--out", model) == 0
    return World(recordings, world.recipe, model, said.getvalue())


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(studies.STUDIES, "fake", "tests.studies.fake:Fake")


def full_disk(*_: object) -> None:
    raise OSError(28, "No space left on device")


# --- the whole ---------------------------------------------------------------------------------


def test_help_is_fast_because_it_loads_nothing_heavy() -> None:
    code = (
        "import sys\nfrom triptych.cli import main\n"
        "try: main(['--help'])\nexcept SystemExit as stop: assert not stop.code\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert all(name in done.stdout for name in (*COMMANDS, "data"))
    loaded = set(done.stderr.split())
    assert loaded.isdisjoint({"torch", "numpy", "pydantic", "yaml", "lightning", "pandas"})


@pytest.mark.parametrize(
    ("asked", "spins"),
    [({}, "30000"), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "active"}, None)],
)
def test_threads_do_not_wait_awake_unless_the_user_says_so(
    asked: dict[str, str], spins: str | None, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "environ", asked)
    assert run("--version").code == 0
    assert os.environ.get("GOMP_SPINCOUNT") == spins


def test_the_package_runs_as_a_module() -> None:
    from triptych import __version__

    done = subprocess.run(
        [sys.executable, "-m", "triptych", "--version"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, f"triptych {__version__}\n")


@pytest.mark.parametrize(
    "command", [*([name] for name in COMMANDS), *(["data", n] for n in ("list", "fetch", "check"))]
)
def test_every_command_explains_itself_with_an_example(command: list[str], run: Run) -> None:
    answer = run(*command, "--help")
    assert answer.code == 0
    assert f"Example: triptych {' '.join(command)}" in " ".join(answer.out.split())


@pytest.mark.parametrize("arguments", [["nonsense"], ["embed"], ["search", "--k", "many"]])
def test_wrong_usage_ends_with_code_2(arguments: list[str], run: Run) -> None:
    answer = run(*arguments)
    assert answer.code == 2
    assert "Usage" in answer.err


@pytest.mark.parametrize(
    ("fault", "code", "said"),
    [
        (InputError("one\n sentence"), 2, "one sentence"),
        (OSError(28, "No space left on device", "file.bin"), 2, "file.bin: No space"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (KeyboardInterrupt("kept in a folder"), 130, "kept in"),
    ],
)
def test_faults_become_a_sentence_and_a_code(
    fault: BaseException, code: int, said: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails() -> tuple[str, ...]:
        raise fault

    monkeypatch.setattr(datasets, "names", fails)
    answer = run("data", "list")
    assert answer.code == code
    assert said in answer.sentence


# --- train and explain -------------------------------------------------------------------------


def test_training_says_what_it_does_and_where_the_model_lies(world: World) -> None:
    lines = world.said.splitlines()
    assert re.search("tiny: scl on .*own, 48 windows of 3 subjects", lines[0])
    assert lines[-1].startswith(f"The model is in {world.model}; `triptych explain {world.model}`")
    assert (world.model / "weights.safetensors").is_file()
    info = json.loads((world.model / "model.json").read_text())["info"]
    assert info["data"]["fingerprint"].startswith("sha256:")
    assert info["data"]["train"] == {"subjects": 3, "windows": 48}


def test_a_training_that_ends_with_a_silent_block_says_so(world: World, run: Run) -> None:
    recipe = Recipe.read(world.recipe).to_dict()
    recipe |= {
        "data": recipe["data"] | {"validation_fraction": 0.5},
        "latent": [
            {"name": "shared", "size": 4, "role": "common"},
            {"name": "own", "size": 2, "role": "salient", "null_radius": 1e6},
        ],
        "objective": {"name": "separation", "background": ["well"]},
        "classes": None,
        "decoder": False,
    }
    path = world.recipe.with_name("silent.yaml")
    Recipe.of(recipe).write(path)
    out = world.model.with_name("silent")
    answer = run("train", str(path), "--data", str(world.own), "--out", str(out))
    assert answer.code == 0, answer.err
    assert "note: block 'own'" in answer.err
    assert "lower it" in answer.err


def test_a_recipe_to_start_from_is_printed(run: Run, tmp_path: Path) -> None:
    answer = run("train", "--example")
    assert answer.code == 0
    (tmp_path / "recipe.yaml").write_text(answer.out)
    recipe = Recipe.read(tmp_path / "recipe.yaml")
    assert recipe.schema_of_latent.transforms == ("phase_shift",)
    assert recipe.weights.kl == 3e-4


def test_a_finished_training_can_be_resumed_without_harm(world: World, run: Run) -> None:
    before = (world.model / "weights.safetensors").read_bytes()
    answer = run("train", world.recipe, "--data", world.own, "--out", world.model, "--resume")
    assert answer.code == 0
    assert "2 epochs in" in answer.out
    assert (world.model / "weights.safetensors").read_bytes() == before


def test_an_interrupted_training_says_how_to_go_on(
    world: World, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("triptych.training.fit", stopped, raising=False)
    answer = run("train", world.recipe, "--data", world.own, "--out", tmp_path / "m")
    assert answer.code == 130
    assert "with --resume" in answer.sentence


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"latent": [{"name": "morphology", "size": 0}]}, "least 1"),
        ({"latent": [{"name": "a", "size": 4, "invariant_to": "speed"}]}, "speed"),
        ({"objective": {"name": "sclx"}}, "plain, augmentation"),
        ({"encoder": {"name": "transformer"}}, "no encoder 'transformer'"),
        (
            {"encoder": {"widths": [8, 8]}},
            "conv got widths=[8, 8], kernels=[15, 7, 5, 5],",
        ),
        ({"encoder": {"name": "resnet", "widths": [7]}}, "resnet got widths=[7], expected"),
        ({"encoder": {"front_end": "gravity_aligned"}}, "expected x"),
        (
            {"encoder": {"front_end": {"name": "power_spectrum", "cutoff": 0.5}}},
            "cutoff=0.5 Hz",
        ),
        ({"epochs": 3}, "unknown field 'epochs'"),
    ],
)
def test_recipes_that_cannot_be_trained(
    changes: dict[str, Any], said: str, world: World, run: Run, tmp_path: Path
) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump({**RECIPE, **changes}))
    answer = run("train", path, "--data", world.own, "--out", tmp_path / "m")
    assert answer.code == 2
    assert said in answer.sentence
    assert not (tmp_path / "m" / "model.json").exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("epochs", "recipe: expected KEY=VALUE"),
        ("training.epochs=many", "'training.epochs' is 'many'"),
        ("training.epoch=3", "unknown field 'training.epoch'"),
        ("data.name=simulated", "not take rate"),
    ],
)
def test_changes_of_a_recipe_that_cannot_be(
    change: str, said: str, world: World, run: Run, tmp_path: Path
) -> None:
    there = ("train", world.recipe, change, "--data", world.own, "--out", tmp_path / "m")
    answer = run(*there, "--rate", "120")
    assert answer.code == 2
    assert said in answer.sentence


def test_a_finished_model_is_not_replaced_without_a_word(
    world: World, run: Run, tmp_path: Path
) -> None:
    out = tmp_path / "m"
    there = ("train", world.recipe, "training.epochs=1", "--data", world.own, "--out", out)
    assert run(*there).code == 0
    refused = run(*there)
    assert (refused.code, "with --overwrite" in refused.sentence) == (2, True)
    assert "choose one" in run(*there, "--overwrite", "--resume").sentence
    anew = run(*there, "training.learning_rate=1e-3", "--overwrite")
    assert anew.code == 0
    assert Recipe.read(out / "recipe.yaml").training.learning_rate == 1e-3
    with held(out / ".lock") as free:
        assert free
        assert "another process trains" in run(*there, "--overwrite").sentence
    assert not list(out.glob(".*"))


def test_a_terminated_training_can_be_resumed(world: World, tmp_path: Path) -> None:
    out = tmp_path / "m"
    there = [str(each) for each in ("train", world.recipe, "--data", world.own, "--out", out)]
    command = [sys.executable, "-m", "triptych", *there]
    epochs = "training.epochs=2000"
    with subprocess.Popen([*command, epochs], stderr=subprocess.PIPE, text=True) as process:
        while not (out / "log.csv").exists() and process.poll() is None:
            time.sleep(0.1)
        process.terminate()
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    lines = [line for line in said.splitlines() if not line.startswith("note: ")]
    assert len(lines) == 1
    assert "command with --resume" in lines[0]
    assert (out / "checkpoint.ckpt").exists()


def test_a_split_that_lacks_a_class_is_drawn_again(classifier: World) -> None:
    info = json.loads((classifier.model / "model.json").read_text())["info"]
    notes = [note for note in info["data"]["notes"] if "another split" in note]
    assert "no validation subject" in notes[0]


def test_training_without_recipe_data_or_device(world: World, run: Run, tmp_path: Path) -> None:
    out = tmp_path / "m"
    assert "cannot read recipe" in run("train", tmp_path / "no.yaml", "--out", out).sentence
    assert "your recordings" in run("train", world.recipe, "--out", out).sentence
    wrong = run("train", world.recipe, "--data", tmp_path / "no", "--out", out)
    assert (wrong.code, "there is no" in wrong.sentence) == (2, True)
    there = ("train", world.recipe, "--data", world.own, "--out", out)
    assert "device 'tpu'" in run(*there, "--device", "tpu").sentence


def test_a_model_is_explained(world: World, run: Run) -> None:
    answer = run("explain", world.model)
    assert answer.code == 0
    text = " ".join(answer.out.split())
    for part in (
        "The model 'tiny' turns windows of 0.8 s (80 samples at 100 Hz)",
        "morphology 8 declared invariant to phase shift (to stay the same); not measured here",
        "own recordings: own",
        "sha256:",
        "2 epochs",
        "validation/total",
    ):
        assert part in text


def test_what_blocks_know_is_measured(
    world: World, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def probe(z1: Any, z2: Any, theta: Any, records: Any, *, seed: int) -> Any:  # no MLP: 54 fits
        return type("Read", (), {"predicted": np.zeros(len(theta))})

    monkeypatch.setattr("triptych.metrics.matrix.read_parameter", probe)
    answer = run("explain", world.model, "--data", world.own, "--per-record", "12")
    assert answer.code == 0
    text = " ".join(answer.out.split())
    assert "Measured on" in text
    assert "morphology under phase" in text
    assert "phase shift" in text
    assert "would show" in text or "to show" in text
    assert "knows none" not in text
    assert "purity" in text
    assert "class is" in answer.err or "class" in text


def test_open_dimensions_are_listed_and_drawn(
    world: World, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("triptych.audit.factors.probe_matrix_of", lambda *_, **__: (None, []))
    gate = BernoulliGate(hidden=8)
    schema = LatentSchema(Block("morphology", 8, invariant_to="phase_shift", gate=gate))
    tiny.model(schema).save(tmp_path / "gated")
    figure = tmp_path / "gates.png"
    answer = run("explain", tmp_path / "gated", "--data", world.own, "--figure", figure)
    assert answer.code == 0, answer.err
    text = " ".join(answer.out.split())
    assert "(gated)" in text
    assert "least ten windows" in text
    assert "activated most by" in text
    assert figure.stat().st_size > 1000


def test_options_of_recordings_need_recordings(world: World, run: Run) -> None:
    answer = run("explain", world.model, "--rate", "100")
    assert (answer.code, "--data" in answer.sentence) == (2, True)


def test_a_figure_of_gates_needs_gates_and_data(world: World, run: Run, tmp_path: Path) -> None:
    answer = run("explain", world.model, "--data", world.own, "--figure", tmp_path / "gates.png")
    assert answer.code == 2
    assert "gated block" in answer.sentence


# --- what a model may look like on the disk ----------------------------------------------------


def changed(world: World, folder: Path, change: Callable[[Path], None]) -> Path:
    """A copy of the model that something has happened to."""
    folder.mkdir()
    for name in ("model.json", "weights.safetensors"):
        (folder / name).write_bytes((world.model / name).read_bytes())
    change(folder)
    return folder


def smaller_schema(folder: Path) -> None:
    content = json.loads((folder / "model.json").read_text())
    content["schema"]["blocks"][0]["size"] = 7
    (folder / "model.json").write_text(json.dumps(content))


def cut_off(folder: Path) -> None:
    path = folder / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def no_weights(folder: Path) -> None:
    (folder / "weights.safetensors").unlink()


@pytest.mark.parametrize("change", [smaller_schema, cut_off, no_weights])
def test_models_that_are_not_whole_are_refused(
    change: Callable[[Path], None], world: World, run: Run, tmp_path: Path
) -> None:
    model = changed(world, tmp_path / "model", change)
    answer = run("embed", model, world.own, "--out", tmp_path / "z.npz")
    assert answer.code == 2
    assert answer.sentence
    assert not (tmp_path / "z.npz").exists()


def test_a_folder_without_a_model_is_said(world: World, run: Run, tmp_path: Path) -> None:
    for command in (["explain"], ["embed", world.own, "--out", tmp_path / "z.npz"]):
        answer = run(command[0], tmp_path, *command[1:])
        assert answer.code == 2
        assert "triptych model" in answer.sentence


# --- embed -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["npz", "csv"])
def test_latents_are_written(kind: str, world: World, run: Run, tmp_path: Path) -> None:
    out = tmp_path / f"z.{kind}"
    answer = run("embed", world.model, world.own, "--out", out, "--step", "1.6")
    assert answer.code == 0
    assert "8, timing 4" in answer.out
    if kind == "npz":
        with np.load(out) as held:
            assert held["morphology"].shape == (32, 8)
            assert set(held["subject"]) == {f"subject {i}" for i in range(4)}
            assert set(held["label"]) == {"well", "ill"}
    else:
        assert len(out.read_text().splitlines()) == 33


def one_file(folder: Path, **changes: Any) -> Path:
    """A folder with one recording, changed."""
    folder.mkdir(exist_ok=True)
    signal = np.random.default_rng(0).normal(size=(1, 1200)).astype(np.float32)
    held = {"signal": signal, "rate": 120.0, **changes}
    held = {name: value for name, value in held.items() if value is not None}
    np.savez(folder / "a.npz", **held)
    return folder


def not_a_number() -> np.ndarray[Any, Any]:
    signal = np.random.default_rng(0).normal(size=(1, 1200))
    signal[0, 600] = np.nan
    return signal


@pytest.mark.parametrize(
    ("changes", "options", "said"),
    [
        ({"signal": not_a_number()}, [], "NaN"),
        ({"rate": None}, [], "sampling rate"),
        ({}, ["--rate", "250"], "120 Hz"),
        ({"rate": 20.0}, [], "nothing above 10"),
        ({"signal": np.random.default_rng(0).normal(size=(3, 1200))}, [], "has 3 channels"),
        ({}, ["--channels", "V9"], "no channel V9"),
        ({}, ["--step", "0"], "at least"),
        ({}, ["--step", "inf"], "at least"),
        ({}, ["--window", "nan"], "above 0"),
    ],
)
def test_recordings_that_cannot_be_embedded(
    changes: dict[str, Any], options: list[str], said: str, world: World, run: Run, tmp_path: Path
) -> None:
    data = one_file(tmp_path / "data", **changes)
    answer = run("embed", world.model, data, "--out", tmp_path / "z.npz", *options)
    assert answer.code == 2
    assert said in answer.sentence
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_truncated_and_mixed_recordings(world: World, run: Run, tmp_path: Path) -> None:
    out = ("--out", tmp_path / "z.npz")
    data = one_file(tmp_path / "data")
    whole = (data / "a.npz").read_bytes()
    (data / "a.npz").write_bytes(whole[: len(whole) // 2])
    assert "a.npz" in run("embed", world.model, data, *out).sentence
    one_file(data)
    np.savez(data / "b.npz", signal=np.random.default_rng(1).normal(size=(1, 900)), rate=100.0)
    mixed = run("embed", world.model, data, *out)
    assert "rates: 120 Hz (1), 100" in mixed.err
    (tmp_path / "z.npz").unlink()
    assert "neither a file" in run("embed", world.model, tmp_path / "x", *out).sentence
    assert not (tmp_path / "z.npz").exists()


def test_records_of_mitdb_that_are_missing_or_cut_off(
    world: World, run: Run, tmp_path: Path
) -> None:
    out = ("--out", tmp_path / "z.npz")
    write_record(tmp_path / "mitdb")
    missing = run("embed", world.model, f"mitdb:{tmp_path / 'mitdb'}", *out)
    assert (missing.code, "record 101" in missing.sentence) == (2, True)
    own = tmp_path / "records"
    write_record(own, leads=("MLII",))
    (own / "100.dat").write_bytes((own / "100.dat").read_bytes()[:500])
    (own / "100.hea").rename(own / "mine.hea")  # no longer a record of mitdb by its name
    broken = run("embed", world.model, own, *out)
    assert broken.code == 2
    assert "mine.hea" in broken.sentence


def test_a_full_disk_keeps_the_old_latents(
    world: World, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "z.npz"
    out.write_bytes(b"old")
    monkeypatch.setattr("os.fsync", full_disk)
    answer = run("embed", world.model, world.own, "--out", out)
    assert answer.code == 2
    assert "No space left" in answer.sentence
    assert out.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["z.npz"]


def write_rates(folder: Path, **seconds: tuple[float, float]) -> Path:
    """Recordings of a rate and length each."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name, (rate, length) in seconds.items():
        signal = rng.normal(size=(1, round(rate * length))).cumsum(axis=1)
        np.savez(folder / f"{name}.npz", signal=signal, rate=rate, subject=name)
    return folder


def test_short_recordings_are_left_out_and_counted(world: World, run: Run, tmp_path: Path) -> None:
    data = write_rates(tmp_path / "data", a=(100, 9), b=(100, 0.6), c=(100, 0.5), d=(100, 9))
    told = "2 of 4 recordings are shorter than a window of 0.8 s"
    embedded = run("embed", world.model, data, "--out", tmp_path / "z.csv")
    assert embedded.code == 0
    assert f"note: {told} and are left out (b, c)" in embedded.err
    for command in (
        ("train", world.recipe, "--data", data, "--out", tmp_path / "m", "training.epochs=1"),
        ("audit", world.model, data, "--out", tmp_path / "audit", "--per-record", 8),
        ("explain", world.model, "--data", data, "--per-record", 8),
    ):
        answer = run(*command)
        assert answer.code == 0, answer.err
        assert f"{told} with 0.2 s on either side and are left out (b, c)" in answer.err
    found = run("search", world.model, data, "--query", "a:1", "--k", 3)
    assert (found.code, told in found.err) == (0, True)
    only = write_rates(tmp_path / "short", b=(100, 0.6), c=(100, 0.5))
    for command in (
        ("embed", world.model, only, "--out", tmp_path / "z.csv"),
        ("train", world.recipe, "--data", only, "--out", tmp_path / "n"),
    ):
        assert "recording lasts 0.6" in run(*command).sentence
    assert not (tmp_path / "n").exists()


def test_a_folder_of_two_rates_is_used(world: World, run: Run, tmp_path: Path) -> None:
    data = write_rates(tmp_path / "data", a=(100, 9), b=(250, 9), c=(128, 9))
    model, out = tmp_path / "m", ("--out", tmp_path / "z.csv")
    trained = run("train", world.recipe, "--data", data, "--out", model, "training.epochs=1")
    assert trained.code == 0
    assert "250 Hz (1), 128 Hz" in trained.err
    for command in (
        ("embed", model, data, *out),
        ("audit", model, data, "--out", tmp_path / "audit", "--per-record", 8),
        ("search", model, data, "--query", "b:1", "--k", 3),
    ):
        assert run(*command).code == 0
    low = write_rates(tmp_path / "low", a=(100, 9), b=(50, 9))
    refused = run("train", world.recipe, "--data", low, "--out", tmp_path / "n")
    assert "data.high is 40" in refused.sentence
    silent = write_rates(tmp_path / "silent", a=(100, 9), b=(100, 9))
    for path in silent.iterdir():
        np.savez(path, signal=np.load(path)["signal"])
    there = ("train", world.recipe, "--data", silent, "--out", tmp_path / "n", "training.epochs=1")
    assert "pass --rate" in run(*there).sentence
    assert run(*there, "--rate", 100).code == 0


# --- predict and evaluate ----------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["npz", "csv"])
def test_predictions_are_written(kind: str, classifier: World, run: Run, tmp_path: Path) -> None:
    out = tmp_path / f"p.{kind}"
    answer = run("predict", classifier.model, classifier.own, "--out", out, "--head", "invariant")
    assert answer.code == 0
    assert "90 windows" in answer.out
    assert "invariant head" in answer.out
    if kind == "npz":
        with np.load(out) as file:
            assert file["probabilities"].shape == (90, 2)
            called = file["classes"][file["probabilities"].argmax(axis=1)]
            assert (file["prediction"] == called).all()
        return
    with out.open() as handle:
        rows = list(csv.DictReader(handle))
    assert list(rows[0]) == [
        "record", "subject", "start", "label", "prediction", "probability_well", "probability_ill",
    ]  # fmt: skip
    assert len(rows) == 90
    assert float(rows[0]["probability_well"]) + float(rows[0]["probability_ill"]) == pytest.approx(
        1
    )


def test_a_model_is_evaluated(classifier: World, run: Run, tmp_path: Path) -> None:
    there = ("evaluate", classifier.model, classifier.own, "--by", "device")
    answer = run(*there)
    assert answer.code == 0, answer.err
    assert "full head" in answer.out
    for word in ("balanced accuracy", "macro F1", "phase shift", "watch", "subject 3", "chance"):
        assert word in " ".join(answer.out.split())
    plain = json.loads(run(*there, "--format", "json").out)
    assert plain["overall"]["windows"] == 90
    assert set(plain["per_value"]) == {"watch", "phone"}
    assert "no attribute 'site'" in run(*there[:-1], "site").sentence
    assert "at least" in run(*there, "--step", "inf").sentence
    written = run("predict", classifier.model, classifier.own, "--out", tmp_path / "p.npz")
    assert written.code == 0
    with np.load(tmp_path / "p.npz") as file:
        right = float((file["prediction"] == file["label"]).mean())
    assert plain["overall"]["figures"]["accuracy"]["mean"] == pytest.approx(right)


def test_a_model_without_heads_predicts_nothing(world: World, run: Run, tmp_path: Path) -> None:
    for command in (
        ("predict", world.model, world.own, "--out", tmp_path / "p.csv"),
        ("evaluate", world.model, world.own),
    ):
        answer = run(*command)
        assert (answer.code, "the model" in answer.sentence) == (2, True)


def test_a_folder_that_lacks_files_is_listed_so(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRIPTYCH_DATA", str(tmp_path))
    write_record(tmp_path / "mitdb", "100")
    listed = json.loads(run("data", "list", "--format", "json").out)
    place = next(each["place"] for each in listed if each["name"] == "mitdb")
    assert place.startswith(f"{tmp_path / 'mitdb'} (lacks 141 of 144 files")


def test_values_of_settings_are_read_as_in_a_recipe() -> None:
    assert pairs(["x=1e-3", "y=no", "z=[1, 2]"], "--set") == {"x": 1e-3, "y": False, "z": [1, 2]}
    with pytest.raises(InputError, match="the value"):
        pairs(["x=[1"], "--set")


def test_every_table_is_printed_as_json(world: World, run: Run, tmp_path: Path) -> None:
    listed = json.loads(run("data", "list", "--format", "json").out)
    assert {each["name"] for each in listed} == {*datasets.names(), *hub.names()}
    query = ("--query", "ecg-002:3", "--k", "3")
    found = json.loads(run("search", world.model, world.own, *query, "--format", "json").out)
    assert [each["rank"] for each in found["found"]] == [1, 2, 3]
    said = json.loads(run("explain", world.model, "--format", "json").out)
    assert said["blocks"][0][0] == "morphology"
    measured = ("--data", world.own, "--per-record", 8, "--format", "json")
    assert json.loads(run("explain", world.model, *measured).out)["moves"]
    out = ("--out", tmp_path / "audit", "--per-record", 8, "--format", "json")
    audited = json.loads(run("audit", world.model, world.own, *out).out)
    assert audited["figures"]["cosine_mean"]["mean"] <= 1
    assert run("data", "list", "--format", "xml").code == 2


# --- audit -------------------------------------------------------------------------------------


def test_a_model_is_audited(world: World, run: Run, tmp_path: Path) -> None:
    out = tmp_path / "audit"
    usual = ("audit", world.model, world.own, "--out", out, "--per-record", "12")
    answer = run(*usual, "--grid", "-0.1,0.1", "--fail-under", "cosine_mean=-1")
    assert answer.code == 0
    content = json.loads((out / "audit.json").read_text())
    assert content["verdict"] in answer.out
    assert content["transform"]["max_shift"] == 0.2  # the recipe's
    assert content["transform"]["rate"] == 100.0
    assert content["command"].startswith("triptych audit ")
    assert str(out / "report.html") in answer.out
    assert "these very recordings" in answer.err
    failed = run(*usual, "--steps", "1", "--fail-under", "cosine@0.2=1.1")
    assert failed.code == 1
    assert "limit of 1.1" in failed.sentence
    assert (out / "report.html").is_file()


def test_embeddings_of_others_are_audited(run: Run, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    z = rng.normal(size=(60, 5))
    views = {"original": z, "transformed": np.stack([z, rng.normal(size=z.shape)])}
    who = np.repeat(np.arange(6), 10)
    np.savez(tmp_path / "v.npz", **views, theta=[0.01, 0.1], subject=who)
    usual = ("audit", tmp_path / "v.npz", "--out", tmp_path / "out")
    answer = run(*usual, "--transform", "phase_shift")
    assert answer.code == 0
    assert "At 100" in answer.out
    assert "say --transform NAME" in run(*usual).sentence
    both = run("audit", tmp_path / "v.npz", "simulated", "--out", tmp_path / "out")
    assert "leave DATA out" in both.sentence
    for idle in (["--window", "2"], ["--rate", "100"], ["--output", "full"], ["--probe-matrix"]):
        assert "out" in run(*usual, "--transform", "gain", *idle).sentence


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--transform", "speed"], "no transform 'speed'"),
        (["--transform", "rotation"], "rotation"),
        (["--set", "speed=3"], "no setting 'speed'"),
        (["--set", "speed"], "expected NAME=VALUE"),
        (["--grid", "0.1,far"], "expected numbers"),
        (["--grid", ""], "expected numbers"),
        (["--grid", "nan"], "expected numbers"),
        (["--grid", "0:nan:3"], "LOW:HIGH:COUNT"),
        (["--window", "inf"], "above 0"),
        (["--window", "nan"], "above 0"),
        (["--fail-under", "separation=1", "--fail-under", "separation=0"], "twice"),
        (["--grid", "0.5"], "max_shift"),
        (["--steps", "0"], "1 or more"),
        (["--per-record", "0"], "1 or more"),
        (["--max-shift", "-1"], "max_shift"),
        (["--fail-under", "beauty=1"], "no figure 'beauty'"),
        (["--fail-under", "separation=high"], "expected a number"),
    ],
)
def test_audits_that_cannot_be(
    options: list[str], said: str, world: World, run: Run, tmp_path: Path
) -> None:
    answer = run("audit", world.model, world.own, "--out", tmp_path / "out", *options)
    assert answer.code == 2
    assert said in answer.sentence
    assert not (tmp_path / "out").exists()


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The models of docs/other_models.py, hardly trained, and recordings for them."""
    folder = tmp_path_factory.mktemp("others")
    spec = importlib.util.spec_from_file_location("other_models", DOCS / "other_models.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["other_models"] = module
    spec.loader.exec_module(module)
    held = module.windows(subjects=6, each=20, seconds=20)
    module.windows = lambda: held
    module.make(folder, steps=2)
    tiny.recordings(folder / "own")
    return folder


THERE = ["--transform", "phase_shift", "--grid", "-0.2:0.2:5"]
FREE = ["--model-rate", "100", "--window", "2", "--allow-code"]


@pytest.mark.parametrize(
    ("name", "options", "figure"),
    [
        ("classifier.onnx", [*THERE, "--model-rate", "100", "--classifier"], "consistency"),
        ("encoder.pt", [*THERE, *FREE], "cosine_mean"),
        ("other_models:pca", [*THERE, *FREE], "cosine_mean"),
        ("embeddings.npz", THERE[:2], "cosine_mean"),
        ("tloss.pt2", ["--transform", "phase_shift,gain", *THERE[2:], "--grid", "3", *FREE],
         "cosine_mean"),
    ],
)  # fmt: skip
def test_models_of_others_are_audited(
    name: str, options: list[str], figure: str, others: Path, run: Run, tmp_path: Path
) -> None:
    subject = name if ":" in name else others / name
    data = [] if name.endswith(".npz") else [others / "own", "--per-record", "12"]
    command = ["audit", subject, *data, *options, "--out", tmp_path / "out"]
    answer = run(*command, "--fail-under", f"{figure}=1.1")
    assert answer.code == 1, answer.err
    assert f"{figure} is " in answer.err
    assert "limit of 1.1" in answer.err
    content = json.loads((tmp_path / "out" / "audit.json").read_text())
    assert content["verdict"] in answer.out
    assert figure in content["figures"]
    assert (tmp_path / "out" / "report.html").is_file()
    if "--allow-code" in command:
        assert "runs" in " ".join(content["notes"])
        command.remove("--allow-code")
        refused = run(*command)
        assert refused.code == 2
        assert "pass --allow-code" in refused.sentence


GATED = """
import numpy as np

def constant(x):  # everybody is well
    return np.tile([[1.0, 0.0]], (len(x), 1))

def rate(x):  # a number: its cosine is always 1
    return 589 + 662 * np.abs(np.diff(x[:, 0], axis=1)).mean(axis=1, keepdims=True)

def dropout(x):
    return x[:, 0, :20] * (np.random.random((len(x), 20)) > 0.5)

def shuffled(x):
    return x[::-1, 0, :20].copy()

def silent(x):
    return np.zeros((len(x), 4))
"""


@pytest.mark.parametrize(
    ("name", "options", "limit", "said"),
    [
        ("constant", ["--classifier"], "consistency=0.5", "same for everyone"),
        ("rate", [], "cosine_mean=0.9", "held against agreement_mean"),
        ("dropout", [], "cosine_mean=-1", "dropout was left"),
        ("shuffled", [], "cosine_mean=-1", "batch back"),
        ("silent", [], "separation=0.1", "zeros for 100%"),
    ],
)
def test_a_gate_fails_where_nothing_is_shown(
    name: str, options: list[str], limit: str, said: str, run: Run, others: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gated_models.py").write_text(GATED)
    sys.modules.pop("gated_models", None)
    command = ["audit", f"gated_models:{name}", others / "own", "--per-record", "12", *FREE]
    command += ["--transform", "noise_snr", "--grid", "20,0", *options, "--out", tmp_path / "out"]
    assert run(*command).code == 0  # without a gate it is said, and that is all
    answer = run(*command, "--fail-under", limit)
    assert answer.code == 1
    assert said in answer.err
    content = json.loads((tmp_path / "out" / "audit.json").read_text())
    assert content["void"] == (name != "rate")
    assert not content["void"] or "verdict is void" in answer.err


def test_names_of_classes_need_a_classifier(others: Path, run: Run, tmp_path: Path) -> None:
    usual = ("audit", others / "classifier.onnx", others / "own", "--model-rate", "100", *THERE)
    usual = (*usual, "--out", tmp_path / "out", "--per-record", "4", "--classes")
    assert "say --classifier" in run(*usual, "well,ill").sentence
    assert "2 scores" in run(*usual, "well", "--classifier").sentence
    answer = run(*usual, "well,ill", "--classifier", "--fail-under", "accuracy_transformed=1.1")
    assert answer.code == 1
    assert "accuracy_transformed is " in answer.err
    assert "sensitivity: ill" in answer.out
    assert "AUROC" not in answer.out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--transform", "rotation"], "rotation"),
        (["--glass-box", *THERE], "needs a model"),
        (["--fail-under", "consistency=1", *THERE], "say --classifier"),
        (["--window", "3", *THERE], "200 samples"),
        (["--output", "z", *THERE], "outputs scores"),
        (["--transform", "phase_shift", "--grid", "0:1"], "expected LOW:HIGH:COUNT"),
        (["--transform", "phase_shift,gain", "--grid", "0.1"], "--grid a part"),
    ],
)
def test_audits_of_others_that_cannot_be(
    options: list[str], said: str, others: Path, run: Run, tmp_path: Path
) -> None:
    usual = ("audit", others / "classifier.onnx", others / "own", "--model-rate", "100")
    answer = run(*usual, "--out", tmp_path / "out", "--per-record", "4", *options)
    assert answer.code == 2
    assert said in answer.sentence
    assert not (tmp_path / "out").exists()


def test_audits_need_a_subject_and_data(world: World, run: Run, tmp_path: Path) -> None:
    out = ("--out", tmp_path / "out")
    assert "needs DATA" in run("audit", world.model, *out).sentence
    assert "there is no" in run("audit", tmp_path / "x", world.own, *out).sentence
    data = one_file(tmp_path / "one")
    assert "at least two" in run("audit", world.model, data, *out).sentence


# --- search ------------------------------------------------------------------------------------


def test_windows_are_found(world: World, run: Run) -> None:
    answer = run("search", world.model, world.own, "--query", f"{world.own}/ecg-002.npz:3")
    assert answer.code == 0
    assert "ecg-002 at 2.4" in answer.out
    rows = [line.split() for line in answer.out.splitlines() if line.strip()[:1].isdigit()]
    assert [row[0] for row in rows] == [str(i) for i in range(1, 11)]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--query", "ecg-002"], "is not FILE:INDEX"),
        (["--query", "ecg-002:400"], "no 400"),
        (["--query", "no-one:1"], "no file no-one"),
        (["--query", "ecg-002:1", "--k", "900"], "k=900"),
        (["--query", "ecg-002:1", "--block", "b"], "no block 'b'"),
        (["--query", "ecg-002:1", "--far", "b"], "no block 'b'"),
        (["--query", "ecg-002:1", "--where", "label"], "COLUMN=VALUE"),
        (["--query", "ecg-002:1", "--where", "label=fine"], "ill, well"),
        (["--query", "ecg-002:1", "--unique", "colour"], "no column 'colour'"),
        ([], "DATA and --query"),
        (["--index", "new", "--where", "label=ill"], "--query"),
        (["--query", "ecg-002:1", "--step", "inf"], "a step of inf"),
    ],
)
def test_searches_that_cannot_be(options: list[str], said: str, world: World, run: Run) -> None:
    answer = run("search", world.model, world.own, *options)
    assert answer.code == 2
    assert said in answer.sentence


def test_an_index_is_built_opened_appended_to_and_searched(
    world: World, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "index"
    built = run("search", world.model, world.own, "--index", folder, "--exact")
    assert (built.code, "holds 60 windows" in built.out) == (0, True)
    asked = ("--query", "ecg-002:3", "--format", "json")
    fresh = json.loads(run("search", world.model, world.own, *asked).out)
    with monkeypatch.context() as patch:  # the gallery, and the query, are not embedded again
        patch.setattr("triptych.model.Model.embed", lambda *_: 1 / 0)
        kept = json.loads(run("search", "--index", folder, *asked).out)
        assert kept == fresh
        assert json.loads(run("search", "--index", folder, "--format", "json").out)["records"] == 4
        filtered = run("search", "--index", folder, *asked, "--where", "label=well", "--k", "20")
        assert {each["label"] for each in json.loads(filtered.out)["found"]} == {"well"}
        others = ("--unique", "subject", "--exclude", "subject", "--k", "3")
        far = ("--near", "morphology", "--far", "timing")
        found = json.loads(run("search", "--index", folder, *asked, *others, *far).out)
        assert found["far"] == ["timing"]
        subjects = {each["subject"] for each in found["found"]}
        assert len(subjects) == 3
        assert found["query"]["subject"] not in subjects
        assert "unlike in timing" in run("search", "--index", folder, *asked[:2], *far).out
    more = one_file(tmp_path / "more")
    query = ("--query", f"{more}/a.npz:0", "--k", "2")
    added = run("search", "--index", folder, "--append", more, *query)
    assert added.code == 0, added.err
    assert "among 72 windows" in added.out
    for same in (more, f"{more}/", more / ".." / more.name):  # however the folder is spelt
        assert "already" in run("search", "--index", folder, "--append", same).sentence
    assert "new index" in run("search", "--index", folder, "--exact").sentence
    assert "--append" in run("search", "--index", folder, "--step", "1").sentence
    answer = run("search", world.model, world.own, "--index", folder)
    assert (answer.code, "exists" in answer.sentence) == (2, True)
    assert "is no index" in run("search", "--index", tmp_path / "none").sentence
    monkeypatch.chdir(world.model.parent)
    near = run("search", world.model.name, world.own, "--index", tmp_path / "near")
    assert near.code == 0
    monkeypatch.chdir(tmp_path)  # the model is found from here as well
    assert run("search", "--index", tmp_path / "near", *query).code == 0
    other = tmp_path / "other"
    tiny.model().save(other)
    refused = run("search", other, "--index", folder, *asked)
    assert (refused.code, "another model" in refused.sentence) == (2, True)


# --- data --------------------------------------------------------------------------------------


def test_data_sets_are_listed(run: Run) -> None:
    answer = run("data", "list")
    assert answer.code == 0
    assert all(name in answer.out for name in (*datasets.names(), *hub.names()))


def test_data_are_checked(world: World, run: Run, tmp_path: Path) -> None:
    assert run("data", "check", world.own).code == 0
    data = one_file(tmp_path / "data")
    (data / "a.npz").write_bytes(b"PK nothing")
    broken = run("data", "check", data)
    assert broken.code == 1
    assert "a.npz" in broken.out
    nowhere = run("data", "check", tmp_path / "nowhere")
    assert (nowhere.code, "neither a file" in nowhere.sentence) == (2, True)


def test_a_foreign_librarys_long_message_is_cut(
    monkeypatch: pytest.MonkeyPatch, run: Run, tmp_path: Path
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise InputError("here it failed: " + "at::native node\n" * 1500 + "; do that")

    monkeypatch.setattr("triptych.model.Model.load", fail)
    sentence = run("embed", tmp_path, tmp_path, "--out", tmp_path / "z.csv").sentence
    assert len(sentence) < 1300
    assert "here it failed" in sentence
    assert sentence.endswith("do that")


def test_a_console_without_some_letters_shows_the_others(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    data = one_file(tmp_path / "data", label="µ→θ")
    shown = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(shown, encoding="cp1252"))
    for form in ("text", "json"):
        with pytest.raises(SystemExit) as ended:
            main(["data", "check", str(data), "--format", form])
        assert ended.value.code == 0
    sys.stdout.flush()
    assert "µ??" in shown.getvalue().decode("cp1252")


def test_data_are_fetched(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fetched(name: str, target: Path | None, progress: Callable[[str, int, int], None]) -> Path:
        progress("100.dat", 1, 2)
        return Path(target or "cache") / name

    monkeypatch.setattr(datasets, "fetch", fetched)
    answer = run("data", "fetch", "mitdb", "--to", tmp_path)
    assert answer.out == f"mitdb is complete in {tmp_path / 'mitdb'}.\n"
    monkeypatch.undo()
    assert "cannot be downloaded" in run("data", "fetch", "simulated").sentence
    assert "no data set 'x'" in run("data", "fetch", "x").sentence


# --- study -------------------------------------------------------------------------------------


@pytest.mark.usefixtures("fake")
def test_a_study_prints_its_table_and_names_its_report(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "out"
    answer = run("study", "fake", "--methods", "scl, plain", "--seeds", "1", "--out", out)
    assert answer.code == 0
    assert "cosine ↑" in answer.out
    assert str(out / "report.html") in answer.out
    assert json.loads((out / "results.json").read_text())["budget"] == "quick"
    assert "study fake --methods" in (out / "table.md").read_text()


@pytest.mark.usefixtures("fake")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["fake", "--methods", "magic"], "method magic"),
        (["fakes"], "study 'fakes'"),
        (["fake", "--budget", "huge"], "smoke, quick, full"),
        (["fake", "--seeds", "0"], "expected 1"),
        (["fake", "--jobs", "0"], "expected 1"),
        (["fake", "--data", "nowhere"], "not a folder"),
        (["fake", "--tune"], "nothing to tune"),
        (["ecg-phase", "--dataset", "heartbeats"], "no data set 'heartbeats'"),
        (["ecg-phase", "--data", "nowhere"], "with mitdb"),
    ],
)
def test_studies_that_cannot_be(arguments: list[str], said: str, run: Run, tmp_path: Path) -> None:
    answer = run("study", *arguments, "--out", tmp_path / "out")
    assert answer.code == 2
    assert said in answer.sentence


def with_fault(monkeypatch: pytest.MonkeyPatch, fault: BaseException) -> None:
    data = FakeData(data_name="made-up", fingerprint="sha256:0", faults={"scl": fault})
    monkeypatch.setattr(studies, "study", lambda name: Fake(prepared=data))


def test_an_interrupted_study_keeps_what_is_finished(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_fault(monkeypatch, KeyboardInterrupt())
    answer = run("study", "fake", "--seeds", "1", "--out", tmp_path)
    assert answer.code == 130
    assert "2 of 3" in answer.err.splitlines()[-1]
    assert len(list((tmp_path / "cells").glob("*.json"))) == 2


def test_a_full_disk_during_a_study_keeps_what_is_finished(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_fault(monkeypatch, OSError(28, "No space left on device"))
    answer = run("study", "fake", "--seeds", "1", "--out", tmp_path)
    assert answer.code == 2
    assert "No space left" in answer.err.splitlines()[-1]
    assert len(list((tmp_path / "cells").glob("*.json"))) == 2


# --- demo --------------------------------------------------------------------------------------


@pytest.fixture
def nothing_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TRIPTYCH_DATA", str(tmp_path / "none"))
    monkeypatch.setattr("triptych.datasets.download._cache", lambda: tmp_path / "cache")


def ignore(done: int, of: int) -> None:
    """Progress that nobody looks at."""


@pytest.mark.usefixtures("nothing_here")
def test_a_demo_without_recordings_is_simulated_and_says_so(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    silent = threading.Event()
    monkeypatch.setattr(datasets, "fetch", lambda name, progress: silent.wait())
    monkeypatch.setattr(demo, "NO_ANSWER_S", 0.05)
    seen: list[Any] = []
    monkeypatch.setattr(studies, "study", lambda name: Fake())
    monkeypatch.setattr("triptych_studies.runner.run", lambda *a, **options: seen.append(options))
    monkeypatch.setattr("triptych_studies.command._show", lambda *_: None)
    answer = run("study", "ecg-phase", "--demo", "--out", tmp_path)
    silent.set()
    assert answer.code == 0
    assert "no answer within 0.05" in answer.out
    assert "simulated cohort" in answer.out
    options = seen[0]["options"]
    assert (options.dataset, options.methods, options.budget) == (
        "simulated", ("plain", "augmentation", "scl"), "quick",
    )  # fmt: skip


@pytest.mark.usefixtures("nothing_here")
def test_a_download_is_waited_for_once_it_has_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(demo, "NO_ANSWER_S", 20.0)

    def comes(name: str, progress: Callable[[str, int, int], None]) -> None:
        progress("100.dat", 1, 2)

    monkeypatch.setattr(datasets, "fetch", comes)
    assert demo.data_for(None, said.append, ignore) == "mitdb"

    def breaks(name: str, progress: Callable[[str, int, int], None]) -> None:
        raise ValueError("a thread's own fault")

    monkeypatch.setattr(datasets, "fetch", breaks)
    assert demo.data_for(None, said.append, ignore) == "simulated"
    assert "thread's own fault" in said[-2]


def test_a_download_that_broke_off_is_not_taken_for_the_data(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TRIPTYCH_DATA", str(tmp_path))
    write_record(tmp_path / "mitdb")
    asked: list[str] = []
    monkeypatch.setattr(demo, "fetch", lambda name, progress: asked.append(name) or "no answer")
    assert demo.data_for(None, lambda text: None, ignore) == "simulated"
    assert asked == ["mitdb"]
    with pytest.raises(InputError, match="nowhere"):
        demo.data_for(tmp_path / "nowhere", lambda text: None, ignore)


@pytest.mark.data
def test_a_demo_takes_the_recordings_that_are_here(data_root: Path) -> None:
    assert demo.data_for(data_root, lambda text: None, ignore) == "mitdb"
    assert os.listdir(data_root / "mitdb")


# --- export ------------------------------------------------------------------------------------


def test_a_graph_in_8_bits_is_audited_again(world: World, run: Run, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    graph = ("export", world.model, "--out", tmp_path / "m.onnx")
    for wrong, word in ((["--int8"], "--data"), (["--raw"], "causal")):
        answer = run(*graph, *wrong)
        assert answer.code == 2
        assert word in answer.sentence
    answer = run(*graph, "--int8", "--data", world.own, "--format", "json")
    assert answer.code == 0
    figures = json.loads(answer.out)["figures"]
    assert figures["int8"]["megabytes"] < figures["float32"]["megabytes"]
    assert figures["int8"]["gaps"].keys() == {"morphology, phase_shift"}
    assert (tmp_path / "m_stream.py").exists()
