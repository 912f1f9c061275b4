"""Makes the embedded bundle again: ``python -m imagefaulty.training.build --data DIR --out DIR --cache DIR``.

Stages, each kept in the cache directory so that a kill costs little: the backbone's graph, the feature maps of all
samples, answers of heads fitted without each fold in turn (for calibration, and with ``--cross-validate`` for the
figures over all sources), the final heads, the bundle.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from imagefaulty.bundle import InputSpec
from imagefaulty.checks import CHECKS, Check, CheckName
from imagefaulty.network import prepare
from imagefaulty.pages import open_document
from imagefaulty.training.backbone import LAST, MID, Tap
from imagefaulty.training.calibrate import Scaling, fit_scaling, thresholds_of
from imagefaulty.training.evaluation import FOLDS, CheckFigures, figures_of
from imagefaulty.training.export import export_heads, write_bundle
from imagefaulty.training.eye import Eye, export_eye, quantize_eye
from imagefaulty.training.features import FeatureStore, fill_store, open_store, store_key
from imagefaulty.training.fit import FitSettings, fit, predict
from imagefaulty.training.heads import CELL, Heads
from imagefaulty.training.manifest import Manifest, read_manifest
from imagefaulty.training.samples import AS_IS, Sample, Studio, plan
from imagefaulty.training.splits import FOLDS_FILE, HELD_OUT, SPLIT_REPOSITORY, folds_of, read_folds, strict_group

_LOG: Final = logging.getLogger(__name__)
VERSION: Final = "0.1.0"
DESCRIPTION: Final = (
    "Frozen EfficientNet-Lite0 (ImageNet) with local-evidence heads, fitted on public page images and drawn faults."
)
#: Chosen by measurement, see docs/decisions.
SPEC: Final = InputSpec("image", width=448, height=640, layout="nhwc-uint8", resize="squash", filter="bilinear")
TAPS: Final[tuple[Tap, ...]] = (MID, LAST)
_QUANTISATION_PAGES: Final = 128
#: How much a drawn page counts beside a real one in calibration.
_DRAWN_WEIGHT: Final = 0.25
#: Share of faulty pages that probabilities assume. Among the labelled pages it is a third (they were sought), in an
#: archive a few in a hundred; in between, sound pages are not called faulty too often, nor faulty ones missed.
_FAULT_SHARE: Final = 0.2


@dataclass(frozen=True, slots=True, eq=False)
class Workshop:
    """All that the stages share.

    Attributes:
        manifest: The labelled pages.
        folds: Fold of every page.
        samples: The samples, real and drawn.
        store: Their feature maps.
        eye: Graph of the backbone.
        cache: Where stages are kept.
        settings: How heads are fitted.
    """

    manifest: Manifest
    folds: Sequence[int]
    samples: Sequence[Sample]
    store: FeatureStore
    eye: Path
    cache: Path
    settings: FitSettings

    def rows(self, *, without: frozenset[int]) -> NDArray[np.int64]:
        """Rows of the samples whose fold is not among ``without``."""
        return np.array([row for row, each in enumerate(self.samples) if each.fold not in without], np.int64)

    def chances(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """How often each row is drawn: of big sources less per page, as the inverse root of their size."""
        groups = [self.manifest.records[self.samples[row].record].group for row in rows]
        sizes: dict[str, int] = {}
        for group, row in zip(groups, rows, strict=True):
            sizes[group] = sizes.get(group, 0) + (self.samples[row].kind == AS_IS)
        real = np.array([max(1, sizes[group]) ** -0.5 for group in groups])
        drawn = np.array([self.samples[row].kind not in {AS_IS, "clean"} for row in rows])
        return np.where(drawn, np.median(real), real)


def train(
    data: Path,
    out: Path,
    cache: Path,
    *,
    settings: FitSettings | None = None,
    cross_validate: bool = False,
) -> Path:
    """Make the bundle: fit on all sources that ``folds.csv`` does not hold out, calibrate on them, export.

    Args:
        data: Directory of the labelled pages, with ``manifest.csv`` and ``materials.csv``.
        out: The bundle's directory.
        cache: Where feature maps and intermediate results are kept; about 4 GB.
        settings: How the heads are fitted.
        cross_validate: Also fit without each fold in turn, and write ``cross-validation.json`` into the cache.

    Returns:
        The path of the bundle's manifest.

    Raises:
        ManifestError: The manifest of pages cannot be used.
    """
    shop = _prepared(data, cache, settings or FitSettings())
    answers = _unseen_answers(shop, held_out=frozenset({HELD_OUT}))
    scalings, thresholds, metrics = _calibrated(shop, answers)
    heads = _fitted(shop, frozenset({HELD_OUT}))
    graph = export_heads(cache / "heads.onnx", heads, scalings, TAPS)
    path = write_bundle(
        out, shop.eye, graph, plain_eye=_plain_eye(cache), taps=TAPS, spec=SPEC,
        version=VERSION, description=DESCRIPTION,
        scalings=scalings, thresholds=thresholds, metrics=metrics,
    )  # fmt: skip
    if (out / FOLDS) != FOLDS_FILE:
        shutil.copyfile(FOLDS_FILE, out / FOLDS)
    if cross_validate:
        _cross_validated(shop, scalings)
    return path


def _prepared(data: Path, cache: Path, settings: FitSettings) -> Workshop:
    cache.mkdir(parents=True, exist_ok=True)
    manifest = read_manifest(data)
    folds = folds_of(manifest, read_folds())
    samples = plan(manifest, folds)
    graph = _eye_graph(cache, manifest, folds)
    eye = Eye(graph)
    rows, columns = SPEC.height // CELL, SPEC.width // CELL
    key = store_key(graph, samples)
    store = open_store(cache / "features", eye.shapes, cells=(rows, columns), samples=len(samples), key=key)
    if not store.filled:
        fill_store(store, samples, Studio(manifest, folds, SPEC, rows=rows, columns=columns), eye)
    return Workshop(manifest, folds, samples, store, graph, cache, settings)


def _eye_graph(cache: Path, manifest: Manifest, folds: Sequence[int]) -> Path:
    """Export and quantise the backbone, ranges from pages of the fitting sources."""
    target = cache / f"eye-{SPEC.width}x{SPEC.height}-int8.onnx"
    if not target.is_file():
        plain = export_eye(_plain_eye(cache), TAPS, width=SPEC.width, height=SPEC.height)
        quantize_eye(plain, target.with_suffix(".part"), _some_pages(manifest, folds))
        target.with_suffix(".part").replace(target)
    return target


def _plain_eye(cache: Path) -> Path:
    """Where the backbone in single precision is kept."""
    return cache / f"eye-{SPEC.width}x{SPEC.height}.onnx"


def _some_pages(manifest: Manifest, folds: Sequence[int]) -> Iterator[NDArray[np.uint8]]:
    fitting = [record for record, fold in zip(manifest.records, folds, strict=True) if fold != HELD_OUT]
    for record in fitting[:: max(1, len(fitting) // _QUANTISATION_PAGES)]:
        page = open_document(manifest.file(record)).page(at_least=SPEC.size)
        yield np.asarray(prepare(page.pixels, SPEC)[0], np.uint8)


def _fitted(shop: Workshop, without: frozenset[int]) -> Heads:
    """Heads fitted on all folds but some."""
    return _fitted_on(shop, shop.rows(without=without), "".join(str(fold) for fold in sorted(without)))


def _fitted_on(shop: Workshop, chosen: NDArray[np.int64], name: str) -> Heads:
    """Heads fitted on some rows; taken from the cache where they are there already."""
    path = shop.cache / f"heads-without-{name}.pt"
    rows, columns = shop.store.cells.shape[2:]
    stamp = f"{asdict(shop.settings)} {store_key(shop.eye, shop.samples)}"
    if path.is_file():
        saved = torch.load(path, weights_only=True)
        if saved["stamp"] == stamp:
            heads = Heads(TAPS, rows=rows, columns=columns)
            heads.load_state_dict(saved["heads"])
            return heads.eval()
    _LOG.info("fitting heads without %s", name)
    heads = fit(shop.store, chosen, shop.chances(chosen), taps=TAPS, settings=shop.settings)
    torch.save({"stamp": stamp, "heads": heads.state_dict()}, path)
    return heads


def _unseen_answers(shop: Workshop, *, held_out: frozenset[int]) -> dict[str, NDArray[np.float32]]:
    """Logits of every sample outside ``held_out`` by heads that saw neither its fold nor those held out.

    Returns:
        Per check float32 (samples, classes); rows that were left out are NaN.
    """
    fold_of = np.array([sample.fold for sample in shop.samples])
    answers = {check.name: np.full((len(fold_of), len(check.classes)), np.nan, np.float32) for check in CHECKS}
    for fold in sorted(set(shop.folds) - held_out):
        rows = np.flatnonzero(fold_of == fold)
        heads = _fitted(shop, held_out | {fold})
        for name, logits in predict(heads, shop.store, rows, taps=TAPS).items():
            answers[name][rows] = logits
    return answers


def _calibrated(
    shop: Workshop, answers: Mapping[str, NDArray[np.float32]]
) -> tuple[dict[CheckName, Scaling], dict[CheckName, Any], dict[CheckName, dict[str, Any]]]:
    """Fit scalings and thresholds on unseen answers, and take down the figures of real pages among them."""
    scalings: dict[CheckName, Scaling] = {}
    thresholds: dict[CheckName, Any] = {}
    metrics: dict[CheckName, dict[str, Any]] = {}
    real = np.array([sample.kind == AS_IS for sample in shop.samples])
    for column, check in enumerate(CHECKS):
        logits, codes, weights = answers[check.name], shop.store.codes[:, column], shop.store.weights[:, column]
        known = np.isfinite(logits[:, 0]) & (codes >= 0) & (weights >= 1)
        counts = _counts(check, codes, np.where(known, np.where(real, 1.0, _DRAWN_WEIGHT), 0.0))
        scalings[check.name] = fit_scaling(logits[known], codes[known], counts[known])
        chances = scalings[check.name].probabilities(logits[known])
        thresholds[check.name] = thresholds_of(check, chances, codes[known])
        shown = known & real
        figures = figures_of(
            check, check.name, codes[shown].astype(np.int64), scalings[check.name].probabilities(logits[shown])
        )
        metrics[check.name] = {"cross_validated": _summary(figures)}
    return scalings, thresholds, metrics


def _counts(check: Check, codes: NDArray[np.int8], counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scale what pages count in calibration so that faulty ones make up the share that is expected of them."""
    if check.fault is None:
        return counts
    faulty = codes == check.code(check.fault)
    share = counts[faulty].sum() / counts.sum()
    return np.where(faulty, counts * _FAULT_SHARE / share, counts * (1 - _FAULT_SHARE) / (1 - share))


