"""A fit sees neither what is left out, nor what it watches, nor kinds that are not for it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

pytest.importorskip("torch", reason="fitting needs the extra `train`")
pytest.importorskip("cv2", reason="fitting needs the extra `train`")

import numpy as np
import torch

from imagefaulty.bundle import InputSpec
from imagefaulty.errors import SettingsError
from imagefaulty.training import course as courses
from imagefaulty.training.answers import _judged
from imagefaulty.training.course import Course, fit_further, fitted, keep_earlier
from imagefaulty.training.features import FeatureStore, Rendering
from imagefaulty.training.heads import PageNet
from imagefaulty.training.manifest import Manifest, PageRecord
from imagefaulty.training.recipe import RECIPE, TAKEN_FURTHER, FitSettings, Recipe
from imagefaulty.training.samples import AS_IS, CLOSER, Sample


def _course() -> Course:
    """Six sources of two pages each, one page of each taken as it is, once more closer, and with a note."""
    records = tuple(
        PageRecord(f"{source}-{number}.png", {"writing_type": hand}, f"s{source}", f"s{source}")
        for source in range(6)
        for number, hand in enumerate(("Handwritten", "Typewritten"))
    )
    samples = [Sample(row, kind, 0, row // 2 % 3) for row in range(12) for kind in (AS_IS, CLOSER, "plain-note")]
    manifest = Manifest(Path(), records)
    spec = InputSpec("image", width=64, height=96)
    rendering = Rendering(manifest, [0] * 12, spec, (6, 4), Path(), Path(), "key", samples)
    return Course(rendering, Path(), Recipe((FitSettings(),)), cast("FeatureStore", None))


def test_fit_sees_neither_its_fold_nor_what_it_watches() -> None:
    course = _course()
    split = course.split("1", FitSettings(watched=0.3))
    assert set(course.sample_folds[split.fitting].tolist()) == {0, 2}
    fitted, watched = ({course.group_of(row) for row in rows} for rows in (split.fitting, split.validation))
    assert watched
    assert not fitted & watched
    assert course.real[split.validation].all()


def test_fit_that_watches_nothing_sees_every_source_but_its_fold() -> None:
    course = _course()
    split = course.split("1", FitSettings(watched=0.0))
    assert {course.group_of(row) for row in split.fitting} == {"s0", "s2", "s3", "s5"}
    assert not len(split.validation)


def test_kinds_that_a_fit_leaves_out_are_not_among_its_samples() -> None:
    course = _course()
    kinds = np.array([sample.kind for sample in course.rendering.samples])
    all_of_them = course.split("0", FitSettings())
    fewer = course.split("0", replace(FitSettings(), left_out=(CLOSER,)))
    assert set(kinds[all_of_them.fitting]) == {AS_IS, CLOSER, "plain-note"}
    assert set(kinds[fewer.fitting]) == {AS_IS, "plain-note"}
    assert np.array_equal(fewer.validation, all_of_them.validation)


@pytest.mark.parametrize("kind", [CLOSER, AS_IS])
def test_favoured_kinds_are_drawn_more_often(kind: str) -> None:
    course = _course()
    plain, favoured = (course.split("0", FitSettings(favoured=kinds, favour=3)) for kinds in ((), (kind,)))
    assert (plain.fitting == favoured.fitting).all()
    of_it = np.array([course.rendering.samples[row].kind == kind for row in plain.fitting])
    assert (favoured.chances[of_it] == 3 * plain.chances[of_it]).all()
    assert (favoured.chances[~of_it] == plain.chances[~of_it]).all()


def test_parts_of_pages_do_not_calibrate() -> None:
    course = _course()
    known = SimpleNamespace(codes=np.zeros((36, 4), np.int8), weights=np.ones((36, 4), np.float32))
    object.__setattr__(course, "store", known)
    kinds = np.array([sample.kind for sample in course.rendering.samples])
    assert set(kinds[_judged(course, 0)]) == {AS_IS, "plain-note"}


def test_kinds_that_the_embedded_model_is_fitted_with_exist() -> None:
    for stage in (*RECIPE.fits[-1].stages, TAKEN_FURTHER):
        assert len(_course().split("0", stage).fitting)


def test_kind_that_does_not_exist_cannot_be_left_out() -> None:
    with pytest.raises(SettingsError, match="no kind of samples 'early-prints'"):
        _course().split("0", FitSettings(left_out=("early-prints",)))


def test_what_is_made_of_a_further_fit_lies_halfway_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = Recipe((FitSettings(),), before="earlier", further=FitSettings(epochs=2))
    store = SimpleNamespace(key="0123456789ab")
    monkeypatch.setattr(Rendering, "open", lambda _: store)
    course = replace(_course(), cache=tmp_path, recipe=recipe, store=cast("FeatureStore", store))

    def network(weight: float) -> PageNet:
        net = PageNet(6, 4).eval()
        with torch.no_grad():
            net.heads.ink_out.weight.fill_(weight)
        return net

    keep_earlier(course, "0", network(0.0))
    monkeypatch.setattr(courses, "_fitted_stage", lambda _course, _name, settings, _start: network(settings.epochs))
    fit_further(FitSettings(epochs=2), course.rendering, tmp_path, recipe, "0")
    assert fitted(course, "0").heads.ink_out.weight.unique().tolist() == [1.0], "the mean of 0 and 2"
