"""The figures agree with scikit-learn's and with published tables."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagefaulty.training.metrics import calibration_error, clopper_pearson_upper, confusion, roc_auc, wilson


def test_confusion_counts_truth_in_rows() -> None:
    table = confusion(np.array([0, 0, 1, 2]), np.array([0, 1, 1, 0]), 3)
    assert table.tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 0]]


def test_auc_counts_ties_half() -> None:
    positive = np.array([True, True, False, False])
    assert roc_auc(positive, np.array([0.9, 0.5, 0.5, 0.1])) == pytest.approx(0.875)


def test_auc_needs_both_kinds() -> None:
    assert roc_auc(np.array([True, True]), np.array([0.1, 0.2])) is None


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=2, max_size=40))
def test_auc_is_the_share_of_pairs_in_order(pages: list[tuple[bool, int]]) -> None:
    positive = np.array([is_positive for is_positive, _ in pages])
    score = np.array([value for _, value in pages], float)
    pairs = [(a > b) + 0.5 * (a == b) for a in score[positive] for b in score[~positive]]
    assert roc_auc(positive, score) == (pytest.approx(np.mean(pairs)) if pairs else None)


def test_answers_that_are_as_sure_as_they_are_right_have_no_calibration_error() -> None:
    truth = np.array([0] * 8 + [1] * 2)
    assert calibration_error(truth, np.tile([0.8, 0.2], (10, 1)), bins=1) == pytest.approx(0)


def test_overconfidence_is_the_calibration_error() -> None:
    truth = np.array([0, 1])
    assert calibration_error(truth, np.array([[0.9, 0.1], [0.9, 0.1]]), bins=1) == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("hits", "trials", "low", "high"), [(0, 10, 0.0, 0.2775), (9, 10, 0.5958, 0.9821), (50, 100, 0.4038, 0.5962)]
)
def test_wilson_interval_agrees_with_the_tables(hits: int, trials: int, low: float, high: float) -> None:
    assert wilson(hits, trials) == pytest.approx((low, high), abs=1e-4)


@pytest.mark.parametrize(("hits", "trials", "upper"), [(0, 1000, 0.003682), (1, 1000, 0.005559), (5, 5, 1.0)])
def test_clopper_pearson_bound_agrees_with_the_tables(hits: int, trials: int, upper: float) -> None:
    assert clopper_pearson_upper(hits, trials) == pytest.approx(upper, abs=1e-5)
