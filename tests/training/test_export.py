"""What calibration says is in the exported graph: its logits, over the temperature, give the same probabilities."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("torch", reason="export needs the extra `train`")

import torch

from imagefaulty.calibration import probabilities
from imagefaulty.training.calibrate import Marking, Scaling
from imagefaulty.training.export import _Calibrated


class _Network(torch.nn.Module):
    """Stands in for a network: gives logits, and evidence of one channel."""

    def forward(self, early: Any) -> dict[str, Any]:
        return {
            "writing_type": early[:, :3],
            "empty": early[:, 3:5],
            "embedding": early,
            "evidence": early[:, None, None, :1],
        }


def test_graph_gives_the_probabilities_that_calibration_does() -> None:
    scalings = {
        "writing_type": Scaling(0.8, (0.0, 0.3, -0.4), ((1.2, 0.1, -0.3), (0.0, 0.9, 0.1), (-0.2, 0.0, 1.2))),
        "empty": Scaling(1.7, (0.0, 0.5)),
    }
    logits = torch.tensor([[2.0, -1.0, 0.5, 3.0, -2.0], [-4.0, 0.0, 1.0, -1.0, 1.0]])
    writing, empty, _, evidence = _Calibrated(_Network(), scalings, [Marking(2.0, 1.0)])(logits)
    for found, name, raw in ((writing, "writing_type", logits[:, :3]), (empty, "empty", logits[:, 3:])):
        expected = scalings[name].probabilities(raw.numpy())
        assert probabilities(found.numpy(), scalings[name].temperature) == pytest.approx(expected, abs=1e-6)
    assert evidence.flatten().tolist() == [5.0, -7.0]
