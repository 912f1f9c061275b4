"""The frozen stem as an ONNX graph: pixels in, one map out.

The graph is used twice: to compute the maps that trunk and heads are fitted on, and as the first half of the bundle's
graph. So they are fitted on exactly what they will see, the stem's rounding to eight bits included.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime as ort
import torch
from numpy.typing import NDArray
from torch import nn

from imagefaulty.training.backbone import EARLY, PIXEL_MEAN, PIXEL_STD, Stem, pretrained_stem
from imagefaulty.training.graphs import write_graph

_INPUT: Final = "image"


class _FromPixels(nn.Module):
    """The stem behind its normalisation: uint8 (n, h, w, 3) in."""

    def __init__(self, stem: Stem) -> None:
        super().__init__()
        self.stem = stem

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.stem((image.permute(0, 3, 1, 2).float() - PIXEL_MEAN) / PIXEL_STD)
        return found


def export_stem(path: Path, *, width: int, height: int) -> Path:
    """Write the pretrained stem as an ONNX graph in single precision.

    Args:
        path: The file to write.
        width: Input width in px.
        height: Input height in px.

    Returns:
        ``path``. Input ``image`` uint8 (n, height, width, 3) RGB; output float32 (n, 80, height / 16, width / 16).
    """
    example = torch.zeros(1, height, width, 3, dtype=torch.uint8)
    return write_graph(path, _FromPixels(pretrained_stem()), example, name=_INPUT, outputs=[EARLY.name])


class StemSession:
    """A session of an exported stem.

    Attributes:
        width: Input width in px.
        height: Input height in px.
        shapes: Shape (channels, rows, columns) of its map, by name.
    """

    def __init__(self, path: Path) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        self._session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        _, self.height, self.width, _ = self._session.get_inputs()[0].shape
        self.shapes: dict[str, tuple[int, ...]] = {
            EARLY.name: (EARLY.channels, self.height // EARLY.stride, self.width // EARLY.stride)
        }

    def maps(self, image: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        """Return the map (1, channels, rows, columns) of one page, by name."""
        found: list[Any] = self._session.run([EARLY.name], {_INPUT: image})
        return {EARLY.name: found[0]}
