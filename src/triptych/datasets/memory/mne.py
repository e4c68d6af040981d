"""MNE's recordings and epochs as a data set, known by what they have: mne is not imported."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import numpy as np

from triptych.datasets.memory.arrays import dataset_of, in_python
from triptych.datasets.readers import columns, options_of, words
from triptych.datasets.readers.stretch import Findings, ReadOptions, Stretch, annotated, runs_of
from triptych.datasets.recordings import Dataset
from triptych.errors import InputError

UNITS = {  # of MNE's channel types, which are in SI units
    **dict.fromkeys(("eeg", "ecg", "eog", "emg", "seeg", "ecog", "dbs", "bio"), "V"),
    "mag": "T",
    "grad": "T/m",
}
NO_SIGNALS = ("stim", "syst", "exci", "ias", "chpi")  # channel types that a model must not see


def from_mne(
    data: Any, *, subject: str | None = None, name: str = "mne", **options: Any
) -> Dataset:
    """Make a data set of MNE's `Raw` or `Epochs`.

    Parameters
    ----------
    data
        `Raw`: annotations that last are labels of what they cover, those of a moment are events,
        and what is marked BAD or EDGE is left out. `Epochs`: a recording each, labelled by its
        event; columns of the metadata become attributes, one called subject the subject.
    subject
        Of all of it; left out: ``info["subject_info"]``, or the metadata's.
    name
        Of the data set and its recordings.
    **options
        `channels`, `no_label`, `label_column` and `subject_column` (of the metadata), `missing`,
        `max_gap`, `missing_value`, as for files (`readers.ReadOptions`).

    Channels that are no signals (triggers) and those in ``info["bads"]`` are left out, which the
    notes say; values are in MNE's SI units (V, T).

    Raises
    ------
    InputError
        For another object, or what `from_arrays` refuses.
    """
    with in_python():
        chosen, findings = options_of(options), Findings()
        if not all(hasattr(data, each) for each in ("get_data", "info", "ch_names")):
            raise InputError(f"got a {type(data).__name__}, expected a Raw or Epochs of MNE")
        about = cast("dict[str, Any]", data.info.get("subject_info") or {})
        known = subject or words.text_of(about.get("his_id") or about.get("id") or "") or None
        signals, titles = np.asarray(data.get_data(), dtype=np.float64), list(data.ch_names)
        kinds = list(data.get_channel_types()) if hasattr(data, "get_channel_types") else []
        kinds = kinds or [""] * len(titles)
        left = {
            title: f"of type {kind}" if kind in NO_SIGNALS else "marked as bad"
            for title, kind in zip(titles, kinds, strict=True)
            if title not in chosen.channels and (kind in NO_SIGNALS or title in data.info["bads"])
        }
        for title, why in left.items():
            findings.say(f"channel {title} is {why} and is left out")
        rows = [row for row, title in enumerate(titles) if title not in left]
        whole = Stretch(
            part=name,
            signal=signals[..., rows, :],
            channels=tuple(titles[row] for row in rows),
            units=tuple(UNITS.get(kinds[row], "") for row in rows),
            rate=float(data.info["sfreq"]),
            subject=known,
        )
        if whole.signal.ndim == 3:
            if known is None and not _people(data, chosen):
                findings.say("epochs that state no subject are taken as those of one")
                whole = replace(whole, subject=name)
            found = _epochs(whole, data, chosen, findings)
        else:
            found = _continuous(whole, data, chosen, findings)
        return dataset_of(found, name, chosen, findings, subject=subject, where=name)


def _continuous(
    whole: Stretch, data: Any, options: ReadOptions, findings: Findings
) -> list[Stretch]:
    """Stretches without what is marked bad, by their annotations."""
    rate, n = float(data.info["sfreq"]), whole.signal.shape[1]
    notes: Any = getattr(data, "annotations", None)
    marks: list[tuple[float, float, str]] = []
    bad, cut = np.zeros(n, dtype=np.bool_), np.zeros(n, dtype=np.int64)
    if notes is not None:
        # onsets count from the measurement's date if there is one, and a crop may begin later
        first = float(getattr(data, "first_time", 0.0)) if notes.orig_time is not None else 0.0
        for onset, lasts, text in zip(notes.onset, notes.duration, notes.description, strict=True):
            at, word = float(onset) - first, str(text)
            if not word.lower().startswith(("bad", "edge")):
                marks.append((at, float(lasts), word))
                continue
            begin, end = (min(max(round(s * rate), 0), n) for s in (at, at + float(lasts)))
            bad[begin:end] = True
            cut[begin : begin + 1] = 1  # where recordings were put together, without duration
            if lasts:
                findings.say("what is marked BAD or EDGE is left out", whole.part)
    found: list[Stretch] = []
    for run in runs_of(bad, cut.cumsum()):
        if not bad[run.start]:
            begin = run.start / rate
            part = replace(whole, signal=whole.signal[:, run], start=begin)
            found += annotated(
                part, [(at - begin, lasts, word) for at, lasts, word in marks], options, findings
            )
    if len(found) < 2:
        return found
    return [replace(each, part=f"{whole.part}#{i}") for i, each in enumerate(found)]


def _people(data: Any, options: ReadOptions) -> str | None:
    """Column of the epochs' metadata that is their subject."""
    table: Any = getattr(data, "metadata", None)
    titles = [] if table is None else [str(each) for each in table.columns]
    asked = columns.asked("the metadata", titles, options.subject_column)
    return asked or words.column(titles, words.SUBJECT)


def _epochs(whole: Stretch, data: Any, options: ReadOptions, findings: Findings) -> list[Stretch]:
    """A stretch for every epoch, labelled by its event."""
    words_of = {int(code): str(word) for word, code in dict(data.event_id).items()}
    events = np.asarray(data.events)
    labels = [words.text_of(words_of.get(int(code), code)) for code in events[:, 2]]
    known: dict[str, list[str]] = {}
    people = None
    if getattr(data, "metadata", None) is not None:
        table = data.metadata
        titles = [str(each) for each in table.columns]
        known = {each: [words.text_of(v) for v in table[each]] for each in titles}
        asked = columns.asked("the metadata", titles, options.label_column)
        labels = known.pop(asked) if asked else labels
        who = _people(data, options)
        people = known.pop(who) if who else None
    rate = float(data.info["sfreq"])
    start = events[:, 0] / rate + float(getattr(data, "tmin", 0.0))
    return [
        replace(
            whole,
            part=f"{whole.part}-{i}",
            signal=whole.signal[i],
            label=None if labels[i] in ("", *options.no_label) else labels[i],
            subject=(people[i] or None) if people else whole.subject,
            start=float(start[i]),
            attributes={key: values[i] for key, values in known.items()},
            taken=() if getattr(data, "metadata", None) is None else options.named,
        )
        for i in range(len(events))
    ]
