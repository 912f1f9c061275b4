"""Raster images through Pillow: opened by header, shrunk while decoding, upright, RGB."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from PIL import ExifTags, Image
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.Jpeg2KImagePlugin import Jpeg2KImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from imagefaulty._codecs import Decoded, check_pixels, codec_errors, despite_warnings
from imagefaulty._formats import announced_size, jpeg2000_header, jpeg_is_open_ended
from imagefaulty._tiff import find_directories, open_tiff_page, starting_at
from imagefaulty._turbo import decoded
from imagefaulty.errors import PageUnsupported

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray
    from PIL.ImageFile import ImageFile

    from imagefaulty._formats import Format

Size = tuple[int, int]


class _Jpeg2KPage(Jpeg2KImageFile):
    """Decodes at reduced resolution whatever the size.

    A side of 17 px halved twice has 5 px (ISO 15444-1, B.5: rounded up), but Pillow 12 and 13 expect the nearest, 4,
    and then call the file broken. Rounded up to whole blocks beforehand, both agree.
    """

    def load(self) -> Image.core.PixelAccess | None:  # type: ignore[name-defined]  # as Pillow declares it
        if self.tile and self._reduce:
            self._size = (_round_up(self._size[0], 1 << self._reduce), _round_up(self._size[1], 1 << self._reduce))
        return super().load()


def _round_up(side: int, step: int) -> int:
    return -(-side // step) * step


# Plugins are called directly: `Image.open` would try all of them, and checks sizes against a limit of the process.
_PLUGINS: Final[Mapping[Format, type[ImageFile]]] = {
    "JPEG": JpegImageFile,
    "PNG": PngImageFile,
    "JPEG2000": _Jpeg2KPage,
    "WebP": WebPImageFile,
    "BMP": BmpImageFile,
    "GIF": GifImageFile,
}

# How to stand a picture upright, by the value of the EXIF tag Orientation (JEITA CP-3451, 4.6.4 A).
_UPRIGHT: Final[Mapping[int, Image.Transpose]] = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

_SIDEWAYS: Final = (5, 6, 7, 8)

# Pages that need converting are converted in bands of this many pixels, so that the full page never exists as RGB.
_BAND_PIXELS: Final = 1 << 20

_JFIF_INCH, _JFIF_CM = 1, 2

# Below 10 dpi an A4 page has fewer than 100 pixels; values of 0, 1 and 65535 are placeholders of software.
_LEAST_DPI, _MOST_DPI, _DPI_TOLERANCE = 10, 10_000, 0.1

_EXIF_TAGS: Final = (
    ExifTags.Base.Orientation,
    ExifTags.Base.XResolution,
    ExifTags.Base.YResolution,
    ExifTags.Base.ResolutionUnit,
)


class RasterReader:
    """Decodes the pages of one raster file. Every call opens the bytes anew, so threads may share a reader.

    Args:
        data: The whole file.
        file_format: What :func:`~imagefaulty._formats.sniff` made of it.
        name: What messages call it.
        limit_pixels: Most pixels of one page.
        limit_pages: Most pages of a TIFF.
        heed_exif: Turn as EXIF says. Pictures inside a PDF are turned by the PDF alone.

    Raises:
        SourceTooLarge: There are too many pages.
    """

    def __init__(
        self,
        data: bytes,
        file_format: Format,
        name: str,
        *,
        limit_pixels: int,
        limit_pages: int,
        heed_exif: bool = True,
    ) -> None:
        self._data = data
        self._format = file_format
        self._name = name
        self._limit_pixels = limit_pixels
        self._heed_exif = heed_exif
        self._directories = [0]
        if file_format == "TIFF":
            with codec_errors(name):
                self._directories = find_directories(data, limit=limit_pages, label=name)

    @property
    def count(self) -> int:
        """Number of pages; 1 for all formats but TIFF (only the first frame of an animation is a page)."""
        return len(self._directories)

    def read(self, index: int, at_least: Size | None) -> Decoded:
        """Decode one page.

        Args:
            index: Which page, from 0.
            at_least: ``(width, height)`` below which the upright page must not be shrunk, or None for full size.

        Raises:
            PageError: The page is damaged, too large or of a kind that cannot be read.
        """
        label = self._name if self.count == 1 else f"{self._name}, page {index + 1} of {self.count}"
        with codec_errors(label):
            try:
                return despite_warnings(lambda: self._decode(self._data, index, at_least, label))
            except OSError:
                if not self._has_second_chance(index, at_least):
                    raise
            # libtiff reads the first directory whichever is asked for: if that is damaged, hide it.
            data = starting_at(self._data, self._directories[index]) if index else self._data
            return despite_warnings(lambda: self._decode(data, index, at_least, label, in_codec=False))

    def _has_second_chance(self, index: int, at_least: Size | None) -> bool:
        """Pillow fails on reduced JPEG 2000 tiles whose last row or column vanishes: that is not the file's fault."""
        return index > 0 if self._format == "TIFF" else self._format == "JPEG2000" and at_least is not None

    def _decode(self, data: bytes, index: int, at_least: Size | None, label: str, *, in_codec: bool = True) -> Decoded:
        with self._open(data, index, label) as image:
            check_pixels(image.size, limit=self._limit_pixels, label=label)
            stored_size = image.size
            # Drafting a JPEG needs the orientation before the pixels; a PNG may keep its EXIF behind them.
            exif = _exif(image) if self._heed_exif and self._format == "JPEG" else {}
            if in_codec:
                self._shrink_in_codec(image, _stored(at_least, exif))
            if self._format == "JPEG":
                image.decodermaxblock = len(data)  # all at once: saves 3 % of the decoding; the default is 64 KiB
                if (quick := _at_once(data, image, at_least, exif)) is not None:
                    return Decoded(quick, stored_size, _dpi(image.info, exif))
            _load(image, label)
            if self._heed_exif and self._format not in ("JPEG", "TIFF"):  # Pillow has stood a TIFF upright already
                exif = _exif(image)
            small = _shrink(image, _stored(at_least, exif))
            dpi = _dpi(image.info, exif)
        orientation = exif.get(ExifTags.Base.Orientation, 1)
        if orientation in _UPRIGHT:
            small = small.transpose(_UPRIGHT[orientation])
        return Decoded(
            pixels=np.asarray(small if small.mode == "RGB" else small.convert("RGB")),
            original_size=stored_size[::-1] if orientation in _SIDEWAYS else stored_size,
            dpi=dpi,
        )

    def _open(self, data: bytes, index: int, label: str) -> ImageFile:
        """Open the file so far that size and mode are known."""
        if self._format == "TIFF":
            return open_tiff_page(data, self._directories[index])
        if self._format == "JPEG" and jpeg_is_open_ended(data):
            raise EOFError("the end is missing")
        check_pixels(announced_size(data, self._format), limit=self._limit_pixels, label=label)
        return _PLUGINS[self._format](io.BytesIO(data))

    def _shrink_in_codec(self, image: ImageFile, wanted: Size | None) -> None:
        """Ask codecs that can for a smaller picture: half, quarter, eighth ... but no less than wanted."""
        if wanted is None:
            return
        if isinstance(image, JpegImageFile):
            image.draft(None, wanted)
        elif isinstance(image, Jpeg2KImageFile) and image.mode not in ("P", "PA"):  # indices cannot be averaged
            levels = jpeg2000_header(self._data)[1]
            image.reduce = min(levels, _factor(image.size, wanted).bit_length() - 1)


