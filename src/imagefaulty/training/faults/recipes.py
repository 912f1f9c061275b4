"""The closed set of recipe kinds, and ``draw``: one page in, one page with labels and regions out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, Literal, get_args

import numpy as np

from imagefaulty.checks import CORNER, POST_IT, CheckName
from imagefaulty.training.faults import (
    circumstances,
    copies,
    copy_corners,
    deeds,
    letters,
    loose,
    marks,
    photographed,
    plain,
    printed,
    targets,
    tears,
)
from imagefaulty.training.faults.blanks import blank, blank_page, nearly_empty
from imagefaulty.training.faults.composed import compose, paper_for
from imagefaulty.training.faults.compositing import chance
from imagefaulty.training.faults.corner_faults import fold_corner, fold_double, fold_edge
from imagefaulty.training.faults.creases import crease
from imagefaulty.training.faults.drawn import Drawn, Labels, Pixels, Region, region_of
from imagefaulty.training.faults.folds import Change
from imagefaulty.training.faults.materials import Materials
from imagefaulty.training.faults.notes import note
from imagefaulty.training.faults.sheet import Sheet, Trim, over_next_sheet, placed
from imagefaulty.training.faults.writing import grown, handwriting_on_typed, print_on_handwritten

CornerKind = Literal[
    "fold-over", "fold-behind", "fold-edge", "fold-double", "corner-missing", "edge-torn", "rip", "crease",
    "loose-torn", "plain-corner", "copy-fold", "nicked", "tattered", "copy-corner",
]  # fmt: skip
NoteKind = Literal["note-real", "note-drawn", "slip", "flag", "clipping", "plain-note", "copy-slip"]
HarmlessKind = Literal[
    "clean", "printed-box", "label", "stamp", "photo", "highlighter", "panel", "tape", "paper-clip", "holes", "staples",
    "rounded-corners", "dark-border", "gutter", "skew", "crop", "stain", "margin-rule", "curl-shading", "thumb-index",
    "uneven-edge", "letter-fold", "loose-leaf", "copied", "table", "printed-marks", "dirt", "show-through",
    "affixed-stamp", "boxed-print", "bound", "target-card", "struck-out", "sealed", "kept-letter",
]  # fmt: skip
EmptyKind = Literal["blank", "nearly-empty"]
WritingKind = Literal["handwriting-on-typed", "print-on-handwritten"]
ComposedKind = Literal[
    "hand-page", "type-page", "register", "form", "book-page", "early-print", "annotated-slip", "corrected",
    "till-slip",
]  # fmt: skip
Kind = CornerKind | NoteKind | HarmlessKind | EmptyKind | WritingKind | ComposedKind

CORNER_KINDS: Final[tuple[str, ...]] = get_args(CornerKind)
NOTE_KINDS: Final[tuple[str, ...]] = get_args(NoteKind)
HARMLESS_KINDS: Final[tuple[str, ...]] = get_args(HarmlessKind)
EMPTY_KINDS: Final[tuple[str, ...]] = get_args(EmptyKind)
WRITING_KINDS: Final[tuple[str, ...]] = get_args(WritingKind)
COMPOSED_KINDS: Final[tuple[str, ...]] = get_args(ComposedKind)
#: Every kind that :func:`draw` knows.
KINDS: Final[tuple[str, ...]] = (
    *CORNER_KINDS, *NOTE_KINDS, *HARMLESS_KINDS, *EMPTY_KINDS, *WRITING_KINDS, *COMPOSED_KINDS
)  # fmt: skip

Recipe = Callable[[Sheet, Materials, np.random.Generator], Change]
#: A fault must be seen: this share of its mask (or this many px) differs from the page by this many levels.
_SEEN_LEVELS, _SEEN_SHARE, _SEEN_PX = 14, 0.05, 60
#: Least share of the page that a fold, tear or note covers: a triangle of 30 px on a page of 1024; 17 px at 640 x 448.
_LEAST_AREA = 0.0006
_TRIES = 5
_ENOUGH_PX = 260  # so many px are seen whatever their share is: a tear on a bed of the paper's own colour
_ADDS_CONTENT = frozenset({"stamp", "label", "printed-box", "photo", "affixed-stamp", "printed-marks", "boxed-print"})
_STAPLED = frozenset(
    {"fold-over", "fold-behind", "fold-edge", "fold-double", "corner-missing", "edge-torn", "rip", "crease", "nicked"}
)
_LAID_BY_RECIPE = frozenset({"gutter", "bound", "loose-torn", "loose-leaf", "tattered", "copy-corner", "kept-letter"})
_TO_PAPER = frozenset({*CORNER_KINDS, "loose-leaf", "kept-letter"})
_BED_SHARE, _PAPER_SHARE = 0.45, 0.5
_STAPLED_SHARE = 0.14  # of the sheets on a bed lie on the next sheet of a set


def _nothing(sheet: Sheet, materials: Materials, rng: np.random.Generator) -> Change:
    del materials, rng
    return Change(sheet, np.zeros(sheet.cover.shape, np.float32), "nothing drawn")


_CORNER_RECIPES: Final[Mapping[str, tuple[Recipe, str]]] = MappingProxyType({
    "fold-over": (lambda s, m, r: fold_corner(s, m, r, "over"), "fold"),
    "fold-behind": (lambda s, m, r: fold_corner(s, m, r, "behind"), "fold"),
    "fold-edge": (fold_edge, "fold"),
    "fold-double": (fold_double, "fold"),
    "corner-missing": (tears.missing_corner, "tear"),
    "edge-torn": (tears.torn_edge, "tear"),
    "rip": (tears.rip, "tear"),
    "crease": (crease, "crease"),
    "loose-torn": (loose.loose_torn, "tear"),
    "plain-corner": (plain.plain_corner, "fold"),
    "copy-fold": (copies.copy_fold, "fold"),
    "nicked": (tears.nicked, "tear"),
    "tattered": (letters.tattered, "tear"), "copy-corner": (copy_corners.copy_corner, "fold"),
})  # fmt: skip
_PLAIN_NOTES: Final[Mapping[str, Recipe]] = MappingProxyType({
    "plain-note": plain.plain_note, "copy-slip": copies.copy_slip,
})  # fmt: skip
_NOTE_RECIPES: Final[Mapping[str, str]] = MappingProxyType({
    "note-real": "cut-out", "note-drawn": "sticky", "slip": "slip", "flag": "flag", "clipping": "clipping",
})  # fmt: skip
_HARMLESS_RECIPES: Final[Mapping[str, Recipe]] = MappingProxyType({
    "clean": _nothing,
    "printed-box": marks.printed_box, "label": marks.label, "stamp": marks.stamp, "photo": marks.photo,
    "highlighter": marks.highlighter, "panel": marks.panel, "tape": marks.tape_alone, "paper-clip": marks.clip_alone,
    "holes": circumstances.holes, "staples": circumstances.staples, "rounded-corners": circumstances.rounded,
    "dark-border": circumstances.dark_border, "gutter": circumstances.gutter, "skew": circumstances.skew,
    "crop": circumstances.crop, "stain": circumstances.stain, "margin-rule": circumstances.margin_rule,
    "curl-shading": circumstances.curl_shade, "thumb-index": circumstances.thumb_index,
    "uneven-edge": circumstances.uneven_edge, "letter-fold": circumstances.letter_fold,
    "loose-leaf": loose.loose_leaf, "copied": copies.copied, "table": printed.table,
    "printed-marks": printed.printed_marks, "dirt": printed.dirt, "show-through": printed.show_through,
    "affixed-stamp": printed.affixed_stamp, "boxed-print": printed.boxed_print, "bound": photographed.bound,
    "target-card": targets.target_card, "struck-out": deeds.struck_out, "sealed": deeds.sealed,
    "kept-letter": letters.kept_letter,
})  # fmt: skip


def draw(kind: str, page: Pixels, *, labels: Labels, materials: Materials, rng: np.random.Generator) -> Drawn:
    """Draw one kind of fault, harmless thing, empty page or writing on a page.

    Args:
        kind: One of :data:`KINDS`. ``"clean"`` draws nothing but lays the page on a bed as often as the others do.
        page: uint8 (h, w, 3) RGB, long side about 1024 px. The empty and the composed kinds bring their own page and
            ignore it.
        labels: Known classes of the page; a check that is missing is unknown.
        materials: Where notes, beds, paper and hands come from.
        rng: Source of chance: the same state gives the same page.

    Returns:
        The drawn page. Its labels are the page's, with the drawn fault's class set and with classes left out that
        the drawing made uncertain (a note's handwriting on a typed page).

    Raises:
        ValueError: There is no such kind.
    """
    if kind not in KINDS:
        raise ValueError(f"unknown kind {kind!r}; the kinds are {', '.join(KINDS)}")
    if kind in EMPTY_KINDS:
        return _draw_empty(kind, materials, rng)
    if kind in COMPOSED_KINDS:
        return _draw_composed(kind, materials, rng)
    sheet = _placed(kind, page, labels, materials, rng)
    known: dict[CheckName, str] = dict(labels)
    if kind in HARMLESS_KINDS:
        return _draw_harmless(kind, sheet, known, materials, rng)
    if kind in WRITING_KINDS:
        return _draw_writing(kind, sheet, known, materials, rng)
    check: CheckName = "corner" if kind in CORNER_KINDS else "post_it"
    if check == "corner":
        recipe, region_kind = _CORNER_RECIPES[kind]
        known["corner"] = "folded_corner"
    else:
        recipe, region_kind = _note_recipe(kind), "note"
        known["post_it"] = "post-it"
        known.pop("writing_type", None)
        if kind == "copy-slip" or known.get("empty") == "empty":  # a card on a bare sheet, at times
            known.pop("empty", None)
    if (
        check == "corner"
        and sheet.framed
        and not sheet.tone.bilevel
        and kind in _STAPLED
        and chance(rng, _STAPLED_SHARE)
    ):
        sheet = over_next_sheet(sheet, materials, rng)
    least = 0.0 if kind in {"crease", "rip"} else _LEAST_AREA  # lines have no area to speak of
    change = _seen(recipe, sheet, materials, rng, least_area=least)
    return _with_regions(change, kind, known, (region_of(change.mask, kind=region_kind, check=check),))


def _draw_harmless(
    kind: str, sheet: Sheet, known: dict[CheckName, str], materials: Materials, rng: np.random.Generator
) -> Drawn:
    change = _HARMLESS_RECIPES[kind](sheet, materials, rng)
    if kind in _ADDS_CONTENT and known.get("empty") == "empty":
        known["empty"] = "ok"
    if kind == "printed-marks" and known.get("writing_type") == "Handwritten":
        known.pop("writing_type")  # print was added, though it is no text
    if kind == "bound":  # the facing page is in the picture, whoever wrote it
        known.pop("writing_type", None)
    if kind == "kept-letter" and change.detail.startswith("envelope"):  # only a part of the page is left on it
        known = {check: label for check, label in known.items() if check not in {"writing_type", "empty"}}
    if kind in {"crop", "gutter", "bound", "kept-letter"}:  # what is cut off or covered may be the page's real fault
        known = {check: label for check, label in known.items() if label not in {CORNER.fault, POST_IT.fault}}
    return Drawn(change.sheet.pixels, known, (), f"{kind}/{change.detail}" if change.detail else kind)


def _note_recipe(kind: str) -> Recipe:
    if kind in _PLAIN_NOTES:
        return _PLAIN_NOTES[kind]
    face = _NOTE_RECIPES[kind]
    return lambda sheet, materials, rng: note(sheet, materials, rng, face)


def _placed(kind: str, page: Pixels, labels: Labels, materials: Materials, rng: np.random.Generator) -> Sheet:
    """Find the sheet of a page, cut and laid on a bed with the same chances for all kinds."""
    if labels.get("corner") == CORNER.fault or labels.get("post_it") == POST_IT.fault:
        return placed(page, materials=materials, rng=rng, trim="nothing", share=0.0)
    # Corner faults need paper at the border; other pages are cut to their paper as well at times, or it would tell.
    trim: Trim = "paper" if kind in _TO_PAPER or chance(rng, _PAPER_SHARE) else "bed"
    return placed(page, materials=materials, rng=rng, trim=trim, share=0.0 if kind in _LAID_BY_RECIPE else _BED_SHARE)


def _with_regions(change: Change, kind: str, labels: Labels, regions: tuple[Region | None, ...]) -> Drawn:
    found = tuple(region for region in regions if region is not None)
    return Drawn(change.sheet.pixels, labels, found, f"{kind}/{change.detail}" if change.detail else kind)


def _visible(before: Sheet, change: Change, least_area: float = 0.0) -> bool:
    inside = change.mask > 0.3
    if float(inside.mean()) < least_area or not inside.any():
        return False
    sound = before.pixels if change.sound is None else change.sound
    difference = np.abs(change.sheet.pixels[inside].astype(np.int16) - sound[inside]).max(axis=1)
    seen = int((difference > _SEEN_LEVELS).sum())
    return seen > max(_SEEN_PX, min(_ENOUGH_PX, _SEEN_SHARE * len(difference)))


def _seen(
    recipe: Recipe, sheet: Sheet, materials: Materials, rng: np.random.Generator, *, least_area: float = 0.0
) -> Change:
    """Draw until the fault can be seen, for an invisible one would be a wrong label."""
    change = recipe(sheet, materials, rng)
    for _ in range(_TRIES):
        if _visible(sheet, change, least_area):
            break
        change = recipe(sheet, materials, rng)
    return change


def _draw_composed(kind: str, materials: Materials, rng: np.random.Generator) -> Drawn:
    """Write a page on blank paper: what is on it is known to the last stroke."""
    page, layout = paper_for(kind, materials, rng)
    sheet = _alone(page, materials, rng)
    made = compose(kind, layout, sheet, materials, rng)
    regions = [region_of(grown(mask), kind=hand, check="writing_type")
               for mask, hand in ((made.hand, "handwriting"), (made.print, "print"))]  # fmt: skip
    hands = [region.kind for region in regions if region is not None]
    labels: dict[CheckName, str] = {"post_it": "ok", "corner": "ok", "empty": "ok"}
    if hands:
        one = "Handwritten" if hands[0] == "handwriting" else "Typewritten"
        labels["writing_type"] = "Combination" if len(hands) > 1 else one
    return _with_regions(Change(made.sheet, made.hand, made.detail), kind, labels, tuple(regions))


def _alone(page: Pixels, materials: Materials, rng: np.random.Generator) -> Sheet:
    """Place a blank page, but not on another sheet, whose writing would show beside it."""
    sheet = placed(page, materials=materials, rng=rng)
    while sheet.framed and sheet.bed.name == "next sheet":
        sheet = placed(page, materials=materials, rng=rng)
    return sheet


def _draw_empty(kind: str, materials: Materials, rng: np.random.Generator) -> Drawn:
    page = blank_page(materials, rng)
    sheet = _alone(page, materials, rng)
    labels: dict[CheckName, str] = {"post_it": "ok", "corner": "ok", "empty": "empty"}
    if kind == "blank":
        change = blank(sheet, materials, rng)
        return _with_regions(change, kind, labels, ())
    change, hand = nearly_empty(sheet, materials, rng)
    for _ in range(_TRIES):
        if _visible(sheet, change):
            break
        change, hand = nearly_empty(sheet, materials, rng)
    labels["empty"] = "ok"
    if hand != "stamp":
        labels["writing_type"] = "Handwritten" if hand == "handwriting" else "Typewritten"
    return _with_regions(change, kind, labels, (region_of(change.mask, kind=hand, check="empty"),))


def _draw_writing(
    kind: str, sheet: Sheet, labels: dict[CheckName, str], materials: Materials, rng: np.random.Generator
) -> Drawn:
    add = handwriting_on_typed if kind == "handwriting-on-typed" else print_on_handwritten
    change = _seen(add, sheet, materials, rng)
    other = "Typewritten" if kind == "handwriting-on-typed" else "Handwritten"
    if labels.get("writing_type") in {other, "Combination"}:
        labels["writing_type"] = "Combination"
    else:
        labels.pop("writing_type", None)
    labels["empty"] = "ok"
    hand = "handwriting" if kind == "handwriting-on-typed" else "print"
    return _with_regions(change, kind, labels, (region_of(change.mask, kind=hand, check="writing_type"),))
