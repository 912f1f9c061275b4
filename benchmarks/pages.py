"""One page at a time, in every format, on one thread and then one page per processor."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from benchmarks.row import Row
from benchmarks.timing import interleaved

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from benchmarks.inputs import Input
    from benchmarks.reference import ReferencePipeline
    from imagefaulty.inspection import Inspector

#: Pages that are worked on side by side per processor in one measurement.
_BATCH = 2


def page_rows(
    files: Sequence[Input], inspector: Inspector, reference: ReferencePipeline, *, rounds: int
) -> Iterator[Row]:
    """Time each file on one thread."""
    for each in files:
        yield _row(each.name, _steps(each, inspector, reference), rounds, by_clock=False)


def all_cores_rows(
    files: Sequence[Input], inspector: Inspector, reference: ReferencePipeline, *, rounds: int
) -> Iterator[Row]:
    """Time a batch of each file on all processors, pages side by side."""
    workers = os.cpu_count() or 1
    with ThreadPoolExecutor(workers) as pool:

        def side_by_side(step: Callable[[], object]) -> Callable[[], object]:
            return lambda: list(pool.map(lambda _: step(), range(_BATCH * workers)))

        for file in files:
            steps = {name: side_by_side(step) for name, step in _steps(file, inspector, reference).items()}
            if not file.threads:
                del steps["floor"]
            yield _row(f"{file.name}, {_BATCH * workers} on {workers} cores", steps, rounds, by_clock=True)


def _steps(file: Input, inspector: Inspector, reference: ReferencePipeline) -> dict[str, Callable[[], object]]:
    def ours() -> None:
        finding = inspector.inspect(file.data, name=file.name)
        if not finding.ok:
            raise RuntimeError(f"{file.name}: {finding.failure}")

    steps: dict[str, Callable[[], object]] = {"floor": file.decode, "ours": ours}
    if file.raster:
        steps |= {"backend": lambda: reference.backend(file.data), "api": lambda: reference.api(file.data)}
    return steps


def _row(name: str, steps: dict[str, Callable[[], object]], rounds: int, *, by_clock: bool) -> Row:
    timings = interleaved(steps, rounds=rounds)
    return Row(
        name, timings["ours"], timings.get("floor"), timings.get("backend"), timings.get("api"), by_clock=by_clock
    )
