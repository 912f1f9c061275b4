"""What a file's first bytes say it is, and the few header fields that a decoder must know beforehand."""

from __future__ import annotations

import re
import struct
from typing import Final, Literal, get_args

Format = Literal["JPEG", "PNG", "TIFF", "JPEG2000", "WebP", "BMP", "GIF", "PDF"]

#: Names of the formats that can be read.
FORMATS: Final[tuple[Format, ...]] = get_args(Format)

#: Endings by which a folder's pages are found; what a file is, its first bytes decide.
SUFFIXES: Final = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".tif", ".tiff", ".jp2", ".j2k", ".jpf", ".jpx", ".j2c", ".webp"}
    | {".bmp", ".dib", ".gif", ".pdf"}
)

_SIGNATURES: Final[tuple[tuple[bytes, Format], ...]] = (
    (rb"\xff\xd8\xff", "JPEG"),
    (rb"\x89PNG\r\n\x1a\n", "PNG"),
    (rb"II[*+]\0|MM\0[*+]", "TIFF"),
    (rb"\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51", "JPEG2000"),
    (rb"RIFF....WEBP", "WebP"),
    (rb"BM.{4}\0\0\0\0.{4}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0", "BMP"),
    (rb"GIF8[79]a", "GIF"),
    # Acrobat accepts a header anywhere in the first 1024 bytes, and some mail gateways put lines before it.
    (rb".{0,1019}%PDF-", "PDF"),
)

# What people send by mistake: a pattern of the first bytes, and the words that lead to the cure.
_STRANGERS: Final[tuple[tuple[bytes, str], ...]] = (
    (rb"version https://git-lfs", "is a Git LFS pointer, not the file itself; fetch it with `git lfs pull`"),
    (rb"\s*<(!doctype html|html|head|body)", "looks like HTML; was the address a login or an error page?"),
    (rb"\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)?<svg", "is an SVG drawing; export it as PNG"),
    (rb"\s*<\?xml", "looks like XML; give the image that it describes"),
    (rb"\s*[{\[]", "looks like JSON; was the address an API answer?"),
    (rb"....ftyp(avif|avis)", "is an AVIF image; convert it to JPEG, PNG or TIFF"),
    (rb"....ftyp(heic|heix|hevc|heim|heis|mif1|msf1)", "is a HEIC image; convert it to JPEG, PNG or TIFF"),
    (rb"....ftyp|\x1a\x45\xdf\xa3|RIFF....AVI |\0\0\x01\xba", "is a video; give single frames as JPEG or PNG"),
    (rb"AT&TFORM", "is a DjVu document; convert it to PDF or TIFF"),
    (rb"8BPS", "is a Photoshop file; export it as TIFF or PNG"),
    (rb"%!PS", "is PostScript; convert it to PDF"),
    (rb"\xff\x0a|\0\0\0\x0cJXL ", "is a JPEG XL image; convert it to JPEG, PNG or TIFF"),
    (rb"PK\x03\x04", "is a ZIP archive or an office document; unpack it or export it as PDF"),
    (rb"\x1f\x8b|BZh|\xfd7zXZ|7z\xbc\xaf|Rar!|\x28\xb5\x2f\xfd", "is a compressed archive; unpack it first"),
    (rb"\0+\Z", "holds only zero bytes; copy it again"),
    (rb"[\t\n\r\x20-\x7e\x80-\xff]{1,256}\Z", "looks like text; give an image or a PDF"),
)


_UNKNOWN: Final = f"is in no known format; give one of {', '.join(FORMATS)}"

# Second bytes of JPEG markers (ITU-T T.81, table B.1).
_SOS: Final = 0xDA  # a scan begins
_MARKER: Final = 0xFF  # the first byte of all

# Second bytes of JPEG 2000 markers (ISO 15444-1, table A.2).
_COD: Final = 0x52  # coding style of all components
_COC: Final = 0x53  # coding style of one component
_SOT: Final = 0x90  # a tile begins: the main header is over

