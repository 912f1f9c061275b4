"""A folder of 500 pages, on one worker and on one per processor."""

from __future__ import annotations

import hashlib
import io
import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from benchmarks.row import Row
from benchmarks.timing import Timing, interleaved

if TYPE_CHECKING:
    from pathlib import Path

    from imagefaulty.inspection import Inspector

#: Gone through slice by slice, in turn with one worker and with all, so that both meet the same machine. The slices
#: are the same files again: 500 different ones would only show how fast the disk is.
_SLICES = 20
_SECONDS_A_DAY = 86_400
#: Work that needs nothing but a processor: shows how many there are to be had beside what else runs on the machine.
_HASHED = bytes(1 << 25)
_HASHES = 16


def folder_row(page: bytes, folder: Path, inspector: Inspector, *, pages: int) -> Row:
    """Time a folder.

    Args:
        page: A JPEG; every page of the folder is a little brighter or darker.
        folder: An empty folder.
        inspector: Ours.
        pages: How many pages.

    Returns:
        All workers as ``ours``, one worker as ``floor``: the ratio is the gain. Times are of a slice.
    """
    cores = os.cpu_count() or 1
    size = max(1, pages // _SLICES)
    paths = [_written(page, folder / f"{number:04}.jpg", number) for number in range(size)]

    def work(workers: int) -> None:
        if not all(finding.ok for finding in inspector.inspect_many(paths, workers=workers)):
            raise RuntimeError("a page of the folder failed")

    steps = {
        "one": lambda: work(1),
        "all": lambda: work(cores),
        "hashing on one": lambda: _hash(1),
        "hashing on all": lambda: _hash(cores),
    }
    timings = interleaved(steps, rounds=max(1, pages // size))
    a_day = size / timings["all"].median_ms * 1000 * _SECONDS_A_DAY
    facts = {"pages": float(pages), "cores": float(cores), "pages_a_day": float(round(a_day))}
    facts["cores_to_be_had"] = round(timings["hashing on one"].median_ms / timings["hashing on all"].median_ms, 2)
    return Row(
        f"folder of {pages} pages, {cores} workers",
        _each(timings["all"], size),
        _each(timings["one"], size),
        facts=facts,
    )


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
