"""The stem's maps of all samples, computed once, in several processes, and kept on disk.

The stem is frozen, so its maps of a sample never change. With them on disk a pass over the samples neither draws pages
nor runs the costliest part of the network. What a kill leaves behind is picked up again.

Before there is a stem, the pictures themselves are kept of some samples: a thin stem is taught on them.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from imagefaulty.bundle import InputSpec
from imagefaulty.checks import CHECK_NAMES
from imagefaulty.training import added as _added_module
from imagefaulty.training import cells as _cells_module
from imagefaulty.training import faults as _faults_package
from imagefaulty.training import samples as _samples_module
from imagefaulty.training.cells import CHANNELS
from imagefaulty.training.manifest import Manifest
from imagefaulty.training.pools import pool
from imagefaulty.training.samples import Sample, SampleRenderer
from imagefaulty.training.stem import StemSession

_LOG: Final = logging.getLogger(__name__)
_STAMP: Final = "store.json"
#: Name of the pictures in a store that is made without a stem.
PICTURE: Final = "picture"
#: Samples that a process is handed at a time: about four seconds of work.
_CHUNK: Final = 40


@dataclass(frozen=True, slots=True, eq=False)
class FeatureStore:
    """Feature maps and targets of samples, as arrays on disk.

    Attributes:
        maps: Per tap float16 (samples, channels, rows, columns). Of a store without a stem, :data:`PICTURE`: uint8
            (samples, height, width, 3).
        codes: int8 (samples, 4): class code per check in wire order, -1 where not known.
        weights: float32 (samples, 4): how much each label counts.
        cells: int8 (samples, evidence channels, rows, columns): see :mod:`imagefaulty.training.cells`.
        done: bool (samples,): which rows are filled.
        key: Digest of whatever the maps depend on.
    """

    maps: Mapping[str, NDArray[Any]]
    codes: NDArray[np.int8]
    weights: NDArray[np.float32]
    cells: NDArray[np.int8]
    done: NDArray[np.bool_]
    key: str

    def of(self, rows: NDArray[np.integer]) -> dict[str, NDArray[np.float32]]:
        """The maps of some rows, float32 (rows, channels, h, w), by name."""
        return {name: values[rows].astype(np.float32) for name, values in self.maps.items()}

    @property
    def filled(self) -> bool:
        """Whether every row is filled."""
        return bool(self.done.all())


def open_store(
    directory: Path,
    shapes: Mapping[str, tuple[int, ...]],
    *,
    cells: tuple[int, int],
    samples: int,
    key: str,
    kind: type = np.float16,
) -> FeatureStore:
    """Open a store of feature maps, or make an empty one.

    Args:
        directory: Where the arrays lie. A store there that was made under another key is begun anew.
        shapes: Shape of each map.
        cells: Rows and columns of cells.
        samples: How many samples it holds.
        key: Digest of whatever the maps depend on, see :func:`store_key`.
        kind: Type of the maps.
    """
    directory.mkdir(parents=True, exist_ok=True)
    stamp = directory / _STAMP
    known = stamp.is_file() and json.loads(stamp.read_text(encoding="utf-8")) == key

    def array(name: str, kind: type, *shape: int) -> NDArray[Any]:
        path = directory / f"{name}.npy"
        if known:
            return open_memmap(path, mode="r+")
        path.unlink(missing_ok=True)  # a fit that still reads the old maps keeps them
        return open_memmap(path, mode="w+", dtype=kind, shape=(samples, *shape))

    store = FeatureStore(
        maps={name: array(name, kind, *shape) for name, shape in shapes.items()},
        codes=array("codes", np.int8, len(CHECK_NAMES)),
        weights=array("weights", np.float32, len(CHECK_NAMES)),
        cells=array("cells", np.int8, len(CHANNELS), *cells),
        done=array("done", np.bool_),
        key=key,
    )
    if not known:  # last, and only then: other processes may be reading it
        stamp.write_text(json.dumps(key), encoding="utf-8")
    return store


def store_key(stem: Path | None, samples: Sequence[Sample]) -> str:
    """Return a digest of whatever the maps depend on: the stem's graph, the samples, and the code that draws them."""
    digest = hashlib.sha256(stem.read_bytes() if stem else b"")
    digest.update(repr(samples).encode())
    for source in _drawing_code():
        digest.update(source.read_bytes())
    return digest.hexdigest()


