"""Brings the tables of the model card up to date: ``python -m imagefaulty.training.card --data DIR CARD``.

The card is text by hand with tables by machine. A table lies between ``<!-- begin NAME -->`` and ``<!-- end NAME -->``.
"""

from __future__ import annotations

import argparse
import json
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from imagefaulty.errors import SettingsError
from imagefaulty.training.evaluation import Report, evaluate
from imagefaulty.training.figures import VERDICTS, CheckFigures, Interval, VerdictFigures, read_figures
from imagefaulty.training.manifest import Manifest, PageRecord, read_manifest
from imagefaulty.training.report_text import ends, wrong_words
from imagefaulty.training.splits import HELD_OUT, read_folds

_LOG: Final = logging.getLogger(__name__)
_COUNTED: Final = (
    ("writing_type", "Handwritten", "hand"),
    ("writing_type", "Typewritten", "type"),
    ("writing_type", "Combination", "both"),
    ("corner", "folded_corner", "folded, torn"),
    ("post_it", "post-it", "note, slip"),
    ("empty", "empty", "empty"),
)


def spliced(card: str, name: str, table: str) -> str:
    """Return the card with one of its tables replaced.

    Raises:
        SettingsError: The card has no place for that table.
    """
    place = re.compile(rf"(<!-- begin {name} -->\n).*?(<!-- end {name} -->)", re.DOTALL)
    if not place.search(card):
        raise SettingsError(
            f"the card has no place for {name!r}; add '<!-- begin {name} -->' and '<!-- end {name} -->'"
        )
    return place.sub(lambda found: f"{found[1]}\n{table}\n\n{found[2]}", card)


def data_table(manifest: Manifest, folds: Mapping[str, int]) -> str:
    """Return the sources as a Markdown table: what they hold, their licence, and what they were used for."""
    head = ["source", "pages", *(title for *_, title in _COUNTED), "licence", "used for"]
    lines = [_row(head), _row(["---", *["--:"] * (1 + len(_COUNTED)), "---", "---"])]
    lines += [_row(cells) for cells in _source_rows(manifest, folds)]
    return "\n".join(lines)


def _source_rows(manifest: Manifest, folds: Mapping[str, int]) -> Iterator[list[str]]:
    by_source: dict[str, list[PageRecord]] = {}
    for record in manifest.records:
        by_source.setdefault(record.source, []).append(record)
    for source, records in sorted(by_source.items(), key=lambda item: item[0].casefold()):
        counts = [sum(record.labels.get(check) == label for record in records) for check, label, _ in _COUNTED]
        yield [
            source,
            str(len(records)),
            *(str(count) if count else "" for count in counts),
            ", ".join(sorted({record.licence for record in records})),
            "judging" if folds.get(records[0].group, HELD_OUT) == HELD_OUT else "fitting",
        ]


def figures_table(figures: Sequence[CheckFigures]) -> str:
    """Return figures per check and class as a Markdown table."""
    head = ["check", "class", "pages", "answered as", "recall (95 %)", "over sources", "precision", "F1", "AUC"]
    lines = [
        _row([*head, "calibration error", "by chance alone"]),
        _row(["---", "---", "--:", "---", *["--:"] * 7]),
    ]
    for each in figures:
        for row, one in zip(each.table, each.classes, strict=True):
            if not one.pages:
                continue
            answered = ", ".join(
                f"{other.name} {count}" for other, count in zip(each.classes, row, strict=True) if count
            )
            cells = [
                f"{_percent(one.recall)} ({ends(one.recall_95)})",
                "" if one.recall_sources_95 is None else ends(one.recall_sources_95),
                _percent(one.precision),
                _with(_percent(one.f1), one.f1_95),
                _with("" if one.auc is None else f"{one.auc:.3f}", one.auc_95, scale=1, digits=2),
                _with(f"{each.calibration_error:.3f}", each.calibration_error_95, scale=1, digits=2),
                ""
                if (chance := each.calibration_error_by_chance) is None
                else f"{chance[0]:.3f}, at most {chance[1]:.3f}",
            ]
            lines.append(_row([each.title, one.name, str(one.pages), answered, *cells]))
    return "\n".join(lines)


def verdicts_table(verdicts: Sequence[VerdictFigures]) -> str:
    """Return what an operator gets as a Markdown table: check, operating point, true class, share of each verdict."""
    lines = [
        _row(["check", "operating point", "class", "pages", *VERDICTS, "wrong"]),
        _row(["---", "---", "---", *["--:"] * (1 + len(VERDICTS)), "---"]),
    ]
    for each in verdicts:
        wrong = "; ".join(wrong_words(each))
        for name, row in zip(each.classes, each.table.tolist(), strict=True):
            if not (pages := sum(row)):
                continue
            shares = [f"{count / pages:.0%}" for count in row]
            if each.wrong_no is None:
                shares[VERDICTS.index("no")] = ""
            lines.append(_row([each.title, each.operating_point, name, str(pages), *shares, wrong]))
            wrong = ""
    return "\n".join(lines)


def held_out_table(report: Report) -> str:
    """Return a report on held-out pages as Markdown."""
    called, written, bound = report.false_empty
    return (
        f"`{report.model_version}`, {report.pages} pages of {report.sources} sources.\n\n"
        f"{figures_table(report.figures)}\n\n"
        f"Written pages called empty: {called} of {written}; with 95 % certainty at most {bound:.2%}.\n\n"
        f"What an operator gets, by operating point:\n\n{verdicts_table(report.verdicts)}"
    )


def cross_validation_table(found: Mapping[str, Any]) -> str:
    """Return the figures that a build wrote (:func:`imagefaulty.training.figures.figures_dict`) as a Markdown table."""
    figures, verdicts = read_figures(found)
    return figures_table(figures) + (f"\n\n{verdicts_table(verdicts)}" if verdicts else "")


def _with(value: str, interval: Interval | None, *, scale: float = 100, digits: int = 0) -> str:
    return value if interval is None or not value else f"{value} ({ends(interval, scale=scale, digits=digits)})"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share * 100:.1f} %"


def main() -> None:
    """Bring a card up to date from the command line."""
    parser = argparse.ArgumentParser(description="Bring the tables of the model card up to date.")
    parser.add_argument("card", type=Path)
    parser.add_argument("--data", type=Path, required=True, help="directory of the labelled pages")
    parser.add_argument("--bundle", type=Path, help="directory of the bundle; the embedded one if left out")
    parser.add_argument("--cross-validation", type=Path, help="cross-validation.json of the build's cache")
    chosen = parser.parse_args()
    logging.basicConfig(level=logging.INFO)
    card = chosen.card.read_text(encoding="utf-8")
    card = spliced(card, "data", data_table(read_manifest(chosen.data), read_folds()))
    card = spliced(card, "held-out", held_out_table(evaluate(chosen.bundle, chosen.data)))
    if chosen.cross_validation is not None:
        found = json.loads(chosen.cross_validation.read_text(encoding="utf-8"))
        card = spliced(card, "cross-validation", cross_validation_table(found))
    chosen.card.write_text(card, encoding="utf-8")
    _LOG.info("%s is up to date", chosen.card)


if __name__ == "__main__":
    main()
