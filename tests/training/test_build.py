"""The whole way from labelled pages of one's own to a bundle that answers, on pages of a few cells."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="fitting needs the extra `train`")
pytest.importorskip("cv2", reason="fitting needs the extra `train`")

import numpy as np
from PIL import Image, ImageDraw

from imagefaulty import Inspector, cli_training
from imagefaulty.bundle import InputSpec
from imagefaulty.errors import BundleError, ManifestError, SettingsError
from imagefaulty.training import build
from imagefaulty.training.backbone import EARLY, LAST, PUBLISHED_WIDTHS
from imagefaulty.training.judges import read_judges
from imagefaulty.training.manifest import Manifest, read_manifest
from imagefaulty.training.progress import CURVES, FIGURES
from imagefaulty.training.recipe import RECIPE, TAKEN_FURTHER, FitSettings, Recipe, Teaching
from imagefaulty.training.samples import plan
from imagefaulty.training.splits import folds_for
from tests.training.pages import write_manifest

SMALL = InputSpec("image", width=64, height=96, layout="nhwc-uint8", resize="squash", filter="bilinear")
COUNTS = {"plain-corner": 6, "plain-note": 6, "blank": 4, "nearly-empty": 4, "handwriting-on-typed": 4}
LATE = {"till-slip": 4}


def _archive(folder: Path, sources: int = 3) -> Manifest:
    """Typed and handwritten pages of some sources, none of which the embedded bundle knows."""
    rows = [
        {"file": f"{source}-{number}.png", "source": f"box {source}", "post_it": "ok", "corner": "ok", "empty": "ok"}
        | {"writing_type": ("Handwritten", "Typewritten")[number % 2]}
        for source in range(sources)
        for number in range(4)
    ]
    folder.mkdir(exist_ok=True)
    path = write_manifest(folder, rows)
    rng = np.random.default_rng(0)
    for row in rows:
        page = Image.new("RGB", (180, 260), (240, 236, 225))
        pen = ImageDraw.Draw(page)
        for line in range(20, 240, 16):
            if row["writing_type"] == "Typewritten":
                pen.text((20, line), "imagefaulty page", fill=(20, 20, 20))
            else:
                pen.line([(x, line + int(rng.integers(9))) for x in range(20, 160, 6)], fill=(30, 30, 90), width=2)
        page.save(folder / row["file"])
    return read_manifest(path)


def _small(patch: pytest.MonkeyPatch) -> Recipe:
    patch.setattr(build, "SPEC", SMALL)
    patch.setattr(build, "plan", partial(plan, counts=COUNTS, late=LATE))
    brief = FitSettings(epochs=1, epoch_samples=16, batch=8)
    widths = tuple(width - 8 for width in PUBLISHED_WIDTHS[EARLY.block + 1 : LAST.block + 1])
    return Recipe((brief, replace(brief, then=replace(brief, epochs=2))), widths, Teaching(steps=2, batch=2))


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Recipe:
    return _small(monkeypatch)


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which an earlier model was made: its ``pages``, its ``bundle`` and its ``cache``."""
    folder = tmp_path_factory.mktemp("earlier")
    with pytest.MonkeyPatch.context() as patch:
        recipe = _small(patch)
        build.train(
            _archive(folder / "pages", sources=2), folder / "bundle", folder / "cache", recipe=recipe, processes=1
        )
    return folder


def _with_stem(earlier: Path, cache: Path) -> Path:
    """A cache in which nothing is but the stem of an earlier model, which takes a third of a test's time to make."""
    cache.mkdir()
    for file in (earlier / "cache").glob("stem-*"):
        shutil.copy(file, cache)
    return cache


def test_pages_of_ones_own_become_a_bundle_that_answers(tmp_path: Path, small: Recipe) -> None:
    manifest = _archive(tmp_path / "pages")
    build.train(manifest, tmp_path / "bundle", tmp_path / "cache", recipe=small, processes=2)

    finding = Inspector.load(tmp_path / "bundle").inspect(manifest.file(manifest.records[0]))
    assert set(finding.answers) == {"writing_type", "post_it", "corner", "empty"}
    figures = json.loads((tmp_path / "cache" / "cross-validation.json").read_text(encoding="utf-8"))
    assert {"writing_type", "corner, drawn"} <= {each["title"] for each in figures["figures"]}
    again = [each.to_dict() for each in read_judges(tmp_path / "cache" / "judges").figures(manifest)]
    assert json.loads(json.dumps(again)) == [each for each in figures["figures"] if ", drawn" not in each["title"]]
    with np.load(tmp_path / "cache" / "judges" / "without-0.npz") as kept:
        inside = [len(kept[name]) for name in kept.files if name.endswith("depthwise.conv.weight")]
    assert inside == list(small.widths)
    for settings in small.fits[1].stages:
        run = tmp_path / "cache" / "without-0" / settings.digest
        assert (run / FIGURES).is_file()
        assert (run / CURVES).is_file()
    assert (tmp_path / "bundle" / "folds.csv").read_text(encoding="utf-8").count("box") == 3


