"""From the stem's map to evidence per cell, and from evidence to the four answers.

The heads look locally: small convolutions on the trunk's maps (16 px a cell) say in every cell how much handwriting,
print, other content, sticky note, and fold or tear is *here*. Each channel is then pooled over the page at three
degrees of sharpness, and the answers follow from what was found:

* writing type: both hands are judged on their own; Combination is "both are there", not a look of its own;
* empty: no cell holds handwriting, print or other content;
* post-it and corner: the sharpest evidence anywhere, because a small flag or a torn corner is a fault too.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from typing import Final

import torch
from torch import nn
from torch.nn import functional

from imagefaulty.training.backbone import LAST, MID, Tap, Trunk, pretrained_trunk
from imagefaulty.training.cells import CHANNELS

#: Input pixels per cell, in both directions.
CELL: Final = 16
#: Width of the layers that look for writing and for faults.
INK_WIDTH: Final = 48
FAULT_WIDTH: Final = 48
#: Log-mean-exp rates: 1 asks "how much of the page", 5 leans to the strongest cells; the maximum comes beside them.
RATES: Final = (1.0, 5.0)
#: Handwriting, print and content are the first channels.
INK_CHANNELS: Final = 3
#: The maps that the heads look at.
TAPS: Final = (MID, LAST)

#: What every network of that many cells has: where they lie.
COMES_ALONG: Final = ("heads.places",)
_INSIDE: Final = ".depthwise.conv.weight"


class PageNet(nn.Module):
    """What learns from pages: the trunk with its heads.

    Args:
        rows: Rows of cells.
        columns: Columns of cells.
        trunk: The trunk; the one with ImageNet weights if None.
    """

    def __init__(self, rows: int, columns: int, *, trunk: Trunk | None = None) -> None:
        super().__init__()
        self.trunk = trunk or pretrained_trunk()
        self.heads = Heads(TAPS, rows=rows, columns=columns)

    def forward(self, early: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return what :meth:`Heads.forward` does.

        Args:
            early: The stem's map (n, 80, rows, columns).
        """
        answers: dict[str, torch.Tensor] = self.heads(self.trunk(early))
        return answers


def trunk_of(state: Mapping[str, torch.Tensor]) -> Trunk:
    """Return an empty trunk of the widths that the weights of a :class:`PageNet` are for."""
    inside = (len(weights) for name, weights in state.items() if name.startswith("trunk.") and name.endswith(_INSIDE))
    return Trunk(tuple(inside))


