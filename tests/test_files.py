from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from triptych.errors import InputError
from triptych.files import held, read_json, write_atomically, write_json

full_device = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def no_space(_descriptor: int) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_writes_text_and_bytes_whole(tmp_path: Path) -> None:
    with write_atomically(tmp_path / "a.txt") as handle:
        handle.write("θ in s\n")
    with write_atomically(tmp_path / "b.bin", "wb") as handle:
        handle.write(b"\x00\xff")
    assert (tmp_path / "a.txt").read_bytes() == "θ in s\n".encode()
    assert (tmp_path / "b.bin").read_bytes() == b"\x00\xff"
    assert names(tmp_path) == ["a.txt", "b.bin"]


def test_makes_missing_folders(tmp_path: Path) -> None:
    write_json(tmp_path / "cells" / "scl" / "0.json", {"mse": 0.1})
    assert read_json(tmp_path / "cells" / "scl" / "0.json") == {"mse": 0.1}


def test_nothing_is_seen_before_the_end(tmp_path: Path) -> None:
    target = tmp_path / "table.md"
    target.write_text("old")
    with write_atomically(target) as handle:
        handle.write("new")
        handle.flush()
        assert target.read_text() == "old"
    assert target.read_text() == "new"


def test_full_disk_at_the_end_keeps_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "results.json"
    write_json(target, {"rows": [1]})
    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(InputError, match=r"results\.json: No space"):
        write_json(target, {"rows": [1, 2]})
    assert read_json(target) == {"rows": [1]}
    assert names(tmp_path) == ["results.json"]


@full_device
@pytest.mark.parametrize("size", [10, 1_000_000], ids=["at the flush", "while writing"])
def test_really_full_device_keeps_the_old_file(tmp_path: Path, size: int) -> None:
    target = tmp_path / "model.bin"
    target.write_bytes(b"old")
    # The temporary file's name is known, so a link there sends the bytes to a device that is full.
    temporary = tmp_path / f".model.bin.{os.getpid()}.part"
    temporary.symlink_to("/dev/full")
    with (
        pytest.raises(InputError, match="No space left"),
        write_atomically(target, "wb") as handle,
    ):
        handle.write(b"x" * size)
    assert target.read_bytes() == b"old"
    assert names(tmp_path) == ["model.bin"]


def test_a_failure_in_the_body_is_passed_on_and_keeps_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "report.html"
    target.write_text("old")

    def write_half() -> None:
        with write_atomically(target) as handle:
            handle.write("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert target.read_text() == "old"
    assert names(tmp_path) == ["report.html"]


def test_what_json_cannot_hold_keeps_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "cell.json"
    write_json(target, {"seed": 0})
    with pytest.raises(TypeError):
        write_json(target, {"seed": object()})
    assert read_json(target) == {"seed": 0}
    assert names(tmp_path) == ["cell.json"]


def test_a_target_that_is_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(InputError, match=r"cannot write .*out"):
        write_json(tmp_path / "out", {})
    assert names(tmp_path) == ["out"]


def test_a_parent_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(InputError, match=r"cannot write .*results"):
        write_json(tmp_path / "out" / "results.json", {})
    assert (tmp_path / "out").read_text() == "a file"


def test_json_is_readable_by_people_and_ends_with_a_newline(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"b": 1, "a": [1, 2]})
    text = (tmp_path / "a.json").read_text()
    assert text.endswith("}\n")
    assert text.count("\n") > 3
    assert list(json.loads(text)) == ["b", "a"]


@pytest.mark.parametrize("content", [b"", b'{"rows": [', b"\xff\xfe\x00"])
def test_damaged_json_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "cell.json").write_bytes(content)
    with pytest.raises(InputError, match=r"cell\.json .*JSON"):
        read_json(tmp_path / "cell.json")


def test_missing_json_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cell\.json: No such"):
        read_json(tmp_path / "cell.json")


def test_a_lock_is_held_by_one_and_leaves_nothing(tmp_path: Path) -> None:
    lock = tmp_path / "new" / ".lock"
    with held(lock) as first, held(lock) as second:
        assert (first, second) == (True, False)
    assert not lock.exists()
    with held(lock) as again:
        assert again
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot write in"), held(tmp_path / "file" / ".lock"):
        pass
