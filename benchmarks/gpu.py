"""What one accelerator gives: ``python -m benchmarks.gpu --out results/gpu.json``, in 5 minutes.

Correct first: latents, loss terms and gradients against the CPU's. Then figures as ratios within
one run: the step of SCL in other precisions and compiled, its two views against plain training,
embedding by batch size, peak memory, and the largest batch. ``--device cpu --smallest`` only tries
that everything runs. Each figure is written as soon as it is known, so a run that is cut short
leaves what it has.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks import ECG
from benchmarks.report import environment
from benchmarks.scl_step import TwoViews
from triptych.errors import InputError
from triptych.files import write_json
from triptych.training import CombinedLoss, Recipe
from triptych.training.build import build

TOLERANCE = 1e-4  # of the largest value on the CPU


@dataclass(frozen=True)
class Run:
    """Where, and how much."""

    device: torch.device
    batch: int
    calls: int
    largest: int  # windows in the largest batch that is tried
    compiles: bool = True

    @property
    def cuda(self) -> bool:
        """Whether peak memory and asynchronous work have to be thought of."""
        return self.device.type == "cuda"

    def wait(self) -> None:
        """Until the device has done what it was told."""
        if self.cuda:
            torch.cuda.synchronize(self.device)

    def seconds(self, call: Callable[[], object]) -> float:
        """Median time of a call, after two that warm up."""
        taken: list[float] = []
        for _ in range(self.calls + 2):
            self.wait()
            start = time.perf_counter()
            call()
            self.wait()
            taken.append(time.perf_counter() - start)
        return median(taken[2:])

    def peak(self, call: Callable[[], object]) -> int | None:
        """Bytes of the device at the most during a call; None where nobody counts them."""
        if not self.cuda:
            call()
            return None
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(self.device)
        call()
        self.wait()
        return torch.cuda.max_memory_allocated(self.device)


def loss_of(recipe: Recipe, *, plain: bool = False) -> CombinedLoss:
    """Everything that the step trains, on the CPU, from the same first weights every time."""
    torch.manual_seed(0)
    parts = build(recipe, 1, recipe.length)
    return CombinedLoss(
        parts.encoder,
        TwoViews(recipe.make_transforms()) if plain else parts.objective,
        schema=parts.schema,
        front_end=parts.front_end,
        decoder=parts.decoder,
        weights=recipe.weights,
    )


def signals(recipe: Recipe, batch: int) -> Tensor:
    """Windows of noise ``(batch, 1, length + context)``, the same for every call."""
    context = round(recipe.context_s * recipe.data.rate)
    generator = torch.Generator().manual_seed(0)
    return torch.randn(batch, 1, recipe.length + 2 * context, generator=generator)


def step_of(
    loss: CombinedLoss, x: Tensor, cast: AbstractContextManager[Any] | None = None
) -> Callable[[], None]:
    """One step of AdamW on a fixed batch."""
    optimizer = torch.optim.AdamW(loss.parameters(), 1e-3)

    def step() -> None:
        optimizer.zero_grad()
        with cast or nullcontext():
            total = loss(x, generator=torch.Generator().manual_seed(1))["total"]
        total.backward()
        optimizer.step()

    return step


def correctness(recipe: Recipe, run: Run) -> Iterator[tuple[str, Any]]:
    """Largest difference from the CPU, in units of the CPU's largest value."""
    x = signals(recipe, 64)
    found: dict[str, dict[str, Tensor]] = {}
    for device in ("cpu", run.device):
        loss = loss_of(recipe).to(device).eval()
        terms = loss(x.to(device), generator=torch.Generator().manual_seed(1))
        terms["total"].backward()
        gradients = [p.grad.flatten() for p in loss.parameters() if p.grad is not None]
        with torch.no_grad():
            middle = x[..., : recipe.length].to(device)
            latents = loss.encoder(nn.Sequential() if loss.front_end is None
                                   else loss.front_end(middle))  # fmt: skip
        found[str(device)] = {
            "latents": latents.cpu(),
            "terms": torch.stack([each.detach().cpu() for each in terms.values()]),
            "gradients": torch.cat(gradients).cpu(),
        }
    ours, theirs = found[str(run.device)], found["cpu"]
    for name, expected in theirs.items():
        difference = float((ours[name] - expected).abs().max() / expected.abs().max())
        yield f"difference of {name}", {"value": difference, "met": difference <= TOLERANCE}


