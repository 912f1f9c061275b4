"""The rearranged first convolution gives the same bits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="exporting needs the extra `train`")
pytest.importorskip("cv2", reason="exporting needs the extra `train`")

import onnx

from imagefaulty.training.backbone import pretrained_stem
from imagefaulty.training.by_fours import by_fours
from imagefaulty.training.folding import folded
from imagefaulty.training.graphs import quantize
from imagefaulty.training.stem import TAPS, StemSession, export_stem


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_stem(pretrained_stem(), tmp_path_factory.mktemp("stem") / "stem.onnx", width=64, height=96)


def _page(seed: int) -> dict[str, np.ndarray]:
    return {"image": _pixels(seed)}


def _pixels(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (1, 96, 64, 3), dtype=np.uint8)


def test_outputs_stay_the_same_bit_for_bit(plain: Path, tmp_path: Path) -> None:
    before, after = quantize(plain, tmp_path / "a.onnx", map(_page, range(3))), tmp_path / "b.onnx"
    model = folded(onnx.load(before))
    onnx.save(model, before)
    onnx.save(by_fours(model), after)
    page = _pixels(9)
    wanted, found = StemSession(before).maps(page), StemSession(after).maps(page)
    assert set(wanted) == {tap.name for tap in TAPS}
    assert all(np.array_equal(wanted[name], found[name]) for name in wanted)


def test_first_convolution_takes_twelve_channels(plain: Path, tmp_path: Path) -> None:
    model = by_fours(folded(onnx.load(quantize(plain, tmp_path / "a.onnx", map(_page, range(3))))))
    shapes = [tuple(each.dims) for each in model.graph.initializer]
    assert (64, 12, 3, 2) in shapes
    assert (32, 3, 3, 3) not in shapes


def test_graph_in_single_precision_is_left_alone(plain: Path) -> None:
    model = folded(onnx.load(plain))
    before = model.SerializeToString()
    assert by_fours(model).SerializeToString() == before
