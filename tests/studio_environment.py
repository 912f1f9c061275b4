"""Where Label Studio is installed: an environment of its own, because its pins and ours exclude each other."""

from __future__ import annotations

import os
import re
from pathlib import Path


def executable() -> Path | None:
    """The ``label-studio`` command: IMAGEFAULTY_LABEL_STUDIO, or the one that `make studio-env` installs."""
    default = Path(__file__).resolve().parent.parent / ".venv-labelstudio" / "bin" / "label-studio"
    command = Path(os.environ.get("IMAGEFAULTY_LABEL_STUDIO") or default)
    return command if command.is_file() else None


def python() -> Path | None:
    """The interpreter that can import ``label_studio_sdk``."""
    command = executable()
    return command.with_name("python") if command else None


def version() -> str | None:
    """The installed version, read from the name of its metadata folder (a process would cost half a second)."""
    command = executable()
    found = command and next(command.parent.parent.glob("lib/python*/site-packages/label_studio-*.dist-info"), None)
    match = found and re.search(r"label_studio-(.+)\.dist-info", found.name)
    return match.group(1) if match else None
