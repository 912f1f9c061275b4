"""Small pictures of pages with boxes on them, for the page of an evaluation."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from imagefaulty.pages import open_document
from imagefaulty.training.evaluation import Box

#: At 200 px one still sees what a page looks like, and sixty of them make a file of half a megabyte.
HEIGHT_PX: Final = 200
_WIDTH_PX: Final = 280
_QUALITY: Final = 70
_SHOWN, _TRUE = (229, 72, 77), (0, 144, 255)


def thumbnail_of(file: Path, *, shown: Sequence[Box] = ()) -> bytes:
    """Return a thumbnail of the first page of a file, see :func:`thumbnail`.

    Raises:
        ImageFaultyError: The file cannot be read.
    """
    with open_document(file) as document:
        return thumbnail(document.page(at_least=(_WIDTH_PX, HEIGHT_PX)).pixels, shown=shown)


def thumbnail(pixels: NDArray[np.uint8], *, shown: Sequence[Box] = (), true: Sequence[Box] = ()) -> bytes:
    """Return a thumbnail as WebP, at most :data:`HEIGHT_PX` high.

    Args:
        pixels: uint8 (h, w, 3) RGB.
        shown: Boxes that the bundle shows, drawn in red.
        true: Boxes of what was drawn, in blue.
    """
    picture = Image.fromarray(pixels)
    picture.thumbnail((_WIDTH_PX, HEIGHT_PX))
    pen = ImageDraw.Draw(picture)
    for boxes, colour in ((true, _TRUE), (shown, _SHOWN)):
        for left, top, right, bottom in boxes:
            across, down = picture.width - 1, picture.height - 1
            pen.rectangle((left * across, top * down, right * across, bottom * down), outline=colour, width=2)
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=_QUALITY)
    return buffer.getvalue()
