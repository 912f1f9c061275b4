"""Judging a bundle on labelled pages, the way it will be used: files in, findings out. Needs no torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from imagefaulty.bundle import load_bundle
from imagefaulty.checks import CHECKS, Check
from imagefaulty.errors import SettingsError
from imagefaulty.finding import Finding
from imagefaulty.inspection import Inspector
from imagefaulty.training.manifest import Manifest, PageRecord, read_manifest
from imagefaulty.training.metrics import calibration_error, clopper_pearson_upper, confusion, roc_auc, wilson
from imagefaulty.training.splits import held_out, read_folds

Split = Literal["held-out", "all"]
#: Beside a bundle's manifest: which sources it has not seen.
FOLDS: Final = "folds.csv"


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """Figures of one class of a check.

    Attributes:
        name: The class.
        pages: Pages that truly have it.
        recall: Share of them that were found, or None without any.
        recall_95: Wilson interval of the recall.
        precision: Share of the pages so answered that truly have it, or None without any.
        f1: Harmonic mean of both, or None.
        auc: Ranking quality of its probability against all other classes, or None.
    """

    name: str
    pages: int
    recall: float | None
    recall_95: tuple[float, float]
    precision: float | None
    f1: float | None
    auc: float | None


@dataclass(frozen=True, slots=True, eq=False)
class CheckFigures:
    """Figures of one check on one set of pages.

    Attributes:
        title: The check, and which pages, e.g. ``"corner (parchment)"``.
        table: Pages by true class (rows) and answered class (columns), int64.
        classes: Figures per class, in wire order.
        accuracy: Share of right answers.
        balanced_accuracy: Mean recall of the classes that occur.
        calibration_error: Expected calibration error.
    """

    title: str
    table: NDArray[np.int64]
    classes: tuple[ClassFigures, ...]
    accuracy: float
    balanced_accuracy: float
    calibration_error: float


@dataclass(frozen=True, slots=True)
class Report:
    """What an evaluation found.

    Attributes:
        model_version: The bundle.
        manifest: The labelled pages.
        split: Which of them.
        pages: How many pages were inspected.
        sources: From how many sources.
        failures: Pages that could not be inspected, with the reason.
        figures: Figures per check and set of pages.
        mistakes: File, check, true and answered class, and confidence of every wrong answer, surest first.
        false_empty: Written pages called empty, written pages, and the 95 % Clopper-Pearson upper bound of their share.
    """

    model_version: str
    manifest: str
    split: str
    pages: int
    sources: int
    failures: tuple[str, ...]
    figures: tuple[CheckFigures, ...]
    mistakes: tuple[tuple[str, str, str, str, float], ...]
    false_empty: tuple[int, int, float]

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON-ready values."""
        return {
            "model_version": self.model_version,
            "manifest": self.manifest,
            "split": self.split,
            "pages": self.pages,
            "sources": self.sources,
            "failures": list(self.failures),
            "false_empty": dict(zip(("called_empty", "written", "upper_95"), self.false_empty, strict=True)),
            "figures": [_figures_dict(each) for each in self.figures],
            "mistakes": [
                dict(zip(("file", "check", "truth", "answer", "confidence"), each, strict=True))
                for each in self.mistakes
            ],
        }

    def to_text(self) -> str:
        """Return the report as text for a terminal."""
        lines = [
            f"{self.model_version} on {self.pages} pages of {self.sources} sources ({self.split}) in {self.manifest}",
            *(f"failed: {failure}" for failure in self.failures),
        ]
        for each in self.figures:
            lines += ["", *_figures_text(each)]
        called, written, bound = self.false_empty
        lines += ["", f"written pages called empty: {called} of {written} (95 % sure: at most {bound:.2%})"]
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class _Set:
    """A set of pages that a check is judged on apart."""

    suffix: str
    check: str
    belongs: Callable[[PageRecord], bool] | None = None


#: Rows whose label is a matter of taste, and material that is no paper, are judged apart from the rest.
_SETS: Final = (
    _Set("", "writing_type", lambda record: not record.is_minor),
    _Set(" (minor second hand)", "writing_type", lambda record: record.is_minor),
    _Set("", "post_it"),
    _Set("", "corner", lambda record: not record.is_parchment),
    _Set(" (parchment)", "corner", lambda record: record.is_parchment),
    _Set("", "empty"),
    _Set(" (nearly empty pages)", "empty", lambda record: record.is_nearly_empty),
)


def evaluate(bundle_dir: str | Path | None, manifest_path: str | Path, *, split: Split = "held-out") -> Report:
    """Inspect labelled pages with a bundle and compare.

    Args:
        bundle_dir: The bundle; None means the embedded one.
        manifest_path: A manifest of labelled pages, or the directory that holds ``manifest.csv``.
        split: ``"held-out"`` takes the pages of sources that the bundle's ``folds.csv`` holds out or does not know;
            ``"all"`` takes every page, seen in fitting or not.

    Raises:
        SettingsError: The bundle does not say which sources it has seen, or no page is left.
        ManifestError: The manifest cannot be used.
        BundleError: The bundle cannot be used.
    """
    bundle = load_bundle(bundle_dir)
    manifest = read_manifest(manifest_path)
    if split == "held-out":
        folds = bundle.directory / FOLDS
        if not folds.is_file():
            raise SettingsError(f"{bundle.directory}: has no {FOLDS}, so held-out sources are unknown; use --split all")
        manifest = held_out(manifest, read_folds(folds))
    if not manifest.records:
        raise SettingsError(f"{manifest_path}: no pages are left to judge; use --split all")
    findings = list(_findings(Inspector(bundle), manifest))
    return _report(bundle.model_version, manifest, split, findings)


