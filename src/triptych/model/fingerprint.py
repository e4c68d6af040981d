"""Which latents a model gives: one name for a saved and a loaded model, another for any others."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import Any, cast

import torch

from triptych.model.model import Model

BEHIND = ("heads", "decoder")  # parts that read latents


def fingerprint_of(model: Model) -> str:
    """``"sha256:..."`` of what latents depend on: preprocessing, schema, modules and weights.

    Heads and decoder do not count, so that an index outlives a head that is fitted later.
    """
    parts = cast(Any, model).named_modules()
    kinds = [type(part).__name__ for name, part in parts if not name.startswith(BEHIND)]
    said = [asdict(model.preprocessing), model.schema.to_dict(), kinds]
    digest = hashlib.sha256(json.dumps(said, sort_keys=True).encode())
    for name, value in sorted(model.state_dict().items()):
        if name.startswith(BEHIND):
            continue
        held: torch.Tensor = value.detach().cpu()
        held = held.float() if held.dtype == torch.bfloat16 else held
        digest.update(f"{name} {held.dtype} {tuple(held.shape)}".encode())
        digest.update(held.contiguous().numpy().tobytes())
    return f"sha256:{digest.hexdigest()}"
