"""Removes from an exported graph what costs time and changes nothing.

Two leftovers of the export to eight bits cost more than a third of its running time. Padding stands before the
convolution as a node of its own, so every map is turned into floats, padded, and turned back into bytes. And pixels
are turned into floats, normalised, and quantised to the very bytes they were. Both are undone here; the outputs of
the graph stay the same, bit for bit (``tests/training/test_folding.py``).
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

#: Where a 4-dimensional Pad keeps rows and columns before and after: n, c, h, w before, then after.
_BATCH_AND_CHANNELS: Final = (0, 1, 4, 5)
_ROWS_AND_COLUMNS: Final = (2, 3, 6, 7)


def folded(model: Any) -> Any:  # noqa: ANN401 - onnx is not typed here
    """Fold padding into convolutions and an idle normalisation into the first scale.

    Args:
        model: An ONNX model, in single precision or quantised in QDQ form. It is changed.

    Returns:
        The same model.
    """
    graph = Graph(model)
    for node in model.graph.node:
        if node.op_type == "Conv":
            _fold_padding(graph, node)
    for node in model.graph.node:
        if node.op_type == "QuantizeLinear":
            _skip_normalisation(graph, node)
    graph.drop_unused()
    onnx.checker.check_model(model)
    return model


class Graph:
    """Who makes what in a graph."""

    def __init__(self, model: Any) -> None:  # noqa: ANN401 - see above
        self._graph = model.graph
        self._makers = {name: node for node in self._graph.node for name in node.output}
        self._weights = {each.name: each for each in self._graph.initializer}

    def maker(self, name: str, *kinds: str) -> Any | None:  # noqa: ANN401 - see above
        """The node that makes a value, if it is of one of these kinds."""
        node = self._makers.get(name)
        return node if node is not None and node.op_type in kinds else None

    def constant(self, name: str) -> NDArray[Any] | None:
        """A constant value; None where it is computed."""
        if name in self._weights:
            return np.asarray(numpy_helper.to_array(self._weights[name]))
        node = self.maker(name, "Constant")
        return None if node is None else np.asarray(numpy_helper.to_array(node.attribute[0].t))

    def same(self, first: Any, second: Any) -> bool:  # noqa: ANN401 - see above
        """Whether two (de)quantising nodes use one scale and zero point."""
        pairs = [(self.constant(a), self.constant(b)) for a, b in zip(first.input[1:], second.input[1:], strict=True)]
        return all(a is not None and b is not None and np.array_equal(a, b) for a, b in pairs)

    def replace(self, old: str, new: str) -> None:
        """Let every reader of a value read another one."""
        for node in self._graph.node:
            for index, name in enumerate(node.input):
                if name == old:
                    node.input[index] = new

    def drop_unused(self) -> None:
        """Remove nodes and weights that no output depends on."""
        needed = {output.name for output in self._graph.output}
        kept = []
        for node in reversed(self._graph.node):
            if any(name in needed for name in node.output):
                needed.update(node.input)
                kept.append(node)
        weights = [each for each in self._graph.initializer if each.name in needed]
        for field, values in ((self._graph.node, kept[::-1]), (self._graph.initializer, weights)):
            del field[:]
            field.extend(values)


def _fold_padding(graph: Graph, convolution: Any) -> None:  # noqa: ANN401 - see above
    """Let a convolution pad by itself. Zero is zero in eight bits too: zero points are whole numbers."""
    source = convolution.input[0]
    restored = graph.maker(source, "DequantizeLinear")
    quantised = None if restored is None else graph.maker(restored.input[0], "QuantizeLinear")
    padding = graph.maker(source if quantised is None else quantised.input[0], "Pad")
    pads = None if padding is None else _edges(graph, padding)
    own = next((each for each in convolution.attribute if each.name == "pads"), None)
    if padding is None or pads is None or own is None:
        return
    before = graph.maker(padding.input[0], "DequantizeLinear")
    if quantised is None:
        convolution.input[0] = padding.input[0]
    elif before is not None and graph.same(before, quantised):
        convolution.input[0] = before.output[0]
    else:
        quantised.input[0] = padding.input[0]
    own.ints[:] = [mine + theirs for mine, theirs in zip(own.ints, pads, strict=True)]


def _edges(graph: Graph, padding: Any) -> list[int] | None:  # noqa: ANN401 - see above
    """Rows above, columns left, rows below, columns right; None where it pads with something but zeros."""
    pads = graph.constant(padding.input[1])
    value = graph.constant(padding.input[2]) if any(padding.input[2:3]) else np.zeros(())
    mode = next((each.s for each in padding.attribute if each.name == "mode"), b"constant")
    if pads is None or len(pads) != 8 or pads[list(_BATCH_AND_CHANNELS)].any() or (pads < 0).any():  # noqa: PLR2004
        return None
    if value is None or value.any() or mode != b"constant":
        return None
    return [int(pads[index]) for index in _ROWS_AND_COLUMNS]


def _skip_normalisation(graph: Graph, quantising: Any) -> None:  # noqa: ANN401 - see above
    """Read pixels as they are where quantising (pixel - mean) / std gives back the pixel."""
    divided = graph.maker(quantising.input[0], "Div")
    centred = None if divided is None else graph.maker(divided.input[0], "Sub")
    cast = None if centred is None else graph.maker(centred.input[0], "Cast")
    if divided is None or centred is None or cast is None:
        return
    std, mean = graph.constant(divided.input[1]), graph.constant(centred.input[1])
    scale, zero = (graph.constant(name) for name in quantising.input[1:3])
    if std is None or mean is None or scale is None or zero is None or zero.dtype != np.uint8:
        return
    pixels = np.arange(256, dtype=np.float32)
    quantised = np.round((pixels - mean) / std / scale) + zero.astype(np.float32)
    if std.size == mean.size == scale.size == 1 and np.array_equal(quantised, pixels):
        graph.replace(quantising.output[0], cast.input[0])
