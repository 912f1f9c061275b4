"""The picture of a PDF page that is nothing but a scan, taken out as it was put in.

PDFium decodes an embedded picture in full before it shrinks it, one page at a time in a process. Taken out, a JPEG or
JPEG 2000 is shrunk while it is decoded, and pages are decoded side by side. That is done only where the page cannot
look different: one picture that covers the page, in plain colours, upright or turned by quarters, without masks, and
no other marks but invisible text, as OCR adds it. All other pages are drawn.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from imagefaulty._codecs import Decoded
from imagefaulty._formats import sniff
from imagefaulty._raster import RasterReader
from imagefaulty.errors import ImageFaultyError

if TYPE_CHECKING:
    import pypdfium2
    from numpy.typing import NDArray

    from imagefaulty._formats import Format

#: How far the picture's edges may lie from the page's, as a share of the page's side, and its proportions from the
#: page's: scanning programs round both. A hundredth of A4 are 2 mm.
_TOLERANCE: Final = 0.01
#: More objects than an OCR program writes words on a page are a drawing, and take long to look through.
_MOST_OBJECTS: Final = 5000
#: A dictionary of a picture is a few hundred bytes; further back stands something else.
_DICTIONARY_BYTES: Final = 2048
#: So much of a stream is searched for before all of it is compared.
_PIECE_BYTES: Final = 256
#: What changes how a picture looks: reversed or remapped values, soft masks, stencils, layers.
_CHANGES_LOOK: Final = re.compile(rb"/Decode[\s\[]|/S?Mask\b|/ImageMask\s+true|/Alternates|/OC\b|/Matte|/SMaskInData")
#: JPEG 2000 brings its own colours, unless the PDF says otherwise.
_JPX_PLAIN: Final = re.compile(rb"\A(?!.*/ColorSpace)|/ColorSpace\s*/Device(RGB|Gray)\b", re.DOTALL)
_GROUP_4: Final = re.compile(rb"/K\s*-\d")
_FAX_ODDITIES: Final = re.compile(rb"/EncodedByteAlign\s+true|/DecodeParms\s+\d")
_COLUMNS: Final = re.compile(rb"/Columns\s+(\d+)\b(?!\s+\d+\s+R)")


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """A picture that is a whole page.

    Attributes:
        data: A file that can be decoded.
        format: Its format.
        quarter_turns: How often it must be turned by 90 degrees clockwise to stand as on the page.
    """

    data: bytes
    format: Format
    quarter_turns: int

    def decoded(self, at_least: tuple[int, int], *, name: str, limit_pixels: int) -> NDArray[np.uint8] | None:
        """Return the pixels, uint8 (h, w, 3) RGB, upright; None where the file cannot be decoded.

        Args:
            at_least: ``(width, height)`` of the upright page that is needed, as for ``Document.page``.
            name: What messages call it.
            limit_pixels: Most pixels of the picture.
        """
        wanted = at_least[::-1] if self.quarter_turns % 2 else at_least
        try:
            reader = RasterReader(
                self.data, self.format, name, limit_pixels=limit_pixels, limit_pages=1, heed_exif=False
            )
            found: Decoded = reader.read(0, wanted)
        except ImageFaultyError:
            return None  # PDFium may be more forgiving
        return np.ascontiguousarray(np.rot90(found.pixels, -self.quarter_turns))


def scan_of(page: pypdfium2.PdfPage, file: bytes) -> Scan | None:
    """Return the picture that the page consists of, or None where it must be drawn.

    Args:
        page: The page. The caller holds PDFium's lock.
        file: The PDF.
    """
    picture = _only_picture(page)
    if picture is None:
        return None
    turns = _turns(page, picture)
    if turns is None or not _is_plain(picture):
        return None
    data = bytes(picture.get_data(decode_simple=False))
    # Streams stand in the file as they are, behind their dictionary; not in an encrypted one, which is drawn.
    start = _place(data, file)
    before = file[max(0, start - _DICTIONARY_BYTES) : start]
    dictionary = before[before.rfind(b" obj") :] if b" obj" in before else b""
    if start < 0 or not dictionary or _CHANGES_LOOK.search(dictionary):
        return None
    return _as_file(data, dictionary, picture, turns)


def _place(data: bytes, file: bytes) -> int:
    """Return where the file first holds the data, or -1.

    Searching for all of a scan of 1.7 MB takes 1.6 ms; for a piece from its middle, where no two scans are alike, and
    comparing the rest 0.2 ms.
    """
    middle = len(data) // 2
    start = file.find(data[middle : middle + _PIECE_BYTES]) - middle
    return start if start >= 0 and file.startswith(data, start) else file.find(data)


def _only_picture(page: pypdfium2.PdfPage) -> pypdfium2.PdfImage | None:
    from pypdfium2 import raw  # noqa: PLC0415 - 30 ms that only PDFs should cost

    if raw.FPDFPage_GetAnnotCount(page) or raw.FPDFPage_CountObjects(page) > _MOST_OBJECTS:
        return None
    found: pypdfium2.PdfImage | None = None
    for each in page.get_objects(max_depth=1):
        if each.type == raw.FPDF_PAGEOBJ_IMAGE and found is None:
            found = each
        elif (
            each.type != raw.FPDF_PAGEOBJ_TEXT
            or raw.FPDFTextObj_GetTextRenderMode(each) != raw.FPDF_TEXTRENDERMODE_INVISIBLE
        ):
            return None
    if found is None or raw.FPDFPageObj_HasTransparency(found):
        return None
    clips = raw.FPDFPageObj_GetClipPath(found)
    return None if clips and raw.FPDFClipPath_CountPaths(clips) > 0 else found


def _is_plain(picture: pypdfium2.PdfImage) -> bool:
    """Whether its numbers are grey values or red, green and blue."""
    from pypdfium2 import raw  # noqa: PLC0415

    plain = {
        raw.FPDF_COLORSPACE_DEVICEGRAY: (1, 8),
        raw.FPDF_COLORSPACE_CALGRAY: (1, 8),
        raw.FPDF_COLORSPACE_DEVICERGB: (24,),
        raw.FPDF_COLORSPACE_CALRGB: (24,),
        raw.FPDF_COLORSPACE_ICCBASED: (1, 8, 24),
    }
    if picture.get_filters() == ["JPXDecode"]:
        plain = {raw.FPDF_COLORSPACE_UNKNOWN: (8, 24)}  # PDFium does not look into JPEG 2000; _as_file does
    about = picture.get_metadata()
    return about.bits_per_pixel in plain.get(about.colorspace, ())


def _turns(page: pypdfium2.PdfPage, picture: pypdfium2.PdfImage) -> int | None:
    """Clockwise quarter turns from the picture to the page as shown; None where it does not just cover the page."""
    left, bottom, right, top = page.get_bbox()
    width, height = right - left, top - bottom
    a, b, c, d, e, f = picture.get_matrix().get()
    slack = _TOLERANCE * max(width, height)
    if width <= 0 or height <= 0:
        return None
    if abs(b) < slack and abs(c) < slack and a > 0 and d > 0:
        turns, spans = 0, (e, f, e + a, f + d)
    elif abs(b) < slack and abs(c) < slack and a < 0 and d < 0:
        turns, spans = 2, (e + a, f + d, e, f)
    elif abs(a) < slack and abs(d) < slack and b < 0 < c:
        turns, spans = 1, (e, f + b, e + c, f)
    elif abs(a) < slack and abs(d) < slack and c < 0 < b:
        turns, spans = 3, (e + c, f, e, f + b)
    else:
        return None
    covers = all(abs(x - y) <= slack for x, y in zip(spans, (left, bottom, right, top), strict=True))
    pixels = picture.get_px_size()[::-1] if turns % 2 else picture.get_px_size()
    stretch = (pixels[0] * height) / max(1.0, pixels[1] * width)
    return (turns + page.get_rotation() // 90) % 4 if covers and abs(stretch - 1) <= _TOLERANCE else None


def _as_file(data: bytes, dictionary: bytes, picture: pypdfium2.PdfImage, turns: int) -> Scan | None:
    filters = picture.get_filters()
    kind = sniff(data)
    if filters == ["DCTDecode"] and kind == "JPEG":
        return Scan(data, "JPEG", turns)
    if filters == ["JPXDecode"] and kind == "JPEG2000" and _JPX_PLAIN.search(dictionary):
        return Scan(data, "JPEG2000", turns)
    columns = _COLUMNS.search(dictionary)
    width, height = picture.get_px_size()
    if filters != ["CCITTFaxDecode"] or columns is None or int(columns[1]) != width:
        return None
    if not _GROUP_4.search(dictionary) or _FAX_ODDITIES.search(dictionary):
        return None
    inverted = re.search(rb"/BlackIs1\s+true", dictionary) is not None
    return Scan(_group_4_tiff(data, width, height, inverted=inverted), "TIFF", turns)


def _group_4_tiff(data: bytes, width: int, height: int, *, inverted: bool) -> bytes:
    """Put a header before fax data (TIFF 6.0, sections 2 and 11)."""
    fields = (
        (256, 4, width),
        (257, 4, height),
        (258, 3, 1),  # bits per sample
        (259, 3, 4),  # compression: Group 4
        (262, 3, 1 if inverted else 0),  # which is white, 0 or 1
        (273, 4, 8),  # where the data begin
        (277, 3, 1),  # samples per pixel
        (278, 4, height),  # rows in the one strip
        (279, 4, len(data)),
    )
    directory = struct.pack("<H", len(fields))
    for tag, kind, value in fields:
        directory += struct.pack("<HHII", tag, kind, 1, value)
    padding = b"\0" * (len(data) % 2)
    header = b"II*\0" + struct.pack("<I", 8 + len(data) + len(padding))
    return header + data + padding + directory + b"\0\0\0\0"
