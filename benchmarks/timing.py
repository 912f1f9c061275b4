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
        cpu_ms: Median of the processor time that this process used, in ms; on a busy machine steadier than the clock.
    """

    median_ms: float
    best_ms: float
    cpu_ms: float


def interleaved(steps: Mapping[str, Callable[[], object]], *, rounds: int, warm_up: int = 1) -> dict[str, Timing]:
    """Time steps.

    Args:
        steps: What to run, by name.
        rounds: How often each is timed.
        warm_up: Rounds before those, not counted.
    """
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in steps}
    gc.disable()
    try:
        for number in range(warm_up + rounds):
            for name, step in steps.items():
                start, cpu = time.perf_counter(), time.process_time()
                step()
                elapsed = time.perf_counter() - start, time.process_time() - cpu
                if number >= warm_up:
                    times[name].append(elapsed)
            gc.collect()
    finally:
        gc.enable()
    return {name: _timing(values) for name, values in times.items()}


def _timing(values: list[tuple[float, float]]) -> Timing:
    clock = [1000 * wall for wall, _ in values]
    return Timing(median(clock), min(clock), median(1000 * cpu for _, cpu in values))
