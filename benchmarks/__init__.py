"""How fast triptych is, as ratios: ``python -m benchmarks [names] [--out FILE]``.

Each file measures one thing and yields a `Row` a case, with the bound that it is held to. Both
sides of a ratio are timed in turns within one run (`timing`), so that what else the machine does
falls on both. Nothing is asserted: a missed bound is a word in the table.
"""

from __future__ import annotations

from pathlib import Path

NAMES = (
    "scl_step",
    "throughput",
    "gate_step",
    "nt_xent",
    "phase_shift",
    "rotation",
    "data_share",
    "search",
    "stream",
    "embedding",
    "same_metrics",
    "memory",
    "audit_sweep",
    "import_time",
)
ECG = Path(__file__).resolve().parents[1] / "recipes" / "ecg.yaml"  # of the steps that are timed
