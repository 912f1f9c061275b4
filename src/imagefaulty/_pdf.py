"""Pages of a PDF: scans taken out as they are, all others drawn by PDFium no larger than needed."""

from __future__ import annotations

import math
import re
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from imagefaulty._codecs import Decoded, codec_errors
from imagefaulty._pdf_scan import scan_of
from imagefaulty.errors import PageDamaged, PageEncrypted, SourceTooLarge

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pypdfium2
    from numpy.typing import NDArray

    from imagefaulty._pdf_scan import Scan

# PDFium is not thread-safe, not even for different documents. Reentrant, because the garbage collector may close a
# forgotten reader while the same thread is drawing.
_PDFIUM: Final = threading.RLock()

# A PDF has no pixels of its own. 300 dpi is what most archives scan at, so a scan put into a PDF keeps its size.
NOMINAL_DPI: Final = 300.0

_POINTS_PER_INCH: Final = 72.0
# Sides are rounded up to whole pixels; this keeps 288.00000001 from becoming 289.
_ROUNDING: Final = 1 - 1e-6
_ERROR_PASSWORD: Final = 4  # FPDF_ERR_PASSWORD
_LINEARIZED_LENGTH: Final = re.compile(rb"/Linearized\b[^>]*?/L\s+(\d+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Sheet:
    """A page as it is shown.

    Attributes:
        width: In points.
        height: In points.
        scale: Pixels per point at the nominal resolution.
    """

    width: float
    height: float
    scale: float

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in px at the nominal resolution."""
        return math.ceil(self.width * self.scale), math.ceil(self.height * self.scale)

    def suits(self, pixels: NDArray[np.uint8], at_least: tuple[int, int]) -> bool:
        """Whether a picture of the page is neither larger than the page nor smaller than it is wanted."""
        sides = zip(pixels.shape[1::-1], self.size, at_least, strict=True)
        return all(min(own, wanted) <= side <= own for side, own, wanted in sides)

    @property
    def dpi(self) -> float:
        """The nominal resolution."""
        return round(self.scale * _POINTS_PER_INCH, 2)


class PdfReader:
    """Draws the pages of one PDF; threads may share a reader, but only one draws at a time in a process.

    Args:
        data: The whole file.
        name: What messages call it.
        limit_pixels: Most pixels of one drawn page; larger pages are drawn at a lower resolution.
        limit_pages: Most pages.

    Raises:
        PageEncrypted: A password is needed.
        PageDamaged: The file is truncated or corrupt.
        SourceTooLarge: There are too many pages.
    """

    def __init__(self, data: bytes, name: str, *, limit_pixels: int, limit_pages: int) -> None:
        self._pdf: pypdfium2.PdfDocument | None = None
        self._data = data
        self._name = name
        self._limit_pixels = limit_pixels
        _refuse_truncated(data, name)
        with _PDFIUM, codec_errors(name):
            self._pdf = _open(data, name)
            self.count = len(self._pdf)
            if 0 < self.count <= limit_pages:
                self._pdf.init_forms()  # without it, what was typed into form fields stays invisible
        if not self.count:
            raise PageDamaged(f"{name} has no pages that can be found; copy or export it again")
        if self.count > limit_pages:
            self.close()
            raise SourceTooLarge(f"{name} has {self.count} pages, more than the {limit_pages} allowed; split it")

    def read(self, index: int, at_least: tuple[int, int] | None) -> Decoded:
        """Draw one page.

        Args:
            index: Which page, from 0.
            at_least: ``(width, height)`` in px that the drawn page must reach; it is never drawn at more than
                :data:`NOMINAL_DPI`, which is also what None means.

        Raises:
            PageError: The page cannot be drawn.
        """
        label = self._name if self.count == 1 else f"{self._name}, page {index + 1} of {self.count}"
        sheet, scan = self._look(index, label, taken_out=at_least is not None)
        if scan is not None and at_least is not None:
            # Outside the lock: scans are decoded side by side.
            pixels = scan.decoded(at_least, name=label, limit_pixels=self._limit_pixels)
            if pixels is not None and sheet.suits(pixels, at_least):
                return Decoded(pixels=pixels, original_size=sheet.size, dpi=sheet.dpi)
        return Decoded(pixels=self._drawn(index, label, sheet, at_least), original_size=sheet.size, dpi=sheet.dpi)

    def _look(self, index: int, label: str, *, taken_out: bool) -> tuple[_Sheet, Scan | None]:
        """Return the size of a page and, if asked for, the picture that it consists of."""
        with self._opened(index, label) as page:
            width, height = page.get_size()
            sheet = _Sheet(width, height, _nominal_scale(width, height, self._limit_pixels))
            return sheet, scan_of(page, self._data) if taken_out else None

    def _drawn(self, index: int, label: str, sheet: _Sheet, at_least: tuple[int, int] | None) -> NDArray[np.uint8]:
        scale = sheet.scale
        if at_least is not None:
            scale = min(scale, max(at_least[0] / sheet.width, at_least[1] / sheet.height) * _ROUNDING)
        with self._opened(index, label) as page:
            bitmap = page.render(scale=scale, rev_byteorder=True)
            try:
                # The array is a view of PDFium's memory, with rows padded to 4 bytes.
                return np.array(bitmap.to_numpy()[..., :3], order="C", dtype=np.uint8)
            finally:
                bitmap.close()

    @contextmanager
    def _opened(self, index: int, label: str) -> Iterator[pypdfium2.PdfPage]:
        """Open a page, with PDFium to ourselves."""
        with _PDFIUM, codec_errors(label):
            if self._pdf is None:
                raise ValueError("the document is closed")
            page = self._pdf[index]
            try:
                yield page
            finally:
                page.close()

    def close(self) -> None:
        """Free PDFium's memory; pages already drawn stay valid."""
        with _PDFIUM:
            if self._pdf is not None:
                self._pdf.close()
                self._pdf = None

    def __del__(self) -> None:
        self.close()  # pypdfium2's own finalizer would not hold the lock


def _open(data: bytes, name: str) -> pypdfium2.PdfDocument:
    import pypdfium2  # noqa: PLC0415 - 30 ms that only PDFs should cost

    try:
        return pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        if error.err_code != _ERROR_PASSWORD:
            raise
        # Some failures leave the error code of an earlier document standing, so the file itself must agree.
        if b"/Encrypt" not in data:
            raise ValueError("no pages can be found") from error
        raise PageEncrypted(f"{name} is protected by a password; save a copy without one") from error


def _refuse_truncated(data: bytes, name: str) -> None:
    """PDFium repairs a truncated file and draws empty pages, which would be reported as empty paper."""
    announced = _LINEARIZED_LENGTH.search(data, 0, 2048)
    # Searched from the end, where it stands: from the start that takes 0.6 ms for a scan of 1.6 MB.
    if data.rfind(b"startxref") < 0 or (announced and int(announced[1]) > len(data)):
        raise PageDamaged(f"{name} is truncated: the end of the PDF is missing; copy or export it again")


def _nominal_scale(width: float, height: float, limit_pixels: int) -> float:
    """Return pixels per point at the nominal resolution, or at the best one that the limit allows."""
    if not (0 < width < math.inf and 0 < height < math.inf):
        raise ValueError("the page has no area")
    # Sides are rounded up to whole pixels; the margin of 1 px per side keeps the product under the limit.
    fitting = math.sqrt(limit_pixels / (width * height)) - 1 / min(width, height)
    return min(NOMINAL_DPI / _POINTS_PER_INCH * _ROUNDING, max(fitting, 1 / max(width, height)))
