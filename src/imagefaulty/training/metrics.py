"""Figures about answers: confusion, recall, precision, ranking, calibration, and how sure one may be of them."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

#: Standard normal quantile of a two-sided 95 % interval.
_Z95: Final = 1.959963984540054
_ALPHA: Final = 0.05
#: Bins of a reliability diagram.
BINS: Final = 10


def confusion(truth: NDArray[np.integer], answers: NDArray[np.integer], classes: int) -> NDArray[np.int64]:
    """Count pages by true class (rows) and answered class (columns).

    Args:
        truth: Class codes, shape (pages,).
        answers: Class codes, shape (pages,).
        classes: How many classes there are.

    Returns:
        int64, shape (classes, classes).
    """
    table = np.zeros((classes, classes), np.int64)
    np.add.at(table, (truth, answers), 1)
    return table


def roc_auc(positive: NDArray[np.bool_], score: NDArray[np.floating]) -> float | None:
    """Return the chance that a positive page scores above a negative one, ties counting half; None without both.

    Args:
        positive: Which pages have the class, shape (pages,).
        score: Higher means more likely, shape (pages,).
    """
    above = int(positive.sum())
    below = len(positive) - above
    if not above or not below:
        return None
    _, inverse, counts = np.unique(score, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    return float((ranks[positive].sum() - above * (above + 1) / 2) / (above * below))


def reliability(
    truth: NDArray[np.integer], probabilities: NDArray[np.floating], *, bins: int = BINS
) -> list[tuple[int, float, float]]:
    """Return how often the answered class is right, by how sure it was, the least sure pages first.

    Args:
        truth: Class codes, shape (pages,).
        probabilities: Shape (pages, classes).
        bins: How many bins; they hold the same number of pages each, for almost all pages are nearly certain.

    Returns:
        Pages, mean confidence and share of right answers per bin.
    """
    confidence = probabilities.max(axis=1)
    right = (probabilities.argmax(axis=1) == truth).astype(np.float64)
    order = np.argsort(confidence, kind="stable")
    return [
        (len(part), float(confidence[part].mean()), float(right[part].mean()))
        for part in np.array_split(order, min(bins, len(order)))
        if len(part)
    ]


def calibration_error(truth: NDArray[np.integer], probabilities: NDArray[np.floating], *, bins: int = BINS) -> float:
    """Return the expected calibration error of the answered class: mean distance of confidence from share right.

    Naeini et al., "Obtaining Well Calibrated Probabilities Using Bayesian Binning", AAAI 2015, with the bins of
    :func:`reliability`.

    Args:
        truth: Class codes, shape (pages,).
        probabilities: Shape (pages, classes).
        bins: How many bins.
    """
    found = reliability(truth, probabilities, bins=bins)
    return sum(pages * abs(right - confidence) for pages, confidence, right in found) / len(truth)


def wilson(hits: int, trials: int) -> tuple[float, float]:
    """Return the 95 % Wilson score interval of a share; (0, 1) where nothing was tried."""
    if not trials:
        return 0.0, 1.0
    share, z2 = hits / trials, _Z95**2
    middle = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half = _Z95 / (1 + z2 / trials) * math.sqrt(share * (1 - share) / trials + z2 / (4 * trials**2))
    return max(0.0, middle - half), min(1.0, middle + half)


def clopper_pearson_upper(hits: int, trials: int) -> float:
    """Return the upper end of the exact 95 % interval of a share: what "at most" may honestly be claimed.

    Clopper & Pearson, "The use of confidence or fiducial limits", Biometrika 1934.
    """
    if hits >= trials:
        return 1.0
    low, high = hits / trials, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if _binomial_tail(hits, trials, middle) < _ALPHA / 2 else (middle, high)
    return high


def _binomial_tail(hits: int, trials: int, share: float) -> float:
    """Chance of at most ``hits`` of ``trials`` at a true ``share`` strictly between 0 and 1."""
    if share >= 1:
        return 0.0
    terms = [
        math.lgamma(trials + 1) - math.lgamma(k + 1) - math.lgamma(trials - k + 1)
        + k * math.log(share) + (trials - k) * math.log1p(-share)
        for k in range(hits + 1)
    ]  # fmt: skip
    return math.fsum(math.exp(term) for term in terms)
