"""Eight bits in place of 32: dynamic quantisation of an exported graph, by onnxruntime."""

from __future__ import annotations

import importlib
import logging
import tempfile
from pathlib import Path
from typing import Any

WEIGHT = ".weight"  # in the names of what training made; filters and Fourier bases are none


def quantised(graph: Any) -> Any:
    """An ONNX graph whose convolutions and products are of 8-bit integers.

    Weights are quantised once, per output channel, activations at each call, by their range in
    the whole batch: latents of a window depend a little on what is embedded beside it. What is
    no product with weights stays as it is: a filter in the graph (`CausalFilter`), spectra.

    Parameters
    ----------
    graph
        An ``onnx.ModelProto``; it is not changed.
    """
    onnx: Any = importlib.import_module("onnx")
    tool: Any = importlib.import_module("onnxruntime.quantization")
    whole = onnx.ModelProto()
    whole.CopyFrom(graph)
    # Shapes that the exporter noted are of weights before the tool turns them, and stop it.
    del whole.graph.value_info[:]
    kept = [node.name for node in whole.graph.node if not any(WEIGHT in x for x in node.input)]
    log = logging.getLogger()
    level = log.level
    log.setLevel(logging.ERROR)  # it advises a preprocessing that changes nothing here
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "int8.onnx"
            tool.quantize_dynamic(
                whole, path, per_channel=True, nodes_to_exclude=kept,
                # signed weights take onnxruntime's slow path on CPUs without VNNI
                weight_type=tool.QuantType.QUInt8,
            )  # fmt: skip
            made = onnx.load(path)
    finally:
        log.setLevel(level)
    del made.metadata_props[:]
    made.metadata_props.extend(graph.metadata_props)
    made.metadata_props.add(key="precision", value="int8, dynamic")
    return made
