"""What is published: a wheel that works by itself, a source distribution without anything that is nobody's business."""

from __future__ import annotations

import email
import json
import re
import subprocess
import tarfile
import zipfile
from pathlib import Path

import httpx2
import pytest
from PIL import Image, ImageDraw

from tests.integration.processes import ServerProcess, free_port
from tests.packaging.conftest import Distributions, Installed

LIMIT_BYTES = 25 * 1000 * 1000
#: Top-level names of the source distribution.
PUBLISHED = {
    ".gitignore", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "Makefile", "PKG-INFO", "README.md", "benchmarks",
    "docker", "docs", "environment.yml", "examples", "pyproject.toml", "requirements", "src", "tests",
}  # fmt: skip
JUNK = re.compile(r"(^|/)(__pycache__|\.env|\.git|\.cache|\.venv.*|node_modules|build|dist|.*\.(pyc|log|orig|db))(/|$)")


@pytest.fixture(scope="module")
def wheel_names(distributions: Distributions) -> list[str]:
    with zipfile.ZipFile(distributions.wheel) as wheel:
        return wheel.namelist()


@pytest.fixture
def scans(tmp_path: Path) -> list[Path]:
    """An image, and a document of two pages."""
    page = Image.new("RGB", (620, 877), (250, 246, 235))
    ImageDraw.Draw(page).text((80, 80), "Received of the clerk", "black")
    image, document = tmp_path / "scan.jpg", tmp_path / "letters.pdf"
    page.save(image)
    page.save(document, save_all=True, append_images=[page], resolution=75)
    return [image, document]


def test_the_wheel_is_small_enough_to_carry_about(distributions: Distributions) -> None:
    assert distributions.wheel.stat().st_size < LIMIT_BYTES


def test_the_wheel_carries_the_embedded_bundle_and_its_types(wheel_names: list[str]) -> None:
    bundle = "imagefaulty/bundles/default/"
    assert f"{bundle}bundle.json" in wheel_names
    assert [name for name in wheel_names if name.startswith(bundle) and name.endswith(".onnx")]
    assert "imagefaulty/py.typed" in wheel_names
    assert [name for name in wheel_names if name.endswith("licenses/LICENSE")]


def test_the_wheel_holds_the_package_alone(wheel_names: list[str]) -> None:
    assert {name.split("/")[0] for name in wheel_names if ".dist-info/" not in name} == {"imagefaulty"}
    assert [name for name in wheel_names if JUNK.search(name)] == []


def test_the_wheel_says_what_it_is(distributions: Distributions) -> None:
    with zipfile.ZipFile(distributions.wheel) as wheel:
        (name,) = (each for each in wheel.namelist() if each.endswith(".dist-info/METADATA"))
        said = email.message_from_string(wheel.read(name).decode())
    assert (said["Name"], said["License-Expression"], said["Requires-Python"]) == (
        "imagefaulty",
        "Apache-2.0",
        ">=3.11",
    )
    assert said["Description-Content-Type"] == "text/markdown"


def test_the_source_distribution_holds_no_junk(distributions: Distributions) -> None:
    with tarfile.open(distributions.source) as source:
        names = [name.partition("/")[2] for name in source.getnames()]
    assert {name.split("/")[0] for name in names} <= PUBLISHED
    assert [name for name in names if JUNK.search(name)] == []


def test_what_is_installed_fits_together(installed: Installed) -> None:
    done = subprocess.run(
        [installed.folder / "python", "-m", "pip", "check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_the_wheel_inspects_an_image_and_a_document(installed: Installed, scans: list[Path], tmp_path: Path) -> None:
    command = [str(installed.folder / "imagefaulty"), "inspect", *map(str, scans), "--format", "jsonl"]
    done = subprocess.run(command, cwd=tmp_path, env=installed.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    findings = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(Path(each["source"]).name, each["page"]) for each in findings] == [
        ("scan.jpg", 0),
        ("letters.pdf", 0),
        ("letters.pdf", 1),
    ]
    assert all(set(each["answers"]) == {"writing_type", "post_it", "corner", "empty"} for each in findings)


def test_the_wheel_serves(installed: Installed) -> None:
    port = free_port()
    command = [str(installed.folder / "imagefaulty"), "serve", "--host", "127.0.0.1", "--port", str(port)]
    with ServerProcess("wheel", command, f"http://127.0.0.1:{port}", health="/livez") as server:
        assert httpx2.get(f"{server.url}/health").json()["status"] == "UP"


def test_the_wheel_says_what_the_demo_needs(installed: Installed) -> None:
    done = subprocess.run(
        [installed.folder / "imagefaulty", "demo"],
        env=installed.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "pip install 'imagefaulty[demo]'" in done.stderr
