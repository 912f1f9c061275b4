"""The figures of one check on one set of pages, with their intervals, by source and by operating point.

Everything here is computed from true classes and probabilities, so it serves a bundle that was run on files
(:mod:`imagefaulty.training.evaluation`) and the answers of a cross-validation alike.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from imagefaulty.bundle import Thresholds
from imagefaulty.calibration import verdict
from imagefaulty.checks import Check
from imagefaulty.errors import SettingsError
from imagefaulty.training.metrics import (
    calibration_error,
    clopper_pearson_upper,
    confusion,
    reliability,
    roc_auc,
    wilson,
)
from imagefaulty.training.resampling import Spread, calibration_error_by_chance, spread

#: Low and high end of a 95 % interval.
Interval: TypeAlias = tuple[float, float]
#: Identifier of the JSON form of figures alone; a field's change of meaning changes it.
SCHEMA: Final = "imagefaulty.figures/1"
#: Columns of :attr:`VerdictFigures.table`.
VERDICTS: Final = ("yes", "look", "no")


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many pages.

    Attributes:
        hits: The pages that are meant.
        pages: All of them.
    """

    hits: int
    pages: int

    @property
    def value(self) -> float | None:
        """The share, or None without pages."""
        return self.hits / self.pages if self.pages else None

    @property
    def wilson_95(self) -> Interval:
        """Wilson interval of the share."""
        return wilson(self.hits, self.pages)

    @property
    def upper_95(self) -> float:
        """Upper end of the Clopper-Pearson interval: what "at most" may honestly be claimed."""
        return clopper_pearson_upper(self.hits, self.pages) if self.pages else 1.0

    def to_dict(self) -> dict[str, Any]:
        """Return the share as JSON-ready values."""
        return {"hits": self.hits, "pages": self.pages, "share": self.value, "upper_95": self.upper_95}


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """Figures of one class of a check. Intervals are None where there is none.

    Attributes:
        name: The class.
        pages: Pages that truly have it.
        recall: Share of them that were found, or None without any.
        recall_95: Wilson interval of the recall, as if pages were independent.
        precision: Share of the pages so answered that truly have it, or None without any.
        f1: Harmonic mean of both, or None.
        auc: Ranking quality of its probability against all other classes, or None.
        precision_95: Wilson interval of the precision.
        recall_sources_95: Bootstrap interval of the recall over sources: the one that holds for an unseen archive.
        precision_sources_95: Bootstrap interval of the precision over sources.
        f1_95: Bootstrap interval over sources.
        auc_95: Bootstrap interval over sources.
        sources: Sources that hold such pages, or None where sources are not known.
    """

    name: str
    pages: int
    recall: float | None
    recall_95: Interval
    precision: float | None
    f1: float | None
    auc: float | None
    precision_95: Interval = (0.0, 1.0)
    recall_sources_95: Interval | None = None
    precision_sources_95: Interval | None = None
    f1_95: Interval | None = None
    auc_95: Interval | None = None
    sources: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class SourceFigures:
    """What came out on the pages of one source.

    Attributes:
        source: The source.
        table: Pages by true class (rows) and answered class (columns), int64.
    """

    source: str
    table: NDArray[np.int64]

    @property
    def right(self) -> Share:
        """Pages that were answered rightly."""
        return Share(int(np.trace(self.table)), int(self.table.sum()))

    @property
    def recalls(self) -> tuple[Share, ...]:
        """Pages of each class that were found."""
        return tuple(Share(int(row[code]), int(row.sum())) for code, row in enumerate(self.table))


