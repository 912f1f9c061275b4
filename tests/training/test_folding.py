"""Folding changes how fast a graph is, and nothing else."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from imagefaulty.training.folding import folded

if TYPE_CHECKING:
    from pathlib import Path

SIDE = 16


def convolution(source: str, name: str, weights: NDArray[np.float32], *, stride: int, groups: int = 1) -> list[Any]:
    """A padding node and a convolution, as torch exports TensorFlow's "same" padding: the odd pixel goes behind."""
    kernel = weights.shape[2]
    before = (kernel - stride) // 2
    pads = np.array([0, 0, before, before, 0, 0, kernel - stride - before, kernel - stride - before])
    return [
        helper.make_node("Constant", [], [f"{name}_pads"], value=numpy_helper.from_array(pads)),
        helper.make_node("Pad", [source, f"{name}_pads"], [f"{name}_padded"]),
        helper.make_node("Constant", [], [f"{name}_weights"], value=numpy_helper.from_array(weights)),
        helper.make_node(
            "Conv", [f"{name}_padded", f"{name}_weights"], [f"{name}_raw"],
            kernel_shape=[kernel] * 2, strides=[stride] * 2, group=groups, pads=[0] * 4,
        ),
        helper.make_node("Clip", [f"{name}_raw", "zero", "six"], [name]),
    ]  # fmt: skip


def graph(path: Path) -> Path:
    rng = np.random.default_rng(0)
    scalars = {"mean": 127.0, "std": 128.0, "zero": 0.0, "six": 6.0}
    nodes = [
        helper.make_node("Transpose", ["image"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Cast", ["planes"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Sub", ["floats", "mean"], ["centred"]),
        helper.make_node("Div", ["centred", "std"], ["normal"]),
        *convolution("normal", "stem", rng.normal(0, 0.5, (8, 3, 3, 3)).astype(np.float32), stride=2),
        *convolution("stem", "out", rng.normal(0, 0.5, (8, 1, 5, 5)).astype(np.float32), stride=1, groups=8),
    ]
    model = helper.make_model(
        helper.make_graph(
            nodes,
            "padded",
            [helper.make_tensor_value_info("image", TensorProto.UINT8, [1, SIDE, SIDE, 3])],
            [helper.make_tensor_value_info("out", TensorProto.FLOAT, [1, 8, SIDE // 2, SIDE // 2])],
            [numpy_helper.from_array(np.float32(value), name) for name, value in scalars.items()],
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path


class Pages(CalibrationDataReader):
    def __init__(self) -> None:
        self._pages = iter(pages())

    def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
        page = next(self._pages, None)
        return None if page is None else {"image": page}


def pages() -> list[NDArray[np.uint8]]:
    rng = np.random.default_rng(1)
    noise = [rng.integers(0, 256, (1, SIDE, SIDE, 3)).astype(np.uint8) for _ in range(8)]
    return [*noise, np.zeros_like(noise[0]), np.full_like(noise[0], 255)]


def quantised(source: Path) -> Path:
    target = source.with_name("int8.onnx")
    quantize_static(
        str(source), str(target), Pages(), quant_format=QuantFormat.QDQ, per_channel=True,
        activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8, op_types_to_quantize=["Conv", "Clip"],
    )  # fmt: skip
    return target


def answers(model: Any) -> list[NDArray[np.float32]]:
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return [np.asarray(session.run(None, {"image": page})[0]) for page in pages()]


@pytest.mark.parametrize("eight_bits", [False, True])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_folded_graph_answers_the_same_bit_for_bit(tmp_path: Path, *, eight_bits: bool) -> None:
    source = graph(tmp_path / "plain.onnx")
    model = onnx.load(quantised(source) if eight_bits else source)
    before = answers(model)
    after = answers(folded(model))
    assert any(page.any() for page in before)
    assert all(np.array_equal(mine, theirs) for mine, theirs in zip(after, before, strict=True))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_eight_bit_graph_keeps_neither_padding_nor_normalisation(tmp_path: Path) -> None:
    kinds = Counter(node.op_type for node in folded(onnx.load(quantised(graph(tmp_path / "plain.onnx")))).graph.node)
    assert kinds["Conv"] == 2
    assert not {"Pad", "Sub", "Div", "Cast"} & set(kinds)


def test_padding_with_another_colour_stays(tmp_path: Path) -> None:
    model = onnx.load(graph(tmp_path / "plain.onnx"))
    for node in model.graph.node:
        if node.op_type == "Pad":
            node.input.append("six")
    assert sum(node.op_type == "Pad" for node in folded(model).graph.node) == 2
