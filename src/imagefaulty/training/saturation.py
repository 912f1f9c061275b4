"""Weights in eight bits that every processor adds up right at full speed.

Processors without VNNI multiply bytes of neighbouring channels by their weights and add each two products in 16 bits,
where more than 32,767 becomes 32,767 (``vpmaddubsw`` of x86). The sum of two products fits whenever the sizes of two
neighbours of the same sign add up to 128 at most, for a byte is 255 at most. Weights are rounded to such pairs here;
that costs less precision than weights of seven bits, the usual cure: only the few pairs of large ones give way.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from imagefaulty.training.folding import Graph

#: The largest weight in eight bits, and what two neighbours of the same sign may add up to: 255 * 128 < 2 ** 15.
_LARGEST: Final = 127
_PAIR: Final = 128
#: Ranges that are tried for the weights of a filter, against its largest weight.
_RANGES: Final = np.linspace(0.8, 2.0, 61)


def narrowed(model: Any, *, keep: Collection[str] = ()) -> dict[str, list[dict[str, Any]]]:  # noqa: ANN401 - untyped
    """Round the weights of a graph's convolutions so that no two neighbours overflow.

    Of the ranges that a filter's eight bits may span, the one is taken that moves its weights least. Convolutions of
    one channel each are left alone: their products are not added in pairs.

    Args:
        model: An ONNX model in single precision. Its weights are changed.
        keep: Names of convolutions that will not be quantised.

    Returns:
        The ranges by name of the weights, as ``TensorQuantOverrides`` of ``onnxruntime.quantization`` takes them.
    """
    weights = {each.name: each for each in model.graph.initializer}
    ranges = {}
    for node in model.graph.node:
        if node.op_type != "Conv" or node.name in keep or node.input[1] not in weights:
            continue
        values = numpy_helper.to_array(weights[node.input[1]])
        if not _in_pairs(values):
            continue
        levels, spans = _rounded(values)
        rounded = (levels * _by_filter(spans / _LARGEST)).astype(values.dtype)
        weights[node.input[1]].CopyFrom(numpy_helper.from_array(rounded, node.input[1]))
        ranges[node.input[1]] = [
            {"rmin": np.float32(-span), "rmax": np.float32(span), "symmetric": True} for span in spans
        ]
        ranges[node.input[1]][0]["axis"] = 0
    return ranges


def overflowing(model: Any) -> list[str]:  # noqa: ANN401 - onnx is not typed here
    """Name the convolutions of a quantised graph whose sums of two products may not fit 16 bits.

    Args:
        model: An ONNX model, in QDQ form where it is quantised.
    """
    graph, found = Graph(model), []
    for node in model.graph.node:
        restored = graph.maker(node.input[1], "DequantizeLinear") if node.op_type == "Conv" else None
        weights = None if restored is None else graph.constant(restored.input[0])
        if weights is not None and _in_pairs(weights) and (_pair_sums(weights.astype(np.int64)) > _PAIR).any():
            found.append(node.name)
    return found


def overflows(path: Path) -> bool:
    """Whether a graph on disk needs sums in 32 bits, see :func:`overflowing`."""
    return bool(overflowing(onnx.load(path)))


def _in_pairs(weights: NDArray[Any]) -> bool:
    return bool(weights.ndim > 1 and weights.shape[1] > 1)


def _by_filter(values: NDArray[Any]) -> NDArray[Any]:
    return values[:, None, None, None]


def _pair_sums(levels: NDArray[Any]) -> NDArray[Any]:
    """The most that two neighbours of the same sign add up to, for each filter of weights (filters, channels, h, w).

    Neighbours are channels 0 and 1, 2 and 3, and so on. With an odd number kernels differ in who is whose neighbour, so
    any two weights of a filter count.
    """
    filters, channels = levels.shape[:2]
    sums = []
    for signed in (levels, -levels):
        sizes = np.maximum(signed, 0)
        if channels % 2:
            sums.append(np.sort(sizes.reshape(filters, -1), axis=1)[:, -2:].sum(axis=1))
        else:
            sums.append((sizes[:, 0::2] + sizes[:, 1::2]).reshape(filters, -1).max(axis=1))
    return np.asarray(np.maximum(*sums))


def _rounded(weights: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Levels of eight bits that do not overflow, and the range of each filter that moves its weights least."""
    filters = len(weights)
    largest = np.abs(weights).reshape(filters, -1).max(axis=1)
    largest = np.where(largest > 0, largest, 1.0)  # a filter of nothing but zeros has a range as well
    best, spans = np.zeros(weights.shape), largest.astype(np.float64)
    least = np.full(filters, np.inf)
    for share in _RANGES:
        span = largest * share
        levels = np.clip(np.round(weights / _by_filter(span) * _LARGEST), -_LARGEST, _LARGEST)
        levels = _given_way(levels)
        moved = ((levels * _by_filter(span / _LARGEST) - weights) ** 2).reshape(filters, -1).sum(axis=1)
        better = (moved < least) & (_pair_sums(levels) <= _PAIR)
        least[better], spans[better], best[better] = moved[better], span[better], levels[better]
    return best, spans


def _given_way(levels: NDArray[Any]) -> NDArray[Any]:
    """Take from both of two neighbours that overflow, half each; an odd number of channels has no fixed neighbours."""
    if levels.shape[1] % 2:
        return levels
    fitting = levels.copy()
    first, second = fitting[:, 0::2], fitting[:, 1::2]
    for sign in (1, -1):
        over = np.maximum(np.maximum(sign * first, 0) + np.maximum(sign * second, 0) - _PAIR, 0)
        first -= sign * np.ceil(over / 2)
        second -= sign * np.floor(over / 2)
    return fitting
