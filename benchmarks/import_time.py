"""What it costs to import triptych, against torch, each in a fresh interpreter."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from statistics import median

from benchmarks.timing import Effort, Row, Spread

BOUND = 1.35
STATEMENTS = {
    "torch": "import torch",
    "package": "import triptych",
    "names": "from triptych import *",
}
CODE = """
import time
start = time.perf_counter()
{}
print(time.perf_counter() - start)
"""


def run(effort: Effort) -> Iterator[Row]:
    """The package alone (names are loaded when first used), and with every public name."""
    effort = replace(effort, rounds=min(effort.rounds, 3))
    if not effort.smallest:
        for statement in STATEMENTS.values():
            _seconds(statement)  # brings the files into memory
    taken = [
        {name: _seconds(statement) for name, statement in STATEMENTS.items()}
        for _ in range(effort.rounds)
    ]
    for name in ("package", "names"):
        yield Row(
            "import_time",
            f"{STATEMENTS[name]} / {STATEMENTS['torch']}",
            Spread.of(each[name] / each["torch"] for each in taken),
            "×",
            BOUND,
            "at most",
            {STATEMENTS[each]: median(row[each] for row in taken) for each in (name, "torch")},
        )


def _seconds(statement: str) -> float:
    command = [sys.executable, "-c", CODE.format(statement)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
