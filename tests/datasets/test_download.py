"""Finding, downloading and comparing files, against a server on this machine only."""

from __future__ import annotations

import hashlib
import http.server
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from triptych.datasets import download
from triptych.errors import InputError

FILES = {"1.hea": b"head\r\n1\r\n", "1.dat": bytes(range(256)) * 40, "2.dat": b"second"}
TABLE = {name: hashlib.sha256(content).hexdigest() for name, content in FILES.items()}


class Server:
    """Serves FILES, notes what was asked for, answers `broken` files wrongly."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.broken: dict[str, bytes | int] = {}
        self.hang = threading.Event()  # while cleared, no answer is given
        self.hang.set()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                name = self.path.lstrip("/")
                outer.asked.append(name)
                if not outer.hang.is_set():
                    outer.hang.wait(5)
                    return
                answer = outer.broken.get(name, FILES.get(name, 404))
                self.send_response(answer if isinstance(answer, int) else 200)
                body = b"" if isinstance(answer, int) else answer
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.http.server_port}/"
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    running = Server()
    yield running
    running.close()


# --- locate


def test_locate_takes_the_own_folder_or_a_root(tmp_path: Path) -> None:
    (tmp_path / "root" / "mitdb").mkdir(parents=True)
    (tmp_path / "anything").mkdir()
    assert download.locate("mitdb", tmp_path / "root") == tmp_path / "root" / "mitdb"
    assert download.locate("mitdb", str(tmp_path / "root" / "mitdb")).name == "mitdb"
    assert download.locate("mitdb", tmp_path / "anything") == tmp_path / "anything"


def test_locate_asks_the_variable_and_then_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("TRIPTYCH_DATA", str(tmp_path / "data"))
    cached, named = tmp_path / "cache" / "triptych" / "mitdb", tmp_path / "data" / "mitdb"
    monkeypatch.setattr(download, "_cache", lambda: tmp_path / "cache" / "triptych")
    with pytest.raises(InputError, match="`triptych data fetch") as error:
        download.locate("mitdb")
    assert str(named) in str(error.value)
    assert str(cached) in str(error.value)
    cached.mkdir(parents=True)
    assert download.locate("mitdb") == cached
    named.mkdir(parents=True)
    assert download.locate("mitdb") == named
    monkeypatch.delenv("TRIPTYCH_DATA")
    assert download.locate("mitdb") == cached


def test_locate_says_where_it_looked(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere/mitdb .*nowhere"):
        download.locate("mitdb", tmp_path / "nowhere")


def test_a_download_goes_where_locate_finds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert download.target_folder("mitdb", tmp_path) == tmp_path / "mitdb"
    assert download.target_folder("mitdb", tmp_path / "mitdb") == tmp_path / "mitdb"
    monkeypatch.setenv("TRIPTYCH_DATA", str(tmp_path))
    folder = download.target_folder("mitdb")
    folder.mkdir()
    assert download.locate("mitdb") == folder


# --- fetch_files


def test_files_are_downloaded_and_kept(server: Server, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    target = tmp_path / "new" / "folder"
    done = download.fetch_files(
        server.address, TABLE, target, progress=lambda *each: told.append(each)
    )
    assert done == tuple(FILES)
    assert {each.name: each.read_bytes() for each in target.iterdir()} == FILES
    assert told == [("1.hea", 0, 3), ("1.dat", 1, 3), ("2.dat", 2, 3)]
    assert download.fetch_files(server.address, TABLE, target) == ()
    assert len(server.asked) == 3


def test_an_interrupted_download_goes_on_file_by_file(server: Server, tmp_path: Path) -> None:
    server.broken["1.dat"] = 503
    with pytest.raises(InputError, match="status 503"):
        download.fetch_files(server.address, TABLE, tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == ["1.hea"]
    server.broken.clear()
    assert download.fetch_files(server.address, TABLE, tmp_path) == ("1.dat", "2.dat")
    assert server.asked == ["1.hea", "1.dat", "1.dat", "2.dat"]


def test_a_wrong_checksum_is_refused_and_leaves_nothing(server: Server, tmp_path: Path) -> None:
    server.broken["1.dat"] = FILES["1.dat"][:-1]
    with pytest.raises(InputError, match=r"^1\.dat .*official") as error:
        download.fetch_files(server.address, TABLE, tmp_path)
    assert "\n" not in str(error.value)
    assert [each.name for each in tmp_path.iterdir()] == ["1.hea"]


def test_a_damaged_file_is_replaced_only_by_a_sound_one(server: Server, tmp_path: Path) -> None:
    (tmp_path / "2.dat").write_bytes(b"sec")
    server.broken["2.dat"] = b"rubbish"
    with pytest.raises(InputError, match="official checksum"):
        download.fetch_files(server.address, {"2.dat": TABLE["2.dat"]}, tmp_path)
    assert (tmp_path / "2.dat").read_bytes() == b"sec"
    server.broken.clear()
    download.fetch_files(server.address, {"2.dat": TABLE["2.dat"]}, tmp_path)
    assert (tmp_path / "2.dat").read_bytes() == FILES["2.dat"]


def test_no_answer_is_one_sentence(server: Server, tmp_path: Path) -> None:
    server.close()
    with pytest.raises(InputError, match=r"no answer .*10 s .*again") as error:
        download.fetch_files(server.address, TABLE, tmp_path)
    assert "\n" not in str(error.value)
    assert server.address in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_hangs_is_given_up(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert download.TIMEOUT_S == 10.0
    monkeypatch.setattr(download, "TIMEOUT_S", 0.2)
    server.hang.clear()
    with pytest.raises(InputError, match=r"0\.2 s \(ReadTimeout\)"):
        download.fetch_files(server.address, TABLE, tmp_path)
    server.hang.set()
    assert list(tmp_path.iterdir()) == []


def test_a_full_or_closed_disk_is_not_blamed_on_the_network(tmp_path: Path) -> None:
    def full(url: str, file: str, pooch: object) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(InputError, match=r"cannot write .*No space"):
        download.fetch_files("http://127.0.0.1:9/", TABLE, tmp_path, downloader=full)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="cannot write to"):
        download.fetch_files("http://127.0.0.1:9/", TABLE, tmp_path / "file")


# --- tables, fingerprints, comparison


def test_the_committed_table_holds_every_file_of_mitdb() -> None:
    table = download.checksums("mitdb.sha256")
    assert len(table) == 144
    assert {name.split(".")[1] for name in table} == {"hea", "dat", "atr"}
    assert all(len(digest) == 64 for digest in table.values())


def test_a_fingerprint_tells_names_and_borders_apart(tmp_path: Path) -> None:
    for folder, files in {
        "a": {"x": b"12", "y": b"3"},
        "b": {"x": b"1", "y": b"23"},
        "c": {"x": b"12", "z": b"3"},
    }.items():
        (tmp_path / folder).mkdir()
        for name, content in files.items():
            (tmp_path / folder / name).write_bytes(content)
    prints = [download.fingerprint(list((tmp_path / each).iterdir())) for each in "abc"]
    assert len(set(prints)) == 3
    reverse = sorted((tmp_path / "a").iterdir(), reverse=True)
    assert download.fingerprint(reverse) == prints[0]


def test_compare_tells_missing_from_different_from_line_ends(tmp_path: Path) -> None:
    for name, content in FILES.items():
        (tmp_path / name).write_bytes(content)
    report = download.compare("toy", tmp_path, TABLE)
    assert report.ok
    assert "3 of 3" in str(report)
    (tmp_path / "1.hea").write_bytes(FILES["1.hea"].replace(b"\r\n", b"\n"))
    report = download.compare("toy", tmp_path, TABLE)
    assert report.ok
    (note,) = report.notes
    assert re.search("^1 headers .*line ends", note)
    (tmp_path / "1.dat").write_bytes(b"other")
    (tmp_path / "2.dat").unlink()
    report = download.compare("toy", tmp_path, TABLE)
    assert not report.ok
    assert (report.missing, report.different) == (("2.dat",), ("1.dat",))
    assert "1 of 3" in str(report)
    assert "missing: 2.dat" in str(report)
