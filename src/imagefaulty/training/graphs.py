"""ONNX graphs: written from torch, put into eight bits, joined."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import onnxruntime as ort
import torch
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from torch import nn

from imagefaulty._sessions import wide_sums
from imagefaulty.training.biases import corrected, input_means
from imagefaulty.training.by_fours import by_fours
from imagefaulty.training.folding import folded
from imagefaulty.training.saturation import narrowed, overflows

#: The opset whose operators every ONNX Runtime since 1.15 knows.
_OPSET: Final = 17


def write_graph(path: Path, module: nn.Module, examples: Mapping[str, torch.Tensor], *, outputs: Sequence[str]) -> Path:
    """Write a module as an ONNX graph in single precision, for any number of pages.

    Args:
        path: The file to write.
        module: What is written, in evaluation mode.
        examples: Its inputs for one page, by name, in order.
        outputs: Names of the outputs.

    Returns:
        ``path``.
    """
    with warnings.catch_warnings():
        # That it is to be replaced (by one that needs one more package), and what it leaves to be simplified below.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module.eval(),
            tuple(examples.values()),
            str(path),
            input_names=list(examples),
            output_names=list(outputs),
            dynamic_axes={each: {0: "n"} for each in (*examples, *outputs)},
            opset_version=_OPSET,
            dynamo=False,
        )
    # torch computes the widths of paddings in the graph; as constants they can be folded into the convolutions.
    quant_pre_process(str(path), str(path), skip_symbolic_shape=True)
    return path


def one_thread_session(path: Path) -> ort.InferenceSession:
    """Open a graph for one page at a time on one thread, as the processes of a pool do.

    Eight bits come out right on every processor: what is fitted on wrong maps is wrong wherever it runs later.
    """
    options = ort.SessionOptions()
    if overflows(path):
        wide_sums(options)
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def quantize(
    source: Path, target: Path, inputs: Iterable[Mapping[str, NDArray[np.generic]]], *, keep: Sequence[str] = ()
) -> Path:
    """Write an eight-bit version of a graph.

    Static quantisation in QDQ form: weights int8 per channel, activations uint8, ranges from real inputs. Weights are
    such that sums of two products fit 16 bits, see :mod:`imagefaulty.training.saturation`; biases make up for what that
    moves (:mod:`imagefaulty.training.biases`).

    Args:
        source: The graph in single precision.
        target: The file to write.
        inputs: What the graph is given for real pages, by name. A hundred are plenty.
        keep: Names of convolutions that stay in single precision, with all that follows them.

    Returns:
        ``target``.
    """
    prepared = target.with_suffix(".prepared.onnx")
    logging.disable(logging.WARNING)  # the quantiser tells the root logger about every channel that is always zero
    try:
        quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
        model = onnx.load(prepared)
        plain = _with_followers(model, keep)
        pages = list(inputs)
        means, weights = input_means(model, pages), _weights(model)
        ranges = narrowed(model, keep=plain)
        onnx.save(model, prepared)
        quantize_static(
            str(prepared),
            str(target),
            _Inputs(pages),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
            op_types_to_quantize=["Conv", "Add", "Clip"],
            nodes_to_exclude=plain,
            extra_options={"TensorQuantOverrides": ranges},
        )
        model = onnx.load(target)
        corrected(model, weights, means)
        onnx.save(model, target)
    finally:
        logging.disable(logging.NOTSET)
        prepared.unlink(missing_ok=True)
    return target


def _weights(model: onnx.ModelProto) -> dict[str, NDArray[Any]]:
    """Weights of the convolutions of a graph, by name of the convolution."""
    known = {each.name: each for each in model.graph.initializer}
    return {
        node.name: onnx.numpy_helper.to_array(known[node.input[1]]).copy()
        for node in model.graph.node
        if node.op_type == "Conv" and node.input[1] in known
    }


def _with_followers(model: onnx.ModelProto, names: Sequence[str]) -> list[str]:
    """Return the names of nodes and of all nodes that anything of theirs flows into; nodes are in running order."""
    found: list[str] = []
    reached: set[str] = set()
    for node in model.graph.node:
        if node.name in names or not reached.isdisjoint(node.input):
            found.append(node.name)
            reached.update(node.output)
    if missing := set(names) - set(found):
        raise ValueError(f"the graph has no node {', '.join(sorted(missing))}")
    return found


class _Inputs(CalibrationDataReader):
    def __init__(self, inputs: Iterable[Mapping[str, NDArray[np.generic]]]) -> None:
        self._inputs = iter(inputs)

    def get_next(self) -> dict[str, NDArray[np.generic]] | None:
        given = next(self._inputs, None)
        return None if given is None else dict(given)


def joined(stem: Path, rest: Path, target: Path) -> Path:
    """Write one graph that runs the stem and then the rest of the network.

    Args:
        stem: The stem's graph.
        rest: A graph whose inputs are named like outputs of the stem.
        target: The file to write.

    Returns:
        ``target``. Its input is the stem's, its outputs are those of the rest.
    """
    first, second = onnx.load(stem), onnx.load(rest)
    second.ir_version = first.ir_version
    # Noted shapes are no use in running, and a prefix would rename the outputs that stand among them.
    del first.graph.value_info[:]
    del second.graph.value_info[:]
    first = onnx.compose.add_prefix(first, "stem/", rename_inputs=False, rename_outputs=False)
    second = onnx.compose.add_prefix(second, "page/", rename_inputs=False, rename_outputs=False)
    outputs = [each.name for each in second.graph.output]
    shared = [(given.name, given.name) for given in second.graph.input]
    model = onnx.compose.merge_models(first, second, outputs=outputs, io_map=shared)
    onnx.save(by_fours(folded(model)), target)
    return target
