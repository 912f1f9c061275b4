"""How well a bundle says where a fault is: on drawn faults, whose place is known, and on real ones that were boxed.

python -m imagefaulty.training.localisation MANIFEST [--bundle DIR] [--pages N]
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from imagefaulty.bundle import load_bundle
from imagefaulty.checks import CORNER, EMPTY, POST_IT, Check, CheckName
from imagefaulty.errors import ImageFaultyError
from imagefaulty.finding import Finding
from imagefaulty.inspection import Inspector
from imagefaulty.pages import open_document
from imagefaulty.training.added import added_places
from imagefaulty.training.cells import Place
from imagefaulty.training.evaluation import FOLDS, Box, shown_boxes
from imagefaulty.training.faults import CORNER_KINDS, NOTE_KINDS, Drawn, Materials, draw, finish
from imagefaulty.training.manifest import Manifest, PageRecord, read_manifest
from imagefaulty.training.samples import NOTES_SOURCE
from imagefaulty.training.splits import held_out, read_folds

_KINDS: Final = {POST_IT: NOTE_KINDS, CORNER: CORNER_KINDS}
_QUALITY: Final = 90
_IS, _MAY_BE = "is", "may be"


@dataclass(frozen=True, slots=True)
class Spot:
    """One drawn fault and what was shown of it.

    Attributes:
        kind: What was drawn.
        answered: Whether the page was answered with the fault; without that no place is shown.
        hit: Whether the centre of a shown box lies inside the true one (the pointing game).
        iou: Largest overlap of a shown box with the true one: shared area over joint area.
    """

    kind: str
    answered: bool
    hit: bool
    iou: float


@dataclass(frozen=True, slots=True)
class PlaceFigures:
    """Figures of one check.

    Attributes:
        check: The check.
        spots: Faults drawn.
        answered: Share of them on pages that were answered with the fault.
        hit: Share of them that a shown box points at.
        iou: Median overlap, 0 where nothing was shown.
        iou_answered: Median overlap on pages that were answered with the fault.
    """

    check: CheckName
    spots: int
    answered: float
    hit: float
    iou: float
    iou_answered: float

    def __str__(self) -> str:
        return (
            f"{self.check}: {self.spots} drawn, {self.answered:.0%} answered with the fault, {self.hit:.0%} hit, "
            f"median IoU {self.iou:.2f} ({self.iou_answered:.2f} where answered)"
        )


@dataclass(frozen=True, slots=True)
class RealPlaceFigures:
    """What is shown of real folds and tears, against boxes that were drawn around them by hand.

    Attributes:
        pages: Pages with a box.
        answered: Those that were answered with the fault; on the others nothing is shown.
        shown: Places shown on them, but for those where looking did not settle whether there is a fault.
        right: Places shown whose centre lies inside a box.
        pointed: Pages answered with the fault on which at least one does.
    """

    pages: int
    answered: int
    shown: int
    right: int
    pointed: int

    def __str__(self) -> str:
        return (
            f"corner, real: {self.answered} of {self.pages} pages answered with the fault, {self.pointed} of them "
            f"with a place at one; {self.right} of {self.shown} places shown lie at one"
        )


def measure_real(inspector: Inspector, manifest: Manifest) -> RealPlaceFigures:
    """See where a bundle shows real folds and tears.

    Args:
        inspector: With the bundle to be judged.
        manifest: Pages that the bundle has not seen; those with boxes of :mod:`imagefaulty.training.added` count.
    """
    answered = shown = right = pointed = 0
    boxed = [(record, places) for record in manifest.records if (places := added_places(record))]
    for record, places in boxed:
        finding = inspector.inspect(manifest.file(record), evidence=True)
        answered += finding.answers[CORNER.name].label == CORNER.fault
        marks = [_mark_at(box, places) for box in shown_boxes(finding, CORNER.name)]
        shown += len(marks) - marks.count(_MAY_BE)
        right += marks.count(_IS)
        pointed += _IS in marks
    return RealPlaceFigures(len(boxed), answered, shown, right, pointed)


def _mark_at(box: Box, places: Sequence[Place]) -> str:
    """What was seen at the centre of a shown box."""
    at = [place for place in places if _points_at(box, (place.left, place.top, place.right, place.bottom))]
    if any(place.sure for place in at):
        return _IS
    return _MAY_BE if at else ""


def measure(inspector: Inspector, manifest: Manifest, *, pages: int, seed: int = 0) -> list[PlaceFigures]:
    """Draw faults on sound pages and see where the bundle shows them.

    Args:
        inspector: With the bundle to be judged.
        manifest: Labelled pages that the bundle has not seen; only their sources lend beds, paper and hands.
        pages: Pages to draw for each of the two checks that show places.
        seed: Of all that is drawn.

    Returns:
        Figures per check.
    """
    rng = np.random.default_rng(seed)
    materials = Materials.load(manifest.root, exclude=other_sources(manifest))
    figures = []
    for check in _KINDS:
        drawn = _pages(check, manifest, materials, pages, rng)
        figures.append(_figures(check, [spot for page in drawn for spot in _spots(check, page, inspector)]))
    return figures


def other_sources(manifest: Manifest) -> frozenset[str]:
    """Return the sources that are listed beside the manifest's pages but are not among them.

    They must lend nothing to drawn pages, for the bundle knows them. Note cut-outs are the exception: all come from
    one source.
    """
    if not (manifest.root / "manifest.csv").is_file():  # then materials take no pages either
        return frozenset()
    everything = {record.source for record in read_manifest(manifest.root).records}
    return frozenset(everything - {record.source for record in manifest.records} - {NOTES_SOURCE})


def _pages(
    check: Check, manifest: Manifest, materials: Materials, pages: int, rng: np.random.Generator
) -> Iterator[Drawn]:
    sound = [record for record in manifest.records if _is_sound(record)]
    for number in range(pages):
        record = sound[int(rng.integers(len(sound)))]
        kind = _KINDS[check][number % len(_KINDS[check])]
        with open_document(manifest.file(record)) as document:
            pixels = document.page().pixels
        yield finish(draw(kind, pixels, labels=record.labels, materials=materials, rng=rng), rng=rng)


def _is_sound(record: PageRecord) -> bool:
    """Return whether nothing is known to be wrong with a page, so that only the drawn fault can be shown."""
    return not any(record.labels.get(check.name) == check.fault for check in (POST_IT, CORNER, EMPTY))


def as_jpeg(pixels: NDArray[np.uint8]) -> bytes:
    """Return a drawn page, uint8 (h, w, 3) RGB, as a file."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()


