"""The quick way through a JPEG gives the pixels of the slow one, or stands aside."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("simplejpeg", reason="it has no wheels for this machine")

from imagefaulty import _raster, _turbo
from imagefaulty._codecs import Decoded


def _jpeg(size: tuple[int, int], **options: object) -> bytes:
    """A page of large and small patches, so that chroma and edges tell."""
    rng = np.random.default_rng(size)
    coarse = Image.fromarray(rng.integers(0, 255, (9, 7, 3), np.uint8)).resize(size)
    fine = rng.integers(-30, 30, (size[1], size[0], 1))
    pixels = np.clip(np.asarray(coarse, np.int16) + fine, 0, 255).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", **options)
    return stream.getvalue()


def _read(data: bytes, at_least: tuple[int, int] | None) -> Decoded:
    return _raster.RasterReader(data, "JPEG", "page", limit_pixels=10**8, limit_pages=1).read(0, at_least)


@pytest.mark.parametrize("size", [(620, 877), (619, 875), (1241, 1753), (37, 53)])
@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("progressive", [False, True])
def test_pixels_are_those_of_pillow(
    size: tuple[int, int], subsampling: int, progressive: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = _jpeg(size, quality=80, subsampling=subsampling, progressive=progressive)
    for at_least in (None, (448, 640), (150, 210), (70, 100)):
        quick = _read(data, at_least)
        with monkeypatch.context() as patched:
            patched.setattr(_raster, "decoded", lambda *_: None)
            slow = _read(data, at_least)
        assert np.array_equal(quick.pixels, slow.pixels)
        assert (quick.original_size, quick.dpi) == (slow.original_size, slow.dpi)


def test_pixels_stay_as_they_are_where_the_package_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    data = _jpeg((300, 400), quality=80, dpi=(300, 300))
    with_it = _read(data, None)
    monkeypatch.setattr(_turbo, "_codec", lambda: None)
    without = _read(data, None)
    assert np.array_equal(with_it.pixels, without.pixels)
    assert without.dpi == 300


@pytest.mark.parametrize("orientation", [3, 6])
def test_turned_pages_are_left_to_pillow(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    found = _read(_jpeg((300, 400), exif=exif), None)
    assert found.pixels.shape == ((400, 300, 3) if orientation == 3 else (300, 400, 3))


def test_untidy_files_are_left_to_pillow() -> None:
    data = _jpeg((300, 400), quality=80)
    broken = data[: len(data) // 2] + b"\x00\x00" + data[len(data) // 2 + 2 :]
    assert _turbo.decoded(b"\xff\xd8 nothing", (3, 3)) is None
    assert _turbo.decoded(data, (7, 7)) is None  # not a size that the codec gives
    found = _turbo.decoded(broken, (300, 400))
    assert found is None or found.shape == (400, 300, 3)
