"""Labelled pages in any of the three forms: a manifest, a tree of folders, a Label Studio export."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from pathlib import Path

from imagefaulty.checks import CHECKS
from imagefaulty.errors import ManifestError, SettingsError
from imagefaulty.training.exports import read_export
from imagefaulty.training.manifest import Manifest, read_manifest
from imagefaulty.training.trees import read_tree


def read_labelled(path: str | Path) -> Manifest:
    """Read labelled pages, whatever form they have.

    Args:
        path: A manifest (CSV) or the folder that holds a ``manifest.csv``; a folder with one folder per class; or a
            Label Studio export (``.json``) that lies in the folder of its images. Where more has to be said, such as
            the check of a tree, :func:`gather` says it, and ``imagefaulty training manifest`` on the command line.

    Raises:
        ManifestError: The pages cannot be used; the message names the line, page or task.
    """
    path = Path(path)
    if path.suffix.lower() == ".json" or (path.is_dir() and not (path / "manifest.csv").is_file()):
        return gather(path)
    return read_manifest(path)


def gather(
    path: str | Path,
    *,
    check: str = "",
    images: str | Path | None = None,
    config: str | Path | None = None,
    source: str = "",
    ignore: Iterable[str] = (),
) -> Manifest:
    """Read a tree of folders or a Label Studio export; see :func:`read_tree` and :func:`read_export`.

    Args:
        path: A folder, or an export (``.json``).
        check: The check that a tree's classes are of, or the only one to take from an export.
        images: Folder of an export's images.
        config: Labelling configuration of an export's project.
        source: Source of pages that name none.
        ignore: Folders or choices that are passed over.

    Raises:
        ManifestError: The pages cannot be used; the message names the page or task.
        SettingsError: An argument is wrong, or does not go with this form.
    """
    path = Path(path)
    if path.is_dir():
        if images or config:
            raise SettingsError(f"{path} is a folder: --images and --config go with a Label Studio export (.json)")
        return read_tree(path, check=check, source=source, ignore=ignore)
    if path.suffix.lower() == ".json":
        return read_export(path, images=images, config=config, check=check, source=source, ignore=ignore)
    raise ManifestError(f"{path}: is neither a folder of class folders nor a Label Studio export (.json); give one")


def summary(manifest: Manifest, path: Path) -> str:
    """Say in a few lines what was found, and which command comes next.

    Args:
        manifest: The pages.
        path: Where the manifest was written to.
    """
    sources = sorted({record.source for record in manifest.records})
    counts = manifest.counts()
    lines = [f"{_count(len(manifest.records), 'page')} of {_count(len(sources), 'source')}"]
    lines += [
        f"{check.name}: " + ", ".join(f"{known[name]} {name}" for name in check.class_names)
        for check in CHECKS
        if (known := counts[check.name])
    ]
    whole = ""
    if len(sources) == 1:
        whole = " --split all"
        lines.append(f"all pages are of one source, {sources[0]!r}, so none can be held out of fitting")
    lines.append(f"next: imagefaulty evaluate embedded {shlex.quote(str(path))}{whole}")
    return "\n".join(lines)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' if number != 1 else ''}"
