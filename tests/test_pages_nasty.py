"""Small nasty files, damage at every byte, and noise: a page or one of our errors comes out, never anything else."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagefaulty.errors import ImageFaultyError, PageError
from imagefaulty.pages import Limits, open_document
from tests.nasty.make import FOLDER, Nasty, catalogue

if TYPE_CHECKING:
    from imagefaulty.pages import Page

NASTY = sorted(catalogue(), key=lambda nasty: nasty.name)
SIGNATURES = [b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08", b"II+\0\x08\0\0\0"]
SIGNATURES += [b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51", b"RIFF\0\1\0\0WEBPVP8 ", b"GIF89a", b"BM", b"%PDF-1.4"]
TRUNCATED = [
    "baseline.jpg", "progressive.jpg", "cmyk.jpg", "plain.png", "grey16.png", "palette.png", "lzw.tif", "g4.tif",
    "jpeg.tif", "three_pages.tif", "tiled.tif", "plain.jp2", "raw.j2k", "lossy.webp", "alpha.webp", "plain.bmp",
    "animated.gif", "plain.pdf",
]  # fmt: skip


def outcomes(source: Path | bytes) -> tuple[str, ...]:
    """Open everything and return ``"ok"`` or the error code per page; any other exception is a failure."""
    codes = []
    try:
        with open_document(source, limits=Limits(pixels=10_000_000)) as document:
            for index in range(document.count):
                try:
                    check(document.page(index, at_least=(20, 20)))
                    codes.append("ok")
                except PageError as error:
                    codes.append(one_line(error))
    except ImageFaultyError as error:
        return (one_line(error),)
    return tuple(codes)


def one_line(error: ImageFaultyError) -> str:
    assert error.message
    assert "\n" not in error.message
    return error.code


def check(page: Page) -> None:
    assert page.pixels.dtype == np.uint8
    assert page.pixels.ndim == 3
    assert page.pixels.shape[2] == 3
    assert page.pixels.flags.c_contiguous


@pytest.mark.parametrize("nasty", NASTY, ids=lambda nasty: nasty.name)
def test_nasty_file_gives_what_its_readme_says(nasty: Nasty) -> None:
    assert outcomes(FOLDER / nasty.name) == nasty.pages


@pytest.mark.parametrize("nasty", [n for n in NASTY if n.look != "any" and "ok" in n.pages], ids=lambda n: n.name)
@pytest.mark.parametrize("at_least", [None, (24, 16)], ids=["full", "shrunk"])
def test_picture_of_a_nasty_file_is_right(nasty: Nasty, at_least: tuple[int, int] | None) -> None:
    with open_document(FOLDER / nasty.name) as document:
        pixels = document.page(nasty.pages.index("ok"), at_least=at_least).pixels
    height, width = pixels.shape[:2]
    seen = [pixels[y, x] for y in (height // 8, -height // 8) for x in (width // 8, -width // 8)]
    colour = [(220, 30, 30), (30, 160, 30), (30, 30, 220), (255, 255, 255)]
    grey = [(0, 0, 0), (128, 128, 128), (255, 255, 255), (255, 255, 255)]
    assert np.abs(np.array(seen, dtype=int) - (colour if nasty.look == "colour" else grey)).max() <= 8


def test_readme_lists_every_nasty_file() -> None:
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    files = {path.name for path in FOLDER.iterdir() if path.is_file()} - {"README.md", "make.py"}
    assert files == {nasty.name for nasty in NASTY}
    assert all(f"| `{name}` |" in readme for name in files)


def test_nasty_files_stay_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.iterdir() if path.is_file()) < 500_000


@pytest.mark.parametrize("name", TRUNCATED)
def test_truncation_is_an_error_of_ours_or_costs_no_pixel(name: str) -> None:
    data = (FOLDER / name).read_bytes()
    with open_document(data) as document:
        whole = [document.page(index).pixels for index in range(document.count)]
    for length in range(1, len(data), max(1, len(data) // 60)):
        try:
            with open_document(data[:length]) as document:
                for index in range(document.count):
                    try:
                        assert np.array_equal(document.page(index).pixels, whole[index])
                    except PageError:
                        continue
        except ImageFaultyError:
            continue


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_flipped_bytes_never_raise_a_foreign_error(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(TRUNCATED))
    content = bytearray((FOLDER / name).read_bytes())
    positions = st.one_of(st.integers(0, min(400, len(content) - 1)), st.integers(0, len(content) - 1))
    for position, value in data.draw(st.lists(st.tuples(positions, st.integers(0, 255)), min_size=1, max_size=6)):
        content[position] = value
    outcomes(bytes(content))


@settings(max_examples=400, deadline=None)
@given(signature=st.sampled_from([*SIGNATURES, b""]), noise=st.binary(max_size=300))
def test_noise_behind_a_signature_never_raises_a_foreign_error(signature: bytes, noise: bytes) -> None:
    outcomes(signature + noise)


def test_untidy_metadata_neither_stops_nor_leaves_the_filters_changed() -> None:
    before = list(warnings.filters)
    assert outcomes(FOLDER / "exif_damaged.jpg") == ("ok",)
    assert list(warnings.filters) == before
