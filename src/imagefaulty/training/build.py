"""Makes the embedded bundle: ``imagefaulty train DATA --out DIR --cache DIR``.

Stages, each kept in the cache directory so that a kill costs little: the stem's graph, its maps of all samples, one
network fitted without each fold in turn, the bundle. The network without the held-out fold is the one that is shipped;
the answers of the others for the folds that they have not seen calibrate it, and all together are the cross-validation.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from imagefaulty.bundle import InputSpec
from imagefaulty.checks import CHECKS, Check, CheckName
from imagefaulty.network import prepare
from imagefaulty.pages import open_document
from imagefaulty.training.calibrate import Scaling, fit_scaling, thresholds_of
from imagefaulty.training.evaluation import FOLDS, PAGE_SETS
from imagefaulty.training.export import Parts, export_parts, write_bundle
from imagefaulty.training.features import FeatureStore, Rendering, fill_store, store_key
from imagefaulty.training.figures import CheckFigures, figures_dict, figures_of
from imagefaulty.training.fit import FitSettings, Split, fit, predict
from imagefaulty.training.folding import folded
from imagefaulty.training.graphs import quantize
from imagefaulty.training.heads import CELL, PageNet
from imagefaulty.training.manifest import Manifest
from imagefaulty.training.pools import pool
from imagefaulty.training.samples import AS_IS, plan
from imagefaulty.training.splits import (
    HELD_OUT,
    SPLIT_REPOSITORY,
    folds_for,
    folds_of,
    strict_group,
    validation_groups,
    write_folds,
)
from imagefaulty.training.stem import export_stem

_LOG: Final = logging.getLogger(__name__)
VERSION: Final = "0.2.0"
DESCRIPTION: Final = "EfficientNet-Lite0 fine-tuned to mark evidence per cell, on public page images and drawn faults."
#: Chosen by measurement, see docs/decisions.
SPEC: Final = InputSpec("image", width=448, height=640, layout="nhwc-uint8", resize="squash", filter="bilinear")
_QUANTISATION_PAGES: Final = 128
#: How much a drawn page counts beside a real one in calibration.
_DRAWN_WEIGHT: Final = 0.25
#: Share of faulty pages that probabilities assume. Among the labelled pages it is a third (they were sought), in an
#: archive a few in a hundred; in between, sound pages are not called faulty too often, nor faulty ones missed.
_FAULT_SHARE: Final = 0.2
#: Name of the fit that has seen nothing of the repository whose folders are sources of their own.
_STRICT: Final = "repository"


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """All that the stages share.

    Attributes:
        rendering: The samples, and where their maps are kept.
        cache: Where stages are kept.
        settings: How networks are fitted.
        store: The maps.
        sample_folds: Fold of every sample.
        real: Which samples are pages as they are.
    """

    rendering: Rendering
    cache: Path
    settings: FitSettings
    store: FeatureStore
    sample_folds: NDArray[np.int64] = field(init=False)
    real: NDArray[np.bool_] = field(init=False)

    def __post_init__(self) -> None:
        samples = self.rendering.samples
        object.__setattr__(self, "sample_folds", np.array([sample.fold for sample in samples], np.int64))
        object.__setattr__(self, "real", np.array([sample.kind == AS_IS for sample in samples]))

    @property
    def plain_stem(self) -> Path:
        """Graph of the stem in single precision."""
        return _plain_stem(self.cache)

    def group_of(self, row: int) -> str:
        """The group of the page that a sample was made of."""
        return self.rendering.manifest.records[self.rendering.samples[row].record].group

    def split(self, name: str) -> Split:
        """Rows to fit on for a fit: ``"0"`` to ``"4"`` leave that fold out, ``"repository"`` one repository."""
        groups = np.array([self.group_of(row) for row in range(len(self.real))])
        if name == _STRICT:
            inside = {each.group for each in self.rendering.manifest.records if strict_group(each) == SPLIT_REPOSITORY}
            seen = ~np.isin(groups, sorted(inside))
        else:
            seen = self.sample_folds != int(name)
        watched = validation_groups(self.rendering.manifest.only(groups=set(groups[seen].tolist())))
        watch = seen & np.isin(groups, sorted(watched))
        fitting = np.flatnonzero(seen & ~watch)
        return Split(fitting, self._chances(fitting), np.flatnonzero(watch & self.real))

    def _chances(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """How often each row is drawn: of big sources less per page, as the inverse root of their size."""
        groups = [self.group_of(row) for row in rows]
        sizes: dict[str, int] = {}
        for group, row in zip(groups, rows, strict=True):
            sizes[group] = sizes.get(group, 0) + bool(self.real[row])
        real = np.array([max(1, sizes[group]) ** -0.5 for group in groups])
        drawn = np.array([self.rendering.samples[row].kind not in {AS_IS, "clean"} for row in rows])
        return np.where(drawn, np.median(real), real)


def train(
    manifest: Manifest,
    out: Path,
    cache: Path,
    *,
    settings: FitSettings | None = None,
    whole_repository: bool = False,
    processes: int | None = None,
) -> Path:
    """Make the bundle: fit on all sources that ``folds.csv`` does not hold out, calibrate on them, export.

    Args:
        manifest: The labelled pages; ``materials.csv`` is looked for beside them.
        out: The bundle's directory.
        cache: Where maps, checkpoints, ``progress.jsonl`` and ``curves.png`` of every fit, and
            ``cross-validation.json`` are kept; about 3 GB.
        settings: How networks are fitted.
        whole_repository: Also fit without any page of the one repository whose folders are sources of their own, and
            judge those pages again.
        processes: How many samples are drawn, and networks fitted, side by side; one per processor if None.

    Returns:
        The path of the bundle's manifest.

    Raises:
        ManifestError: The manifest of pages cannot be used.
    """
    course = _prepared(manifest, cache, settings or FitSettings(), processes)
    folds = sorted({str(fold) for fold in course.sample_folds.tolist()})
    _fit_all(course, [*folds, *([_STRICT] if whole_repository else [])], processes)
    unseen = _unseen_answers(course, folds)
    calibration = course.sample_folds != HELD_OUT
    scalings, thresholds, metrics = _calibrated(course, _only(unseen, calibration))
    parts = _parts(course, _fitted(course, str(HELD_OUT)), scalings)
    path = write_bundle(
        out, parts, spec=SPEC, version=VERSION, description=DESCRIPTION,
        scalings=scalings, thresholds=thresholds, metrics=metrics,
    )  # fmt: skip
    write_folds(out / FOLDS, folds_for(manifest))
    _cross_validated(course, unseen, whole_repository=whole_repository)
    return path


def _prepared(manifest: Manifest, cache: Path, settings: FitSettings, processes: int | None) -> Course:
    cache.mkdir(parents=True, exist_ok=True)
    folds = folds_of(manifest, folds_for(manifest))
    samples = plan(manifest, folds)
    stem = _stem_graph(cache, manifest, folds)
    cells = (SPEC.height // CELL, SPEC.width // CELL)
    key = store_key(stem, samples)
    rendering = Rendering(manifest, folds, SPEC, cells, stem, cache / "maps", key, samples)
    return Course(rendering, cache, settings, fill_store(rendering, processes=processes))


def _plain_stem(cache: Path) -> Path:
    return cache / f"stem-{SPEC.width}x{SPEC.height}.onnx"


def _stem_graph(cache: Path, manifest: Manifest, folds: Sequence[int]) -> Path:
    """Export and quantise the stem, ranges from pages of the fitting sources."""
    target = cache / f"stem-{SPEC.width}x{SPEC.height}-int8.onnx"
    if not target.is_file():
        plain = export_stem(_plain_stem(cache), width=SPEC.width, height=SPEC.height)
        quantize(plain, target.with_suffix(".part"), _some_pages(manifest, folds))
        onnx.save(folded(onnx.load(target.with_suffix(".part"))), target)
        target.with_suffix(".part").unlink()
    return target


def _some_pages(manifest: Manifest, folds: Sequence[int]) -> Iterator[NDArray[np.uint8]]:
    fitting = [record for record, fold in zip(manifest.records, folds, strict=True) if fold != HELD_OUT]
    for record in fitting[:: max(1, len(fitting) // _QUANTISATION_PAGES)]:
        page = open_document(manifest.file(record)).page(at_least=SPEC.size)
        yield np.asarray(prepare(page.pixels, SPEC)[0], np.uint8)


def _fit_all(course: Course, names: Sequence[str], processes: int | None) -> None:
    """Fit the networks that are missing, side by side with one thread each: twice as fast as one after another."""
    missing = [name for name in names if not _network_file(course, name).is_file()]
    if torch.cuda.is_available() or len(missing) < 2:  # noqa: PLR2004
        torch.set_num_threads(processes or os.cpu_count() or 1)
        for name in missing:
            _fit_one(course.rendering, course.cache, course.settings, name)
        return
    with pool(processes, _single_thread) as fits:
        pending = [fits.submit(_fit_one, course.rendering, course.cache, course.settings, name) for name in missing]
        for each in pending:
            each.result()


def _single_thread() -> None:
    torch.set_num_threads(1)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")


def _fit_one(rendering: Rendering, cache: Path, settings: FitSettings, name: str) -> None:
    course = Course(rendering, cache, settings, rendering.open())
    _LOG.info("fits without %s", name)
    target = _network_file(course, name)
    net = fit(course.store, course.split(name), settings=settings, directory=target.parent)
    torch.save(net.cpu().state_dict(), target.with_suffix(".part"))
    target.with_suffix(".part").replace(target)


def _network_file(course: Course, name: str) -> Path:
    return course.cache / f"without-{name}" / f"network-{course.store.key[:12]}-{course.settings.digest}.pt"


def _fitted(course: Course, name: str) -> PageNet:
    """The network of a fit that is done."""
    net = PageNet(*course.rendering.cells, pretrained=False)
    net.load_state_dict(torch.load(_network_file(course, name), weights_only=True))
    return net.eval()


def _parts(course: Course, net: PageNet, scalings: Mapping[CheckName, Scaling]) -> Parts:
    """The four graphs of the bundle: stem and rest, each in eight bits and in single precision."""
    # Drawn samples too: on blank pages values occur that written ones never have.
    rows = np.flatnonzero(course.sample_folds != HELD_OUT)
    chosen = rows[:: max(1, len(rows) // _QUANTISATION_PAGES)]
    maps = (course.store.early[row : row + 1].astype(np.float32) for row in chosen)
    return export_parts(course.cache, net, scalings, maps, stem=course.rendering.stem, plain_stem=course.plain_stem)


def _unseen_answers(course: Course, folds: Sequence[str]) -> dict[str, NDArray[np.float32]]:
    """Logits of every sample by the network that has not seen its fold, float32 (samples, classes) per check."""
    answers = _no_answers(course)
    for fold in folds:
        rows = np.flatnonzero(course.sample_folds == int(fold))
        for name, logits in predict(_fitted(course, fold), course.store, rows).items():
            answers[name][rows] = logits
    return answers


def _no_answers(course: Course) -> dict[str, NDArray[np.float32]]:
    return {check.name: np.full((len(course.real), len(check.classes)), np.nan, np.float32) for check in CHECKS}


def _only(answers: Mapping[str, NDArray[np.float32]], chosen: NDArray[np.bool_]) -> dict[str, NDArray[np.float32]]:
    """Answers of some samples; those of the others become NaN."""
    return {name: np.where(chosen[:, None], logits, np.nan).astype(np.float32) for name, logits in answers.items()}


def _calibrated(
    course: Course, answers: Mapping[str, NDArray[np.float32]]
) -> tuple[dict[CheckName, Scaling], dict[CheckName, Any], dict[CheckName, dict[str, Any]]]:
    """Fit scalings and thresholds on unseen answers, and take down the figures of real pages among them."""
    scalings: dict[CheckName, Scaling] = {}
    thresholds: dict[CheckName, Any] = {}
    metrics: dict[CheckName, dict[str, Any]] = {}
    for column, check in enumerate(CHECKS):
        logits, codes = answers[check.name], course.store.codes[:, column]
        known = _judged(course, column) & np.isfinite(logits[:, 0])
        if len(np.unique(codes[known])) < 2:  # noqa: PLR2004
            _LOG.warning("%s: fewer than two classes are labelled, so the model will not answer it", check.name)
            continue
        scaling = _scaling(course, check, logits, known)
        chances = scaling.probabilities(logits[known])
        scalings[check.name] = scaling
        thresholds[check.name] = thresholds_of(check, chances, codes[known])
        shown = known & course.real
        figures = figures_of(check, check.name, codes[shown].astype(np.int64), scaling.probabilities(logits[shown]))
        metrics[check.name] = {"cross_validated": _summary(figures)}
    return scalings, thresholds, metrics


def _judged(course: Course, column: int) -> NDArray[np.bool_]:
    """Samples whose label for a check is known and fully trusted."""
    return (course.store.codes[:, column] >= 0) & (course.store.weights[:, column] >= 1)


def _scaling(course: Course, check: Check, logits: NDArray[np.float32], chosen: NDArray[np.bool_]) -> Scaling:
    codes = course.store.codes[:, CHECKS.index(check)]
    counts = _counts(check, codes, np.where(chosen, np.where(course.real, 1.0, _DRAWN_WEIGHT), 0.0))
    return fit_scaling(logits[chosen], codes[chosen], counts[chosen])


def _counts(check: Check, codes: NDArray[np.int8], counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scale what pages count in calibration so that faulty ones make up the share that is expected of them."""
    if check.fault is None:
        return counts
    faulty = codes == check.code(check.fault)
    share = counts[faulty].sum() / counts.sum()
    return np.where(faulty, counts * _FAULT_SHARE / share, counts * (1 - _FAULT_SHARE) / (1 - share))


