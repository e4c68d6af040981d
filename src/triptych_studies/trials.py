"""Trials: several recipes per method, scored on validation subjects, one of them chosen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from triptych.files import read_json, write_json
from triptych_studies.base import Progress

Figures = dict[str, float]  # of one trial, on validation subjects


def run_trials(
    counts: Mapping[str, int],
    methods: Sequence[str],
    out: Path,
    score: Callable[[str, int], Figures],
    total: Callable[[Figures, Sequence[Figures]], float],
    progress: Progress,
) -> Path:
    """Run the trials that are missing in ``out/trials.json``, and say which recipe each chose.

    Every finished trial is kept, so an interrupted run continues.

    Parameters
    ----------
    counts
        Trials of every method that has any.
    score
        Method and trial → metrics on validation subjects.
    total
        Scores of one trial, and those of all trials of ``plain`` → what is to be highest.

    Returns
    -------
    Path
        Of the file. The values that it chose belong into the methods' own files.
    """
    file = out / "trials.json"
    found: dict[str, Any] = read_json(file) if file.exists() else {}
    for method in (name for name in counts if name in methods):
        scores: list[Figures] = found.setdefault(method, {"scores": []})["scores"]
        for trial in range(len(scores), counts[method]):
            progress(f"{method}: trial {trial + 1} of {counts[method]}")
            scores.append({name: round(each, 5) for name, each in score(method, trial).items()})
            write_json(file, found)
    for outcome in found.values():
        totals = [total(scores, found["plain"]["scores"]) for scores in outcome["scores"]]
        outcome["trial"] = max(range(len(totals)), key=totals.__getitem__)
        outcome["trials"] = len(totals)
    write_json(file, found)
    return file
