"""Biases that make up for rounded weights.

Paper is bright and nearly even. A filter that looks for edges there adds up large products that cancel, and where its
weights are rounded they no longer do: every cell of the page is off by the same amount, which is most of what eight
bits cost a network on pages. So each bias takes back what rounding its filter's weights moves the mean by (Nagel, van
Baalen, Blankevoort & Welling, "Data-free quantization through weight equalization and bias correction", ICCV 2019).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import numpy_helper

from imagefaulty.training.folding import Graph

#: Means per channel of a convolution's input, by name of the convolution.
Means = Mapping[str, NDArray[np.float64]]


def input_means(model: Any, inputs: Iterable[Mapping[str, NDArray[np.generic]]]) -> dict[str, NDArray[np.float64]]:  # noqa: ANN401
    """Return the mean of each channel of what comes into each convolution.

    Args:
        model: An ONNX model in single precision.
        inputs: What it is given for real pages, by name.

    Returns:
        Float64 (channels,), by name of the convolution.
    """
    taken = {node.name: node.input[0] for node in model.graph.node if node.op_type == "Conv"}
    shown = onnx.ModelProto()
    shown.CopyFrom(model)
    own = {each.name for each in (*shown.graph.output, *shown.graph.input)}
    names = sorted({name for name in taken.values() if name not in own})
    shown.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in names)
    session = ort.InferenceSession(shown.SerializeToString(), providers=["CPUExecutionProvider"])
    sums: dict[str, NDArray[np.float64]] = {}
    count = 0
    for given in inputs:
        computed = session.run(names, dict(given)) if names else []  # all outputs, if none is named
        found = dict(given) | dict(zip(names, computed, strict=True))
        for name in set(taken.values()) & set(found):
            sums[name] = sums.get(name, 0) + np.asarray(found[name], np.float64).mean((0, 2, 3))
        count += 1
    return {conv: sums[name] / count for conv, name in taken.items() if name in sums}


def corrected(model: Any, plain: Mapping[str, NDArray[Any]], means: Means) -> None:  # noqa: ANN401 - onnx is not typed
    """Change the biases of a quantised graph so that rounded weights move the mean of no channel.

    Args:
        model: An ONNX model in QDQ form. It is changed.
        plain: Weights as they were before they were rounded, by name of the convolution.
        means: What :func:`input_means` found in single precision.
    """
    graph = Graph(model)
    initializers = {each.name: each for each in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type != "Conv" or len(node.input) < 3 or node.name not in means:  # noqa: PLR2004 - with a bias
            continue
        weights, bias = _stored(graph, node.input[1]), _stored(graph, node.input[2])
        if weights is None or bias is None:
            continue
        moved = weights.levels * np.reshape(weights.scales, (-1, 1, 1, 1)) - plain[node.name]
        # Filters that look at one channel each have their own; all others look at every channel.
        mean = means[node.name]
        seen = mean[:, None] if moved.shape[1] == 1 and len(mean) == len(moved) else mean[None]
        shift = (moved.sum((2, 3)) * seen).sum(1)
        better = (bias.levels - np.round(shift / bias.scales)).astype(np.int32)
        initializers[bias.name].CopyFrom(numpy_helper.from_array(better, bias.name))


class _Stored(NamedTuple):
    """A constant of a quantised graph. Ranges are symmetric, so that level 0 is 0."""

    name: str
    levels: NDArray[np.float64]
    scales: NDArray[np.float64]


def _stored(graph: Graph, restored: str) -> _Stored | None:
    """The constant that a value is restored from; None of any other value."""
    node = graph.maker(restored, "DequantizeLinear")
    if node is None:
        return None
    levels, scales = (graph.constant(each) for each in node.input[:2])
    if levels is None or scales is None:
        return None
    return _Stored(node.input[0], levels.astype(np.float64), scales.astype(np.float64))
