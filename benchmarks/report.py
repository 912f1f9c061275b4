"""Rows as a table for people and as JSON for comparisons between versions."""

from __future__ import annotations

import os
import platform
from typing import TYPE_CHECKING, Any

import onnxruntime
import PIL

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from benchmarks.row import Row
    from imagefaulty.inspection import Inspector

SCHEMA = "imagefaulty.benchmark/2"


def about(inspector: Inspector, *, page: str, rounds: int) -> dict[str, Any]:
    """What a run was made with."""
    return {
        "schema": SCHEMA,
        "page": page,
        "model": inspector.bundle.model_version,
        "files": list(inspector.files),
        "rounds": rounds,
        "machine": {"cpu": _cpu(), "cores": os.cpu_count(), "python": platform.python_version()},
        "versions": {"onnxruntime": onnxruntime.__version__, "pillow": PIL.__version__},
    }


def as_json(run: Mapping[str, Any], rows: Sequence[Row]) -> dict[str, Any]:
    """The run and its rows."""
    return {**run, "rows": [row.to_dict() for row in rows]}


def heading(run: Mapping[str, Any]) -> str:
    """What stands above the rows."""
    return (
        f"{run['page']}; model {run['model']} ({', '.join(run['files'])})\n"
        f"{run['machine']['cpu']}, {run['machine']['cores']} cores; "
        f"medians of {run['rounds']} interleaved rounds, ms; by the (c)lock or in (p)rocessor time\n\n"
        f"{'':<36}{'floor':>9}{'ours':>10}{'backend':>11}{'API':>10}{'ours/floor':>13}{'backend/ours':>14}{'API/ours':>10}"
    )


def as_line(row: Row) -> str:
    """One row of the table."""
    ratios = row.ratios
    cells = [
        f"{row.name:<34}{'c' if row.by_clock else 'p':<2}",
        *(
            _number(None if timing is None else row.measure(timing), width)
            for timing, width in ((row.floor, 9), (row.ours, 10), (row.backend, 11), (row.api, 10))
        ),
        _number(1 / ratios["floor"] if "floor" in ratios else None, 13, 2),
        _number(ratios.get("backend"), 14),
        _number(ratios.get("api"), 10),
    ]
    return "".join(cells) + "".join(_facts(row))


def _number(value: float | None, width: int, digits: int = 1) -> str:
    return f"{'-':>{width}}" if value is None else f"{value:>{width}.{digits}f}"


def _facts(row: Row) -> Iterator[str]:
    if "resident_mb" in row.facts:
        yield f"  {row.facts['resident_mb']:.0f} MB resident"
    if "pages_a_day" in row.facts:
        yield f"  {row.facts['pages_a_day'] / 1e6:.2f} million pages a day"
        yield f", {row.facts['cores_to_be_had']:.2f} cores to be had"


def _cpu() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:  # noqa: PTH123  a device, not a file
            return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
