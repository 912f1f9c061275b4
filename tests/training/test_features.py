"""A store of maps is picked up where it was left, begun anew for other samples, never pulled from under a reader."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the stem needs the extra `train`")
pytest.importorskip("cv2", reason="drawing needs the extra `train`")

from imagefaulty.training.features import FeatureStore, open_store


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
