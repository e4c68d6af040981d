"""Somebody's own recordings under the benchmark's protocol: the task of `study own`."""

# What is fixed for every other task of the benchmark is chosen here for a folder.
# pyright: reportIncompatibleVariableOverride=false

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from torch import Tensor

from triptych import InputError
from triptych.datasets import Windows, named
from triptych.training import Recipe, untrained
from triptych_studies.base import SEEDS, Cell, Options
from triptych_studies.methods import recipe_of
from triptych_studies.scores import Scores
from triptych_studies.tasks import own_conditions, own_data
from triptych_studies.tasks.base import Sides, Trained
from triptych_studies.tasks.benchmark import MOST, SIZES, BenchmarkTask
from triptych_studies.tasks.benchmark_motion import Motion, gravity
from triptych_studies.tasks.own_data import LEAST_SUBJECTS, Asked

FOLDS = 5
TRIED = 32  # windows on which a row is tried before it is in the list
BRIEF_S = 2.0  # a window up to here holds about one cycle: its phase can be made canonical
DRAWS = 60  # of validation subjects, until every class is on both sides


@dataclass(frozen=True, kw_only=True)
class Own(BenchmarkTask):
    """A folder, a nuisance and, if there are any, labels.

    Attributes
    ----------
    asked
        The words of the command line.
    fold_of
        Name of the part in tables → subject → fold; one part, or one per value held out.
    value_of
        Name of the part → the value that is held out.
    carries
        Whether a block can carry the main nuisance.
    turning
        Name of the nuisance that turns all sensors, if they feel gravity; else empty.
    refused
        Row → why it is left out.
    """

    title: ClassVar[str] = "own"
    nuisance: tuple[Mapping[str, Any], ...]
    main: str
    front_end: Any
    exact: Any
    no_exact: str
    encoder: Mapping[str, Any] = field()
    number: str
    number_within: float
    asked: Asked
    fold_of: Mapping[str, Mapping[str, int]]
    value_of: Mapping[str, str]
    carries: bool = True
    turning: str = ""
    refused: Mapping[str, str] = field(default_factory=dict[str, str])

    @classmethod
    def load(cls, data: Path | None, options: Options) -> Self:
        """Read the recordings and settle what the nuisance, the labels and the channels ask for."""
        del data  # it is among what was asked for
        asked = Asked.of(options.asked)
        dataset, windows = own_data.read(asked)
        chain = asked.chain(windows.rate)
        own_data.require_fit(chain, windows)
        target = str(asked.options.get("target_column") or "")
        wanted = bool(asked.options.get("label_column"))
        windows, notes = own_data.labelled(windows, bool(target), wanted)
        values = own_data.values_of(windows, asked) if asked.hold_out else ()
        parts = {f"own ({asked.hold_out}={value})": value for value in values} or {"own": ""}
        ordered = {each["name"]: each for each in asked.nuisance}
        known = windows.label != ""
        spread = float(windows.label[known].astype(float).std()) if target else 0.0
        made = cls(
            data_name="own",
            fingerprint=dataset.fingerprint,
            simulated="simulated" in dataset.title,
            notes=(*dataset.notes, *notes),
            options=options,
            channels=dataset.recordings[0].channels,
            windows=windows,
            folds={},
            nuisance=tuple(ordered[each.name] for each in chain.parts),
            main=next(iter(ordered)),
            number=target,
            number_within=round(spread / 4, 6),
            asked=asked,
            fold_of={name: _folds(windows, asked, value) for name, value in parts.items()},
            value_of=parts,
            **_front_ends(asked, tuple(ordered), windows),
        )
        return made._carried()._tried()

    def _carried(self) -> Self:
        """With the first nuisance that a block can carry as the main one, if there is one."""
        for name in (each["name"] for each in self.asked.nuisance):
            one = replace(self, main=name)
            try:
                Recipe.of(recipe_of(one, "scl", 0))
                return one
            except InputError:
                continue
        return replace(self, carries=False)

    def _tried(self) -> Self:
        """Without the rows that these windows cannot have, which a note says."""
        refused: dict[str, str] = {}
        few = self.windows.centred[:TRIED]
        for row in self.options.methods:
            try:
                untrained(Recipe.of(recipe_of(self, row, 0)), self.channels, few)
            except InputError as error:
                refused[row] = str(error)
        if refused and len(refused) == len(self.options.methods):
            raise InputError("; ".join(refused.values()))
        told = [f"no row {row}: {why}" for row, why in refused.items()]
        return replace(self, refused=refused, notes=(*self.notes, *told))

    def refuses(self, method: str) -> str:
        """Why a row is left out; empty if it is not."""
        return self.refused.get(method, "")

    def cells(self) -> Sequence[Cell]:
        """Fold by fold (at smoke the first alone), every value held out in turn."""
        rows = [row for row in self.options.methods if not self.refuses(row)]
        most = max(max(folds.values()) for folds in self.fold_of.values()) + 1
        return [
            Cell(row, part, self.split, fold, seed)
            for seed in range(self.options.seeds or (SEEDS["full"] if self.budget == "full" else 1))
            for fold in range(1 if self.budget == "smoke" else most)
            for part, folds in self.fold_of.items()
            if fold in folds.values()
            for row in rows
        ]

    def under_test(self, cell: Cell) -> np.ndarray[Any, Any]:
        """Windows `(n,)` of the subjects who are tested, whatever else they are."""
        folds = self.fold_of[cell.dataset]
        return np.array([folds[name] == cell.fold for name in self.windows.subject.tolist()])

    def sides(self, cell: Cell) -> Sides:
        """Windows by subject and, held out, by value; thinned out to what the budget allows."""
        windows, rng = self.windows, np.random.default_rng([1, cell.fold])
        value, tested = self.value_of[cell.dataset], self.under_test(cell)
        trained, seen = ~tested, tested
        if value:
            column = windows.attributes[self.asked.hold_out]
            trained = trained & ~np.isin(column, self.asked.values or [value])
            seen = seen & (column == value)
        watched = trained & np.isin(windows.subject, self._watching(trained, rng))
        parts = (trained & ~watched, watched, seen)
        kept = [
            windows.take(np.sort(_thinned(windows, rng.permutation(np.flatnonzero(part)), most)))
            for part, most in zip(parts, MOST[self.budget], strict=True)
        ]
        return Sides(*kept)

    def _watching(self, trained: Any, rng: np.random.Generator) -> list[str]:
        """A fifth of the training subjects, or more, so that both sides have every class."""
        subject, label = self.windows.subject[trained], self.windows.label[trained]
        everybody = np.unique(subject)
        if len(everybody) < 2:
            raise InputError(
                f"{len(everybody)} subject is left to train and to validate on; expected two or "
                "more beside those who are tested"
            )
        classes = set(self.classes) & set(label.tolist())
        for attempt in range(DRAWS):
            count = max(1, round(0.2 * len(everybody))) + attempt // 10
            drawn = rng.permutation(everybody)[: min(count, len(everybody) - 1)].tolist()
            inside = np.isin(subject, drawn)
            if all(classes <= set(label[side].tolist()) for side in (inside, ~inside)):
                return drawn
        raise InputError(
            "no two groups of training subjects have every class, one to train and one to "
            "validate; leave rare classes out with --no-label, or add recordings"
        )

    def carried(self, windows: Windows, part: Any, theta: Tensor) -> tuple[Tensor, bool]:
        """Of a rotation with gravity where that points; of anything else its θ."""
        if part.name == self.turning:
            return gravity(windows, part, theta), False
        return super().carried(windows, part, theta)

    def blocks(
        self,
        relation: str,
        sizes: tuple[int, int, int] = SIZES,
        views: Sequence[Mapping[str, Any]] = (),
    ) -> list[dict[str, Any]]:
        """SCL's three blocks; two where nothing can carry the nuisance."""
        steady, moved, rest = super().blocks(relation, sizes, views)
        if self.carries:
            return [steady, moved, rest]
        return [steady, rest | {"size": rest["size"] + moved["size"]}]

    def recipe(self, seed: int) -> dict[str, Any]:
        """Plain training, of the recordings as `triptych train` reads them."""
        base, asked = super().recipe(seed), self.asked
        each = math.ceil(MOST[self.budget][0] / len(np.unique(self.windows.record)))
        base["data"] |= {
            "name": named(asked.data)[0] or "folder",
            "options": dict(asked.options),
            "low": asked.band[0],
            "high": asked.band[1],
            "per_recording": min(each, 400),
        }
        return base

    def finished(self, recipe: dict[str, Any]) -> dict[str, Any]:
        """Without the number, which every row learns from none of."""
        options = {k: v for k, v in recipe["data"]["options"].items() if k != "target_column"}
        return recipe | {"data": recipe["data"] | {"options": options}}

    def terms(self, recipe: Mapping[str, Any]) -> dict[str, Any]:
        """Beside those of every task, all that was asked for but where the data lie."""
        said = {name: value for name, value in self.asked.to_dict().items() if name != "data"}
        return super().terms(recipe) | {"asked": said}

    def measure(self, trained: Trained, cell: Cell, scores: Scores) -> None:
        """Every column of the benchmark, and figures per condition."""
        super().measure(trained, cell, scores)
        own_conditions.measure(self, trained, cell, scores)


