"""Pages are drawn on the judged split only, by a seed, and without them the real figures are the same."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("cv2")

from imagefaulty.errors import SettingsError
from imagefaulty.inspection import Inspector
from imagefaulty.training.drawn_figures import DrawnFigures
from imagefaulty.training.drawn_pages import judge_drawn
from imagefaulty.training.evaluation import Report, evaluate
from imagefaulty.training.localisation import other_sources
from imagefaulty.training.manifest import Manifest, read_manifest
from tests.bundles import tiny_bundle
from tests.training.pages import write_manifest

MATERIALS = "file,kind,source,path,commit,licence,notes\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two sound pages large enough to draw on, of two sources."""
    sound = {"post_it": "ok", "corner": "ok", "empty": "ok"}
    rows = [
        {"file": "a.png", "writing_type": "Handwritten", "source": "red", **sound},
        {"file": "b.png", "writing_type": "Typewritten", "source": "blue", **sound},
    ]
    write_manifest(tmp_path, rows)
    (tmp_path / "manifest.csv").write_text(
        (tmp_path / "manifest.csv").read_text().replace("source,licence", "source,period").replace("split", "s")
    )
    (tmp_path / "materials.csv").write_text(MATERIALS)
    rng = np.random.default_rng(0)
    for name in ("a.png", "b.png"):
        Image.fromarray(rng.integers(200, 230, (640, 480, 3), np.uint8)).save(tmp_path / name)
    return tmp_path


def judged(folder: Path, *, drawn: int = 1, seed: int = 0) -> Report:
    return evaluate(tiny_bundle(folder / "bundle"), folder, split="all", drawn=drawn, seed=seed, workers=2)


def test_drawn_pages_are_reported_apart_from_real_ones(folder: Path) -> None:
    report = judged(folder)
    titles = [each.title for each in report.drawn]
    assert titles == ["writing_type, drawn", "post_it, drawn", "corner, drawn", "empty, drawn"]
    plain = judged(folder, drawn=0)
    assert [each.to_dict() for each in report.figures] == [each.to_dict() for each in plain.figures]
    assert (report.pages, plain.drawn) == (2, ())
    assert "not real ones" in report.to_text()
    assert "corner, drawn" in report.to_text()
    assert report.to_dict()["drawn"]["per_kind"] == 1


def some(folder: Path, *, seed: int = 0, told: list[None] | None = None) -> tuple[DrawnFigures, ...]:
    inspector = Inspector.load(tiny_bundle(folder / "bundle"))
    watch = (lambda: None) if told is None else (lambda: told.append(None))
    kinds = ("fold-over", "clean")
    manifest = read_manifest(folder)
    return judge_drawn(inspector, manifest, per_kind=3, workers=2, seed=seed, kinds=kinds, watch=watch)


def test_the_same_seed_draws_the_same_pages(folder: Path) -> None:
    one, again, other = some(folder), some(folder), some(folder, seed=1)
    assert one == again
    assert one != other


def test_only_checks_whose_fault_was_drawn_are_judged(folder: Path) -> None:
    [figures] = some(folder)
    assert figures.title == "corner, drawn"
    assert [each.kind for each in (*figures.faults, *figures.sound)] == ["fold-over", "clean"]


def test_every_drawn_page_is_told(folder: Path) -> None:
    told: list[None] = []
    some(folder, told=told)
    assert len(told) == 6


def test_sources_outside_the_split_lend_nothing(folder: Path) -> None:
    manifest = read_manifest(folder)
    assert other_sources(Manifest(manifest.root, manifest.records[:1])) == {"blue"}


def test_without_materials_nothing_is_drawn(folder: Path) -> None:
    (folder / "materials.csv").unlink()
    with pytest.raises(SettingsError, match=r"materials\.csv.*leave --drawn out"):
        judged(folder)


def test_without_the_extra_the_cure_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(sys.modules):
        if name.startswith(("imagefaulty.training.drawn_pages", "imagefaulty.training.faults")):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "imagefaulty.training.localisation")
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(SettingsError, match=r"cv2; install it with: pip install 'imagefaulty\[train\]'"):
        judged(folder)
