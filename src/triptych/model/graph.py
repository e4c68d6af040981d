"""A graph that triptych exported as a `Model`, so that whatever measures one measures the other."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from triptych.errors import InputError
from triptych.latent import LatentSchema
from triptych.model.foreign import session_of
from triptych.model.model import Model
from triptych.signals.preprocessing import Preprocessing


class Graph(nn.Module):
    """Latents ``(n, size)`` of ``(n, channels, time)`` by onnxruntime, without gradients."""

    def __init__(self, path: str | Path, threads: int) -> None:
        super().__init__()
        self.session = session_of(path, threads)
        self.told: Mapping[str, str] = self.session.get_modelmeta().custom_metadata_map

    def forward(self, x: Tensor) -> Tensor:
        """Blocks side by side, in the order of the schema."""
        blocks: list[Any] = self.session.run(None, {"signals": np.ascontiguousarray(x.numpy())})
        return torch.as_tensor(np.concatenate(blocks, axis=1))


def load_graph(
    path: str | Path, info: Mapping[str, Any] | None = None, *, threads: int = 0
) -> Model:
    """Open an ONNX file that `Model.export` wrote as a model that embeds.

    Parameters
    ----------
    info
        Of the model that was exported, if the graph shall have it too.
    threads
        Of one product; 0: as many as onnxruntime chooses.

    Returns
    -------
    Model
        Without heads or decoder. Of a graph that filters by itself its windows are unfiltered, and
        so many samples longer as the filter looks back.

    Raises
    ------
    InputError
        Without the extra ``onnx``, and for other files.
    """
    graph = Graph(path, threads)
    try:
        told = {key: json.loads(value) for key, value in graph.told.items() if key in _KEPT}
        raw = told["takes"] == "raw samples"
        band: dict[str, Any] = {} if raw else {k: told[k] for k in ("low", "high", "gravity")}
        how = Preprocessing(
            float(told["rate"]), tuple(told["channels"]), told["length"] + told["lead_in"],
            phase=told["phase"], **band,
        )  # fmt: skip
        schema = LatentSchema.from_dict(told["schema"])
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path} was not exported by this version of triptych; export the model again"
        ) from error
    return Model(how, graph, schema, info=info).eval()


_KEPT = (
    "takes", "rate", "channels", "length", "lead_in", "phase", "low", "high", "gravity", "schema",
)  # fmt: skip
