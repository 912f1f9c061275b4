"""Feature maps of all samples, computed once and kept on disk.

The backbone is frozen, so its maps of a sample never change: with them on disk, fitting the heads takes minutes, and
cross-validation costs little. What a kill leaves behind is picked up again.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from imagefaulty.checks import CHECK_NAMES
from imagefaulty.training.cells import CHANNELS
from imagefaulty.training.eye import Eye
from imagefaulty.training.samples import Sample, Studio

_LOG: Final = logging.getLogger(__name__)
_REPORT_EVERY: Final = 200
_STAMP: Final = "store.json"


@dataclass(frozen=True, slots=True, eq=False)
class FeatureStore:
    """Feature maps and targets of samples, as arrays on disk.

    Attributes:
        maps: Per tap float16 (samples, channels, rows, columns).
        codes: int8 (samples, 4): class code per check in wire order, -1 where not known.
        weights: float32 (samples, 4): how much each label counts.
        cells: int8 (samples, evidence channels, rows, columns): see :mod:`imagefaulty.training.cells`.
        done: bool (samples,): which rows are filled.
    """

    maps: Mapping[str, NDArray[np.float16]]
    codes: NDArray[np.int8]
    weights: NDArray[np.float32]
    cells: NDArray[np.int8]
    done: NDArray[np.bool_]

    @property
    def filled(self) -> bool:
        """Whether every row is filled."""
        return bool(self.done.all())


def open_store(
    directory: Path, shapes: Mapping[str, tuple[int, ...]], *, cells: tuple[int, int], samples: int, key: str
) -> FeatureStore:
    """Open a store of feature maps, or make an empty one.

    Args:
        directory: Where the arrays lie. A store there that was made under another key is begun anew.
        shapes: Shape of each map.
        cells: Rows and columns of cells.
        samples: How many samples it holds.
        key: Digest of whatever the maps depend on, see :func:`store_key`.
    """
    directory.mkdir(parents=True, exist_ok=True)
    stamp = directory / _STAMP
    known = stamp.is_file() and json.loads(stamp.read_text(encoding="utf-8")) == key

    def array(name: str, kind: type, *shape: int) -> NDArray[Any]:
        path = directory / f"{name}.npy"
        if known:
            return open_memmap(path, mode="r+")
        return open_memmap(path, mode="w+", dtype=kind, shape=(samples, *shape))

    store = FeatureStore(
        maps={name: array(name, np.float16, *shape) for name, shape in shapes.items()},
        codes=array("codes", np.int8, len(CHECK_NAMES)),
        weights=array("weights", np.float32, len(CHECK_NAMES)),
        cells=array("cells", np.int8, len(CHANNELS), *cells),
        done=array("done", np.bool_),
    )
    stamp.write_text(json.dumps(key), encoding="utf-8")
    return store


def store_key(eye: Path, samples: Sequence[Sample]) -> str:
    """Return a digest of the backbone's graph and the list of samples."""
    digest = hashlib.sha256(eye.read_bytes())
    digest.update(repr(samples).encode())
    return digest.hexdigest()


def fill_store(store: FeatureStore, samples: Sequence[Sample], studio: Studio, eye: Eye) -> None:
    """Compute the rows of a store that are still empty, in order."""
    began = time.monotonic()
    for fresh, index in enumerate(np.flatnonzero(~store.done).tolist(), start=1):
        rendered = studio.render(samples[index])
        for name, values in eye.maps(rendered.image).items():
            store.maps[name][index] = values[0]
        store.codes[index] = rendered.codes
        store.weights[index] = rendered.weights
        store.cells[index] = rendered.cells
        store.done[index] = True
        if fresh % _REPORT_EVERY == 0:
            pace = (time.monotonic() - began) / fresh
            left = int((~store.done).sum())
            _LOG.info("features: %d of %d samples, %.0f min left", len(samples) - left, len(samples), left * pace / 60)
