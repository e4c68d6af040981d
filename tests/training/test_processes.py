"""Two processes on one machine take the single process's steps."""

from __future__ import annotations

import multiprocessing
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import lightning.pytorch as L
import pytest
import torch
from tests.training import toys
from torch import Generator, Tensor

from triptych.objectives import StructuredContrastive, Views
from triptych.objectives.views import Change
from triptych.training import Recipe, fit
from triptych.training.settings import Training
from triptych.training.trainer import make_trainer, tell_once, world_size
from triptych.transforms import PhaseShift

REPOSITORY = Path(__file__).resolve().parents[2]


class FixedViews(StructuredContrastive):
    """Shifts are read off the window itself, so that every process makes the same views."""

    def views(
        self, x: Tensor, generator: Generator | None = None, labels: Tensor | None = None
    ) -> Views:
        drawn = (torch.frac(x[:, :, :2].double() * 1e3)[:, 0] * 0.4 - 0.2).float()
        (shift,) = self.transforms
        assert isinstance(shift, PhaseShift)
        thetas = [shift.snap(drawn[:, i : i + 1]).clamp(-0.2, 0.2) for i in (0, 1)]
        n = len(x)
        rows = torch.arange(2 * n).view(2, n)
        signals = torch.cat([shift.apply(x, theta) for theta in thetas])
        change = Change(shift.relative(*thetas), shift.distance(*thetas))
        params = {shift.name: torch.stack(thetas)}
        return Views(signals, params, {shift.name: rows}, {shift.name: change})


class Gradients(L.Callback):
    """Keep the gradients of every step, as the optimiser will see them."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[dict[str, Tensor]] = []

    def on_before_optimizer_step(self, trainer: Any, pl_module: Any, optimizer: Any) -> None:
        named = pl_module.named_parameters()
        self.steps.append({name: p.grad.clone() for name, p in named if p.grad is not None})


def train(folder: Path) -> dict[str, Any]:
    """Two epochs on both kinds of terms; batch statistics (SupCon, HSIC), labels in part."""
    recipe = toys.recipe(
        decoder=False,
        classes=["slow", "fast"],
        training__epochs=2,
        objective__independence="hsic",
        weights__consistency=0.5,
    )
    object.__setattr__(recipe, "make_objective", lambda: objective(recipe))
    gradients = Gradients()
    windows = toys.windows(32), toys.windows(16, 1)
    windows[0].label[:10] = "unknown"  # so that the processes' shares of labels differ
    strategy = "ddp" if "RANK" in os.environ else "auto"
    fitted = fit(
        recipe, *windows, out=folder, device="cpu", callbacks=[gradients], strategy=strategy
    )
    return {
        "gradients": gradients.steps,
        "weights": fitted.model.state_dict(),
        "validation": [row["validation/total"] for row in fitted.history],
    }


def objective(recipe: Recipe) -> FixedViews:
    settings = {"independence": "hsic", "supervised": True}
    return FixedViews(recipe.schema_of_latent, recipe.make_transforms(), **settings)


def process(folder: str, rank: int) -> None:
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank)}
    torch.set_num_threads(1)
    found = train(Path(folder) / "model")
    torch.save(found, Path(folder) / f"rank{rank}.pt")


def both(folder: str) -> None:
    """Run in a process of its own: what takes seconds, to load everything, is done before a fork.

    It has not computed anything yet, so that there are no threads to lose.
    """
    context = multiprocessing.get_context("fork")
    ranks = [context.Process(target=process, args=(folder, rank)) for rank in (0, 1)]
    for each in ranks:
        each.start()
    for each in ranks:
        each.join()
    sys.exit(max(abs(each.exitcode or 0) for each in ranks))


def test_two_processes_take_the_steps_of_one(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    code = f"from tests.training.test_processes import both; both({str(tmp_path)!r})"
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "GROUP_RANK": "0",
        "WORLD_SIZE": "2",
        "LOCAL_WORLD_SIZE": "2",
        "TORCHELASTIC_RUN_ID": "test",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }
    command = [sys.executable, "-W", "ignore", "-c", code]
    started = subprocess.Popen(command, cwd=REPOSITORY, env=environment, stderr=subprocess.PIPE)
    single = train(tmp_path / "single")
    _, error = started.communicate(timeout=300)
    assert started.returncode == 0, error.decode()
    for rank in (0, 1):
        found = torch.load(tmp_path / f"rank{rank}.pt", weights_only=True)
        assert len(found["gradients"]) == len(single["gradients"]) == 4
        for mine, theirs in zip(single["gradients"], found["gradients"], strict=True):
            assert mine.keys() == theirs.keys()
            for name in mine:
                torch.testing.assert_close(mine[name], theirs[name], rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(
            torch.tensor(found["validation"]), torch.tensor(single["validation"])
        )
    assert (tmp_path / "model" / "model.json").exists()


def test_processes_are_counted_as_torchrun_and_slurm_tell(monkeypatch: Any) -> None:
    for name in ("LOCAL_WORLD_SIZE", "WORLD_SIZE", "SLURM_NTASKS", "SLURM_PROCID", "SLURM_NNODES"):
        monkeypatch.delenv(name, raising=False)
    assert world_size() == (1, 1)
    monkeypatch.setenv("SLURM_NTASKS", "8")
    assert world_size() == (1, 1)  # an interactive job of SLURM starts one process
    monkeypatch.setenv("SLURM_PROCID", "3")
    monkeypatch.setenv("SLURM_NNODES", "2")
    assert world_size() == (8, 4)
    monkeypatch.setenv("WORLD_SIZE", "4")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    assert world_size() == (4, 2)


def test_waiting_for_other_processes_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("triptych.training.trainer.world_size", lambda: (2, 2))
    trainer = make_trainer(Training(epochs=1), "cpu", [], strategy="ddp")
    assert trainer.world_size == 2
    assert "2 processes" in capsys.readouterr().err


@pytest.mark.parametrize("rank", ["0", "1"])
@pytest.mark.parametrize("kind", ["slurm", "torchrun"])
def test_variables_that_were_left_behind_are_said_and_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], kind: str, rank: str
) -> None:
    left = {
        "slurm": {"SLURM_JOB_ID": "7", "SLURM_NTASKS": "2", "SLURM_PROCID": rank,
                  "SLURM_LOCALID": rank, "SLURM_NNODES": "1", "SLURM_JOB_NAME": "job"},
        "torchrun": {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2",
                     "GROUP_RANK": "0", "MASTER_ADDR": "10.255.255.1", "MASTER_PORT": "29500",
                     "TORCHELASTIC_RUN_ID": "none"},
    }  # fmt: skip
    for name, value in left[kind].items():
        monkeypatch.setenv(name, value)
    tell_once.cache_clear()
    fitted = fit(toys.recipe(training__epochs=1), toys.windows(32), toys.windows(16, 1),
                 device="cpu", progress=False)  # fmt: skip
    assert fitted.epochs == 1
    assert "2 processes" in capsys.readouterr().err
    assert world_size() == (2, 2)
