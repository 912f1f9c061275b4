"""The box of materials: real note cut-outs, beds, papers, tear masks, and pages to take handwriting and print from.

Everything has a stand-in made from noise, so that the generator works (less truly) without any files.
"""

from __future__ import annotations

import csv
from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import ArrayLike
from PIL import Image

from imagefaulty.checks import CheckName
from imagefaulty.training.faults import stand_ins
from imagefaulty.training.faults.compositing import chance, clouds, grain, luminance, to_pixels, uniform
from imagefaulty.training.faults.drawn import Pixels
from imagefaulty.training.faults.inks import ink_of
from imagefaulty.training.manifest import PageRecord, read_manifest

_STRONG_TINT = 70  # levels between the strongest and the weakest channel
_KEPT_INKS = 256  # 0.75 MB a page
_LIGHT_PAGE = 120  # median level
_KEPT_IMAGES = 96  # decoded pictures kept: at 2 MB a page this is about 200 MB

#: Beds and how often each is chosen: as seen on real scans, black first, then the white lid and the next sheet.
_BEDS = {"black": 0.31, "lid": 0.17, "next sheet": 0.14, "near": 0.14, "grey": 0.08, "felt": 0.06, "wood": 0.04,
         "cardboard": 0.06}  # fmt: skip
#: What a texture's note in materials.csv starts with → the bed that it can serve as.
_TEXTURE_BEDS = {"desk": "wood", "felt": "felt", "scannerbed": "grey", "cardboard": "cardboard", "cloth": "black"}


@dataclass(frozen=True, slots=True, eq=False)
class Bed:
    """What lies under the sheet.

    Attributes:
        name: ``"black"``, ``"lid"``, ``"next sheet"``, ... or ``"found"`` where it was taken from the page itself.
        pixels: uint8 (h, w, 3), of the page's size.
    """

    name: str
    pixels: Pixels

    @classmethod
    def plain(cls, name: str, shape: tuple[int, ...], colour: ArrayLike, noise: float, rng: np.random.Generator) -> Bed:
        """Make a bed of one colour with soft unevenness and grain of ``noise`` levels."""
        size = (shape[0], shape[1])
        rough = clouds(size, rng, period=max(size) / 3) * np.float32(noise) + grain(size, rng, min(4.0, noise * 0.6))
        return cls(name, to_pixels(np.asarray(colour, np.float32) + rough[..., None]))


