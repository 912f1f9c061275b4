"""The card's tables come from the manifest and from the figures, and replace only themselves."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from imagefaulty.bundle import Thresholds
from imagefaulty.checks import EMPTY
from imagefaulty.errors import SettingsError
from imagefaulty.training.card import (
    cross_validation_table,
    data_table,
    figures_table,
    held_out_table,
    spliced,
    verdicts_table,
)
from imagefaulty.training.evaluation import evaluate
from imagefaulty.training.figures import figures_dict, figures_of, verdicts_of
from imagefaulty.training.manifest import read_manifest
from tests.bundles import tiny_bundle
from tests.training.pages import four_pages


def test_table_replaces_what_was_between_its_marks() -> None:
    card = "Text.\n<!-- begin data -->\nold\n<!-- end data -->\nMore.\n"
    assert spliced(card, "data", "new") == "Text.\n<!-- begin data -->\n\nnew\n\n<!-- end data -->\nMore.\n"


def test_card_without_a_place_for_the_table_is_refused() -> None:
    with pytest.raises(SettingsError, match="no place for 'data'"):
        spliced("Text.", "data", "new")


def test_sources_are_listed_with_what_they_were_used_for(tmp_path: Path) -> None:
    table = data_table(read_manifest(four_pages(tmp_path)), {"red": 1, "white": 0}).splitlines()
    assert table[2] == "| red | 2 | 1 | 1 |  |  |  |  |  | fitting |"
    assert table[3] == "| white | 2 |  |  |  |  | 1 | 1 |  | judging |"


def test_figures_show_recall_with_its_interval(tmp_path: Path) -> None:
    table = held_out_table(evaluate(tiny_bundle(tmp_path / "bundle"), four_pages(tmp_path), split="all"))
    assert "| empty | ok | 2 | ok 2 | 100.0 % (34-100) |  | 100.0 % | 100.0 % | 1.000 |" in table
    assert "Written pages called empty: 0 of 2" in table


def test_operating_points_are_told_below_the_figures(tmp_path: Path) -> None:
    table = held_out_table(evaluate(tiny_bundle(tmp_path / "bundle"), four_pages(tmp_path), split="all"))
    wrong = "written pages with the verdict yes, empty: 0 of 2, at most 84.2%; faulty pages called no: 0 of 1"
    assert f"| empty | safe | ok | 2 | 0% | 0% | 100% | {wrong}, at most 97.5% |" in table
    assert "| writing_type | safe | Handwritten | 1 | 100% | 0% |  |" in table


def test_cross_validation_that_was_written_down_becomes_the_same_tables() -> None:
    truth, probabilities = np.array([0, 1, 0]), np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8]])
    figures = figures_of(EMPTY, "empty", truth, probabilities, sources=["a", "b", "c"])
    verdicts = verdicts_of(EMPTY, "empty", truth, probabilities, {"safe": Thresholds(0.1, 0.9)})
    table = cross_validation_table(json.loads(json.dumps(figures_dict([figures], verdicts))))
    assert table == f"{figures_table([figures])}\n\n{verdicts_table(verdicts)}"
