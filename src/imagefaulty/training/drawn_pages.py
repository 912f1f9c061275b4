"""Draws faults and harmless things on the pages of a judged split and asks a bundle about them. Needs OpenCV.

Pages are drawn on sound pages of the split only, with beds, paper and hands of its own sources, by seeds that fitting
never uses. Faults and harmless things lie on the same pages, so that nothing but the fault tells them apart.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from imagefaulty.checks import CHECKS, CORNER, EMPTY, POST_IT
from imagefaulty.errors import ImageFaultyError, SettingsError
from imagefaulty.finding import Finding
from imagefaulty.inspection import Inspector
from imagefaulty.pages import open_document
from imagefaulty.training.drawn_figures import DrawnFigures, DrawnPage, answered, drawn_figures_of
from imagefaulty.training.faults import (
    CORNER_KINDS,
    EMPTY_KINDS,
    HARMLESS_KINDS,
    KINDS,
    NOTE_KINDS,
    WRITING_KINDS,
    Drawn,
    Materials,
    draw,
    finish,
)
from imagefaulty.training.localisation import as_jpeg, other_sources, spots_of
from imagefaulty.training.manifest import Manifest, PageRecord
from imagefaulty.training.thumbnails import thumbnail

#: Keeps the seeds of judging apart from those of fitting.
_JUDGING: Final = 0x1D6E
_FAULT_KINDS: Final = {
    "writing_type": WRITING_KINDS,
    "post_it": NOTE_KINDS,
    "corner": CORNER_KINDS,
    "empty": tuple(kind for kind in EMPTY_KINDS if kind != "nearly-empty"),
}
#: They bring print or handwriting of their own, so the page's writing type is no longer certain.
_WORDED: Final = frozenset({"printed-box", "label", "stamp", "photo", "panel", "thumb-index"})
_SOUND_KINDS: Final = {
    "writing_type": tuple(kind for kind in HARMLESS_KINDS if kind not in _WORDED),
    "post_it": HARMLESS_KINDS,
    "corner": HARMLESS_KINDS,
    "empty": (*HARMLESS_KINDS, "nearly-empty"),
}
_WRITTEN_ON: Final = {"handwriting-on-typed": "Typewritten", "print-on-handwritten": "Handwritten"}


def judge_drawn(
    inspector: Inspector,
    manifest: Manifest,
    *,
    per_kind: int,
    workers: int,
    seed: int = 0,
    kinds: Sequence[str] = KINDS,
    watch: Callable[[], None] = lambda: None,
) -> tuple[DrawnFigures, ...]:
    """Draw pages of every kind, inspect them and compare.

    Args:
        inspector: With the bundle to be judged.
        manifest: The pages of the judged split, with ``materials.csv`` beside them.
        per_kind: Pages of each kind.
        workers: Kinds that are worked on at the same time.
        seed: The same seed draws the same pages.
        kinds: What to draw.
        watch: Called after every page.

    Raises:
        SettingsError: There are no materials, or no sound page to draw on.
    """
    if not (manifest.root / "materials.csv").is_file():
        raise SettingsError(f"{manifest.root}: has no materials.csv, so nothing can be drawn; leave --drawn out")
    bases = {kind: suited for kind in kinds if (suited := _bases(manifest, kind))}
    if not bases:
        raise SettingsError(f"{manifest.root}: the split has no sound page to draw on; leave --drawn out")
    press = _Press(inspector, manifest, other_sources(manifest), seed, watch)
    with ThreadPoolExecutor(workers, thread_name_prefix="draw") as pool:
        of_kinds = pool.map(lambda item: press.pages(*item, count=per_kind), bases.items())
        pages = [page for of_kind in of_kinds for page in of_kind]
    found = (
        drawn_figures_of(check, pages, fault_kinds=_FAULT_KINDS[check.name], sound_kinds=_SOUND_KINDS[check.name])
        for check in CHECKS
    )
    return tuple(each for each in found if each is not None)


@dataclass(frozen=True, slots=True)
class _Press:
    """Draws pages and has them inspected."""

    inspector: Inspector
    manifest: Manifest
    exclude: frozenset[str]
    seed: int
    watch: Callable[[], None]

    def pages(self, kind: str, bases: Sequence[PageRecord], *, count: int) -> list[DrawnPage]:
        # Materials of its own for each kind: their caches are not made for several threads.
        materials = Materials.load(self.manifest.root, exclude=self.exclude)
        return [self._page(kind, bases, materials, number) for number in range(count)]

    def _page(self, kind: str, bases: Sequence[PageRecord], materials: Materials, number: int) -> DrawnPage:
        # By name, not by place in the list: a new kind leaves the pages of the others as they were.
        rng = np.random.default_rng([_JUDGING, self.seed, zlib.crc32(kind.encode()), number])
        record = bases[int(rng.choice(len(bases), p=_chances(bases)))]
        with open_document(self.manifest.file(record)) as document:
            pixels = document.page().pixels
        drawn = finish(draw(kind, pixels, labels=record.labels, materials=materials, rng=rng), rng=rng)
        finding = self.inspector.inspect(as_jpeg(drawn.pixels), name=drawn.recipe, evidence=True)
        if finding.failure is not None:
            raise ImageFaultyError(finding.failure.message)
        self.watch()
        return _page(kind, record, drawn, finding)


def _page(kind: str, record: PageRecord, drawn: Drawn, finding: Finding) -> DrawnPage:
    places = {
        check.name: tuple((spot.hit, spot.iou) for spot in spots_of(check, drawn, finding))
        for check in (POST_IT, CORNER)
        if check.name in finding.answers
    }
    page = DrawnPage(
        kind=kind,
        recipe=drawn.recipe,
        base="" if kind in EMPTY_KINDS else record.file,
        labels=_with_implied(drawn.labels),
        probabilities={name: answer.probabilities for name, answer in finding.answers.items()},
        places=places,
    )
    if all(answered(page, name) == label for name, label in page.labels.items() if name in page.probabilities):
        return page
    boxes = (region.box for region in drawn.regions)
    true = [(left, top, left + across, top + down) for left, top, across, down in boxes]
    return replace(page, thumbnail=thumbnail(drawn.pixels, true=true))


def _with_implied(labels: Mapping[str, str]) -> dict[str, str]:
    """A page of a known hand is written on, whether or not somebody was asked."""
    return {"empty": "ok", **labels} if "writing_type" in labels else dict(labels)


def _bases(manifest: Manifest, kind: str) -> list[PageRecord]:
    """Choose the pages that a kind may be drawn on.

    Nothing may be wrong with them already, or the right answer would count as a false alarm: pages whose corners were
    examined where there are any, else pages that nothing bad is known of.
    """
    sound = [
        record
        for record in manifest.records
        if not any(record.labels.get(check.name) == check.fault for check in (POST_IT, CORNER, EMPTY))
        and not record.is_parchment
    ]
    if kind in WRITING_KINDS:
        sound = [record for record in sound if record.labels.get("writing_type") == _WRITTEN_ON[kind]]
    else:
        sound = [record for record in sound if record.labels.get("corner") == "ok"] or sound
    return sound


def _chances(bases: Sequence[PageRecord]) -> NDArray[np.float64]:
    """Pages of big sources are chosen less often, as the inverse root of their size."""
    groups = [record.group for record in bases]
    weights = np.array([groups.count(group) ** -0.5 for group in groups])
    chances: NDArray[np.float64] = weights / weights.sum()
    return chances
