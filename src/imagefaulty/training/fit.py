"""Fitting trunk and heads on stored maps: masked losses, averaged weights, early stop, checkpoints.

The same seed gives the same network: what is drawn in which step depends on the seed and the step alone, so that a
fit that was killed and goes on ends where it would have ended.
"""

from __future__ import annotations

import copy
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional
from torch.optim.swa_utils import get_ema_multi_avg_fn

from imagefaulty.checks import CHECKS
from imagefaulty.training.backbone import EARLY
from imagefaulty.training.batches import Batch, flipped, noisy, patched, restyled
from imagefaulty.training.cells import CHANNELS, FIRST_BOX, UNKNOWN
from imagefaulty.training.features import FeatureStore
from imagefaulty.training.heads import PageNet
from imagefaulty.training.progress import Epoch, Progress
from imagefaulty.training.recipe import FitSettings

_LOG: Final = logging.getLogger(__name__)
_CHECKPOINT_EVERY: Final = 100
_CLIP: Final = 5.0
#: One of so many cells of a box drawn by hand is to be marked.
_BOX_PARTS: Final = 4
#: What processors that multiply in bfloat16 say of themselves: of Intel and AMD, and of ARM.
_BFLOAT16: Final = ("avx512_bf16", "amx_bf16", "bf16")


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Rows of a store to fit on, and rows of other sources that say when to stop.

    Attributes:
        fitting: Rows to fit on.
        chances: How often each of them is drawn, relative to the others.
        validation: Rows of real pages from sources that are not fitted on; may be empty.
    """

    fitting: NDArray[np.int64]
    chances: NDArray[np.float64]
    validation: NDArray[np.int64]


def fit(
    store: FeatureStore, split: Split, *, settings: FitSettings, directory: Path, start: PageNet | None = None
) -> PageNet:
    """Fit a network on some rows of a store.

    Args:
        store: Filled maps and targets.
        split: What to fit on, and what to watch.
        settings: Rates and lengths.
        directory: Where checkpoints, ``progress.jsonl`` and ``curves.png`` are kept. A fit that was begun there with
            the same settings goes on.
        start: The network to begin with; None for one that knows what its trunk was published with.

    Returns:
        The averaged network in evaluation mode: of the last epoch, for the schedule ends with the smallest steps; of
        the one with the lowest validation loss where the fit was stopped early.
    """
    run = _Run(store, split, settings, directory, start)
    run.resume()
    while run.step < run.steps:
        run.advance()
        if run.step % run.steps_per_epoch == 0 and run.end_epoch():
            break
        if run.step % _CHECKPOINT_EVERY == 0:
            run.save()
    run.save()
    return (run.best if run.stopped else run.kept).eval()


def halves(device: torch.device) -> bool:
    """Whether a device computes in bfloat16: graphics processors do, of others those with instructions for it.

    The others imitate it: a step of eight pages took 22 s on one that lacks them, and 1.2 s in single precision.
    A torch that cannot say what its processor does gets single precision as well.
    """
    if device.type != "cpu":
        return True
    ask: Callable[[], Mapping[str, object]] = getattr(torch.cpu, "get_capabilities", dict)
    able = ask()
    return any(bool(able.get(name)) for name in _BFLOAT16)


class _Run:
    """A fit in progress: everything that a checkpoint holds."""

    def __init__(
        self, store: FeatureStore, split: Split, settings: FitSettings, directory: Path, start: PageNet | None = None
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._store, self._split, self._settings = store, split, settings
        self._checkpoint = directory / "checkpoint.pt"
        torch.manual_seed(settings.seed)
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._halved = halves(self._device)
        net = copy.deepcopy(start) if start else PageNet(*store.cells.shape[2:])
        self.net = net.to(self._device, memory_format=torch.channels_last)
        self.kept = copy.deepcopy(self.net)
        self.best = copy.deepcopy(self.net)
        self.steps_per_epoch = max(1, settings.epoch_samples // settings.batch)
        self.steps = settings.epochs * self.steps_per_epoch
        self.step = 0
        self._lowest, self._worse = float("inf"), 0
        rates = [settings.rate * settings.trunk_rate, settings.rate]
        parts = (self.net.trunk.tuned, self.net.heads)
        self._optimiser = torch.optim.AdamW(
            [{"params": part.parameters(), "lr": rate} for part, rate in zip(parts, rates, strict=True)],
            weight_decay=settings.decay,
        )
        self._schedule = torch.optim.lr_scheduler.OneCycleLR(
            self._optimiser, rates, total_steps=self.steps, pct_start=0.2
        )
        weights = _class_weights(store, split.fitting, split.chances)
        self._class_weights = {name: each.to(self._device) for name, each in weights.items()}
        self._progress = Progress(directory)
        self._losses: list[float] = []
        self._began = time.monotonic()

    def advance(self) -> None:
        """Take one step."""
        rng = np.random.default_rng((self._settings.seed, self.step, self._settings.order))
        torch.manual_seed(self._settings.seed * 1_000_003 + self.step)  # drop-out
        chances = self._split.chances / self._split.chances.sum()
        chosen = rng.choice(self._split.fitting, size=self._settings.batch, p=chances)
        batch = flipped(_load(self._store, chosen, self._device), rng)
        if self._settings.patched and rng.random() < self._settings.patched:
            batch = patched(batch, rng)
        if rng.random() < self._settings.restyled:
            batch = restyled(batch, rng, mix=self._settings.style_mix)
        if self._settings.noise:
            batch = noisy(batch, rng, share=self._settings.noise)
        self.net.train()
        with torch.autocast(self._device.type, dtype=torch.bfloat16, enabled=self._halved):
            answers = self.net(batch.early)
        losses = _losses(answers, batch, self._class_weights, self._settings.cell_weight)
        loss = torch.stack(list(losses.values())).sum()
        self._optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), _CLIP)
        self._optimiser.step()
        self._schedule.step()
        self.step += 1
        _average(self.kept, self.net, min(self._settings.average, self.step / (self.step + 9)))
        self._losses.append(float(loss.detach()))

    @property
    def stopped(self) -> bool:
        """Whether unseen sources have got worse for too long."""
        return self._worse >= self._settings.patience

    def end_epoch(self) -> bool:
        """Judge the averaged network, note the figures, and say whether to stop."""
        validation = self._validation_losses()
        total = sum(validation.values()) if validation else -self.step
        self._worse = 0 if total < self._lowest else self._worse + 1
        if total < self._lowest:
            self._lowest = total
            self.best = copy.deepcopy(self.kept)
        self._progress.add(
            Epoch(
                epoch=self.step // self.steps_per_epoch,
                step=self.step,
                loss=float(np.mean(self._losses)),
                validation=validation,
                rate=float(self._schedule.get_last_lr()[-1]),
                seconds=round(time.monotonic() - self._began, 1),
            )
        )
        self._losses = []
        return self.stopped

    def _validation_losses(self) -> dict[str, float]:
        """Loss per check of the averaged network on the validation rows."""
        if not len(self._split.validation):
            return {}
        answers = predict(self.kept, self._store, self._split.validation)
        targets = _targets(self._store, self._split.validation)
        tensors = {name: torch.from_numpy(values) for name, values in answers.items()}
        weights = {name: each.cpu() for name, each in self._class_weights.items()}
        return {name: float(loss) for name, loss in _answer_losses(tensors, *targets, weights).items()}

    def save(self) -> None:
        """Write a checkpoint, whole or not at all."""
        part = self._checkpoint.with_suffix(".part")
        torch.save({"stamp": self._stamp(), "progress": self._progress.epochs} | self._state(), part)
        part.replace(self._checkpoint)

    def _state(self) -> dict[str, Any]:
        return {
            "step": self.step,
            "lowest": self._lowest,
            "worse": self._worse,
            "losses": self._losses,
            "seconds": time.monotonic() - self._began,
            "net": self.net.state_dict(),
            "kept": self.kept.state_dict(),
            "best": self.best.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "schedule": self._schedule.state_dict(),
        }

    def resume(self) -> None:
        """Go on from a checkpoint of the same fit, if there is one."""
        if not self._checkpoint.is_file():
            return
        saved = torch.load(self._checkpoint, map_location=self._device, weights_only=True)
        if saved["stamp"] != self._stamp():
            return
        self.step, self._lowest, self._worse = saved["step"], saved["lowest"], saved["worse"]
        self._losses, self._began = saved["losses"], time.monotonic() - saved["seconds"]
        for name in ("net", "kept", "best"):
            getattr(self, name).load_state_dict(saved[name])
        self._optimiser.load_state_dict(saved["optimiser"])
        self._schedule.load_state_dict(saved["schedule"])
        self._progress.restore(saved["progress"])
        if self.stopped:
            self.step = self.steps
        _LOG.info("goes on at step %d of %d", self.step, self.steps)

    def _stamp(self) -> str:
        """Tells fits of other settings or samples apart."""
        return f"{self._settings} {self._store.key} {self._split.fitting.tolist()} {self._split.validation.tolist()}"


def predict(
    net: PageNet, store: FeatureStore, rows: Sequence[int] | NDArray[np.integer]
) -> dict[str, NDArray[np.float32]]:
    """Return the logits of some rows of a store, float32 (rows, classes) per check."""
    found: dict[str, list[NDArray[np.float32]]] = {check.name: [] for check in CHECKS}
    net.eval()
    device = next(net.parameters()).device
    with torch.no_grad():
        for chunk in np.array_split(np.asarray(rows), max(1, len(rows) // 16)):
            answers = net(_load(store, chunk, device).early)
            for name, parts in found.items():
                parts.append(answers[name].cpu().numpy())
    return {name: np.concatenate(parts) for name, parts in found.items()}


def evidence(
    net: PageNet, store: FeatureStore, rows: Sequence[int] | NDArray[np.integer]
) -> Iterator[NDArray[np.float32]]:
    """Yield the evidence logits of some rows of a store, float32 (channels, rows of cells, columns of cells) each."""
    net.eval()
    device = next(net.parameters()).device
    with torch.no_grad():
        for row in rows:
            yield net(_load(store, np.array([row]), device).early)["evidence"][0].cpu().numpy()


def _load(store: FeatureStore, chosen: NDArray[np.integer], device: torch.device) -> Batch:
    order = np.asarray(chosen)
    early = torch.from_numpy(store.of(order)[EARLY.name]).contiguous(memory_format=torch.channels_last)
    cells = torch.from_numpy(store.cells[order].astype(np.float32))
    codes, weights = _targets(store, order)
    return Batch(early.to(device), codes.to(device), weights.to(device), cells.to(device))


def _targets(store: FeatureStore, rows: NDArray[np.integer]) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.from_numpy(store.codes[rows].astype(np.int64)), torch.from_numpy(store.weights[rows])


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


def _losses(
    answers: Mapping[str, torch.Tensor], batch: Batch, class_weights: Mapping[str, torch.Tensor], cell_weight: float
) -> dict[str, torch.Tensor]:
    """Masked cross-entropy per check, and per cell where something is known of the cell."""
    by_check = _answer_losses(answers, batch.codes, batch.weights, class_weights)
    return by_check | {"cells": cell_weight * _cell_loss(answers["evidence"], batch.cells)}


def _answer_losses(
    answers: Mapping[str, torch.Tensor],
    codes: torch.Tensor,
    weights: torch.Tensor,
    class_weights: Mapping[str, torch.Tensor],
) -> dict[str, torch.Tensor]:
    found = {}
    for column, check in enumerate(CHECKS):
        known = codes[:, column] != UNKNOWN
        truth = codes[known, column]
        each = functional.cross_entropy(answers[check.name][known], truth, reduction="none")
        found[check.name] = (each * class_weights[check.name][truth] * weights[known, column]).sum() / len(codes)
    return found


def _cell_loss(evidence: torch.Tensor, cells: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of marked and of unmarked cells, and of boxes, averaged apart, for marked ones are few."""
    total = evidence.new_zeros(())
    for channel in range(evidence.shape[1]):
        logits, marks = evidence[:, channel], cells[:, channel]
        for mark in (0.0, 1.0):
            chosen = logits[marks == mark]
            if len(chosen):
                total = total + 0.5 * functional.softplus(chosen if mark == 0 else -chosen).mean()
        if bool((marks >= FIRST_BOX).any()):
            total = total + 0.5 * functional.softplus(-_surest_of_boxes(logits, marks)).mean()
    return total / len(CHANNELS)


