"""Figures of drawn pages: how many faults of each kind are found, and at what price in false alarms.

They say which looks of a fault a bundle knows, on pages whose truth is certain. They are no forecast for an archive:
drawn faults are not real ones, and each kind is as frequent as it was asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from imagefaulty.checks import Check
from imagefaulty.training.figures import Share
from imagefaulty.training.metrics import roc_auc

#: Shares of drawn sound pages that may be called faulty, for which the found share is given.
ALLOWED: Final = (0.001, 0.005, 0.01, 0.02, 0.05)
#: The one that kinds are listed at.
STRICT: Final = 0.005
#: What a check without a fault class is judged on: a second hand that was drawn onto a page of one.
_WANTED: Final = {"writing_type": "Combination"}


@dataclass(frozen=True, slots=True)
class DrawnPage:
    """One drawn page and what the bundle said of it.

    Attributes:
        kind: What was drawn, see :mod:`imagefaulty.training.faults`.
        recipe: The same in more detail, e.g. ``"fold-behind/top-left/black bed"``.
        base: The page that it was drawn on, relative to the manifest.
        labels: What is known of it, class name by check.
        probabilities: Probability of every class, by check.
        places: Per check whether a shown box points at the drawn thing, and the overlap (IoU); one entry per thing.
        thumbnail: A small WebP of the page with the drawn place marked, where the answer is wrong; else empty.
    """

    kind: str
    recipe: str
    base: str
    labels: Mapping[str, str]
    probabilities: Mapping[str, Mapping[str, float]]
    places: Mapping[str, tuple[tuple[bool, float], ...]]
    thumbnail: bytes = b""


@dataclass(frozen=True, slots=True)
class KindFigures:
    """What came out on the pages of one kind.

    Attributes:
        kind: What was drawn.
        called: Pages that were answered with the fault: found ones if it was drawn, else false alarms.
        called_strict: Pages at or above the score at which :data:`STRICT` of the sound pages are called faulty.
        pointed: Drawn things that a shown box points at, or None where nothing has a place.
        overlap: Median overlap (IoU) of shown and true boxes, 0 where nothing was shown, or None.
    """

    kind: str
    called: Share
    called_strict: Share
    pointed: Share | None = None
    overlap: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as JSON-ready values."""
        return {
            "kind": self.kind,
            "called": self.called.to_dict(),
            "called_strict": self.called_strict.to_dict(),
            "pointed": None if self.pointed is None else self.pointed.to_dict(),
            "overlap": self.overlap,
        }


@dataclass(frozen=True, slots=True)
class TradeOff:
    """What is found when so many false alarms are allowed.

    Attributes:
        allowed: Share of the sound pages that may be called faulty. Where they are fewer than its inverse, none may.
        score: Least probability of the fault at which a page is then called faulty.
        false_alarms: Sound pages that are.
        found: Faulty pages that are.
    """

    allowed: float
    score: float
    false_alarms: Share
    found: Share

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as JSON-ready values."""
        return {
            "allowed": self.allowed,
            "score": self.score,
            "false_alarms": self.false_alarms.to_dict(),
            "found": self.found.to_dict(),
        }


@dataclass(frozen=True, slots=True)
class DrawnFigures:
    """Figures of one check on drawn pages.

    Attributes:
        title: The check, and that its pages are drawn: ``"corner, drawn"``.
        wanted: The class that is sought: the fault, or Combination.
        found: Pages with it that were answered with it.
        false_alarms: Pages without it that were answered with it.
        auc: Ranking quality of its probability, or None.
        trade_offs: What is found at which share of false alarms, by :data:`ALLOWED`.
        faults: By kind of fault, the least found first.
        sound: By kind of sound page, the most false alarms first.
        missed: The drawn faults that were missed most surely, with thumbnails.
    """

    title: str
    wanted: str
    found: Share
    false_alarms: Share
    auc: float | None
    trade_offs: tuple[TradeOff, ...]
    faults: tuple[KindFigures, ...]
    sound: tuple[KindFigures, ...]
    missed: tuple[DrawnPage, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as JSON-ready values."""
        return {
            "title": self.title,
            "wanted": self.wanted,
            "found": self.found.to_dict(),
            "false_alarms": self.false_alarms.to_dict(),
            "auc": self.auc,
            "trade_offs": [each.to_dict() for each in self.trade_offs],
            "faults": [each.to_dict() for each in self.faults],
            "sound": [each.to_dict() for each in self.sound],
        }


