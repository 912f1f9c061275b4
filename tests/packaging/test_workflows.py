"""The workflow files hold to GitHub's schema and take nothing from a moving target. Nobody runs them here."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

FILES = sorted((REPOSITORY / ".github" / "workflows").glob("*.yml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_it_holds_to_the_schema(path: Path) -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_actions_are_taken_by_version(path: Path) -> None:
    used = re.findall(r"uses: (\S+)", path.read_text(encoding="utf-8"))
    assert used
    assert [action for action in used if not re.search(r"@v\d+(\.\d+)*$", action)] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_make_is_asked_for_targets_that_exist(path: Path) -> None:
    targets = re.findall(r"^([\w$()/.-]+):", (REPOSITORY / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    known = {target.replace("$(VENV)", ".venv") for target in targets}
    assert set(re.findall(r"\bmake (\S+)", path.read_text(encoding="utf-8"))) <= known
