"""A page that is nothing but a scan is taken out of its PDF; it looks as if it had been drawn."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import pypdfium2
import pytest
from PIL import ExifTags, Image, ImageDraw

from imagefaulty import _pdf
from imagefaulty._pdf_scan import Scan, _place, scan_of
from imagefaulty.pages import open_document

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from imagefaulty.pages import Page

WIDTH, HEIGHT = 480, 640
WANTED = (100, 130)
RGB, GREY, BILEVEL = (
    "/DeviceRGB /BitsPerComponent 8",
    "/DeviceGray /BitsPerComponent 8",
    "/DeviceGray /BitsPerComponent 1",
)
PALETTE = "[/Indexed /DeviceRGB 1 <000000FFFFFF>] /BitsPerComponent 8"
UPRIGHT = "115.2 0 0 153.6 0 0"


def paper(mode: str = "RGB") -> Image.Image:
    """A page whose four corners differ, with soft edges so that ways to shrink differ little."""
    image = Image.new("RGB", (WIDTH, HEIGHT), (250, 240, 220))
    pen = ImageDraw.Draw(image)
    pen.rectangle((0, 0, 160, 120), (200, 40, 40))
    pen.rectangle((320, 0, 480, 120), (40, 160, 40))
    pen.rectangle((0, 520, 160, 640), (40, 40, 200))
    pen.rectangle((200, 200, 280, 440), "black")
    return image.convert(mode)


def encoded(kind: str, mode: str = "RGB", **options: Any) -> bytes:
    buffer = io.BytesIO()
    paper(mode).save(buffer, kind, **options)
    return buffer.getvalue()


def fax() -> bytes:
    """Group 4 data alone, one strip."""
    data = encoded("TIFF", "1", compression="group4", tiffinfo={278: HEIGHT})
    tags = Image.open(io.BytesIO(data)).tag_v2  # type: ignore[attr-defined]
    assert tags[262] == 1  # Pillow writes 1 as white: black runs are zeros, as without BlackIs1
    return data[tags[273][0] : tags[273][0] + tags[279][0]]


def pdf(
    stream: bytes,
    filters: str,
    *,
    space: str = RGB,
    matrix: str = UPRIGHT,
    image: str = "",
    page: str = "",
    more: str = "",
    box: str = "0 0 115.2 153.6",
) -> bytes:
    content = f"q {matrix} cm /P Do Q {more}".encode()
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Count 1 /Kids [3 0 R] >>",
        f"<< /Type /Page /Parent 2 0 R /MediaBox [{box}] /Contents 5 0 R {page} /Resources << /XObject << /P 4 0 R >> "
        "/Font << /F << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >> >>".encode(),
        f"<< /Type /XObject /Subtype /Image /Width {WIDTH} /Height {HEIGHT} /ColorSpace {space} {image} "
        f"/Filter /{filters} /Length {len(stream)} >>\nstream\n".encode() + stream + b"\nendstream",
        b"<< /Length %d >>\nstream\n" % len(content) + content + b"\nendstream",
    ]  # fmt: skip
    body = b"%PDF-1.5\n"
    table = b"0000000000 65535 f \n"
    for number, each in enumerate(objects, start=1):
        table += b"%010d 00000 n \n" % len(body)
        body += b"%d 0 obj\n" % number + each + b"\nendobj\n"
    end = f"trailer << /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{len(body)}\n%%EOF\n"
    return body + f"xref\n0 {len(objects) + 1}\n".encode() + table + end.encode()


def scan_in(data: bytes) -> Scan | None:
    document = pypdfium2.PdfDocument(data)
    try:
        return scan_of(document[0], data)
    finally:
        document.close()


def shown(data: bytes) -> Page:
    with open_document(data) as document:
        return document.page(at_least=WANTED)


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], NDArray[np.uint8]]:
    """Pages as PDFium draws them."""

    def draw(data: bytes) -> NDArray[np.uint8]:
        with monkeypatch.context() as patched:
            patched.setattr(_pdf, "scan_of", lambda *_: None)
            return shown(data).pixels

    return draw


def coarse(pixels: NDArray[np.uint8]) -> NDArray[np.int16]:
    """The page in 12 x 12 cells: the ways to shrink differ in finer ones."""
    return np.asarray(Image.fromarray(pixels).resize((12, 12), Image.Resampling.BOX), np.int16)


JPEG = encoded("JPEG", quality=92)
SIDEWAYS = Image.Exif()
SIDEWAYS[ExifTags.Base.Orientation] = 6
FAX = f"/DecodeParms << /K -1 /Columns {WIDTH} >>"
TURNED = {
    "quarter": {"matrix": "0 -115.2 153.6 0 0 115.2", "box": "0 0 153.6 115.2"},
    "half": {"matrix": "-115.2 0 0 -153.6 115.2 153.6"},
    "three quarters": {"matrix": "0 115.2 -153.6 0 153.6 0", "box": "0 0 153.6 115.2"},
    "page turned": {"page": "/Rotate 90"},
    "both turned": {"matrix": "0 -115.2 153.6 0 0 115.2", "box": "0 0 153.6 115.2", "page": "/Rotate 270"},
    "box elsewhere": {"matrix": "115.2 0 0 153.6 100 -50", "box": "100 -50 215.2 103.6"},
}
TAKEN = {
    "jpeg": pdf(JPEG, "DCTDecode"),
    "grey jpeg": pdf(encoded("JPEG", "L", quality=92), "DCTDecode", space=GREY),
    "jpeg 2000": pdf(encoded("JPEG2000"), "JPXDecode"),
    "fax": pdf(fax(), "CCITTFaxDecode", space=BILEVEL, image=FAX),
    "black is 1": pdf(fax(), "CCITTFaxDecode", space=BILEVEL, image=FAX.replace("-1", "-1 /BlackIs1 true")),
    "ocr text": pdf(JPEG, "DCTDecode", more="BT 3 Tr /F 20 Tf 20 80 Td (WORDS) Tj ET"),
    "exif of the camera": pdf(encoded("JPEG", exif=SIDEWAYS), "DCTDecode"),
    **{name: pdf(JPEG, "DCTDecode", **options) for name, options in TURNED.items()},
}  # fmt: skip
DRAWN = {
    "visible text": pdf(JPEG, "DCTDecode", more="BT /F 20 Tf 20 80 Td (WORDS) Tj ET"),
    "lines": pdf(JPEG, "DCTDecode", more="0 0 m 100 100 l S"),
    "margin": pdf(JPEG, "DCTDecode", box="0 0 150 200"),
    "cropped": pdf(JPEG, "DCTDecode", box="20 20 100 140"),
    "slanted": pdf(JPEG, "DCTDecode", matrix="115.2 30 -30 153.6 0 0"),
    "mirrored": pdf(JPEG, "DCTDecode", matrix="-115.2 0 0 153.6 115.2 0"),
    "stretched": pdf(JPEG, "DCTDecode", matrix="115.2 0 0 100 0 0", box="0 0 115.2 100"),
    "reversed values": pdf(JPEG, "DCTDecode", image="/Decode [1 0 1 0 1 0]"),
    "soft mask": pdf(JPEG, "DCTDecode", image="/SMask 4 0 R"),
    "colour key": pdf(JPEG, "DCTDecode", image="/Mask [0 0 0 0 0 0]"),
    "two pictures": pdf(JPEG, "DCTDecode", more=f"q {UPRIGHT} cm /P Do Q"),
    "clipped": pdf(JPEG, "DCTDecode", matrix=f"20 20 50 50 re W n {UPRIGHT}"),
    "annotated": pdf(JPEG, "DCTDecode", page="/Annots [<< /Type /Annot /Subtype /Square /Rect [9 9 60 60] >>]"),
    "in a layer": pdf(JPEG, "DCTDecode", image="/OC 1 0 R"),
    "fax of group 3": pdf(fax(), "CCITTFaxDecode", space=BILEVEL, image=FAX.replace("-1", "0")),
    "palette": pdf(encoded("JPEG", "L"), "DCTDecode", space=PALETTE),
    "separated jpeg 2000": pdf(encoded("JPEG2000"), "JPXDecode", space="[/Indexed /DeviceRGB 1 <000000FFFFFF>]"),
    "damaged jpeg": pdf(JPEG[: len(JPEG) // 2], "DCTDecode"),
}  # fmt: skip


@pytest.mark.parametrize("name", TAKEN)
def test_scan_that_is_taken_out_looks_as_it_is_drawn(name: str, drawn: Callable[[bytes], NDArray[np.uint8]]) -> None:
    data = TAKEN[name]
    assert scan_in(data) is not None
    page = shown(data)
    other = drawn(data)
    mine, theirs = (coarse(pixels) for pixels in (page.pixels, other))
    assert np.abs(mine - theirs).mean() < 3
    assert page.original_size in ((480, 640), (640, 480))


@pytest.mark.parametrize("name", DRAWN)
def test_page_that_could_look_different_is_drawn(name: str, drawn: Callable[[bytes], NDArray[np.uint8]]) -> None:
    data = DRAWN[name]
    assert np.array_equal(shown(data).pixels, drawn(data))
    assert name == "damaged jpeg" or scan_in(data) is None


def test_scan_is_shrunk_while_it_is_decoded() -> None:
    assert shown(TAKEN["jpeg"]).pixels.shape == (160, 120, 3)


def test_scan_coarser_than_needed_is_drawn() -> None:
    large = pdf(JPEG, "DCTDecode", matrix="1152 0 0 1536 0 0", box="0 0 1152 1536")
    with open_document(large) as document:
        assert document.page(at_least=(600, 800)).pixels.shape == (800, 600, 3)


def test_scan_is_found_where_it_lies_though_its_middle_occurs_before() -> None:
    data = bytes(range(256)) * 8 + b"end"
    decoy = data[:-3] + b"not"
    assert _place(data, b"x" + decoy + data) == 1 + len(decoy)
    assert _place(data, decoy + data + data) == len(decoy)
    assert _place(data, decoy) == -1
    assert _place(b"ab", b"xabab") == 1
