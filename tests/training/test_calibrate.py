"""Calibrated probabilities mean what they say, and thresholds keep their word on the pages they were chosen on."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="calibration is fitted with the extra `train`")

from imagefaulty.calibration import probabilities
from imagefaulty.checks import check_named
from imagefaulty.training.calibrate import Marking, fit_marking, fit_scaling, thresholds_of
from imagefaulty.training.metrics import calibration_error


def _overconfident(pages: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    true_logit = rng.normal(0, 2, pages)
    truth = (rng.random(pages) < 1 / (1 + np.exp(-true_logit))).astype(int)
    return np.stack([np.zeros(pages), 3 * true_logit + 2], axis=1), truth


def test_overconfident_and_shifted_logits_are_mended() -> None:
    logits, truth = _overconfident()
    scaling = fit_scaling(logits, truth, np.ones(len(truth)))
    assert scaling.temperature == pytest.approx(3, rel=0.15)
    assert scaling.bias[1] == pytest.approx(-2, abs=0.3)
    assert calibration_error(truth, scaling.probabilities(logits)) < 0.02


def _unsure_of_print(pages: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Logits of hand, print and both from two scores, of which that of print says a third of what it should."""
    rng = np.random.default_rng(0)
    hand, print_ = rng.normal(0, 3, (2, pages))
    true_logits = np.stack([-print_, -hand, np.zeros(pages)], axis=1)
    shares = np.exp(true_logits) / np.exp(true_logits).sum(axis=1, keepdims=True)
    truth = (rng.random((pages, 1)) > shares.cumsum(axis=1)).sum(axis=1)
    return np.stack([-print_ / 3, -hand, np.zeros(pages)], axis=1), truth


def test_a_network_less_sure_of_one_class_than_it_may_be_is_mended() -> None:
    logits, truth = _unsure_of_print()
    scaling = fit_scaling(logits, truth, np.ones(len(truth)))
    assert calibration_error(truth, scaling.probabilities(logits)) < 0.02
    assert calibration_error(truth, probabilities(logits, scaling.temperature)) > 0.05
    assert scaling.probabilities(logits + 7) == pytest.approx(scaling.probabilities(logits)), (
        "7 more for all says nothing"
    )


def test_few_pages_change_little() -> None:
    scaling = fit_scaling(np.array([[0.0, 5.0]]), np.array([0]), np.ones(1))
    assert 0.3 < scaling.temperature < 8


def test_few_pages_of_three_classes_change_little() -> None:
    logits = np.array([[4.0, 0.0, 0.0], [0.0, 4.0, 0.0], [0.0, 0.0, 4.0]])
    chances = fit_scaling(logits, np.array([0, 1, 2]), np.ones(3)).probabilities(logits)
    assert chances.max(axis=1) == pytest.approx(probabilities(logits, 1.0).max(axis=1), abs=0.02)


def test_thresholds_keep_their_word() -> None:
    logits, truth = _overconfident()
    chances = fit_scaling(logits, truth, np.ones(len(truth))).probabilities(logits)
    points = thresholds_of(check_named("empty"), chances, truth)
    assert (chances[truth == 0, 1] >= points["safe"].yes).mean() <= 0.001
    assert (chances[truth == 0, 1] >= points["balanced"].yes).mean() <= 0.01
    assert (chances[truth == 1, 1] < points["safe"].no).mean() <= 0.01


def test_writing_is_relied_on_only_where_few_answers_are_wrong() -> None:
    logits, truth = _overconfident()
    chances = np.concatenate(
        [fit_scaling(logits, truth, np.ones(len(truth))).probabilities(logits), np.zeros((len(truth), 1))], 1
    )
    points = thresholds_of(check_named("writing_type"), chances, truth)
    sure = chances.max(axis=1) >= points["balanced"].yes
    assert 0 < sure.mean() < 1
    assert (chances.argmax(axis=1) == truth)[sure].mean() >= 0.97
    assert points["balanced"].no == 0


def test_marks_that_were_fitted_evenly_come_down_to_how_rare_they_are() -> None:
    rng = np.random.default_rng(0)
    marks = rng.random(60_000) < 0.02
    logits = np.where(marks, rng.normal(2, 1, len(marks)), rng.normal(-2, 1, len(marks)))
    found = fit_marking(logits, marks)
    shares = 1 / (1 + np.exp(-(found.slope * logits + found.shift)))
    assert shares.mean() == pytest.approx(marks.mean(), rel=0.02)
    likely = shares > 0.5
    assert marks[likely].mean() == pytest.approx(shares[likely].mean(), abs=0.05)


def test_marks_of_one_kind_change_nothing() -> None:
    assert fit_marking(np.zeros(5), np.zeros(5, bool)) == Marking()
    assert fit_marking(np.zeros(5), np.ones(5, bool)) == Marking()
