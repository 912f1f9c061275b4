"""Fitting the heads on stored feature maps: masked losses, averaged weights; the same seed gives the same heads."""

from __future__ import annotations

import copy
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from imagefaulty.checks import CHECKS
from imagefaulty.training.backbone import Tap
from imagefaulty.training.cells import CHANNELS, UNKNOWN
from imagefaulty.training.features import FeatureStore
from imagefaulty.training.heads import Heads

_LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FitSettings:
    """How the heads are fitted.

    Attributes:
        epochs: Passes over as many samples as there are.
        batch: Samples per step.
        rate: Highest learning rate of the one-cycle schedule.
        decay: Weight decay.
        average: Decay per step of the moving average of the weights, which is what is kept.
        cell_weight: How much the marks per cell count beside the answers per page.
        seed: Seed of initial weights and order.
    """

    epochs: int = 6
    batch: int = 32
    rate: float = 3e-3
    decay: float = 0.02
    average: float = 0.997
    cell_weight: float = 0.5
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class _Batch:
    maps: tuple[torch.Tensor, ...]
    codes: torch.Tensor
    weights: torch.Tensor
    cells: torch.Tensor


def fit(
    store: FeatureStore,
    rows: NDArray[np.integer],
    chances: NDArray[np.floating],
    *,
    taps: tuple[Tap, ...],
    settings: FitSettings,
) -> Heads:
    """Fit heads on some rows of a store.

    Args:
        store: Filled feature maps and targets.
        rows: Which samples to fit on.
        chances: How often each of them is drawn, relative to the others.
        taps: The maps to use, the first of which sets the cells.
        settings: Rates and lengths.

    Returns:
        The averaged heads, in evaluation mode.
    """
    torch.manual_seed(settings.seed)
    rng = np.random.default_rng(settings.seed)
    heads = Heads(taps, rows=store.cells.shape[2], columns=store.cells.shape[3])
    kept = copy.deepcopy(heads)
    steps = settings.epochs * (len(rows) // settings.batch)
    optimiser = torch.optim.AdamW(heads.parameters(), settings.rate, weight_decay=settings.decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, settings.rate, total_steps=steps, pct_start=0.2)
    class_weights = _class_weights(store, rows, chances)
    order = rng.choice(rows, size=(steps, settings.batch), p=chances / chances.sum())
    running = 0.0
    for step, chosen in enumerate(order):
        batch = _flipped(_load(store, chosen, taps), rng)
        heads.train()
        loss = _loss(heads(batch.maps), batch, class_weights, settings.cell_weight)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        _average(kept, heads, min(settings.average, (step + 1) / (step + 10)))
        running += 0.02 * (float(loss.detach()) - running)
        if (step + 1) % (steps // settings.epochs) == 0:
            _LOG.info("fit: step %d of %d, loss %.3f", step + 1, steps, running)
    return kept.eval()


def predict(
    heads: Heads, store: FeatureStore, rows: Sequence[int] | NDArray[np.integer], *, taps: tuple[Tap, ...]
) -> dict[str, NDArray[np.float32]]:
    """Return the logits of some rows of a store, float32 (rows, classes) per check."""
    found: dict[str, list[NDArray[np.float32]]] = {check.name: [] for check in CHECKS}
    with torch.no_grad():
        for chunk in np.array_split(np.asarray(rows), max(1, len(rows) // 64)):
            answers = heads(_load(store, chunk, taps).maps)
            for name, parts in found.items():
                parts.append(answers[name].numpy())
    return {name: np.concatenate(parts) for name, parts in found.items()}


def _load(store: FeatureStore, chosen: NDArray[np.integer], taps: tuple[Tap, ...]) -> _Batch:
    order = np.asarray(chosen)
    return _Batch(
        tuple(torch.from_numpy(store.maps[tap.name][order].astype(np.float32)) for tap in taps),
        torch.from_numpy(store.codes[order].astype(np.int64)),
        torch.from_numpy(store.weights[order]),
        torch.from_numpy(store.cells[order].astype(np.float32)),
    )


def _flipped(batch: _Batch, rng: np.random.Generator) -> _Batch:
    """Mirror the maps left to right or top to bottom, half the time each."""
    axes = [axis for axis in (2, 3) if rng.random() < 0.5]  # noqa: PLR2004  (rows and columns)
    if not axes:
        return batch
    return _Batch(tuple(each.flip(axes) for each in batch.maps), batch.codes, batch.weights, batch.cells.flip(axes))


def _class_weights(
    store: FeatureStore, rows: NDArray[np.integer], chances: NDArray[np.floating]
) -> dict[str, torch.Tensor]:
    """Square roots of inverse class shares: rare classes count more, but do not drown the common ones."""
    weights = {}
    for column, check in enumerate(CHECKS):
        codes = store.codes[rows, column]
        share = chances * store.weights[rows, column]
        sums = np.array([share[codes == code].sum() for code in range(len(check.classes))])
        inverse = np.sqrt(sums.sum() / np.maximum(sums, 1e-9) / len(sums))
        weights[check.name] = torch.tensor(inverse, dtype=torch.float32)
    return weights


def _loss(
    answers: Mapping[str, torch.Tensor], batch: _Batch, class_weights: Mapping[str, torch.Tensor], cell_weight: float
) -> torch.Tensor:
    """Masked cross-entropy per check, and per cell where something is known of the cell."""
    total = torch.zeros(())
    for column, check in enumerate(CHECKS):
        codes = batch.codes[:, column]
        known = codes != UNKNOWN
        if not known.any():
            continue
        each = functional.cross_entropy(answers[check.name][known], codes[known], reduction="none")
        weight = class_weights[check.name][codes[known]] * batch.weights[known, column]
        total = total + (each * weight).sum() / len(codes)
    return total + cell_weight * _cell_loss(answers["evidence"], batch.cells)


def _cell_loss(evidence: torch.Tensor, cells: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of marked and of unmarked cells, averaged apart, for marked ones are few."""
    total = torch.zeros(())
    for channel in range(len(CHANNELS)):
        logits, marks = evidence[:, channel], cells[:, channel]
        for mark in (0.0, 1.0):
            chosen = logits[marks == mark]
            if len(chosen):
                total = total + 0.5 * functional.softplus(chosen if mark == 0 else -chosen).mean()
    return total / len(CHANNELS)


def _average(kept: Heads, heads: Heads, decay: float) -> None:
    with torch.no_grad():
        for mean, value in zip(kept.parameters(), heads.parameters(), strict=True):
            mean.lerp_(value, 1 - decay)
        for mean, value in zip(kept.buffers(), heads.buffers(), strict=True):
            mean.copy_(value)
