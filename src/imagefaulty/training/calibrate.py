"""From raw logits to probabilities that can be believed, and to thresholds with a stated error.

Everything here is fitted on answers for pages whose source the answering heads had not seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from imagefaulty.bundle import Thresholds
from imagefaulty.calibration import probabilities
from imagefaulty.checks import Check

#: Pulls towards "leave the logits as they are", as strong as about three pages.
_PRIOR_PAGES: Final = 3.0
_STEPS: Final = 100
#: Of two classes temperature and bias are all that there is to fit.
_TWO: Final = 2
#: Operating points: the share of faulty pages that may be answered "no", and of sound pages that may be answered
#: "yes", both measured on unseen sources.
OPERATING_POINTS: Final[Mapping[str, tuple[float, float]]] = {"balanced": (0.05, 0.01), "safe": (0.01, 0.001)}
#: For a check without a fault class: the share of answers relied on that may be wrong.
RELIANCE: Final[Mapping[str, float]] = {"balanced": 0.03, "safe": 0.01}


@dataclass(frozen=True, slots=True)
class Scaling:
    """Calibration of one check: ``softmax((mixing @ logits + bias) / temperature)``.

    Attributes:
        temperature: Above 0.
        bias: Added to the mixed logits inside the graph, one per class, the first 0.
        mixing: How the logits of all classes make up those of each, inside the graph: a row per class. Empty where they
            are taken as they are.
    """

    temperature: float
    bias: tuple[float, ...]
    mixing: tuple[tuple[float, ...], ...] = ()

    def probabilities(self, logits: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return calibrated probabilities, shape of ``logits`` (pages, classes)."""
        mixed = logits @ np.asarray(self.mixing).T if self.mixing else logits
        return probabilities(mixed + np.asarray(self.bias), self.temperature)


@dataclass(frozen=True, slots=True)
class Marking:
    """Calibration of one evidence channel: the sigmoid of ``slope * logit + shift`` is the share of such cells marked.

    Attributes:
        slope: Above 0.
        shift: Added afterwards.
    """

    slope: float = 1.0
    shift: float = 0.0


def fit_marking(logits: NDArray[np.floating], marks: NDArray[np.bool_]) -> Marking:
    """Fit slope and shift of an evidence channel by likelihood (Platt scaling).

    While the network is fitted, the few marked cells weigh as much as the many others, so that a cell beside a fault
    looks as likely as one on it. Here every cell counts once.

    Args:
        logits: Shape (cells,).
        marks: Which of them are marked, shape (cells,).

    Returns:
        What changes nothing, if there are not both kinds of cells.
    """
    if marks.all() or not marks.any():
        return Marking()
    scores = torch.tensor(logits, dtype=torch.float64)
    truth = torch.tensor(marks, dtype=torch.float64)
    rate = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    shift = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([rate, shift], max_iter=_STEPS, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        total = functional.binary_cross_entropy_with_logits(scores * rate.exp() + shift, truth)
        total.backward()
        return total

    optimiser.step(loss)
    return Marking(float(rate.exp().detach()), float(shift.detach()))


def fit_scaling(logits: NDArray[np.floating], truth: NDArray[np.integer], weights: NDArray[np.floating]) -> Scaling:
    """Fit the calibration of a check by weighted likelihood.

    Platt scaling for two classes, its matrix form for more (Guo et al., "On Calibration of Modern Neural Networks",
    ICML 2017): one temperature cannot tell that a network is less sure of print than it may be, and not of handwriting.

    Args:
        logits: Shape (pages, classes).
        truth: Class codes, shape (pages,).
        weights: How much each page counts, shape (pages,).
    """
    classes = logits.shape[1]
    scores = torch.tensor(logits, dtype=torch.float64)
    codes = torch.tensor(truth, dtype=torch.int64)
    counts = torch.tensor(weights, dtype=torch.float64)
    rate = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    shift = torch.zeros(classes - 1, dtype=torch.float64, requires_grad=True)
    # A number added to all logits of a page says nothing, so what is mixed is how they differ from their mean.
    apart = torch.eye(classes, dtype=torch.float64) - 1 / classes
    mixing = torch.zeros(classes, classes, dtype=torch.float64, requires_grad=classes > _TWO)
    fitted = [each for each in (rate, shift, mixing) if each.requires_grad]
    optimiser = torch.optim.LBFGS(fitted, max_iter=_STEPS, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        scaled = scores * rate.exp() + scores @ apart @ mixing.T + functional.pad(shift, (1, 0))
        each = functional.cross_entropy(scaled, codes, reduction="none")
        kept = rate.square().sum() + mixing.square().sum() + 0.1 * shift.square().sum()
        total = (each * counts).sum() + _PRIOR_PAGES * kept
        total.backward()
        return total

    optimiser.step(loss)
    temperature = float(torch.exp(-rate.detach()))
    bias = (0.0, *(float(each) * temperature for each in shift.detach()))
    if classes == _TWO:
        return Scaling(temperature, bias)
    whole = torch.eye(classes, dtype=torch.float64) + mixing.detach() @ apart * temperature
    return Scaling(temperature, bias, tuple(tuple(row) for row in whole.tolist()))


def thresholds_of(check: Check, chances: NDArray[np.floating], truth: NDArray[np.integer]) -> dict[str, Thresholds]:
    """Choose the thresholds of every operating point.

    Drawn pages count as much as real ones here: they are harder, and so is the next archive. Counting as little as they
    do in calibration they left 6.8 % wrong among the answers about writing relied on on the held-out sources, where 3 %
    are meant (docs/decisions/025).

    Args:
        check: The check.
        chances: Calibrated probabilities, shape (pages, classes).
        truth: Class codes, shape (pages,).
    """
    if check.fault is None:
        return {point: Thresholds(0.0, _reliable(chances, truth, share)) for point, share in RELIANCE.items()}
    fault = check.code(check.fault)
    score = chances[:, fault]
    return {
        point: _band(score[truth == fault], score[truth != fault], missed, false)
        for point, (missed, false) in OPERATING_POINTS.items()
    }


def _band(faulty: NDArray[np.floating], sound: NDArray[np.floating], missed: float, false: float) -> Thresholds:
    """Below ``no`` lie at most ``missed`` of the faulty pages, at ``yes`` and above at most ``false`` of the sound."""
    lowest = float(np.quantile(faulty, missed, method="lower")) if len(faulty) else 0.5
    highest = float(np.quantile(sound, 1 - false, method="higher")) if len(sound) else 0.5
    yes = min(0.5 * (1 + highest), 1.01 * highest + 1e-4)
    no, yes = (lowest, yes) if lowest < yes else ((lowest + yes) / 2, (lowest + yes) / 2)
    return Thresholds(round(min(no, 0.5), 4), round(max(yes, 0.5), 4))


def _reliable(chances: NDArray[np.floating], truth: NDArray[np.integer], share: float) -> float:
    """The lowest confidence from which on at most ``share`` of the answers are wrong."""
    confidence = chances.max(axis=1)
    order = np.argsort(-confidence, kind="stable")
    wrong = np.cumsum(chances.argmax(axis=1)[order] != truth[order]) / np.arange(1, len(order) + 1)
    kept = np.flatnonzero(wrong <= share)
    return round(float(confidence[order][kept[-1]]), 4) if len(kept) else 0.99
