"""Pages of a TIFF: where its directories lie, and one page decoded without touching the others."""

from __future__ import annotations

import io
import struct
from typing import Final

from PIL import Image, ImageFile
from PIL.TiffImagePlugin import TiffImageFile

from imagefaulty.errors import SourceTooLarge

_NEW_SUBFILE_TYPE: Final = 254
_REDUCED_IMAGE, _MASK = 1, 4  # bits of NewSubfileType
_SHORT: Final = 3  # the field type of 16-bit numbers
_BIG_TIFF: Final = 43


class _Layout:
    """Where numbers lie in a TIFF: byte order, and classic or BigTIFF field widths."""

    def __init__(self, data: bytes) -> None:
        self.order = "<" if data[:1] == b"I" else ">"
        self.big = _BIG_TIFF in data[2:4]
        self.offset = "Q" if self.big else "I"
        self.count = "Q" if self.big else "H"
        self.entry_bytes = 20 if self.big else 12
        self.first_at = 8 if self.big else 4

    def read(self, code: str, data: bytes, at: int) -> int:
        """Return one number at a byte offset.

        Raises:
            struct.error: It lies outside the data.
        """
        if at > len(data):
            raise struct.error("outside the file")  # far outside, unpack_from raises OverflowError instead
        value: int = struct.unpack_from(self.order + code, data, at)[0]
        return value


def find_directories(data: bytes, *, limit: int, label: str) -> list[int]:
    """Return the byte offset of the directory of every page.

    Thumbnails and masks are left out. A directory that lies outside the file (a truncated TIFF) is listed, so that
    it is reported as a damaged page rather than forgotten; the chain ends there.

    Args:
        data: The whole file.
        limit: Most pages allowed.
        label: What the message calls the file.

    Raises:
        SourceTooLarge: There are more than ``limit`` pages.
    """
    layout = _Layout(data)
    pages: list[int] = []
    others: list[int] = []
    seen = {0}
    at = layout.read(layout.offset, data.ljust(16, b"\0"), layout.first_at)
    while at not in seen:
        seen.add(at)
        subfile_type, following = _directory(data, at, layout)
        (others if subfile_type & (_REDUCED_IMAGE | _MASK) else pages).append(at)
        if len(seen) > limit + 1:
            raise SourceTooLarge(f"{label} has more than {limit} pages; split it")
        at = following
    return pages or others or [0]


def _directory(data: bytes, at: int, layout: _Layout) -> tuple[int, int]:
    """Return NewSubfileType and the offset of the next directory; zeros where the directory is cut off."""
    try:
        entries = layout.read(layout.count, data, at)
        first = at + struct.calcsize(layout.order + layout.count)
        following = layout.read(layout.offset, data, first + entries * layout.entry_bytes)
    except struct.error:
        return 0, 0
    # Entries are sorted by tag and NewSubfileType is the lowest tag in use, so it is the first or absent.
    if layout.read("H", data, first) != _NEW_SUBFILE_TYPE:
        return 0, following
    short = layout.read("H", data, first + 2) == _SHORT
    return layout.read("H" if short else "I", data, first + layout.entry_bytes - (8 if layout.big else 4)), following


def has_directory(data: bytes, at: int) -> bool:
    """Tell whether a directory with at least one entry lies wholly inside the file."""
    layout = _Layout(data)
    try:
        entries = layout.read(layout.count, data, at)
        layout.read(
            layout.offset, data, at + struct.calcsize(layout.order + layout.count) + entries * layout.entry_bytes
        )
    except struct.error:
        return False
    return at > 0 and entries > 0


def starting_at(data: bytes, directory: int) -> bytes:
    """Return a copy of the file whose header names that directory as the first."""
    layout = _Layout(data)
    at = layout.first_at
    link = struct.pack(layout.order + layout.offset, directory)
    return b"".join((data[:at], link, memoryview(data)[at + len(link) :]))


class _StartingAt(io.BytesIO):
    """A TIFF whose header names a later directory as the first, without a copy of the file.

    Pillow can only walk from the first directory to the n-th, which costs n steps per page and ends at the first
    damaged one.
    """

    def __init__(self, data: bytes, directory: int) -> None:
        super().__init__(data)
        self._header = starting_at(data[:16], directory)

    def read(self, size: int | None = -1, /) -> bytes:
        start = self.tell()
        chunk = super().read(size)
        return self._header[start : start + len(chunk)] + chunk[max(0, len(self._header) - start) :]


class _TiffPage(TiffImageFile):
    """One page. The caller has checked its size against the limit, so Pillow's own, global limit is not asked."""

    def load_prepare(self) -> None:
        if self._im is None:
            self.im = Image.new(self.mode, self._tile_size, None).im
        ImageFile.ImageFile.load_prepare(self)


def open_tiff_page(data: bytes, directory: int) -> TiffImageFile:
    """Open the page whose directory lies at that byte offset; only its tags are read.

    Raises:
        Exception: Whatever Pillow makes of damaged tags.
    """
    if not has_directory(data, directory):
        raise EOFError("the file ends before the page begins")
    return _TiffPage(_StartingAt(data, directory))
