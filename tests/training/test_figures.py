"""Figures are given with intervals, by source and by operating point, and survive being written down."""

from __future__ import annotations

import json

import numpy as np
import pytest

from imagefaulty.bundle import Thresholds
from imagefaulty.checks import CORNER, EMPTY, WRITING_TYPE
from imagefaulty.errors import SettingsError
from imagefaulty.training.figures import VERDICTS, Share, figures_dict, figures_of, read_figures, verdicts_of

FAULT = np.array([0.05, 0.3, 0.6, 0.95])
PROBABILITIES = np.stack([1 - FAULT, FAULT], 1)
TRUTH = np.array([0, 1, 0, 1])


def test_share_of_nothing_is_not_known() -> None:
    assert (Share(0, 0).value, Share(0, 0).wilson_95, Share(0, 0).upper_95) == (None, (0, 1), 1)


def test_precision_has_an_interval_over_the_pages_so_answered() -> None:
    fault = figures_of(CORNER, "corner", TRUTH, PROBABILITIES).classes[1]
    assert (fault.precision, fault.precision_95) == (0.5, Share(1, 2).wilson_95)


def test_source_that_is_surely_worst_comes_before_one_with_a_single_odd_page() -> None:
    truth = np.zeros(31, np.int64)
    wrong = np.array([True] + [True, False] * 15)
    probabilities = np.where(wrong[:, None], [0.2, 0.8], [0.8, 0.2])
    sources = ["one odd page"] + ["half wrong"] * 30
    found = figures_of(CORNER, "corner", truth, probabilities, sources=sources).by_source
    assert [(each.source, each.right) for each in found] == [
        ("half wrong", Share(15, 30)),
        ("one odd page", Share(0, 1)),
    ]


def test_a_class_says_how_many_sources_hold_it() -> None:
    found = figures_of(CORNER, "corner", TRUTH, PROBABILITIES, sources=["a", "b", "a", "c"])
    assert [each.sources for each in found.classes] == [1, 2]


def test_figures_without_sources_have_no_table_of_them() -> None:
    found = figures_of(CORNER, "corner", TRUTH, PROBABILITIES)
    assert (found.by_source, found.classes[0].sources) == ((), None)


def test_verdicts_are_counted_by_true_class() -> None:
    [found] = verdicts_of(CORNER, "corner", TRUTH, PROBABILITIES, {"balanced": Thresholds(0.1, 0.9)})
    assert VERDICTS == ("yes", "look", "no")
    assert found.table.tolist() == [[0, 1, 1], [1, 1, 0]]
    assert (found.wrong_yes, found.wrong_no) == (Share(0, 2), Share(0, 2))


def test_written_page_with_the_verdict_empty_is_a_wrong_yes_with_its_bound() -> None:
    truth, probabilities = np.zeros(100, np.int64), np.tile([0.99, 0.01], (100, 1))
    probabilities[0] = [0.01, 0.99]
    [found] = verdicts_of(EMPTY, "empty", truth, probabilities, {"safe": Thresholds(0.1, 0.9)})
    assert found.wrong_yes == Share(1, 100)
    assert found.wrong_yes.upper_95 == pytest.approx(0.0545, abs=1e-4)


def test_label_that_is_relied_on_and_wrong_is_a_wrong_yes() -> None:
    probabilities = np.array([[0.95, 0.03, 0.02], [0.95, 0.03, 0.02], [0.5, 0.3, 0.2]])
    [found] = verdicts_of(WRITING_TYPE, "w", np.array([0, 1, 1]), probabilities, {"balanced": Thresholds(0, 0.9)})
    assert (found.wrong_yes, found.wrong_no) == (Share(1, 2), None)


def test_written_figures_are_read_back() -> None:
    sources = ["a", "b", "a", "c"]
    figures = figures_of(CORNER, "corner", TRUTH, PROBABILITIES, sources=sources)
    verdicts = verdicts_of(CORNER, "corner", TRUTH, PROBABILITIES, {"balanced": Thresholds(0.1, 0.9)})
    writings = figures_of(WRITING_TYPE, "w", TRUTH, np.tile([0.5, 0.3, 0.2], (4, 1)))
    values = json.loads(json.dumps(figures_dict([figures, writings], verdicts)))
    assert figures_dict(*read_figures(values)) == values


def test_figures_of_another_schema_are_refused() -> None:
    with pytest.raises(SettingsError, match=r"only imagefaulty\.figures/1"):
        read_figures({"schema": "imagefaulty.figures/2"})
