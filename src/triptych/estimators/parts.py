"""What the transformers are made of: transforms, schemas, splits, and parameters as plain data."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn import model_selection, utils

from triptych import transforms
from triptych.datasets import Windows
from triptych.errors import InputError
from triptych.latent import Block, LatentSchema
from triptych.transforms import Transform

Array = NDArray[Any]
Nuisance = str | Transform | Mapping[str, Any] | Sequence[Any]
Blocks = LatentSchema | Sequence[Block | Mapping[str, Any]]
SPLITS = 50  # that are tried for one in which both sides have every class


def seed_of(random_state: Any) -> int:
    """A seed, from what scikit-learn takes for one."""
    return int(cast(Any, utils).check_random_state(random_state).randint(2**31 - 1))


def made(nuisance: Any, rate: float, length: int) -> Transform:
    """A transform by its name, by name and settings, or as it is."""
    if isinstance(nuisance, str):
        return transforms.in_windows(nuisance, rate, length, {})
    if isinstance(nuisance, Mapping):
        settings = dict(cast("Mapping[str, Any]", nuisance))
        return transforms.in_windows(str(settings.pop("name", "")), rate, length, settings)
    if not isinstance(nuisance, Transform):
        raise InputError(f"nuisance is {nuisance!r}, expected a transform or the name of one")
    return nuisance


def schema_of(blocks: Any) -> LatentSchema:
    """A schema, from blocks or from what describes them."""
    if isinstance(blocks, LatentSchema):
        return blocks
    given = [each.to_dict() if isinstance(each, Block) else each for each in blocks]
    return LatentSchema.from_dict({"blocks": given})


def split(
    n: int, fraction: float, groups: Array | None, labels: Sequence[str] | None, seed: int
) -> tuple[Array, Array | None]:
    """Rows to train on and to validate on, or None; no group and every class on both sides.

    Raises
    ------
    InputError
        If there is no such split.
    """
    if not fraction:
        return np.arange(n), None
    known: Any = model_selection
    kind = known.ShuffleSplit if groups is None else known.GroupShuffleSplit
    try:
        drawn = list(
            kind(SPLITS, test_size=fraction, random_state=seed).split(np.zeros(n), groups=groups)
        )
    except ValueError as error:
        raise InputError(
            f"no validation_fraction of {fraction} of these windows: {error}"
        ) from error
    words = np.asarray(labels if labels is not None else [""] * n)
    for rows, held in drawn:
        same = set(words[rows]) == set(words[held])
        if same and min(len(rows), len(held)) > 1:
            return rows, held
    raise InputError(
        f"validation_fraction {fraction} of {n} windows leaves no side with two windows and every "
        "class" + (", groups kept apart" if groups is not None else "") + "; choose another, or 0"
    )


@contextmanager
def threads(n_jobs: int | None) -> Generator[None]:
    """So many of torch's threads for a while; None: as they are, -1: all processors."""
    if n_jobs is None:
        yield
        return
    from joblib import effective_n_jobs

    before = torch.get_num_threads()
    torch.set_num_threads(int(cast(Any, effective_n_jobs)(n_jobs)))
    try:
        yield
    finally:
        torch.set_num_threads(before)


def plain(value: Any) -> Any:
    """Parameters as plain data; raises InputError for what is none."""
    if isinstance(value, LatentSchema):
        return value.to_dict()["blocks"]
    if isinstance(value, Block):
        return value.to_dict()
    if isinstance(value, Transform):
        return transforms.to_dict(value)
    if isinstance(value, np.ndarray | np.generic):
        return cast(Any, value).tolist()
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in cast("Mapping[Any, Any]", value).items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in cast("Sequence[Any]", value)]
    if isinstance(value, np.random.RandomState | np.random.Generator):
        return None  # what was drawn from it stands in the recipe
    if value is not None and not isinstance(value, str | int | float | bool):
        raise InputError(f"parameter {value!r} is no plain data, so it cannot be saved")
    return value


def as_windows(
    x: Array, rate: float, context: int, labels: Sequence[str] | None, groups: Array | None
) -> Windows:
    """Windows ``(n, channels, time)`` with their labels and groups, as training takes them."""
    n, names = len(x), np.arange(len(x)).astype(str)
    return Windows(
        torch.as_tensor(np.array(x, dtype=np.float32)),
        rate,
        context,
        names,
        names if groups is None else np.asarray(groups).astype(str),
        np.zeros(n),
        np.asarray(labels if labels is not None else [""] * n),
        np.full(n, np.nan),
    )
