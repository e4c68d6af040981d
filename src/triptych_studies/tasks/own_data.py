"""Own recordings for `study own`: what was asked for, and windows with their labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

import numpy as np
import torch

from triptych import InputError
from triptych.datasets import Dataset, Windows, cut, preprocess
from triptych.datasets.sources import open_data
from triptych.transforms import Chain, at_rate

LONGEST_S = 5.0  # of windows, where nobody says
MOST_WINDOWS = 60_000  # of all subjects; they overlap by half where that gives no more
MOST_CLASSES = 50
LEAST_SUBJECTS = 3  # of the data and of every class: to train, to validate and to test


@dataclass(frozen=True)
class Asked:
    """What the command line said, as plain data.

    Attributes
    ----------
    data, options
        As `open_data` takes them.
    nuisance
        Transforms as a recipe names them, a crop first.
    hold_out, values
        Column whose values are tested on without having been trained on, and which; none: each.
    window, rate, band
        s, Hz and Hz of the windows; None: by the recordings.
    """

    data: str
    nuisance: tuple[Mapping[str, Any], ...]
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    hold_out: str = ""
    values: tuple[str, ...] = ()
    window: float | None = None
    rate: float | None = None
    band: tuple[float | None, float | None] = (None, None)

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> Self:
        """Of plain data; InputError if data or nuisance are not said."""
        if not content.get("data"):
            raise InputError("study own needs data: --data FOLDER, a file, or mitdb:")
        if not content.get("nuisance"):
            raise InputError(
                "study own needs a nuisance, what must not matter: e.g. --nuisance rotation"
            )
        lists = {name: tuple(content[name]) for name in ("nuisance", "values", "band")
                 if name in content}  # fmt: skip
        told: dict[str, Any] = {**content, **lists}
        return cls(**told)

    def to_dict(self) -> dict[str, Any]:
        """Plain data that `of` takes back."""
        return asdict(self)

    def chain(self, rate: float) -> Chain:
        """The nuisance at a rate in Hz, a crop first (InputError if there is no such thing)."""
        made = [dict(each) for each in self.nuisance]
        parts = [at_rate(each.pop("name"), rate, each) for each in made]
        return Chain(*sorted(parts, key=lambda each: not each.context))


def read(asked: Asked) -> tuple[Dataset, Windows]:
    """Recordings of one kind at one rate and band, and their windows; notes say what was left out.

    Raises
    ------
    InputError
        If the data cannot be read, have no such column, or give no windows.
    """
    dataset = _with_column(asked)
    kinds = {len(each.channels) for each in dataset.recordings}
    if len(kinds) > 1:
        raise InputError(
            f"the recordings have {' and '.join(map(str, sorted(kinds)))} channels; choose those "
            "of one kind with --channels"
        )
    slowest = min(each.rate for each in dataset.recordings)
    rate, (low, high) = asked.rate or slowest, asked.band
    if high and high > min(rate, slowest) / 2:
        raise InputError(
            f"--band goes up to {high:g} Hz, but signals of {min(rate, slowest):g} Hz hold nothing "
            f"above {min(rate, slowest) / 2:g} Hz"
        )
    if asked.window is not None and not 1 <= asked.window * rate < np.inf:
        raise InputError(f"--window is {asked.window:g} s, expected a sample or more")
    dataset = dataset.map(lambda each: preprocess(each, rate, low, high))
    context = asked.chain(rate).context / rate
    durations = np.array([each.duration_s for each in dataset.recordings])
    shorter = float(np.quantile(durations, 0.1)) - 2 * context
    length = asked.window or max(min(LONGEST_S, shorter), 10 / rate)
    length = round(length * rate) / rate
    whole = length + 2 * context
    long = [each for each in dataset.recordings if each.duration_s >= whole - 0.5 / rate]
    if not long:
        raise InputError(
            f"no recording lasts {whole:g} s, a window with its neighbours; the longest has "
            f"{durations.max():g} s, so choose a shorter --window"
        )
    notes = list(dataset.notes)
    if len(long) < len(dataset):
        notes.append(f"{len(dataset) - len(long)} recordings shorter than {whole:g} s are left out")
    step = max(length / 2, sum(each.duration_s for each in long) / MOST_WINDOWS)
    windows = cut(long, length, context, starts=step)
    return replace(dataset, recordings=tuple(long), notes=tuple(notes)), windows


def _with_column(asked: Asked) -> Dataset:
    """The recordings, with the column that is held out among their attributes."""
    dataset = open_data(asked.data, asked.options)
    column = asked.hold_out

    def known(found: Dataset) -> set[str]:
        return {name for each in found.recordings for name in each.attributes}

    if column and column not in known(dataset):
        more = (*asked.options.get("attributes", ()), column)
        if dataset.name == "folder" or asked.options:
            dataset = open_data(asked.data, {**asked.options, "attributes": more})
        if column not in known(dataset):
            has = ", ".join(sorted(known(dataset))) or "none"
            raise InputError(
                f"{asked.data} has no column {column!r} to hold out; attributes there are: {has}"
            )
    return dataset


def labelled(windows: Windows, number: bool, wanted: bool) -> tuple[Windows, tuple[str, ...]]:
    """Windows whose labels can be learned and tested; "" in place of the others, with notes.

    Parameters
    ----------
    number
        Whether labels are numbers.
    wanted
        Whether a column was asked for: then it is an error if there is nothing to learn.

    Raises
    ------
    InputError
        If fewer than two classes have windows of three subjects, or labels look like numbers.
    """
    names = np.unique(windows.label[windows.label != ""]).tolist()
    if number:
        return windows, ()
    if len(names) > MOST_CLASSES:
        raise InputError(
            f"the labels have {len(names)} values ({', '.join(names[:3])}, ...), more than "
            f"{MOST_CLASSES} classes; choose another column with --label, or, if they are numbers, "
            "name it with --target"
        )
    held = {name: len(np.unique(windows.subject[windows.label == name])) for name in names}
    kept = [name for name in names if held[name] >= LEAST_SUBJECTS]
    rare = [f"{name} ({held[name]})" for name in names if name not in kept]
    if len(kept) < 2:
        told = (
            ", ".join(f"{name} ({n} subject{'s' * (n != 1)})" for name, n in held.items()) or "none"
        )
        if wanted:
            raise InputError(
                f"there are not two classes with windows of {LEAST_SUBJECTS} subjects or more to "
                f"tell apart; the labels are: {told}"
            )
        note = (f"no labels are used, since there are not two classes to tell apart: {told}",)
        return replace(windows, label=np.full(len(windows), "")), note if names else ()
    note = f"classes of fewer than {LEAST_SUBJECTS} subjects count as unlabelled: {', '.join(rare)}"
    label = np.where(np.isin(windows.label, kept), windows.label, "")
    return replace(windows, label=label), (note,) if rare else ()


def values_of(windows: Windows, asked: Asked) -> tuple[str, ...]:
    """Values of the column that are held out, one by one; InputError if one is not there."""
    here = np.unique(windows.attributes[asked.hold_out]).tolist()
    here = [each for each in here if each]
    lost = [each for each in asked.values if each not in here]
    if lost:
        raise InputError(
            f"no window has {asked.hold_out} = {', '.join(lost)}; the values there are "
            f"{', '.join(here)}"
        )
    chosen = asked.values or tuple(here)
    if len(here) < 2 or (len(set(chosen) | set(here)) == len(set(chosen)) and asked.values):
        raise InputError(
            f"holding out {asked.hold_out} = {', '.join(chosen)} leaves no other value to train "
            f"on; there are {', '.join(here)}"
        )
    return chosen


def require_fit(chain: Chain, windows: Windows) -> None:
    """Try the nuisance on one window: InputError if the channels are not what it needs."""
    theta = chain.sample(1, torch.Generator().manual_seed(0))
    seen = windows.take([0]).with_context(chain.context).signals
    chain.apply(torch.nan_to_num(seen), theta)


def strengths(windows: Windows, size: int) -> list[float]:
    """Root mean square of every `size` channels, the median over subjects, to one digit.

    It stands for a unit, and is the same in every fold; no one subject, tested or not, moves it.
    """
    step = max(1, len(windows) // 2_000)
    x, subject = windows.centred[::step].numpy().astype(float), windows.subject[::step]
    power = np.nanmean(x.reshape(len(x), -1, size, x.shape[2]) ** 2, axis=(2, 3))
    own = [np.sqrt(np.nanmean(power[subject == name], axis=0)) for name in np.unique(subject)]
    found: list[float] = np.nanmedian(own, axis=0).tolist()
    return [float(f"{each:.1g}") or 1.0 for each in found]
