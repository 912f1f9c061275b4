"""Every page is judged by a network that has not seen its source, and networks of another make are refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="networks need the extra `train`")
pytest.importorskip("cv2", reason="networks need the extra `train`")

import torch

from imagefaulty.checks import CHECKS
from imagefaulty.errors import BundleError
from imagefaulty.training.added import read_added, read_hands
from imagefaulty.training.answers import HANDS_LOOKED_AT, LOOKED_AT, figures_of_looked_at
from imagefaulty.training.backbone import pretrained_stem
from imagefaulty.training.figures import CheckFigures
from imagefaulty.training.fit import rounded
from imagefaulty.training.heads import CELL, PageNet
from imagefaulty.training.judges import SCHEMA, _keep, main, read_judges
from imagefaulty.training.labelled import read_labelled
from imagefaulty.training.manifest import Manifest, PageRecord
from imagefaulty.training.stem import export_stem
from tests.training.pages import four_pages, write_manifest

WIDTH, HEIGHT = 64, 96
CORNER = 4


def _network(fault: float) -> PageNet:
    """A network that calls every page folded, or none."""
    torch.manual_seed(1)
    net = PageNet(HEIGHT // CELL, WIDTH // CELL)
    with torch.no_grad():
        net.heads.pool.bias[CORNER] = fault
    return rounded(net)


@pytest.fixture
def judges(tmp_path: Path) -> Path:
    """The network without fold 0 calls all pages folded, the one without fold 1 none."""
    directory = tmp_path / "judges"
    directory.mkdir()
    export_stem(pretrained_stem(), directory / "stem.onnx", width=WIDTH, height=HEIGHT)
    for fold, fault in enumerate((50.0, -50.0)):
        _keep(directory, str(fold), _network(fault))
    scaling = {check.name: {"temperature": 1.0, "bias": [0.0] * len(check.classes)} for check in CHECKS}
    index = {
        "schema": SCHEMA,
        "input": {"name": "image", "width": WIDTH, "height": HEIGHT, "layout": "nhwc-uint8", "resize": "squash"},
        "folds": {"red": 1},
        "scalings": {"folds": {"0": scaling, "1": scaling}},
    }
    (directory / "judges.json").write_text(json.dumps(index), encoding="utf-8")
    return directory


def test_each_source_is_judged_by_its_own_network_and_an_unknown_one_by_the_first(
    judges: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pages = [("a.png", "red"), ("b.png", "red"), ("c.png", "white"), ("d.png", "white")]
    manifest = write_manifest(tmp_path, [{"file": file, "source": source, "corner": "ok"} for file, source in pages])
    assert main([str(judges), str(manifest), "--json", str(tmp_path / "found.json")]) == 0
    assert "| corner | ok | 4 | ok 2, folded_corner 2 |" in capsys.readouterr().out
    found = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))["figures"]
    (corner,) = (CheckFigures.from_dict(each) for each in found if each["title"] == "corner")
    assert {each.source: each.table[0].tolist() for each in corner.by_source} == {"red": [2, 0], "white": [0, 2]}


def test_pages_that_were_looked_at_are_judged_apart_from_the_list() -> None:
    pages = {label: page for page, label in read_added().items()}
    records = [PageRecord("x.png", {}, source, source, path=path) for source, path in pages.values()]
    chances = {"corner": np.full((len(records), 2), 0.5) + np.array([0.1, -0.1])}
    (figures,) = figures_of_looked_at(records, chances)
    assert figures.title == LOOKED_AT
    assert figures.table.tolist() == [[1, 0], [1, 0]]  # the page of which nobody could tell is not judged


def test_typed_pages_are_judged_by_whether_a_hand_was_seen_too() -> None:
    pages = {label: page for page, label in read_hands().items()}
    typed = {"writing_type": "Typewritten"}
    records = [PageRecord("x.png", typed, source, source, path=path) for source, path in pages.values()]
    chances = {"writing_type": np.tile([0.1, 0.3, 0.6], (len(records), 1)), "corner": np.full((len(records), 2), 0.5)}
    titles = {each.title: each for each in figures_of_looked_at(records, chances)}
    # Pages with a tick or a doubtful mark are not judged.
    assert titles[HANDS_LOOKED_AT].table.tolist() == [[0, 0, 0], [0, 0, 1], [0, 0, 1]]


def test_judges_count_the_pages_that_were_looked_at(judges: Path, tmp_path: Path) -> None:
    (source, path), _ = next((page, label) for page, label in read_added().items() if label == "ok")
    root = write_manifest(tmp_path, [{"file": "a.png", "source": source}]).parent
    pages = Manifest(root, (PageRecord("a.png", {}, source, source, path=path),))
    assert [each.title for each in read_judges(judges).figures(pages)] == [LOOKED_AT]


def test_missing_judges_are_named_with_the_cure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path), str(four_pages(tmp_path))]) == BundleError.exit_status
    assert "'imagefaulty train' writes it into its cache" in capsys.readouterr().err


def test_judges_of_another_schema_are_refused(judges: Path) -> None:
    index = json.loads((judges / "judges.json").read_text(encoding="utf-8"))
    (judges / "judges.json").write_text(json.dumps(index | {"schema": "imagefaulty.judges/9"}), encoding="utf-8")
    with pytest.raises(BundleError, match=r"is of the schema 'imagefaulty\.judges/9'"):
        read_judges(judges)


@pytest.mark.parametrize("change", ["none", "missing", "other", "shape"])
def test_networks_of_another_make_are_refused_by_name(judges: Path, tmp_path: Path, change: str) -> None:
    path = judges / "without-0.npz"
    with np.load(path) as saved:
        weights = dict(saved)
    name = next(iter(weights))
    changed = {
        "missing": {key: value for key, value in weights.items() if key != name},
        "other": weights | {"another": np.zeros(1)},
        "shape": weights | {name: np.zeros((1, 2))},
    }
    if change == "none":
        path.write_bytes(b"no network")
    else:
        np.savez(path, **changed[change])
    with pytest.raises(BundleError, match=r"without-0\.npz: is (no network|a network of another make)"):
        read_judges(judges).figures(read_labelled(four_pages(tmp_path)))
