"""Makes the embedded bundle: ``imagefaulty train DATA --out DIR --cache DIR``.

Stages, each kept in the cache directory so that a kill costs little: the stem's graph, its maps of all samples, one
network fitted without each fold in turn, the bundle. The network without the held-out fold is the one that is shipped;
the answers of the others for the folds that they have not seen calibrate it, and all together are the cross-validation.
"""

from __future__ import annotations

import itertools
import json
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from imagefaulty.bundle import InputSpec
from imagefaulty.checks import CheckName
from imagefaulty.errors import SettingsError
from imagefaulty.network import prepare
from imagefaulty.pages import open_document
from imagefaulty.training.answers import calibrated, cross_validated, marked
from imagefaulty.training.backbone import Stem, pretrained_stem
from imagefaulty.training.calibrate import Marking, Scaling
from imagefaulty.training.course import (
    STRICT,
    Course,
    fit_further,
    fit_missing,
    fitted,
    keep_answers,
    keep_earlier,
    keep_made,
    made_file,
    network_file,
    unseen_answers,
)
from imagefaulty.training.evaluation import FOLDS
from imagefaulty.training.export import Parts, export_parts, write_bundle
from imagefaulty.training.features import PICTURE, Rendering, fill_store, store_key
from imagefaulty.training.figures import figures_dict
from imagefaulty.training.folding import folded
from imagefaulty.training.graphs import quantize
from imagefaulty.training.heads import CELL, PageNet
from imagefaulty.training.judges import Judges, read_judges, write_judges
from imagefaulty.training.manifest import Manifest
from imagefaulty.training.pools import pool
from imagefaulty.training.recipe import RECIPE, STEM_WIDTHS, Recipe, Teaching, digest_of
from imagefaulty.training.samples import AS_IS, Sample, plan
from imagefaulty.training.splits import (
    HELD_OUT,
    SPLIT_REPOSITORY,
    folds_for,
    folds_of,
    write_folds,
)
from imagefaulty.training.stem import export_stem, normalised
from imagefaulty.training.teaching import taught_stem
from imagefaulty.training.thinning import thinned_stem

_LOG: Final = logging.getLogger(__name__)
VERSION: Final = "0.9.5"
DESCRIPTION: Final = "EfficientNet-Lite0 fine-tuned to mark evidence per cell, on public page images and drawn faults."
#: Chosen by measurement, see docs/decisions.
SPEC: Final = InputSpec("image", width=448, height=640, layout="nhwc-uint8", resize="squash", filter="bilinear")
_QUANTISATION_PAGES: Final = 128
#: Every which drawn sample is taken where a stem is taught, or where no network is fitted.
_DRAWN_STEP: Final = 5
_THINNED_ON: Final = 72  # pages, whose maps of a first block take two gigabytes


