"""Precision and compilation where they pay: a few steps of each are timed before a training."""

from __future__ import annotations

import copy
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from shutil import which
from statistics import median
from typing import Any

import torch
from torch import Tensor

from triptych.errors import InputError
from triptych.training.losses import CombinedLoss
from triptych.training.seeds import same_random_state
from triptych.training.settings import Training
from triptych.training.trainer import device_of, tell

GAIN = 1.1  # times faster, below which nothing is changed
WORTH_S = 120.0  # shorter trainings are over before a compiler has paid
COMPILERS = (os.environ.get("CXX", "g++"), "g++", "clang++", "cl")  # torch.compile looks for one
STEPS = 3  # timed per candidate, after one that warms up


@dataclass(frozen=True)
class Speed:
    """How steps are computed: `precision` of the Trainer, whether the encoder is compiled.

    `said` is what was measured, one sentence each; empty where nothing was left to choose.
    """

    precision: str
    compile: bool
    said: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for a checkpoint and a model's info."""
        return {**asdict(self), "said": list(self.said)}


def speed_of(
    settings: Training,
    loss: CombinedLoss,
    x: Tensor,
    targets: Tensor,
    device: str,
    kept: Mapping[str, Any] | None = None,
    *,
    several: bool = False,
) -> Speed:
    """Take `settings` at their word, time what they leave to ``auto``, and tell what was found.

    Parameters
    ----------
    loss
        What is trained; copies are stepped. Afterwards its encoder is compiled, if that was chosen.
    x, targets
        All training samples; a batch of them is used, and their number says how many steps follow.
    device
        See `device_of`.
    kept
        What a training that goes on was begun with; then nothing is chosen.
    several
        Whether several processes train together, whose clocks differ: nothing is timed then.

    Raises
    ------
    InputError
        If the encoder is to be compiled and cannot be: see `CombinedLoss.compiles`, or the CPU has
        no C++ compiler.
    """
    if settings.compile is True and not loss.compiles:
        raise InputError(
            "training.compile: this encoder has gates, or the objective reads its maps of time, "
            "which a compiled one does not give; leave compile out"
        )
    if settings.compile is True and device_of(device) == "cpu" and not any(map(which, COMPILERS)):
        raise InputError(
            "training.compile needs a C++ compiler on a CPU, and there is none; install g++, name "
            "one in CXX, or leave compile out (compile: auto does so by itself)"
        )
    precision = "32-true" if settings.precision == "auto" else settings.precision
    speed = Speed(precision, settings.compile is True)
    if kept is not None:
        speed = Speed(kept["precision"], kept["compile"], tuple(kept["said"]))
    elif "auto" in (settings.precision, settings.compile):
        if several:
            said = ("several processes train, so nothing was timed: float32, not compiled",)
            speed = Speed(speed.precision, speed.compile, said)
        else:
            where = torch.device(device_of(device))
            with same_random_state():
                speed = _Calibration(settings, loss, x, targets, where).chosen(speed)
        for each in speed.said:
            tell(each)
    if speed.compile:
        loss.compile_encoder()
    return speed


@dataclass(frozen=True)
class _Calibration:
    settings: Training
    loss: CombinedLoss
    x: Tensor
    targets: Tensor
    device: torch.device

    def chosen(self, fixed: Speed) -> Speed:
        said: list[str] = []
        precision, compiled = fixed.precision, fixed.compile
        _, plain = self.timed(precision, compiled)
        if self.settings.precision == "auto":
            ratio = plain / self.timed("bf16-mixed", compiled, at_most=2 * plain)[1]
            taken = ratio >= GAIN
            precision = "bf16-mixed" if taken else precision
            said.append(_sentence("bf16-mixed", ratio, taken))
            plain = plain / ratio if taken else plain
        if self.settings.compile == "auto":
            rest = plain * self.steps
            if not self.loss.compiles or rest < WORTH_S:
                why = f"{rest:.0f} s of training" if self.loss.compiles else "its maps or gates"
                said.append(f"compile was not timed, because of {why}")
            else:
                try:
                    cost, step = self.timed(precision, True)
                except Exception as error:  # no compiler, or an operation that it cannot
                    said.append(f"compile failed ({type(error).__name__}), so it is off")
                else:
                    ratio = plain / step
                    compiled = ratio >= GAIN and cost < rest - step * self.steps
                    said.append(_sentence("compile", ratio, compiled))
        return Speed(precision, compiled, tuple(said))

    @property
    def steps(self) -> int:
        return self.settings.epochs * max(1, len(self.x) // self.settings.batch)

    def timed(
        self, precision: str, compiled: bool, at_most: float = float("inf")
    ) -> tuple[float, float]:
        """Seconds of the first step and, in the median, of further ones; slow ones end early."""
        step, taken = self.step_of(precision, compiled), list[float]()
        for seconds in _seconds(step, self.device):
            taken.append(seconds)
            if len(taken) > STEPS or (len(taken) > 1 and seconds > at_most):
                break
        return taken[0], median(taken[1:])

    def step_of(self, precision: str, compiled: bool) -> Callable[[], None]:
        loss = copy.deepcopy(self.loss).to(self.device).train()
        if precision == "64-true":
            loss.double()
        if compiled:
            loss.compile_encoder()
        like = next(loss.parameters()).dtype
        x = self.x[: self.settings.batch].to(self.device, like)
        targets = self.targets[: self.settings.batch].to(self.device)
        optimizer = torch.optim.AdamW(loss.parameters(), self.settings.learning_rate)

        def cast() -> AbstractContextManager[Any]:
            short = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}.get(precision)
            return torch.autocast(self.device.type, short) if short else nullcontext()

        def step() -> None:
            optimizer.zero_grad()
            with cast():
                total = loss(x, targets, torch.Generator().manual_seed(0))["total"]
            total.backward()
            optimizer.step()  # pyright: ignore[reportUnknownMemberType]

        return step


def _seconds(step: Callable[[], None], device: torch.device) -> Iterator[float]:
    while True:
        start = time.perf_counter()
        step()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        yield time.perf_counter() - start


def _sentence(what: str, ratio: float, taken: bool) -> str:
    return f"{what} takes steps {ratio:.2f} times as fast and is {'on' if taken else 'off'}"
