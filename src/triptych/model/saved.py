"""Models as files: plain JSON beside safetensors; nothing that is read runs as code."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from triptych.errors import InputError
from triptych.files import read_json, write_atomically, write_json
from triptych.latent import BlockHeads, LatentSchema, Mapped, TwoEncoders
from triptych.networks import FRONT_ENDS, FrontEnd
from triptych.networks.guaranteed import GuaranteedEncoder
from triptych.networks.registry import ALL, name_of

FORMAT, VERSION = "triptych-model", 2
WITHOUT_FRONT_END = 1  # the version whose encoder begins with the front-end
DESCRIPTION, WEIGHTS, CARD = "model.json", "weights.safetensors", "README.md"
PARTS = ("schema", "preprocessing", "front_end", "encoder", "decoder", "heads", "info")


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
    if type(module) is Mapped:
        return module.described(describe)
    if (name := name_of(module)) is not None:
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
            return ALL.make(entry["network"], cast(dict[str, Any], entry["settings"]))
        case ["sequential"] if isinstance(entry["sequential"], list):
            parts = cast(list[Any], entry["sequential"])
            return nn.Sequential(*(build(part, schema, role) for part in parts))
        case ["common", "salient"]:
            return TwoEncoders(*(build(entry[part], schema, role) for part in sorted(entry)))
        case ["mapping", "of", "of_schema"]:
            return Mapped.rebuilt(entry, schema, lambda part, own: build(part, own, role))
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


def read(folder: str | Path, whole: bool = False) -> tuple[dict[str, Any], WeightsFile]:
    """Read a model's description and weights file, checked against each other.

    `whole`: leave the encoder of an earlier version as it is, with its front-end.

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
    if content.get("version") not in (WITHOUT_FRONT_END, VERSION):
        raise InputError(
            f"{path} has format version {content.get('version')!r}, this triptych reads up to "
            f"{VERSION}; use the version that wrote it"
        )
    if content["version"] == WITHOUT_FRONT_END:
        content.setdefault("front_end", {"sequential": []})
    different = sorted(content.keys() ^ {"format", "version", *PARTS, "weights_sha256"})
    mappings = all(isinstance(content.get(key), dict) for key in ("schema", "heads", "info"))
    if different or not mappings or not isinstance(content["weights_sha256"], str):
        raise InputError(
            f"{path / DESCRIPTION} does not have a model's entries "
            f"({', '.join(different) or 'some of another type'}); it was changed by hand or damaged"
        )
    weights = WeightsFile(path / WEIGHTS, content["weights_sha256"])
    if content["version"] == WITHOUT_FRONT_END and not whole:
        _divide(content, weights)
    return content, weights


def _divide(content: dict[str, Any], weights: WeightsFile) -> None:
    """Take the front-end out of an encoder of version 1, as `Model` has them today."""
    match content["encoder"]:
        case {"sequential": [*front, last]} if front and all(
            isinstance(each, dict) and cast(Any, each).get("network") in FRONT_ENDS
            for each in front
        ):
            content |= {"front_end": {"sequential": front}, "encoder": last}
            prefix = f"encoder.{len(front)}."  # front-ends have no weights
            weights.state = {
                name.replace(prefix, "encoder.", 1): value for name, value in weights.state.items()
            }
        case _:
            pass


def _description(path: Path) -> dict[str, Any]:
    try:
        content = read_json(path / DESCRIPTION)
    except RecursionError as error:
        raise InputError(f"{path / DESCRIPTION} is nested too deeply to be a model") from error
    if not isinstance(content, dict) or cast(dict[str, Any], content).get("format") != FORMAT:
        raise InputError(f"{path / DESCRIPTION} is not the description of a triptych model")
    return cast(dict[str, Any], content)


