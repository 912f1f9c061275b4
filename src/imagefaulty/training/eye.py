"""The backbone as an ONNX graph: pixels in, feature maps out; in single precision or in eight bits.

The graph that is made here is used twice: to compute the feature maps that the heads are fitted on, and as the first
half of the bundle's graph. So the heads are fitted on exactly what they will see, rounding to eight bits included.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
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

from imagefaulty.training.backbone import PIXEL_MEAN, PIXEL_STD, Backbone, Tap, pretrained_backbone
from imagefaulty.training.folding import folded

INPUT: Final = "image"
#: The opset whose operators every ONNX Runtime since 1.15 knows.
OPSET: Final = 17


class _FromPixels(nn.Module):
    """The backbone behind its normalisation: uint8 (n, h, w, 3) in."""

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, ...]:
        x = (image.permute(0, 3, 1, 2).float() - PIXEL_MEAN) / PIXEL_STD
        found: tuple[torch.Tensor, ...] = self.backbone(x)
        return found


def export_eye(path: Path, taps: tuple[Tap, ...], *, width: int, height: int) -> Path:
    """Write the pretrained backbone as an ONNX graph in single precision.

    Args:
        path: The file to write.
        taps: Which maps to give out.
        width: Input width in px.
        height: Input height in px.

    Returns:
        ``path``. Input ``image`` uint8 (n, height, width, 3) RGB; one float32 output per tap, named like it.
    """
    torch.onnx.export(
        _FromPixels(pretrained_backbone(taps)).eval(),
        (torch.zeros(1, height, width, 3, dtype=torch.uint8),),
        str(path),
        input_names=[INPUT],
        output_names=[tap.name for tap in taps],
        dynamic_axes={INPUT: {0: "n"}} | {tap.name: {0: "n"} for tap in taps},
        opset_version=OPSET,
        dynamo=False,
    )
    # torch computes the widths of paddings in the graph; as constants they can be folded into the convolutions.
    quant_pre_process(str(path), str(path), skip_symbolic_shape=True)
    return path


def quantize_eye(source: Path, target: Path, pages: Iterable[NDArray[np.uint8]]) -> Path:
    """Write an eight-bit version of a graph made by :func:`export_eye`.

    Static quantisation in QDQ form: weights int8 per channel, activations uint8, ranges from real pages.

    Args:
        source: The graph in single precision.
        target: The file to write.
        pages: Real pages as the graph takes them, uint8 (1, height, width, 3). A hundred are plenty.

    Returns:
        ``target``.
    """
    prepared = target.with_suffix(".prepared.onnx")
    logging.disable(logging.WARNING)  # the quantiser tells the root logger about every channel that is always zero
    try:
        quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
        quantize_static(
            str(prepared),
            str(target),
            _Pages(pages),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
            op_types_to_quantize=["Conv", "Add", "Clip"],
        )
    finally:
        logging.disable(logging.NOTSET)
        prepared.unlink(missing_ok=True)
    return target


class _Pages(CalibrationDataReader):
    def __init__(self, pages: Iterable[NDArray[np.uint8]]) -> None:
        self._pages = iter(pages)

    def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
        page = next(self._pages, None)
        return None if page is None else {INPUT: page}


class Eye:
    """A session of an exported backbone."""

    def __init__(self, path: Path, *, threads: int = 1) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        self._session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self._names = [output.name for output in self._session.get_outputs()]
        _, self.height, self.width, _ = self._session.get_inputs()[0].shape
        self.shapes: dict[str, tuple[int, ...]] = {
            name: array.shape[1:]
            for name, array in self.maps(np.zeros((1, self.height, self.width, 3), np.uint8)).items()
        }

    def maps(self, image: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        """Return the feature maps (1, channels, rows, columns) of one page, by tap name."""
        found: list[Any] = self._session.run(self._names, {INPUT: image})
        return dict(zip(self._names, found, strict=True))


def joined(eye: Path, heads: Path, target: Path, *, taps: tuple[Tap, ...]) -> Path:
    """Write one graph that runs the eye and then the heads.

    Args:
        eye: The backbone's graph.
        heads: A graph whose inputs are named like the taps.
        target: The file to write.
        taps: The maps that are handed over.

    Returns:
        ``target``. Its input is the eye's, its outputs are those of the heads.
    """
    first, second = onnx.load(eye), onnx.load(heads)
    second.ir_version = first.ir_version
    # Noted shapes are no use in running, and a prefix would rename the outputs that stand among them.
    del first.graph.value_info[:]
    first = onnx.compose.add_prefix(first, "eye/", rename_inputs=False, rename_outputs=False)
    second = onnx.compose.add_prefix(second, "heads/", rename_inputs=False, rename_outputs=False)
    model = onnx.compose.merge_models(first, second, io_map=[(tap.name, tap.name) for tap in taps])
    onnx.save(folded(model), target)
    return target