def _drawing_code() -> list[Path]:
    """The code that draws, and what was seen on pages afterwards."""
    modules = [Path(each.__file__) for each in (_samples_module, _cells_module, _added_module) if each.__file__]
    files = [_added_module.ADDED_FILE, _added_module.PLACES_FILE]
    return [*modules, *files, *sorted(Path(_faults_package.__path__[0]).glob("*.py"))]


@dataclass(frozen=True, slots=True, eq=False)
class Rendering:
    """What a process needs to carry samples out.

    Attributes:
        manifest: The labelled pages.
        folds: Fold of every page.
        spec: How a page becomes the input.
        cells: Rows and columns of cells.
        stem: Graph of the stem; None where pictures are to be kept.
        directory: Where the store lies.
        key: Its key.
        samples: All samples.
    """

    manifest: Manifest
    folds: Sequence[int]
    spec: InputSpec
    cells: tuple[int, int]
    stem: Path | None
    directory: Path
    key: str
    samples: Sequence[Sample]

    def open(self) -> FeatureStore:
        """Open the store, or make an empty one."""
        pictures = {PICTURE: (self.spec.height, self.spec.width, 3)}
        shapes = StemSession(self.stem).shapes if self.stem else pictures
        kind = np.float16 if self.stem else np.uint8
        return open_store(self.directory, shapes, cells=self.cells, samples=len(self.samples), key=self.key, kind=kind)


class _Renderer:
    """One process's share of the work."""

    def __init__(self, rendering: Rendering) -> None:
        rows, columns = rendering.cells
        self._samples = rendering.samples
        self._store = rendering.open()
        self._stem = StemSession(rendering.stem) if rendering.stem else None
        self._sample_renderer = SampleRenderer(
            rendering.manifest, rendering.folds, rendering.spec, rows=rows, columns=columns
        )

    def fill(self, rows: Sequence[int]) -> int:
        for row in rows:
            rendered = self._sample_renderer.render(self._samples[row])
            maps = self._stem.maps(rendered.image) if self._stem else {PICTURE: rendered.image}
            for name, values in maps.items():
                self._store.maps[name][row] = values[0]
            self._store.codes[row] = rendered.codes
            self._store.weights[row] = rendered.weights
            self._store.cells[row] = rendered.cells
            self._store.done[row] = True
        return len(rows)


_renderer: _Renderer | None = None  # of this process; a pool has no other place to keep it between its tasks


def _begin(rendering: Rendering) -> None:
    global _renderer  # noqa: PLW0603 - see above
    _renderer = _Renderer(rendering)


def _fill(rows: Sequence[int]) -> int:
    if _renderer is None:  # pragma: no cover - the pool starts every process with _begin
        raise RuntimeError("the process was not set up")
    return _renderer.fill(rows)


def fill_store(rendering: Rendering, *, processes: int | None = None) -> FeatureStore:
    """Compute the rows of a store that are still empty, and return the store.

    Args:
        rendering: The samples and the store.
        processes: How many processes; one per processor if None.
    """
    store = rendering.open()
    empty = np.flatnonzero(~store.done).tolist()
    if not empty:
        return store
    began, made = time.monotonic(), 0
    chunks = [empty[start : start + _CHUNK] for start in range(0, len(empty), _CHUNK)]
    count = min(processes or os.cpu_count() or 1, len(chunks))
    with pool(count, _begin, rendering) as renderers:
        for number, chunk in enumerate(as_completed([renderers.submit(_fill, rows) for rows in chunks]), start=1):
            made += chunk.result()
            if number % 10 == 0 or number == len(chunks):
                left = (time.monotonic() - began) / made * (len(empty) - made) / 60
                what = "maps" if rendering.stem else "pictures"
                _LOG.info("%s: %d of %d samples, %.0f min left", what, made, len(empty), left)
    return store