def require_guarantee(front_end: nn.Module, encoder: nn.Module, channels: int) -> None:
    """Refuse an encoder that takes raw channels for exact ones, as an early default did."""
    parts = [*front_end.modules(), *encoder.modules()]
    found = [each.raw_channels(channels) for each in parts if isinstance(each, FrontEnd)]
    for raw in found:
        for trunk in parts:
            if raw and isinstance(trunk, GuaranteedEncoder) and trunk.settings["raw"] != raw:
                raise InputError(
                    f"{DESCRIPTION} takes all but {trunk.settings['raw']} channels for invariant "
                    f"ones, but {raw} are not, so its guarantee is void; train the model again"
                )


def _replaceable(target: Path) -> bool:
    """Whether a folder is empty or holds a model."""
    if not target.is_dir():
        return False
    try:
        return next(target.iterdir(), None) is None or bool(_description(target))
    except InputError:
        return False


def save_weights(module: nn.Module, path: str | Path) -> str:
    """Write a module's parameters and buffers to `path`; return the file's sha256.

    Raises
    ------
    InputError
        If a lazy layer was never run, a weight is not finite, or the file cannot be written.
    """
    state: dict[str, Tensor] = {}
    for name, value in module.state_dict().items():
        if isinstance(value, nn.UninitializedParameter):
            raise InputError(f"weight {name} has no shape yet; run one batch through the encoder")
        # Cloned, since the format refuses tensors that share memory (tied weights).
        state[name] = cast(Tensor, value).detach().cpu().contiguous().clone()
    _require_finite(state, str(path))
    content = save(state)
    with write_atomically(path, "wb") as handle:
        handle.write(content)
    return hashlib.sha256(content).hexdigest()


class WeightsFile:
    """A weights file: its names and shapes first, its numbers when asked for.

    Raises
    ------
    InputError
        If the file is missing, damaged, cut off, or not the one that `sha256` names.
    """

    def __init__(self, path: str | Path, sha256: str | None = None) -> None:
        self.path = Path(path)
        try:
            content = self.path.read_bytes()
        except OSError as error:
            raise InputError(f"cannot read {path}: {error.strerror or error}") from error
        try:
            # Lengths and offsets are checked against the file here, before anything is made.
            self.state = load(content)
        except Exception as error:  # the reader's own exceptions have many types
            raise InputError(
                f"{path} is not a whole safetensors file ({error}); it is damaged, cut off or was "
                "not written by triptych"
            ) from error
        if sha256 is not None and hashlib.sha256(content).hexdigest() != sha256:
            raise InputError(
                f"{path} is not the file that was saved with this model (its sha256 differs); "
                "copy the whole folder again"
            )

    def require_fit(self, module: nn.Module) -> None:
        """Raise InputError unless the file has just the weights of `module`, in its shapes.

        `module` may stand on torch's meta device, so that nothing is allocated for a file's sake.
        """
        expected: dict[str, Any] = module.state_dict()
        missing = [name for name in expected if name not in self.state]
        surplus = [name for name in self.state if name not in expected]
        for names, fault in ((missing, "lacks"), (surplus, "has, beyond the network's,")):
            if names:
                raise InputError(
                    f"{self.path} {fault} {len(names)} weights, the first is {names[0]!r}; it "
                    "belongs to another network"
                )
        for name, value in expected.items():
            found = self.state[name]
            lazy = isinstance(value, nn.UninitializedParameter)
            if not lazy and (
                found.shape != value.shape or found.is_floating_point() != value.is_floating_point()
            ):
                raise InputError(
                    f"weight {name!r} of {self.path} is {found.dtype} of shape "
                    f"{tuple(found.shape)}, but the network needs {value.dtype} of shape "
                    f"{tuple(value.shape)}; it belongs to another network"
                )

    def load_into(self, module: nn.Module) -> None:
        """Put the numbers into `module`, whole or not at all (raises InputError otherwise)."""
        self.require_fit(module)
        _require_finite(self.state, str(self.path))
        module.load_state_dict(self.state, strict=True)


def _require_finite(state: dict[str, Tensor], source: str) -> None:
    for name, value in state.items():
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise InputError(
                f"weight {name!r} for {source} holds NaN or infinity; the training that made it "
                "diverged, or the file is damaged"
            )