def _surest_of_boxes(logits: torch.Tensor, marks: torch.Tensor) -> torch.Tensor:
    """The mean of the surest quarter of the cells of every box: so much of it holds what it was drawn around."""
    found = []
    for page, known in zip(logits, marks, strict=True):
        for number in known[known >= FIRST_BOX].unique():
            cells = page[known == number]
            found.append(cells.topk(-(-len(cells) // _BOX_PARTS)).values.mean())
    return torch.stack(found)


def mean_of(nets: Sequence[PageNet], weights: Sequence[float]) -> PageNet:
    """Return the network whose weights are the means of those of others, which began with the same weights.

    Args:
        nets: The networks.
        weights: How much each counts.
    """
    mean = copy.deepcopy(nets[0])
    total = weights[0]
    for net, weight in zip(nets[1:], weights[1:], strict=True):
        total += weight
        for own, other in zip(mean.state_dict().values(), net.state_dict().values(), strict=True):
            if own.is_floating_point():
                own.lerp_(other, weight / total)
    return mean.eval()


def rounded(net: PageNet) -> PageNet:
    """Return the network with what it has learned rounded to half precision, by five in ten thousand at most.

    So it can be kept in half the space and is the same network still, see :mod:`imagefaulty.training.judges`.
    """
    net = copy.deepcopy(net)
    with torch.no_grad():
        for weight in net.parameters():
            if weight.dim() > 1:
                weight.copy_(weight.half())
    return net


def _average(kept: PageNet, net: PageNet, decay: float) -> None:
    with torch.no_grad():
        get_ema_multi_avg_fn(decay)(list(kept.parameters()), list(net.parameters()), None)
        for mean, value in zip(kept.buffers(), net.buffers(), strict=True):
            mean.copy_(value)