def test_run_that_was_killed_between_stages_does_not_begin_anew(
    earlier: Path, tmp_path: Path, small: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, manifest = earlier / "bundle" / "bundle.json", read_manifest(earlier / "pages")
    monkeypatch.setattr(build, "fit_missing", lambda *_: pytest.fail("fitted again"))
    second = build.train(manifest, tmp_path / "two", earlier / "cache", name="ours", recipe=small, processes=1)
    assert [json.loads(path.read_text())["name"] for path in (first, second)] == ["bundle", "ours"]
    assert json.loads(first.read_text())["checks"] == json.loads(second.read_text())["checks"]


def test_networks_of_an_earlier_model_are_taken_over(
    earlier: Path, tmp_path: Path, small: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, manifest = earlier / "cache" / "judges", read_manifest(earlier / "pages")
    cache = _with_stem(earlier, tmp_path / "second")
    monkeypatch.setattr(build, "fit_missing", lambda *_: pytest.fail("fitted from the start"))
    build.train(manifest, tmp_path / "two", cache, recipe=small, before=before, processes=2)

    finding = Inspector.load(tmp_path / "two").inspect(manifest.file(manifest.records[0]))
    assert {"writing_type", "post_it", "empty"} <= set(finding.answers)  # too few folds are drawn here
    names = [path.name for path in before.glob("without-*.npz")]
    assert len(names) == 2
    for name in names:
        with np.load(before / name) as was, np.load(cache / "judges" / name) as now:
            assert all(np.array_equal(was[key], now[key]) for key in was.files)
    drawn = sum(COUNTS.values()) + sum(LATE.values())
    assert len(np.load(cache / "maps" / "done.npy")) < 8 + drawn


def test_networks_of_an_earlier_model_are_fitted_further(
    earlier: Path, tmp_path: Path, small: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, manifest = earlier / "cache" / "judges", read_manifest(earlier / "pages")
    cache = _with_stem(earlier, tmp_path / "second")
    recipe = replace(small, further=replace(small.fits[0], order=1))
    monkeypatch.setattr(build, "fit_missing", lambda *_: pytest.fail("fitted from the start"))
    build.train(manifest, tmp_path / "two", cache, recipe=recipe, before=before, processes=2)

    assert Inspector.load(tmp_path / "two").inspect(manifest.file(manifest.records[0])).answers
    for name in ("without-0.npz", "without-1.npz"):
        with np.load(before / name) as was, np.load(cache / "judges" / name) as now:
            moved = np.abs(was["heads.ink_out.weight"].astype(np.float32) - now["heads.ink_out.weight"]).max()
        assert moved > 0
        assert list(cache.glob(f"{Path(name).stem}/*/{FIGURES}"))
    drawn = sum(COUNTS.values()) + sum(LATE.values())
    assert len(np.load(cache / "maps" / "done.npy")) > drawn, "all of them are learned from"


def test_a_further_fit_says_what_it_lacks(tmp_path: Path, small: Recipe) -> None:
    with pytest.raises(SettingsError, match="--take-over"):
        build.train(
            _archive(tmp_path / "pages"), tmp_path, tmp_path / "cache", recipe=replace(small, further=small.fits[0])
        )


def test_earlier_networks_that_are_not_there_are_named(tmp_path: Path) -> None:
    manifest = _archive(tmp_path)
    with pytest.raises(BundleError, match=r"nowhere.judges\.json"):
        build.train(manifest, tmp_path / "bundle", tmp_path / "cache", before=tmp_path / "nowhere")
    assert not (tmp_path / "cache").exists()


def test_command_changes_the_recipe_as_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _archive(tmp_path)
    asked: dict[str, Any] = {}
    monkeypatch.setattr(build, "train", lambda *_, **options: asked.update(options) or tmp_path)
    cli_training.train(tmp_path, out=tmp_path / "bundle", cache=tmp_path / "cache", epochs=3, watch=0.1, seed=7)
    assert asked["recipe"] == RECIPE.changed(seed=7, epochs=3, watched=0.1)
    assert asked["before"] is None
    cli_training.train(tmp_path, out=tmp_path / "bundle", cache=tmp_path / "cache", take_over=tmp_path)
    assert asked["recipe"] == RECIPE
    assert asked["before"] == tmp_path
    cli_training.train(
        tmp_path, out=tmp_path / "bundle", cache=tmp_path / "cache", take_over=tmp_path, further=True, seed=7
    )
    assert asked["recipe"] == replace(RECIPE.changed(seed=7), further=replace(TAKEN_FURTHER, seed=7))


def test_pages_of_one_source_are_refused_with_the_cure(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="name at least two"):
        folds_for(_archive(tmp_path, sources=1))
