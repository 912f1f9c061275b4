"""The frozen stem as an ONNX graph: pixels in, a map out.

The graph is used twice: to compute the map that everything behind it is fitted on, and as the first half of the
bundle's graph. So that is fitted on exactly what it will see, rounding to eight bits included.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from imagefaulty.training.backbone import EARLY, PIXEL_MEAN, PIXEL_STD, Stem
from imagefaulty.training.graphs import one_thread_session, write_graph

_INPUT: Final = "image"
#: The maps that it gives out.
TAPS: Final = (EARLY,)


def normalised(image: torch.Tensor) -> torch.Tensor:
    """Map pixels uint8 (n, h, w, 3) to what the stem takes, float32 (n, 3, h, w)."""
    return (image.permute(0, 3, 1, 2).float() - PIXEL_MEAN) / PIXEL_STD


class _FromPixels(nn.Module):
    """The stem behind its normalisation: uint8 (n, h, w, 3) in."""

    def __init__(self, stem: Stem) -> None:
        super().__init__()
        self.stem = stem

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.stem(normalised(image))
        return found


def export_stem(stem: Stem, path: Path, *, width: int, height: int) -> Path:
    """Write the stem as an ONNX graph in single precision.

    Args:
        stem: The stem.
        path: The file to write.
        width: Input width in px.
        height: Input height in px.

    Returns:
        ``path``. Input ``image`` uint8 (n, height, width, 3) RGB; one float32 output per tap of :data:`TAPS`.
    """
    example = torch.zeros(1, height, width, 3, dtype=torch.uint8)
    return write_graph(path, _FromPixels(stem), {_INPUT: example}, outputs=[tap.name for tap in TAPS])


class StemSession:
    """A session of an exported stem.

    Attributes:
        width: Input width in px.
        height: Input height in px.
        shapes: Shape (channels, rows, columns) of each map, by name of its tap.
    """

    def __init__(self, path: Path) -> None:
        self._session = one_thread_session(path)
        _, self.height, self.width, _ = self._session.get_inputs()[0].shape
        self.shapes: dict[str, tuple[int, ...]] = {
            tap.name: (tap.channels, self.height // tap.stride, self.width // tap.stride) for tap in TAPS
        }

    def maps(self, image: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        """Return the maps (1, channels, rows, columns) of one page, by name."""
        found: list[Any] = self._session.run(list(self.shapes), {_INPUT: image})
        return dict(zip(self.shapes, found, strict=True))