@dataclass(slots=True, eq=False)
class Materials:
    """Where real materials lie, read when first used.

    Attributes:
        notes: Cut-outs of real sticky notes with alpha.
        beds: Pictures of beds by bed name.
        papers: Pictures of blank paper.
        corner_tears: Masks of missing corners, black where paper is missing at the top left.
        edge_tears: Masks of missing edge parts, black where paper is missing at the top.
        hands: Pages written by hand only, medieval ones left out: nobody wrote book hand on typed pages.
        book_hands: The medieval ones.
        prints: Pages typed or printed only.
        blanks: Real pages with nothing on them.
    """

    notes: tuple[Path, ...] = ()
    beds: dict[str, tuple[Path, ...]] = field(default_factory=dict)
    papers: tuple[Path, ...] = ()
    corner_tears: tuple[Path, ...] = ()
    edge_tears: tuple[Path, ...] = ()
    hands: tuple[Path, ...] = ()
    book_hands: tuple[Path, ...] = ()
    prints: tuple[Path, ...] = ()
    blanks: tuple[Path, ...] = ()
    _images: OrderedDict[Path, Pixels] = field(default_factory=OrderedDict, repr=False)
    _inks: OrderedDict[Path, Pixels] = field(default_factory=OrderedDict, repr=False)

    @classmethod
    def load(
        cls, directory: Path, *, exclude: Collection[str] = (), records: Sequence[PageRecord] | None = None
    ) -> Materials:
        """List the materials under ``directory``.

        Args:
            directory: Holds ``materials.csv`` in the layout of the labelled pages; without it there are no cut-outs,
                textures and tear outlines, and made-up ones take their place.
            exclude: Sources (of materials and pages) that must not be used, the held-out ones: a note cut out of a
                held-out photograph would be known to the model. Tear outlines show nothing of a page and stay.
            records: Labelled pages under ``directory`` that lend handwriting, print and blank paper; those of its
                ``manifest.csv`` if None.
        """
        barred = set(exclude)
        box = cls()
        for row in _rows(directory / "materials.csv"):
            if row["source"] not in barred or row["kind"] == "tear_masks":
                box._put(row["kind"], directory / row["file"], row["notes"])
        if records is None and (directory / "manifest.csv").is_file():
            records = read_manifest(directory).records
        box._take_pages([record for record in records or () if record.source not in barred], directory)
        return box

    def _put(self, kind: str, file: Path, notes: str) -> None:
        if kind == "note_cutouts":
            self.notes += (file,)
        elif kind == "tear_masks" and "corner" in file.name:
            self.corner_tears += (file,)
        elif kind == "tear_masks":
            self.edge_tears += (file,)
        elif (bed := _TEXTURE_BEDS.get(notes.partition(":")[0])) is not None:
            self.beds[bed] = (*self.beds.get(bed, ()), file)
        elif notes.startswith("paper:"):
            self.papers += (file,)

    def _take_pages(self, records: Sequence[PageRecord], directory: Path) -> None:
        plain = [record for record in records if not record.is_nearly_empty]
        modern = [record for record in plain if not record.is_medieval]

        def files(among: Sequence[PageRecord], check: CheckName, label: str) -> tuple[Path, ...]:
            return tuple(directory / record.file for record in among if record.labels.get(check) == label)

        self.hands = files(modern, "writing_type", "Handwritten")
        self.book_hands = files([record for record in plain if record.is_medieval], "writing_type", "Handwritten")
        self.prints = files(plain, "writing_type", "Typewritten")
        self.blanks = files(plain, "empty", "empty")

    def picture(self, file: Path) -> Pixels:
        """Return a picture as uint8 RGB or RGBA, decoded once while it is in use."""
        if file in self._images:
            self._images.move_to_end(file)
            return self._images[file]
        with Image.open(file) as image:
            mode = "RGBA" if "A" in image.getbands() else "RGB"
            pixels = np.asarray(image.convert(mode), np.uint8)
        self._images[file] = pixels
        if len(self._images) > _KEPT_IMAGES:
            self._images.popitem(last=False)
        return pixels

    def _any(self, files: tuple[Path, ...], rng: np.random.Generator) -> Pixels | None:
        return self.picture(files[int(rng.integers(len(files)))]) if files else None

    def note(self, rng: np.random.Generator, *, at_least: int = 0) -> Pixels | None:
        """Return a real note, uint8 RGBA, or None; prefers one of ``at_least`` px width over three tries."""
        best: Pixels | None = None
        for _ in range(3):
            found = self._any(self.notes, rng)
            if found is None or found.shape[1] >= at_least:
                return found
            if best is None or found.shape[1] > best.shape[1]:
                best = found
        return best

    def hand(self, rng: np.random.Generator) -> Pixels:
        """Return a page written by hand, uint8 RGB."""
        found = self._any(self.hands, rng)
        return stand_ins.written_page(rng) if found is None else found

    def print(self, rng: np.random.Generator) -> Pixels:
        """Return a typed or printed page, uint8 RGB."""
        found = self._any(self.prints, rng)
        for _ in range(2):  # negatives and dull microfilm lend no ink
            if found is None or float(np.median(found[::16, ::16])) > _LIGHT_PAGE:
                break
            found = self._any(self.prints, rng)
        return stand_ins.typed_page(rng) if found is None else found

    def hand_ink(self, rng: np.random.Generator) -> Pixels:
        """Return the ink of a page written by hand, uint8 (h, w), 0 paper to 255 full ink."""
        return self._ink(self.hands, rng, stand_ins.written_page)

    def book_hand_ink(self, rng: np.random.Generator) -> Pixels | None:
        """Return the ink of a medieval page, uint8 (h, w), as :meth:`hand_ink` does, or None."""
        return self._ink(self.book_hands, rng, stand_ins.written_page) if self.book_hands else None

    def print_ink(self, rng: np.random.Generator) -> Pixels:
        """Return the ink of a typed or printed page, uint8 (h, w), 0 paper to 255 full ink."""
        return self._ink(self.prints, rng, stand_ins.typed_page)

    def _ink(
        self, files: tuple[Path, ...], rng: np.random.Generator, stand_in: Callable[[np.random.Generator], Pixels]
    ) -> Pixels:
        if not files:
            return (ink_of(stand_in(rng)) * 255).astype(np.uint8)
        file = files[int(rng.integers(len(files)))]
        if file not in self._inks:
            self._inks[file] = (ink_of(self.picture(file)) * 255).astype(np.uint8)
            if len(self._inks) > _KEPT_INKS:
                self._inks.popitem(last=False)
        return self._inks[file]

    def blank(self, rng: np.random.Generator) -> Pixels | None:
        """Return a real page with nothing on it, uint8 RGB, or None."""
        return self._any(self.blanks, rng)

    def tear(self, rng: np.random.Generator, *, corner: bool) -> Pixels | None:
        """Return a tear mask, uint8 (h, w), nonzero where paper is missing (top left corner or top edge), or None."""
        found = self._any(self.corner_tears if corner else self.edge_tears, rng)
        return None if found is None else (found[..., 0] < 128).astype(np.uint8)

    def paper(self, shape: tuple[int, ...], rng: np.random.Generator) -> Pixels:
        """Return a sheet of blank paper of ``shape``, uint8 RGB, no two alike."""
        found = self._any(self.papers, rng) if chance(rng, 0.7) else None
        if found is not None and np.ptp(found[::16, ::16].mean(axis=(0, 1))) > _STRONG_TINT and chance(rng, 0.8):
            found = None  # one crimson endpaper among twelve is too many
        if found is None:
            return stand_ins.paper(shape, rng)
        return _fitted(found, shape, rng)

    def bed(
        self,
        shape: tuple[int, ...],
        rng: np.random.Generator,
        *,
        tone_paper: tuple[float, float, float] = (235.0, 232.0, 225.0),
        grey: bool = False,
        bilevel: bool = False,
    ) -> Bed:
        """Choose a bed of ``shape`` for a page of that paper colour, grey on a grey page."""
        names = list(_BEDS)
        name = names[int(rng.choice(len(names), p=np.array(list(_BEDS.values()))))]
        if bilevel:
            name = "black" if chance(rng, 0.75) else "lid"
        bed = self._bed_named(name, shape, rng, tone_paper)
        if grey and bed.pixels.ndim == 3:
            bed = Bed(bed.name, np.repeat(to_pixels(luminance(bed.pixels))[..., None], 3, axis=2))
        return bed

    def _bed_named(
        self, name: str, shape: tuple[int, ...], rng: np.random.Generator, paper: tuple[float, float, float]
    ) -> Bed:
        if name == "lid":  # a lid is 5 to 10 % off the paper's brightness, bluish white or dull
            step = 1 + uniform(rng, 0.05, 0.1) * (1 if max(paper) < 215 and chance(rng, 0.7) else -1)
            tint = np.array([uniform(rng, 0.96, 1.0), 0.99, uniform(rng, 0.99, 1.03)])
            level = np.full(3, float(np.mean(paper))) if chance(rng, 0.6) else np.array(paper)
            return Bed.plain(name, shape, np.clip(level * step * tint, 0, 255), uniform(rng, 0.8, 2.5), rng)
        if name == "near":  # paper or board of nearly the sheet's own colour
            step = uniform(rng, 3, 16) * (1 if float(np.mean(paper)) < 236 and chance(rng, 0.6) else -1)
            own = np.array(paper) + step + rng.normal(0, 2.5, 3)
            return Bed.plain(name, shape, np.clip(own, 4, 253), uniform(rng, 0.5, 2.5), rng)
        if name == "next sheet":
            return Bed(name, self.next_sheet(shape, rng, paper))
        files = self.beds.get(name, ())
        if files and chance(rng, 0.6 if name in {"black", "grey"} else 0.9):
            picture = self._any(files, rng)
            if picture is not None:
                return Bed(name, _fitted(picture, shape, rng))
        colour = {"black": rng.uniform(0, 26, 3) * 0.3 + uniform(rng, 0, 18), "grey": np.full(3, uniform(rng, 45, 150))}
        shade = colour.get(name, rng.uniform(0.85, 1.15, 3) * uniform(rng, 70, 170))
        return Bed.plain(name, shape, shade, uniform(rng, 0.6, 5), rng)

    def next_sheet(self, shape: tuple[int, ...], rng: np.random.Generator, paper: tuple[float, float, float]) -> Pixels:
        """Return another page as the sheet beneath, of ``shape``, mostly on the same ``paper`` colour, uint8 RGB."""
        page = self.print(rng) if chance(rng, 0.6) else self.hand(rng)
        sheet = np.asarray(cv2.resize(page, (shape[1], shape[0]), interpolation=cv2.INTER_AREA), np.float32)
        if chance(rng, 0.75):  # the next sheet of a set is mostly the same paper
            own = np.percentile(sheet[::8, ::8].reshape(-1, 3), 80, axis=0)
            gain = np.asarray(paper) / np.maximum(own, 60) * uniform(rng, 0.88, 1.0)
            sheet = sheet * gain.astype(np.float32)
        return to_pixels(sheet.astype(np.float32))


def _fitted(picture: Pixels, shape: tuple[int, ...], rng: np.random.Generator) -> Pixels:
    """Cut, turn, mirror and stretch a texture to ``shape`` and vary its brightness a little."""
    picture = np.rot90(picture[..., :3], int(rng.integers(4)))
    if chance(rng, 0.5):
        picture = picture[:, ::-1]
    part = uniform(rng, 0.6, 1.0)
    rows, columns = max(8, int(picture.shape[0] * part)), max(8, int(picture.shape[1] * part))
    top = int(rng.integers(picture.shape[0] - rows + 1))
    left = int(rng.integers(picture.shape[1] - columns + 1))
    cut = np.ascontiguousarray(picture[top : top + rows, left : left + columns])
    stretched = cv2.resize(cut, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR)
    return to_pixels(np.asarray(stretched, np.float32) * np.float32(uniform(rng, 0.9, 1.06)))


def _rows(path: Path) -> list[dict[str, str]]:
    """The rows of a table; none where there is no such file."""
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))