@dataclass(frozen=True, slots=True)
class Bin:
    """Pages of much the same confidence.

    Attributes:
        pages: How many.
        confidence: Their mean confidence.
        right: Share of them that was answered rightly.
    """

    pages: int
    confidence: float
    right: float


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
        accuracy_95: Wilson interval.
        balanced_accuracy_95: Bootstrap interval over sources, or None.
        calibration_error_95: Bootstrap interval over sources, or None.
        calibration_error_by_chance: What answers that mean exactly what they say would show on so many pages: on
            average, and at most in 95 of 100 cases; None in figures of older versions.
        by_source: Figures per source, surely worst first; empty where sources are not known.
        reliability: How often answers are right, by how sure they are.
    """

    title: str
    table: NDArray[np.int64]
    classes: tuple[ClassFigures, ...]
    accuracy: float
    balanced_accuracy: float
    calibration_error: float
    accuracy_95: Interval = (0.0, 1.0)
    balanced_accuracy_95: Interval | None = None
    calibration_error_95: Interval | None = None
    calibration_error_by_chance: Interval | None = None
    by_source: tuple[SourceFigures, ...] = ()
    reliability: tuple[Bin, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as JSON-ready values; :meth:`from_dict` reads them back."""
        return {
            "title": self.title,
            "confusion": self.table.tolist(),
            **{name: _plain(getattr(self, name)) for name in _CHECK_FIELDS},
            "classes": {
                each.name: {name: _plain(getattr(each, name)) for name in _CLASS_FIELDS} for each in self.classes
            },
            "by_source": {each.source: each.table.tolist() for each in self.by_source},
            "reliability": [[each.pages, each.confidence, each.right] for each in self.reliability],
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> CheckFigures:
        """Return the figures that :meth:`to_dict` wrote."""
        return cls(
            title=values["title"],
            table=np.array(values["confusion"], np.int64),
            classes=tuple(
                ClassFigures(name, **{key: _paired(value) for key, value in each.items()})
                for name, each in values["classes"].items()
            ),
            by_source=tuple(
                SourceFigures(source, np.array(table, np.int64)) for source, table in values["by_source"].items()
            ),
            reliability=tuple(Bin(*each) for each in values["reliability"]),
            **{name: _paired(values[name]) for name in _CHECK_FIELDS if name in values},
        )


_CHECK_FIELDS: Final = (
    "accuracy",
    "accuracy_95",
    "balanced_accuracy",
    "balanced_accuracy_95",
    "calibration_error",
    "calibration_error_95",
    "calibration_error_by_chance",
)
_CLASS_FIELDS: Final = (
    "pages",
    "sources",
    "recall",
    "recall_95",
    "recall_sources_95",
    "precision",
    "precision_95",
    "precision_sources_95",
    "f1",
    "f1_95",
    "auc",
    "auc_95",
)


@dataclass(frozen=True, slots=True, eq=False)
class VerdictFigures:
    """What an operator gets from one check at one operating point.

    Attributes:
        title: The check, and which pages.
        operating_point: Name of the thresholds.
        thresholds: The thresholds themselves.
        classes: True classes, the rows of the table.
        table: Pages by true class and verdict, int64, columns as :data:`VERDICTS`.
        wrong_yes: Sound pages with the verdict "yes"; for a check without a fault, wrong labels among those that the
            verdict says may be relied on.
        wrong_no: Faulty pages with the verdict "no"; None for a check without a fault.
    """

    title: str
    operating_point: str
    thresholds: Thresholds
    classes: tuple[str, ...]
    table: NDArray[np.int64]
    wrong_yes: Share
    wrong_no: Share | None

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as JSON-ready values."""
        return {
            "title": self.title,
            "operating_point": self.operating_point,
            "thresholds": {"no": self.thresholds.no, "yes": self.thresholds.yes},
            "verdicts": {
                name: dict(zip(VERDICTS, row, strict=True))
                for name, row in zip(self.classes, self.table.tolist(), strict=True)
            },
            "wrong_yes": self.wrong_yes.to_dict(),
            "wrong_no": None if self.wrong_no is None else self.wrong_no.to_dict(),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> VerdictFigures:
        """Return the figures that :meth:`to_dict` wrote."""
        wrong_yes, wrong_no = values["wrong_yes"], values["wrong_no"]
        return cls(
            title=values["title"],
            operating_point=values["operating_point"],
            thresholds=Thresholds(**values["thresholds"]),
            classes=tuple(values["verdicts"]),
            table=np.array([[row[name] for name in VERDICTS] for row in values["verdicts"].values()], np.int64),
            wrong_yes=Share(wrong_yes["hits"], wrong_yes["pages"]),
            wrong_no=None if wrong_no is None else Share(wrong_no["hits"], wrong_no["pages"]),
        )


def figures_dict(figures: Iterable[CheckFigures], verdicts: Iterable[VerdictFigures] = ()) -> dict[str, Any]:
    """Return figures as JSON-ready values, by the schema :data:`SCHEMA`; :func:`read_figures` reads them back."""
    return {
        "schema": SCHEMA,
        "figures": [each.to_dict() for each in figures],
        "verdicts": [each.to_dict() for each in verdicts],
    }


def read_figures(values: Mapping[str, Any]) -> tuple[tuple[CheckFigures, ...], tuple[VerdictFigures, ...]]:
    """Return the figures that :func:`figures_dict` wrote.

    Raises:
        SettingsError: They are of another schema.
    """
    if values.get("schema") != SCHEMA:
        raise SettingsError(f"figures of the schema {values.get('schema')!r} cannot be read, only {SCHEMA}")
    return (
        tuple(CheckFigures.from_dict(each) for each in values["figures"]),
        tuple(VerdictFigures.from_dict(each) for each in values["verdicts"]),
    )


def figures_of(
    check: Check,
    title: str,
    truth: NDArray[np.integer],
    probabilities: NDArray[np.floating],
    *,
    sources: Sequence[str] | None = None,
    clusters: Sequence[str] | None = None,
) -> CheckFigures:
    """Return the figures of one check.

    Args:
        check: The check.
        title: The check, and which pages.
        truth: True codes, shape (pages,), at least one.
        probabilities: Shape (pages, classes), in wire order.
        sources: Source of every page, for the figures by source. Not known if None.
        clusters: What the bootstrap draws, see :mod:`imagefaulty.training.resampling`: the ``group`` of every page,
            where sources hold the same material. The sources if None; page by page if neither is known.
    """
    clusters = sources if clusters is None else clusters
    table = confusion(truth, probabilities.argmax(axis=1), len(check.classes))
    error = calibration_error(truth, probabilities)
    found = spread(truth, probabilities, clusters, calibration_error=error)
    classes = tuple(
        _class_figures(
            name,
            code,
            table,
            auc=roc_auc(truth == code, probabilities[:, code]),
            found=found,
            sources=None if sources is None else len(set(itertools.compress(sources, truth == code))),
        )
        for code, name in enumerate(check.class_names)
    )
    recalls = [each.recall for each in classes if each.recall is not None]
    return CheckFigures(
        title=title,
        table=table,
        classes=classes,
        accuracy=float(np.trace(table)) / len(truth),
        balanced_accuracy=sum(recalls) / len(recalls),
        calibration_error=error,
        accuracy_95=wilson(int(np.trace(table)), len(truth)),
        balanced_accuracy_95=found.balanced_accuracy,
        calibration_error_95=found.calibration_error,
        calibration_error_by_chance=calibration_error_by_chance(probabilities),
        by_source=() if sources is None else _by_source(truth, probabilities, sources),
        reliability=tuple(Bin(*each) for each in reliability(truth, probabilities)),
    )


def _class_figures(
    name: str, code: int, table: NDArray[np.int64], *, auc: float | None, found: Spread, sources: int | None
) -> ClassFigures:
    hits, pages, answered = int(table[code, code]), int(table[code].sum()), int(table[:, code].sum())
    return ClassFigures(
        name=name,
        pages=pages,
        recall=hits / pages if pages else None,
        recall_95=wilson(hits, pages),
        precision=hits / answered if answered else None,
        f1=2 * hits / (pages + answered) if pages else None,
        auc=auc,
        precision_95=wilson(hits, answered),
        recall_sources_95=found.recall[code],
        precision_sources_95=found.precision[code],
        f1_95=found.f1[code] if pages else None,
        auc_95=found.auc[code],
        sources=sources,
    )


def _by_source(
    truth: NDArray[np.integer], probabilities: NDArray[np.floating], sources: Sequence[str]
) -> tuple[SourceFigures, ...]:
    """Figures per source, by the upper end of the interval of right answers: a single odd page does not lead."""
    names, codes = np.unique(sources, return_inverse=True)
    answers = probabilities.argmax(axis=1)
    found = [
        SourceFigures(str(name), confusion(truth[codes == code], answers[codes == code], probabilities.shape[1]))
        for code, name in enumerate(names)
    ]
    return tuple(sorted(found, key=lambda each: (each.right.wilson_95[1], each.source)))


def verdicts_of(
    check: Check,
    title: str,
    truth: NDArray[np.integer],
    probabilities: NDArray[np.floating],
    points: Mapping[str, Thresholds],
) -> tuple[VerdictFigures, ...]:
    """Return what an operator gets at each operating point.

    Args:
        check: The check.
        title: The check, and which pages.
        truth: True codes, shape (pages,).
        probabilities: Shape (pages, classes), in wire order.
        points: Thresholds by operating point, as in :class:`imagefaulty.bundle.CheckSpec`.
    """
    return tuple(_verdict_figures(check, title, truth, probabilities, each) for each in points.items())


def _verdict_figures(
    check: Check,
    title: str,
    truth: NDArray[np.integer],
    probabilities: NDArray[np.floating],
    point: tuple[str, Thresholds],
) -> VerdictFigures:
    name, thresholds = point
    said = np.array([
        VERDICTS.index(verdict(check, dict(zip(check.class_names, row, strict=True)), thresholds))
        for row in probabilities.tolist()
    ])  # fmt: skip
    table = np.zeros((len(check.classes), len(VERDICTS)), np.int64)
    np.add.at(table, (truth, said), 1)
    if check.fault is None:
        relied = said == VERDICTS.index("yes")
        wrong_yes = Share(int((relied & (probabilities.argmax(axis=1) != truth)).sum()), int(relied.sum()))
        return VerdictFigures(title, name, thresholds, check.class_names, table, wrong_yes, None)
    fault = check.code(check.fault)
    sound = np.delete(table, fault, axis=0).sum(axis=0)
    wrong_yes = Share(int(sound[VERDICTS.index("yes")]), int(sound.sum()))
    wrong_no = Share(int(table[fault, VERDICTS.index("no")]), int(table[fault].sum()))
    return VerdictFigures(title, name, thresholds, check.class_names, table, wrong_yes, wrong_no)


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def _paired(value: Any) -> Any:  # noqa: ANN401 - JSON has no types
    return tuple(value) if isinstance(value, list) else value
