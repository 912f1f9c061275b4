"""Runs that are kept, and the comparison with the last of them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FOLDER = Path(__file__).parent / "history"
#: A ratio may fall by this share before it counts: medians of 20 rounds on a shared machine differ by half of it.
TOLERANCE = 0.15


def record(report: Mapping[str, Any], folder: Path = FOLDER) -> Path:
    """Keep a run; the file is named after the time."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{datetime.now(UTC):%Y-%m-%dT%H%M%S}.json"
    path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return path


def latest(folder: Path = FOLDER) -> dict[str, Any]:
    """The last run that was kept.

    Raises:
        FileNotFoundError: None was.
    """
    return _kept(folder)[-1]


def baseline(report: Mapping[str, Any], folder: Path = FOLDER) -> dict[str, Any]:
    """The last run that was kept of the same page on the same kind of processor, or else the last of all.

    Raises:
        FileNotFoundError: None was kept.
    """
    kept = _kept(folder)
    alike = [run for run in kept if _circumstances(run) == _circumstances(report)]
    return (alike or kept)[-1]


def _kept(folder: Path) -> list[dict[str, Any]]:
    paths = sorted(folder.glob("*.json"))
    if not paths:
        raise FileNotFoundError(f"{folder} holds no runs; record one with --record")
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths]


def _circumstances(run: Mapping[str, Any]) -> tuple[object, ...]:
    machine = run.get("machine", {})
    return run.get("page"), machine.get("cpu"), machine.get("cores")


def fallen(report: Mapping[str, Any], baseline: Mapping[str, Any]) -> Iterator[str]:
    """Say which ratios fell by more than the tolerance; rows that only one run has are left out."""
    before = {row["name"]: row["ratios"] for row in baseline["rows"]}
    for row in report["rows"]:
        for name, ratio in row["ratios"].items():
            was = before.get(row["name"], {}).get(name)
            if was is not None and ratio < was * (1 - TOLERANCE):
                yield f"{row['name']}: {name}/ours fell from {was:.3g} to {ratio:.3g}"