def _cross_validated(shop: Workshop, scalings: Mapping[CheckName, Scaling]) -> None:
    """Judge every real page by heads that never saw its fold, held-out ones included."""
    found = _real_summaries(shop, _unseen_answers(shop, held_out=frozenset()), scalings, "")
    found |= _real_summaries(shop, _strict_answers(shop), scalings, " (whole repository unseen)")
    path = shop.cache / "cross-validation.json"
    path.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    _LOG.info("cross-validation: %s", path)


def _strict_answers(shop: Workshop) -> dict[str, NDArray[np.float32]]:
    """Logits of the pages of the one repository whose folders are sources of their own, by heads that saw none of it.

    Pages of other repositories on which its handwriting or print was pasted stay among those fitted on.
    """
    inside = np.array([strict_group(shop.manifest.records[each.record]) == SPLIT_REPOSITORY for each in shop.samples])
    heads = _fitted_on(shop, np.flatnonzero(~inside), "repository")
    answers = {check.name: np.full((len(inside), len(check.classes)), np.nan, np.float32) for check in CHECKS}
    rows = np.flatnonzero(inside & np.array([sample.kind == AS_IS for sample in shop.samples]))
    for name, logits in predict(heads, shop.store, rows, taps=TAPS).items():
        answers[name][rows] = logits
    return answers


