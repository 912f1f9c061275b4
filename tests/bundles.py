"""A tiny bundle whose answers follow from the colour of the page, so that tests can say what must come out.

White pages are empty, yellow ones carry a note, black ones are folded; red is handwriting, blue is print and
anything in between is both. One cell of evidence covers 8x8 px of the 48x64 input.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from imagefaulty.bundle import (
    Bundle,
    CheckSpec,
    EvidenceSpec,
    GraphSpec,
    InputSpec,
    OutputSpec,
    Thresholds,
    load_bundle,
    write_manifest,
)
from imagefaulty.checks import CHECKS

WIDTH, HEIGHT, CELL = 48, 64, 8
SHARPNESS = 40.0

#: Weights of (red, green, blue, 1) on the 0-1 scale for each class.
WEIGHTS = {
    "writing_type": [[1, 0, -1, -0.5], [-1, 0, 1, -0.5], [0, 0, 0, -0.25]],
    "post_it": [[0, 0, 0, 0.5], [0.5, 0.5, -1, 0]],
    "corner": [[1, 1, 1, -0.6], [-1, -1, -1, 0.6]],
    "empty": [[-1, -1, -1, 2.7], [1, 1, 1, -2.7]],
}
CHANNELS = ("post_it", "corner")


def tiny_bundle(directory: Path, *, version: str = "1.0") -> Path:
    """Write the bundle and return its directory."""
    directory.mkdir(parents=True, exist_ok=True)
    onnx.save(_model(), directory / "tiny.onnx")
    graph = GraphSpec(
        file="tiny.onnx",
        sha256="",
        input=InputSpec(name="image", width=WIDTH, height=HEIGHT, filter="box"),
        outputs={check.name: OutputSpec(check.name, check.class_names) for check in CHECKS},
        embedding="embedding",
        evidence=EvidenceSpec("evidence", CHANNELS),
    )
    points = {"balanced": Thresholds(0.3, 0.7), "safe": Thresholds(0.3, 0.99)}
    write_manifest(
        Bundle(
            name="tiny",
            version=version,
            description="Answers by colour.",
            digest="",
            directory=directory,
            graphs=(graph,),
            checks={check.name: CheckSpec(1.0, points) for check in CHECKS},
        )
    )
    return directory


def reversed_bundle(directory: Path) -> Path:
    """Write the same bundle, its graph giving the classes of ``empty`` in the opposite order."""
    bundle = load_bundle(tiny_bundle(directory))
    graph = bundle.graphs[0]
    swapped = OutputSpec("empty", graph.outputs["empty"].classes[::-1])
    onnx.save(_model(WEIGHTS | {"empty": WEIGHTS["empty"][::-1]}), directory / "tiny.onnx")
    write_manifest(replace(bundle, graphs=(replace(graph, outputs={**graph.outputs, "empty": swapped}),)))
    return directory


def _model(weights: dict[str, list[list[float]]] = WEIGHTS) -> onnx.ModelProto:
    nodes = [
        helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["float", "scale"], ["scaled"]),
        helper.make_node("Transpose", ["scaled"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("GlobalAveragePool", ["planes"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["embedding"]),
        helper.make_node("AveragePool", ["planes"], ["cells"], kernel_shape=[CELL, CELL], strides=[CELL, CELL]),
        helper.make_node("Conv", ["cells", "evidence_w", "evidence_b"], ["evidence"]),
    ]
    constants: dict[str, NDArray[np.float32] | np.float32] = {"scale": np.float32(1 / 255)}
    for name, rows in weights.items():
        matrix = np.asarray(rows, np.float32) * SHARPNESS
        constants |= {f"{name}_w": matrix[:, :3], f"{name}_b": matrix[:, 3]}
        nodes.append(helper.make_node("Gemm", ["embedding", f"{name}_w", f"{name}_b"], [name], transB=1))
    fault = np.asarray([weights[name][1] for name in CHANNELS], np.float32) * SHARPNESS
    constants |= {"evidence_w": fault[:, :3, None, None], "evidence_b": fault[:, 3]}
    shapes: dict[str, list[str | int]] = {name: ["n", len(rows)] for name, rows in weights.items()}
    shapes |= {"embedding": ["n", 3], "evidence": ["n", len(CHANNELS), HEIGHT // CELL, WIDTH // CELL]}
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["n", HEIGHT, WIDTH, 3])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()],
        [numpy_helper.from_array(np.asarray(value, np.float32), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model
