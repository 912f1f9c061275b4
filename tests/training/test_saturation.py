"""Weights in eight bits whose sums of two products fit 16 bits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="exporting needs the extra `train`")
pytest.importorskip("cv2", reason="exporting needs the extra `train`")

import onnx
import onnxruntime as ort
import torch

from imagefaulty.bundle import default_directory, load_bundle
from imagefaulty.training.backbone import pretrained_stem
from imagefaulty.training.by_fours import by_fours
from imagefaulty.training.folding import folded
from imagefaulty.training.graphs import quantize, write_graph
from imagefaulty.training.saturation import narrowed, overflowing, overflows
from imagefaulty.training.stem import export_stem


def _convolution(weights: np.ndarray) -> torch.nn.Module:
    filters, channels = weights.shape[:2]
    made = torch.nn.Conv2d(channels, filters, weights.shape[2:], bias=False)
    made.weight.data = torch.from_numpy(weights.astype(np.float32))
    return made


def _graph(path: Path, weights: np.ndarray) -> Path:
    example = torch.zeros(1, weights.shape[1], 8, 8)
    return write_graph(path, _convolution(weights), {"x": example}, outputs=["y"])


def _inputs(channels: int) -> list[dict[str, np.ndarray]]:
    return [{"x": np.full((1, channels, 8, 8), value, np.float32)} for value in (0, 1)]


def _answers(path: Path, page: np.ndarray, *settings: str) -> np.ndarray:
    options = ort.SessionOptions()
    for each in settings:
        options.add_session_config_entry(each, "1")
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"x": page})[0])


@pytest.mark.parametrize("shape", [(8, 16, 1, 1), (4, 6, 3, 3), (4, 3, 3, 3), (4, 1, 3, 3)])
def test_quantised_weights_do_not_overflow(tmp_path: Path, shape: tuple[int, ...]) -> None:
    weights = np.random.default_rng(0).normal(0.2, 1, shape)
    target = quantize(_graph(tmp_path / "a.onnx", weights), tmp_path / "b.onnx", _inputs(shape[1]))
    assert overflowing(onnx.load(target)) == []


def test_worst_case_is_added_up_right_without_wide_sums(tmp_path: Path) -> None:
    """All weights of one sign and all bytes 255: the sum that saturating kernels get wrong first."""
    weights = np.array([[1, 1, 1, 1], [1, 0.9, -1, 0.1], [-1, -1, 1, -0.5]], np.float32)[..., None, None]
    target = quantize(_graph(tmp_path / "a.onnx", weights), tmp_path / "b.onnx", _inputs(4))
    page = np.ones((1, 4, 8, 8), np.float32)
    found, wanted = _answers(target, page), _answers(target, page, "session.x64quantprecision")
    assert np.array_equal(found, wanted)
    assert np.allclose(found[0, :, 0, 0], weights.sum(axis=(1, 2, 3)), atol=0.1)


def test_filter_of_zeros_stays_one(tmp_path: Path) -> None:
    weights = np.random.default_rng(0).normal(0, 1, (2, 4, 1, 1))
    weights[1] = 0
    target = quantize(_graph(tmp_path / "a.onnx", weights), tmp_path / "b.onnx", _inputs(4))
    found = _answers(target, np.ones((1, 4, 8, 8), np.float32))
    assert np.isfinite(found).all()
    assert not found[:, 1].any()


def test_weights_that_do_not_meet_keep_their_precision(tmp_path: Path) -> None:
    weights = np.zeros((2, 4, 1, 1), np.float32)
    weights[:, ::2] = np.array([[1, -0.5], [0.25, 1]])[..., None, None]
    model = onnx.load(_graph(tmp_path / "a.onnx", weights))
    narrowed(model)
    (rounded,) = (
        onnx.numpy_helper.to_array(each) for each in model.graph.initializer if list(each.dims) == [2, 4, 1, 1]
    )
    assert np.abs(rounded - weights).max() <= 1 / 254  # half a step of eight bits


def test_convolutions_that_stay_in_single_precision_are_not_rounded(tmp_path: Path) -> None:
    model = onnx.load(_graph(tmp_path / "a.onnx", np.random.default_rng(0).normal(0, 1, (2, 4, 1, 1))))
    before = model.SerializeToString()
    (node,) = (node for node in model.graph.node if node.op_type == "Conv")
    assert narrowed(model, keep=[node.name]) == {}
    assert model.SerializeToString() == before


def test_overflowing_convolution_is_named(tmp_path: Path) -> None:
    target = quantize(_graph(tmp_path / "a.onnx", np.ones((2, 4, 1, 1))), tmp_path / "b.onnx", _inputs(4))
    model = onnx.load(target)
    (weights,) = (each for each in model.graph.initializer if list(each.dims) == [2, 4, 1, 1])
    weights.CopyFrom(onnx.numpy_helper.from_array(np.full((2, 4, 1, 1), 65, np.int8), weights.name))
    assert len(overflowing(model)) == 1


def test_taking_four_columns_at_a_time_makes_no_pairs_that_overflow(tmp_path: Path) -> None:
    plain = export_stem(pretrained_stem(), tmp_path / "stem.onnx", width=64, height=96)
    pages = ({"image": np.full((1, 96, 64, 3), value, np.uint8)} for value in (0, 255))
    model = by_fours(folded(onnx.load(quantize(plain, tmp_path / "a.onnx", pages))))
    assert overflowing(model) == []


def test_embedded_graph_says_what_it_is() -> None:
    bundle = load_bundle(default_directory())
    assert [graph.narrow_sums for graph in bundle.graphs] == [not overflows(bundle.path(bundle.graphs[0]))]
    assert bundle.graphs[0].narrow_sums
