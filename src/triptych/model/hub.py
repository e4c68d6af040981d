"""Models by name: those that are shipped with triptych, folders, and the Hugging Face hub.

A shipped name means the shipped model in every folder, whatever lies there: a folder of the same
name is meant by writing it as a path (``./ecg-1lead``) or by giving a `Path`.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from triptych.errors import InputError
from triptych.files import read_json, write_atomically
from triptych.model.saved import CARD, DESCRIPTION, WEIGHTS

__all__ = ["SHIPPED", "locate", "means_model", "names", "summary", "write_card"]

SHIPPED = Path(__file__).with_name("weights")
PREFIX = "hf:"


def names() -> tuple[str, ...]:
    """Names of the models that are shipped with triptych."""
    return tuple(sorted(each.parent.name for each in SHIPPED.glob(f"*/{DESCRIPTION}")))


def summary(name: str) -> str:
    """Describe a shipped model in one line; raises InputError for other names."""
    if name not in names():
        raise InputError(f"there is no pretrained model {name!r}; choose one of {_known()}")
    return str(read_json(SHIPPED / name / DESCRIPTION)["info"].get("summary", ""))


def means_model(word: str) -> bool:
    """Whether a word of a command line is a model of triptych: a name, of the hub, or a folder."""
    return word in names() or word.startswith(PREFIX) or Path(word).expanduser().is_dir()


def locate(model: str | Path) -> Path:
    """Folder of a model.

    Parameters
    ----------
    model
        A shipped name; a folder; or ``hf:user/repo`` and ``hf:user/repo@revision``, whose files are
        downloaded once into Hugging Face's cache (extra `hub`; with ``HF_HUB_OFFLINE=1`` only what
        lies there is used). Nothing that is downloaded runs as code.

    Raises
    ------
    InputError
        If there is nothing of that name, the extra is missing, or the download fails.
    """
    if isinstance(model, str) and model.startswith(PREFIX):
        return _downloaded(model)
    if isinstance(model, str) and model in names():
        return SHIPPED / model
    folder = Path(model).expanduser()
    if not folder.exists():
        raise InputError(
            f"there is no model {str(model)!r}: it is neither a folder nor a pretrained model "
            f"({_known()}); from the Hugging Face hub write hf:user/repo@revision"
        )
    return folder


def write_card(folder: str | Path, text: str) -> None:
    """Write a model's card beside it; raises InputError if it cannot be written."""
    path = Path(folder).expanduser() / CARD
    try:
        with write_atomically(path) as handle:
            handle.write(text)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error


def _known() -> str:
    return ", ".join(names()) or "none is shipped"


def _downloaded(model: str) -> Path:
    repository, _, revision = model.removeprefix(PREFIX).partition("@")
    if repository.count("/") != 1 or not all(repository.split("/")):
        raise InputError(f"{model!r} names no model of the hub, expected hf:user/repo@revision")
    try:
        hub: Any = importlib.import_module("huggingface_hub")
    except ImportError as error:
        raise InputError(
            f"{model} is on the Hugging Face hub, which needs the extra hub: pip install "
            "'triptych[hub]'"
        ) from error
    try:
        found = hub.snapshot_download(
            repository, revision=revision or None, allow_patterns=[DESCRIPTION, WEIGHTS, CARD]
        )
    except Exception as error:  # no network, no such repository, offline: of many classes
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise InputError(
            f"{model} cannot be had from the Hugging Face hub ({reason:.300}); check the name, "
            "the network and HF_HUB_OFFLINE, or give the folder of a copy"
        ) from error
    return Path(found)
