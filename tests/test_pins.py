"""The pinned versions are those of pyproject.toml, and name no place to get them from."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REPOSITORY = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
FILES = sorted((REPOSITORY / "requirements").glob("*.txt"))
#: Those that are installed into one environment.
TOGETHER = [path for path in FILES if path.stem in {"runtime", "test", "lint", "train"}]


def pins(path: Path) -> dict[str, Requirement]:
    """The requirements of a file by name."""
    lines = (line.split("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
    return {canonicalize_name(each.name): each for each in (Requirement(line) for line in lines if line)}


def wanted(path: Path) -> list[Requirement]:
    """What pyproject.toml wants in that file."""
    extras = PROJECT["optional-dependencies"]
    named = {"runtime": PROJECT["dependencies"], "train": extras["train"], "demo": extras["demo"]}
    return [Requirement(text) for text in named.get(path.stem, [])]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_line_is_one_exact_version(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert "://" not in text
    assert not [line for line in text.splitlines() if line.startswith("-")]
    for pin in pins(path).values():
        assert [clause.operator for clause in pin.specifier] == ["=="], str(pin)
        assert "+" not in str(pin.specifier), f"{pin} names the build of one kind of machine"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_pins_are_what_pyproject_wants(path: Path) -> None:
    pinned = pins(path)
    for requirement in wanted(path):
        pin = pinned.get(canonicalize_name(requirement.name))
        assert pin is not None, f"{requirement} is not pinned in {path.name}; run: make lock"
        version = next(iter(pin.specifier)).version
        assert requirement.specifier.contains(version), f"{pin} is not {requirement}; run: make lock"


def test_files_agree_with_each_other() -> None:
    versions: dict[str, set[str]] = {}
    for path in FILES:
        if path.stem == "demo":  # an environment of its own: Gradio holds Pillow below 13
            continue
        for name, pin in pins(path).items():
            versions.setdefault(name, set()).add(str(pin.specifier))
    assert {name: each for name, each in versions.items() if len(each) > 1} == {}


def test_serving_and_testing_need_no_torch() -> None:
    for name in ("runtime", "test", "lint"):
        assert "torch" not in pins(REPOSITORY / "requirements" / f"{name}.txt")
