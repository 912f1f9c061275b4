"""The networks of a cross-validation, kept small: anybody can judge the pages again without fitting anything.

python -m imagefaulty.training.judges DIR DATA [--json FILE]

A bundle cannot show how it fares on sources that it has learned from; the network that was fitted without one can.
``imagefaulty train`` leaves all of them in ``judges`` of its cache, each with the calibration that belongs to it, in
three megabytes: weights are kept in half precision. Figures are those of the training nevertheless, for networks are
rounded before anything is done with them.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from imagefaulty.bundle import InputSpec
from imagefaulty.checks import CHECK_NAMES, CHECKS, CheckName
from imagefaulty.errors import BundleError, ImageFaultyError
from imagefaulty.network import prepare
from imagefaulty.pages import open_document
from imagefaulty.training.answers import (
    STRICT_SUFFIX,
    Answers,
    Scalings,
    cross_scalings,
    figures_of_sets,
    scaled,
    with_strict,
)
from imagefaulty.training.backbone import EARLY
from imagefaulty.training.calibrate import Scaling
from imagefaulty.training.card import figures_table
from imagefaulty.training.course import STRICT, Course, answering_session, fitted
from imagefaulty.training.figures import CheckFigures, figures_dict
from imagefaulty.training.heads import CELL, COMES_ALONG, PageNet, trunk_of
from imagefaulty.training.labelled import read_labelled
from imagefaulty.training.manifest import Manifest, PageRecord
from imagefaulty.training.samples import trusted_labels
from imagefaulty.training.splits import HELD_OUT, SPLIT_REPOSITORY, strict_group
from imagefaulty.training.stem import StemSession

SCHEMA: Final = "imagefaulty.judges/2"
#: In the first one no logits were mixed, which is also what a calibration without ``mixing`` says.
_READABLE: Final = {SCHEMA, "imagefaulty.judges/1"}
_INDEX: Final = "judges.json"
_STEM: Final = "stem.onnx"


def write_judges(
    directory: Path, course: Course, unseen: Answers, folds: Mapping[str, int], *, whole_repository: bool
) -> Path:
    """Keep the networks of a course, and the calibration that each is judged with.

    Args:
        directory: Where they are kept; made if need be.
        course: What was fitted.
        unseen: Answers of the networks without each fold.
        folds: Fold of every group of sources.
        whole_repository: Whether there is a network that has seen nothing of the one repository.

    Returns:
        The path of their index.
    """
    directory.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(course.stem, directory / _STEM)
    names = [str(fold) for fold in np.unique(course.sample_folds).tolist()]
    for name in [*names, *([STRICT] if whole_repository else [])]:
        _keep(directory, name, fitted(course, name))
    scalings = {"folds": cross_scalings(course, unseen)}
    if whole_repository:
        scalings[STRICT] = cross_scalings(course, with_strict(course, unseen))
    index = {
        "schema": SCHEMA,
        "input": asdict(course.rendering.spec),
        "folds": dict(folds),
        "scalings": {
            name: {str(fold): {check: asdict(each) for check, each in of.items()} for fold, of in found.items()}
            for name, found in scalings.items()
        },
    }
    path = directory / _INDEX
    path.write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")
    return path


def _network(directory: Path, name: str) -> Path:
    return directory / f"without-{name}.npz"


def _keep(directory: Path, name: str, net: PageNet) -> None:
    learned = {key: _half(value) for key, value in net.state_dict().items() if not key.startswith(COMES_ALONG)}
    np.savez(_network(directory, name), **learned)  # type: ignore[arg-type]


def _half(value: torch.Tensor) -> NDArray[Any]:
    """Weights in half precision, which they are rounded to already; means, variances and biases as they are."""
    return np.asarray(value.half().numpy() if value.is_floating_point() and value.dim() > 1 else value.numpy())


@dataclass(frozen=True, slots=True, eq=False)
class Judges:
    """Networks that were fitted without each fold of sources.

    Attributes:
        directory: Where they lie.
        spec: How a page becomes their input.
        folds: Fold of every group of sources.
        scalings: Calibration per fold and check.
        strict: That of the figures in which one repository is judged by the network that has seen nothing of it; None
            without such a network.
    """

    directory: Path
    spec: InputSpec
    folds: Mapping[str, int]
    scalings: Scalings
    strict: Scalings | None

    def figures(self, manifest: Manifest, *, workers: int | None = None) -> list[CheckFigures]:
        """Judge every page of a manifest by a network that has not seen its source.

        Args:
            manifest: Labelled pages. Sources that none has seen are judged by the one that the bundle was made of.
            workers: How many pages are judged side by side; one per processor if None.
        """
        folds = np.array([self.folds.get(record.group, HELD_OUT) for record in manifest.records])
        answers = self._answers(manifest, folds, workers)
        figures = self._figures(manifest.records, folds, answers, self.scalings, looked_at=True)
        inside = np.array([strict_group(record) == SPLIT_REPOSITORY for record in manifest.records])
        if self.strict is not None and inside.any():
            of = Manifest(manifest.root, tuple(np.array(manifest.records, object)[inside].tolist()))
            answers = self._answers(of, [STRICT] * len(of.records), workers)
            figures += self._figures(of.records, folds[inside], answers, self.strict, suffix=STRICT_SUFFIX)
        return figures

    def _figures(
        self,
        records: Sequence[PageRecord],
        folds: NDArray[np.int64],
        answers: Answers,
        scalings: Scalings,
        *,
        suffix: str = "",
        looked_at: bool = False,
    ) -> list[CheckFigures]:
        codes = np.full((len(records), len(CHECKS)), -1, np.int64)
        judged = np.zeros(codes.shape, np.bool_)
        for row, record in enumerate(records):
            labels, weights = trusted_labels(record)
            for column, check in enumerate(CHECKS):
                if check.name in labels:
                    codes[row, column] = check.code(labels[check.name])
                    judged[row, column] = weights.get(check.name, 1.0) >= 1
        chances = scaled(answers, folds, scalings)
        return figures_of_sets(records, codes, judged, chances, suffix=suffix, looked_at=looked_at)

    def _answers(self, manifest: Manifest, names: Sequence[object] | NDArray[Any], workers: int | None) -> Answers:
        """Logits of each page by the network without what the name says."""
        stem = StemSession(self.directory / _STEM)
        of = sorted({str(each) for each in names})
        sessions = {name: answering_session(self.network(name), stem.shapes[EARLY.name]) for name in of}

        def answer(record: PageRecord, name: object) -> list[NDArray[np.float32]]:
            with open_document(manifest.file(record)) as document:
                image, _ = prepare(document.page(at_least=self.spec.size).pixels, self.spec)
            # Half precision, as maps are kept while fitting.
            maps = stem.maps(np.asarray(image, np.uint8))[EARLY.name].astype(np.float16).astype(np.float32)
            found: list[NDArray[np.float32]] = sessions[str(name)].run(list(CHECK_NAMES), {EARLY.name: maps})
            return found

        with ThreadPoolExecutor(workers) as pool:
            pages = list(pool.map(answer, manifest.records, names))
        return {check: np.concatenate([page[at] for page in pages]) for at, check in enumerate(CHECK_NAMES)}

    @property
    def digest(self) -> str:
        """Tells these networks from others."""
        files = sorted(self.directory.glob(_network(self.directory, "*").name))
        return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]

    def network(self, name: str) -> PageNet:
        """Return the network that was fitted without what the name says, in evaluation mode.

        Raises:
            BundleError: It is not there, or of another make.
        """
        path = _network(self.directory, name)
        try:
            with np.load(path) as saved:
                kept = {key: torch.from_numpy(np.asarray(value)) for key, value in saved.items()}
            whole = {key: value.float() if value.is_floating_point() else value for key, value in kept.items()}
            net = PageNet(self.spec.height // CELL, self.spec.width // CELL, trunk=trunk_of(whole))
            missing, unexpected = net.load_state_dict(whole, strict=False)
        except (OSError, ValueError, RuntimeError) as error:
            raise BundleError(f"{path}: is no network of a cross-validation ({error})") from None
        if unexpected or not all(key.startswith(COMES_ALONG) for key in missing):
            raise BundleError(f"{path}: is a network of another make; take the judges of this version")
        return net.eval()


def read_judges(directory: str | Path) -> Judges:
    """Open the networks that :func:`write_judges` kept.

    Raises:
        BundleError: They are not there, or of another schema.
    """
    path = Path(directory) / _INDEX
    try:
        index = json.loads(path.read_text(encoding="utf-8"))
        if index["schema"] not in _READABLE:
            raise BundleError(f"{path}: is of the schema {index['schema']!r}; this version reads {SCHEMA}")
        scalings = {name: _scalings(found) for name, found in index["scalings"].items()}
        return Judges(
            Path(directory), InputSpec(**index["input"]), index["folds"], scalings["folds"], scalings.get(STRICT)
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BundleError(f"{path}: cannot be read ({error}); 'imagefaulty train' writes it into its cache") from None


def _scalings(found: Mapping[str, Mapping[CheckName, Mapping[str, Any]]]) -> Scalings:
    return {int(fold): {check: _scaling(each) for check, each in of.items()} for fold, of in found.items()}


def _scaling(each: Mapping[str, Any]) -> Scaling:
    return Scaling(each["temperature"], tuple(each["bias"]), tuple(tuple(row) for row in each.get("mixing", ())))


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge and print; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m imagefaulty.training.judges", description=__doc__)
    parser.add_argument("judges", help="folder of the networks")
    parser.add_argument("data", help="labelled pages: a manifest, its folder, a tree or a Label Studio export")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    chosen = parser.parse_args(arguments)
    try:
        figures = read_judges(chosen.judges).figures(read_labelled(chosen.data))
    except ImageFaultyError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_status
    if chosen.json is not None:
        chosen.json.write_text(json.dumps(figures_dict(figures), indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(figures_table(figures) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
