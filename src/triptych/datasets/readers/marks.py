"""What other files mark in a recording, and which recording they are of."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from triptych.datasets.readers.stretch import Findings, ReadOptions, Stretch, annotated

SINCE_1970 = 1e8  # s; times beyond it are those of a clock
# What may follow the part of two names that is the same.
ENDING = re.compile(r"(?:[-_. ][A-Za-z]+)?")
LOOSE = re.compile(r"[A-Za-z0-9]?(?:[-_. ]?[A-Za-z]+)?")  # SC4001E|0-PSG, SC4001E|C-Hypnogram


@dataclass
class Marks:
    """What is marked in a recording.

    Attributes
    ----------
    spans
        Onset in s from its first sample (or since 1970), duration in s (0: a moment), text.
    rest
        Label of what is not marked; "" for none.
    taken
        Column that was asked for as the label.
    """

    spans: list[tuple[float, float, str]] = field(default_factory=list[tuple[float, float, str]])
    rest: str = ""
    taken: tuple[str, ...] = ()


def applied(
    stretches: list[Stretch],
    marks: Marks,
    rate: float | None,
    options: ReadOptions,
    findings: Findings,
) -> list[Stretch]:
    """Stretches of a file with what is marked in it; `rate` is that of one that states none."""
    begin = stretches[0].start if stretches and stretches[0].start > SINCE_1970 else 0.0
    found: list[Stretch] = []
    for each in stretches:
        if (own := each.rate or rate) is None:  # asked for when it is checked
            return stretches
        shift = each.start - begin
        spans = [
            (at - (each.start if at > SINCE_1970 else shift), lasts, text)
            for at, lasts, text in marks.spans
        ]
        whole = replace(each, rate=own, taken=(*each.taken, *marks.taken))
        found += annotated(whole, spans, options, findings, marks.rest)
    return [replace(e, part=str(k) if len(found) > 1 else e.part) for k, e in enumerate(found)]


def partner(file: Path, recordings: Sequence[Path], ending: re.Pattern[str]) -> Path | None:
    """The recording whose name begins as the file's does and differs in its `ending` only.

    In the same folder, else in any; None if there is none, or several.
    """
    stem = file.name.split(".")[0]
    here = [each for each in recordings if each.parent == file.parent]
    for pool in (here, recordings):
        shared: dict[Path, int] = {}
        for each in pool:
            other = each.name.split(".")[0]
            pairs = enumerate(zip(stem, other, strict=False))
            n = next((k for k, (a, b) in pairs if a != b), min(len(stem), len(other)))
            differ = [text[n : n + 1].isdigit() for text in (stem, other)]
            if not n or all(differ) or (any(differ) and stem[n - 1].isdigit()):  # another number
                continue
            if ending is ENDING and n < len(other):  # back to where the last word begins
                n = max(stem.rfind(mark, 0, n) for mark in "-_ ")
            if n > 0 and ending.fullmatch(stem[n:]) and ending.fullmatch(other[n:]):
                shared[each] = n
        best = [each for each, n in shared.items() if n == max(shared.values())]
        if len(best) == 1:
            return best[0]
    return None
