"""From graphs without a manifest to a bundle with one, its temperatures fitted on labelled pages."""

from __future__ import annotations

import csv
import logging
import math
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from imagefaulty.bundle import Bundle, CheckSpec, GraphSpec, load_bundle, write_manifest
from imagefaulty.calibration import probabilities
from imagefaulty.checks import CheckName, check_named
from imagefaulty.errors import ImageFaultyError, SettingsError
from imagefaulty.network import Network
from imagefaulty.pages import Limits, open_document

_log: Final = logging.getLogger(__name__)

#: Temperatures outside are no calibration but a sign that the pages say nothing; log scale, hence symmetric.
_COLDEST, _HOTTEST = 0.05, 20.0
#: Halvings of the interval: 2**-40 of it is far below what any probability shows.
_STEPS: Final = 40


@dataclass(frozen=True, slots=True)
class LabelledPage:
    """One row of a table of labelled pages.

    Attributes:
        path: The page's file.
        labels: Class name by check; checks that nobody answered are missing.
    """

    path: Path
    labels: Mapping[CheckName, str]


def read_labelled(table: Path, checks: tuple[CheckName, ...]) -> list[LabelledPage]:
    """Read a CSV table of labelled pages.

    Args:
        table: UTF-8 CSV with a column ``file`` (paths relative to the table's folder) and a column per check that
            holds class names; an empty cell means not known. Other columns are left alone.
        checks: The checks whose labels are wanted; rows without any of them are left out.

    Raises:
        SettingsError: The table cannot be read, or a label is not a class of its check.
    """
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            return list(_labelled(csv.DictReader(file), table, checks))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SettingsError(f"{table}: cannot be read ({error}); give a CSV file of labelled pages") from None


def _labelled(rows: csv.DictReader[str], table: Path, checks: tuple[CheckName, ...]) -> Iterator[LabelledPage]:
    if "file" not in (rows.fieldnames or ()):
        raise SettingsError(f"{table}: has no column 'file'; give one, and one for each of {', '.join(checks)}")
    for row in rows:
        labels = {check: label for check in checks if (label := row.get(check) or "")}
        for check, label in labels.items():
            if label not in (known := check_named(check).class_names):
                raise SettingsError(
                    f"{table}, line {rows.line_num}: {label!r} is not a class of {check}; "
                    f"use {', '.join(known)} or nothing"
                )
        if labels:
            yield LabelledPage(table.parent / row["file"], labels)


def fit_temperature(logits: NDArray[np.floating], codes: NDArray[np.integer]) -> float:
    """Return the temperature that makes the labels most likely.

    The mean negative log-likelihood is convex in 1/temperature, so its slope is zero in one place at most, found by
    halving. Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.

    Args:
        logits: Shape (pages, classes), at least one page.
        codes: Wire code of the true class of each page, shape (pages,).

    Returns:
        Between 0.05 and 20; the nearer end where no minimum lies between (all right, all wrong, or no signal).
    """
    scores = np.asarray(logits, np.float64)
    right = np.take_along_axis(scores, np.asarray(codes)[:, np.newaxis], axis=1).mean()

    def slope(temperature: float) -> float:
        """Slope of the loss against 1/temperature: falls to 0 at the minimum as the temperature falls."""
        expected = (probabilities(scores, temperature) * scores).sum(axis=1).mean()
        return float(expected - right)

    cold, hot = math.log(_COLDEST), math.log(_HOTTEST)
    for _ in range(_STEPS):
        middle = (cold + hot) / 2
        if slope(math.exp(middle)) > 0:
            cold = middle
        else:
            hot = middle
    return math.exp((cold + hot) / 2)


def negative_log_likelihood(logits: NDArray[np.floating], codes: NDArray[np.integer], temperature: float) -> float:
    """Return the mean negative log-likelihood of the labels, in nats.

    Args:
        logits: Shape (pages, classes).
        codes: Shape (pages,).
        temperature: Above 0.
    """
    values = np.take_along_axis(probabilities(logits, temperature), np.asarray(codes)[:, np.newaxis], axis=1)
    return float(-np.log(np.maximum(values, np.finfo(np.float64).tiny)).mean())