def _cross_validated(course: Course, unseen: Mapping[str, NDArray[np.float32]], *, whole_repository: bool) -> None:
    """Judge every page by a network that never saw its source, calibrated on answers for the other folds."""
    figures = _figures(course, unseen, course.real)
    drawn = ~course.real & np.array([sample.kind != "clean" for sample in course.rendering.samples])
    figures += _figures(course, unseen, drawn, suffix=", drawn")
    if whole_repository:
        figures += _figures(course, *_strict_answers(course, unseen), suffix=" (whole repository unseen)")
    path = course.cache / "cross-validation.json"
    path.write_text(json.dumps(figures_dict(figures), indent=2) + "\n", encoding="utf-8")
    _LOG.info("cross-validation: %s", path)


def _strict_answers(
    course: Course, unseen: Mapping[str, NDArray[np.float32]]
) -> tuple[dict[str, NDArray[np.float32]], NDArray[np.bool_]]:
    """Answers for the real pages of the one repository by the network that saw none of it, and which pages those are.

    Pages of other repositories on which its handwriting or print was pasted stay among those fitted on.
    """
    inside = np.array([strict_group(record) == SPLIT_REPOSITORY for record in course.rendering.manifest.records])
    chosen = course.real & inside[[sample.record for sample in course.rendering.samples]]
    rows = np.flatnonzero(chosen)
    answers = {name: logits.copy() for name, logits in unseen.items()}
    for name, logits in predict(_fitted(course, _STRICT), course.store, rows).items():
        answers[name][rows] = logits
    return answers, chosen