def _spots(check: Check, drawn: Drawn, inspector: Inspector) -> Iterator[Spot]:
    finding = inspector.inspect(as_jpeg(drawn.pixels), name=drawn.recipe, evidence=True)
    return spots_of(check, drawn, finding)


def spots_of(check: Check, drawn: Drawn, finding: Finding) -> Iterator[Spot]:
    """Yield what a finding with evidence shows of each fault that was drawn for a check."""
    answer = finding.answers[check.name]
    shown = shown_boxes(finding, check.name)
    for region in drawn.regions:
        if region.check == check.name:
            left, top, across, down = region.box
            true = (left, top, left + across, top + down)
            hit = any(_points_at(box, true) for box in shown)
            overlap = max((_overlap(box, true) for box in shown), default=0.0)
            yield Spot(drawn.recipe, answer.label == check.fault, hit, overlap)


def _points_at(box: Box, true: Box) -> bool:
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return true[0] <= x <= true[2] and true[1] <= y <= true[3]


def _overlap(one: Box, other: Box) -> float:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return width * height / (sum(areas) - width * height)


def _figures(check: Check, spots: Sequence[Spot]) -> PlaceFigures:
    answered = [spot.iou for spot in spots if spot.answered]
    return PlaceFigures(
        check.name,
        len(spots),
        _mean([spot.answered for spot in spots]),
        _mean([spot.hit for spot in spots]),
        _median([spot.iou for spot in spots]),
        _median(answered),
    )


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else 0.0


def _median(values: Sequence[float]) -> float:
    return float(np.median(values)) if values else 0.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m imagefaulty.training.localisation", description=__doc__)
    parser.add_argument("manifest", help="manifest.csv of labelled pages, or its folder")
    parser.add_argument("--bundle", help="folder of the bundle; the embedded one without it")
    parser.add_argument("--pages", type=int, default=120, help="pages to draw for each check")
    chosen = parser.parse_args(arguments)
    try:
        inspector = Inspector(load_bundle(chosen.bundle))
        manifest = read_manifest(chosen.manifest)
        folds = inspector.bundle.directory / FOLDS
        if folds.is_file():
            manifest = held_out(manifest, read_folds(folds))
        figures = [*measure(inspector, manifest, pages=chosen.pages), measure_real(inspector, manifest)]
    except ImageFaultyError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_status
    seen = "pages of held-out sources" if folds.is_file() else "pages that the bundle may have seen"
    sys.stdout.write(f"{inspector.bundle.model_version}, drawn on {seen}\n")
    sys.stdout.writelines(f"{each}\n" for each in figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
