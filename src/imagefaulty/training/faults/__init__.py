"""Faults drawn true: training pages with folds, tears, notes, empty sheets and mixed hands, made from real pages.

    materials = Materials.load(directory, exclude=held_out_sources)
    drawn = draw("fold-over", page, labels=labels, materials=materials, rng=rng)
    drawn = finish(drawn, rng=rng)

Clean pages take the same way: ``finish(draw("clean", ...))``. Needs the extra ``train`` (OpenCV).
"""

from imagefaulty.training.faults.drawn import Drawn, Region
from imagefaulty.training.faults.finish import finish
from imagefaulty.training.faults.gallery import gallery
from imagefaulty.training.faults.materials import Materials
from imagefaulty.training.faults.recipes import (
    COMPOSED_KINDS,
    CORNER_KINDS,
    EMPTY_KINDS,
    HARMLESS_KINDS,
    KINDS,
    NOTE_KINDS,
    WRITING_KINDS,
    draw,
)

__all__ = [
    "COMPOSED_KINDS",
    "CORNER_KINDS",
    "EMPTY_KINDS",
    "HARMLESS_KINDS",
    "KINDS",
    "NOTE_KINDS",
    "WRITING_KINDS",
    "Drawn",
    "Materials",
    "Region",
    "draw",
    "finish",
    "gallery",
]