class Pool(nn.Module):
    """Pools evidence at three degrees of sharpness, with learned weights per channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.tensor([0.4, 0.4, 0.4]).repeat(channels, 1))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, evidence: torch.Tensor) -> torch.Tensor:
        """Pool (n, channels, rows, columns) evidence to (n, channels) page scores."""
        flat = evidence.flatten(2)
        cells = math.log(flat.shape[2])
        pooled = [(torch.logsumexp(flat * rate, dim=2) - cells) / rate for rate in RATES]
        # The mean of 2x2 cells first: one wild cell is noise, a real mark is seen by its neighbours too.
        pooled.append(functional.avg_pool2d(evidence, 2, stride=1).flatten(2).amax(dim=2))
        return (torch.stack(pooled, dim=2) * self.weights).sum(dim=2) + self.bias


class Heads(nn.Module):
    """All four answers from feature maps.

    Args:
        taps: The maps that come in, in order of depth; one of them has the stride of the cells.
        rows: Rows of cells.
        columns: Columns of cells.
    """

    def __init__(self, taps: tuple[Tap, ...], *, rows: int, columns: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.BatchNorm2d(tap.channels, affine=False, momentum=0.05) for tap in taps)
        self._cells = next(index for index, tap in enumerate(taps) if tap.stride == CELL)
        self.ink_in = nn.ModuleList(_to_cells(tap, INK_WIDTH) for tap in taps)
        self.ink = nn.Sequential(nn.ReLU(), nn.Dropout2d(0.1), nn.Conv2d(INK_WIDTH, INK_WIDTH, 3, padding=1), nn.ReLU())
        self.ink_out = nn.Conv2d(INK_WIDTH, INK_CHANNELS, 1)
        self.fault_in = nn.ModuleList(_to_cells(tap, FAULT_WIDTH) for tap in taps)
        self.fault = nn.Sequential(
            nn.ReLU(),
            nn.Dropout2d(0.1),
            nn.Conv2d(FAULT_WIDTH, FAULT_WIDTH, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(FAULT_WIDTH, FAULT_WIDTH, 3, padding=2, dilation=2),
            nn.ReLU(),
        )
        self.fault_out = nn.Conv2d(FAULT_WIDTH, len(CHANNELS) - INK_CHANNELS, 1)
        self.place = nn.Conv2d(_PLACE_CHANNELS, FAULT_WIDTH, 1, bias=False)
        self.register_buffer("places", _places(rows, columns))
        self.pool = Pool(len(CHANNELS))

    def forward(self, maps: tuple[torch.Tensor, ...]) -> dict[str, torch.Tensor]:
        """Return logits per check, the embedding, and the evidence of each channel.

        Args:
            maps: One (n, channels, rows, columns) map per tap.
        """
        normed = tuple(norm(each) for norm, each in zip(self.norms, maps, strict=True))
        ink = self.ink(_merged(self.ink_in, normed))
        fault = self.fault(_merged(self.fault_in, normed) + self.place(self.places))
        # Pooling adds up to a thousand cells: too many for the eight digits of bfloat16.
        hands, others = self.ink_out(ink).float(), self.fault_out(fault).float()
        content = torch.logsumexp(hands, dim=1, keepdim=True)
        evidence = torch.cat([hands[:, :2], content, others], dim=1)
        page = self.pool(evidence)
        return answers_of(page) | {
            "embedding": _embedding(normed[self._cells], ink, fault, page),
            "evidence": evidence,
        }


def _to_cells(tap: Tap, width: int) -> nn.Module:
    """Return the layer that brings a map to one width and to one value per cell."""
    if tap.stride < CELL:
        step = CELL // tap.stride
        return nn.Conv2d(tap.channels, width, step, stride=step)
    layer = nn.Conv2d(tap.channels, width, 1)
    return layer if tap.stride == CELL else nn.Sequential(layer, nn.Upsample(scale_factor=tap.stride // CELL))


def _merged(layers: nn.ModuleList, maps: tuple[torch.Tensor, ...]) -> torch.Tensor:
    """Bring all maps to the cells and add them up."""
    return functools.reduce(torch.add, [layer(each) for layer, each in zip(layers, maps, strict=True)])


_PLACE_CHANNELS: Final = 5


def _places(rows: int, columns: int) -> torch.Tensor:
    """Where a cell lies: across, down, and how near to a side, to top or bottom, and to a corner (1, 5, rows, cols)."""
    down, across = torch.meshgrid(torch.linspace(-1, 1, rows), torch.linspace(-1, 1, columns), indexing="ij")
    side, end = torch.exp(-8 * (1 - across.abs())), torch.exp(-8 * (1 - down.abs()))
    return torch.stack([across.abs(), down.abs(), side, end, side * end])[None]


def answers_of(page: torch.Tensor) -> dict[str, torch.Tensor]:
    """Turn page scores (n, channels) into logits per check, classes in wire order."""
    hand, print_, content, note, fault = page.unbind(dim=1)
    zero = torch.zeros_like(note)
    return {
        "writing_type": torch.stack(
            [_sure(hand) + _sure(-print_), _sure(-hand) + _sure(print_), _sure(hand) + _sure(print_)], 1
        ),
        "empty": torch.stack([content, zero], 1),
        "post_it": torch.stack([zero, note], 1),
        "corner": torch.stack([zero, fault], 1),
    }


def _sure(score: torch.Tensor) -> torch.Tensor:
    """Logarithm of the sigmoid, also where the sigmoid is nothing.

    Torch's own is exported as the logarithm of a sigmoid, which ONNX Runtime gives out as 0 below -18 or so.
    """
    return -functional.softplus(-score)


def _embedding(mid: torch.Tensor, ink: torch.Tensor, fault: torch.Tensor, page: torch.Tensor) -> torch.Tensor:
    """What the page looks like on the whole and at its most remarkable: 373 numbers."""
    parts = [mid.mean((2, 3)), ink.mean((2, 3)), ink.amax((2, 3)), fault.mean((2, 3)), fault.amax((2, 3)), page]
    return torch.cat([part.float() for part in parts], 1)
