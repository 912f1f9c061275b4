"""Reads compose files as Docker Compose does, as far as ours go: YAML, ``extends``, variables with defaults."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER = Path(__file__).resolve().parent.parent.parent / "docker"
FILES = sorted(FOLDER.glob("up*@*"))
#: docker/.env, filled in.
FILLED = {
    "LABEL_STUDIO_USERNAME": "rig@example.com",
    "LABEL_STUDIO_PASSWORD": "rig-password-1",
    "LABEL_STUDIO_USER_TOKEN": "c0ffee" + 34 * "0",
    "BASIC_AUTH_USER": "archive",
    "BASIC_AUTH_PASS": "s3cret",
}
# The innermost ${NAME}, ${NAME:-default} or ${NAME:?message}: no braces inside.
_VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?::(?P<rule>[-?])(?P<text>[^{}]*))?\}")


def read(path: Path) -> dict[str, Any]:
    """The file as it is written."""
    content: dict[str, Any] = YAML(typ="safe", pure=True).load(path)
    return content


def services(path: Path) -> dict[str, dict[str, Any]]:
    """The services of a file, those that extend one of another file completed."""
    return {name: _extended(service, path.parent) for name, service in read(path)["services"].items()}


def substituted(value: Any, variables: Mapping[str, str]) -> Any:
    """Put variables into all strings of a value.

    Raises:
        KeyError: A variable that has to be set is not; holds the message of the file.
    """
    if isinstance(value, dict):
        return {key: substituted(each, variables) for key, each in value.items()}
    if isinstance(value, list):
        return [substituted(each, variables) for each in value]
    while isinstance(value, str) and (found := _VARIABLE.search(value)):
        given = variables.get(found["name"], "")
        if not given and found["rule"] == "?":
            # Only what is used has to be set: ${A:-${B:?message}} is well with A.
            outer = re.search(rf"\$\{{(\w+):-{re.escape(found[0])}\}}", value)
            if outer is None or not variables.get(outer[1]):
                raise KeyError(f"{found['name']}: {found['text']}")
        value = value.replace(found[0], given or (found["text"] if found["rule"] == "-" else ""))
    return value


def _extended(service: dict[str, Any], folder: Path) -> dict[str, Any]:
    origin = service.get("extends")
    if origin is None:
        return service
    base = services(folder / origin["file"])[origin["service"]]
    return {**base, **{key: value for key, value in service.items() if key != "extends"}}