def train(
    manifest: Manifest,
    out: Path,
    cache: Path,
    *,
    name: str = "",
    recipe: Recipe = RECIPE,
    before: Path | None = None,
    whole_repository: bool = False,
    processes: int | None = None,
) -> Path:
    """Make the bundle: fit on all sources that ``folds.csv`` does not hold out, calibrate on them, export.

    Args:
        manifest: The labelled pages; ``materials.csv`` is looked for beside them.
        out: The bundle's directory.
        cache: Where maps, checkpoints, ``progress.jsonl`` and ``curves.png`` of every fit, the networks to judge with
            (``judges``) and ``cross-validation.json`` are kept; 4 GB for the embedded model.
        name: Name of the model, part of every version string; the name of ``out`` if empty.
        recipe: How networks are fitted.
        before: Folder of the judges of an earlier model. Its networks are put behind the stem as they are, instead of
            fitting any, and calibrated anew on the real samples and a part of the drawn ones; with ``recipe.further``
            they are fitted further on all of them first.
        whole_repository: Also fit without any page of the one repository whose folders are sources of their own, and
            judge those pages again.
        processes: How many samples are drawn, and networks fitted, side by side; one per processor if None.

    Returns:
        The path of the bundle's manifest.

    Raises:
        ManifestError: The manifest of pages cannot be used.
        SettingsError: There are no pages of the one repository, or no networks to fit further.
        BundleError: The earlier networks cannot be used.
    """
    if recipe.further and not before:
        raise SettingsError("a further fit needs networks to go on from: say with --take-over where they lie")
    earlier = read_judges(before) if before else None
    recipe = replace(recipe, before=earlier.digest if earlier else "")
    course = _prepared(manifest, cache, recipe, processes)
    if whole_repository and not len(course.unseen(STRICT)):
        raise SettingsError(f"{manifest.root}: holds no page of {SPLIT_REPOSITORY}; leave --whole-repository out")
    folds = sorted({str(fold) for fold in course.sample_folds.tolist()})
    names = [*folds, *([STRICT] if whole_repository else [])]
    _networks(course, names, earlier, processes)
    unseen = unseen_answers(course, folds)
    calibration = course.sample_folds != HELD_OUT
    scalings, thresholds, metrics = calibrated(course, _only(unseen, calibration))
    markings = marked(course, [fold for fold in folds if fold != str(HELD_OUT)])
    parts = _parts(course, fitted(course, str(HELD_OUT)), scalings, markings)
    path = write_bundle(
        out, parts, spec=SPEC, name=name or out.absolute().name, version=VERSION, description=DESCRIPTION,
        scalings=scalings, thresholds=thresholds, metrics=metrics,
    )  # fmt: skip
    write_folds(out / FOLDS, folds_for(manifest))
    write_judges(cache / "judges", course, unseen, folds_for(manifest), whole_repository=whole_repository)
    figures = cross_validated(course, unseen, whole_repository=whole_repository)
    found = cache / "cross-validation.json"
    found.write_text(json.dumps(figures_dict(figures), indent=2) + "\n", encoding="utf-8")
    _LOG.info("cross-validation: %s", found)
    return path


def _prepared(manifest: Manifest, cache: Path, recipe: Recipe, processes: int | None) -> Course:
    cache.mkdir(parents=True, exist_ok=True)
    folds = folds_of(manifest, folds_for(manifest))
    samples = plan(manifest, folds)
    some = _some_drawn(samples)
    pictures = _rendering(manifest, folds, None, cache / "pictures", [each for each in some if each.fold != HELD_OUT])
    stem = _stem_graph(pictures, _plain_stem(cache, recipe.teaching), recipe.teaching, processes)
    fits = recipe.further or not recipe.before
    rendering = _rendering(manifest, folds, stem, cache / "maps", samples if fits else some)
    return Course(rendering, cache, recipe, fill_store(rendering, processes=processes))


def _some_drawn(samples: Sequence[Sample]) -> list[Sample]:
    """All real samples and some of the drawn ones: enough to teach a stem on, or to calibrate."""
    drawn = itertools.count()
    return [each for each in samples if each.kind == AS_IS or next(drawn) % _DRAWN_STEP == 0]


