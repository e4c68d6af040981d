"""Models as files: plain JSON beside safetensors; nothing that is read runs as code."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from torch import nn

from triptych.errors import InputError
from triptych.files import read_json, write_json
from triptych.latent import BlockHeads, LatentSchema, TwoEncoders
from triptych.networks.guaranteed import GuaranteedEncoder
from triptych.networks.registry import make, name_of
from triptych.networks.second_order import InvariantsBeside
from triptych.networks.weights import Weights, save_weights

FORMAT, VERSION = "triptych-model", 1
DESCRIPTION, WEIGHTS = "model.json", "weights.safetensors"
KEYS = {"format", "version", "schema", "preprocessing", "encoder", "decoder", "heads", "info"}


def describe(module: nn.Module) -> dict[str, Any]:
    """Tell as plain data how `build` makes a module again, or which foreign class it is."""
    if type(module) is nn.Sequential:
        return {"sequential": [describe(part) for part in module]}
    if type(module) is BlockHeads:
        heads = list(module.heads.values())
        firsts = [
            cast(nn.Linear, head[0] if isinstance(head, nn.Sequential) else head) for head in heads
        ]
        return {
            "block_heads": describe(module.trunk),
            "hidden": firsts[0].out_features if isinstance(heads[0], nn.Sequential) else 0,
            # Heads that read only what the trunk guarantees are narrower than the others.
            "features": max(first.in_features for first in firsts),
        }
    if type(module) is TwoEncoders:
        return {"common": describe(module.common), "salient": describe(module.salient)}
    name = name_of(module)
    if name is not None:
        return {"network": name, "settings": dict(cast(dict[str, Any], module.settings))}
    return {"foreign": f"{type(module).__module__}.{type(module).__qualname__}"}


def build(content: object, schema: LatentSchema, role: str) -> nn.Module:
    """Make the module that `describe` described; `role` names it in messages.

    Raises
    ------
    InputError
        If its class is not triptych's, or the data describe no module.
    """
    entry = dict(cast(Mapping[str, Any], content)) if isinstance(content, Mapping) else {}
    match sorted(entry):
        case ["network", "settings"] if isinstance(entry["settings"], dict):
            return make(entry["network"], cast(dict[str, Any], entry["settings"]))
        case ["sequential"] if isinstance(entry["sequential"], list):
            parts = cast(list[Any], entry["sequential"])
            return nn.Sequential(*(build(part, schema, role) for part in parts))
        case ["common", "salient"]:
            return TwoEncoders(*(build(entry[part], schema, role) for part in sorted(entry)))
        case ["block_heads", "features", "hidden"] if isinstance(
            entry["features"], int
        ) and isinstance(entry["hidden"], int):
            trunk = build(entry["block_heads"], schema, role)
            return BlockHeads(trunk, schema, hidden=entry["hidden"], features=entry["features"])
        case ["foreign"]:
            raise InputError(
                f"the {role} of this model has a class that is not triptych's, "
                f"{entry['foreign']!s:.200}; make the {role} yourself and pass it: "
                f"Model.load(folder, {role}=module)"
            )
        case _:
            shown = str(cast(object, content))[:200]
            raise InputError(f"{shown!r} in {DESCRIPTION} does not describe a network")


def write(folder: str | Path, content: dict[str, Any], module: nn.Module) -> None:
    """Write a model's description and its weights into `folder`, both or none.

    Raises
    ------
    InputError
        As `Model.save` says.
    """
    target = Path(folder).expanduser().resolve()
    if target.exists() and not _replaceable(target):
        raise InputError(
            f"{target} exists and is not a triptych model, so it is not overwritten; choose a "
            "folder that is new or empty"
        )
    # Both files are whole before either is moved to where a reader looks for it.
    staged = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        content = {"format": FORMAT, "version": VERSION, **content}
        content["weights_sha256"] = save_weights(module, staged / WEIGHTS)
        write_json(staged / DESCRIPTION, content)
        if (target / DESCRIPTION).exists():
            for name in (WEIGHTS, DESCRIPTION):
                os.replace(staged / name, target / name)
        else:
            os.replace(staged, target)
    except OSError as error:
        raise InputError(f"cannot write {target}: {error.strerror or error}") from error
    except (TypeError, ValueError, RecursionError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"the model's info or settings are not plain data: {error}") from error
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def read(folder: str | Path) -> tuple[dict[str, Any], Weights]:
    """Read a model's description and weights file, checked against each other.

    Raises
    ------
    InputError
        If a file is missing, damaged, cut off, of a newer version, or not what `write` wrote.
    """
    path = Path(folder).expanduser()
    if not (path / DESCRIPTION).is_file():
        if (path / "checkpoint.ckpt").is_file():
            raise InputError(
                f"the training in {path} has not ended, so there is no model yet; give its command "
                "again with --resume"
            )
        raise InputError(f"{path} is not a triptych model: it has no {DESCRIPTION}")
    content = _description(path)
    if content.get("version") != VERSION:
        raise InputError(
            f"{path} has format version {content.get('version')!r}, this triptych reads {VERSION}; "
            "use the version that wrote it"
        )
    different = sorted(content.keys() ^ (KEYS | {"weights_sha256"}))
    mappings = all(isinstance(content.get(key), dict) for key in ("schema", "heads", "info"))
    if different or not mappings or not isinstance(content["weights_sha256"], str):
        raise InputError(
            f"{path / DESCRIPTION} does not have a model's entries "
            f"({', '.join(different) or 'some of another type'}); it was changed by hand or damaged"
        )
    return content, Weights(path / WEIGHTS, content["weights_sha256"])


def _description(path: Path) -> dict[str, Any]:
    try:
        content = read_json(path / DESCRIPTION)
    except RecursionError as error:
        raise InputError(f"{path / DESCRIPTION} is nested too deeply to be a model") from error
    if not isinstance(content, dict) or cast(dict[str, Any], content).get("format") != FORMAT:
        raise InputError(f"{path / DESCRIPTION} is not the description of a triptych model")
    return cast(dict[str, Any], content)


def require_guarantee(encoder: nn.Module, channels: int) -> None:
    """Refuse an encoder that takes raw channels for exact ones, as an early default did."""
    for front_end in encoder.modules():
        for trunk in encoder.modules():
            if isinstance(front_end, InvariantsBeside) and isinstance(trunk, GuaranteedEncoder):
                raw = front_end.raw_channels(channels)
                if trunk.settings["raw"] != raw:
                    raise InputError(
                        f"{DESCRIPTION} takes all but {trunk.settings['raw']} channels for "
                        f"invariant ones, but {raw} are not, so its guarantee is void; train the "
                        "model again"
                    )


def _replaceable(target: Path) -> bool:
    """Whether a folder is empty or holds a model."""
    if not target.is_dir():
        return False
    try:
        return next(target.iterdir(), None) is None or bool(_description(target))
    except InputError:
        return False
