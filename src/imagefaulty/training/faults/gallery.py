"""Contact sheets of what the generator draws, one per kind, to hold beside real pages."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from imagefaulty.checks import CHECK_NAMES, CheckName
from imagefaulty.training.faults import stand_ins
from imagefaulty.training.faults.drawn import Drawn, Pixels
from imagefaulty.training.faults.finish import finish
from imagefaulty.training.faults.materials import Materials
from imagefaulty.training.faults.recipes import HARMLESS_KINDS, KINDS, draw

_CELL_PX = 330
_COLUMNS = 6


def _bases(data: Path, kind: str) -> list[tuple[Path, dict[CheckName, str]]]:
    """List pages that a kind may be drawn on: sound ones, and typed or handwritten ones for the writing kinds."""
    wanted = {"handwriting-on-typed": "Typewritten", "print-on-handwritten": "Handwritten"}.get(kind)
    bases = []
    with (data / "manifest.csv").open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            if (
                row["corner"] == "folded_corner"
                or row["post_it"] == "post-it"
                or (wanted and row["writing_type"] != wanted)
            ):
                continue
            if kind in HARMLESS_KINDS and row["corner"] != "ok":
                continue
            bases.append((data / row["file"], {name: row[name] for name in CHECK_NAMES if row[name]}))
    return bases


def contact_sheet(drawn: list[Drawn], *, columns: int = _COLUMNS, cell_px: int = _CELL_PX) -> Image.Image:
    """Return thumbnails with their recipes as captions, ``columns`` a row."""
    rows = -(-len(drawn) // columns)
    sheet = Image.new("RGB", (columns * cell_px, rows * (cell_px + 16)), (96, 96, 104))
    pen = ImageDraw.Draw(sheet)
    for number, one in enumerate(drawn):
        picture = Image.fromarray(one.pixels)
        picture.thumbnail((cell_px - 8, cell_px - 8))
        left, top = number % columns * cell_px, number // columns * (cell_px + 16)
        sheet.paste(picture, (left + 4, top + 16))
        pen.text((left + 4, top + 2), one.recipe[: cell_px // 6], fill=(255, 255, 255))
    return sheet


def gallery(
    directory: Path, *, data: Path | None, seed: int = 0, per_kind: int = 12, kinds: tuple[str, ...] = KINDS
) -> list[Path]:
    """Write one contact sheet per kind.

    Args:
        directory: Where the sheets go, as ``<kind>.webp``; made if missing.
        data: Folder with ``manifest.csv`` and ``materials.csv``; None draws on made-up pages.
        seed: The same seed gives the same sheets.
        per_kind: Pages per sheet.
        kinds: Which kinds.

    Returns:
        The files, in the order of ``kinds``.
    """
    directory.mkdir(parents=True, exist_ok=True)
    materials = Materials() if data is None else Materials.load(data)
    written = []
    for kind in kinds:
        bases = [] if data is None else _bases(data, kind)
        rng = np.random.default_rng([seed, KINDS.index(kind)])
        pages = []
        for _ in range(per_kind):
            page, labels = _base(bases, materials, rng)
            pages.append(finish(draw(kind, page, labels=labels, materials=materials, rng=rng), rng=rng))
        file = directory / f"{kind}.webp"
        contact_sheet(pages).save(file, quality=82)
        written.append(file)
    return written


def _base(
    bases: list[tuple[Path, dict[CheckName, str]]], materials: Materials, rng: np.random.Generator
) -> tuple[Pixels, dict[CheckName, str]]:
    if not bases:
        return stand_ins.typed_page(rng), {
            "writing_type": "Typewritten",
            "empty": "ok",
            "corner": "ok",
            "post_it": "ok",
        }
    file, labels = bases[int(rng.integers(len(bases)))]
    return materials.picture(file), labels
