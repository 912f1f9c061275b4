"""Bytes or a path in, pages out: decoded, shrunk on the way, upright, RGB.

Formats: JPEG, PNG, TIFF (multi-page), JPEG 2000, WebP, BMP, GIF and PDF. Only the first frame of an animated GIF,
WebP or PNG is a page.

Codecs that can shrink while decoding (JPEG, JPEG 2000, PDF) do so; of the others the page exists in full once, in
its own mode, and is averaged down block by block.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

from imagefaulty._formats import describe_stranger, sniff
from imagefaulty._pdf import PdfReader
from imagefaulty._raster import RasterReader
from imagefaulty.errors import (
    PageEmptyFile,
    PageMissing,
    PageUnsupported,
    SourceForbidden,
    SourceNotFound,
    SourceTooLarge,
    SourceUnreachable,
)

if TYPE_CHECKING:
    from io import FileIO
    from types import TracebackType
    from typing import Self

    import numpy as np
    from numpy.typing import NDArray

    from imagefaulty._codecs import Decoded

#: Asked of a pipe at a time.
_PIPE_BYTES: Final = 1 << 20

#: A page's file: its content, or where it lies.
Source: TypeAlias = "bytes | bytearray | memoryview | str | os.PathLike[str]"


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a source may cost before it is refused.

    Attributes:
        bytes: Most bytes of a file. An uncompressed A3 colour scan at 600 dpi has 209 MB, and passes.
        pixels: Most pixels of a page. An A0 sheet at 400 dpi has 248 million, and passes; a codec that cannot shrink
            while decoding needs 4 bytes for each.
        pages: Most pages of a document.
    """

    bytes: int = 256 * 2**20
    pixels: int = 300_000_000
    pages: int = 10_000


@dataclass(frozen=True, slots=True, eq=False)
class Page:
    """One decoded page.

    Attributes:
        pixels: uint8 (h, w, 3), RGB in 0..255, upright (EXIF applied), C-contiguous; possibly read-only.
        index: Number of the page in its document, from 0.
        count: Number of pages of the document.
        original_size: ``(width, height)`` in px, upright, before shrinking. Of a PDF page: at 300 dpi, or at the
            highest resolution below it that the pixel limit allows.
        dpi: Resolution of the original in dots per inch; None where the file states none, an unbelievable one, or
            two that differ.
        format: ``"JPEG" "PNG" "TIFF" "JPEG2000" "WebP" "BMP" "GIF"`` or ``"PDF"``.
        sha256: Hex digest of the source bytes.
    """

    pixels: NDArray[np.uint8]
    index: int
    count: int
    original_size: tuple[int, int]
    dpi: float | None
    format: str
    sha256: str

    @property
    def scale(self) -> float:
        """Width of the pixels over the original width; 1 where nothing was shrunk."""
        return float(self.pixels.shape[1]) / self.original_size[0]


class _Reader(Protocol):
    """What a document needs of a decoder."""

    @property
    def count(self) -> int: ...

    def read(self, index: int, at_least: tuple[int, int] | None) -> Decoded: ...


