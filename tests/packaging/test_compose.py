"""The compose files hold to the specification, and to what Label Studio and the image need.

No Docker Compose reads them here. What they say is checked against the specification's JSON schema (Apache-2.0, which
the package check-jsonschema carries). That the variables make Label Studio and the backend find each other is shown by
tests/integration/test_compose_variables.py.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.packaging.compose import FILES, FILLED, FOLDER, read, services, substituted

SERVICES = [(path, name, service) for path in FILES for name, service in services(path).items()]
EVERY_SERVICE = [pytest.param(path, service, id=f"{path.name}: {name}") for path, name, service in SERVICES]
OURS = [
    pytest.param(path, service, id=f"{path.name}: {name}") for path, name, service in SERVICES if "build" in service
]


def test_all_four_are_there() -> None:
    assert {path.name for path in FILES} == {"up.label@cpu", "up.label@gpu", "up@cpu", "up.gradio@cpu"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_it_holds_to_the_compose_specification(path: Path) -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run([*command, "--force-filetype", "yaml", path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_specification_is_really_asked(tmp_path: Path) -> None:
    wrong = tmp_path / "up"
    wrong.write_text("services: {a: {image: b, prots: ['1:1']}}")
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    assert subprocess.run([*command, "--force-filetype", "yaml", wrong], capture_output=True, check=False).returncode


@pytest.mark.parametrize(("path", "service"), OURS)
def test_ours_is_built_from_a_file_that_is_there(path: Path, service: dict[str, Any]) -> None:
    context = path.parent / service["build"]["context"]
    assert (context / service["build"]["dockerfile"]).is_file()
    for name in service["build"].get("args", {}).values():
        assert (context / "requirements" / f"{name}.txt").is_file()


@pytest.mark.parametrize(("path", "service"), OURS)
def test_ours_can_write_nothing_and_become_nobody(path: Path, service: dict[str, Any]) -> None:
    assert path
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["tmpfs"] == ["/tmp"]  # noqa: S108 - of the container


@pytest.mark.parametrize(("path", "service"), EVERY_SERVICE)
def test_ports_are_this_machines_alone_unless_asked_for(path: Path, service: dict[str, Any]) -> None:
    assert path
    assert all(port.startswith("127.0.0.1:") for port in substituted(service["ports"], FILLED))


@pytest.mark.parametrize(("path", "service"), EVERY_SERVICE)
def test_named_volumes_are_declared(path: Path, service: dict[str, Any]) -> None:
    declared = read(path).get("volumes", {})
    assert {volume.split(":")[0] for volume in service.get("volumes", [])} <= set(declared)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_secret_has_a_default(path: Path) -> None:
    if not path.name.startswith("up.label"):
        return
    for name in ("LABEL_STUDIO_USERNAME", "LABEL_STUDIO_PASSWORD", "LABEL_STUDIO_USER_TOKEN"):
        with pytest.raises(KeyError, match=name):
            substituted(services(path), {**FILLED, name: ""})


def test_every_variable_is_documented() -> None:
    used = {name for path in FILES for name in re.findall(r"\$\{(\w+)", path.read_text(encoding="utf-8"))}
    text = (FOLDER.parent / "docs" / "docker.md").read_text(encoding="utf-8")
    assert {name for name in used if f"`{name}`" not in text} == set()
    offered = re.findall(r"^(\w+)=", (FOLDER / "env.example").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(offered) <= used
