"""Annotations in files beside recordings: hypnograms, summaries of seizures, tables of events."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from triptych.datasets.readers import edf, events
from triptych.datasets.readers.marks import LOOSE, Marks, partner
from triptych.datasets.readers.metadata import SMALL, names_of
from triptych.datasets.readers.stretch import Findings, ReadOptions
from triptych.datasets.readers.table import TEXT, kind_of
from triptych.errors import InputError

DAY_S = 86400.0


def marks_of(
    source: Path, files: Sequence[Path], options: ReadOptions, findings: Findings
) -> tuple[list[Path], dict[Path, Marks], list[Path]]:
    """Which files are recordings, what is marked in them, and the files that say so.

    Known are EDF+ files of annotations only and tables of events (onset, end or duration, label),
    paired by a column of file names or by the begin of their own name; ``chb01-summary.txt`` and
    ``.edf.seizures`` of CHB-MIT. What has no recording is named.
    """
    is_edf = {each: kind_of(each) in (".edf", ".bdf") for each in files}
    only = [each for each in files if is_edf[each] and edf.only_annotations(each)]
    texts = [e for e in files if kind_of(e) in TEXT and e.stat().st_size <= SMALL]
    tables = {e: frame for e in texts if (frame := events.events(e, options)) is not None}
    named = [each for each in texts if each.name.lower().endswith("summary.txt")]
    summaries = {each: said for each in named if (said := events.seizures(each))}
    kept = [each for each in files if each not in {*only, *tables, *summaries}]
    by_name = names_of(source, kept)
    found: dict[Path, Marks] = {}
    for file in (*only, *summaries, *tables):
        try:
            if file in tables:
                used = events.read_table(
                    file, tables[file], by_name, kept, found, options, findings
                )
            elif file in summaries:
                here = [name for name in summaries[file] if name in by_name]
                for name in here:
                    marks = found.setdefault(by_name[name], Marks(rest=events.NO_SEIZURE))
                    marks.spans += summaries[file][name]
                used = bool(here)
            else:
                used = _hypnogram(file, [each for each in kept if is_edf[each]], found, findings)
        except InputError as error:  # one bad file never refuses a folder
            findings.say(f"annotations are left out: {error}")
            continue
        what = "labels are read from annotations beside"
        alone = "annotations without a recording of their own are not used"
        findings.say(what if used else alone, str(file))
    for place in [each for each in kept if is_edf[each] and each not in found]:
        beside = place.with_name(f"{place.name}.seizures")
        if beside.is_file():
            try:
                found[place] = events.wfdb_seizures(beside, place)
            except InputError as error:
                findings.say(f"annotations are left out: {error}")
    return kept, found, [*only, *summaries, *tables]


def _hypnogram(
    file: Path, recordings: Sequence[Path], found: dict[Path, Marks], findings: Findings
) -> bool:
    """Add annotations of an EDF+ file to those `found`; False if it is of no recording here."""
    place = partner(file, recordings, LOOSE)
    if place is None:
        return False
    begins = edf.began(file), edf.began(place)
    late = (begins[0] - begins[1]).total_seconds() if begins[0] and begins[1] else 0.0
    if abs(late) > DAY_S:
        findings.say("annotations that begin on another day are taken from the recording's begin",
                     str(file))  # fmt: skip
        late = 0.0
    spans = [(at + late, lasts, text) for at, lasts, text in edf.annotations_of(file)]
    found.setdefault(place, Marks()).spans += spans
    return True