def steps(recipe: Recipe, run: Run) -> Iterator[tuple[str, Any]]:
    """Seconds of a training step and its peak memory, by what is trained and how."""
    x = signals(recipe, run.batch).to(run.device)
    kind = run.device.type

    def measured(step: Callable[[], None]) -> dict[str, Any]:
        seconds = run.seconds(step)
        return {
            "seconds": seconds,
            "windows_per_second": len(x) / seconds,
            "peak_bytes": run.peak(step),
        }

    full = measured(step_of(loss_of(recipe).to(run.device), x))
    yield "scl step, float32", full
    for name, change in {
        "plain step, two views": lambda: step_of(loss_of(recipe, plain=True).to(run.device), x),
        "scl step, bfloat16": lambda: step_of(
            loss_of(recipe).to(run.device), x, torch.autocast(kind, torch.bfloat16)
        ),
        "scl step, compiled": lambda: step_of(compiled(recipe, run), x),
        "scl step, compiled, bfloat16": lambda: step_of(
            compiled(recipe, run), x, torch.autocast(kind, torch.bfloat16)
        ),
    }.items():
        if "compiled" in name and not run.compiles:
            continue
        try:
            figures = measured(change())
        except Exception as error:  # a compiler that is not there, an operation it cannot
            yield name, {"failed": f"{type(error).__name__}: {str(error)[:200]}"}
            continue
        yield name, {**figures, "speed_up": full["seconds"] / figures["seconds"]}


def compiled(recipe: Recipe, run: Run) -> CombinedLoss:
    """The same with a compiled encoder, the part in which the time goes."""
    loss = loss_of(recipe).to(run.device)
    loss.encoder.compile()
    return loss


def embedding(recipe: Recipe, run: Run) -> Iterator[tuple[str, Any]]:
    """Windows per second without gradients, by batch size."""
    loss = loss_of(recipe).to(run.device).eval()
    total = run.batch * 8
    x = signals(recipe, total)[..., : recipe.length].to(run.device)

    for batch in (run.batch // 4, run.batch, run.batch * 8):

        @torch.no_grad()
        def embed(batch: int = batch) -> None:
            for start in range(0, total, batch):
                part = x[start : start + batch]
                loss.encoder(part if loss.front_end is None else loss.front_end(part))

        yield f"embedding, batch {batch}", {"windows_per_second": total / run.seconds(embed)}


def largest(recipe: Recipe, run: Run) -> Iterator[tuple[str, Any]]:
    """The largest batch, by doubling, whose SCL step fits the device (or `Run.largest`)."""
    batch, fits = run.batch, 0
    while batch <= run.largest:
        try:
            peak = run.peak(
                step_of(loss_of(recipe).to(run.device), signals(recipe, batch).to(run.device))
            )
        except torch.OutOfMemoryError:
            break
        fits = batch
        yield "largest batch", {"windows": fits, "peak_bytes": peak, "tried_up_to": run.largest}
        batch *= 2


def main(arguments: list[str] | None = None) -> int:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--out", type=Path, default=Path("out/gpu.json"))
    parser.add_argument("--smallest", action="store_true", help="only try that everything runs")
    chosen = parser.parse_args(arguments)
    if chosen.device.startswith("cuda") and not torch.cuda.is_available():
        parser.error("there is no CUDA device; try --device cpu --smallest")
    device = torch.device(chosen.device)
    run = (
        Run(device, 8, 1, 16, compiles=False) if chosen.smallest else Run(device, 1024, 20, 65_536)
    )
    recipe = Recipe.read(ECG)
    name = torch.cuda.get_device_name(device) if run.cuda else str(device)
    figures: dict[str, Any] = {}
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()
    for part in (correctness, steps, embedding, largest):
        try:
            for label, values in part(recipe, run):
                figures[label] = values
                print(f"{label}: {values}", flush=True)
                write_json(chosen.out, {
                    "environment": environment() | {"device": name},
                    "batch": run.batch,
                    "seconds": round(time.perf_counter() - start, 1),
                    "figures": figures,
                })  # fmt: skip
        except InputError as error:
            parser.error(str(error))
    return 0 if all(values.get("met", True) for values in figures.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