def _folds(windows: Windows, asked: Asked, value: str) -> dict[str, int]:
    """Subject → fold in which it is tested; −1 of those who have nothing of the value held out."""
    everybody = np.unique(windows.subject)
    if len(everybody) < LEAST_SUBJECTS:
        raise InputError(
            f"the data have {len(everybody)} subject(s), expected {LEAST_SUBJECTS} or more: one to "
            "train, one to validate, one to test; --subject-column or --subject-pattern says who "
            "is who"
        )
    column = windows.attributes.get(asked.hold_out)
    here = windows.subject if column is None else windows.subject[column == value]
    tested = np.random.default_rng(0).permutation(np.unique(here)).tolist()
    count = FOLDS if len(tested) >= FOLDS else len(tested)
    found = dict.fromkeys(map(str, everybody), -1)
    return found | {str(name): k % count for k, name in enumerate(tested)}


def _thinned(windows: Windows, order: Any, most: int) -> Any:
    """The first of these windows, one of every class among them."""
    first = np.unique(windows.label[order], return_index=True)[1]
    return np.concatenate([order[first], np.delete(order, first)])[:most]


def _front_ends(asked: Asked, names: tuple[str, ...], windows: Windows) -> dict[str, Any]:
    """Front-ends and trunk: with exact invariance where a front-end is known that has it."""
    channels, length = windows.centred.shape[1:]
    brief = length <= 150
    trunk = {name: Motion.encoder[name] for name in ("kernels", "strides")} if brief else {}
    found: dict[str, Any] = {
        "front_end": "standardize",
        "exact": None,
        "no_exact": f"no front end is known that is invariant to {' and '.join(names)}",
        "encoder": {"widths": [32, 64, 96, 96], **trunk},
    }
    settings = {each["name"]: each for each in asked.nuisance}
    if "rotation" in names and not channels % 3 and "triads" not in settings["rotation"]:
        scales = own_data.strengths(windows, 3)
        held = {"per_gravity": True} if "gain" in names and not asked.band[0] else {}
        return found | {
            "front_end": {"name": "second_order", "scales": scales},
            "exact": {"name": "rotation_invariants", "scales": scales, **held},
            "encoder": Motion.encoder,
            "turning": "" if asked.band[0] else "rotation",
        }
    if {"gain", "channel_shift"} & set(names):  # both are gone, or spoilt, once standardised
        found["front_end"] = {"name": "scaled", "scales": own_data.strengths(windows, channels)}
    if "phase_shift" in names:
        alone = len(names) == 1 and length / windows.rate <= BRIEF_S
        return found | {"exact": "canonical_phase" if alone else "power_spectrum"}
    if "channel_shift" in names:
        held = {"per_loudness": True} if "gain" in names else {}
        return found | {"exact": {**found["front_end"], "name": "ring_aligned", **held}}
    return found | ({"exact": "standardize"} if "gain" in names else {})
