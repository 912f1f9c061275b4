"""Regions → Label Studio's brush: a run-length code of the whole image, four equal bytes for each pixel.

The code is a stream of bits, highest first: the number of bytes (32 bits), the bits of a byte less one (5), four
lengths less one (4 each), then runs: a 1, which of the four lengths follows (2), the run's bytes less one in so many
bits, and the byte. (Runs of differing bytes, which begin with a 0, are not needed for a mask.)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise
from typing import Final

from imagefaulty.evidence import Region

_CHANNELS: Final = 4
_WORD_BITS: Final = 8
# Rows of a scan take 10 to 14 bits, stretches of many empty rows the 16 that the format allows at most.
_LENGTH_BITS: Final = (6, 10, 14, 16)
_LONGEST: Final = 1 << _LENGTH_BITS[-1]

#: Left and right end of a stretch of pixels, the right one outside.
_Span = tuple[int, int]


def brush(regions: Sequence[Region], size: tuple[int, int]) -> list[int]:
    """Return the run-length code of a mask that covers the regions.

    Args:
        regions: Places on the page.
        size: (width, height) of the page in px.

    Returns:
        The code, a byte an item.
    """
    width, height = size
    bits = [f"{width * height * _CHANNELS:032b}", f"{_WORD_BITS - 1:05b}"]
    bits += [f"{length - 1:04b}" for length in _LENGTH_BITS]
    runs = _runs(list(_bands(regions, size)), width)
    for inside, group in groupby(runs, key=lambda run: run[0]):
        bits.append(_coded(inside=inside, length=_CHANNELS * sum(length for _, length in group)))
    stream = "".join(bits)
    stream += "0" * (-len(stream) % 8)
    return list(int(stream, 2).to_bytes(len(stream) // 8, "big"))


def _coded(*, inside: bool, length: int) -> str:
    bits = []
    while length:
        part = min(length, _LONGEST)
        kind = next(i for i, size in enumerate(_LENGTH_BITS) if part <= 1 << size)
        bits.append(
            f"1{kind:02b}{part - 1:0{_LENGTH_BITS[kind]}b}{'1' if inside else '0'}{'1111111' if inside else '0000000'}"
        )
        length -= part
    return "".join(bits)


def _runs(bands: list[tuple[int, list[_Span]]], width: int) -> Iterator[tuple[bool, int]]:
    """Yield the runs of pixels, row by row: whether they are inside, and how many they are."""
    for rows, spans in bands:
        if not spans:
            yield False, rows * width
            continue
        row = []
        end = 0
        for left, right in spans:
            row += [(False, left - end), (True, right - left)]
            end = right
        row.append((False, width - end))
        row = [(inside, length) for inside, length in row if length]
        for _ in range(rows):
            yield from row


def _bands(regions: Sequence[Region], size: tuple[int, int]) -> Iterator[tuple[int, list[_Span]]]:
    """Yield stretches of equal rows: how many rows, and which pixels of each are inside."""
    width, height = size
    cells = [cell for region in regions for cell in _cells(region, width, height)]
    edges = sorted({0, height, *(edge for _, _, top, bottom in cells for edge in (top, bottom))})
    for top, bottom in pairwise(edges):
        yield bottom - top, _joined(sorted((left, right) for left, right, t, b in cells if t <= top and bottom <= b))


def _cells(region: Region, width: int, height: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield the cells of a region as (left, right, top, bottom) in px, cut off at the page's edge."""
    x, y, across, down = region.box
    for number, row in enumerate(region.shape):
        top, bottom = (min(max(y + round(down * n / len(region.shape)), 0), height) for n in (number, number + 1))
        for column, inside in enumerate(row):
            left, right = (min(max(x + round(across * n / len(row)), 0), width) for n in (column, column + 1))
            if inside and left < right and top < bottom:
                yield left, right, top, bottom


def _joined(spans: Sequence[_Span]) -> list[_Span]:
    """Join spans, sorted by their left end, that touch or overlap."""
    joined: list[_Span] = []
    for left, right in spans:
        if joined and left <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], right))
        else:
            joined.append((left, right))
    return joined
