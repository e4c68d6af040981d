"""Windows of recordings part by part, and what a model says of them: here, or on a cluster.

No more than a part's windows are held at a time, however many there are in all.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import Any, cast

import numpy as np
from torch import Tensor

from triptych import datasets
from triptych.audit.sources import Progress, require_step
from triptych.datasets import Dataset, Recording, Windows
from triptych.errors import InputError
from triptych.latent import LinearHead
from triptych.model import Latents, Model, Prediction, Preprocessing
from triptych.signals import regular_starts

FLOATS = 4_000_000  # samples of a part: 16 MB
WAIT_S = 10  # for a scheduler, and for its first worker


@dataclass(frozen=True, eq=False)
class WindowParts:
    """Windows of recordings as `fit_to` gives them, one every `step_s` (None: end to end).

    Iterate to get `Windows`, some thousand at a time. Raises InputError if the step is not above 0.
    """

    dataset: Dataset
    preprocessing: Preprocessing
    step_s: float | None = None

    def __post_init__(self) -> None:
        require_step(self.preprocessing, self.step_s)

    def _starts(self, recording: Recording) -> Any:
        length = self.preprocessing.length
        step = length if self.step_s is None else round(self.step_s * self.preprocessing.rate)
        return regular_starts(recording.signal.shape[1], length, step)

    def __len__(self) -> int:
        """Count the windows in all."""
        return sum(len(self._starts(each)) for each in self.dataset.recordings)

    def __iter__(self) -> Iterator[Windows]:
        size = max(1, FLOATS // int(np.prod(self.preprocessing.shape)))
        length_s = self.preprocessing.length / self.preprocessing.rate
        some: list[tuple[Recording, Any]] = []

        def cut() -> Windows:
            recordings, starts = zip(*some, strict=True)
            return datasets.cut(recordings, length_s, 0.0, starts)

        for each in self.dataset.recordings:
            starts = self._starts(each)
            for i in range(0, len(starts), size):
                some.append((each, starts[i : i + size]))
                if sum(len(own) for _, own in some) >= size:
                    yield cut()
                    some.clear()
        if some:
            yield cut()


def embed_parts(
    model: Model, parts: WindowParts, progress: Progress | None = None, cluster: str | None = None
) -> Iterator[tuple[Latents, Windows]]:
    """Latents of every part, and its windows, told part by part.

    `cluster` is the address of a Dask scheduler (extra ``cluster``), whose workers then embed.
    """
    for z, windows in _asked(partial(_latents, model), parts, progress, cluster):
        yield Latents(model.schema, z), windows


def predict_parts(
    model: Model, parts: WindowParts, head: str, progress: Progress | None = None
) -> Iterator[tuple[Prediction, Windows]]:
    """What a head says of every part, and its windows, told part by part."""
    target = cast(LinearHead, model.heads[head]).target
    for said, windows in _asked(partial(_decoded, model, head), parts, progress, None):
        yield Prediction(target, said), windows


def _latents(model: Model, x: Tensor) -> Tensor:
    return model.embed(x).all


def _decoded(model: Model, head: str, x: Tensor) -> Tensor:
    return model.predict(x)[head].decoded


def _asked(
    function: Callable[[Tensor], Tensor],
    parts: WindowParts,
    progress: Progress | None,
    cluster: str | None,
) -> Generator[tuple[Tensor, Windows]]:
    waiting: deque[Windows] = deque()  # sent, and not yet answered

    def signals() -> Iterator[Tensor]:
        for windows in parts:
            waiting.append(windows)
            yield windows.centred

    total, done = len(parts), 0
    for answer in _over(cluster, function, signals()):
        windows = waiting.popleft()
        done += len(windows)
        yield answer, windows
        if progress is not None:
            progress(done, total)


def _over(
    cluster: str | None, function: Callable[[Tensor], Tensor], pieces: Iterable[Tensor]
) -> Iterator[Tensor]:
    """`map`, in order, on the workers of a cluster if one is named."""
    if cluster is None:
        yield from map(function, pieces)
        return
    if find_spec("distributed") is None:
        raise InputError(
            "a cluster needs the extra 'cluster'; run pip install 'triptych[cluster]', here and on "
            "the workers"
        )
    import joblib
    from distributed import Client  # pyright: ignore[reportMissingImports, reportUnknownVariableType]

    joblib_any: Any = joblib
    with ExitStack() as stack:
        try:
            client = stack.enter_context(cast(Any, Client)(cluster, timeout=WAIT_S))
        except (OSError, ValueError, TimeoutError) as error:
            raise InputError(
                f"no Dask scheduler answers at {cluster!r}; start one with dask scheduler, and "
                "name its address, e.g. tcp://host:8786"
            ) from error
        try:
            client.wait_for_workers(1, timeout=WAIT_S)
        except TimeoutError as error:
            raise InputError(
                f"the Dask scheduler at {cluster} has no workers; start some with dask worker "
                f"{cluster}"
            ) from error
        stack.enter_context(joblib_any.parallel_config(backend="dask"))
        parallel = joblib_any.Parallel(return_as="generator", pre_dispatch="2*n_jobs")
        yield from parallel(joblib_any.delayed(function)(each) for each in pieces)
