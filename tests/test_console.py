"""The command line where the locale, the console, variables and names are not as one hopes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from tests.test_cli import RECIPE

from triptych.files import readable

WORDS = ("läuft", "Ruhe → 休")
SWEEP = (b"--transform", b"phase_shift", b"--steps", b"2")
LEFT = {
    "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "cp1252",
    "MPLBACKEND": "nonsense", "OMP_NUM_THREADS": "1",
    "SLURM_JOB_ID": "7", "SLURM_JOB_NAME": "job", "SLURM_NTASKS": "2", "SLURM_PROCID": "1",
    "SLURM_LOCALID": "1", "SLURM_NNODES": "1", "SLURM_NODELIST": "n[1-2]",
}  # fmt: skip
# All in one process, since starting one takes longer than most commands.
CODE = """
import json, os, sys
from triptych.audit import canvas
from triptych.cli import main

canvas.FINENESS = ((40, 16),)  # as in conftest.coarse_figures
ended = []
for line in open(sys.argv[1], "rb"):
    try:
        main([os.fsdecode(bytes(each)) for each in json.loads(line)])
    except SystemExit as end:
        ended.append(end.code)
print(json.dumps(ended))
"""


def recordings(folder: bytes) -> None:
    """Four subjects in files whose names, titles and labels are not ASCII."""
    os.makedirs(folder)
    rng = np.random.default_rng(0)
    for k in range(4):
        wave = np.sin(2 * np.pi * (1 + k % 2) * np.arange(600) / 100) + 0.1 * rng.normal(size=600)
        rows = [f"{i / 100},{x:.4f},{WORDS[k % 2]},Zoë{k}" for i, x in enumerate(wave)]
        with open(folder + f"/sub µ{k}.csv".encode(), "wb") as file:
            file.write("\n".join(["time,temp °,label,subject", *rows]).encode())


def test_commands_end_well_or_in_one_sentence(tmp_path: Path) -> None:
    base = os.fsencode(tmp_path)
    try:
        recordings(base + b"/own\xff")
    except OSError:
        pytest.skip("this file system has UTF-8 names only")
    recipe: dict[str, Any] = {**RECIPE, "classes": list(WORDS)}
    recipe["training"] = {"epochs": 1, "batch": 16}
    recipe["data"] = {**RECIPE["data"], "low": None, "validation_fraction": 0.5}
    plan = tmp_path / "recipe.yaml"
    plan.write_text(yaml.safe_dump(recipe, allow_unicode=True), encoding="utf-8")
    own, model = base + b"/own\xff", base + b"/m\xff"
    query = "sub µ0:0".encode()
    commands: list[tuple[list[bytes], int]] = [
        ([b"data", b"check", own], 0),
        ([b"data", b"check", own, b"--format", b"json"], 0),
        ([b"train", os.fsencode(plan), b"--data", own, b"--out", model], 0),
        ([b"embed", model, own, b"--out", base + b"/z\xff.csv"], 0),
        ([b"predict", model, own, b"--out", base + b"/p.csv"], 0),
        ([b"search", model, own, b"--query", query], 0),
        ([b"audit", model, own, *SWEEP, b"--out", base + b"/a\xff"], 0),
        ([b"data", b"check", base + b"/none\xff"], 2),
        ([b"train", os.fsencode(plan), b"--data", own, b"--out", model], 2),
        ([b"embed", model, own, b"--out", base + b"/z.csv", b"--channels", "µ".encode()], 2),
    ]
    told = tmp_path / "commands"
    told.write_text("".join(json.dumps([list(a) for a in each]) + "\n" for each, _ in commands))
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("LC_", "LANG", "PYTHON"))}
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(told)],
        env={**kept, **LEFT, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True, timeout=300, cwd=tmp_path,
    )  # fmt: skip
    said = done.stderr.decode("cp1252", "replace")
    assert json.loads(done.stdout.splitlines()[-1]) == [code for _, code in commands], said
    assert "Traceback" not in said
    assert said.count("triptych: error: ") == 3
    assert "2 processes" in said  # and not waited for
    written = Path(os.fsdecode(base + b"/z\xff.csv")).read_text(encoding="utf-8")
    assert "sub µ0" in written
    assert "Zoë3" in written


@pytest.mark.parametrize(
    ("raw", "shown"), [("Zoë →".encode(), "Zoë →"), (b"od\xff", "od\\xff"), (b"plain", "plain")]
)
def test_names_are_text_whatever_the_locale(raw: bytes, shown: str) -> None:
    for encoding in ("ascii", "utf-8"):
        assert readable(raw.decode(encoding, "surrogateescape")) == shown
