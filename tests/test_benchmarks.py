"""Every benchmark runs at its smallest size and says what it has to; no timing is asserted."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from benchmarks import NAMES, audit_sweep, gpu, memory
from benchmarks.__main__ import main, measure
from benchmarks.report import as_table, environment
from benchmarks.timing import SMALLEST, Effort, Row, Spread, in_turns, ratio

CASES = {
    "scl_step": 2,
    "throughput": 3,
    "gate_step": 2,
    "nt_xent": 1,
    "phase_shift": 2,
    "rotation": 1,
    "data_share": 1,
    "search": 7,
    "memory": 2,
    "stream": 1,
    "embedding": 3,
    "same_metrics": 2,
    "audit_sweep": 2,
    "import_time": 2,
}


@pytest.fixture
def _one_process_a_job(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both sizes of what is measured in a process of its own are one: to start it takes seconds."""
    for module in (memory, audit_sweep):
        peak, kept = module._peak, dict[object, object]()

        def once(job: object, size: object, peak: Any = peak, kept: Any = kept) -> object:
            if job not in kept:
                kept[job] = peak(job, size)
            return kept[job]

        monkeypatch.setattr(module, "_peak", once)


@pytest.mark.usefixtures("_one_process_a_job")
@pytest.mark.parametrize("name", NAMES)
def test_every_benchmark_runs(name: str) -> None:
    if name == "nt_xent":
        pytest.importorskip("pytorch_metric_learning")
    rows, missing = measure([name], SMALLEST)
    assert not missing
    assert len(rows) == CASES[name]
    for row in rows:
        assert row.name == name
        assert 0 < row.value.low <= row.value.median <= row.value.high
        assert all(seconds > 0 for seconds in row.seconds.values())
        assert row.met in (True, False) or row.bound is None
    assert any(row.bound is not None for row in rows)


def test_the_command_writes_json_and_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new" / "speed.json"
    assert main(["phase_shift", "rotation", "--smallest", "--out", str(out)]) == 0
    content = json.loads(out.read_text(encoding="utf-8"))
    assert {row["name"] for row in content["rows"]} == {"phase_shift", "rotation"}
    assert content["environment"].keys() >= {"threads", "torch", "cpu"}
    table = out.with_suffix(".md").read_text(encoding="utf-8")
    assert table.strip() == capsys.readouterr().out.strip()
    assert table.count("| phase_shift |") == 2


def test_an_unknown_name_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["rotatoin"])
    assert "there are scl_step" in capsys.readouterr().err


def test_a_missing_library_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pytorch_metric_learning.losses", None)
    rows, missing = measure(["nt_xent", "rotation"], SMALLEST)
    assert [row.name for row in rows] == ["rotation"]
    assert "pytorch_metric_learning" in missing["nt_xent"]
    table = as_table(rows, missing, environment())
    assert "| nt_xent | not measured: pytorch_metric_learning" in table


def test_both_sides_are_called_in_turns() -> None:
    called: list[str] = []
    sides = {"a": lambda: called.append("a"), "b": lambda: called.append("b")}
    found = in_turns(sides, Effort(rounds=2, seconds=0.0, least=3))
    assert [len(seconds) for seconds in found.values()] == [2, 2]
    assert called == list("ab" + "abbaab" + "baabba")


@pytest.mark.parametrize("faster", [False, True])
def test_a_ratio_is_ours_over_theirs_or_how_many_times_faster(
    faster: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = {"ours": 1.0, "theirs": 4.0}
    clock = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])

    def advance(side: str) -> None:
        clock[0] += ticks[side]

    sides = {side: lambda side=side: advance(side) for side in ticks}
    bound = {"at_least": 5.0} if faster else {"at_most": 0.5}
    row = ratio("name", "case", sides, Effort(rounds=3), **bound)
    expected = 4.0 if faster else 0.25
    assert row.value == Spread(expected, expected, expected)
    assert row.met is not faster
    assert row.seconds == ticks


def test_a_missed_bound_is_a_word_in_the_table() -> None:
    row = Row("search", "p50", Spread(12.0, 9.0, 1234.5), "ms", 10.0, "at most", {"query": 0.012})
    assert "| 12 ms (9 to 1234) | ≤ 10 ms | **missed** |" in as_table([row], {}, environment())
    unbound = replace(row, bound=None)
    assert unbound.met is None
    assert "missed" not in as_table([unbound], {}, environment())


def test_the_accelerator_script_runs_without_one(tmp_path: Path) -> None:
    out = tmp_path / "gpu.json"
    assert gpu.main(["--device", "cpu", "--smallest", "--out", str(out)]) == 0
    figures = json.loads(out.read_text("utf-8"))["figures"]
    assert figures["difference of latents"] == {"value": 0.0, "met": True}
    assert figures["scl step, bfloat16"]["windows_per_second"] > 0
    assert figures["largest batch"]["windows"] == 16
    if not torch.cuda.is_available():
        with pytest.raises(SystemExit) as stopped:
            gpu.main(["--out", str(out)])
        assert stopped.value.code == 2
