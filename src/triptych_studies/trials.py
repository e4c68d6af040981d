"""Trials: several recipes a method, scored on validation people, one of them chosen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from triptych.files import read_json, write_json
from triptych_studies.base import Progress

Figures = dict[str, float]  # of one trial, on validation people


def chosen_trials(study: str) -> dict[str, dict[str, Any]]:
    """Shipped outcome of a study's trials: method → ``trial`` (index), ``trials``, ``scores``."""
    file = resources.files("triptych_studies") / f"{study}_trials.json"
    with resources.as_file(file) as path:
        return read_json(path) if path.exists() else {}


def run_trials(
    counts: Mapping[str, int],
    methods: Sequence[str],
    out: Path,
    score: Callable[[str, int], Figures],
    choose: Callable[[Mapping[str, list[Figures]], list[Figures]], Sequence[float]],
    progress: Progress,
) -> Path:
    """Run the trials that are missing in ``out/trials.json``, and say which recipe each chose.

    Every finished trial is kept, so an interrupted run continues.

    Parameters
    ----------
    counts
        Trials of every method that has any.
    score
        Method and trial → figures on validation people.
    choose
        Figures of all methods, and one method's → what is to be highest, a number a trial.

    Returns
    -------
    Path
        Of the file; its content belongs into ``studies/<study>_trials.json``.
    """
    file = out / "trials.json"
    found: dict[str, Any] = read_json(file) if file.exists() else {}
    for method in (name for name in counts if name in methods):
        scores: list[Figures] = found.setdefault(method, {"scores": []})["scores"]
        for trial in range(len(scores), counts[method]):
            progress(f"{method}: trial {trial + 1} of {counts[method]}")
            scores.append({name: round(each, 5) for name, each in score(method, trial).items()})
            write_json(file, found)
    by_method = {method: outcome["scores"] for method, outcome in found.items()}
    for method, outcome in found.items():
        totals = choose(by_method, by_method[method])
        outcome["trial"] = max(range(len(totals)), key=totals.__getitem__)
        outcome["trials"] = len(totals)
    write_json(file, found)
    return file
