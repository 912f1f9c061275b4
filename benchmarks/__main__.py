"""Compare with the decode floor and the reference pipeline in one run, and print ratios."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.page import benchmark_page
from benchmarks.pipeline import steps
from benchmarks.reference import PREPROCESSING
from benchmarks.reference_models import reference_models
from benchmarks.report import as_json, as_table
from benchmarks.timing import interleaved
from imagefaulty.inspection import Inspector

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: The files in which the reference system publishes its graphs.
_FILES = {
    "post_it": "post_it_model.onnx",
    "corner": "corner_model.onnx",
    "empty": "empty_v5_24_08_23.onnx",
    "writing_type": "writing_type_v1.onnx",
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark."""
    chosen = _parser().parse_args(arguments)
    inspector = Inspector.load(chosen.bundle, threads=1)
    data, page = (chosen.page.read_bytes(), str(chosen.page)) if chosen.page else benchmark_page()
    models = _read_models(chosen.reference_models) if chosen.reference_models else reference_models()
    timings = interleaved(steps(data, inspector, models), rounds=chosen.rounds)
    report = as_json(
        timings, page=page, page_bytes=len(data), model=inspector.bundle.model_version, rounds=chosen.rounds
    )
    sys.stdout.write((json.dumps(report, indent=2) if chosen.json else as_table(report)) + "\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="how often each step is timed (15)")
    parser.add_argument("--bundle", type=Path, help="directory of the bundle to measure (the embedded one)")
    parser.add_argument("--page", type=Path, help="JPEG to measure with (an A4 page at 300 dpi is made)")
    parser.add_argument("--reference-models", type=Path, help="directory of the published graphs (same-cost ones)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    return parser


def _read_models(folder: Path) -> Mapping[str, bytes]:
    return {check: (folder / _FILES[check]).read_bytes() for check in PREPROCESSING}


if __name__ == "__main__":
    main()