class Document:
    """The pages of one source, decoded when asked for. Made by :func:`open_document`; threads may share it.

    A context manager: leaving it frees what a PDF holds. Pages already decoded stay valid.

    Attributes:
        name: What messages call the source.
        format: One of the formats of :class:`Page`.
        sha256: Hex digest of the source bytes.
        count: Number of pages.
    """

    __slots__ = ("_reader", "count", "format", "name", "sha256")

    def __init__(self, reader: _Reader, *, name: str, file_format: str, sha256: str) -> None:
        self._reader: _Reader | None = reader
        self.name = name
        self.format = file_format
        self.sha256 = sha256
        self.count = reader.count

    def page(self, index: int = 0, *, at_least: tuple[int, int] | None = None) -> Page:
        """Decode one page.

        Args:
            index: Which page, from 0.
            at_least: ``(width, height)`` in px of the upright page that the caller needs. Both sides stay at least
                that large where the original is, and the tighter one comes out less than twice as large where the
                pixels can be averaged. Never enlarges. None: full resolution.

        Raises:
            PageMissing: There is no such page.
            PageDamaged: It is truncated or corrupt; other pages of the document may be fine.
            PageTooLarge: It has more pixels than allowed.
            PageUnsupported: It is of a kind that cannot be read.
        """
        if self._reader is None:
            raise ValueError(f"the document {self.name} is closed")
        if not 0 <= index < self.count:
            raise PageMissing(f"{self.name} has no page {index + 1}; it has {self.count}")
        decoded = self._reader.read(index, at_least)
        return Page(
            pixels=decoded.pixels,
            index=index,
            count=self.count,
            original_size=decoded.original_size,
            dpi=decoded.dpi,
            format=self.format,
            sha256=self.sha256,
        )

    def close(self) -> None:
        """Free what the document holds. Closing twice is fine."""
        reader, self._reader = self._reader, None
        if isinstance(reader, PdfReader):
            reader.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_document(source: Source, *, limits: Limits = Limits(), name: str | None = None) -> Document:
    """Open a document; its pages are decoded later, one by one.

    Args:
        source: Content of a file, or its path.
        limits: What is refused as too large.
        name: What messages call it; by default the path as given.

    Raises:
        SourceNotFound: There is no such file.
        SourceForbidden: The file may not be read.
        SourceUnreachable: The file system failed.
        SourceTooLarge: It has too many bytes or pages.
        PageEmptyFile: It has no bytes.
        PageUnsupported: It is in no known format.
        PageEncrypted: It is protected by a password.
        PageDamaged: It is a damaged PDF; damage in other formats shows when the page is decoded.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        name = _one_line(name or "the image")
        size = source.nbytes if isinstance(source, memoryview) else len(source)
        _check_bytes(size, limits.bytes, name)
        data = bytes(source)
    else:
        name = _one_line(name or os.fspath(source))
        data = _read_file(os.fspath(source), limits.bytes, name)
    if not data:
        raise PageEmptyFile(f"{name} is empty; copy or scan it again")
    file_format = sniff(data)
    if file_format is None:
        raise PageUnsupported(f"{name} {describe_stranger(data)}")
    reader: _Reader
    if file_format == "PDF":
        reader = PdfReader(data, name, limit_pixels=limits.pixels, limit_pages=limits.pages)
    else:
        reader = RasterReader(data, file_format, name, limit_pixels=limits.pixels, limit_pages=limits.pages)
    return Document(reader, name=name, file_format=file_format, sha256=hashlib.sha256(data).hexdigest())


def _one_line(name: str) -> str:
    """File names may hold line breaks and bytes that are no text; messages must not."""
    return name if name.isprintable() else name.encode("unicode_escape").decode("ascii")


def _rest(file: FileIO, most: int) -> bytes:
    """Return what is left of a file, but no more bytes than wanted."""
    parts: list[bytes] = []
    while most > 0 and (part := file.read(min(most, _PIPE_BYTES))):
        parts.append(part)
        most -= len(part)
    return b"".join(parts)


def _check_bytes(size: int, limit: int, name: str) -> None:
    if size > limit:
        raise SourceTooLarge(
            f"{name} has {size} bytes, more than the {limit} allowed; save it smaller or raise MAX_IMAGE_BYTES"
        )


def _read_file(path: str, limit: int, name: str) -> bytes:
    try:
        with Path(path).open("rb", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            _check_bytes(size, limit, name)
            # No more room than the file needs: asked for `limit + 1` bytes, Python maps that much memory and gives
            # the rest back, which costs 1 ms a page.
            data = file.read(size + 1)
            if len(data) != size:  # a pipe states no size, a file may grow, and one call may return less than all
                data += _rest(file, limit + 1 - len(data))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise SourceNotFound(f"there is no file {name}; check the path") from error
    except IsADirectoryError as error:
        raise SourceNotFound(f"{name} is a directory; give the files in it") from error
    except PermissionError as error:
        raise SourceForbidden(f"{name} may not be read; change its permissions") from error
    except ValueError as error:  # a null byte
        raise SourceNotFound(f"{name} is not a path that a file can have; check the path") from error
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise SourceUnreachable(f"{name} could not be read ({reason}); check the disk or the network share") from error
    _check_bytes(len(data), limit, name)
    return data
