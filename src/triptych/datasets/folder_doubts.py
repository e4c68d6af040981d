"""What a reader of one's own recordings wonders about: not refused, but said."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np

from triptych.datasets.recordings import Recording

OTHER_UNIT = 5.0  # people differ by less; m/s² and g by 9.8, V and mV by 1,000
FEWEST = 4  # recordings that are compared


def doubts(recordings: Sequence[Recording]) -> list[str]:
    """Notes on channels, people and units that may not be meant as they are written."""
    return [*_channels(recordings), *_people(recordings), *_units(recordings)]


def inventory(recordings: Sequence[Recording]) -> str:
    """What is there: recordings, people, channels, rate, hours, labels."""
    first = recordings[0]
    hours = sum(each.signal.shape[1] for each in recordings) / first.rate / 3600
    labels = Counter(each.label for each in recordings if each.label)
    said = ", ".join(f"{label} ({count})" for label, count in labels.most_common(12))
    more = f" and {len(labels) - 12} more" if len(labels) > 12 else ""
    return (
        f"{len(recordings)} recordings of {len({each.person for each in recordings})} people, "
        f"{hours:.2g} hours at {first.rate:g} Hz of {', '.join(first.channels)}; "
        + (f"labels: {said}{more}" if labels else "no labels")
    )


def _channels(recordings: Sequence[Recording]) -> list[str]:
    first = recordings[0]
    other = [each for each in recordings if sorted(each.channels) != sorted(first.channels)]
    if not other:
        return []
    return [
        f"{len(other)} recordings name their channels differently: {first.name} has "
        f"{', '.join(first.channels)}, {other[0].name} {', '.join(other[0].channels)}"
    ]


def _people(recordings: Sequence[Recording]) -> list[str]:
    """One person in two spellings would be on both sides of a split."""
    spelled: defaultdict[str, set[str]] = defaultdict(set)
    for each in recordings:
        spelled[each.person.casefold()].add(each.person)
    return [
        f"{' and '.join(sorted(names))} are taken for different people; if they are one, spell "
        "them alike"
        for names in spelled.values()
        if len(names) > 1
    ]


def _units(recordings: Sequence[Recording]) -> list[str]:
    """Recordings that are far stronger or weaker than the others of their label."""
    alike: defaultdict[str | None, list[Recording]] = defaultdict(list)
    for each in recordings:
        alike[each.label].append(each)
    notes: list[str] = []
    for label, group in alike.items():
        if len(group) < FEWEST:
            continue
        levels = [each.level for each in group]
        usual = float(np.median(levels))
        odd = [
            (each.name, level / usual)
            for each, level in zip(group, levels, strict=True)
            if not usual / OTHER_UNIT < level < usual * OTHER_UNIT
        ]
        if odd and usual > 0:
            name, times = odd[0]
            more = f", and {len(odd) - 1} more" if len(odd) > 1 else ""
            of = "the others" if label is None else f"others of {label}"
            notes.append(
                f"{name} is {times:.2g} times as strong as {of} are in the middle{more}: if it is "
                "in another unit, convert it"
            )
    return notes
