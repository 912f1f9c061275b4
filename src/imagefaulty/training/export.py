"""From fitted heads to a bundle on disk: one graph, one manifest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import onnxruntime as ort
import torch
from torch import nn

from imagefaulty._sessions import probe
from imagefaulty.bundle import (
    Bundle,
    CheckSpec,
    EvidenceSpec,
    Fallback,
    GraphSpec,
    InputSpec,
    OutputSpec,
    Thresholds,
    write_manifest,
)
from imagefaulty.checks import CHECKS, CheckName
from imagefaulty.training.backbone import Tap
from imagefaulty.training.calibrate import Scaling
from imagefaulty.training.cells import CHANNELS
from imagefaulty.training.eye import OPSET, joined
from imagefaulty.training.heads import Heads

GRAPH: Final = "pages.onnx"
PLAIN_GRAPH: Final = "pages-fp32.onnx"
_OUTPUTS: Final = (*(check.name for check in CHECKS), "embedding", "evidence")


class _Calibrated(nn.Module):
    """The heads with the calibration's biases added to their logits, outputs as a tuple."""

    def __init__(self, heads: Heads, scalings: Mapping[CheckName, Scaling]) -> None:
        super().__init__()
        self.heads = heads
        self.biases = {check.name: torch.tensor(scalings[check.name].bias, dtype=torch.float32) for check in CHECKS}

    def forward(self, *maps: torch.Tensor) -> tuple[torch.Tensor, ...]:
        found = self.heads(maps)
        answers = [found[check.name] + self.biases[check.name] for check in CHECKS]
        return (*answers, found["embedding"], found["evidence"])


def export_heads(path: Path, heads: Heads, scalings: Mapping[CheckName, Scaling], taps: tuple[Tap, ...]) -> Path:
    """Write the heads as an ONNX graph whose inputs are named like the taps.

    Args:
        path: The file to write.
        heads: Fitted heads.
        scalings: Calibration per check; the biases go into the graph.
        taps: The maps that come in.
    """
    rows, columns = heads.places.shape[2:]
    scale = taps[0].stride
    examples = tuple(
        torch.zeros(1, tap.channels, rows * scale // tap.stride, columns * scale // tap.stride) for tap in taps
    )
    names = [tap.name for tap in taps]
    torch.onnx.export(
        _Calibrated(heads, scalings).eval(),
        examples,
        str(path),
        input_names=names,
        output_names=list(_OUTPUTS),
        dynamic_axes={name: {0: "n"} for name in (*names, *_OUTPUTS)},
        opset_version=OPSET,
        dynamo=False,
    )
    return path


def write_bundle(
    directory: Path,
    eye: Path,
    heads: Path,
    *,
    plain_eye: Path | None = None,
    taps: tuple[Tap, ...],
    spec: InputSpec,
    version: str,
    description: str,
    scalings: Mapping[CheckName, Scaling],
    thresholds: Mapping[CheckName, Mapping[str, Thresholds]],
    metrics: Mapping[CheckName, Mapping[str, Any]],
) -> Path:
    """Join backbone and heads into one graph and write the bundle's manifest.

    Args:
        directory: The bundle's directory.
        eye: Graph of the backbone.
        plain_eye: The same in single precision, if ``eye`` is in eight bits: a second graph is made of it for
            processors that compute eight bits wrongly.
        heads: Graph of the heads.
        taps: The maps that are handed over.
        spec: How a page becomes the input.
        version: Version of the model.
        description: One line for people.
        scalings: Calibration per check.
        thresholds: Thresholds per check and operating point.
        metrics: Measured figures per check.

    Returns:
        The path of the manifest.
    """
    directory.mkdir(parents=True, exist_ok=True)
    joined(eye, heads, directory / GRAPH, taps=taps)
    graph = GraphSpec(
        file=GRAPH,
        sha256="",
        input=spec,
        outputs={check.name: OutputSpec(check.name, check.class_names) for check in CHECKS},
        embedding="embedding",
        evidence=EvidenceSpec("evidence", CHANNELS),
    )
    if plain_eye is not None:
        joined(plain_eye, heads, directory / PLAIN_GRAPH, taps=taps)
        graph = replace(graph, fallback=Fallback(PLAIN_GRAPH, "", _probe_of(directory / GRAPH, graph)))
    specs = {
        check.name: CheckSpec(
            round(scalings[check.name].temperature, 5), thresholds[check.name], metrics.get(check.name, {})
        )
        for check in CHECKS
    }
    return write_manifest(
        Bundle(
            name="imagefaulty-default",
            version=version,
            description=description,
            digest="",
            directory=directory,
            graphs=(graph,),
            checks=specs,
        )
    )


def _probe_of(path: Path, graph: GraphSpec) -> dict[CheckName, tuple[float, ...]]:
    """Logits of the probe as they should be: computed in floats, node by node, whatever this processor can do."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return {check: tuple(round(each, 4) for each in row) for check, row in probe(session, graph).items()}
