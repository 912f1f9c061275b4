"""Judging a bundle on labelled pages, the way it will be used: files in, findings out. Needs no torch.

Real pages and drawn ones (which need OpenCV) are judged apart and never mixed into one figure.
"""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from imagefaulty.bundle import Bundle, load_bundle
from imagefaulty.checks import CHECK_NAMES, CheckName, check_named
from imagefaulty.errors import SettingsError
from imagefaulty.finding import Finding
from imagefaulty.inspection import Inspector
from imagefaulty.training.drawn_figures import DrawnFigures
from imagefaulty.training.figures import (
    CheckFigures,
    ClassFigures,
    VerdictFigures,
    figures_of,
    verdicts_of,
)
from imagefaulty.training.labelled import read_labelled
from imagefaulty.training.manifest import Manifest, PageRecord
from imagefaulty.training.metrics import clopper_pearson_upper
from imagefaulty.training.splits import held_out, read_folds

__all__ = [
    "FOLDS",
    "PAGE_SETS",
    "SCHEMA",
    "Box",
    "CheckFigures",
    "ClassFigures",
    "Mistake",
    "PageSet",
    "Report",
    "Split",
    "evaluate",
    "figures_of",
    "shown_boxes",
]

Split = Literal["held-out", "all"]
#: Left, top, right, bottom as fractions of the page.
Box: TypeAlias = tuple[float, float, float, float]
_Pair: TypeAlias = tuple[PageRecord, Finding]
#: Told how many pages are done, and of how many.
Watch: TypeAlias = Callable[[int, int], None]
#: Identifier of the JSON form of a report; it changes when a field changes its meaning or goes away.
SCHEMA: Final = "imagefaulty.evaluation/1"
#: Beside a bundle's manifest: which sources it has not seen.
FOLDS: Final = "folds.csv"


