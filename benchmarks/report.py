"""Where it was measured, and the table."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

import triptych
from benchmarks.timing import Row


def environment() -> dict[str, Any]:
    """What the figures depend on."""
    return {
        "triptych": triptych.__version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "threads": torch.get_num_threads(),
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
    }


def as_data(rows: Sequence[Row], missing: dict[str, str], where: dict[str, Any]) -> dict[str, Any]:
    """Plain data for JSON."""
    return {
        "environment": where,
        "rows": [{**asdict(row), "met": row.met} for row in rows],
        "not_measured": missing,
    }


def as_table(rows: Sequence[Row], missing: dict[str, str], where: dict[str, Any]) -> str:
    """Markdown."""
    lines = [
        "| benchmark | case | median (least to largest round) | bound | |",
        "| --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        middle, low, high = (_number(x) for x in asdict(row.value).values())
        figure = f"{middle} {row.unit} ({low} to {high})"
        sign = "≤" if row.sense == "at most" else "≥"
        bound = "" if row.bound is None else f"{sign} {row.bound:g} {row.unit}"
        verdict = {True: "met", False: "**missed**", None: ""}[row.met]
        lines.append(f"| {row.name} | {row.case} | {figure} | {bound} | {verdict} |")
    lines += [f"| {name} | not measured: {why} | | | |" for name, why in missing.items()]
    said = (
        f"triptych {where['triptych']}, torch {where['torch']} with {where['threads']} threads, "
        f"Python {where['python']}, {where['cpu']} ({where['cores']} cores, load {where['load']} "
        "at the start)"
    )
    return "\n".join([*lines, "", said, ""])


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
