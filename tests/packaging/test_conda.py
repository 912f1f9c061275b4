"""environment.yml resolves to the pinned versions. conda is not here: what it hands to pip is handed to pip."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from packaging.utils import canonicalize_name
from ruamel.yaml import YAML

from tests.test_pins import PROJECT, REPOSITORY, pins


@pytest.fixture(scope="module")
def dependencies() -> list[Any]:
    content = YAML(typ="safe", pure=True).load(REPOSITORY / "environment.yml")
    found: list[Any] = content["dependencies"]
    return found


def test_python_is_one_that_the_package_runs_on(dependencies: list[Any]) -> None:
    (python,) = (each for each in dependencies if isinstance(each, str) and each.startswith("python="))
    assert PROJECT["requires-python"] == f">={python.removeprefix('python=')}"


def test_it_resolves_to_the_pins(dependencies: list[Any], tmp_path: Path) -> None:
    # conda writes these lines to a requirements file beside environment.yml and has pip install that; here they are
    # made independent of the folder instead.
    (lines,) = (each["pip"] for each in dependencies if isinstance(each, dict))
    listed = tmp_path / "requirements.txt"
    listed.write_text(
        "\n".join(lines)
        .replace("requirements/", f"{REPOSITORY}/requirements/")
        .replace("--editable .", str(REPOSITORY))
    )
    report = tmp_path / "report.json"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed"]
    subprocess.run([*command, "--report", report, "--requirement", listed], check=True, capture_output=True)
    installed = (each["metadata"] for each in json.loads(report.read_text())["install"])
    resolved = {str(canonicalize_name(each["name"])): each["version"] for each in installed}
    assert resolved.pop("imagefaulty")
    pinned = pins(REPOSITORY / "requirements" / "runtime.txt")
    assert resolved == {name: next(iter(pin.specifier)).version for name, pin in pinned.items()}
