from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.audit import tiny

from triptych.audit.embeddings import read_views, write_latents
from triptych.audit.parts import WindowParts, embed_parts
from triptych.datasets import Windows, simulated
from triptych.errors import InputError

N = 5
LATENTS = {
    "a": torch.randn(N, 3, generator=torch.Generator().manual_seed(0)),
    "b": torch.ones(N, 2),
}
WINDOWS = Windows(
    torch.zeros(N, 1, 4), 100.0, 0, np.array(list("uvwxy")), np.array(list("ppqqr")),
    np.arange(N) / 3, np.array(["N", "", "V", "N", "a,b"]), np.zeros(N),
)  # fmt: skip


def test_npz_holds_blocks_and_origin(tmp_path: Path) -> None:
    write_latents(tmp_path / "z.npz", [(LATENTS, WINDOWS)], {"data": "own"})
    with np.load(tmp_path / "z.npz", allow_pickle=False) as held:
        assert set(held.files) == {"a", "b", "record", "subject", "start", "label", "about"}
        np.testing.assert_array_equal(held["a"], LATENTS["a"].numpy())
        assert held["label"].tolist() == WINDOWS.label.tolist()
        assert json.loads(str(held["about"])) == {"data": "own"}


def test_csv_has_one_row_a_window(tmp_path: Path) -> None:
    write_latents(tmp_path / "z.csv", [(LATENTS, WINDOWS)])
    with open(tmp_path / "z.csv", newline="", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    names = ["record", "subject", "start", "label", "a_0", "a_1", "a_2", "b_0", "b_1"]
    assert list(rows[0]) == names
    assert [row["label"] for row in rows] == WINDOWS.label.tolist()
    assert float(rows[2]["start"]) == pytest.approx(2 / 3, rel=1e-6)
    assert float(rows[3]["a_1"]) == pytest.approx(float(LATENTS["a"][3, 1]), rel=1e-6)


def test_csv_keeps_times_since_1970(tmp_path: Path) -> None:
    start = 1.7e9 + np.arange(N) / 8
    write_latents(tmp_path / "z.csv", [(LATENTS, replace(WINDOWS, start=start))])
    with open(tmp_path / "z.csv", newline="", encoding="utf-8") as handle:
        assert [float(row["start"]) for row in csv.DictReader(handle)] == start.tolist()


def test_parquet_has_the_same_columns(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    write_latents(tmp_path / "z.parquet", [(LATENTS, WINDOWS)])
    table = parquet.read_table(tmp_path / "z.parquet")
    assert table.column_names[:5] == ["record", "subject", "start", "label", "a_0"]
    assert table.column("record").to_pylist() == WINDOWS.record.tolist()


def test_parquet_without_the_extra_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install 'triptych\[tables\]'"):
        write_latents(tmp_path / "z.parquet", [(LATENTS, WINDOWS)])


def test_other_kinds_and_clashing_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"\.npz, \.csv, \.parquet"):
        write_latents(tmp_path / "z.txt", [(LATENTS, WINDOWS)])
    with pytest.raises(InputError, match="block 'label'"):
        write_latents(tmp_path / "z.npz", [({"label": LATENTS["a"]}, WINDOWS)])


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_latents(tmp_path / "z.csv", [(LATENTS, WINDOWS)])
    before = (tmp_path / "z.csv").read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    for kind in ("csv", "npz"):
        with pytest.raises(InputError, match="No space left"):
            write_latents(tmp_path / f"z.{kind}", [({"c": LATENTS["a"]}, WINDOWS)])
    assert (tmp_path / "z.csv").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["z.csv"]


def arrays(**changes: Any) -> dict[str, Any]:
    z = np.random.default_rng(0).normal(size=(6, 4))
    held = {"original": z, "transformed": np.stack([z, z + 1]), "theta": np.array([0.1, 0.2])}
    return {name: value for name, value in {**held, **changes}.items() if value is not None}


def test_views_are_read_with_who_they_belong_to(tmp_path: Path) -> None:
    who = np.repeat(["p", "q"], 3)
    np.savez(tmp_path / "v.npz", **arrays(subject=who, record=who, start=np.arange(6.0)))
    views = read_views(tmp_path / "v.npz")
    assert views.transformed.shape == (2, 6, 4)
    assert views.theta.shape == (2, 1)
    assert views.of == "subjects"
    assert list(views.groups) == who.tolist()
    np.savez(tmp_path / "one.npz", **arrays(transformed=np.ones((6, 4)), theta=np.array(0.1)))
    one = read_views(tmp_path / "one.npz")
    assert one.transformed.shape == (1, 6, 4)
    assert one.of == "rows"
    several = np.repeat(["a", "b"], 3)
    np.savez(tmp_path / "me.npz", **arrays(subject=np.full(6, "me"), record=several))
    assert read_views(tmp_path / "me.npz").of == "records"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"theta": None}, "original, transformed"),
        ({"transformed": np.ones((2, 5, 4))}, "every view belongs"),
        ({"theta": np.array([0.1])}, "1 θ need"),
        ({"subject": np.array(["p"])}, r"subject .*\(1,\)"),
        ({"original": np.full((6, 4), np.nan)}, "NaN"),
        ({"theta": np.array([0.1, np.nan])}, "theta holds NaN"),
        ({"theta": np.array(["a", "b"])}, "theta holds <U1"),
        ({"start": np.array(list("abcdef"))}, "start holds <U1"),
        ({"original": np.ones((6, 4), dtype=complex)}, "original holds complex128"),
        ({"original": np.array([{"a": 1}], dtype=object)}, "cannot be read"),
    ],
)
def test_views_that_do_not_match_are_refused(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    np.savez(tmp_path / "v.npz", **arrays(**changes))
    with pytest.raises(InputError, match=said):
        read_views(tmp_path / "v.npz")


def test_damaged_views_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "v.npz", **arrays())
    whole = (tmp_path / "v.npz").read_bytes()
    for content in (whole[: len(whole) // 2], b"", b"PK" + b"x" * 90):
        (tmp_path / "v.npz").write_bytes(content)
        with pytest.raises(InputError, match="cannot be read"):
            read_views(tmp_path / "v.npz")
    np.save(tmp_path / "v.npy", np.zeros(3))
    with pytest.raises(InputError, match="cannot be read"):
        read_views(tmp_path / "v.npy")


def test_names_that_the_locale_could_not_decode_are_written_whole(tmp_path: Path) -> None:
    odd = "Zoë".encode().decode("ascii", "surrogateescape")
    windows = replace(WINDOWS, record=np.full(len(WINDOWS), odd))
    for kind in ("csv", "npz"):
        write_latents(tmp_path / f"z.{kind}", [(LATENTS, windows)])
    assert "Zoë" in (tmp_path / "z.csv").read_text(encoding="utf-8")
    assert np.load(tmp_path / "z.npz")["record"][0] == "Zoë"


def test_a_cluster_is_a_scheduler_that_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = WindowParts(simulated.load(people=1, seconds=10, rate=100), tiny.model().preprocessing)
    with monkeypatch.context() as patch:
        patch.setattr("triptych.audit.parts.find_spec", lambda _: None)
        with pytest.raises(InputError, match="extra 'cluster'"):
            list(embed_parts(tiny.model(), parts, cluster="tcp://127.0.0.1:1"))
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(n_workers=1, processes=False, dashboard_address=None) as local:
        (found,) = embed_parts(tiny.model(), parts, cluster=local.scheduler_address)
    (here,) = embed_parts(tiny.model(), parts)
    torch.testing.assert_close(found[0].all, here[0].all)
