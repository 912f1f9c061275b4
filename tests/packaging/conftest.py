"""What is built once for all tests of packaging: the two distributions, and an environment with one of them."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY


@dataclass(frozen=True, slots=True)
class Distributions:
    """What is published.

    Attributes:
        wheel: The wheel, built from the source distribution.
        source: The source distribution.
    """

    wheel: Path
    source: Path


@dataclass(frozen=True, slots=True)
class Installed:
    """An environment with nothing but the wheel and the pinned versions in it.

    Attributes:
        folder: Its programs.
        environment: Variables to run them with: nothing of the checkout's.
    """

    folder: Path
    environment: dict[str, str]


@pytest.fixture(scope="session")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Distributions:
    """Both, as ``python -m build`` makes them, with the build backend that is installed."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(REPOSITORY)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,), (source,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return Distributions(wheel, source)


@pytest.fixture(scope="session")
def installed(distributions: Distributions, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheel in a fresh environment."""
    folder = tmp_path_factory.mktemp("clean") / "env"
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    pins = REPOSITORY / "requirements" / "runtime.txt"
    command = [str(python), "-m", "pip", "install", "--quiet", "--constraint", str(pins), str(distributions.wheel)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    kept = {name: os.environ[name] for name in ("HOME", "LANG", "PATH") if name in os.environ}
    return Installed(folder / "bin", kept)
