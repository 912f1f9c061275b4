"""A folder of 500 pages, on one worker, on two, and on one per processor."""

from __future__ import annotations

import hashlib
import io
import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from benchmarks.row import Row
from benchmarks.timing import Timing, interleaved

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from imagefaulty.inspection import Inspector

#: Gone through slice by slice, in turn with one worker and with all, so that both meet the same machine. The slices
#: are the same files again: 500 different ones would only show how fast the disk is.
_SLICES = 20
_SECONDS_A_DAY = 86_400
#: Work that needs nothing but a processor: shows how many there are to be had beside what else runs on the machine.
_HASHED = bytes(1 << 25)
_HASHES = 16


def folder_rows(page: bytes, folder: Path, inspector: Inspector, *, pages: int) -> Iterator[Row]:
    """Time a folder.

    Args:
        page: A JPEG; every page of the folder is a little brighter or darker.
        folder: An empty folder.
        inspector: Ours.
        pages: How many pages.

    Yields:
        Two workers, and one per processor where there are more, as ``ours``, one worker as ``floor``: the ratio is the
        gain. Times are of a page.
    """
    size = max(1, pages // _SLICES)
    paths = [_written(page, folder / f"{number:04}.jpg", number) for number in range(size)]
    numbers = sorted({1, 2, max(2, os.cpu_count() or 1)})

    def work(workers: int) -> None:
        if not all(finding.ok for finding in inspector.inspect_many(paths, workers=workers)):
            raise RuntimeError("a page of the folder failed")

    steps = {f"pages on {workers}": partial(work, workers) for workers in numbers}
    steps |= {f"hashes on {workers}": partial(_hash, workers) for workers in numbers}
    timings = interleaved(steps, rounds=max(1, pages // size))
    for workers in numbers[1:]:
        ours, one = timings[f"pages on {workers}"], timings["pages on 1"]
        a_day = size / ours.median_ms * 1000 * _SECONDS_A_DAY
        facts = {"pages": float(pages), "cores": float(workers), "pages_a_day": float(round(a_day))}
        to_be_had = timings["hashes on 1"].median_ms / timings[f"hashes on {workers}"].median_ms
        facts["cores_to_be_had"] = round(to_be_had, 2)
        yield Row(f"folder of {pages} pages, {workers} workers", _each(ours, size), _each(one, size), facts=facts)


def _hash(workers: int) -> None:
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(lambda _: hashlib.sha256(_HASHED).digest(), range(_HASHES)))


def _each(timing: Timing, pages: int) -> Timing:
    return Timing(timing.median_ms / pages, timing.best_ms / pages, timing.cpu_ms / pages)


def _written(page: bytes, path: Path, number: int) -> Path:
    with Image.open(io.BytesIO(page)) as image:
        pixels = np.asarray(image.convert("RGB"), np.int16) - number % 16
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(path, quality=75, dpi=(300, 300))
    return path
