"""Rounded weights move the mean of no channel of a page."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="graphs are written with the extra `train`")

import numpy as np
import onnx
import onnxruntime as ort
import torch
from numpy.typing import NDArray
from torch import nn

from imagefaulty.training import graphs
from imagefaulty.training.biases import input_means
from imagefaulty.training.graphs import quantize, write_graph


class _Edges(nn.Module):
    """Filters whose large weights cancel on even paper: of all channels, of one each, and of all once more."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Conv2d(3, 16, 3)
        self.each = nn.Conv2d(16, 16, 3, groups=16)
        self.last = nn.Conv2d(16, 8, 1)
        with torch.no_grad():
            for layer in (self.first, self.each):
                layer.weight.copy_(torch.randn(layer.weight.shape) * 5)
                layer.weight.sub_(layer.weight.mean((1, 2, 3), keepdim=True))
                layer.bias.fill_(1.0)

    def forward(self, page: torch.Tensor) -> torch.Tensor:
        return self.last(nn.functional.relu6(self.each(nn.functional.relu6(self.first(page)))))


def _pages(seed: int, count: int) -> list[dict[str, NDArray[np.float32]]]:
    """Bright, nearly even pages."""
    rng = np.random.default_rng(seed)
    papers = rng.uniform(0.7, 0.95, (count, 1, 3, 1, 1))
    return [{"page": (paper + rng.normal(0, 0.01, (1, 3, 24, 24))).astype(np.float32)} for paper in papers]


def _means(path: Path) -> NDArray[np.float64]:
    """Mean of each channel over pages that nothing was measured on."""
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return np.mean([session.run(None, page)[0].mean((0, 2, 3)) for page in _pages(1, 8)], axis=0, dtype=np.float64)


def test_means_stay_those_of_single_precision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = write_graph(tmp_path / "plain.onnx", _Edges(), {"page": torch.zeros(1, 3, 24, 24)}, outputs=["answer"])
    right = _means(plain)
    off = np.abs(_means(quantize(plain, tmp_path / "small.onnx", _pages(0, 8))) - right).mean()
    monkeypatch.setattr(graphs, "corrected", lambda *_: None)
    before = np.abs(_means(quantize(plain, tmp_path / "before.onnx", _pages(0, 8))) - right).mean()
    assert off < 0.5 * before


def test_means_are_of_what_comes_into_each_convolution(tmp_path: Path) -> None:
    plain = write_graph(tmp_path / "plain.onnx", _Edges(), {"page": torch.zeros(1, 3, 24, 24)}, outputs=["answer"])
    pages = _pages(0, 3)
    found = input_means(onnx.load(plain), iter(pages))
    assert {name: len(mean) for name, mean in found.items()} == {"/first/Conv": 3, "/each/Conv": 16, "/last/Conv": 16}
    assert np.allclose(found["/first/Conv"], np.mean([page["page"].mean((0, 2, 3)) for page in pages], axis=0))


def test_convolutions_in_single_precision_keep_their_biases(tmp_path: Path) -> None:
    plain = write_graph(tmp_path / "plain.onnx", _Edges(), {"page": torch.zeros(1, 3, 24, 24)}, outputs=["answer"])
    small = onnx.load(quantize(plain, tmp_path / "small.onnx", _pages(0, 3), keep=("/last/Conv",)))
    biases = {each.name: onnx.numpy_helper.to_array(each) for each in small.graph.initializer}
    kept = onnx.numpy_helper.to_array(next(e for e in onnx.load(plain).graph.initializer if e.name == "last.bias"))
    assert np.array_equal(biases["last.bias"], kept)
