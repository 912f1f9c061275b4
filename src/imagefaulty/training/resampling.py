"""How sure one may be of figures that have no formula for it: a bootstrap over sources.

Pages of one source resemble one another, so a thousand pages of three archives say little more about a fourth archive
than three pages would. The cluster bootstrap draws whole sources, with replacement, as often as there are sources, and
computes the figure again from the pages drawn (Field & Welsh, "Bootstrapping clustered data", JRSS B 69, 2007;
Davison & Hinkley, "Bootstrap Methods and their Application", 1997, section 3.8). The interval lies between the 2.5th
and the 97.5th percentile of 500 such draws (Efron & Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13).

What it cannot do: with few sources (say under ten) its intervals are too narrow (Cameron, Gelbach & Miller, "Bootstrap-
Based Improvements for Inference with Clustered Errors", Rev. Econ. Stat. 90, 2008), and where the pages hold no mistake
no draw holds one. Then there is no interval, rather than one without width.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from imagefaulty.training.metrics import BINS

#: Low and high end.
Interval = tuple[float, float]

#: Draws: the ends move by about a tenth of the interval's width from seed to seed, and 1,800 pages take 0.15 s.
RESAMPLES: Final = 500
_PERCENTILES: Final = (2.5, 97.5)
_ONE_SIDED: Final = 95
#: Draws in which the figure is defined (both classes drawn), below which there is no interval.
_LEAST_DEFINED: Final = 0.5
#: Page weights held at once: 64 MB.
_BLOCK: Final = 8_000_000


@dataclass(frozen=True, slots=True)
class Spread:
    """Bootstrap intervals of the figures of one check; None where there is none.

    Attributes:
        recall: Per class.
        precision: Per class.
        f1: Per class.
        auc: Per class.
        balanced_accuracy: Mean recall of the classes that occur among the pages.
        calibration_error: Corrected for the bias of the figure, see :func:`spread`.
    """

    recall: tuple[Interval | None, ...]
    precision: tuple[Interval | None, ...]
    f1: tuple[Interval | None, ...]
    auc: tuple[Interval | None, ...]
    balanced_accuracy: Interval | None
    calibration_error: Interval | None


def spread(
    truth: NDArray[np.integer],
    probabilities: NDArray[np.floating],
    sources: Sequence[str] | None,
    *,
    calibration_error: float,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Spread:
    """Return the intervals of a check's figures by the cluster bootstrap over sources.

    The calibration error of a draw is larger than that of the pages it was drawn from, since pages drawn twice make
    its bins uneven. The draws are moved by that bias (their mean minus the figure) before their ends are read off.

    Args:
        truth: Class codes, shape (pages,).
        probabilities: Shape (pages, classes).
        sources: Source of every page. None, or a single source, means that pages are drawn one by one.
        calibration_error: The figure itself.
        seed: The same seed gives the same intervals.
        resamples: How many draws.
    """
    classes = probabilities.shape[1]
    cells = np.eye(classes * classes)[truth * classes + probabilities.argmax(axis=1)]
    tables, aucs, errors = [], [], []
    for weights in _weights(len(truth), sources, seed, resamples):
        tables.append((weights @ cells).reshape(-1, classes, classes))
        aucs.append(np.stack([_aucs(truth == code, probabilities[:, code], weights) for code in range(classes)], 1))
        errors.append(_calibration_errors(truth, probabilities, weights))
    table, auc, error = np.concatenate(tables), np.concatenate(aucs), np.concatenate(errors)
    hits, pages, answered = np.diagonal(table, axis1=1, axis2=2), table.sum(axis=2), table.sum(axis=1)
    recall = _ratio(hits, pages)
    return Spread(
        recall=_intervals(recall),
        precision=_intervals(_ratio(hits, answered)),
        f1=_intervals(np.where(pages > 0, _ratio(2 * hits, pages + answered), np.nan)),
        auc=_intervals(auc),
        balanced_accuracy=_interval(recall[:, np.unique(truth)].mean(axis=1)),
        calibration_error=_interval(np.maximum(0, error - (error.mean() - calibration_error))),
    )


def calibration_error_by_chance(
    probabilities: NDArray[np.floating], *, seed: int = 0, resamples: int = RESAMPLES
) -> Interval:
    """Return the calibration error that answers show which mean exactly what they say.

    It is above 0, for a share of few pages is seldom the true one: of 300 pages in ten bins about 0.04. Right and wrong
    are drawn for every page, as sure as the answer is (consistency resampling: Broecker & Smith, "Increasing the
    Reliability of Reliability Diagrams", Weather and Forecasting 22, 2007).

    Args:
        probabilities: Shape (pages, classes).
        seed: The same seed gives the same figures.
        resamples: How many draws.

    Returns:
        The mean of the draws, and what 95 % of them stay below.
    """
    confidence = np.sort(probabilities.max(axis=1))
    pages, rng = len(confidence), np.random.default_rng(seed)
    errors: list[NDArray[np.float64]] = []
    step = max(1, _BLOCK // pages)
    for start in range(0, resamples, step):
        gap = (rng.random((min(step, resamples - start), pages)) < confidence) - confidence
        parts = np.array_split(gap, min(BINS, pages), axis=1)
        errors.append(np.sum([np.abs(part.sum(axis=1)) for part in parts], axis=0) / pages)
    drawn = np.concatenate(errors)
    return float(drawn.mean()), float(np.percentile(drawn, _ONE_SIDED))


def _weights(pages: int, sources: Sequence[str] | None, seed: int, resamples: int) -> Iterator[NDArray[np.float64]]:
    """How often each page is drawn, in blocks of shape (draws, pages)."""
    codes = np.arange(pages) if sources is None else np.unique(sources, return_inverse=True)[1]
    if not codes.any():
        codes = np.arange(pages)
    units = int(codes.max()) + 1
    rng = np.random.default_rng(seed)
    step = max(1, _BLOCK // pages)
    for start in range(0, resamples, step):
        drawn = rng.multinomial(units, np.full(units, 1 / units), size=min(step, resamples - start))
        yield drawn[:, codes].astype(np.float64)


def _aucs(
    positive: NDArray[np.bool_], score: NDArray[np.floating], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Ranking quality under each row of weights, ties counting half; NaN where only one kind was drawn."""
    order = np.argsort(score, kind="stable")
    starts = np.flatnonzero(np.diff(score[order], prepend=-np.inf))
    ordered = weights[:, order]
    above = np.add.reduceat(np.where(positive[order], ordered, 0), starts, axis=1)
    below = np.add.reduceat(np.where(positive[order], 0, ordered), starts, axis=1)
    wins = (above * (np.cumsum(below, axis=1) - below / 2)).sum(axis=1)
    return _ratio(wins, above.sum(axis=1) * below.sum(axis=1))


def _calibration_errors(
    truth: NDArray[np.integer], probabilities: NDArray[np.floating], weights: NDArray[np.float64], *, bins: int = BINS
) -> NDArray[np.float64]:
    """Calibration error under each row of weights, in bins of the same weight each."""
    confidence = probabilities.max(axis=1)
    order = np.argsort(confidence, kind="stable")
    gap = ((probabilities.argmax(axis=1) == truth) - confidence)[order]
    ordered = weights[:, order]
    passed = np.cumsum(ordered, axis=1)
    total = passed[:, -1:]
    place = np.minimum(((passed - ordered / 2) / total * bins).astype(np.int64), bins - 1)
    place += bins * np.arange(len(weights))[:, None]
    gaps = np.bincount(place.ravel(), (ordered * gap).ravel(), minlength=bins * len(weights))
    error: NDArray[np.float64] = np.abs(gaps.reshape(-1, bins)).sum(axis=1) / total[:, 0]
    return error


def _ratio(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    result: NDArray[np.float64] = np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)
    return result


def _intervals(values: NDArray[np.float64]) -> tuple[Interval | None, ...]:
    return tuple(_interval(column) for column in values.T)


def _interval(values: NDArray[np.float64]) -> Interval | None:
    defined = values[np.isfinite(values)]
    if len(defined) < _LEAST_DEFINED * len(values) or np.ptp(defined) < np.finfo(float).eps * 8:
        return None
    low, high = np.percentile(defined, _PERCENTILES)
    return float(low), float(high)
