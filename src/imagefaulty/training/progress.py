"""How a fit goes: one line of figures per epoch in a file, and their curves as a picture."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

_LOG: Final = logging.getLogger(__name__)
FIGURES: Final = "progress.jsonl"
CURVES: Final = "curves.png"


@dataclass(frozen=True, slots=True)
class Epoch:
    """Figures of one epoch.

    Attributes:
        epoch: Number of the epoch, from 1.
        step: Steps taken so far.
        loss: Mean loss of the epoch's steps.
        validation: Loss per check of the averaged network on pages of sources not fitted on; empty without any.
        rate: Learning rate of the heads at its end.
        seconds: Time since the fit began, without the time between a kill and going on.
    """

    epoch: int
    step: int
    loss: float
    validation: dict[str, float]
    rate: float
    seconds: float


class Progress:
    """Writes ``progress.jsonl`` and ``curves.png`` into a directory, after every epoch.

    Attributes:
        epochs: What was noted so far, as JSON-ready values.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.epochs: list[dict[str, Any]] = []

    def add(self, epoch: Epoch) -> None:
        """Note an epoch."""
        self.epochs.append(asdict(epoch))
        validation = " ".join(f"{name} {loss:.3f}" for name, loss in epoch.validation.items())
        _LOG.info("epoch %d, step %d: loss %.3f; unseen sources: %s", epoch.epoch, epoch.step, epoch.loss, validation)
        self._write()

    def restore(self, epochs: Sequence[dict[str, Any]]) -> None:
        """Take over what was noted before a kill; later lines are dropped."""
        self.epochs = list(epochs)
        self._write()

    def _write(self) -> None:
        lines = "".join(json.dumps(epoch) + "\n" for epoch in self.epochs)
        (self._directory / FIGURES).write_text(lines, encoding="utf-8")
        if self.epochs:
            draw_curves(self.epochs, self._directory / CURVES)


def draw_curves(epochs: Sequence[dict[str, Any]], path: Path) -> None:
    """Draw the losses by epoch: of the fitting, and per check on pages of sources not fitted on."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - a second to import, needed once an epoch
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    numbers = [epoch["epoch"] for epoch in epochs]
    axes.plot(numbers, [epoch["loss"] for epoch in epochs], "k--o", label="fitting, all losses", markersize=3)
    for check in epochs[-1]["validation"]:
        axes.plot(numbers, [epoch["validation"].get(check) for epoch in epochs], "-o", label=check, markersize=3)
    axes.set(xlabel="epoch", ylabel="loss", yscale="log")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend()
    figure.savefig(path, dpi=120)
