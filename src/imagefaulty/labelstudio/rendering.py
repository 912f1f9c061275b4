"""One page of any format → a JPEG that every browser shows."""

from __future__ import annotations

import io
from dataclasses import dataclass

from PIL import Image

from imagefaulty.pages import Document


@dataclass(frozen=True, slots=True)
class Rendering:
    """How pages become JPEGs.

    Attributes:
        longest_side: Longest side in px; larger pages are shrunk, none is enlarged. 2,500 px are an A4 sheet at 210
            dpi: the smallest print stays legible, and a page is some 700 kB.
        quality: JPEG quality, 1-95.
    """

    longest_side: int = 2500
    quality: int = 85


def render(document: Document, index: int, rendering: Rendering = Rendering()) -> bytes:
    """Return a page as JPEG: upright, RGB or grey, its resolution kept true to the paper's size.

    Args:
        document: The document.
        index: Which page, from 0.
        rendering: Size and quality.

    Raises:
        PageError: The page cannot be decoded.
    """
    # At least half the cap on both sides comes out less than twice too large, and long strips stay sharp.
    page = document.page(index, at_least=(rendering.longest_side, rendering.longest_side))
    image = Image.fromarray(page.pixels)
    image.thumbnail((rendering.longest_side, rendering.longest_side), Image.Resampling.LANCZOS, reducing_gap=2.0)
    if _is_grey(image):
        image = image.convert("L")
    buffer = io.BytesIO()
    options: dict[str, object] = {"quality": rendering.quality, "optimize": True}
    if page.dpi is not None:
        resolution = max(1, round(page.dpi * image.width / page.original_size[0]))
        options["dpi"] = (resolution, resolution)
    image.save(buffer, "JPEG", **options)
    return buffer.getvalue()


def _is_grey(image: Image.Image) -> bool:
    """Return whether the three channels are the same; grey JPEGs are a quarter smaller and decode faster."""
    red, green, blue = image.split()
    return red.tobytes() == green.tobytes() == blue.tobytes()
