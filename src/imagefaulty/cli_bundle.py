"""``imagefaulty bundle ...``: look at model bundles, verify, convert and fetch them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
from cyclopts import App, Parameter

from imagefaulty.bundle import Bundle, load_bundle
from imagefaulty.conversion import convert as convert_bundle
from imagefaulty.errors import BundleDamaged
from imagefaulty.hub import parse_reference
from imagefaulty.hub import pull as pull_bundle
from imagefaulty.network import Network
from imagefaulty.pages import Page
from imagefaulty.published import names_from

bundle_app = App(name="bundle", help="Look at model bundles, verify, convert and fetch them.")

_Directory = Annotated[Path | None, Parameter(env_var=["MODEL_PATH", "MODEL_DIR"])]


@bundle_app.command
def show(directory: _Directory = None, /) -> None:
    """Verify a model bundle and print what is in it; the embedded one if no directory is given."""
    _say(_described(load_bundle(directory, published=names_from(os.environ))))


@bundle_app.command
def verify(directory: _Directory = None, /) -> None:
    """Check every digest, open every graph and run it once; exit status 3 if anything is wrong."""
    bundle = load_bundle(directory, published=names_from(os.environ))
    _say(_trial(bundle))
    _say([f"{bundle.model_version}: whole"])


@bundle_app.command
def convert(
    source: Annotated[Path, Parameter(help="Directory of published graphs, or a bundle.")],
    target: Annotated[Path, Parameter(help="Where to write the new bundle; a new or empty folder.")],
    /,
    *,
    labelled: Annotated[Path | None, Parameter(help="CSV of labelled pages on which to calibrate.")] = None,
) -> None:
    """Write a bundle with a manifest from the published graphs, calibrated on labelled pages."""
    bundle = convert_bundle(source, target, labelled=labelled, published=names_from(os.environ))
    _say(_described(bundle))


@bundle_app.command
def pull(
    reference: Annotated[str, Parameter(help="hf:OWNER/NAME or hf:OWNER/NAME@REVISION")],
    /,
    *,
    to: Annotated[Path | None, Parameter(help="Folder to put it in; the hub's cache if none.")] = None,
) -> None:
    """Fetch a bundle from the Hugging Face Hub (HF_ENDPOINT), verify it, and print the folder where it is."""
    bundle = pull_bundle(parse_reference(reference), target=to, published=names_from(os.environ))
    sys.stderr.write(f"imagefaulty: {bundle.model_version} answers {', '.join(bundle.checks)}\n")
    _say([str(bundle.directory)])


def _say(lines: Iterator[str] | list[str]) -> None:
    sys.stdout.writelines(f"{line}\n" for line in lines)


def _trial(bundle: Bundle) -> Iterator[str]:
    """Run every graph on a grey page and look at what comes out."""
    network = Network(bundle)
    width, height = network.page_size or (224, 224)
    pixels = np.full((height, width, 3), 128, np.uint8)
    page = Page(pixels, index=0, count=1, original_size=(width, height), dpi=None, format="PNG", sha256="")
    scores = network.run(page, evidence=True)
    for check, logits in scores.logits.items():
        if not np.isfinite(logits).all():
            raise BundleDamaged(
                f"{bundle.directory}: {check} answers a grey page with no finite number; train it again"
            )
        yield f"{check}: {len(logits)} classes"
    for graph in bundle.graphs:
        yield f"{graph.file}: SHA-256 {graph.sha256}"


def _described(bundle: Bundle) -> Iterator[str]:
    yield f"name           {bundle.name}"
    yield f"version        {bundle.version}"
    yield f"description    {bundle.description}"
    yield f"model version  {bundle.model_version}"
    yield f"digest         {bundle.digest}"
    yield f"directory      {bundle.directory}"
    for graph in bundle.graphs:
        size_bytes = bundle.path(graph).stat().st_size
        yield f"graph          {graph.file}: {size_bytes / 1e6:.1f} MB, input {graph.input.width}x{graph.input.height}"
        if graph.fallback is not None:
            yield f"  in reserve   {graph.fallback.file}, for processors that compute the other one wrongly"
        yield f"  answers      {', '.join(graph.outputs)}"
        if graph.evidence is not None:
            yield f"  evidence     {', '.join(graph.evidence.channels)}"
    if any(graph.fallback is not None for graph in bundle.graphs):
        yield f"runs here      {', '.join(Network(bundle).files)}"
    for check, spec in bundle.checks.items():
        points = "; ".join(f"{name} no<{pair.no:g} yes>={pair.yes:g}" for name, pair in spec.thresholds.items())
        yield f"check          {check}: temperature {spec.temperature:g}; {points}"
