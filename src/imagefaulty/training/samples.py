"""What the heads are fitted on: real pages as they are, real pages scanned again, and pages with something drawn on.

A sample is a recipe, not a picture: a page, what to do with it, and a seed. Every sample lies wholly in one fold: the
page, the hands pasted onto it and the paper behind it come from sources of that fold only (sticky-note cut-outs and
tear shapes, which carry no page, are shared).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from imagefaulty.bundle import InputSpec
from imagefaulty.checks import CHECK_NAMES, CHECKS, CORNER, CheckName
from imagefaulty.network import prepare
from imagefaulty.pages import open_document
from imagefaulty.training.added import UNSURE, added_corner, added_places
from imagefaulty.training.cells import CHANNELS, UNKNOWN, drawn_cells, known_cells, placed_cells
from imagefaulty.training.faults import (
    COMPOSED_KINDS,
    CORNER_KINDS,
    EMPTY_KINDS,
    HARMLESS_KINDS,
    NOTE_KINDS,
    Drawn,
    Materials,
    draw,
    finish,
)
from imagefaulty.training.faults.inks import ink_of
from imagefaulty.training.manifest import Manifest, PageRecord

#: All note cut-outs come from the flipcharts of one source. They are drawn on pages of every fold, so figures on the
#: flipcharts themselves (six pages) are not those of an unseen source.
NOTES_SOURCE: Final = "openpracticelibrary-ja/openpracticelibrary"
#: The kind of a real page that nothing was done to.
AS_IS: Final = "as is"
#: The kind of a part of a page of one hand, which then fills the picture: the same hand at another scale.
CLOSER: Final = "closer"
#: Kinds that nothing was drawn for: real pages or parts of them, scanned again.
NOT_DRAWN: Final = frozenset({AS_IS, "clean", CLOSER})
_LATER: Final = frozenset({"target-card", "struck-out", "sealed", "tattered", "copy-corner", "kept-letter"})
#: Drawn samples of each kind over all folds. Folds and tears are the hardest to find, blanks the rarest in reality.
#: Kinds that come last were added last: so the others keep the seeds, hence the maps, that they had.
COUNTS: Final[Mapping[str, int]] = (
    dict.fromkeys([kind for kind in CORNER_KINDS if kind not in _LATER], 200)
    | dict.fromkeys(NOTE_KINDS, 180)
    | dict.fromkeys([kind for kind in HARMLESS_KINDS if kind not in _LATER], 40)
    | {"loose-torn": 600, "plain-corner": 350, "copy-fold": 300, "fold-double": 100, "rip": 110, "crease": 110}
    | {"nicked": 350, "corner-missing": 250, "edge-torn": 250, "fold-edge": 240}
    | {"copy-slip": 250, "plain-note": 250, "flag": 200, "slip": 240, "clipping": 220}
    | {"clean": 0, "loose-leaf": 350, "copied": 250, "affixed-stamp": 120, "printed-marks": 100, "table": 100}
    | {"dirt": 100, "show-through": 60, "boxed-print": 60}
    | {"blank": 300, "nearly-empty": 400, "handwriting-on-typed": 1300, "print-on-handwritten": 250}
    | {"bound": 320, "hand-page": 700, "type-page": 500, "register": 500, "form": 350}
    | {"target-card": 260, CLOSER: 2200, "book-page": 500, "struck-out": 160, "sealed": 120}
    | {"early-print": 500, "annotated-slip": 350, "corrected": 350}
    | {"tattered": 350, "copy-corner": 350, "kept-letter": 320}
)
#: Kinds that came later still: their samples follow all others, which so keep their rows.
LATE_COUNTS: Final[Mapping[str, int]] = {"till-slip": 900}
#: Harmless things that look like a second hand: mostly drawn on typed pages, where they could be taken for one.
_LIKE_A_HAND: Final = frozenset({"printed-marks", "table", "dirt"})
#: What happens to old letters, torn or whole: mostly drawn on pages written by hand.
_ON_LETTERS: Final = frozenset({"tattered", "kept-letter"})
_TRIES: Final = 8
_TYPED_BASE_SHARE: Final = 0.7
#: How often a real page of a rare class is scanned again.
RARE_REPEATS: Final = 6
_TURNED_SHARE: Final = 0.15
#: Which part of a page's width and height is taken for a closer one, and how much either may differ from the other.
_PART: Final = (0.42, 0.85)
_PART_SPREAD: Final = 0.18
#: A part must hold this share of the ink that its size would lead one to expect, or it may be of no hand at all.
_PART_INK: Final = 0.6
_SOUND_BASE_SHARE: Final = 0.7

#: Weights of labels that are not quite to be trusted.
PARCHMENT_WEIGHT: Final = 0.2
#: Pages of the writing set were not examined for folds and tears; about one in twenty has some.
UNEXAMINED_WEIGHT: Final = 0.3
#: Pages that were looked at once: where the list says something too, 94 % agree (docs/decisions/016).
ADDED_WEIGHT: Final = 0.7
_CORNER: Final = CHECK_NAMES.index(CORNER.name)
_CORNER_CHANNEL: Final = CHANNELS.index(CORNER.name)


@dataclass(frozen=True, slots=True)
class Sample:
    """A recipe for one training page.

    Attributes:
        record: Index of the page in the manifest.
        kind: :data:`AS_IS`, or a kind of :mod:`imagefaulty.training.faults`.
        seed: Seed of the drawing.
        fold: Fold of everything that goes into it.
    """

    record: int
    kind: str
    seed: int
    fold: int


@dataclass(frozen=True, slots=True, eq=False)
class Rendered:
    """A sample carried out.

    Attributes:
        image: uint8 (1, height, width, 3), as the network takes it.
        codes: int8 (4,): class code per check in wire order, -1 where not known.
        weights: float32 (4,): how much each label counts.
        cells: int8 (channels, rows, columns), see :mod:`imagefaulty.training.cells`.
        recipe: What was drawn, for people.
    """

    image: NDArray[np.uint8]
    codes: NDArray[np.int8]
    weights: NDArray[np.float32]
    cells: NDArray[np.int8]
    recipe: str


def plan(
    manifest: Manifest,
    folds: Sequence[int],
    *,
    seed: int = 0,
    counts: Mapping[str, int] = COUNTS,
    late: Mapping[str, int] = LATE_COUNTS,
) -> list[Sample]:
    """List the samples: every page as it is, rare ones scanned again, and the drawn ones.

    Args:
        manifest: The pages.
        folds: Fold of every page.
        seed: The same seed gives the same list.
        counts: Drawn samples per kind, over all folds.
        late: Likewise, of kinds whose samples come last.
    """
    rng = np.random.default_rng(seed)
    records = manifest.records
    samples = [Sample(index, AS_IS, 0, folds[index]) for index in range(len(records))]
    for index, record in enumerate(records):
        repeats = RARE_REPEATS if _is_rare(record) else 1
        samples += [Sample(index, "clean", int(rng.integers(2**31)), folds[index]) for _ in range(repeats)]
    samples += _drawn(records, folds, counts, rng)
    # Mixed, so that the part of a feature store that is filled first is a fair picture of the whole.
    mixed = [samples[index] for index in rng.permutation(len(samples))]
    last = np.random.default_rng((seed, 1))  # of their own: a kind added to COUNTS leaves them their seeds
    return mixed + _added_faults(records, folds, seed) + _drawn(records, folds, late, last)


def _drawn(
    records: Sequence[PageRecord], folds: Sequence[int], counts: Mapping[str, int], rng: np.random.Generator
) -> list[Sample]:
    """Choose pages to draw each kind on, and a seed for each."""
    return [
        Sample(index, kind, int(rng.integers(2**31)), folds[index])
        for kind, count in counts.items()
        for index in _bases(records, kind, count, rng)
    ]


def _added_faults(records: Sequence[PageRecord], folds: Sequence[int], seed: int) -> list[Sample]:
    """Scan again the pages that were seen to be folded or torn, as often as those that the list says it of."""
    rng = np.random.default_rng((seed, len(records)))
    return [
        Sample(index, "clean", int(rng.integers(2**31)), folds[index])
        for index, record in enumerate(records)
        if added_corner(record) == CORNER.fault
        for _ in range(1 if _is_rare(record) else RARE_REPEATS - 1)
    ]


def _is_rare(record: PageRecord) -> bool:
    return (
        record.labels.get("corner") == "folded_corner"
        or record.labels.get("post_it") == "post-it"
        or record.labels.get("empty") == "empty"
        or record.is_nearly_empty
        or (record.is_medieval and record.labels.get("writing_type") == "Handwritten")
    )


def _bases(records: Sequence[PageRecord], kind: str, count: int, rng: np.random.Generator) -> list[int]:
    """Choose pages to draw on: suitable ones, each source no more than its square root's share."""
    suitable = [index for index, record in enumerate(records) if _suits(record, kind)]
    sizes: dict[str, int] = {}
    for index in suitable:
        sizes[records[index].group] = sizes.get(records[index].group, 0) + 1
    preferred, share = _preferred(records, kind, suitable)
    chosen = []
    for _ in range(count):
        pool = preferred if preferred and rng.random() < share else suitable
        weights = np.array([sizes[records[index].group] ** -0.5 for index in pool])
        chosen.append(pool[int(rng.choice(len(pool), p=weights / weights.sum()))])
    return chosen


