"""``python -m benchmarks [names] [--out FILE]``: measure, print the table, write it as JSON."""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

import torch

from benchmarks import NAMES
from benchmarks.report import as_data, as_table, environment
from benchmarks.timing import SMALLEST, Effort, Row
from triptych.errors import InputError
from triptych.files import write_atomically, write_json


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmarks named, or all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"some of {', '.join(NAMES)}; none: all")
    parser.add_argument(
        "--out", type=Path, default=Path("out/benchmarks.json"), help="JSON; the table is beside it"
    )
    parser.add_argument("--rounds", type=int, default=Effort.rounds)
    parser.add_argument("--threads", type=int, help="of torch; none: as many as it chooses itself")
    parser.add_argument("--smallest", action="store_true", help="only try that everything runs")
    chosen = parser.parse_args(arguments)
    unknown = [name for name in chosen.names if name not in NAMES]
    if unknown:
        parser.error(f"no benchmark {', '.join(unknown)}; there are {', '.join(NAMES)}")
    effort = SMALLEST if chosen.smallest else Effort(rounds=max(1, chosen.rounds))
    if chosen.threads:
        torch.set_num_threads(chosen.threads)
    where = environment()
    rows, missing = measure(chosen.names or list(NAMES), effort)
    table = as_table(rows, missing, where)
    print(table)
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    write_json(chosen.out, as_data(rows, missing, where))
    with write_atomically(chosen.out.with_suffix(".md")) as handle:
        handle.write(table)
    return 0


def measure(names: list[str], effort: Effort) -> tuple[list[Row], dict[str, str]]:
    """Rows of these benchmarks, and in a sentence why others could not be measured."""
    rows: list[Row] = []
    missing: dict[str, str] = {}
    for name in names:
        print(f"{name} ...", file=sys.stderr, flush=True)
        try:
            rows += importlib.import_module(f"benchmarks.{name}").run(effort)
        except ModuleNotFoundError as error:
            missing[name] = f"{error.name} is not installed (extra 'bench')"
        except InputError as error:
            missing[name] = str(error)
    return rows, missing


if __name__ == "__main__":
    sys.exit(main())