def _at_once(data: bytes, image: ImageFile, wanted: Size | None, exif: Mapping[int, Any]) -> NDArray[np.uint8] | None:
    """Decode an upright colour JPEG without Pillow, if it needs no more shrinking than libjpeg's."""
    turned = exif.get(ExifTags.Base.Orientation) in _UPRIGHT
    if image.mode != "RGB" or turned or (wanted and _factor(image.size, wanted) > 1):
        return None
    return decoded(data, image.size)


def _stored(at_least: Size | None, exif: Mapping[int, Any]) -> Size | None:
    """Turn a size of the upright page into one of the picture as stored."""
    if at_least is None or exif.get(ExifTags.Base.Orientation) not in _SIDEWAYS:
        return at_least
    return at_least[1], at_least[0]


def _load(image: ImageFile, label: str) -> None:
    """Decode the pixels."""
    if image.mode in ("I", "F"):
        raise PageUnsupported(f"{label} has 32-bit samples; save it with 8 or 16 bits per sample")
    image.load()
    if isinstance(image, Jpeg2KImageFile):
        image.reduce = 0  # the plugin's own number hides the method that _shrink calls


def _shrink(image: Image.Image, wanted: Size | None) -> Image.Image:
    """Average whole blocks of pixels, so that both sides stay at least as wanted; returns mode L or RGB."""
    factor = _factor(image.size, wanted) if wanted else 1
    if image.mode in ("L", "RGB") and not image.has_transparency_data:
        return image.reduce(factor) if factor > 1 else image
    deep = _Samples(image)
    if factor == 1:
        return _flat(image, deep)
    width, height = image.size
    rows = max(1, _BAND_PIXELS // (width * factor)) * factor
    small: Image.Image | None = None
    for top in range(0, height, rows):
        band = _flat(image.crop((0, top, width, min(top + rows, height))), deep).reduce(factor)
        if small is None:
            small = Image.new(band.mode, (band.width, math.ceil(height / factor)))
        small.paste(band, (0, top // factor))
    return small or image


def _factor(size: Size, wanted: Size) -> int:
    return max(1, min(size[0] // max(1, wanted[0]), size[1] // max(1, wanted[1])))


class _Samples:
    """How 16-bit grey samples become 8-bit ones: Pillow neither scales 12 bits nor heeds min-is-white there."""

    def __init__(self, image: Image.Image) -> None:
        tags: Mapping[int, Any] = image.tag_v2 if isinstance(image, TiffImageFile) else {}
        bits = tags.get(ExifTags.Base.BitsPerSample, (16,))
        self.shift = max(0, int(bits[0] if isinstance(bits, tuple) else bits) - 8)
        self.min_is_white = tags.get(ExifTags.Base.PhotometricInterpretation) == 0

    def to_8_bit(self, image: Image.Image) -> Image.Image:
        values: NDArray[np.uint8] = (np.asarray(image) >> self.shift).astype(np.uint8)
        return Image.fromarray(255 - values if self.min_is_white else values)


def _flat(image: Image.Image, samples: _Samples) -> Image.Image:
    """Return the image in mode L or RGB; what is transparent lies on white paper."""
    if image.mode.startswith("I;16"):
        return samples.to_8_bit(image)
    if image.has_transparency_data:
        paper = Image.new("RGBA", image.size, "white")
        paper.alpha_composite(image.convert("RGBA"))
        return paper.convert("RGB")
    return image.convert("L" if image.mode in ("1", "L") else "RGB")


def _exif(image: Image.Image) -> dict[int, Any]:
    """Return orientation and resolution from EXIF; nothing where it is damaged, for the pixels may be fine."""
    try:
        exif = image.getexif()
        return {tag: value for tag in _EXIF_TAGS if (value := exif.get(tag)) is not None}
    except Warning:
        raise
    except Exception:  # noqa: BLE001 - the parser throws whatever a damaged field leads to
        return {}


def _dpi(info: Mapping[Any, Any], exif: Mapping[int, Any]) -> float | None:
    """Return the resolution in dots per inch where the file states a believable one."""
    if info.get("jfif_unit") in (_JFIF_INCH, _JFIF_CM) and "jfif_density" in info:
        per_inch = 2.54 if info["jfif_unit"] == _JFIF_CM else 1.0
        return believable_dpi(info["jfif_density"], per_inch)
    if ExifTags.Base.XResolution in exif:
        unit = exif.get(ExifTags.Base.ResolutionUnit, 2)  # the standard's default is the inch
        across = exif[ExifTags.Base.XResolution]
        along = exif.get(ExifTags.Base.YResolution, across)
        return believable_dpi((across, along), {2: 1.0, 3: 2.54}.get(unit, 0.0))
    # Pillow invents 72 dpi for a JPEG whose EXIF holds no resolution.
    if "dpi" not in info or "exif" in info:
        return None
    return believable_dpi(info["dpi"], 1.0)


def believable_dpi(dots: Sequence[Any], per_inch: float) -> float | None:
    """Return dots per inch, or None where no scanner writes such a number.

    Args:
        dots: Dots per unit, across and along. One number cannot tell lengths where they differ by over a tenth.
        per_inch: Units per inch.
    """
    try:
        across, along = (float(value) * per_inch for value in dots)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    believable = _LEAST_DPI <= across <= _MOST_DPI and abs(across - along) <= _DPI_TOLERANCE * across
    return round(across, 2) if believable else None
