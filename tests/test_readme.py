"""The README's commands do what it says: each is run in an empty folder with one scan in it.

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

README = (Path(__file__).resolve().parent.parent / "README.md").read_text(encoding="utf-8")

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

COMMANDS = [command for command in commands(README) if not command.text.startswith(tuple(NOT_RUN))]
EXAMPLES = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder like the README's reader's: ``scan.jpg``, and ``scans/`` with two pages."""
    page = Image.new("RGB", (1240, 1754), (244, 240, 228))
    pen = ImageDraw.Draw(page)
    for line in range(35):
        pen.text((140, 150 + 40 * line), f"{line + 1}. Received of the clerk", "black", ImageFont.load_default(26))
    (tmp_path / "scans").mkdir()
    for name in ("scan.jpg", "scans/001.jpg", "scans/002.jpg"):
        page.save(tmp_path / name, quality=85)
    return tmp_path


def test_readme_has_commands_and_examples() -> None:
    assert COMMANDS, "no block marked console holds a command that can be run"
    assert EXAMPLES, "no block marked python"


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.text)
def test_command_of_the_readme_works(command: Command, folder: Path) -> None:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path}
    done = subprocess.run(
        ["sh", "-c", command.text], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"README.md:{command.line}: {command.text}\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.strip().splitlines()[0])
def test_python_example_of_the_readme_works(example: str, folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", example], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{example}\n{done.stderr}"


def test_commands_are_read_with_their_lines() -> None:
    text = "Text\n\n```console\n$ first \\\n    --more\noutput\n$ second\n```\n\n```sh\n$ not this\n```\n"
    assert commands(text) == [Command("first \\\n    --more", 4, "output\n"), Command("second", 7, "")]
