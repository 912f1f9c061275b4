"""The page that is measured: A4 at 300 dpi in colour, a JPEG of about 1.6 MB."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageFont

A4_300_DPI: Final = (2480, 3508)
#: What flatbed scans of typed office files in colour weigh at that size.
TARGET_BYTES: Final = 1_600_000
#: The real page: a typed one from the source of colour flatbed scans among the labelled pages.
_SOURCE: Final = "codepydog/united-states-uap-files"
#: Standard deviation of the grain of paper and sensor, in grey levels.
_GRAIN: Final = 3.0


def benchmark_page() -> tuple[bytes, str]:
    """The page and what it was made from: a real one where the labelled pages are, else a drawn one."""
    folder = Path(os.environ.get("IMAGEFAULTY_SHARED") or Path(__file__).resolve().parents[2] / "shared") / "data"
    real = _real_page(folder)
    if real is None:
        return encoded(_drawn_page()), "a drawn page"
    with Image.open(real) as page:
        return encoded(page.convert("RGB")), f"the real page {real.relative_to(folder)}"


def encoded(page: Image.Image) -> bytes:
    """The page enlarged to A4 at 300 dpi with grain, as JPEG of the quality that comes closest to the target size."""
    pixels = np.asarray(page.resize(A4_300_DPI, Image.Resampling.BICUBIC), np.float32)
    grain = np.random.default_rng(0).normal(0, _GRAIN, (*pixels.shape[:2], 1)).astype(np.float32)
    scan = Image.fromarray(np.clip(pixels + grain, 0, 255).astype(np.uint8))
    low, high = 20, 95
    while low < high:
        quality = (low + high) // 2
        if len(_jpeg(scan, quality)) < TARGET_BYTES:
            low = quality + 1
        else:
            high = quality
    return _jpeg(scan, low)


def _jpeg(image: Image.Image, quality: int) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality, dpi=(300, 300))
    return buffer.getvalue()


def _real_page(folder: Path) -> Path | None:
    manifest = folder / "manifest.csv"
    if not manifest.is_file():
        return None
    with manifest.open(encoding="utf-8", newline="") as rows:
        names = [
            row["file"]
            for row in csv.DictReader(rows)
            if row["source"].startswith(_SOURCE) and row["writing_type"] == "Typewritten"
        ]
    candidates = (folder / name for name in sorted(names))
    return next((path for path in candidates if path.is_file()), None)


def _drawn_page() -> Image.Image:
    page = Image.new("RGB", (1240, 1754), (238, 228, 205))
    pen = ImageDraw.Draw(page)
    font = ImageFont.load_default(24)
    for line in range(42):
        pen.text((130, 120 + 36 * line), f"{line + 1:02}. Received of the clerk the sum of {97 * line}.", "black", font)
    return page
