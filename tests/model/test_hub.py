"""Models by name: a shipped name is that model everywhere, a path is a folder, hf: is the hub."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from triptych.errors import InputError
from triptych.latent import Block, BlockHeads, LatentSchema
from triptych.model import Model, Preprocessing, hub
from triptych.networks import ConvEncoder

SCHEMA = LatentSchema(Block("shape", 6), Block("rest", 3))


def make(summary: str = "") -> Model:
    trunk = ConvEncoder(1, 64, widths=(8,), kernels=(5,), strides=(2,), where=2)
    form = Preprocessing(50.0, ("ECG",), 64)
    return Model(form, BlockHeads(trunk, SCHEMA), SCHEMA, info={"summary": summary}).eval()


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A house that ships one model, and a working directory with a folder of the same name."""
    monkeypatch.setattr(hub, "SHIPPED", tmp_path / "shipped")
    make("the shipped one").save(tmp_path / "shipped" / "tiny")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    make("the user's own").save("tiny")
    return tmp_path / "shipped"


def summary(model: str | Path) -> str:
    return Model.from_pretrained(model).info["summary"]


def test_a_name_is_the_shipped_model_whatever_lies_here(shipped: Path) -> None:
    assert hub.names() == ("tiny",)
    assert hub.summary("tiny") == summary("tiny") == "the shipped one"


@pytest.mark.parametrize("written", ["./tiny", Path("tiny"), "../here/tiny"])
def test_a_folder_of_that_name_is_written_as_a_path(shipped: Path, written: str | Path) -> None:
    assert summary(written) == "the user's own"


def test_any_other_folder_needs_no_dot(shipped: Path) -> None:
    make("another").save("other")
    assert summary("other") == "another"


def test_an_unknown_name_is_told_those_that_there_are(shipped: Path) -> None:
    for word in ("huge", "./nowhere", "a/b/c"):
        with pytest.raises(InputError, match="tiny"):
            Model.from_pretrained(word)
    with pytest.raises(InputError, match="tiny"):
        hub.summary("huge")


def test_without_the_extra_the_hub_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(InputError, match=r"triptych\[hub\]"):
        Model.from_pretrained("hf:user/repo")


def test_the_hub_gives_the_files_of_a_revision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make("from afar").save(tmp_path / "cache")
    asked: list[tuple[object, ...]] = []

    def download(repository: str, revision: str | None, allow_patterns: list[str]) -> str:
        asked.append((repository, revision, tuple(sorted(allow_patterns))))
        return str(tmp_path / "cache")

    fake = SimpleNamespace(snapshot_download=download)
    monkeypatch.setitem(sys.modules, "huggingface_hub", fake)
    assert summary("hf:user/repo@v1") == summary("hf:user/repo") == "from afar"
    files = ("README.md", "model.json", "weights.safetensors")  # nothing that could run
    assert asked == [("user/repo", "v1", files), ("user/repo", None, files)]


@pytest.mark.parametrize("word", ["hf:", "hf:repo", "hf:a/b/c", "hf:/b", "hf:@v1"])
def test_a_word_that_names_no_repository_is_refused(
    word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", SimpleNamespace())
    with pytest.raises(InputError, match="user/repo"):
        Model.from_pretrained(word)


def test_a_download_that_fails_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*_: object, **__: object) -> str:
        raise RuntimeError("HF_HUB_OFFLINE=1 is set\nand more")

    fake = SimpleNamespace(snapshot_download=offline)
    monkeypatch.setitem(sys.modules, "huggingface_hub", fake)
    with pytest.raises(InputError, match="HF_HUB_OFFLINE=1 is set"):
        Model.from_pretrained("hf:user/repo@main")


def test_a_card_stands_beside_the_model(tmp_path: Path) -> None:
    model = make()
    model.save(tmp_path / "m", card="# mine\n")
    model.save(tmp_path / "m")  # again, without: the card stays
    assert (tmp_path / "m" / "README.md").read_text() == "# mine\n"
    x = torch.randn(2, 1, 64)
    assert torch.equal(Model.load(tmp_path / "m").embed(x).all, model.embed(x).all)
