"""Decoding: formats, orientation, shrinking, resolution, limits, threads."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from imagefaulty import errors
from imagefaulty.pages import Limits, open_document
from tests.nasty.make import FOLDER, pdf, picture, saved


def page_of(data: bytes, at_least: tuple[int, int] | None = None, **options: Any) -> Any:
    with open_document(data, **options) as document:
        return document.page(at_least=at_least)


def paper(width: int, height: int, mode: str = "RGB") -> Image.Image:
    """A smooth picture: its average survives any honest way of shrinking."""
    ramp = np.add.outer(np.linspace(0, 127, height), np.linspace(0, 127, width)).astype(np.uint8)
    return Image.fromarray(ramp).convert(mode)


# --- the contract of a page ---------------------------------------------------------------------------------------


def test_page_carries_its_provenance() -> None:
    data = (FOLDER / "three_pages.tif").read_bytes()
    with open_document(data, name="task 17") as document:
        page = document.page(2, at_least=(24, 16))
    assert (document.name, document.format, document.count) == ("task 17", "TIFF", 3)
    assert (page.index, page.count, page.format, page.original_size) == (2, 3, "TIFF", (96, 64))
    assert page.sha256 == document.sha256 == hashlib.sha256(data).hexdigest()
    assert page.scale == pytest.approx(0.25)


@pytest.mark.parametrize("convert", [bytes, bytearray, memoryview])
def test_content_may_come_in_any_buffer(convert: Any) -> None:
    assert page_of(convert((FOLDER / "baseline.jpg").read_bytes())).original_size == (96, 64)


@pytest.mark.parametrize("convert", [str, Path])
def test_path_may_be_text_or_path(convert: Any) -> None:
    with open_document(convert(FOLDER / "baseline.jpg")) as document:
        assert document.name.endswith("baseline.jpg")
        assert document.page().pixels.shape == (64, 96, 3)


def test_full_resolution_is_what_pillow_reads() -> None:
    data = (FOLDER / "baseline.jpg").read_bytes()
    assert np.array_equal(page_of(data).pixels, np.asarray(Image.open(io.BytesIO(data)).convert("RGB")))


def test_closed_document_says_so() -> None:
    document = open_document(FOLDER / "plain.pdf")
    page = document.page()
    document.close()
    document.close()
    assert page.pixels.mean() > 100
    with pytest.raises(ValueError, match="closed"):
        document.page()


# --- orientation --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_rotated_exif_page_is_upright(kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    options: dict[str, Any] = {"tiffinfo": {274: orientation}} if kind == "TIFF" else {"exif": exif}
    data = saved(picture(), kind, **options)
    reference = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
    page = page_of(data)
    assert np.array_equal(page.pixels, np.asarray(reference))
    assert page.original_size == reference.size


def test_sideways_page_is_shrunk_by_its_upright_sides() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    page = page_of(saved(paper(1600, 800), "JPEG", exif=exif), at_least=(200, 400))
    assert page.original_size == (800, 1600)
    assert page.pixels.shape == (400, 200, 3)


# --- shrinking ----------------------------------------------------------------------------------------------------

SHRINKABLE: dict[str, tuple[str, str, dict[str, Any]]] = {
    "JPEG": ("RGB", "JPEG", {}),
    "grey JPEG": ("L", "JPEG", {}),
    "CMYK JPEG": ("CMYK", "JPEG", {}),
    "JPEG 2000": ("RGB", "JPEG2000", {}),
    "PNG": ("RGB", "PNG", {}),
    "palette PNG": ("P", "PNG", {}),
    "alpha PNG": ("RGBA", "PNG", {}),
    "16-bit PNG": ("I;16", "PNG", {}),
    "G4": ("1", "TIFF", {"compression": "group4"}),
    "WebP": ("RGB", "WEBP", {}),
}
sides = st.integers(1, 700)


@pytest.mark.parametrize("kind", SHRINKABLE)
@settings(max_examples=15, deadline=None)
@given(width=sides, height=sides, wide=st.integers(1, 300), high=st.integers(1, 300))
def test_page_is_no_smaller_than_asked_and_less_than_twice_as_large(
    kind: str, width: int, height: int, wide: int, high: int
) -> None:
    mode, writer, options = SHRINKABLE[kind]
    page = page_of(saved(paper(width, height, mode), writer, **options), at_least=(wide, high))
    rows, columns = page.pixels.shape[:2]
    assert page.original_size == (width, height)
    assert columns >= min(wide, width)
    assert rows >= min(high, height)
    assert columns <= width
    assert rows <= height
    # One pixel of slack: sides are rounded up.
    assert min((columns - 1) / wide, (rows - 1) / high) < 2


@settings(max_examples=20, deadline=None)
@given(wide=st.integers(1, 1000), high=st.integers(1, 1000))
def test_pdf_is_drawn_just_as_large_as_asked(wide: int, high: int) -> None:
    noted = pdf(extra="/Annots [<< /Type /Annot /Subtype /Link /Rect [0 0 1 1] >>]")  # else the JPEG would be taken
    page = page_of(noted, at_least=(wide, high))
    rows, columns = page.pixels.shape[:2]
    assert page.original_size == (288, 192)
    assert columns >= min(wide, 288)
    assert rows >= min(high, 192)
    assert columns in (min(wide, 288), 288) or rows in (min(high, 192), 192)


@pytest.mark.parametrize("kind", SHRINKABLE)
def test_shrunk_page_keeps_its_brightness_everywhere(kind: str) -> None:
    mode, writer, options = SHRINKABLE[kind]
    data = saved(paper(640, 480, mode), writer, **options)
    full, small = page_of(data).pixels, page_of(data, at_least=(40, 30)).pixels
    assert small.shape == (30, 40, 3)
    blocks = full.reshape(30, 16, 40, 16, 3).mean(axis=(1, 3))
    assert np.abs(blocks - small).mean() < 2.5


def test_bilevel_page_is_averaged_not_sampled() -> None:
    lines = Image.fromarray((np.indices((800, 800)).sum(0) % 2).astype(bool))
    pixels = page_of(saved(lines, "TIFF", compression="group4"), at_least=(100, 100)).pixels
    assert set(np.unique(pixels)) <= {127, 128}


def test_bilevel_pdf_is_averaged_not_sampled() -> None:
    lines = Image.fromarray((np.indices((800, 800))[0] % 2).astype(bool))
    pixels = page_of(saved(lines, "PDF", resolution=300), at_least=(100, 100)).pixels
    assert abs(float(pixels[10:-10, 10:-10].mean()) - 127.5) < 3
    assert pixels[10:-10, 10:-10].std() < 10


def test_transparent_paper_averages_to_white() -> None:
    stripes = np.zeros((400, 400, 4), np.uint8)
    stripes[:, ::2] = (0, 0, 0, 255)  # black ink beside fully transparent black
    pixels = page_of(saved(Image.fromarray(stripes), "PNG"), at_least=(100, 100)).pixels
    assert set(np.unique(pixels)) <= {127, 128}


def test_bands_join_without_a_seam() -> None:
    tall = paper(1500, 4000, "I;16")  # 6 million pixels: several bands
    pixels = page_of(saved(tall, "PNG"), at_least=(150, 400)).pixels
    steps = np.diff(pixels[:, 75, 0].astype(int))
    assert pixels.shape == (400, 150, 3)
    assert abs(steps).max() <= 1


def test_16_bit_samples_are_scaled_not_clipped() -> None:
    values = (np.arange(65536, dtype=np.uint32).reshape(256, 256)).astype(np.uint16)
    pixels = page_of(saved(Image.fromarray(values), "PNG")).pixels
    assert np.array_equal(pixels[..., 0], (values >> 8).astype(np.uint8))


def test_jpeg_2000_is_decoded_at_reduced_resolution(monkeypatch: pytest.MonkeyPatch) -> None:
    data = saved(paper(1024, 768), "JPEG2000")
    load, seen = Image.Image.load, []

    def spy(image: Image.Image) -> Any:
        seen.append(image.size)
        return load(image)

    monkeypatch.setattr(Image.Image, "load", spy)
    page = page_of(data, at_least=(128, 96))
    assert page.pixels.shape == (96, 128, 3)
    assert (1024, 768) not in seen


@pytest.mark.parametrize("sides", [(17, 64), (64, 17), (1001, 1003), (417, 401), (33, 65), (4, 17)])
@pytest.mark.parametrize("at_least", [(2, 2), (4, 4), (8, 8), (60, 60)])
def test_jpeg_2000_of_any_size_is_reduced(sides: tuple[int, int], at_least: tuple[int, int]) -> None:
    data = saved(paper(*sides).point(lambda value: 60 + value // 2), "JPEG2000")
    full, small = page_of(data), page_of(data, at_least=at_least)
    assert full.original_size == small.original_size == sides
    assert abs(float(full.pixels.mean()) - float(small.pixels.mean())) < 16  # pages of a few pixels are coarse
    assert small.pixels.min() > 50  # no black border where nothing was decoded


def test_jpeg_2000_with_vanishing_tiles_is_decoded_in_full() -> None:
    data = saved(paper(875, 391), "JPEG2000", tile_size=(100, 130))  # the last row of tiles is 1 px high
    assert page_of(data, at_least=(217, 39)).pixels.shape == (98, 219, 3)


# --- resolution ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "dpi"),
    [
        ("baseline.jpg", 300),
        ("progressive.jpg", None),
        ("exif_damaged.jpg", None),
        ("plain.png", 200),
        ("g4.tif", 300),
        ("lzw.tif", 300),
        ("plain.bmp", 150),
        ("plain.pdf", 300),
        ("animated.gif", None),
    ],
)
def test_resolution_is_read(name: str, dpi: float | None) -> None:
    with open_document(FOLDER / name) as document:
        assert document.page().dpi == (None if dpi is None else pytest.approx(dpi, rel=1e-3))


@pytest.mark.parametrize(("unit", "value", "dpi"), [(2, 400, 400), (3, 100, 254), (1, 400, None), (2, 1, None)])
@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "TIFF"])
def test_resolution_in_tags_heeds_the_unit(kind: str, unit: int, value: int, dpi: float | None) -> None:
    tags = {282: value, 283: value, 296: unit}
    exif = Image.Exif()
    exif.update(tags)
    options: dict[str, Any] = {"tiffinfo": tags} if kind == "TIFF" else {"exif": exif}
    assert page_of(saved(picture(), kind, **options)).dpi == dpi


@pytest.mark.parametrize("dpi", [(0, 0), (1, 1), (65535, 65535), (300, 150)])
def test_absurd_resolution_is_none(dpi: tuple[int, int]) -> None:
    assert page_of(saved(picture(), "JPEG", dpi=dpi)).dpi is None


# --- PDF ----------------------------------------------------------------------------------------------------------


def test_rotated_pdf_page_is_turned() -> None:
    with open_document(FOLDER / "rotated.pdf") as document:
        page = document.page()
    assert page.original_size == (192, 288)
    assert page.pixels[20, -20].tolist() == pytest.approx([220, 30, 30], abs=8)


def test_enormous_pdf_page_is_drawn_within_the_pixel_limit() -> None:
    page = page_of((FOLDER / "enormous.pdf").read_bytes(), limits=Limits(pixels=1_000_000))
    assert page.pixels.shape[0] * page.pixels.shape[1] <= 1_000_000
    assert page.pixels.shape[0] > 990
    assert page.dpi == pytest.approx(5, rel=0.01)


def test_pdf_library_is_imported_only_for_pdfs() -> None:
    program = (
        "import sys; from imagefaulty.pages import open_document; open_document(sys.argv[1]).page();"
        "sys.exit('pypdfium2' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program, str(FOLDER / "baseline.jpg")], check=True)


def test_forgotten_pdfs_are_closed_while_others_are_drawn() -> None:
    def draw(_: int) -> float:
        return float(open_document(FOLDER / "two_pages.pdf").page(1).pixels.mean())

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(draw, range(24)))) == 1


# --- limits and errors --------------------------------------------------------------------------------------------


def test_too_many_bytes_are_refused_before_reading(tmp_path: Path) -> None:
    sparse = tmp_path / "sparse.tif"
    with sparse.open("wb") as file:
        file.truncate(10**12)
    with pytest.raises(errors.SourceTooLarge, match=r"sparse\.tif has 1000000000000 bytes.*MAX_IMAGE_BYTES"):
        open_document(sparse)
    with pytest.raises(errors.SourceTooLarge, match="the image has 11 bytes"):
        open_document(bytes(11), limits=Limits(bytes=10))


def test_exactly_the_limit_passes() -> None:
    data = (FOLDER / "baseline.jpg").read_bytes()
    assert page_of(data, limits=Limits(bytes=len(data), pixels=96 * 64, pages=1)).original_size == (96, 64)


def test_pipe_without_a_size_is_limited_too(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(bytes(100)))
    writer.start()
    with pytest.raises(errors.SourceTooLarge):
        open_document(pipe, limits=Limits(bytes=50))
    writer.join()


def test_pipe_is_read_to_its_end(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    data = saved(Image.effect_noise((800, 800), 90), "PNG")
    assert len(data) > 1 << 17  # more than a pipe holds at a time
    writer = threading.Thread(target=lambda: pipe.write_bytes(data))
    writer.start()
    with open_document(pipe) as document:
        assert document.sha256 == hashlib.sha256(data).hexdigest()
    writer.join()


def test_page_in_black_and_white_is_averaged_alike_at_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    data = saved(Image.effect_noise((1000, 1400), 90).convert("1"), "TIFF", compression="group4")
    with open_document(data) as document:
        at_once = document.page(at_least=(240, 300)).pixels
        monkeypatch.setattr("imagefaulty._raster._BAND_PIXELS", 10_000)
        in_bands = document.page(at_least=(240, 300)).pixels
    assert at_once.shape == (350, 250, 3)
    assert np.array_equal(at_once, in_bands)


@pytest.mark.parametrize("name", ["baseline.jpg", "plain.png", "lzw.tif", "plain.jp2", "lossy.webp", "animated.gif"])
def test_too_many_pixels_are_refused_before_decoding(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("PIL.Image.core.new", lambda *_: pytest.fail("memory was allocated"))
    with (
        open_document(FOLDER / name, limits=Limits(pixels=96 * 64 - 1)) as document,
        pytest.raises(errors.PageTooLarge, match=f"{name} has 96 x 64 pixels.*MAX_IMAGE_PIXELS"),
    ):
        document.page()


@pytest.mark.parametrize("kind", ["TIFF", "PNG"])
def test_the_limit_of_pillow_is_neither_asked_nor_changed(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    data = saved(paper(64, 64), kind, **({"compression": "tiff_lzw"} if kind == "TIFF" else {}))
    assert page_of(data).original_size == (64, 64)
    assert Image.MAX_IMAGE_PIXELS == 100


@pytest.mark.parametrize("name", ["three_pages.tif", "two_pages.pdf"])
def test_too_many_pages_are_refused(name: str) -> None:
    with pytest.raises(errors.SourceTooLarge, match="split it"):
        open_document(FOLDER / name, limits=Limits(pages=1))


@pytest.mark.parametrize("index", [-1, 3])
def test_page_that_is_not_there_is_missing(index: int) -> None:
    with open_document(FOLDER / "three_pages.tif") as document, pytest.raises(errors.PageMissing, match="it has 3"):
        document.page(index)


def test_bad_page_leaves_the_others_readable() -> None:
    with open_document(FOLDER / "bad_first.tif", name="stack.tif") as document:
        with pytest.raises(errors.PageDamaged, match=r"stack\.tif, page 1 of 3"):
            document.page(0)
        assert document.page(1).original_size == (96, 64)


def test_missing_file_and_directory_are_not_found(tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere.jpg", tmp_path, "a\0b", FOLDER / "empty.jpg" / "x"):
        with pytest.raises(errors.SourceNotFound):
            open_document(path)


def test_forbidden_file_is_forbidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = tmp_path / "secret.jpg"
    secret.write_bytes(b"x")
    secret.chmod(0)
    if os.access(secret, os.R_OK):  # root reads everything, so the system's answer is played

        def refuse(*_: Any, **__: Any) -> Any:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(errors.SourceForbidden, match=r"secret\.jpg may not be read; change its permissions"):
        open_document(secret)


def test_failing_disk_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(Path, "open", fail)
    with pytest.raises(errors.SourceUnreachable, match="Input/output error"):
        open_document("scan.jpg")


@pytest.mark.parametrize(
    ("name", "words"),
    [("login.jpg", "HTML.*login"), ("pointer.tif", "git lfs pull"), ("film.mp4", "video"), ("photo.heic", "HEIC")],
)
def test_stranger_is_named_with_its_cure(name: str, words: str) -> None:
    with pytest.raises(errors.PageUnsupported, match=words):
        open_document(FOLDER / name)


def test_message_stays_on_one_line_whatever_the_name() -> None:
    with pytest.raises(errors.PageEmptyFile) as caught:
        open_document(b"", name="bad\nname\udcff.jpg")
    assert "\n" not in caught.value.message
    caught.value.message.encode("utf-8")


def test_lack_of_memory_is_a_page_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*_: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(Image.Image, "load", exhausted)
    with open_document(FOLDER / "plain.png") as document, pytest.raises(errors.PageTooLarge, match="memory"):
        document.page()


# --- threads ------------------------------------------------------------------------------------------------------


def test_threads_share_documents() -> None:
    names = ["baseline.jpg", "three_pages.tif", "plain.jp2", "two_pages.pdf", "exif_damaged.jpg", "lossy.webp"]
    documents = [open_document(FOLDER / name) for name in names]
    expected = [document.page(at_least=(24, 16)).pixels for document in documents]

    def decode(number: int) -> bool:
        which = number % len(names)
        return np.array_equal(documents[which].page(at_least=(24, 16)).pixels, expected[which])

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(decode, range(240)))
    for document in documents:
        document.close()


@pytest.mark.shared
def test_labelled_pages_decode(shared_pages: Any) -> None:
    for path in shared_pages(20):
        with open_document(path) as document:
            page = document.page(at_least=(384, 512))
        assert page.pixels.shape[1] >= min(384, page.original_size[0])
