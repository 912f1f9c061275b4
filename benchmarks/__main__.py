"""Compare with the decode floor and the reference pipeline in one run, and print ratios."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import history
from benchmarks.folder import folder_rows
from benchmarks.inputs import inputs
from benchmarks.pages import all_cores_rows, page_rows
from benchmarks.processes import cold_row, serving_rows
from benchmarks.reference import PREPROCESSING, ReferencePipeline
from benchmarks.reference_models import reference_models
from benchmarks.report import about, as_json, as_line, heading
from imagefaulty.inspection import Inspector

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from benchmarks.inputs import Input
    from benchmarks.row import Row

#: The files in which the reference system publishes its graphs.
_FILES = {
    "post_it": "post_it_model.onnx",
    "corner": "corner_model.onnx",
    "empty": "empty_v5_24_08_23.onnx",
    "writing_type": "writing_type_v1.onnx",
}
_GROUPS = ("pages", "cores", "processes", "folder")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; 1 if a ratio fell."""
    chosen = _parser().parse_args(arguments)
    if chosen.quick:
        chosen.rounds = 1
    if chosen.check:
        history.latest()  # says at once, and not after half an hour, that none was kept
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # with it every start compiles what an installation does once
    inspector = Inspector.load(chosen.bundle, threads=1)
    with tempfile.TemporaryDirectory() as folder:
        page, files = inputs(chosen.page, scale=4 if chosen.quick else 1)
        run = about(inspector, page=page, rounds=chosen.rounds)
        rows = []
        if not chosen.json:
            print(heading(run), flush=True)
        for row in _rows(chosen, inspector, files, Path(folder)):
            rows.append(row)
            if not chosen.json:
                print(as_line(row), flush=True)
    report = as_json(run, rows)
    if chosen.json:
        print(json.dumps(report, indent=1))
    if chosen.record:
        print(f"kept as {history.record(report)}", file=sys.stderr)
    worse = list(history.fallen(report, history.baseline(report))) if chosen.check else []
    for each in worse:
        print(each, file=sys.stderr)
    return 1 if worse else 0


def _rows(chosen: argparse.Namespace, inspector: Inspector, files: Sequence[Input], folder: Path) -> Iterator[Row]:
    models = _read_models(chosen.reference_models) if chosen.reference_models else reference_models()
    reference = ReferencePipeline(models)
    page = folder / "page.jpg"
    page.write_bytes(files[0].data)
    if "pages" in chosen.only:
        yield from page_rows(files, inspector, reference, rounds=chosen.rounds)
    if "cores" in chosen.only:
        yield from all_cores_rows(
            (files[0], files[-1]) if chosen.quick else files, inspector, reference, rounds=chosen.rounds
        )
    if "processes" in chosen.only:
        tasks = (1, 3) if chosen.quick else (1, 30, 1500)
        yield cold_row(page, chosen.bundle, rounds=chosen.rounds)
        yield from serving_rows(page, chosen.bundle, inspector, reference, rounds=chosen.rounds, tasks=tasks)
    if "folder" in chosen.only:
        yield from folder_rows(files[0].data, folder, inspector, pages=4 if chosen.quick else 500)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=21, help="how often each step is timed (21)")
    parser.add_argument("--quick", action="store_true", help="small pages, one round: shows that it runs, not how fast")
    parser.add_argument("--only", nargs="+", choices=_GROUPS, default=_GROUPS, help="groups of scenarios (all)")
    parser.add_argument("--bundle", type=Path, help="directory of the bundle to measure (the embedded one)")
    parser.add_argument("--page", type=Path, help="JPEG to measure with (an A4 page at 300 dpi is made)")
    parser.add_argument("--reference-models", type=Path, help="directory of the published graphs (same-cost ones)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--record", action="store_true", help=f"keep the run in {history.FOLDER.name}/")
    parser.add_argument("--check", action="store_true", help="fail where a ratio fell by 15 %% since the last kept run")
    return parser


def _read_models(folder: Path) -> Mapping[str, bytes]:
    return {check: (folder / _FILES[check]).read_bytes() for check in PREPROCESSING}


if __name__ == "__main__":
    sys.exit(main())