def drawn_figures_of(
    check: Check, pages: Sequence[DrawnPage], *, fault_kinds: Sequence[str], sound_kinds: Sequence[str]
) -> DrawnFigures | None:
    """Return the figures of one check on drawn pages, or None where no page has what is sought.

    Args:
        check: The check.
        pages: Drawn pages of all kinds, with answers.
        fault_kinds: Kinds that draw what is sought; pages whose label says otherwise are left out.
        sound_kinds: Kinds that do not; pages that are not known to be sound are left out.
    """
    wanted = check.fault or _WANTED[check.name]
    known = [page for page in pages if check.name in page.labels and check.name in page.probabilities]
    faulty = [page for page in known if page.kind in fault_kinds and page.labels[check.name] == wanted]
    sound = [page for page in known if page.kind in sound_kinds and page.labels[check.name] != wanted]
    if not faulty:
        return None
    scores = _scores(check, wanted, faulty), _scores(check, wanted, sound)
    strict = _score_at(scores[1], STRICT)
    return DrawnFigures(
        title=f"{check.name}, drawn",
        wanted=wanted,
        found=_called(check, wanted, faulty),
        false_alarms=_called(check, wanted, sound),
        auc=roc_auc(np.arange(len(faulty) + len(sound)) < len(faulty), np.concatenate(scores)),
        trade_offs=tuple(_trade_off(*scores, allowed) for allowed in ALLOWED),
        faults=tuple(sorted(_kinds(check, wanted, faulty, strict), key=lambda each: each.called.value or 0)),
        sound=tuple(sorted(_kinds(check, wanted, sound, strict), key=lambda each: -(each.called.value or 0))),
        missed=tuple(sorted(_missed(check, wanted, faulty), key=lambda page: page.probabilities[check.name][wanted])),
    )


def answered(page: DrawnPage, check: str) -> str:
    """Return the class that a page was answered with."""
    by_class = page.probabilities[check]
    return max(by_class, key=by_class.__getitem__)


def _scores(check: Check, wanted: str, pages: Sequence[DrawnPage]) -> NDArray[np.float64]:
    return np.array([page.probabilities[check.name][wanted] for page in pages], np.float64)


def _called(check: Check, wanted: str, pages: Sequence[DrawnPage]) -> Share:
    return Share(sum(answered(page, check.name) == wanted for page in pages), len(pages))


def _missed(check: Check, wanted: str, pages: Sequence[DrawnPage]) -> list[DrawnPage]:
    return [page for page in pages if answered(page, check.name) != wanted]


def _score_at(sound: NDArray[np.float64], allowed: float) -> float:
    """Return the least score that no more than the allowed share of sound pages reach."""
    if not len(sound):
        return 0.0
    ranked = np.sort(sound)[::-1]
    return float(np.nextafter(ranked[int(allowed * len(sound) + 1e-9)], np.inf))


def _trade_off(faulty: NDArray[np.float64], sound: NDArray[np.float64], allowed: float) -> TradeOff:
    score = _score_at(sound, allowed)
    reached = Share(int((sound >= score).sum()), len(sound)), Share(int((faulty >= score).sum()), len(faulty))
    return TradeOff(allowed, score, *reached)


def _kinds(check: Check, wanted: str, pages: Sequence[DrawnPage], strict: float) -> list[KindFigures]:
    by_kind: dict[str, list[DrawnPage]] = {}
    for page in pages:
        by_kind.setdefault(page.kind, []).append(page)
    return [_kind(check, wanted, kind, of_kind, strict) for kind, of_kind in by_kind.items()]


def _kind(check: Check, wanted: str, kind: str, pages: Sequence[DrawnPage], strict: float) -> KindFigures:
    places = [place for page in pages for place in page.places.get(check.name, ())]
    return KindFigures(
        kind=kind,
        called=_called(check, wanted, pages),
        called_strict=Share(int((_scores(check, wanted, pages) >= strict).sum()), len(pages)),
        pointed=Share(sum(hit for hit, _ in places), len(places)) if places else None,
        overlap=float(np.median([overlap for _, overlap in places])) if places else None,
    )
