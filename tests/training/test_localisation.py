from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("cv2")

from imagefaulty import Inspector
from imagefaulty.checks import CORNER, POST_IT
from imagefaulty.training import localisation
from imagefaulty.training.cells import Place
from imagefaulty.training.faults import Drawn, Region
from imagefaulty.training.localisation import _overlap, _spots, main, measure_real
from imagefaulty.training.manifest import Manifest, PageRecord
from tests.bundles import tiny_bundle


def yellow_at(left: int, top: int, right: int, bottom: int, *, said: tuple[float, float, float, float]) -> Drawn:
    """A bluish page of 480 x 640 px with a yellow patch, which the tiny bundle takes for a note if it is large."""
    pixels = np.full((640, 480, 3), (235, 235, 255), np.uint8)
    pixels[top:bottom, left:right] = (255, 255, 0)
    return Drawn(pixels, {}, (Region("note", "post_it", said), Region("fold", "corner", (0, 0, 1, 1))), "note")


@pytest.fixture
def inspector(tmp_path: Path) -> Inspector:
    return Inspector.load(tiny_bundle(tmp_path / "bundle"))


def test_a_box_at_the_right_place_is_a_hit(inspector: Inspector) -> None:
    drawn = yellow_at(0, 0, 400, 640, said=(0, 0, 5 / 6, 1))
    (spot,) = _spots(POST_IT, drawn, inspector)
    assert (spot.answered, spot.hit) == (True, True)
    assert spot.iou > 0.9


def test_a_box_elsewhere_is_none(inspector: Inspector) -> None:
    drawn = yellow_at(0, 0, 400, 640, said=(0.9, 0, 0.1, 1))
    (spot,) = _spots(POST_IT, drawn, inspector)
    assert (spot.hit, spot.iou) == (False, 0)


def test_a_fault_that_is_not_answered_is_not_shown(inspector: Inspector) -> None:
    drawn = yellow_at(0, 0, 400, 640, said=(0, 0, 5 / 6, 1))
    (spot,) = _spots(CORNER, drawn, inspector)
    assert (spot.answered, spot.hit, spot.iou) == (False, False, 0)


def test_places_shown_on_real_pages_count_where_somebody_saw_a_fault(
    inspector: Inspector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there, doubtful = Place(0.0, 0.0, 0.5, 0.5, sure=True), Place(0.5, 0.5, 1.0, 1.0, sure=False)
    boxes = {"a.png": [(0.1, 0.1, 0.2, 0.2), (0.8, 0.1, 0.9, 0.2)], "b.png": [(0.7, 0.7, 0.9, 0.9)], "c.png": []}
    monkeypatch.setattr(localisation, "added_places", lambda record: (there, doubtful) if record.file in boxes else ())
    monkeypatch.setattr(
        localisation, "shown_boxes", lambda finding, _check: boxes[Path(finding.provenance.source).name]
    )
    records = []
    for name in (*boxes, "d.png"):
        Image.new("RGB", (480, 640), "white").save(tmp_path / name)
        records.append(PageRecord(name, {}, "s", "s"))
    found = measure_real(inspector, Manifest(tmp_path, tuple(records)))
    assert (found.pages, found.answered, found.shown, found.right, found.pointed) == (3, 0, 2, 1, 1)


@pytest.mark.parametrize(
    ("other", "share"), [((0, 0, 2, 2), 1), ((1, 0, 3, 2), 1 / 3), ((2, 0, 4, 2), 0), ((0, 0, 1, 1), 0.25)]
)
def test_overlap_is_shared_over_joint_area(other: tuple[float, float, float, float], share: float) -> None:
    assert _overlap((0, 0, 2, 2), other) == pytest.approx(share)


def test_a_missing_manifest_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "manifest.csv"), "--pages", "1"]) == 2
    assert "manifest.csv" in capsys.readouterr().err


def test_the_embedded_bundle_is_measured(shared_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(shared_folder / "data"), "--pages", "2"]) == 0
    said = capsys.readouterr().out
    assert "post_it:" in said
    assert "median IoU" in said
    assert "corner, real:" in said
