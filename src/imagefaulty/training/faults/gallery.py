"""Contact sheets of what the generator draws, one per kind, to hold beside real pages."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from imagefaulty.checks import CHECK_NAMES, CORNER, POST_IT, CheckName
from imagefaulty.training.faults import stand_ins
from imagefaulty.training.faults.drawn import Drawn, Pixels
from imagefaulty.training.faults.finish import finish
from imagefaulty.training.faults.materials import Materials
from imagefaulty.training.faults.recipes import HARMLESS_KINDS, KINDS, draw

_CELL_PX = 330
_COLUMNS = 6


@dataclass(frozen=True, slots=True)
class _Base:
    file: Path
    labels: dict[CheckName, str]
    corner: str
    source: str


def _manifest(data: Path, only: Sequence[str]) -> list[_Base]:
    """List sound pages, of sources that begin with one of ``only`` (all, if empty)."""
    bases = []
    with (data / "manifest.csv").open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            sound = row["corner"] != CORNER.fault and row["post_it"] != POST_IT.fault
            if sound and (not only or row["source"].startswith(tuple(only))):
                labels = {name: row[name] for name in CHECK_NAMES if row[name]}
                bases.append(_Base(data / row["file"], labels, row["corner"], row["source"]))
    return bases


def _suited(bases: list[_Base], kind: str) -> list[_Base]:
    """Choose the pages that a kind may be drawn on: typed or handwritten ones for the writing kinds."""
    wanted = {"handwriting-on-typed": "Typewritten", "print-on-handwritten": "Handwritten"}.get(kind)
    if wanted:
        return [base for base in bases if base.labels.get("writing_type") == wanted]
    return [base for base in bases if base.corner == "ok"] if kind in HARMLESS_KINDS else bases


def _materials(data: Path, only: Sequence[str]) -> Materials:
    """Load the materials of the sources that begin with one of ``only`` (all, if empty)."""
    barred = set()
    for table in ("materials.csv", "manifest.csv"):
        with (data / table).open(encoding="utf-8", newline="") as lines:
            barred |= {row["source"] for row in csv.DictReader(lines) if not row["source"].startswith(tuple(only))}
    return Materials.load(data, exclude=barred if only else ())


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
    directory: Path,
    *,
    data: Path | None,
    seed: int = 0,
    per_kind: int = 12,
    kinds: Sequence[str] = KINDS,
    only: Sequence[str] = (),
) -> list[Path]:
    """Write one contact sheet per kind.

    Args:
        directory: Where the sheets go, as ``<kind>.webp``; made if missing.
        data: Folder with ``manifest.csv`` and ``materials.csv``; None draws on made-up pages.
        seed: The same seed gives the same sheets.
        per_kind: Pages per sheet.
        kinds: Which kinds.
        only: Beginnings of the names of sources to take pages and materials from; all, if empty.

    Returns:
        The files, in the order of ``kinds``.
    """
    directory.mkdir(parents=True, exist_ok=True)
    materials = Materials() if data is None else _materials(data, only)
    bases = [] if data is None else _manifest(data, only)
    written = []
    for kind in kinds:
        rng = np.random.default_rng([seed, KINDS.index(kind)])
        pages = [_drawn(kind, _suited(bases, kind), materials, rng) for _ in range(per_kind)]
        file = directory / f"{kind}.webp"
        contact_sheet(pages).save(file, quality=82)
        written.append(file)
    return written


def overview(
    file: Path, *, data: Path | None, seed: int = 0, kinds: Sequence[str] = KINDS, only: Sequence[str] = ()
) -> Path:
    """Write a single contact sheet with a page of each kind in ``kinds`` (which may repeat); see :func:`gallery`."""
    materials = Materials() if data is None else _materials(data, only)
    bases = [] if data is None else _manifest(data, only)
    rng = np.random.default_rng(seed)
    pages = [_drawn(kind, _suited(bases, kind), materials, rng) for kind in kinds]
    contact_sheet(pages, cell_px=250).save(file, quality=70, method=6)
    return file


def _drawn(kind: str, bases: list[_Base], materials: Materials, rng: np.random.Generator) -> Drawn:
    page, labels = _base(bases, materials, rng)
    return finish(draw(kind, page, labels=labels, materials=materials, rng=rng), rng=rng)


def _base(bases: list[_Base], materials: Materials, rng: np.random.Generator) -> tuple[Pixels, dict[CheckName, str]]:
    if not bases:
        return stand_ins.typed_page(rng), {
            "writing_type": "Typewritten",
            "empty": "ok",
            "corner": "ok",
            "post_it": "ok",
        }
    base = bases[int(rng.integers(len(bases)))]
    return materials.picture(base.file), base.labels
