"""Pages become JPEGs that browsers show."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

from imagefaulty.labelstudio.rendering import Rendering, render
from imagefaulty.pages import open_document


def rendered(image: Image.Image, form: str, rendering: Rendering | None = None, **options: object) -> Image.Image:
    """What becomes of an image saved in some form."""
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    with open_document(buffer.getvalue()) as document:
        return Image.open(io.BytesIO(render(document, 0, rendering or Rendering())))


def test_a_large_page_is_shrunk_and_its_resolution_with_it() -> None:
    page = rendered(Image.new("RGB", (3000, 4000), "red"), "PNG", Rendering(longest_side=1000), dpi=(400, 400))
    assert (page.format, page.size) == ("JPEG", (750, 1000))
    assert page.info["dpi"] == pytest.approx((100, 100))


def test_a_small_page_keeps_its_size_and_states_no_invented_resolution() -> None:
    page = rendered(Image.new("RGB", (300, 200), "red"), "BMP")
    assert page.size == (300, 200)


def test_grey_pages_become_grey_jpegs() -> None:
    assert rendered(Image.new("1", (300, 200), 1), "TIFF", compression="group4").mode == "L"
    assert rendered(Image.new("RGB", (300, 200), (10, 20, 30)), "PNG").mode == "RGB"


@pytest.mark.parametrize(
    "name", ["exif_6.jpg", "cmyk.jpg", "grey16.tif", "palette_clear.png", "raw.j2k", "rotated.pdf"]
)
def test_unusual_pages_become_plain_jpegs(name: str) -> None:
    path = Path(__file__).resolve().parent.parent / "nasty" / name
    with open_document(path) as document:
        page = Image.open(io.BytesIO(render(document, 0)))
        upright = document.page(0)
    assert page.format == "JPEG"
    assert page.mode in ("L", "RGB")
    assert page.size == (upright.pixels.shape[1], upright.pixels.shape[0])
    assert "exif" not in page.info