# How far the size reaches.
_WEBP_HEAD_BYTES: Final = 30
_GIF_HEAD_BYTES: Final = 10


def sniff(data: bytes) -> Format | None:
    """Return the format that the first bytes announce, or None."""
    head = data[:1024]
    return next((name for pattern, name in _SIGNATURES if re.match(pattern, head, re.DOTALL)), None)


def describe_stranger(data: bytes) -> str:
    """Say in words what a file looks like that :func:`sniff` does not know."""
    head = data[:256]
    flags = re.DOTALL | re.IGNORECASE
    return next((words for pattern, words in _STRANGERS if re.match(pattern, head, flags)), _UNKNOWN)


def jpeg_is_open_ended(data: bytes) -> bool:
    """Tell whether a JPEG has no end marker behind the start of its first scan.

    libjpeg fills what is missing with grey, also where a broken copy left zeros instead of nothing. A thumbnail in
    the EXIF has an end marker of its own, so the segments before the scan are stepped over.
    """
    at = 2
    while at + 4 <= len(data) and data[at] == _MARKER and (kind := data[at + 1]) != _SOS:
        # A marker may be preceded by any number of fill bytes, which look like the marker's own first byte.
        at += 1 if kind == _MARKER else 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return data.rfind(b"\xff\xd9", at) < 0


def jpeg2000_header(data: bytes) -> tuple[tuple[int, int], int]:
    """Read size and depth of the wavelet pyramid from a JPEG 2000 codestream (ISO 15444-1, annex A).

    Args:
        data: A JP2 file or a raw codestream.

    Returns:
        ``(width, height)`` in px, and how often the size can be halved while decoding; ``((0, 0), 0)`` where no
        codestream is found.
    """
    start = data.find(b"\xff\x4f\xff\x51")
    if start < 0 or len(data) < start + 40:
        return (0, 0), 0
    right, bottom, left, top = struct.unpack_from(">4I", data, start + 8)
    levels: list[int] = []
    at = start + 2
    while at + 10 <= len(data) and (marker := data[at + 1]) != _SOT:
        if marker in (_COD, _COC):  # the component with the least levels limits all
            levels.append(data[at + (9 if marker == _COD else 6)])
        at += 2 + max(2, int.from_bytes(data[at + 2 : at + 4], "big"))
    # An image that begins away from the origin rounds differently when halved, so it is left alone.
    return (right - left, bottom - top), 0 if left or top else min(levels, default=0)


def announced_size(data: bytes, file_format: Format) -> tuple[int, int]:
    """Return ``(width, height)`` in px for formats whose size must be known before Pillow opens the file.

    Pillow allocates the canvas of a WebP and the first frame of a GIF while it opens them, and OpenJPEG trusts the
    codestream where Pillow reads the box around it. ``(0, 0)`` for other formats, and where the header is damaged.
    """
    match file_format:
        case "WebP":
            return _webp_size(data)
        case "JPEG2000":
            return jpeg2000_header(data)[0]
        case "GIF" if len(data) >= _GIF_HEAD_BYTES:
            return struct.unpack_from("<HH", data, 6)
        case _:
            return 0, 0


def _webp_size(data: bytes) -> tuple[int, int]:
    """Read the size from a WebP header (RFC 9649)."""
    chunk, head = data[12:16], data[20:_WEBP_HEAD_BYTES]
    if len(data) < _WEBP_HEAD_BYTES:
        return 0, 0
    if chunk == b"VP8 ":
        width, height = struct.unpack("<HH", head[6:10])
        return width & 0x3FFF, height & 0x3FFF
    if chunk == b"VP8X":
        return int.from_bytes(head[4:7], "little") + 1, int.from_bytes(head[7:10], "little") + 1
    if chunk == b"VP8L":
        bits = int.from_bytes(head[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return 0, 0
