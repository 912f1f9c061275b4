"""The commands that make and judge models: ``evaluate``, ``train``, ``training manifest`` and ``training gallery``."""

from __future__ import annotations

import contextlib
import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter, validators

from imagefaulty.errors import SettingsError
from imagefaulty.progress_bar import progress_bar

training_app = App(name="training", help="Gather and look at what models are trained on.")

_Data = Annotated[Path, Parameter(help="Folder with manifest.csv, materials.csv and the pages they list.")]


def evaluate(
    bundle: Annotated[str, Parameter(help="Model bundle; 'embedded' for the one that comes with the package.")],
    manifest: Annotated[Path, Parameter(help="Manifest of labelled pages, tree of folders, or Label Studio export.")],
    /,
    *,
    split: Annotated[
        Literal["held-out", "all"], Parameter(help="Pages of sources that the bundle has not seen, or all pages.")
    ] = "held-out",
    format: Annotated[Literal["text", "json"], Parameter(help="Form of the output.")] = "text",  # noqa: A002 - the flag
    by_source: Annotated[bool, Parameter(help="Also list every source (text form).", negative=())] = False,
    report: Annotated[Path | None, Parameter(help="HTML file to write, with the worst mistakes as pictures.")] = None,
    drawn: Annotated[
        int, Parameter(help="Also draw and judge so many pages of each kind of fault and harmless thing.")
    ] = 0,
    seed: Annotated[int, Parameter(help="The same seed draws the same pages.")] = 0,
    workers: Annotated[int | None, Parameter(help="Pages worked on at once; one per processor if none.")] = None,
) -> None:
    """Inspect labelled pages and say how often the bundle is right, with 95 % intervals."""
    from imagefaulty.training.evaluation import evaluate as run  # noqa: PLC0415 - opens ONNX Runtime

    if report is not None and not report.parent.is_dir():
        raise SettingsError(f"{report}: its folder does not exist; make it, or write the report elsewhere")
    with progress_bar("judged") as watch:
        found = run(
            None if bundle == "embedded" else bundle,
            manifest,
            split=split,
            drawn=drawn,
            seed=seed,
            workers=workers,
            watch=watch,
        )
    if report is not None:
        from imagefaulty.training.report_page import write_page  # noqa: PLC0415 - only reports need it

        write_page(found, report)
        sys.stderr.write(f"imagefaulty: wrote {report}\n")
    if format == "text":
        text = found.to_text(by_source=by_source)
    else:
        text = json.dumps(found.to_dict(), indent=2, ensure_ascii=False)
    sys.stdout.write(text + "\n")


def train(
    data: Annotated[
        Path, Parameter(help="Manifest of labelled pages or its folder, folder of class folders, or export (.json).")
    ],
    /,
    *,
    out: Annotated[Path, Parameter(help="Folder that the bundle is written to.")],
    cache: Annotated[
        Path,
        Parameter(help="Folder for maps, checkpoints, figures, curves and networks; a killed run goes on."),
    ],
    name: Annotated[str, Parameter(help="Name of the model; the name of OUT if none.")] = "",
    epochs: Annotated[
        int | None, Parameter(help="Epochs of 2,400 samples of the first fit; the chosen numbers if none.")
    ] = None,
    watch: Annotated[
        float | None,
        Parameter(
            help="Part of each class, such as 0.08, whose sources are not fitted on but say when to stop.",
            validator=validators.Number(gte=0, lt=1),
        ),
    ] = None,
    seed: Annotated[int, Parameter(help="The same seed gives the same model.")] = 0,
    threads: Annotated[int | None, Parameter(help="Threads; one per processor if none.")] = None,
    take_over: Annotated[
        Path | None,
        Parameter(help="Folder of the networks of an earlier model (docs/judges), taken over instead of fitting any."),
    ] = None,
    further: Annotated[
        bool, Parameter(help="Fit what is taken over further on these pages, and take the mean.", negative=())
    ] = False,
    whole_repository: Annotated[
        bool, Parameter(help="Also judge the repository that counts as many sources with none of it seen.", negative=())
    ] = False,
) -> None:
    """Make a model bundle from labelled pages; needs the ``train`` extra."""
    with _extra():
        from imagefaulty.training import build, recipe  # noqa: PLC0415 - several hundred megabytes that only training needs
    from imagefaulty.training.labelled import read_labelled  # noqa: PLC0415
    from imagefaulty.training.manifest import refuse_unreadable  # noqa: PLC0415

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    pages = read_labelled(data)
    refuse_unreadable(pages)
    chosen = recipe.RECIPE.changed(seed=seed, epochs=epochs, watched=watch)
    path = build.train(
        pages, out, cache, name=name, recipe=recipe.further_fitted(chosen) if further else chosen,
        before=take_over, whole_repository=whole_repository, processes=threads,
    )  # fmt: skip
    sys.stdout.write(f"{path}\n")
    sys.stderr.write(f"next: imagefaulty evaluate {out} {data}\n")


@training_app.command
def manifest(
    pages: Annotated[Path, Parameter(help="Folder with one folder per class, or a Label Studio export (.json).")],
    /,
    *,
    out: Annotated[Path, Parameter(help="Manifest that is written, such as manifest.csv.")],
    check: Annotated[
        str, Parameter(help="Check that the classes are of, or the only one to take from an export.")
    ] = "",
    images: Annotated[Path | None, Parameter(help="Folder of an export's images; the export's own if none.")] = None,
    config: Annotated[Path | None, Parameter(help="Labelling configuration (XML) of an export's project.")] = None,
    source: Annotated[str, Parameter(help="Source of pages that name none, such as the archive.")] = "",
    ignore: Annotated[str, Parameter(help="Folders or choices to pass over, separated by commas.")] = "",
) -> None:
    """Make a manifest of labelled pages from a tree of folders or a Label Studio export."""
    from imagefaulty.training.labelled import gather, summary  # noqa: PLC0415 - reading JSON and XML costs others a start
    from imagefaulty.training.manifest import refuse_unreadable, write_manifest  # noqa: PLC0415

    words = [word.strip() for word in ignore.split(",") if word.strip()]
    found = gather(pages, check=check, images=images, config=config, source=source, ignore=words)
    refuse_unreadable(found)
    write_manifest(found, out)
    sys.stderr.write(summary(found, out) + "\n")
    sys.stdout.write(f"{out}\n")


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
