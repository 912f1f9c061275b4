"""The commands that make and judge models: ``evaluate``, ``train`` and ``training gallery``."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from imagefaulty.errors import SettingsError

training_app = App(name="training", help="Look at what models are trained on.")

_Data = Annotated[Path, Parameter(help="Folder with manifest.csv, materials.csv and the pages they list.")]


def evaluate(
    bundle: Annotated[str, Parameter(help="Model bundle; 'embedded' for the one that comes with the package.")],
    manifest: Annotated[Path, Parameter(help="Manifest of labelled pages, or the folder that holds manifest.csv.")],
    /,
    *,
    split: Annotated[
        Literal["held-out", "all"], Parameter(help="Pages of sources that the bundle has not seen, or all pages.")
    ] = "held-out",
    format: Annotated[Literal["text", "json"], Parameter(help="Form of the output.")] = "text",  # noqa: A002 - the flag
) -> None:
    """Inspect labelled pages and say how often the bundle is right, with 95 % intervals."""
    from imagefaulty.training.evaluation import evaluate as run  # noqa: PLC0415 - opens ONNX Runtime

    report = run(None if bundle == "embedded" else bundle, manifest, split=split)
    text = report.to_text() if format == "text" else json.dumps(report.to_dict(), indent=2, ensure_ascii=False)
    sys.stdout.write(text + "\n")


def train(
    data: _Data,
    /,
    *,
    out: Annotated[Path, Parameter(help="Folder that the bundle is written to.")],
    cache: Annotated[Path, Parameter(help="Folder for feature maps and stages, so that a kill costs little.")],
    epochs: Annotated[int | None, Parameter(help="Passes over the pages; the chosen number if none.")] = None,
    threads: Annotated[int | None, Parameter(help="Threads; one per processor if none.")] = None,
    cross_validate: Annotated[bool, Parameter(help="Also fit without each fold of sources in turn.", negative=())] = (
        False
    ),
) -> None:
    """Make a model bundle from labelled pages; needs the ``train`` extra."""
    with _extra():
        import torch  # noqa: PLC0415 - several hundred megabytes that only training needs

        from imagefaulty.training import build, fit  # noqa: PLC0415
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(threads or os.cpu_count() or 1)
    settings = fit.FitSettings() if epochs is None else fit.FitSettings(epochs=epochs)
    path = build.train(data, out, cache, settings=settings, cross_validate=cross_validate)
    sys.stdout.write(f"{path}\n")


@training_app.command
def gallery(
    out: Annotated[Path, Parameter(help="Folder that the contact sheets are written to.")],
    /,
    *,
    data: Annotated[Path | None, Parameter(help="Folder of labelled pages; made-up pages if none.")] = None,
    seed: Annotated[int, Parameter(help="The same seed draws the same pages.")] = 0,
    per_kind: Annotated[int, Parameter(help="Pages on each sheet.")] = 12,
) -> None:
    """Draw a contact sheet of every kind of synthetic page; needs the ``train`` extra."""
    with _extra():
        from imagefaulty.training.faults.gallery import gallery as draw  # noqa: PLC0415 - needs OpenCV
    for path in draw(out, data=data, seed=seed, per_kind=per_kind):
        sys.stdout.write(f"{path}\n")


@contextlib.contextmanager
def _extra() -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise SettingsError(
            f"this needs the package {error.name}; install it with: pip install 'imagefaulty[train]'"
        ) from None
