"""Small labelled pages for the tests: plain colours, which the tiny bundle knows how to answer."""

from __future__ import annotations

import csv
from pathlib import Path

from PIL import Image

COLUMNS = ("file", "writing_type", "post_it", "corner", "empty", "source", "licence", "notes", "split")
RED, BLUE, WHITE, YELLOW = (200, 30, 30), (30, 30, 200), (255, 255, 255), (250, 240, 60)


def write_manifest(folder: Path, rows: list[dict[str, str]]) -> Path:
    """Write ``manifest.csv`` and one PNG per row; ``colour`` names a constant of this module."""
    for row in rows:
        path = folder / row["file"]
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (48, 64), globals()[row.get("colour", "RED")]).save(path)
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, COLUMNS, restval="", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return folder / "manifest.csv"


def four_pages(folder: Path) -> Path:
    """Two sources: written and typed pages in one, a blank and a noted page in the other."""
    return write_manifest(
        folder,
        [
            {"file": "a.png", "writing_type": "Handwritten", "empty": "ok", "source": "red", "colour": "RED"},
            {"file": "b.png", "writing_type": "Typewritten", "empty": "ok", "source": "red", "colour": "BLUE"},
            {"file": "c.png", "empty": "empty", "source": "white", "colour": "WHITE"},
            {"file": "d.png", "post_it": "post-it", "source": "white", "colour": "YELLOW"},
        ],
    )