def _figures(
    course: Course, answers: Mapping[str, NDArray[np.float32]], chosen: NDArray[np.bool_], *, suffix: str = ""
) -> list[CheckFigures]:
    """Figures of the chosen samples, in the sets of pages that are judged apart."""
    records = [course.rendering.manifest.records[sample.record] for sample in course.rendering.samples]
    found = []
    for column, check in enumerate(CHECKS):
        chances = _cross_calibrated(course, check, answers[check.name])
        codes, judged = course.store.codes[:, column].astype(np.int64), _judged(course, column)
        for kind in (each for each in PAGE_SETS if each.check == check.name):
            # What is fitted with less trust, or not at all, is judged in sets of its own.
            shown = chosen & (codes >= 0) & (judged | (kind.title != check.name))
            rows = np.flatnonzero(shown & np.array([kind.takes(record, check.name) for record in records]))
            if len(rows):
                of = [records[row] for row in rows]
                found.append(
                    figures_of(
                        check,
                        kind.title + suffix,
                        codes[rows],
                        chances[rows],
                        sources=[record.source for record in of],
                        clusters=[record.group for record in of],
                    )
                )
    return found


def _cross_calibrated(course: Course, check: Check, logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """Probabilities of every sample, scaled by what was fitted on the answers for the other folds."""
    chances = np.full(logits.shape, np.nan)
    known = _judged(course, CHECKS.index(check)) & np.isfinite(logits[:, 0])
    for fold in np.unique(course.sample_folds):
        inside = course.sample_folds == fold
        chances[inside] = _scaling(course, check, logits, known & ~inside).probabilities(logits[inside])
    return chances


def _summary(figures: CheckFigures) -> dict[str, Any]:
    return {
        "confusion": figures.table.tolist(),
        "recall": {each.name: None if each.recall is None else round(each.recall, 4) for each in figures.classes},
        "auc": {each.name: None if each.auc is None else round(each.auc, 4) for each in figures.classes},
        "calibration_error": round(figures.calibration_error, 4),
    }
