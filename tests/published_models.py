"""Graphs under the published names, small ones for unit tests: what they answer follows from the mean of the input."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from imagefaulty.published import PUBLISHED


def write_published(directory: Path, *checks: str, input_name: str = "input", classes: int | None = None) -> Path:
    """Write one tiny graph per check (all four if none is named) and return the directory."""
    directory.mkdir(parents=True, exist_ok=True)
    for seed, (check, known) in enumerate(PUBLISHED.items()):
        if not checks or check in checks:
            model = tiny_graph(classes or len(known.classes), seed=seed, input_name=input_name)
            onnx.save(model, directory / known.file)
    return directory


def tiny_graph(classes: int, *, seed: int = 0, input_name: str = "input") -> onnx.ModelProto:
    """Float32 (n, 3, 224, 224) in, logits (n, classes) out: a random linear map of 7x7 averages.

    Each class's weights sum to zero per colour, so that the layout of a page decides and not its brightness.
    """
    random = np.random.default_rng(seed)
    weights = random.standard_normal((classes, 3, 7 * 7)).astype(np.float32)
    weights = (weights - weights.mean(axis=2, keepdims=True)).reshape(classes, -1)
    nodes = [
        helper.make_node("AveragePool", [input_name], ["cells"], kernel_shape=[32, 32], strides=[32, 32]),
        helper.make_node("Flatten", ["cells"], ["flat"]),
        helper.make_node("Gemm", ["flat", "weights"], ["answer"], transB=1),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(input_name, TensorProto.FLOAT, ["batch", 3, 224, 224])],
        [helper.make_tensor_value_info("answer", TensorProto.FLOAT, ["batch", classes])],
        [numpy_helper.from_array(weights, "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model
