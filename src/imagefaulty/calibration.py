"""From logits to probabilities that mean what they say, and from probabilities to a verdict."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from imagefaulty.bundle import Thresholds
from imagefaulty.checks import Check

Verdict = Literal["yes", "no", "look"]


def probabilities(logits: NDArray[np.floating], temperature: float) -> NDArray[np.float64]:
    """Return calibrated class probabilities.

    Temperature scaling: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.

    Args:
        logits: Shape (..., classes).
        temperature: Above 0; above 1 makes the answer less sure.

    Returns:
        float64, the shape of ``logits``; each row sums to 1.
    """
    scaled = np.asarray(logits, np.float64) / temperature
    scaled = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    result: NDArray[np.float64] = scaled / scaled.sum(axis=-1, keepdims=True)
    return result


def verdict(check: Check, by_class: Mapping[str, float], thresholds: Thresholds) -> Verdict:
    """Say whether the question is answered, or whether a person should look.

    For a check with a fault class, "yes" means the fault is there and "no" that it is not. For a check without one
    (writing type), "yes" means that the winning label can be relied on.

    Args:
        check: The check.
        by_class: Calibrated probability of every class.
        thresholds: The thresholds of the operating point in use.
    """
    score = max(by_class.values()) if check.fault is None else by_class[check.fault]
    if score >= thresholds.yes:
        return "yes"
    return "no" if score < thresholds.no else "look"
