"""Compute the stored tensors by which the published preprocessing is checked: ``python -m tests.reference_tensors``.

torchvision is not at hand here, so its path for PIL images is written down from its documentation: ``Resize`` with a
size of two numbers calls ``PIL.Image.resize`` with that size and filter (bilinear unless told otherwise, of the image
in full resolution, antialiased as Pillow always does); ``ToTensor`` turns (h, w, 3) uint8 into (3, h, w) float32
divided by 255; ``Normalize`` subtracts the mean and divides by the standard deviation, per channel in float32. Plain
Pillow and numpy, nothing of this package. Of each tensor every third pixel of every third row is stored.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

STORED = Path(__file__).parent / "data" / "reference_tensors.npz"
STEP = 3

#: Filter, mean and standard deviation by check, as published.
RECIPES = {
    "writing_type": (Image.Resampling.BICUBIC, (0.882, 0.883, 0.899), (0.088, 0.089, 0.094)),
    "post_it": (Image.Resampling.BILINEAR, None, None),
    "corner": (Image.Resampling.BILINEAR, None, None),
    "empty": (Image.Resampling.BICUBIC, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}


def drawn_page() -> Image.Image:
    """A page of 1240x1753 px with lines, a note and noise; the same in every run."""
    random = np.random.default_rng(5)
    pixels = np.full((1753, 1240, 3), (236, 229, 214), np.int16)
    for row in range(120, 1600, 37):
        pixels[row : row + 9, 100 : int(random.integers(600, 1140))] = (46, 40, 52)
    pixels[300:640, 700:1010] = (250, 226, 92)
    pixels[:160, :90] = 8
    pixels += random.integers(-12, 13, pixels.shape, np.int16)
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def tensor(page: Image.Image, check: str) -> NDArray[np.float32]:
    """What torchvision gives a network: float32, shape (1, 3, 224, 224)."""
    resampling, mean, std = RECIPES[check]
    small = np.asarray(page.convert("RGB").resize((224, 224), resampling), np.float32)
    values = small.transpose(2, 0, 1) / np.float32(255)
    if mean is not None and std is not None:
        values = (values - _per_channel(mean)) / _per_channel(std)
    return np.asarray(values[None], np.float32)


def _per_channel(values: tuple[float, float, float]) -> NDArray[np.float32]:
    return np.asarray(values, np.float32)[:, None, None]


def main() -> None:
    """Write the file."""
    page = drawn_page()
    STORED.parent.mkdir(exist_ok=True)
    tensors: dict[str, Any] = {check: tensor(page, check)[..., ::STEP, ::STEP] for check in RECIPES}
    np.savez_compressed(STORED, **tensors)


if __name__ == "__main__":
    main()
