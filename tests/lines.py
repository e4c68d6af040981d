"""Lines of the house, beside what the design aims at: ``python -m tests.lines``."""

from __future__ import annotations

from collections import Counter

from tests.test_house import FACE, LIBRARY, REPOSITORY, STUDIES, dotted, lines, modules, room_of

CORE = ("latent", "transforms", "networks", "objectives", "model", "index", "signals", FACE)
AIMS = {"core": 6_500, "library": 16_000, STUDIES: 4_000, "tests": 12_500}


def used() -> dict[str, int]:
    """Lines of the core, the library, the studies and the tests."""
    rooms: Counter[str] = Counter()
    for path in modules():
        rooms[room_of(dotted(path)) if dotted(path) != LIBRARY else FACE] += lines(path)
    return {
        "core": sum(rooms[room] for room in CORE),
        "library": sum(rooms.values()) - rooms[STUDIES],
        STUDIES: rooms[STUDIES],
        "tests": sum(map(lines, (REPOSITORY / "tests").rglob("*.py"))),
    }


if __name__ == "__main__":
    for part, count in used().items():
        print(f"{part:17} {count:6,} lines; the design aims at {AIMS[part]:6,}")
