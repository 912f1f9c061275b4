"""One line of the table: what was timed, and by how much ours is ahead."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmarks.timing import Timing


@dataclass(frozen=True, slots=True)
class Row:
    """A scenario and its times.

    Attributes:
        name: The scenario.
        ours: ImageFaulty.
        floor: What nobody can save: decoding alone, the engine alone, one processor alone; None where there is none.
        backend: The reference's Label Studio backend: full decode, four resizes, four networks.
        api: FaultyImageAPI: the same, but decoded in draft mode.
        facts: Other numbers, by name.
        by_clock: Whether ratios are of times by the clock. Else they are of processor time, which is the same on an
            idle machine and does not count what other programs do on a busy one; it knows only this process.
    """

    name: str
    ours: Timing
    floor: Timing | None = None
    backend: Timing | None = None
    api: Timing | None = None
    facts: Mapping[str, float] = field(default_factory=dict)
    by_clock: bool = True

    @property
    def ratios(self) -> dict[str, float]:
        """How many times as long each of the others takes; higher is better for us. The floor is below 1."""
        others = {"floor": self.floor, "backend": self.backend, "api": self.api}
        return {
            name: round(self.measure(other) / self.measure(self.ours), 4)
            for name, other in others.items()
            if other is not None
        }

    def measure(self, timing: Timing) -> float:
        """The time that counts in this row, in ms."""
        return timing.median_ms if self.by_clock else timing.cpu_ms

    def to_dict(self) -> dict[str, Any]:
        """Everything, for JSON."""
        times = {
            name: {key: round(value, 2) for key, value in asdict(timing).items()}
            for name, timing in (
                ("ours", self.ours), ("floor", self.floor), ("backend", self.backend), ("api", self.api)
            )
            if timing is not None
        }  # fmt: skip
        return {
            "name": self.name,
            "times": times,
            "ratios": self.ratios,
            "facts": dict(self.facts),
            "by_clock": self.by_clock,
        }
