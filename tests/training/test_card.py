"""The card's tables come from the manifest and from the figures, and replace only themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagefaulty.errors import SettingsError
from imagefaulty.training.card import cross_validation_table, data_table, held_out_table, spliced
from imagefaulty.training.evaluation import evaluate
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
    assert "| empty | ok | 2 | ok 2 | 100.0 % (34-100) | 100.0 % | 1.000 |" in table
    assert "Written pages called empty: 0 of 2" in table


def test_classes_without_pages_are_left_out_of_the_cross_validation() -> None:
    found = {
        "empty": {
            "confusion": [[3, 1], [0, 0]],
            "recall": {"ok": 0.75, "empty": None},
            "auc": {"ok": None, "empty": None},
        }
    }
    assert cross_validation_table(found).splitlines()[2:] == ["| empty | ok | 4 | 75.0 % |  | 3 / 1 |"]