def convert(source: Path, target: Path, *, labelled: Path | None, published: Mapping[CheckName, str]) -> Bundle:
    """Write a manifest bundle from a directory of published graphs (or from another bundle).

    Args:
        source: The directory to convert.
        target: Where to write; made if missing, and must be empty.
        labelled: Table of labelled pages on which the temperatures are fitted, see :func:`read_labelled`; None keeps
            them as they are.
        published: Names of the published files that differ, by check.

    Raises:
        BundleError: The source is not a usable bundle.
        SettingsError: The target is in use or cannot be written to, or the table cannot be used.
    """
    bundle = load_bundle(source, published=published)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise SettingsError(f"{target}: is not an empty folder; name a new one")
    checks = dict(bundle.checks)
    if labelled is not None:
        checks |= calibrated(bundle, read_labelled(labelled, tuple(bundle.checks)))
    version = f"{bundle.version}-calibrated" if labelled is not None else bundle.version
    try:
        target.mkdir(parents=True, exist_ok=True)
        graphs = _copied_graphs(bundle, target)
        write_manifest(replace(bundle, version=version, directory=target, graphs=graphs, checks=checks, extends=None))
    except OSError as error:
        raise SettingsError(
            f"{target}: cannot be written to ({error.strerror or error}); name another folder"
        ) from None
    return load_bundle(target)


def _copied_graphs(bundle: Bundle, target: Path) -> tuple[GraphSpec, ...]:
    """Copy the files of all graphs into one folder, and describe them as they lie there."""
    graphs = []
    for index, graph in enumerate(bundle.graphs):
        # Two directories of a mixed bundle may use one name.
        name = f"{index}-{graph.file}" if (target / graph.file).exists() else graph.file
        shutil.copyfile(bundle.path(graph), target / name)
        spare = graph.fallback
        if spare is not None:
            shutil.copyfile(bundle.path(graph).with_name(spare.file), target / f"plain-{name}")
            spare = replace(spare, file=f"plain-{name}")
        graphs.append(replace(graph, file=name, directory=None, fallback=spare))
    return tuple(graphs)


def calibrated(bundle: Bundle, pages: list[LabelledPage]) -> dict[CheckName, CheckSpec]:
    """Fit the temperature of each check on the pages that have its label; checks without any keep theirs.

    Args:
        bundle: The bundle to calibrate.
        pages: Labelled pages; those that cannot be decoded are left out, and said so in the log.

    Raises:
        SettingsError: No page could be used.
    """
    logits, codes = _logits(bundle, pages)
    if not logits:
        raise SettingsError("none of the labelled pages could be used; check the paths in the table")
    specs = {}
    for check, rows in logits.items():
        scores, truth = np.stack(rows), np.asarray(codes[check])
        spec = bundle.checks[check]
        temperature = fit_temperature(scores, truth)
        figures = {
            "pages": len(rows),
            "accuracy": round(float((scores.argmax(axis=1) == truth).mean()), 4),
            "nll_before": round(negative_log_likelihood(scores, truth, spec.temperature), 4),
            "nll_after": round(negative_log_likelihood(scores, truth, temperature), 4),
        }
        _log.info("%s: temperature %.3f on %d pages", check, temperature, len(rows))
        specs[check] = replace(spec, temperature=temperature, metrics={**spec.metrics, "calibration": figures})
    return specs


def _logits(
    bundle: Bundle, pages: list[LabelledPage]
) -> tuple[dict[CheckName, list[NDArray[np.float32]]], dict[CheckName, list[int]]]:
    network = Network(bundle)
    logits: dict[CheckName, list[NDArray[np.float32]]] = {}
    codes: dict[CheckName, list[int]] = {}
    for each in pages:
        try:
            with open_document(each.path, limits=Limits()) as document:
                scores = network.run(document.page(0, at_least=network.page_size))
        except ImageFaultyError as error:
            _log.warning("left out: %s", error.message)
            continue
        for check, label in each.labels.items():
            logits.setdefault(check, []).append(scores.logits[check])
            codes.setdefault(check, []).append(check_named(check).code(label))
    return logits, codes
