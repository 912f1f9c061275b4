"""What a step is fitted on: maps with their targets, mirrored, noisy, with looks exchanged, with parts of others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch.nn import functional

from imagefaulty.checks import CHECK_NAMES, CORNER, EMPTY, WRITING_TYPE
from imagefaulty.training.cells import CHANNELS, UNKNOWN

_LEAST_SPREAD: Final = 1e-3
_EMPTY: Final = CHECK_NAMES.index("empty")
_WRITING: Final = CHECK_NAMES.index("writing_type")
_NOTE, _CORNER = (CHECK_NAMES.index(name) for name in ("post_it", "corner"))
_NOTE_CHANNEL, _CORNER_CHANNEL = (CHANNELS.index(name) for name in ("post_it", "corner"))
_SOUND, _FOLDED = (CORNER.code(name) for name in ("ok", "folded_corner"))
_ONE_HAND: Final = (WRITING_TYPE.code("Handwritten"), WRITING_TYPE.code("Typewritten"))
#: Share of a page's height and width that a patch takes, from a line of writing to half a page, small ones more often.
_PATCH_ROWS: Final = (0.05, 0.5)
_PATCH_COLUMNS: Final = (0.15, 0.9)
#: What is left of a page, and what is put on it, must hold this share of the strokes that its size lets expect.
_LEFT_INK: Final = 0.5
_PATCH_INK: Final = 0.7


@dataclass(frozen=True, slots=True)
class Batch:
    """Maps of some samples and what is known of them.

    Attributes:
        early: The stem's maps, float32 (n, channels, rows, columns).
        codes: int64 (n, checks): class code per check, -1 where not known.
        weights: float32 (n, checks): how much each label counts.
        cells: float32 (n, evidence channels, rows, columns): 1 marked, 0 not marked, -1 not known.
    """

    early: torch.Tensor
    codes: torch.Tensor
    weights: torch.Tensor
    cells: torch.Tensor


def flipped(batch: Batch, rng: np.random.Generator) -> Batch:
    """Mirror the maps left to right or top to bottom, half the time each."""
    axes = [axis for axis in (2, 3) if rng.random() < 0.5]  # noqa: PLR2004  (rows and columns)
    if not axes:
        return batch
    early = batch.early.flip(axes).contiguous(memory_format=torch.channels_last)
    return Batch(early, batch.codes, batch.weights, batch.cells.flip(axes))


def restyled(batch: Batch, rng: np.random.Generator, *, mix: float) -> Batch:
    """Give every written page the look of a mixture of itself and another page of the batch.

    The mean and the spread of a channel over the page say how the page was made and photographed, which differs from
    archive to archive, and little about what is on it (Zhou et al., "Domain Generalization with MixStyle", ICLR 2021).
    Of an empty page they are all there is to see, so it keeps its own.

    Args:
        batch: Some pages.
        rng: Source of chance.
        mix: How evenly two looks are mixed: both parameters of a beta distribution.
    """
    written = np.flatnonzero(batch.codes[:, _EMPTY].cpu().numpy() != EMPTY.code("empty"))
    if len(written) < 2:  # noqa: PLR2004
        return batch
    early = batch.early
    others = rng.permutation(written)
    own = torch.from_numpy(rng.beta(mix, mix, len(written)).astype(np.float32)).to(early.device)
    own = own[:, None, None, None]
    mean, spread = early.mean((2, 3), keepdim=True), early.std((2, 3), keepdim=True) + _LEAST_SPREAD
    new_mean = own * mean[written] + (1 - own) * mean[others]
    new_spread = own * spread[written] + (1 - own) * spread[others]
    styled = early.clone()
    styled[written] = (early[written] - mean[written]) / spread[written] * new_spread + new_mean
    return Batch(styled.contiguous(memory_format=torch.channels_last), batch.codes, batch.weights, batch.cells)


def noisy(batch: Batch, rng: np.random.Generator, *, share: float) -> Batch:
    """Add noise to the maps, as grain of a page that nobody sees does.

    One level more or less in each pixel moves the stem's maps by a fifth of their spread, in single precision too. Maps
    are computed once, so without this a page's grain would be the same each time, and could be learned by heart.

    Args:
        batch: Some pages.
        rng: Source of chance.
        share: Standard deviation of the noise against that of the channel.
    """
    device = batch.early.device
    chance = torch.Generator(device).manual_seed(int(rng.integers(2**31)))
    noise = torch.randn(batch.early.shape, generator=chance, device=device)
    spread = batch.early.std((0, 2, 3), keepdim=True)
    early = (batch.early + noise * spread * share).contiguous(memory_format=torch.channels_last)
    return Batch(early, batch.codes, batch.weights, batch.cells)


def patched(batch: Batch, rng: np.random.Generator) -> Batch:
    """Put a part of another page onto half of the pages of one hand, which may then be of both hands.

    So every hand is seen beside every other, whatever archives they come from (after Yun et al., "CutMix", ICCV 2019).
    Whether the page has a note is not known any more, for a patch looks like a slip. A fold that is not covered stays;
    whether a sound page has one is not known if the patch may bring it along.
    """
    codes = batch.codes.cpu().numpy()
    one_hand = np.flatnonzero(np.isin(codes[:, _WRITING], _ONE_HAND) & (codes[:, _EMPTY] != EMPTY.code("empty")))
    targets, others = rng.permutation(one_hand)[: len(one_hand) // 2], rng.permutation(one_hand)
    new = Batch(batch.early.clone(), batch.codes.clone(), batch.weights.clone(), batch.cells.clone())
    strokes = _strokes(batch.early)
    for target, other in zip(targets.tolist(), others.tolist(), strict=False):
        window = _window(strokes.shape[1:], rng)
        part = strokes[other][window]
        share = part.numel() / strokes[other].numel()
        put = float(part.sum() / strokes[other].sum())
        covered = float(strokes[target][window].sum() / strokes[target].sum())
        if target == other or put < _PATCH_INK * share or 1 - covered < _LEFT_INK * (1 - share):
            continue
        place = (slice(None), *window)
        # A fold may lie beneath the patch, or in it.
        doubtful = target if codes[target, _CORNER] == _FOLDED else other
        if codes[doubtful, _CORNER] != _SOUND and bool((batch.cells[doubtful, _CORNER_CHANNEL][window] != 0).any()):
            new.codes[target, _CORNER] = UNKNOWN
        new.early[target][place] = batch.early[other][place]
        new.cells[target][place] = batch.cells[other][place]
        new.cells[target, _CORNER_CHANNEL][window] = UNKNOWN
        new.cells[target, _NOTE_CHANNEL] = UNKNOWN
        new.codes[target, _NOTE] = UNKNOWN
        if codes[target, _WRITING] != codes[other, _WRITING]:
            new.codes[target, _WRITING] = WRITING_TYPE.code("Combination")
        new.weights[target, _WRITING] = torch.minimum(batch.weights[target, _WRITING], batch.weights[other, _WRITING])
    early = new.early.contiguous(memory_format=torch.channels_last)
    return Batch(early, new.codes, new.weights, new.cells)


def _strokes(early: torch.Tensor) -> torch.Tensor:
    """How much neighbouring cells differ, float32 (n, rows, columns): much where something is written."""
    mean = functional.avg_pool2d(early, 3, stride=1, padding=1, count_include_pad=False)
    square = functional.avg_pool2d(early * early, 3, stride=1, padding=1, count_include_pad=False)
    return (square - mean * mean).clamp_min(0).mean(1)


def _window(shape: tuple[int, ...], rng: np.random.Generator) -> tuple[slice, slice]:
    """Choose the cells that a patch covers."""
    sizes = [
        max(1, round(float(np.exp(rng.uniform(*np.log(part)))) * side))
        for part, side in zip((_PATCH_ROWS, _PATCH_COLUMNS), shape, strict=True)
    ]
    starts = [int(rng.integers(side - size + 1)) for size, side in zip(sizes, shape, strict=True)]
    rows, columns = (slice(start, start + size) for start, size in zip(starts, sizes, strict=True))
    return rows, columns
