"""A store of maps is picked up where it was left, begun anew for other samples, never pulled from under a reader."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the stem needs the extra `train`")
pytest.importorskip("cv2", reason="drawing needs the extra `train`")

import numpy as np

from imagefaulty.bundle import InputSpec
from imagefaulty.training.features import PICTURE, FeatureStore, Rendering, fill_store, open_store, store_key
from imagefaulty.training.manifest import read_manifest
from imagefaulty.training.samples import AS_IS, Sample
from tests.training.pages import RED, write_manifest


def _open(directory: Path, key: str) -> FeatureStore:
    return open_store(directory, {"early": (2, 3, 4)}, cells=(3, 4), samples=5, key=key)


def test_store_of_the_same_samples_is_picked_up(tmp_path: Path) -> None:
    store = _open(tmp_path, "one")
    store.maps["early"][2] = 7
    store.done[2] = True
    again = _open(tmp_path, "one")
    assert again.done.tolist() == [False, False, True, False, False]
    assert (again.maps["early"][2] == 7).all()


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps open files from being removed")
def test_store_of_other_samples_is_begun_anew_and_who_reads_the_old_one_keeps_it(tmp_path: Path) -> None:
    store = _open(tmp_path, "one")
    store.maps["early"][:] = 7
    store.done[:] = True
    other = _open(tmp_path, "two")
    assert not other.done.any()
    assert (other.maps["early"] == 0).all()
    assert (store.maps["early"] == 7).all()
    assert store.filled


def test_pictures_are_kept_where_there_is_no_stem_yet(tmp_path: Path) -> None:
    rows = [{"file": f"{name}.png", "source": name, "corner": "ok"} for name in ("a", "b")]
    manifest = read_manifest(write_manifest(tmp_path, rows))
    spec = InputSpec("image", width=32, height=48, layout="nhwc-uint8", resize="squash", filter="bilinear")
    samples = [Sample(row, AS_IS, row, 0) for row in range(2)]
    key = store_key(None, samples)
    store = fill_store(Rendering(manifest, (0, 1), spec, (3, 2), None, tmp_path / "store", key, samples), processes=1)
    assert store.filled
    assert store.maps[PICTURE].dtype == np.uint8
    assert store.maps[PICTURE].shape == (2, 48, 32, 3)
    assert (store.maps[PICTURE] == RED).all()
    assert key != store_key(None, samples[:1])
