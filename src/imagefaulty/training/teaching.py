"""Teaches a stem with thin blocks the maps of the whole one, in steps, without labels.

What :mod:`imagefaulty.training.thinning` leaves of a stem gives the best maps that least squares can make of the
channels that are kept. The layers before them stay as published there. Here all layers go on, so that the map behind
every block comes nearer to the whole stem's (Romero et al., "FitNets: Hints for thin deep nets", ICLR 2015).
"""

from __future__ import annotations

import copy
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from imagefaulty.training.backbone import Stem
from imagefaulty.training.recipe import Teaching
from imagefaulty.training.stem import normalised

_LOG: Final = logging.getLogger(__name__)
_CHECKPOINT_EVERY: Final = 100
#: How much the last map counts beside those behind the blocks before it, for it is all that the network sees.
_LAST_COUNTS: Final = 3.0
_CLIP: Final = 1.0
_WARM_UP: Final = 0.1
#: Keeps a channel that hardly varies from counting without bounds, as a share of the mean variance of the map.
_LEAST_VARIANCE: Final = 0.01
_LEAST_SIZE: Final = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class _Lesson:
    """Maps of some pages behind every block of the whole stem."""

    pixels: torch.Tensor
    maps: list[torch.Tensor]


def taught_stem(thin: Stem, whole: Stem, images: NDArray[np.uint8], settings: Teaching, checkpoint: Path) -> Stem:
    """Return a copy of the thin stem that has been taught.

    Args:
        thin: The stem that learns.
        whole: The stem whose maps it learns.
        images: Pages uint8 (n, height, width, 3) RGB as the stem sees them; a memory map will do.
        settings: For how long, and in which steps.
        checkpoint: A file that is written now and then, so that a run that was killed goes on from there.
    """
    run = _Run(thin, whole, images, settings, checkpoint)
    run.resume()
    while run.step < settings.steps:
        run.advance()
        if run.step % _CHECKPOINT_EVERY == 0 or run.step == settings.steps:
            run.save()
    return run.stem.eval().requires_grad_(requires_grad=False)


class _Run:
    """Teaching in progress."""

    def __init__(
        self, thin: Stem, whole: Stem, images: NDArray[np.uint8], settings: Teaching, checkpoint: Path
    ) -> None:
        self._whole = whole.to(memory_format=torch.channels_last).eval()
        self.stem = copy.deepcopy(thin).to(memory_format=torch.channels_last).requires_grad_().train()
        self._images, self._settings, self._checkpoint = images, settings, checkpoint
        self.step = 0
        groups = [{"params": [each], "lr": settings.rate * _size(each)} for each in self.stem.parameters()]
        self._optimiser = torch.optim.Adam(groups)
        rates = [float(group["lr"]) for group in self._optimiser.param_groups]
        self._schedule = torch.optim.lr_scheduler.OneCycleLR(
            self._optimiser, rates, total_steps=settings.steps, pct_start=_WARM_UP
        )
        self._losses: list[float] = []
        self._began = time.monotonic()

    def advance(self) -> None:
        """Take one step on pages that depend on its number alone."""
        rng = np.random.default_rng((self._settings.seed, self.step))
        chosen = np.sort(rng.choice(len(self._images), self._settings.batch, replace=False))
        images = np.stack([_mirrored(self._images[row], rng) for row in chosen])
        pixels = normalised(torch.from_numpy(images)).contiguous(memory_format=torch.channels_last)
        with torch.no_grad():
            aims = list(maps_behind(self._whole, pixels))
        losses = [_lost(own, aim) for own, aim in zip(maps_behind(self.stem, pixels), aims, strict=True)]
        loss = torch.stack([*losses[:-1], _LAST_COUNTS * losses[-1]]).sum()
        self._optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.stem.parameters(), _CLIP)
        self._optimiser.step()
        self._schedule.step()
        self.step += 1
        self._losses.append(float(losses[-1].detach()))

    def save(self) -> None:
        """Write a checkpoint, whole or not at all, and say how far it is."""
        state = {"stamp": repr(self._settings), "step": self.step, "stem": self.stem.state_dict()}
        state |= {"optimiser": self._optimiser.state_dict(), "schedule": self._schedule.state_dict()}
        part = self._checkpoint.with_suffix(".part")
        torch.save(state, part)
        part.replace(self._checkpoint)
        lost = 100 * float(np.mean(self._losses))
        minutes = (time.monotonic() - self._began) / 60
        _LOG.info("taught %d of %d steps, loses %.1f %%, %.0f min", self.step, self._settings.steps, lost, minutes)
        self._losses = []

    def resume(self) -> None:
        """Go on from a checkpoint of the same settings, if there is one."""
        if not self._checkpoint.is_file():
            return
        saved = torch.load(self._checkpoint, map_location="cpu", weights_only=True)
        if saved["stamp"] != repr(self._settings):
            return
        self.stem.load_state_dict(saved["stem"])
        self._optimiser.load_state_dict(saved["optimiser"])
        self._schedule.load_state_dict(saved["schedule"])
        self.step = saved["step"]


def maps_behind(stem: Stem, pixels: torch.Tensor) -> Iterator[torch.Tensor]:
    """Yield the maps (n, channels, h, w) behind every block.

    Args:
        stem: The stem.
        pixels: Normalised pixels (n, 3, h, w).
    """
    x = stem.widened(pixels)
    for block in stem.blocks:
        x = block(x)
        yield x


def _lost(own: torch.Tensor, aim: torch.Tensor) -> torch.Tensor:
    """The share of the variance that is lost, the mean of all channels."""
    variance = aim.var((0, 2, 3))
    wrong = (own - aim).square().mean((0, 2, 3))
    return (wrong / (variance + _LEAST_VARIANCE * variance.mean())).mean()


def _mirrored(image: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Mirror a page left to right or top to bottom, half the time each."""
    across, down = (int(1 - 2 * rng.integers(2)) for _ in range(2))
    return np.ascontiguousarray(image[::down, ::across])


def _size(weights: nn.Parameter) -> float:
    """The size of a layer's weights: steps are in proportion to it, or else the large ones of the first would stay."""
    return max(float(weights.detach().square().mean().sqrt()), _LEAST_SIZE)
