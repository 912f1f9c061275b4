import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagefaulty.bundle import Thresholds
from imagefaulty.calibration import probabilities, verdict
from imagefaulty.checks import EMPTY, WRITING_TYPE

_finite = st.floats(-1e4, 1e4)


@given(st.lists(_finite, min_size=2, max_size=3), st.floats(0.05, 20))
def test_probabilities_sum_to_one_for_any_logits(logits: list[float], temperature: float) -> None:
    values = probabilities(np.asarray(logits), temperature)
    assert np.isfinite(values).all()
    assert values.min() >= 0
    assert values.sum() == pytest.approx(1)


def test_a_higher_temperature_is_less_sure_and_keeps_the_order() -> None:
    logits = np.asarray([2.0, 0.5, -1.0])
    cold, warm = probabilities(logits, 0.5), probabilities(logits, 4.0)
    assert cold.max() > warm.max()
    assert list(np.argsort(cold)) == list(np.argsort(warm))


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_a_verdict_is_yes_above_no_below_and_look_between(score: float, one: float, other: float) -> None:
    thresholds = Thresholds(min(one, other), max(one, other))
    given_verdict = verdict(EMPTY, {"ok": 1 - score, "empty": score}, thresholds)
    expected = "yes" if score >= thresholds.yes else "no" if score < thresholds.no else "look"
    assert given_verdict == expected


def test_a_check_without_a_fault_is_judged_by_its_winning_class() -> None:
    by_class = {"Handwritten": 0.05, "Typewritten": 0.9, "Combination": 0.05}
    assert verdict(WRITING_TYPE, by_class, Thresholds(0, 0.8)) == "yes"
    assert verdict(WRITING_TYPE, by_class, Thresholds(0, 0.95)) == "look"
