"""Times as a table for people and as JSON for comparisons between versions."""

from __future__ import annotations

import os
import platform
from typing import TYPE_CHECKING, Any

import onnxruntime
import PIL

from benchmarks.pipeline import FLOOR

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmarks.timing import Timing

_STEPS = ("decode", "resize", "network", "all")


def as_json(timings: Mapping[str, Timing], *, page: str, page_bytes: int, model: str, rounds: int) -> dict[str, Any]:
    """Everything about a run: the page, the machine, medians, ratios."""
    medians = _by_step(timings)
    floor = timings[FLOOR].median_ms
    return {
        "schema": "imagefaulty.benchmark/1",
        "page": page,
        "page_bytes": page_bytes,
        "model": model,
        "rounds": rounds,
        "machine": {"cpu": _cpu(), "cores": os.cpu_count(), "python": platform.python_version()},
        "versions": {"onnxruntime": onnxruntime.__version__, "pillow": PIL.__version__},
        "decode_floor_ms": round(floor, 2),
        "ours_ms": {step: round(medians["ours"][step], 2) for step in _STEPS},
        "reference_ms": {step: round(medians["reference"][step], 2) for step in _STEPS},
        "times_faster_than_reference": round(medians["reference"]["all"] / medians["ours"]["all"], 2),
        "times_the_decode_floor": round(medians["ours"]["all"] / floor, 2),
    }


def as_table(report: Mapping[str, Any]) -> str:
    """The report in words and columns."""
    ours, reference = report["ours_ms"], report["reference_ms"]
    lines = [
        f"{report['page']}, A4 at 300 dpi, JPEG, {report['page_bytes'] / 1e6:.2f} MB; model {report['model']}",
        f"one process, one thread, medians of {report['rounds']} interleaved rounds; {report['machine']['cpu']}",
        "",
        f"{'ms per page':<24}{'ImageFaulty':>12}{'reference':>12}{'ratio':>9}",
        f"{'decode floor':<24}{report['decode_floor_ms']:>12.1f}",
        *(
            f"{step:<24}{ours[step]:>12.1f}{reference[step]:>12.1f}{reference[step] / max(ours[step], 0.01):>8.1f}x"
            for step in _STEPS
        ),
        "",
        f"{report['times_faster_than_reference']:.1f} times as fast as the reference pipeline",
        f"{report['times_the_decode_floor']:.1f} times the decode floor",
    ]
    return "\n".join(lines)


def _by_step(timings: Mapping[str, Timing]) -> dict[str, dict[str, float]]:
    """Medians by pipeline and step. Our network resizes inside its run, so its own share is a difference."""
    table: dict[str, dict[str, float]] = {"ours": {}, "reference": {}}
    for name, timing in timings.items():
        pipeline, _, step = name.partition(": ")
        if pipeline in table:
            table[pipeline][step] = timing.median_ms
    ours = table["ours"]
    ours["network"] = ours.pop("resize and network") - ours["resize"]
    return table


def _cpu() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:  # noqa: PTH123  a device, not a file
            return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
