"""The bootstrap agrees with what is known, widens where sources differ, and is silent where it knows nothing."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from imagefaulty.training.metrics import calibration_error, roc_auc, wilson
from imagefaulty.training.resampling import _aucs, _calibration_errors, calibration_error_by_chance, spread


def answers(right: NDArray[np.bool_], *, sure: float = 0.9) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Pages of two classes in turn, answered rightly or not."""
    truth = np.arange(len(right)) % 2
    answer = np.where(right, truth, 1 - truth)
    return truth, np.where(np.arange(2) == answer[:, None], sure, 1 - sure)


def test_pages_one_by_one_give_about_the_wilson_interval() -> None:
    right = np.random.default_rng(1).random(800) < 0.8
    truth, probabilities = answers(right)
    found = spread(truth, probabilities, None, calibration_error=0.1).recall[0]
    assert found == pytest.approx(wilson(int(right[::2].sum()), 400), abs=0.01)


def test_interval_is_wider_where_sources_differ() -> None:
    source = np.repeat(np.arange(20), 40)
    truth, probabilities = answers(np.random.default_rng(1).random(800) < np.where(source % 2, 0.6, 1.0))
    names = [f"archive {number}" for number in source]
    apart = spread(truth, probabilities, None, calibration_error=0.1).recall[0]
    together = spread(truth, probabilities, names, calibration_error=0.1).recall[0]
    assert apart
    assert together
    assert together[1] - together[0] > 2 * (apart[1] - apart[0])


def test_pages_of_a_single_source_are_drawn_one_by_one() -> None:
    truth, probabilities = answers(np.arange(100) % 5 > 0)
    alone = spread(truth, probabilities, ["one"] * 100, calibration_error=0.1)
    assert alone == spread(truth, probabilities, None, calibration_error=0.1)


def test_there_is_no_interval_where_no_page_is_wrong() -> None:
    truth, probabilities = answers(np.ones(50, bool))
    found = spread(truth, probabilities, None, calibration_error=0.1)
    assert found.recall == (None, None)
    assert found.balanced_accuracy is None


def test_there_is_no_ranking_interval_for_a_single_class() -> None:
    truth, probabilities = np.zeros(20, np.int64), np.tile([0.7, 0.3], (20, 1))
    assert spread(truth, probabilities, None, calibration_error=0.3).auc == (None, None)


def test_the_same_seed_gives_the_same_intervals() -> None:
    truth, probabilities = answers(np.random.default_rng(1).random(90) < 0.8)
    first, again = (spread(truth, probabilities, None, calibration_error=0.1, seed=3) for _ in range(2))
    assert first == again
    assert first != spread(truth, probabilities, None, calibration_error=0.1, seed=4)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5), st.integers(0, 3)), min_size=2, max_size=40))
def test_a_page_drawn_twice_counts_as_two_pages_in_the_ranking(pages: list[tuple[bool, int, int]]) -> None:
    positive, score = np.array([page[0] for page in pages]), np.array([page[1] for page in pages], float)
    times = np.array([page[2] for page in pages])
    expected = roc_auc(positive.repeat(times), score.repeat(times))
    [found] = _aucs(positive, score, times[None].astype(float))
    assert found == pytest.approx(np.nan if expected is None else expected, nan_ok=True)


def test_pages_drawn_once_give_the_calibration_error_itself() -> None:
    rng = np.random.default_rng(2)
    truth, first = rng.integers(0, 2, 200), rng.random(200)
    probabilities = np.stack([first, 1 - first], 1)
    [found] = _calibration_errors(truth, probabilities, np.ones((1, 200)))
    assert found == pytest.approx(calibration_error(truth, probabilities))


@pytest.mark.parametrize("seed", range(5))
def test_interval_of_the_calibration_error_holds_it_although_draws_are_biased(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth, probabilities = answers(rng.random(100) < 0.9)
    error = calibration_error(truth, probabilities)
    found = spread(truth, probabilities, None, calibration_error=error).calibration_error
    assert found
    assert found[0] <= error <= found[1]


def test_eighteen_hundred_pages_take_under_two_seconds() -> None:
    rng = np.random.default_rng(0)
    truth, probabilities = rng.integers(0, 3, 1800), rng.dirichlet(np.ones(3), 1800)
    start = time.process_time()
    spread(truth, probabilities, [f"{number % 60}" for number in range(1800)], calibration_error=0.1)
    assert time.process_time() - start < 2


def test_calibrated_answers_stay_within_what_chance_allows_and_overconfident_ones_do_not() -> None:
    rng = np.random.default_rng(5)
    sure = rng.uniform(0.6, 1.0, 1_000)
    probabilities = np.stack([sure, 1 - sure], 1)
    mean, most = calibration_error_by_chance(probabilities)
    assert 0 < mean < most
    honest, boasting = ((rng.random(1_000) > sure - less).astype(np.int64) for less in (0.0, 0.15))
    assert calibration_error(honest, probabilities) < most < calibration_error(boasting, probabilities)
    assert calibration_error_by_chance(probabilities) == (mean, most)


def test_chance_allows_less_where_there_are_more_pages() -> None:
    few, many = (calibration_error_by_chance(np.tile([0.7, 0.3], (pages, 1)))[0] for pages in (40, 4_000))
    assert many < few / 5
    assert calibration_error_by_chance(np.array([[1.0, 0.0]])) == (0.0, 0.0)
