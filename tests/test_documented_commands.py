"""The commands and examples of the README and of docs/ work: each is run in a folder with a few scans in it.

Commands stand in blocks marked ``console``, and Python examples in blocks marked ``python``.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

from tests.console import Command, commands
from tests.published_models import write_published

REPOSITORY = Path(__file__).resolve().parent.parent
DOCUMENTS = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]

#: Beginnings of commands that are not run here, each with the reason.
NOT_RUN = {
    "git clone": "needs the network; these tests run in the clone",
    "cd ": "each command runs in a folder of its own",
    "make": "sets up what these tests run in, runs them, or takes long",
    "pip install": "changes the environment",
    "imagefaulty serve": "does not end; the integration tests start it",
    "label-studio": "does not end; the integration tests start it",
    "curl": "needs the running server; tests/service asks it the same",
    "python -m imagefaulty.training": "takes hours",
}

COMMANDS = [
    pytest.param(command, id=f"{path.name}: {command.text}")
    for path in DOCUMENTS
    for command in commands(path.read_text(encoding="utf-8"))
    if not command.text.startswith(tuple(NOT_RUN))
]
_PYTHON = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
# A document's examples continue each other, so they are run as one program.
PROGRAMS = [
    pytest.param("\n".join(examples), id=path.name)
    for path in DOCUMENTS
    if (examples := _PYTHON.findall(path.read_text(encoding="utf-8")))
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder like a reader's: ``scan.jpg``, ``scans/`` with two pages, ``letters.pdf``, published ``models/``."""
    page = Image.new("RGB", (1240, 1754), (244, 240, 228))
    pen = ImageDraw.Draw(page)
    for line in range(35):
        pen.text((140, 150 + 40 * line), f"{line + 1}. Received of the clerk", "black", ImageFont.load_default(26))
    (tmp_path / "scans").mkdir()
    for name in ("scan.jpg", "scans/001.jpg", "scans/002.jpg"):
        page.save(tmp_path / name, quality=85)
    page.save(tmp_path / "letters.pdf", save_all=True, append_images=[page], resolution=150)
    write_published(tmp_path / "models")
    return tmp_path


def test_readme_has_commands_and_examples() -> None:
    assert any(str(command.id).startswith("README.md") for command in COMMANDS)
    assert any(program.id == "README.md" for program in PROGRAMS)


@pytest.mark.parametrize("command", COMMANDS)
def test_documented_command_works(command: Command, folder: Path) -> None:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path}
    done = subprocess.run(
        ["sh", "-c", command.text], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"line {command.line}: {command.text}\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("program", PROGRAMS)
def test_python_examples_work(program: str, folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{program}\n{done.stderr}"


def test_commands_are_read_with_their_lines() -> None:
    text = "Text\n\n```console\n$ first \\\n    --more\noutput\n$ second\n```\n\n```sh\n$ not this\n```\n"
    assert commands(text) == [Command("first \\\n    --more", 4, "output\n"), Command("second", 7, "")]
