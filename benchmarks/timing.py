"""Interleaved timing: one run of everything per round, so that a slow moment of the machine hits all alike."""

from __future__ import annotations

import gc
import time
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True, slots=True)
class Timing:
    """Times of one step over all rounds.

    Attributes:
        median_ms: The median, in ms.
        best_ms: The quickest, in ms.
    """

    median_ms: float
    best_ms: float


def interleaved(steps: Mapping[str, Callable[[], object]], *, rounds: int, warm_up: int = 2) -> dict[str, Timing]:
    """Time steps.

    Args:
        steps: What to run, by name.
        rounds: How often each is timed.
        warm_up: Rounds before those, not counted.
    """
    times: dict[str, list[float]] = {name: [] for name in steps}
    gc.disable()
    try:
        for number in range(warm_up + rounds):
            for name, step in steps.items():
                start = time.perf_counter()
                step()
                elapsed = time.perf_counter() - start
                if number >= warm_up:
                    times[name].append(1000 * elapsed)
            gc.collect()
    finally:
        gc.enable()
    return {name: Timing(median(values), min(values)) for name, values in times.items()}