def _findings(inspector: Inspector, manifest: Manifest) -> Iterator[Finding]:
    for record in manifest.records:
        yield inspector.inspect(manifest.file(record), name=record.file)


def _report(model_version: str, manifest: Manifest, split: str, findings: Sequence[Finding]) -> Report:
    pairs = list(zip(manifest.records, findings, strict=True))
    good = [(record, finding) for record, finding in pairs if finding.failure is None]
    figures = []
    for each in _SETS:
        check = next(check for check in CHECKS if check.name == each.check)
        of_set = [
            pair
            for pair in good
            if (each.belongs is None or each.belongs(pair[0]))
            and check.name in pair[0].labels
            and check.name in pair[1].answers
        ]
        if of_set:
            figures.append(_figures(check, check.name + each.suffix, of_set))
    return Report(
        model_version=model_version,
        manifest=str(manifest.root),
        split=split,
        pages=len(good),
        sources=len({record.source for record, _ in good}),
        failures=tuple(f"{record.file}: {finding.failure.message}" for record, finding in pairs if finding.failure),
        figures=tuple(figures),
        mistakes=_mistakes(good),
        false_empty=_false_empty(good),
    )


def _figures(check: Check, title: str, pairs: Sequence[tuple[PageRecord, Finding]]) -> CheckFigures:
    truth = np.array([check.code(record.labels[check.name]) for record, _ in pairs])
    answers = [finding.answers[check.name] for _, finding in pairs]
    probabilities = np.array([[answer.probabilities[name] for name in check.class_names] for answer in answers])
    return figures_of(check, title, truth, probabilities)


def figures_of(
    check: Check, title: str, truth: NDArray[np.integer], probabilities: NDArray[np.floating]
) -> CheckFigures:
    """Return the figures of one check from true codes (pages,) and probabilities (pages, classes)."""
    table = confusion(truth, probabilities.argmax(axis=1), len(check.classes))
    classes = tuple(
        _class_figures(name, code, table, roc_auc(truth == code, probabilities[:, code]))
        for code, name in enumerate(check.class_names)
    )
    recalls = [each.recall for each in classes if each.recall is not None]
    return CheckFigures(
        title=title,
        table=table,
        classes=classes,
        accuracy=float(np.trace(table)) / len(truth),
        balanced_accuracy=sum(recalls) / len(recalls),
        calibration_error=calibration_error(truth, probabilities),
    )


def _class_figures(name: str, code: int, table: NDArray[np.int64], auc: float | None) -> ClassFigures:
    hits, pages, answered = int(table[code, code]), int(table[code].sum()), int(table[:, code].sum())
    return ClassFigures(
        name=name,
        pages=pages,
        recall=hits / pages if pages else None,
        recall_95=wilson(hits, pages),
        precision=hits / answered if answered else None,
        f1=2 * hits / (pages + answered) if pages else None,
        auc=auc,
    )


def _mistakes(pairs: Sequence[tuple[PageRecord, Finding]]) -> tuple[tuple[str, str, str, str, float], ...]:
    wrong = [
        (record.file, name, record.labels[name], answer.label, round(answer.confidence, 4))
        for record, finding in pairs
        for name, answer in finding.answers.items()
        if name in record.labels and answer.label != record.labels[name]
    ]
    return tuple(sorted(wrong, key=lambda each: (each[1], -each[4])))


def _false_empty(pairs: Sequence[tuple[PageRecord, Finding]]) -> tuple[int, int, float]:
    written = [
        finding for record, finding in pairs if record.labels.get("empty") == "ok" and "empty" in finding.answers
    ]
    called = sum(finding.answers["empty"].label == "empty" for finding in written)
    return called, len(written), clopper_pearson_upper(called, len(written)) if written else 1.0


def _figures_dict(figures: CheckFigures) -> dict[str, Any]:
    return {
        "title": figures.title,
        "confusion": figures.table.tolist(),
        "accuracy": figures.accuracy,
        "balanced_accuracy": figures.balanced_accuracy,
        "calibration_error": figures.calibration_error,
        "classes": {each.name: _class_dict(each) for each in figures.classes},
    }


def _class_dict(figures: ClassFigures) -> Mapping[str, Any]:
    return {
        "pages": figures.pages,
        "recall": figures.recall,
        "recall_95": list(figures.recall_95),
        "precision": figures.precision,
        "f1": figures.f1,
        "auc": figures.auc,
    }


def _figures_text(figures: CheckFigures) -> Iterator[str]:
    names = [each.name for each in figures.classes]
    wide = max(13, *(len(name) for name in names))
    yield (
        f"{figures.title}: {figures.accuracy:.1%} right, balanced {figures.balanced_accuracy:.1%},"
        f" calibration error {figures.calibration_error:.3f}"
    )
    yield (
        f"  {'truth':<{wide}}"
        + "".join(f"{name:>{wide + 1}}" for name in names)
        + "   recall (95 %)        precision    AUC"
    )
    for row, each in zip(figures.table, figures.classes, strict=True):
        low, high = each.recall_95
        recall = "-" if each.recall is None else f"{each.recall:.3f} ({low:.3f}-{high:.3f})"
        yield (
            f"  {each.name:<{wide}}"
            + "".join(f"{count:>{wide + 1}}" for count in row)
            + f"   {recall:<21}{_number(each.precision):<13}{_number(each.auc)}"
        )


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
