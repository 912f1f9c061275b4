"""The files that are measured: one page in every format that scans come in."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PIL import ExifTags, Image

from benchmarks.page import A4_300_DPI, benchmark_page
from benchmarks.pdfs import born_digital_pdf, scanned_pdf

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

#: What phones take at 12 megapixels, stored sideways and turned by EXIF.
_PHONE_PX = (4032, 3024)


@dataclass(frozen=True, slots=True)
class Input:
    """A file and the least work that reading it takes.

    Attributes:
        name: What it is.
        data: Its bytes.
        decode: Its decoder alone, with no more pixels than a network needs where the format allows that.
        raster: Whether the reference reads it; it reads no PDF.
        threads: Whether its decoder alone may run on many threads; PDFium may not.
    """

    name: str
    data: bytes
    decode: Callable[[], object]
    raster: bool = True
    threads: bool = True


def inputs(page: Path | None = None, *, scale: int = 1) -> tuple[str, list[Input]]:
    """Make the files.

    Args:
        page: A JPEG to make them of; None takes a labelled page, or draws one.
        scale: Divides the sides: 4 makes small files for a trial.

    Returns:
        What the page is, and the files, the colour JPEG first.
    """
    data, name = (page.read_bytes(), str(page)) if page else benchmark_page()
    with Image.open(io.BytesIO(data)) as opened:
        scan = opened.convert("RGB")
    if scale > 1:
        # Multiples of 4: Pillow cannot reduce other JPEG 2000 files, which the package gets round.
        scan = scan.resize((A4_300_DPI[0] // scale // 4 * 4, A4_300_DPI[1] // scale // 4 * 4))
        data = _saved(scan, "JPEG", quality=75, dpi=(300 // scale, 300 // scale))
    grey = scan.convert("L")
    fax = grey.point(lambda value: 255 * (value > 150)).convert("1")
    phone = scan.resize((_PHONE_PX[0] // scale, _PHONE_PX[1] // scale))
    sideways = Image.Exif()
    sideways[ExifTags.Base.Orientation] = 6
    size = (A4_300_DPI[0] // scale // 4, A4_300_DPI[1] // scale // 4)
    return name, [
        _jpeg("colour JPEG", data),
        _jpeg("grey JPEG", _saved(grey, "JPEG", quality=75)),
        _jpeg("progressive JPEG", _saved(scan, "JPEG", quality=75, progressive=True)),
        _jpeg("phone photo, 12 MP", _saved(phone, "JPEG", quality=85, exif=sideways)),
        _whole("G4 TIFF", _saved(fax, "TIFF", compression="group4")),
        _whole("LZW TIFF", _saved(scan, "TIFF", compression="tiff_lzw")),
        _whole("PNG", _saved(scan, "PNG", compress_level=6)),
        _jpeg2000("JPEG 2000", _saved(scan, "JPEG2000", quality_mode="rates", quality_layers=[16], irreversible=True)),
        Input("PDF of one scan", scanned_pdf(data, scan.size), lambda: _draft(data), raster=False),
        _pdf("born-digital PDF", born_digital_pdf(), size),
    ]


def _saved(image: Image.Image, kind: str, **options: Any) -> bytes:  # noqa: ANN401 - Pillow's own
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _draft(data: bytes) -> None:
    """Entropy decoding and hardly anything else: 1/8 of the size, brightness only. No decoder can skip that."""
    with Image.open(io.BytesIO(data)) as image:
        image.draft("L", (1, 1))
        image.decodermaxblock = len(data)  # all at once, as the package does it: 3 % less
        image.load()


def _full(data: bytes) -> None:
    with Image.open(io.BytesIO(data)) as image:
        image.load()


def _reduced(data: bytes) -> None:
    """A quarter of the size, which is what a network of 384 to 620 px needs of A4 at 300 dpi."""
    with Image.open(io.BytesIO(data)) as image:
        image.reduce = 2  # type: ignore[method-assign, assignment]  # the JPEG 2000 plugin's number of halvings
        image.load()


def _drawn(data: bytes, size: tuple[int, int]) -> None:
    import pypdfium2  # noqa: PLC0415 - as in the package

    document = pypdfium2.PdfDocument(data)
    page = document[0]
    page.render(scale=size[0] / page.get_width(), rev_byteorder=True).close()
    page.close()
    document.close()


def _jpeg(name: str, data: bytes) -> Input:
    return Input(name, data, lambda: _draft(data))


def _whole(name: str, data: bytes) -> Input:
    return Input(name, data, lambda: _full(data))


def _jpeg2000(name: str, data: bytes) -> Input:
    return Input(name, data, lambda: _reduced(data))


def _pdf(name: str, data: bytes, size: tuple[int, int]) -> Input:
    return Input(name, data, lambda: _drawn(data, size), raster=False, threads=False)
