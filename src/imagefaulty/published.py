"""The four ONNX files that the DALAI project published, in a directory without a manifest.

What the files do not say themselves, input normalisation and class order, is written down here; it is the
preprocessing with which they were trained and published. Names and sizes of inputs and outputs are read from the
files.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import onnxruntime as ort

from imagefaulty._manifest import digest_of
from imagefaulty.bundle import Bundle, CheckSpec, GraphSpec, InputSpec, OutputSpec, ResizeFilter, Thresholds
from imagefaulty.checks import CHECK_NAMES, CheckName, check_named
from imagefaulty.errors import BundleDamaged, BundleNotFound

_log: Final = logging.getLogger(__name__)

_SIDE_PX: Final = 224
_RANK: Final = 4
_CHANNELS: Final = 3
_ERRORS_ONLY: Final = 3
#: The published graphs are not calibrated, so the middle is left to people; "argmax" is what the original decides.
_THRESHOLDS: Final[Mapping[str, Thresholds]] = {
    "balanced": Thresholds(no=0.25, yes=0.75),
    "argmax": Thresholds(no=0.5, yes=0.5),
}


@dataclass(frozen=True, slots=True)
class Published:
    """What must be known of one published file.

    Attributes:
        file: Its published name.
        variable: Environment variable that gives it another name.
        filter: Resampling filter with which a page is squashed to the input's size.
        mean: Per-channel mean on the 0-1 scale.
        std: Per-channel standard deviation on the 0-1 scale.
        classes: Class names in the order of the logits.
    """

    file: str
    variable: str
    filter: ResizeFilter
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    classes: tuple[str, ...]


#: The published files by check.
PUBLISHED: Final[Mapping[CheckName, Published]] = {
    "writing_type": Published(
        file="writing_type_v1.onnx",
        variable="WRITING_TYPE_MODEL",
        filter="bicubic",
        mean=(0.882, 0.883, 0.899),
        std=(0.088, 0.089, 0.094),
        classes=check_named("writing_type").class_names,
    ),
    "post_it": Published(
        file="post_it_model.onnx",
        variable="POST_IT_MODEL",
        filter="bilinear",
        mean=(0.0, 0.0, 0.0),
        std=(1.0, 1.0, 1.0),
        classes=check_named("post_it").class_names,
    ),
    "corner": Published(
        file="corner_model.onnx",
        variable="CORNER_MODEL",
        filter="bilinear",
        mean=(0.0, 0.0, 0.0),
        std=(1.0, 1.0, 1.0),
        classes=check_named("corner").class_names,
    ),
    "empty": Published(
        file="empty_v5_24_08_23.onnx",
        variable="EMPTY_MODEL",
        filter="bicubic",
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
        classes=check_named("empty").class_names[::-1],  # this one was trained with 0 = empty
    ),
}


def names_from(environment: Mapping[str, str]) -> dict[CheckName, str]:
    """Return the file names that environment variables give, by check.

    Args:
        environment: E.g. ``os.environ``; empty values count as missing.
    """
    return {check: name for check, each in PUBLISHED.items() if (name := environment.get(each.variable))}


def published_bundle(home: Path, names: Mapping[CheckName, str]) -> Bundle | None:
    """Describe a directory of published files as a bundle.

    Args:
        home: The directory.
        names: File names that differ from the published ones, by check; a path inside or outside the directory will
            do.

    Returns:
        The bundle, which answers the checks whose files are there; None where there is no file at all.

    Raises:
        BundleNotFound: A file under a name of its own is missing.
        BundleDamaged: A file is not an ONNX graph of the right shape.
    """
    files = {check: path for check in CHECK_NAMES if (path := _file(home, check, names)) is not None}
    if not files:
        return None
    if missing := [check for check in CHECK_NAMES if check not in files]:
        _log.warning("%s: no file for %s; the others are served", home, ", ".join(missing))
    graphs = tuple(_graph(check, path) for check, path in files.items())
    digests = "".join(f"{check} {graph.sha256}\n" for check, graph in zip(files, graphs, strict=True))
    return Bundle(
        name="dalai",
        version="published",
        description="Graphs published by the DALAI project, with the preprocessing they were trained with.",
        digest=hashlib.sha256(digests.encode()).hexdigest(),
        directory=home,
        graphs=graphs,
        checks={check: CheckSpec(temperature=1.0, thresholds=_THRESHOLDS) for check in files},
    )


def _file(home: Path, check: CheckName, names: Mapping[CheckName, str]) -> Path | None:
    default = PUBLISHED[check].file
    path = home / names.get(check, default)
    if path.is_file():
        return path
    if names.get(check, default) == default:
        return None
    raise BundleNotFound(f"{path}: no such file; correct {PUBLISHED[check].variable} or unset it to use {default}")


def _graph(check: CheckName, path: Path) -> GraphSpec:
    known = PUBLISHED[check]
    source, target = _ends(path)
    height, width = _input_size(path, source.shape)
    classes = target.shape[-1] if target.shape else None
    if isinstance(classes, int) and classes != len(known.classes):
        raise BundleDamaged(
            f"{path}: its output has {classes} classes, but {check} has {len(known.classes)}; "
            f"is this another file under that name? (see {known.variable})"
        )
    return GraphSpec(
        file=path.name,
        sha256=digest_of(path),
        input=InputSpec(
            name=source.name,
            width=width,
            height=height,
            layout="nchw-float32",
            filter=known.filter,
            decode="full",
            mean=known.mean,
            std=known.std,
        ),
        outputs={check: OutputSpec(target.name, known.classes)},
        directory=path.parent,
    )


def _ends(path: Path) -> tuple[ort.NodeArg, ort.NodeArg]:
    """Return the one input and the first output of a graph, without spending time on optimising it."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = _ERRORS_ONLY
    try:
        session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # noqa: BLE001 - ONNX Runtime raises a dozen unrelated types for a bad file
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BundleDamaged(f"{path}: is not an ONNX graph that loads ({reason}); fetch it again") from None
    if len(session.get_inputs()) != 1 or not session.get_outputs():
        raise BundleDamaged(f"{path}: has {len(session.get_inputs())} inputs, not one; is it one of the four graphs?")
    return session.get_inputs()[0], session.get_outputs()[0]


def _input_size(path: Path, shape: list[int | str | None]) -> tuple[int, int]:
    """Return (height, width) of an input of shape (n, 3, height, width); free sides are as published."""
    if len(shape) != _RANK or (isinstance(shape[1], int) and shape[1] != _CHANNELS):
        raise BundleDamaged(f"{path}: its input has the shape {shape}, not (n, 3, height, width)")
    height, width = (side if isinstance(side, int) else _SIDE_PX for side in shape[2:])
    return height, width
