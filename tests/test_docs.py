"""The documentation knows every command, setting, error code and metric, and its links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import AliasChoices

from imagefaulty.cli import app
from imagefaulty.errors import ImageFaultyError
from imagefaulty.service.metrics import Metrics
from imagefaulty.service.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cyclopts import App

REPOSITORY = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted([*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").rglob("*.md")])
_LINK = re.compile(r"\]\((?!https?://|mailto:)([^)#\s]+)(?:#[^)]*)?\)")


def text_of(name: str) -> str:
    """A document below docs/."""
    return (REPOSITORY / "docs" / name).read_text(encoding="utf-8")


def commands(application: App = app, path: str = "imagefaulty") -> Iterator[tuple[str, App]]:
    """All commands of the command line that do something, by what is typed."""
    for name in application:
        if not name.startswith("-"):
            command = application[name]
            if command.default_command is not None:
                yield f"{path} {name}", command
            yield from commands(command, f"{path} {name}")


def errors(base: type[ImageFaultyError] = ImageFaultyError) -> Iterator[type[ImageFaultyError]]:
    """The public errors."""
    if not any(part.startswith("_") for part in [base.__name__, *base.__module__.split(".")]):
        yield base
    for error in base.__subclasses__():
        yield from errors(error)


def variables() -> set[str]:
    """All environment variables that the service reads."""
    names: set[str] = set()
    for name, field in Settings.model_fields.items():
        alias = field.validation_alias
        names |= {str(choice) for choice in alias.choices} if isinstance(alias, AliasChoices) else {name.upper()}
    return names


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_links_lead_to_files(document: Path) -> None:
    targets = _LINK.findall(document.read_text(encoding="utf-8"))
    assert [target for target in targets if not (document.parent / target).exists()] == []


@pytest.mark.parametrize("typed", [typed for typed, _ in commands()])
def test_command_is_documented(typed: str) -> None:
    assert f"`{typed}" in text_of("command-line.md")


@pytest.mark.parametrize(
    ("typed", "command"), list(commands()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_flags_of_a_command_are_documented(typed: str, command: App) -> None:
    known = text_of("settings.md") if typed.endswith(" serve") else text_of("command-line.md")
    names = {name for argument in command.assemble_argument_collection() for name in argument.names}
    assert {name for name in names if name.startswith("--") and f"`{name}`" not in known} == set()


def test_settings_are_documented() -> None:
    assert {name for name in variables() if f"`{name}`" not in text_of("settings.md")} == set()


def test_errors_are_documented_with_their_statuses() -> None:
    rows = re.findall(r"^\| `(\w+)` \|.*\| (\d+) \| (\d+) \|$", text_of("errors.md"), re.MULTILINE)
    documented = {code: (int(status), int(http)) for code, status, http in rows}
    assert documented == {error.code: (error.exit_status, error.http_status) for error in errors()}


def test_metrics_are_documented() -> None:
    suffix = {"counter": "_total", "histogram": ""}  # gauges named _created come with each of them
    families = text_string_to_metric_families(Metrics().exposition().decode())
    names = {family.name + suffix[family.type] for family in families if family.type in suffix}
    assert names
    assert {name for name in names if f"`{name}`" not in text_of("http-api.md")} == set()


def test_the_architecture_names_every_module_and_none_that_is_gone() -> None:
    package = REPOSITORY / "src" / "imagefaulty"
    faults = package / "training" / "faults"  # docs/faults.md describes them as a whole
    there = {path.name for path in package.rglob("*.py") if faults not in path.parents}
    named = set(re.findall(r"`([a-z]\w*\.py)`", text_of("architecture.md")))
    public = {name for name in there if not name.startswith("_")}
    assert public - named == set(), "docs/architecture.md does not say what these are for"
    assert named - public == set(), "docs/architecture.md names modules that do not exist"