@dataclass(frozen=True, slots=True)
class Mistake:
    """One wrong answer.

    Attributes:
        file: The page, relative to the manifest.
        source: Where it comes from.
        check: The check.
        title: The set of pages that it counts among, the first if there are several, e.g. ``"corner (parchment)"``.
        truth: True class.
        answer: Answered class.
        confidence: Probability of the answered class.
        boxes: Where the bundle saw the fault that it answered.
    """

    file: str
    source: str
    check: CheckName
    title: str
    truth: str
    answer: str
    confidence: float
    boxes: tuple[Box, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the mistake as JSON-ready values."""
        return {
            "file": self.file,
            "source": self.source,
            "check": self.check,
            "title": self.title,
            "truth": self.truth,
            "answer": self.answer,
            "confidence": round(self.confidence, 4),
            "boxes": [[round(side, 4) for side in box] for box in self.boxes],
        }


@dataclass(frozen=True, slots=True)
class Report:
    """What an evaluation found.

    Attributes:
        model_version: The bundle.
        manifest: Directory of the labelled pages.
        split: Which of them.
        pages: How many real pages were inspected.
        sources: From how many sources.
        failures: Pages that could not be inspected, with the reason.
        figures: Figures per check and set of real pages.
        mistakes: Every wrong answer on a real page, by check, surest first.
        false_empty: Written pages labelled empty, written pages, and the 95 % Clopper-Pearson upper bound of their
            share. What each operating point makes of it is in ``verdicts``.
        verdicts: What an operator gets of real pages, per check, set of pages and operating point.
        drawn: Figures of drawn pages, apart; empty unless asked for.
        drawn_per_kind: How many pages of each kind were drawn.
        drawn_seed: The seed that they were drawn by.
    """

    model_version: str
    manifest: str
    split: str
    pages: int
    sources: int
    failures: tuple[str, ...]
    figures: tuple[CheckFigures, ...]
    mistakes: tuple[Mistake, ...]
    false_empty: tuple[int, int, float]
    verdicts: tuple[VerdictFigures, ...] = ()
    drawn: tuple[DrawnFigures, ...] = ()
    drawn_per_kind: int = 0
    drawn_seed: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON-ready values, by the schema :data:`SCHEMA`."""
        return {
            "schema": SCHEMA,
            "model_version": self.model_version,
            "manifest": self.manifest,
            "split": self.split,
            "pages": self.pages,
            "sources": self.sources,
            "failures": list(self.failures),
            "false_empty": dict(zip(("called_empty", "written", "upper_95"), self.false_empty, strict=True)),
            "figures": [each.to_dict() for each in self.figures],
            "verdicts": [each.to_dict() for each in self.verdicts],
            "mistakes": [each.to_dict() for each in self.mistakes],
            "drawn": {
                "per_kind": self.drawn_per_kind,
                "seed": self.drawn_seed,
                "figures": [each.to_dict() for each in self.drawn],
            },
        }

    def to_text(self, *, by_source: bool = False) -> str:
        """Return the report as text for a terminal.

        Args:
            by_source: Also list every source under each check.
        """
        from imagefaulty.training.report_text import text_of  # noqa: PLC0415 - it takes its words from here

        return text_of(self, by_source=by_source)


@dataclass(frozen=True, slots=True)
class PageSet:
    """A set of pages that a check is judged on apart.

    Attributes:
        suffix: What is added to the check's name in titles.
        check: The check.
        belongs: Whether a page is of the set; it must also be labelled for the check.
    """

    suffix: str
    check: CheckName
    belongs: Callable[[PageRecord], bool] = lambda _record: True

    @property
    def title(self) -> str:
        """The check, and which pages."""
        return self.check + self.suffix

    def takes(self, record: PageRecord, check: CheckName) -> bool:
        """Return whether a page is of the set of that check."""
        return check == self.check and self.belongs(record)


#: Rows whose label is a matter of taste, and material that is no paper, are judged apart from the rest.
PAGE_SETS: Final = (
    PageSet("", "writing_type", lambda record: not record.is_minor),
    PageSet(" (minor second hand)", "writing_type", lambda record: record.is_minor),
    PageSet("", "post_it"),
    PageSet("", "corner", lambda record: not record.is_parchment),
    PageSet(" (parchment)", "corner", lambda record: record.is_parchment),
    PageSet("", "empty"),
    PageSet(" (nearly empty pages)", "empty", lambda record: record.is_nearly_empty),
)


def evaluate(
    bundle_dir: str | Path | None,
    manifest_path: str | Path,
    *,
    split: Split = "held-out",
    drawn: int = 0,
    seed: int = 0,
    workers: int | None = None,
    watch: Watch = lambda _done, _total: None,
) -> Report:
    """Inspect labelled pages with a bundle and compare.

    Args:
        bundle_dir: The bundle; None means the embedded one.
        manifest_path: A manifest of labelled pages, the directory that holds ``manifest.csv``, a tree with a folder per
            class, or a Label Studio export.
        split: ``"held-out"`` takes the pages of sources that the bundle's ``folds.csv`` holds out or does not know;
            ``"all"`` takes every page, seen in fitting or not.
        drawn: Also draw so many pages of each kind of fault and harmless thing on the pages of the split, and judge
            them apart. Needs the extra ``train`` and ``materials.csv`` beside the pages.
        seed: Of what is drawn.
        workers: Pages that are worked on at the same time; one per processor if None.
        watch: Told the progress, from several threads.

    Raises:
        SettingsError: The bundle does not say which sources it has seen, no page is left, or nothing can be drawn.
        ManifestError: The manifest cannot be used.
        BundleError: The bundle cannot be used.
    """
    if drawn < 0:
        raise SettingsError(f"the number of drawn pages of each kind must be 0 or more, not {drawn}")
    if workers is not None and workers < 1:
        raise SettingsError(f"workers must be at least 1, not {workers}")
    judge, kinds = _drawing() if drawn else (None, 0)
    bundle = load_bundle(bundle_dir)
    manifest = _split(read_labelled(manifest_path), bundle, split)
    inspector = Inspector(bundle)
    workers = workers or _processors()
    counted = _counter(watch, len(manifest.records) + drawn * kinds)
    pairs = _inspected(inspector, manifest, workers, counted)
    report = _report(bundle, manifest, split, pairs)
    if judge is None:
        return report
    figures = judge(inspector, manifest, per_kind=drawn, workers=workers, seed=seed, watch=counted)
    return replace(report, drawn=figures, drawn_per_kind=drawn, drawn_seed=seed)


def shown_boxes(finding: Finding, check: CheckName) -> tuple[Box, ...]:
    """Return where a finding with evidence shows the fault of a check, strongest first."""
    width, height = finding.provenance.original_size
    return tuple(
        (x / width, y / height, (x + across) / width, (y + down) / height)
        for x, y, across, down in (region.box for region in finding.answers[check].regions)
    )


def _drawing() -> tuple[Callable[..., tuple[DrawnFigures, ...]], int]:
    """Return what draws and judges pages, and how many kinds it draws."""
    try:
        from imagefaulty.training.drawn_pages import judge_drawn  # noqa: PLC0415 - needs OpenCV
        from imagefaulty.training.faults import KINDS  # noqa: PLC0415
    except ImportError as error:
        raise SettingsError(
            f"drawing pages needs the package {error.name}; install it with: pip install 'imagefaulty[train]',"
            " or leave --drawn out"
        ) from None
    return judge_drawn, len(KINDS)


def _split(manifest: Manifest, bundle: Bundle, split: Split) -> Manifest:
    if split == "held-out":
        folds = bundle.directory / FOLDS
        if not folds.is_file():
            raise SettingsError(f"{bundle.directory}: has no {FOLDS}, so held-out sources are unknown; use --split all")
        manifest = held_out(manifest, read_folds(folds))
    if not manifest.records:
        raise SettingsError(f"{manifest.root}: no pages are left to judge; use --split all")
    return manifest


def _counter(watch: Watch, total: int) -> Callable[[], None]:
    numbers = itertools.count(1)  # its next() is atomic, so threads may share it
    return lambda: watch(next(numbers), total)


def _inspected(inspector: Inspector, manifest: Manifest, workers: int, counted: Callable[[], None]) -> list[_Pair]:
    def inspected(record: PageRecord) -> _Pair:
        finding = inspector.inspect(manifest.file(record), name=record.file, evidence=True)
        counted()
        return record, finding

    with ThreadPoolExecutor(workers, thread_name_prefix="evaluate") as pool:
        return list(pool.map(inspected, manifest.records))


def _processors() -> int:
    with contextlib.suppress(AttributeError):  # sched_getaffinity heeds container limits, but is not everywhere
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _report(bundle: Bundle, manifest: Manifest, split: str, pairs: Sequence[_Pair]) -> Report:
    good = [(record, finding) for record, finding in pairs if finding.failure is None]
    figures: list[CheckFigures] = []
    verdicts: list[VerdictFigures] = []
    for each in PAGE_SETS:
        of_set = [
            (record, finding)
            for record, finding in good
            if each.belongs(record) and each.check in record.labels and each.check in finding.answers
        ]
        if of_set:
            truth, probabilities = _numbers(each.check, of_set)
            check, title = check_named(each.check), each.title
            sources, groups = [record.source for record, _ in of_set], [record.group for record, _ in of_set]
            figures.append(figures_of(check, title, truth, probabilities, sources=sources, clusters=groups))
            verdicts += verdicts_of(check, title, truth, probabilities, bundle.checks[each.check].thresholds)
    return Report(
        model_version=bundle.model_version,
        manifest=str(manifest.root),
        split=split,
        pages=len(good),
        sources=len({record.source for record, _ in good}),
        failures=tuple(f"{record.file}: {finding.failure.message}" for record, finding in pairs if finding.failure),
        figures=tuple(figures),
        mistakes=_mistakes(good),
        false_empty=_false_empty(good),
        verdicts=tuple(verdicts),
    )


def _numbers(name: CheckName, pairs: Sequence[_Pair]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return true codes (pages,) and probabilities (pages, classes)."""
    check = check_named(name)
    truth = np.array([check.code(record.labels[name]) for record, _ in pairs], np.int64)
    answers = [finding.answers[name].probabilities for _, finding in pairs]
    return truth, np.array([[by_class[one] for one in check.class_names] for by_class in answers], np.float64)


def _mistakes(pairs: Sequence[_Pair]) -> tuple[Mistake, ...]:
    wrong = [
        Mistake(
            file=record.file,
            source=record.source,
            check=name,
            title=next(each.title for each in PAGE_SETS if each.takes(record, name)),
            truth=record.labels[name],
            answer=answer.label,
            confidence=answer.confidence,
            boxes=shown_boxes(finding, name),
        )
        for record, finding in pairs
        for name, answer in finding.answers.items()
        if name in record.labels and answer.label != record.labels[name]
    ]
    return tuple(sorted(wrong, key=lambda each: (CHECK_NAMES.index(each.check), -each.confidence)))


def _false_empty(pairs: Sequence[_Pair]) -> tuple[int, int, float]:
    written = [
        finding for record, finding in pairs if record.labels.get("empty") == "ok" and "empty" in finding.answers
    ]
    called = sum(finding.answers["empty"].label == "empty" for finding in written)
    return called, len(written), clopper_pearson_upper(called, len(written)) if written else 1.0
