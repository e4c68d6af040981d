"""Labels that stand in several columns, and numbers to be learned: both become a window's label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from triptych.datasets.readers.stretch import Findings, ReadOptions, listed
from triptych.datasets.readers.words import merged, one_spelling, text_of
from triptych.datasets.recordings import Events, Recording
from triptych.errors import InputError
from triptych.latent.label_set import joined, set_of

JOIN = " + "  # between the titles of label columns that are one


def as_sets(columns: Mapping[str, Any], where: str) -> list[str]:
    """Sets of labels ``"AF;PVC"`` of columns of 0 and 1, empty where a column says nothing.

    Raises
    ------
    InputError
        If a column holds anything else, or columns differ in length.
    """
    flags: list[NDArray[np.float64]] = []
    for name, values in columns.items():
        words = [text_of(each).lower() for each in np.asarray(values).reshape(-1).tolist()]
        known = {"1": 1.0, "true": 1.0, "0": 0.0, "false": 0.0, "": np.nan}
        if odd := [each for each in words if each not in known]:
            raise InputError(
                f"label column {name!r} of {where} holds {odd[0]!r}, expected 0 or 1 (empty: not "
                "known), as there are several label columns"
            )
        flags.append(np.array([known[each] for each in words]))
    if len({len(each) for each in flags}) > 1:
        raise InputError(f"the label columns {', '.join(columns)} of {where} differ in length")
    found: list[str] = []
    for row in np.stack(flags, axis=1):
        held = [name for name, flag in zip(columns, row, strict=True) if flag]
        found.append("" if np.isnan(row).any() else joined(held))
    return found


def one_column(columns: Any, options: ReadOptions, where: str) -> tuple[Any, ReadOptions]:
    """A frame or arrays by name with several label columns as one, and options that name it.

    Raises
    ------
    InputError
        If some of the columns are there and others are not.
    """
    wanted = options.label_columns
    there = [each for each in wanted if each in columns]
    if not there:
        return columns, options
    if missing := [each for each in wanted if each not in columns]:
        raise InputError(f"{where} has no column {missing[0]!r}, but {there[0]!r}")
    sets = as_sets({each: columns[each] for each in wanted}, where)
    title = JOIN.join(wanted)
    if hasattr(columns, "assign"):
        kept = columns.drop(columns=list(wanted)).assign(**{title: sets})
    else:
        kept = {name: each for name, each in columns.items() if name not in wanted}
        kept[title] = np.array(sets)
    return kept, replace(options, label_column=title, label_columns=())


def target_events(values: NDArray[np.str_]) -> Events:
    """Events that carry a column (n,) of numbers as text: the first and last sample of each run.

    The event nearest to a sample then has this sample's number.
    """
    change = np.flatnonzero(values[1:] != values[:-1])
    sample = np.unique(np.concatenate([[0], change, change + 1, [len(values) - 1]]))
    return Events(sample.astype(np.int64), values[sample])


def of_attributes(attributes: Mapping[str, str], options: ReadOptions) -> str | None:
    """The number, or the set of several columns, that options name among attributes, if any."""
    target = options.target_column
    if target is not None and target in attributes:
        said = attributes[target]
        return None if said in ("", *options.no_label) else said
    wanted = options.label_columns
    if wanted and all(each in attributes for each in wanted):
        return as_sets({each: [attributes[each]] for each in wanted}, "the attributes")[0] or None
    return None


def split_labels(
    recordings: Sequence[Recording], options: ReadOptions, findings: Findings
) -> list[Recording]:
    """Recordings whose labels, in words or over time, are the sets that a separator says."""
    sign = options.label_separator
    if sign is None:
        return list(recordings)
    moments = (str(k) for one in recordings if one.events is not None for k in one.events.label)
    held = chain(moments, *(one.labels for one in recordings))
    spelling = one_spelling((each for word in held for each in set_of(word, sign)), numbers=False)
    if found := merged(spelling):
        findings.say(f"labels are taken as one in several spellings: {listed(found, 5)}")

    def as_set(word: str | None) -> str | None:
        return word and joined(sorted({spelling[each] for each in set_of(word, sign)}))

    def each(marks: Any) -> Any:
        return marks and replace(marks, label=np.array([as_set(str(k)) for k in marks.label]))

    return [
        replace(one, label=as_set(one.label), spans=each(one.spans), events=each(one.events))
        for one in recordings
    ]


def in_memory(labels: Any) -> Any:
    """Labels of n recordings as one text each, where they are several.

    A mapping or a frame of columns of 0 and 1, or a list of lists of names; others stay as they
    are.
    """
    if isinstance(labels, Mapping) or hasattr(labels, "columns"):
        table = cast("Mapping[str, Any]", labels)
        return as_sets({str(name): table[name] for name in table}, "labels")
    if isinstance(labels, list | tuple):
        given = cast("Sequence[Any]", labels)
        if any(isinstance(each, list | tuple | set | frozenset) for each in given):
            return [None if each is None else joined(sorted(map(text_of, each))) for each in given]
    return cast(object, labels)
