"""What follows from answers for pages of unseen sources: calibration, thresholds, cross-validation."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from imagefaulty.checks import CHECKS, CORNER, WRITING_TYPE, Check, CheckName
from imagefaulty.training.added import CLEAR_HAND, NO_HAND, added_corner, added_hand
from imagefaulty.training.calibrate import Marking, Scaling, fit_marking, fit_scaling, thresholds_of
from imagefaulty.training.cells import CHANNELS, UNKNOWN
from imagefaulty.training.course import STRICT, Course, answers_of, fitted
from imagefaulty.training.evaluation import PAGE_SETS
from imagefaulty.training.figures import CheckFigures, figures_of
from imagefaulty.training.fit import evidence
from imagefaulty.training.manifest import PageRecord
from imagefaulty.training.samples import CLOSER, NOT_DRAWN

_LOG: Final = logging.getLogger(__name__)
#: How much all drawn pages together count beside all real ones in calibration: enough to hold it where real faults are
#: few, too little for ten drawn pages to one real one to say how sure an answer about a real one should be.
_DRAWN_SHARE: Final = 0.6
#: Of every class of writing, and of pages without a note, there are real ones enough. The less drawn ones count in
#: these, the truer are probabilities (docs/decisions/025, 026).
_DRAWN_SHARES: Final[Mapping[CheckName, float]] = {"writing_type": 0.12, "post_it": 0.12}
#: Share of faulty pages that probabilities assume. Among the labelled pages a third have folds or tears and one in a
#: hundred a note (they were sought), in an archive a few in a hundred; in between, sound pages are not called faulty
#: too often, nor faulty ones missed.
_FAULT_SHARES: Final[Mapping[CheckName, float]] = {"post_it": 0.1, "corner": 0.2, "empty": 0.2}
#: Samples of each fit whose evidence is calibrated on: a minute's work.
_MARKED_SAMPLES: Final = 400

#: What is added to the title of figures of the one repository by the network that has seen nothing of it.
STRICT_SUFFIX: Final = " (whole repository unseen)"
#: Title of the figures of pages that the list says nothing of, see :mod:`imagefaulty.training.added`.
LOOKED_AT: Final = "corner (looked at, not in the list)"
#: Title of the figures of pages that the list calls typed, by whether anything was seen to be written by hand on them.
HANDS_LOOKED_AT: Final = "writing_type (typed in the list, looked at)"
#: What such a page is then; those with a tick, or with what may not be by hand, are not judged.
_BY_HAND: Final = {NO_HAND: "Typewritten", CLEAR_HAND: "Combination"}

#: Logits per check, float32 (samples, classes), NaN where there is no answer.
Answers = Mapping[CheckName, NDArray[np.float32]]
#: Calibration per fold and check.
Scalings = Mapping[int, Mapping[CheckName, Scaling]]


def calibrated(
    course: Course, answers: Answers
) -> tuple[dict[CheckName, Scaling], dict[CheckName, Any], dict[CheckName, dict[str, Any]]]:
    """Fit scalings and thresholds on unseen answers, and take down the figures of real pages among them."""
    scalings: dict[CheckName, Scaling] = {}
    thresholds: dict[CheckName, Any] = {}
    metrics: dict[CheckName, dict[str, Any]] = {}
    for column, check in enumerate(CHECKS):
        logits, codes = answers[check.name], course.store.codes[:, column]
        known = _judged(course, column) & np.isfinite(logits[:, 0])
        if len(np.unique(codes[known])) < 2:  # noqa: PLR2004
            _LOG.warning("%s: fewer than two classes are labelled, so the model will not answer it", check.name)
            continue
        scaling = _scaling(course, check, logits, known)
        chances = scaling.probabilities(logits[known])
        scalings[check.name] = scaling
        thresholds[check.name] = thresholds_of(check, chances, codes[known])
        shown = known & course.real
        figures = figures_of(check, check.name, codes[shown].astype(np.int64), scaling.probabilities(logits[shown]))
        metrics[check.name] = {"cross_validated": _summary(figures)}
    return scalings, thresholds, metrics


def marked(course: Course, names: Sequence[str]) -> tuple[Marking, ...]:
    """Fit the calibration of the evidence channels on drawn samples, of which it is known what lies where.

    Args:
        course: What was fitted.
        names: Fits whose unseen samples are used, a few hundred of each.

    Returns:
        One per channel, fitted on the pages that hold anything of it: where a place is asked for, there is one.
    """
    logits: dict[int, list[NDArray[np.float32]]] = {channel: [] for channel in range(len(CHANNELS))}
    marks: dict[int, list[NDArray[np.bool_]]] = {channel: [] for channel in range(len(CHANNELS))}
    for name in names:
        unseen = course.unseen(name)
        drawn = unseen[(course.store.cells[unseen] == 1).any(axis=(1, 2, 3))]
        rows = drawn[:: max(1, len(drawn) // _MARKED_SAMPLES)]
        for row, found in zip(rows, evidence(fitted(course, name), course.store, rows), strict=True):
            cells = course.store.cells[row]
            for channel in np.flatnonzero((cells == 1).any(axis=(1, 2))).tolist():
                known = cells[channel] != UNKNOWN
                logits[channel].append(found[channel][known])
                marks[channel].append(cells[channel][known] == 1)
    return tuple(
        fit_marking(np.concatenate(logits[channel]), np.concatenate(marks[channel])) if logits[channel] else Marking()
        for channel in range(len(CHANNELS))
    )


def _judged(course: Course, column: int) -> NDArray[np.bool_]:
    """Samples whose label for a check is known and fully trusted.

    Parts of pages are not among them: none is of both hands, so they would make that answer seem rare.
    """
    whole = np.array([sample.kind != CLOSER for sample in course.rendering.samples])
    return whole & (course.store.codes[:, column] >= 0) & (course.store.weights[:, column] >= 1)


def _scaling(course: Course, check: Check, logits: NDArray[np.float32], chosen: NDArray[np.bool_]) -> Scaling:
    codes = course.store.codes[:, CHECKS.index(check)]
    return fit_scaling(logits[chosen], codes[chosen], _counts(course, check, chosen))


def _counts(course: Course, check: Check, chosen: NDArray[np.bool_]) -> NDArray[np.float64]:
    """How much each of the chosen samples counts in the calibration of a check."""
    share = _DRAWN_SHARES.get(check.name, _DRAWN_SHARE)
    drawn = share * course.real.sum() / max(1, (~course.real).sum())
    counts = np.where(course.real, 1.0, drawn)[chosen]
    if check.fault is None:
        return counts
    faulty = course.store.codes[chosen, CHECKS.index(check)] == check.code(check.fault)
    found, assumed = counts[faulty].sum() / counts.sum(), _FAULT_SHARES[check.name]
    if found in {0, 1}:  # few pages, of which those of the other folds are all alike
        return counts
    return np.where(faulty, counts * assumed / found, counts * (1 - assumed) / (1 - found))


def cross_validated(course: Course, unseen: Answers, *, whole_repository: bool) -> list[CheckFigures]:
    """Return the figures of every page, judged by a network that never saw its source.

    Args:
        course: What was fitted.
        unseen: Answers of the networks without each fold.
        whole_repository: Whether there is a network that has seen nothing of the one repository.
    """
    scalings = cross_scalings(course, unseen)
    figures = _figures(course, unseen, scalings, course.real, looked_at=True)
    drawn = np.array([sample.kind not in NOT_DRAWN for sample in course.rendering.samples])
    figures += _figures(course, unseen, scalings, drawn, suffix=", drawn")
    if whole_repository:
        chosen = np.isin(np.arange(len(course.real)), course.unseen(STRICT))
        strict = with_strict(course, unseen)
        figures += _figures(course, strict, cross_scalings(course, strict), chosen, suffix=STRICT_SUFFIX)
    return figures


def with_strict(course: Course, unseen: Answers) -> Answers:
    """Return answers in which the network that has seen nothing of the one repository judges its pages.

    Pages of other repositories on which its handwriting or print was pasted stay among those fitted on.
    """
    rows, logits = answers_of(course, STRICT)
    strict = {name: values.copy() for name, values in unseen.items()}
    for name, values in strict.items():
        values[rows] = logits[name]
    return strict


def cross_scalings(course: Course, answers: Answers) -> dict[int, dict[CheckName, Scaling]]:
    """Return the calibration of each fold: fitted on the answers for the others."""
    scalings: dict[int, dict[CheckName, Scaling]] = {}
    for fold in np.unique(course.sample_folds).tolist():
        scalings[fold] = {}
        for column, check in enumerate(CHECKS):
            logits = answers[check.name]
            known = _judged(course, column) & np.isfinite(logits[:, 0]) & (course.sample_folds != fold)
            scalings[fold][check.name] = _scaling(course, check, logits, known)
    return scalings


def _figures(
    course: Course,
    answers: Answers,
    scalings: Scalings,
    chosen: NDArray[np.bool_],
    *,
    suffix: str = "",
    looked_at: bool = False,
) -> list[CheckFigures]:
    """Figures of the chosen samples, in the sets of pages that are judged apart."""
    rows = np.flatnonzero(chosen).tolist()
    judged = np.stack([_judged(course, column) for column in range(len(CHECKS))], axis=1)
    return figures_of_sets(
        [course.rendering.manifest.records[course.rendering.samples[row].record] for row in rows],
        course.store.codes[rows].astype(np.int64),
        judged[rows],
        scaled({name: logits[rows] for name, logits in answers.items()}, course.sample_folds[rows], scalings),
        suffix=suffix,
        looked_at=looked_at,
    )


def scaled(answers: Answers, folds: NDArray[np.integer], scalings: Scalings) -> dict[CheckName, NDArray[np.float64]]:
    """Return the probabilities that belong to logits, each scaled as those of its fold.

    Args:
        answers: Logits (pages, classes) per check.
        folds: Fold of each page.
        scalings: Calibration per fold and check.
    """
    chances = {name: np.full(logits.shape, np.nan) for name, logits in answers.items()}
    for name, logits in answers.items():
        for fold in np.unique(folds).tolist():
            chances[name][folds == fold] = scalings[fold][name].probabilities(logits[folds == fold])
    return chances


def figures_of_sets(
    records: Sequence[PageRecord],
    codes: NDArray[np.int64],
    judged: NDArray[np.bool_],
    chances: Mapping[CheckName, NDArray[np.float64]],
    *,
    suffix: str = "",
    looked_at: bool = False,
) -> list[CheckFigures]:
    """Return the figures of pages, in the sets that are judged apart.

    Args:
        records: The pages.
        codes: Class code per page and check, -1 where not known.
        judged: Whether the label is fully trusted, per page and check.
        chances: Probabilities (pages, classes) per check.
        suffix: What is added to the titles.
        looked_at: Also judge by what was seen on pages later, see :func:`figures_of_looked_at`.
    """
    found = []
    for column, check in enumerate(CHECKS):
        for kind in (each for each in PAGE_SETS if each.check == check.name):
            # What is fitted with less trust, or not at all, is judged in sets of its own.
            shown = (codes[:, column] >= 0) & (judged[:, column] | (kind.title != check.name))
            rows = np.flatnonzero(shown & np.array([kind.takes(record, check.name) for record in records])).tolist()
            if len(rows):
                title, of = kind.title + suffix, [records[row] for row in rows]
                found.append(_figures_of_pages(check, title, codes[rows, column], chances[check.name][rows], of))
    return found + figures_of_looked_at(records, chances) if looked_at else found


def figures_of_looked_at(
    records: Sequence[PageRecord], chances: Mapping[CheckName, NDArray[np.float64]]
) -> list[CheckFigures]:
    """Return the figures of pages by what was seen on them where the list does not say, or says too little.

    That is folds and tears on pages that it leaves open, and hands on pages that it calls typed. A network that has
    not seen a page's source has learned nothing from what was seen on the page.

    Args:
        records: The pages.
        chances: Probabilities (pages, classes) per check.
    """
    corners = [added_corner(record) for record in records]
    hands = [_BY_HAND.get(added_hand(record), "") for record in records]
    found = []
    for check, title, seen in ((WRITING_TYPE, HANDS_LOOKED_AT, hands), (CORNER, LOOKED_AT, corners)):
        rows = [row for row, label in enumerate(seen) if label in check.class_names]
        if rows:
            codes = np.array([check.code(seen[row]) for row in rows])
            of = [records[row] for row in rows]
            found.append(_figures_of_pages(check, title, codes, chances[check.name][rows], of))
    return found


def _figures_of_pages(
    check: Check, title: str, codes: NDArray[np.int64], chances: NDArray[np.float64], pages: Sequence[PageRecord]
) -> CheckFigures:
    """Return the figures of a set of pages: by source, and resampled by group."""
    sources, clusters = [page.source for page in pages], [page.group for page in pages]
    return figures_of(check, title, codes, chances, sources=sources, clusters=clusters)


def _summary(figures: CheckFigures) -> dict[str, Any]:
    return {
        "confusion": figures.table.tolist(),
        "recall": {each.name: None if each.recall is None else round(each.recall, 4) for each in figures.classes},
        "auc": {each.name: None if each.auc is None else round(each.auc, 4) for each in figures.classes},
        "calibration_error": round(figures.calibration_error, 4),
    }
