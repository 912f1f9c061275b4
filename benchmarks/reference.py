"""The reference pipeline: a full decode, then for each check a resize and a network of its own."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Mapping

Array = NDArray[np.float32]

_SIDE_PX: Final = 224


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """How the reference system prepares a page for one of its networks: squashed to 224x224, scaled, normalised."""

    resampling: Image.Resampling
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)

    def tensor(self, page: Image.Image) -> Array:
        """Return float32, shape (1, 3, 224, 224)."""
        small = page.resize((_SIDE_PX, _SIDE_PX), self.resampling)
        scaled = np.asarray(small, np.float32) / np.float32(255)
        normal = (scaled - np.asarray(self.mean, np.float32)) / np.asarray(self.std, np.float32)
        return np.ascontiguousarray(normal.transpose(2, 0, 1), np.float32)[np.newaxis]


PREPROCESSING: Final[Mapping[str, Preprocessing]] = {
    "post_it": Preprocessing(Image.Resampling.BILINEAR),
    "corner": Preprocessing(Image.Resampling.BILINEAR),
    "empty": Preprocessing(Image.Resampling.BICUBIC, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "writing_type": Preprocessing(Image.Resampling.BICUBIC, (0.882, 0.883, 0.899), (0.088, 0.089, 0.094)),
}


class ReferencePipeline:
    """The four networks and their steps.

    Args:
        models: Serialised ONNX graphs by check.
        threads: Threads inside one run of a network.
    """

    def __init__(self, models: Mapping[str, bytes], *, threads: int = 1) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        self._sessions = {
            check: ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
            for check, model in models.items()
        }

    def backend(self, data: bytes) -> dict[str, Any]:
        """A page as the reference's Label Studio backend works on it: decoded in full resolution."""
        return self.run(self.resize(Image.open(io.BytesIO(data)).convert("RGB")))

    def api(self, data: bytes) -> dict[str, Any]:
        """A page as FaultyImageAPI works on it: JPEGs are decoded in draft mode, no smaller than the networks need."""
        image = Image.open(io.BytesIO(data))
        image.draft("RGB", (_SIDE_PX, _SIDE_PX))
        return self.run(self.resize(image.convert("RGB")))

    def resize(self, page: Image.Image) -> dict[str, Array]:
        """One tensor per network, each resized from the full page."""
        return {check: PREPROCESSING[check].tensor(page) for check in self._sessions}

    def run(self, tensors: Mapping[str, Array]) -> dict[str, Any]:
        """What the four networks say: probabilities by check."""
        return {
            check: _softmax(session.run(None, {session.get_inputs()[0].name: tensors[check]})[0][0])
            for check, session in self._sessions.items()
        }


def _softmax(logits: Array) -> Array:
    powers = np.exp(logits - logits.max())
    shares: Array = powers / powers.sum()
    return shares
