"""From a fitted network to a bundle on disk: its graphs and the manifest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime as ort
import torch
from numpy.typing import NDArray
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
from imagefaulty.training.backbone import EARLY
from imagefaulty.training.calibrate import Marking, Scaling
from imagefaulty.training.cells import CHANNELS
from imagefaulty.training.graphs import joined, quantize, write_graph
from imagefaulty.training.heads import PageNet
from imagefaulty.training.saturation import overflows

GRAPH: Final = "pages.onnx"
PLAIN_GRAPH: Final = "pages-fp32.onnx"
#: Evidence is pooled by sharp functions and answers are a few numbers: in single precision they cost next to nothing,
#: while each rounding to 255 steps would move an answer by a tenth.
_KEPT_PLAIN: Final = ("/net/heads/ink_out/Conv", "/net/heads/fault_out/Conv")


@dataclass(frozen=True, slots=True)
class Parts:
    """Graphs of the two halves of a network.

    Attributes:
        stem: The stem.
        rest: Trunk and heads.
        plain_stem: The stem in single precision.
        plain_rest: Trunk and heads in single precision.
    """

    stem: Path
    rest: Path
    plain_stem: Path
    plain_rest: Path


class _Calibrated(nn.Module):
    """The network with its logits mixed and shifted as calibration says, and its evidence; outputs as a tuple."""

    def __init__(self, net: PageNet, scalings: Mapping[CheckName, Scaling], markings: Sequence[Marking]) -> None:
        super().__init__()
        self.net = net
        self.slopes = torch.tensor([each.slope for each in markings], dtype=torch.float32)[:, None, None]
        self.shifts = torch.tensor([each.shift for each in markings], dtype=torch.float32)[:, None, None]
        self.biases = {name: torch.tensor(scaling.bias, dtype=torch.float32) for name, scaling in scalings.items()}
        self.mixings = {
            name: torch.tensor(scaling.mixing, dtype=torch.float32).T.contiguous()
            for name, scaling in scalings.items()
            if scaling.mixing
        }

    def forward(self, early: torch.Tensor) -> tuple[torch.Tensor, ...]:
        found = self.net(early)
        mixed = found | {name: found[name] @ mixing for name, mixing in self.mixings.items()}
        answers = [mixed[name] + bias for name, bias in self.biases.items()]
        return (*answers, found["embedding"], found["evidence"] * self.slopes + self.shifts)


def export_parts(
    directory: Path,
    net: PageNet,
    scalings: Mapping[CheckName, Scaling],
    markings: Sequence[Marking],
    maps: Iterable[Mapping[str, NDArray[np.generic]]],
    *,
    stem: Path,
    plain_stem: Path,
) -> Parts:
    """Write trunk and heads as ONNX graphs, in single precision and in eight bits.

    Args:
        directory: Where they are written.
        net: A fitted network.
        scalings: Calibration per check; all but the temperature goes into the graph.
        markings: Calibration per evidence channel; it goes into the graph.
        maps: The stem's maps of pages, by name, which set the ranges of the eight bits.
        stem: The stem's graph in eight bits.
        plain_stem: The stem's graph in single precision.
    """
    rows, columns = net.heads.places.shape[2:]
    outputs = (*scalings, "embedding", "evidence")
    plain = directory / "rest.onnx"
    examples = {EARLY.name: torch.zeros(1, EARLY.channels, rows, columns)}
    write_graph(plain, _Calibrated(net, scalings, markings), examples, outputs=outputs)
    return Parts(stem, quantize(plain, directory / "rest-int8.onnx", maps, keep=_KEPT_PLAIN), plain_stem, plain)


def write_bundle(
    directory: Path,
    parts: Parts,
    *,
    spec: InputSpec,
    name: str,
    version: str,
    description: str,
    scalings: Mapping[CheckName, Scaling],
    thresholds: Mapping[CheckName, Mapping[str, Thresholds]],
    metrics: Mapping[CheckName, Mapping[str, Any]],
) -> Path:
    """Join the halves into one graph and write the bundle's manifest.

    A second graph in single precision is for processors that compute eight bits wrongly.

    Args:
        directory: The bundle's directory.
        parts: Graphs of the halves.
        spec: How a page becomes the input.
        name: Name of the model.
        version: Version of the model.
        description: One line for people.
        scalings: Calibration per check.
        thresholds: Thresholds per check and operating point.
        metrics: Measured figures per check.

    Returns:
        The path of the manifest.
    """
    directory.mkdir(parents=True, exist_ok=True)
    answered = [check for check in CHECKS if check.name in scalings]
    joined(parts.stem, parts.rest, directory / GRAPH)
    joined(parts.plain_stem, parts.plain_rest, directory / PLAIN_GRAPH)
    graph = GraphSpec(
        file=GRAPH,
        sha256="",
        input=spec,
        outputs={check.name: OutputSpec(check.name, check.class_names) for check in answered},
        embedding="embedding",
        evidence=EvidenceSpec("evidence", CHANNELS),
        narrow_sums=not overflows(directory / GRAPH),
    )
    graph = replace(graph, fallback=Fallback(PLAIN_GRAPH, "", _probe_of(directory / GRAPH, graph)))
    specs = {
        check.name: CheckSpec(
            round(scalings[check.name].temperature, 5), thresholds[check.name], metrics.get(check.name, {})
        )
        for check in answered
    }
    return write_manifest(
        Bundle(
            name=name,
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