def _preferred(records: Sequence[PageRecord], kind: str, suitable: Sequence[int]) -> tuple[list[int], float]:
    """Pages that a kind is mostly drawn on, and how often it is."""
    if kind in _LIKE_A_HAND:
        return [index for index in suitable if records[index].labels.get("writing_type") == "Typewritten"], (
            _TYPED_BASE_SHARE
        )
    if kind in _ON_LETTERS:
        hands = {"Handwritten", "Combination"}
        written = [index for index in suitable if records[index].labels.get("writing_type") in hands]
        return [index for index in written if records[index].labels.get("corner") == "ok"], _SOUND_BASE_SHARE
    if kind in (*CORNER_KINDS, *HARMLESS_KINDS):
        return [index for index in suitable if records[index].labels.get("corner") == "ok"], _SOUND_BASE_SHARE
    return [], 0.0


def _suits(record: PageRecord, kind: str) -> bool:
    labels = record.labels
    sound = labels.get("corner") != "folded_corner" and labels.get("post_it") != "post-it" and not record.is_parchment
    if kind == "handwriting-on-typed":
        return sound and labels.get("writing_type") == "Typewritten"
    if kind == "struck-out":  # a typed page with strokes of a pen might count as one of both hands
        return labels.get("writing_type") in {"Handwritten", "Combination"}
    if kind == CLOSER:
        return sound and labels.get("writing_type") in {"Handwritten", "Typewritten"}
    if kind == "print-on-handwritten":
        return sound and labels.get("writing_type") == "Handwritten"
    if kind in (*CORNER_KINDS, *NOTE_KINDS):
        return sound
    return True


