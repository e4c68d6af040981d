"""Which model it is: the same for a saved and a loaded one, another for any other weights."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict

import torch

from triptych.model.model import Model


def fingerprint_of(model: Model) -> str:
    """``"sha256:..."`` of what latents depend on: preprocessing, schema, modules and weights."""
    kinds = [type(part).__name__ for part in model.modules()]
    said = [asdict(model.preprocessing), model.schema.to_dict(), kinds]
    digest = hashlib.sha256(json.dumps(said, sort_keys=True).encode())
    for name, value in sorted(model.state_dict().items()):
        held: torch.Tensor = value.detach().cpu()
        held = held.float() if held.dtype == torch.bfloat16 else held
        digest.update(f"{name} {held.dtype} {tuple(held.shape)}".encode())
        digest.update(held.contiguous().numpy().tobytes())
    return f"sha256:{digest.hexdigest()}"
