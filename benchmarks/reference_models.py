"""Graphs that cost what the reference system's cost: three DenseNet-121 and one ResNet-18, with random weights.

Speed and memory do not depend on the weights. Built with onnx alone; next to the same networks exported by torch 2.13,
in one interleaved run on one core: 27.6 and 27.5 ms for a DenseNet-121, 16.5 and 16.6 ms for the ResNet-18.

Sources: Huang et al., "Densely Connected Convolutional Networks" (2017), table 1; He et al., "Deep Residual Learning
for Image Recognition" (2016), table 1.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

if TYPE_CHECKING:
    from collections.abc import Mapping

_OPSET: Final = 17
_GROWTH: Final = 32
_DENSE_BLOCKS: Final = (6, 12, 24, 16)
_RESIDUAL_STAGES: Final = (64, 128, 256, 512)


def reference_models() -> Mapping[str, bytes]:
    """The four graphs by name, serialised; input (batch, 3, 224, 224) float32, output (batch, classes)."""
    return {
        "post_it": densenet121(2),
        "corner": densenet121(2),
        "empty": resnet18(2),
        "writing_type": densenet121(3),
    }


def densenet121(classes: int) -> bytes:
    """DenseNet-121: 8 M parameters, 2.9 G multiply-adds."""
    graph = _Graph()
    name = graph.stem()
    channels = 64
    for index, depth in enumerate(_DENSE_BLOCKS):
        for _ in range(depth):
            inner = graph.convolution(graph.normalised_relu(name, channels), channels, 4 * _GROWTH, 1)
            new = graph.convolution(graph.normalised_relu(inner, 4 * _GROWTH), 4 * _GROWTH, _GROWTH, 3)
            name = graph.node("Concat", name, new, axis=1)
            channels += _GROWTH
        name = graph.normalised_relu(name, channels)
        if index < len(_DENSE_BLOCKS) - 1:
            name = graph.convolution(name, channels, channels // 2, 1)
            name = graph.node("AveragePool", name, kernel_shape=[2, 2], strides=[2, 2])
            channels //= 2
    return graph.finished(name, channels, classes)


def resnet18(classes: int) -> bytes:
    """ResNet-18: 11 M parameters, 1.8 G multiply-adds."""
    graph = _Graph()
    name = graph.stem()
    channels = 64
    for stage, width in enumerate(_RESIDUAL_STAGES):
        for block in range(2):
            stride = 2 if stage > 0 and block == 0 else 1
            inner = graph.normalised_relu(graph.convolution(name, channels, width, 3, stride), width)
            inner = graph.normalised(graph.convolution(inner, width, width, 3), width)
            if channels != width:
                name = graph.normalised(graph.convolution(name, channels, width, 1, stride), width)
            name = graph.node("Relu", graph.node("Add", inner, name))
            channels = width
    return graph.finished(name, channels, classes)


class _Graph:
    """Grows an ONNX graph node by node; weights are drawn so that activations keep their size (He et al., 2015)."""

    def __init__(self) -> None:
        self._random = np.random.default_rng(0)
        self._nodes: list[Any] = []
        self._weights: list[Any] = []

    def node(self, kind: str, *inputs: str, **attributes: int | list[int]) -> str:
        """Add a node; returns the name of its output."""
        name = f"{kind.lower()}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def convolution(self, name: str, channels: int, filters: int, size: int, stride: int = 1) -> str:
        """A convolution that keeps the size (up to its stride), without bias."""
        shape = (filters, channels, size, size)
        weights = self._random.standard_normal(shape, np.float32) * np.float32(math.sqrt(2 / (channels * size * size)))
        return self.node(
            "Conv", name, self._weight(weights), kernel_shape=[size] * 2, strides=[stride] * 2, pads=[size // 2] * 4
        )

    def normalised(self, name: str, channels: int) -> str:
        """Batch normalisation."""
        one, zero = np.ones(channels, np.float32), np.zeros(channels, np.float32)
        return self.node("BatchNormalization", name, *(self._weight(array) for array in (one, zero, zero, one)))

    def normalised_relu(self, name: str, channels: int) -> str:
        """Batch normalisation and ReLU."""
        return self.node("Relu", self.normalised(name, channels))

    def stem(self) -> str:
        """What both networks begin with: 224x224 down to 56x56, 64 channels."""
        name = self.normalised_relu(self.convolution("input", 3, 64, 7, 2), 64)
        return self.node("MaxPool", name, kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)

    def finished(self, name: str, channels: int, classes: int) -> bytes:
        """Average, classify, and serialise."""
        name = self.node("Flatten", self.node("GlobalAveragePool", name))
        weights = self._random.standard_normal((classes, channels), np.float32) / np.float32(math.sqrt(channels))
        bias = self._weight(np.zeros(classes, np.float32))
        self._nodes.append(helper.make_node("Gemm", [name, self._weight(weights), bias], ["output"], transB=1))
        graph = helper.make_graph(
            self._nodes,
            "reference",
            [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", 3, 224, 224])],
            [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["batch", classes])],
            self._weights,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=8)
        onnx.checker.check_model(model)
        return bytes(model.SerializeToString())

    def _weight(self, array: np.ndarray[Any, np.dtype[np.float32]]) -> str:
        name = f"weight_{len(self._weights)}"
        self._weights.append(numpy_helper.from_array(array, name))
        return name
