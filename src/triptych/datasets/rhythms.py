"""Stretches of one annotated rhythm, as WFDB annotations tell them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from triptych.datasets.recordings import Recording


def by_rhythm(
    recording: Recording, samples: Sequence[int], notes: Sequence[str]
) -> list[Recording]:
    """A recording per stretch of one rhythm, without events: "201 AFIB 1", with label "AFIB".

    Parameters
    ----------
    samples, notes
        Where every annotation stands, and what is noted there: "(AFIB" begins a rhythm, which lasts
        until another one begins. What comes before the first is left out.
    """
    marks = [
        (int(sample), note.rstrip("\0").removeprefix("("))
        for sample, note in zip(samples, notes, strict=True)
        if note.startswith("(")
    ]
    if not marks:
        return []
    ends = [*(sample for sample, _ in marks[1:]), recording.signal.shape[1]]
    return [
        replace(
            recording,
            name=f"{recording.name} {rhythm} {k}",
            signal=recording.signal[:, first:end],
            events=None,
            label=rhythm,
            start=recording.start + first / recording.rate,
        )
        for k, ((first, rhythm), end) in enumerate(zip(marks, ends, strict=True), 1)
    ]
