"""JPEGs straight to an array, by simplejpeg where it is installed: Pillow's pixels without its copies of them."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

    import numpy as np
    from numpy.typing import NDArray


def decoded(data: bytes, size: tuple[int, int]) -> NDArray[np.uint8] | None:
    """Decode a colour JPEG at one of libjpeg's scales.

    Both go through libjpeg-turbo, so the pixels are those that Pillow gives, bit for bit.

    Args:
        data: The whole file.
        size: ``(width, height)`` at that scale.

    Returns:
        uint8 (height, width, 3) RGB; None where the package is missing, or the file is untidy in any way: what to make
        of that is Pillow's to say.
    """
    if (codec := _codec()) is None:
        return None
    try:
        # The smallest scale that reaches this size is the one that gives exactly this size.
        pixels: NDArray[np.uint8] = codec.decode_jpeg(data, "RGB", min_width=size[0], min_height=size[1], strict=True)
    except (ValueError, RuntimeError):
        return None
    return pixels if pixels.shape == (size[1], size[0], 3) else None


@functools.cache
def _codec() -> ModuleType | None:
    try:
        import simplejpeg  # noqa: PLC0415 - 2 ms that only the first JPEG should cost
    except ImportError:
        return None
    found: ModuleType = simplejpeg
    return found