def _rendering(
    manifest: Manifest, folds: Sequence[int], stem: Path | None, directory: Path, samples: Sequence[Sample]
) -> Rendering:
    cells = (SPEC.height // CELL, SPEC.width // CELL)
    return Rendering(manifest, folds, SPEC, cells, stem, directory, store_key(stem, samples), samples)


def _plain_stem(cache: Path, teaching: Teaching | None) -> Path:
    return cache / f"stem-{SPEC.width}x{SPEC.height}-{digest_of((STEM_WIDTHS, teaching))}.onnx"


def _stem_graph(pictures: Rendering, plain: Path, teaching: Teaching | None, processes: int | None) -> Path:
    """Thin, export and quantise the stem, and teach it if asked to; all of it on pages of the fitting sources."""
    target = plain.with_suffix(".int8.onnx")
    if not target.is_file():
        _LOG.info("thins the stem")
        images = (each[SPEC.name] for each in _some_pages(pictures, _THINNED_ON))
        pages = [normalised(torch.from_numpy(image.copy())) for image in images]
        stem = thinned_stem(pretrained_stem(), pages, STEM_WIDTHS)
        if teaching:
            stem = _taught_stem(stem, pictures, plain.with_suffix(".pt"), teaching, processes)
        export_stem(stem, plain, width=SPEC.width, height=SPEC.height)
        quantize(plain, target.with_suffix(".part"), _some_pages(pictures, _QUANTISATION_PAGES))
        onnx.save(folded(onnx.load(target.with_suffix(".part"))), target)
        target.with_suffix(".part").unlink()
    return target


def _taught_stem(thin: Stem, pictures: Rendering, checkpoint: Path, teaching: Teaching, processes: int | None) -> Stem:
    """Teach a thin stem on pictures what the whole one gives; no label has a say."""
    drawn = fill_store(pictures, processes=processes).maps[PICTURE]
    torch.set_num_threads(processes or os.cpu_count() or 1)
    return taught_stem(thin, pretrained_stem(), drawn, teaching, checkpoint)


def _some_pages(rendering: Rendering, count: int) -> Iterator[dict[str, NDArray[np.uint8]]]:
    manifest = rendering.manifest
    fitting = [record for record, fold in zip(manifest.records, rendering.folds, strict=True) if fold != HELD_OUT]
    for record in fitting[:: max(1, len(fitting) // count)]:
        page = open_document(manifest.file(record)).page(at_least=SPEC.size)
        yield {SPEC.name: np.asarray(prepare(page.pixels, SPEC)[0], np.uint8)}


def _networks(course: Course, names: Sequence[str], earlier: Judges | None, processes: int | None) -> None:
    """Make the networks, and have each answer what it has not seen."""
    further = course.recipe.further
    if earlier:
        keep = keep_earlier if further else keep_made
        for name in names:
            keep(course, name, earlier.network(name))
    if further:
        missing = [name for name in names if not made_file(course, name).is_file()]
        _fit_all(course, partial(fit_further, further), missing, processes)
    elif not earlier:
        _fit_all(course, fit_missing, [name for name in names if not _is_fitted(course, name)], processes)
    made = (course.rendering, course.cache, course.recipe)
    with pool(processes, _single_thread) as side_by_side:
        _all_of(side_by_side.submit(keep_answers, *made, name) for name in names)


def _is_fitted(course: Course, name: str) -> bool:
    return all(network_file(course, name, settings).is_file() for settings in course.recipe.fits)


def _fit_all(
    course: Course, step: Callable[[Rendering, Path, Recipe, str], None], names: Sequence[str], processes: int | None
) -> None:
    """Fit some networks, side by side with one thread each: twice as fast as one after another."""
    made = (course.rendering, course.cache, course.recipe)
    if torch.cuda.is_available() or len(names) == 1:
        torch.set_num_threads(processes or os.cpu_count() or 1)
        for name in names:
            step(*made, name)
    elif names:
        with pool(processes, _single_thread) as side_by_side:
            _all_of(side_by_side.submit(step, *made, name) for name in names)


def _all_of(pending: Iterable[Future[None]]) -> None:
    for each in list(pending):
        each.result()


def _single_thread() -> None:
    torch.set_num_threads(1)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")


def _parts(course: Course, net: PageNet, scalings: Mapping[CheckName, Scaling], markings: Sequence[Marking]) -> Parts:
    """The four graphs of the bundle: stem and rest, each in eight bits and in single precision."""
    # Drawn samples too: on blank pages values occur that written ones never have.
    rows = np.flatnonzero(course.sample_folds != HELD_OUT)
    chosen = rows[:: max(1, len(rows) // _QUANTISATION_PAGES)]
    maps = (course.store.of(np.array([row])) for row in chosen)
    plain = _plain_stem(course.cache, course.recipe.teaching)
    return export_parts(course.cache, net, scalings, markings, maps, stem=course.stem, plain_stem=plain)


def _only(answers: Mapping[str, NDArray[np.float32]], chosen: NDArray[np.bool_]) -> dict[str, NDArray[np.float32]]:
    """Answers of some samples; those of the others become NaN."""
    return {name: np.where(chosen[:, None], logits, np.nan).astype(np.float32) for name, logits in answers.items()}