def _real_summaries(
    shop: Workshop, answers: Mapping[str, NDArray[np.float32]], scalings: Mapping[CheckName, Scaling], suffix: str
) -> dict[str, Any]:
    """Figures of the real pages that were answered, by check."""
    real = np.array([sample.kind == AS_IS for sample in shop.samples])
    found = {}
    for column, check in enumerate(CHECKS):
        codes, weights = shop.store.codes[:, column], shop.store.weights[:, column]
        shown = real & (codes >= 0) & (weights >= 1) & np.isfinite(answers[check.name][:, 0])
        chances = scalings[check.name].probabilities(answers[check.name][shown])
        found[check.name + suffix] = _summary(figures_of(check, check.name, codes[shown].astype(np.int64), chances))
    return found


def _summary(figures: CheckFigures) -> dict[str, Any]:
    return {
        "confusion": figures.table.tolist(),
        "recall": {each.name: None if each.recall is None else round(each.recall, 4) for each in figures.classes},
        "auc": {each.name: None if each.auc is None else round(each.auc, 4) for each in figures.classes},
        "calibration_error": round(figures.calibration_error, 4),
    }


def main() -> None:
    """Run the build from the command line."""
    parser = argparse.ArgumentParser(description="Make the embedded bundle from the labelled pages.")
    parser.add_argument("--data", type=Path, required=True, help="directory of the labelled pages")
    parser.add_argument("--out", type=Path, required=True, help="directory of the bundle")
    parser.add_argument("--cache", type=Path, required=True, help="directory for feature maps, about 4 GB")
    parser.add_argument("--epochs", type=int, default=FitSettings().epochs)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--cross-validate", action="store_true", help="also fit without each fold in turn")
    chosen = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(chosen.threads)
    settings = FitSettings(epochs=chosen.epochs)
    train(chosen.data, chosen.out, chosen.cache, settings=settings, cross_validate=chosen.cross_validate)


if __name__ == "__main__":
    main()