class SampleRenderer:
    """Carries samples out, with the materials of each fold at hand."""

    def __init__(self, manifest: Manifest, folds: Sequence[int], spec: InputSpec, *, rows: int, columns: int) -> None:
        self._manifest = manifest
        self._spec = spec
        self._cells = {"rows": rows, "columns": columns}
        by_source = {record.source: fold for record, fold in zip(manifest.records, folds, strict=True)}
        self._materials = {
            fold: Materials.load(
                manifest.root,
                exclude={source for source in by_source if by_source[source] != fold} - {NOTES_SOURCE},
                records=manifest.records,
            )
            for fold in sorted(set(folds))
        }

    def render(self, sample: Sample) -> Rendered:
        """Return the sample's page as the network takes it, with all that is known about it."""
        record = self._manifest.records[sample.record]
        document = open_document(self._manifest.file(record))
        labels, weights = trusted_labels(record)
        if sample.kind == AS_IS:
            pixels = document.page(at_least=self._spec.size).pixels
            cells = known_cells(labels, **self._cells)
            return with_added(self._rendered(pixels, labels, weights, cells, AS_IS), record, AS_IS)
        rng = np.random.default_rng(sample.seed)
        materials = self._materials[sample.fold]
        page = document.page().pixels
        if sample.kind == CLOSER:
            drawn = closer(page, labels, rng)
        else:
            drawn = draw(sample.kind, page, labels=labels, materials=materials, rng=rng)
        drawn = finish(drawn, rng=rng)
        cells = drawn_cells(drawn, _before(sample.kind, labels), **self._cells)
        if sample.kind == "nearly-empty":
            cells = _only_the_mark(cells)
        if drawn.labels.get("corner") != labels.get("corner"):
            weights = weights | {"corner": 1.0}
        if sample.kind in (*EMPTY_KINDS, *COMPOSED_KINDS):
            weights = {}
        pixels = drawn.pixels
        turned = rng.random() < _TURNED_SHARE
        if turned:
            pixels, cells = pixels[::-1, ::-1], cells[:, ::-1, ::-1]
        rendered = self._rendered(np.ascontiguousarray(pixels), drawn.labels, weights, cells, drawn.recipe)
        return with_added(rendered, record, sample.kind, turned=turned)

    def _rendered(
        self,
        pixels: NDArray[np.uint8],
        labels: Mapping[CheckName, str],
        weights: Mapping[CheckName, float],
        cells: NDArray[np.int8],
        recipe: str,
    ) -> Rendered:
        image, _ = prepare(pixels, self._spec)
        codes = [check.code(labels[check.name]) if check.name in labels else UNKNOWN for check in CHECKS]
        return Rendered(
            image,
            np.array(codes, np.int8),
            np.array([weights.get(check.name, 1.0) for check in CHECKS], np.float32),
            cells,
            recipe,
        )


