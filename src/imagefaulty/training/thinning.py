"""Blocks with fewer channels inside that give nearly the same maps of pages.

The backbone was made to tell a thousand kinds of things in colour photographs apart. On pages much of what its blocks
hold inside is always zero, or follows from the rest. Channels are left out one by one: each time the one whose loss
the block's output feels least, once the weights of all others have been fitted anew by least squares (a layer at a
time as in He, Zhang & Sun, "Channel Pruning for Accelerating Very Deep Neural Networks", ICCV 2017; which one as in
Hassibi & Stork, "Second order derivatives for network pruning: Optimal Brain Surgeon", NIPS 1992). No label is asked
for, and nothing is fitted in steps.

Blocks are thinned in their order. Each is fitted to give what the whole network has behind it from what the thinned
ones before it give, so that it makes up for what they lost where it can.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from imagefaulty.training.backbone import Block, SameConv, Stem, Trunk

_LOG: Final = logging.getLogger(__name__)
#: Places that are looked at, of the maps of all pages: neighbours resemble one another, and sums of squares cost time.
_PLACES: Final = 43_200
#: How much weights are held back where channels say the same, as a share of the mean sum of squares.
_RIDGE: Final = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Fewest:
    """Channels that are kept, and how a linear layer behind them makes up for the others.

    Attributes:
        channels: The kept ones, in order.
        weights: Float64 (outputs, kept).
        bias: Float64 (outputs,).
        residual: Share of the outputs' variance that is lost.
    """

    channels: NDArray[np.int64]
    weights: NDArray[np.float64]
    bias: NDArray[np.float64]
    residual: float


def fewest(hidden: NDArray[np.float64], outputs: NDArray[np.float64], keep: int) -> Fewest:
    """Choose channels from which a linear layer gives the outputs best, leaving out one by one.

    Args:
        hidden: Channels (places, channels).
        outputs: What shall follow from them (places, outputs).
        keep: How many channels to keep; all, if there are no more.
    """
    mean, aim = hidden.mean(axis=0), outputs.mean(axis=0)
    centred, wanted = hidden - mean, outputs - aim
    squares = centred.T @ centred
    inverse = np.linalg.inv(squares + np.eye(len(squares)) * max(_RIDGE * np.trace(squares) / len(squares), _RIDGE))
    weights = inverse @ (centred.T @ wanted)
    kept = np.arange(len(squares))
    while len(kept) > keep:
        steps = inverse.diagonal()
        least = int(np.argmin(np.square(weights).sum(axis=1) / steps))
        column = inverse[:, least] / steps[least]
        weights = np.delete(weights - np.outer(column, weights[least]), least, axis=0)
        inverse = np.delete(np.delete(inverse - np.outer(column, inverse[least]), least, axis=0), least, axis=1)
        kept = np.delete(kept, least)
    lost = np.square(wanted - centred[:, kept] @ weights).sum()
    total = np.square(wanted).sum()
    return Fewest(kept, weights.T, aim - mean[kept] @ weights, float(lost / total) if total else 0.0)


@torch.no_grad()
def thinned_stem(stem: Stem, pages: Sequence[torch.Tensor], widths: Sequence[int]) -> Stem:
    """Return the stem with fewer channels inside its blocks.

    Args:
        stem: The whole one.
        pages: Normalised pixels (1, 3, h, w) of pages.
        widths: How many channels each block keeps, and with the first one the convolution before it.
    """
    thin = Stem(widths)

    def begin(kept: NDArray[np.int64]) -> list[torch.Tensor]:
        _copy(stem.first, thin.first, outputs=kept)
        return [thin.widened(page) for page in pages]

    _thin(stem.blocks, thin.blocks, [stem.widened(page) for page in pages], begin)
    return thin.eval().requires_grad_(requires_grad=False)


@torch.no_grad()
def thinned_trunk(trunk: Trunk, maps: Iterable[torch.Tensor], widths: Sequence[int]) -> Trunk:
    """Return the trunk with fewer channels inside its blocks.

    Args:
        trunk: The whole one.
        maps: The stem's maps (1, 80, h, w) of pages.
        widths: How many channels each block keeps.
    """
    thin = Trunk(widths)
    _thin([*trunk.tuned, *trunk.published], [*thin.tuned, *thin.published], list(maps))
    return thin.eval()


def _thin(
    blocks: Iterable[nn.Module],
    thin_blocks: Iterable[nn.Module],
    maps: Sequence[torch.Tensor],
    begin: Callable[[NDArray[np.int64]], list[torch.Tensor]] | None = None,
) -> None:
    """Set thin blocks to give what whole ones give; ``begin`` gives the maps for a first one that does not widen."""
    rng = np.random.default_rng(0)
    each_page = max(1, _PLACES // len(maps))
    whole, own = list(maps), list(maps)
    for block, thin in zip(blocks, thin_blocks, strict=True):
        assert isinstance(block, Block)  # noqa: S101  (tells the type checker what ModuleList forgot)
        assert isinstance(thin, Block)  # noqa: S101
        after = [block(each) for each in whole]
        hidden, wanted = [], []
        for target, given in zip(after, own, strict=True):
            inside = block.inside(given)
            places = rng.permutation(inside[0, 0].numel())[:each_page]
            hidden.append(_at(inside, places))
            wanted.append(_at(target - given if block.shortcut else target, places))
        found = fewest(np.concatenate(hidden), np.concatenate(wanted), thin.project.conv.in_channels)
        _set(block, thin, found)
        _LOG.info(
            "keeps %d channels of %d, loses %.1f %%", len(found.channels), hidden[0].shape[1], 100 * found.residual
        )
        if block.expand is None and begin is not None:
            own = begin(found.channels)
        whole, own = after, [thin(each) for each in own]


def _at(maps: torch.Tensor, places: NDArray[np.int64]) -> NDArray[np.float64]:
    """Some places (places, channels) of one page's map."""
    return maps[0].flatten(1)[:, torch.from_numpy(places)].T.double().numpy()


def _set(block: Block, thin: Block, found: Fewest) -> None:
    if block.expand is not None and thin.expand is not None:
        _copy(block.expand, thin.expand, outputs=found.channels)
    _copy(block.depthwise, thin.depthwise, outputs=found.channels)
    thin.project.conv.weight.copy_(torch.from_numpy(found.weights)[:, :, None, None])
    assert thin.project.conv.bias is not None  # noqa: S101  (made with a bias in SameConv)
    thin.project.conv.bias.copy_(torch.from_numpy(found.bias))


def _copy(source: SameConv, target: SameConv, *, outputs: NDArray[np.int64]) -> None:
    for own, whole in zip(target.conv.parameters(), source.conv.parameters(), strict=True):
        own.copy_(whole[torch.from_numpy(outputs)])
