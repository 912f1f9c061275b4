"""Eight bits end where answers begin."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest

pytest.importorskip("torch", reason="graphs are written with the extra `train`")

import torch
from torch import nn

from imagefaulty.training.graphs import one_thread_session, quantize, write_graph


class _Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.last = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 2, 1)

    def forward(self, page: torch.Tensor) -> torch.Tensor:
        evidence = self.last(self.first(page))
        return evidence.mean((2, 3)) + evidence.amax((2, 3)) + 0.125


def _quantised(folder: Path, keep: tuple[str, ...]) -> onnx.ModelProto:
    plain = write_graph(folder / "plain.onnx", _Small(), {"page": torch.zeros(1, 3, 8, 8)}, outputs=["answer"])
    rng = np.random.default_rng(0)
    pages = ({"page": rng.random((1, 3, 8, 8), dtype=np.float32)} for _ in range(3))
    return onnx.load(quantize(plain, folder / "small.onnx", pages, keep=keep))


def test_what_follows_a_kept_convolution_is_kept_too(tmp_path: Path) -> None:
    graph = _quantised(tmp_path, ("/last/Conv",)).graph
    last = next(index for index, node in enumerate(graph.node) if node.name == "/last/Conv")
    kinds = [node.op_type for node in graph.node]
    assert "QuantizeLinear" in kinds[:last]
    assert kinds[last + 1 :].count("Add") == 2
    assert not {"QuantizeLinear", "DequantizeLinear"} & set(kinds[last + 1 :])


def test_a_convolution_that_is_not_there_cannot_be_kept(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no node /other/Conv"):
        _quantised(tmp_path, ("/other/Conv",))


class _Loud(nn.Module):
    """Sums of large products of one sign: what saturates where pairs are added in 16 bits."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(16, 16, 3, padding=1)
        nn.init.constant_(self.first.weight, 0.5)

    def forward(self, page: torch.Tensor) -> torch.Tensor:
        return self.first(page)


def test_eight_bits_come_out_right_on_every_processor(tmp_path: Path) -> None:
    page = {"page": np.random.default_rng(0).uniform(0.8, 1, (1, 16, 12, 12)).astype(np.float32)}
    plain = write_graph(tmp_path / "plain.onnx", _Loud(), {"page": torch.zeros(1, 16, 12, 12)}, outputs=["answer"])
    small = quantize(plain, tmp_path / "small.onnx", [page])
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL  # in floats, node by node
    right = ort.InferenceSession(str(small), options, providers=["CPUExecutionProvider"]).run(None, page)[0]
    found = one_thread_session(small).run(None, page)[0]
    assert np.abs(found - right).max() < 0.01 * right.max()