def with_added(rendered: Rendered, record: PageRecord, kind: str, *, turned: bool = False) -> Rendered:
    """Add what was seen of folds and tears on a page, see :mod:`imagefaulty.training.added`.

    Drawing does not know of it: the same is drawn on the same pages, whatever was seen on them later.

    Args:
        rendered: The sample without it.
        record: The page that it was made of.
        kind: What was done to the page.
        turned: Whether the page was turned by half a turn.
    """
    if kind in (*EMPTY_KINDS, *COMPOSED_KINDS):  # these bring a page of their own
        return rendered
    whole = kind in {AS_IS, "clean"}
    # A page that the list does not call faulty may be cut and laid on a bed when it is scanned again.
    unmoved = kind == AS_IS or (whole and record.labels.get("corner") == CORNER.fault)
    seen, places = added_corner(record), added_places(record) if unmoved else ()
    if not seen and not places:
        return rendered
    codes, weights, cells = rendered.codes.copy(), rendered.weights.copy(), rendered.cells.copy()
    channel = cells[_CORNER_CHANNEL]
    if seen and kind not in CORNER_KINDS:  # what was drawn, or taken of the page, may cover the fault or leave it out
        weights[_CORNER] = ADDED_WEIGHT
        if whole and seen in CORNER.class_names:
            codes[_CORNER] = CORNER.code(seen)
        elif seen != "ok":
            codes[_CORNER] = UNKNOWN
    if places:  # the frame is moved by a fraction of a cell at most
        turn = [place.turned() for place in places] if turned else places
        channel[:] = placed_cells(turn, rows=channel.shape[0], columns=channel.shape[1])
    elif seen in {CORNER.fault, UNSURE}:
        channel[channel == 0] = UNKNOWN
    elif whole:
        channel[:] = 0
    return Rendered(rendered.image, codes, weights, cells, rendered.recipe)


def closer(page: NDArray[np.uint8], labels: Mapping[CheckName, str], rng: np.random.Generator) -> Drawn:
    """Take a part of a page of one hand, 1.2 to 2.4 times as large as the page shows it.

    Args:
        page: uint8 (h, w, 3) RGB.
        labels: Labels of the whole page. A part keeps them, for it is chosen to hold its share of the ink.
        rng: Source of chance.
    """
    height, width = page.shape[:2]
    ink = ink_of(page)
    part = page
    for _ in range(_TRIES):
        size = rng.uniform(*_PART) * np.exp(rng.uniform(-_PART_SPREAD, _PART_SPREAD, 2))
        rows, columns = (np.minimum(size, 1) * (height, width)).astype(int).tolist()
        top, left = int(rng.integers(height - rows + 1)), int(rng.integers(width - columns + 1))
        window = (slice(top, top + rows), slice(left, left + columns))
        if ink[window].mean() >= _PART_INK * ink.mean():
            part = page[window]
            break
    return Drawn(np.ascontiguousarray(part), labels, (), CLOSER)


def _before(kind: str, labels: Mapping[CheckName, str]) -> Mapping[CheckName, str]:
    """Labels of the page before it was drawn on; of kinds that bring their own page, what is known of that."""
    if kind in COMPOSED_KINDS:
        return {"empty": "empty"}
    return {} if kind in EMPTY_KINDS else labels


def _only_the_mark(cells: NDArray[np.int8]) -> NDArray[np.int8]:
    """On an otherwise blank page whatever was not drawn is known to be absent."""
    for channel in ("handwriting", "print", "content"):
        layer = cells[CHANNELS.index(channel)]
        if (layer == 1).any():
            continue
        layer[:] = UNKNOWN if channel == "content" else 0
    return cells


def trusted_labels(record: PageRecord) -> tuple[dict[CheckName, str], dict[CheckName, float]]:
    """Return the labels that a page is fitted with, and the weights of those that are not fully trusted."""
    labels = dict(record.labels)
    weights: dict[CheckName, float] = {}
    if record.is_minor:
        labels.pop("writing_type", None)
    if record.is_parchment:
        weights["corner"] = PARCHMENT_WEIGHT
    if "corner" not in labels and labels.get("post_it") == "ok" and "corners not judged" not in record.notes:
        labels["corner"] = "ok"
        weights["corner"] = UNEXAMINED_WEIGHT
    return labels, weights
