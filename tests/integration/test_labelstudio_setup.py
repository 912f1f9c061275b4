"""``imagefaulty labelstudio connect`` and ``doctor`` against a real Label Studio and our own backend."""

from __future__ import annotations

import base64
import json
import sqlite3
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests import studio_environment
from tests.bundles import tiny_bundle
from tests.conftest import absent
from tests.integration.backend import PASSWORD, USER, backend
from tests.integration.commands import Commands, versions
from tests.integration.label_studio import LEGACY_TOKEN, label_studio
from tests.integration.processes import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.integration.label_studio import LabelStudioClient
    from tests.integration.processes import ServerProcess

pytestmark = pytest.mark.integration

AUTH = {"BASIC_AUTH_USER": USER, "BASIC_AUTH_PASS": PASSWORD}


@pytest.fixture(scope="module")
def commands(studio: LabelStudioClient, tmp_path_factory: pytest.TempPathFactory) -> Commands:
    """The commands, with a model whose answers follow from the colour of the page."""
    return Commands(studio, tiny_bundle(tmp_path_factory.mktemp("tiny")))


@pytest.fixture(scope="module")
def server(commands: Commands) -> Iterator[ServerProcess]:
    """Our backend, with a password."""
    environment = {**commands.environment(), **AUTH}
    with backend(environment=environment, name="imagefaulty-setup") as running:
        yield running


@dataclass(frozen=True, slots=True)
class Connected:
    """A project after ``connect``.

    Attributes:
        number: Its number.
        first: What ``connect`` did.
        second: What it did when it was run again.
    """

    number: int
    first: dict[str, Any]
    second: dict[str, Any]


@pytest.fixture(scope="module")
def connected(commands: Commands, server: ServerProcess, scan_server: str) -> Connected:
    """A project without anything but tasks, connected twice."""
    number = commands.studio.call("POST", "/api/projects/", json={"title": "connected"})["id"]
    commands.studio.import_tasks(number, [{"image": f"{scan_server}/{name}"} for name in ("note.webp", "short.png")])
    arguments = ("connect", "--project", number, "--backend-url", server.url)
    first, _ = commands.run(*arguments, environment=AUTH)
    second, _ = commands.run(*arguments, environment=AUTH)
    return Connected(number, first, second)


def test_connecting_needs_one_command(commands: Commands, connected: Connected, labelling_config: str) -> None:
    assert connected.first["warnings"] == []
    found = commands.studio.call("GET", f"/api/projects/{connected.number}/")
    assert found["label_config"].strip() == labelling_config.strip()
    assert found["model_version"] == connected.first["model_version"]
    (connection,) = commands.studio.call("GET", "/api/ml/", params={"project": connected.number})
    assert (connection["title"], connection["state"]) == (connected.first["model_version"], "CO")


def test_connecting_again_changes_nothing(connected: Connected) -> None:
    assert connected.first["steps"]
    assert connected.second == {**connected.first, "steps": []}


def test_the_score_column_is_filled(commands: Commands, connected: Connected) -> None:
    commands.studio.retrieve_predictions(connected.number)
    tasks = commands.studio.tasks(connected.number, ordering="-tasks:predictions_score")
    assert [versions(task) for task in tasks] == [[connected.first["model_version"]]] * 2
    scores = [task["predictions_score"] for task in tasks]
    assert scores == sorted(scores, reverse=True)


def test_the_backend_accepts_annotation_events(commands: Commands, connected: Connected, server: ServerProcess) -> None:
    (hook,) = commands.studio.call("GET", "/api/webhooks/", params={"project": connected.number})
    expected = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    assert hook["headers"] == {"Authorization": expected}
    task = commands.studio.tasks(connected.number)[0]["id"]
    commands.studio.call("POST", f"/api/tasks/{task}/annotations/", json={"result": []})
    deadline = time.monotonic() + 10
    while "ANNOTATION_CREATED" not in server.log_text() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert "ANNOTATION_CREATED" in server.log_text()


def test_connecting_does_not_touch_a_configuration_of_ones_own(commands: Commands, server: ServerProcess) -> None:
    config = (
        '<View><Image name="scan" value="$scan"/><Choices name="leer" toName="scan" check="empty">'
        '<Choice value="ja" predicted_values="empty"/><Choice value="nein" predicted_values="ok"/></Choices></View>'
    )
    number = commands.studio.create_project("own configuration", config)
    commands.run("connect", "--project", number, "--backend-url", server.url, environment=AUTH)
    assert commands.studio.call("GET", f"/api/projects/{number}/")["label_config"] == config


@pytest.mark.parametrize(
    ("url", "environment", "told"),
    [
        ("{server}", {**AUTH, "BASIC_AUTH_PASS": "wrong"}, "set BASIC_AUTH_USER and BASIC_AUTH_PASS"),
        ("http://127.0.0.1:{free}", AUTH, "start the backend"),
        ("http://user:secret@127.0.0.1:1", AUTH, "must not hold a password"),
        ("{studio}", {}, "no model version|rejects"),
    ],
    ids=["wrong password", "backend down", "password in address", "another program"],
)
def test_connecting_in_vain_says_what_to_do(
    commands: Commands, server: ServerProcess, url: str, environment: dict[str, str], told: str
) -> None:
    number = commands.studio.call("POST", "/api/projects/", json={"title": "in vain"})["id"]
    address = url.format(server=server.url, free=free_port(), studio=commands.studio.url)
    process = commands.start("connect", "--project", number, "--backend-url", address, environment=environment)
    _, talk = process.communicate(timeout=60)
    assert process.returncode in (2, 5)
    assert any(part in talk for part in told.split("|")), talk
    assert len(talk.splitlines()) == 1
    assert "secret" not in talk
    assert PASSWORD not in talk


def test_replacing_removes_the_backend_that_comes_first(
    commands: Commands, server: ServerProcess, labelling_config: str
) -> None:
    number = commands.studio.create_project("two backends", labelling_config)
    with backend(environment=commands.environment(), name="imagefaulty-first") as other:
        commands.run("connect", "--project", number, "--backend-url", other.url)
        setup, talk = commands.run("connect", "--project", number, "--backend-url", server.url, environment=AUTH)
        assert other.url in setup["warnings"][0]
        assert "--replace" in talk
        signs = examined(commands, "--project", number, status=0)
        assert verdict(signs, "connection", "warning")
        commands.run("connect", "--project", number, "--backend-url", server.url, "--replace", environment=AUTH)
    (connection,) = commands.studio.call("GET", "/api/ml/", params={"project": number})
    assert connection["url"] == server.url


def test_doctor_finds_nothing_wrong_with_a_connected_project(commands: Commands, connected: Connected) -> None:
    signs = examined(commands, "--project", connected.number, environment=AUTH, status=0)
    assert {sign["verdict"] for sign in signs} == {"ok"}
    assert [sign["topic"] for sign in signs] == [
        *("server", "token", "project", "configuration", "images", "guard"),
        *("backend", "connection", "title", "webhook", "prediction"),
    ]


def test_doctor_without_project_looks_at_server_and_token(commands: Commands, connected: Connected) -> None:
    signs = examined(commands, status=0)
    assert [sign["topic"] for sign in signs] == ["server", "token", "project"]
    assert f"{connected.number} (connected)" in signs[-1]["message"]


@pytest.mark.parametrize(
    ("environment", "topic", "told"),
    [
        ({"LABEL_STUDIO_URL": "http://127.0.0.1:{free}"}, "server", "LABEL_STUDIO_URL"),
        ({"LABEL_STUDIO_URL": "{server}"}, "server", "correct LABEL_STUDIO_URL"),
        ({"LABEL_STUDIO_API_KEY": "0" * 40}, "token", "personal access token"),
        ({"LABEL_STUDIO_API_KEY": "{pat}x"}, "token", "make a new one"),
        ({"LABEL_STUDIO_API_KEY": "{expired}"}, "token", "use a personal access token"),
    ],
    ids=["unreachable", "not Label Studio", "wrong token", "wrong personal token", "expired access token"],
)
def test_doctor_finds_what_is_wrong_with_server_or_token(
    commands: Commands, server: ServerProcess, environment: dict[str, str], topic: str, told: str
) -> None:
    values = {
        "free": free_port(),
        "server": server.url,
        "pat": commands.studio.personal_token,
        "expired": unsigned({"token_type": "access", "exp": 1_000_000_000, "user_id": 1}),
    }
    signs = examined(commands, environment={key: value.format(**values) for key, value in environment.items()})
    assert cure(signs, topic, told)


def test_doctor_finds_that_legacy_tokens_are_switched_off(commands: Commands) -> None:
    commands.studio.allow_legacy_tokens(allowed=False)
    try:
        signs = examined(commands, environment={"LABEL_STUDIO_API_KEY": LEGACY_TOKEN})
    finally:
        commands.studio.allow_legacy_tokens(allowed=True)
    assert cure(signs, "token", "have an administrator allow legacy tokens")


def test_doctor_finds_what_a_new_project_lacks(commands: Commands) -> None:
    number = commands.studio.call("POST", "/api/projects/", json={"title": "brand new"})["id"]
    signs = examined(commands, "--project", number)
    assert cure(signs, "configuration", f"connect --project {number}")
    assert cure(signs, "connection", "--backend-url")
    assert verdict(signs, "images", "warning")
    assert verdict(examined(commands, "--project", 9999), "project", "fault")


def test_doctor_finds_tasks_and_configurations_that_do_not_fit(
    commands: Commands, labelling_config: str, scan_server: str
) -> None:
    number = commands.studio.call("POST", "/api/projects/", json={"title": "misfits"})["id"]
    commands.studio.import_tasks(number, [{"picture": f"{scan_server}/note.webp"}])
    config = labelling_config.replace("$image", "$picture")
    commands.studio.call("PATCH", f"/api/projects/{number}/", json={"label_config": config})
    assert verdict(examined(commands, "--project", number), "images", "ok")
    mood = '<Choices name="mood" toName="image"><Choice value="glad"/></Choices>'
    useless = f'<View><Image name="image" value="$picture"/>{mood}</View>'
    commands.studio.call("PATCH", f"/api/projects/{number}/", json={"label_config": useless})
    assert cure(examined(commands, "--project", number), "configuration", "docs/label-studio.md")


def test_doctor_finds_an_image_that_cannot_be_fetched(commands: Commands, labelling_config: str) -> None:
    number = commands.studio.create_project("gone image", labelling_config)
    commands.studio.import_tasks(number, [{"image": "/data/upload/1/00000000-gone.jpg"}])
    assert verdict(examined(commands, "--project", number), "images", "fault")


def test_doctor_finds_title_password_and_webhook_of_a_connection_made_by_hand(
    commands: Commands, server: ServerProcess, labelling_config: str
) -> None:
    number = commands.studio.create_project("by hand", labelling_config)
    commands.studio.connect(number, server.url, "my model", user=USER, password=PASSWORD)
    signs = examined(commands, "--project", number, environment={**AUTH, "BASIC_AUTH_PASS": "wrong"})
    assert cure(signs, "title", f"connect --project {number}")
    assert cure(signs, "webhook", f"connect --project {number}")
    assert cure(signs, "backend", "the backend's own")


def test_doctor_finds_a_backend_that_is_down(commands: Commands, labelling_config: str) -> None:
    number = commands.studio.create_project("backend down", labelling_config)
    with backend(environment=commands.environment(), name="imagefaulty-down") as soon_gone:
        commands.run("connect", "--project", number, "--backend-url", soon_gone.url)
    signs = examined(commands, "--project", number)
    assert cure(signs, "backend", "imagefaulty serve")
    assert verdict(signs, "connection", "fault")


@pytest.mark.parametrize(
    ("guards", "named"),
    [({}, "ML_BLOCK_LOCAL_IP"), ({"ML_BLOCK_LOCAL_IP": "false"}, "SSRF_PROTECTION_ENABLED")],
    ids=["as installed", "one switched off"],
)
def test_blocked_addresses_are_found_and_explained(
    commands: Commands, server: ServerProcess, tmp_path: Path, guards: dict[str, str], named: str
) -> None:
    executable = studio_environment.executable()
    if executable is None:
        absent("Label Studio is not here; `make studio-env` installs it")
    number = commands.studio.call("POST", "/api/projects/", json={"title": "guarded"})["id"]
    copy_of(commands.studio.folder / "data", tmp_path / "data")
    with label_studio(executable, tmp_path, guards=guards) as guarded:
        environment = {**AUTH, "LABEL_STUDIO_URL": guarded.url}
        signs = examined(commands, "--backend-url", server.url, environment=environment)
        assert named in next(sign["cure"] for sign in signs if sign["topic"] == "guard")
        arguments = ("connect", "--project", number, "--backend-url", server.url)
        _, talk = commands.run(*arguments, environment=environment, status=5)
    assert "ML_BLOCK_LOCAL_IP=false and SSRF_PROTECTION_ENABLED=false, both" in talk


def examined(
    commands: Commands, *arguments: object, environment: dict[str, str] | None = None, status: int = 5
) -> list[dict[str, str]]:
    """What the doctor sees."""
    found, _ = commands.run("doctor", *arguments, environment=environment, status=status)
    assert found["healthy"] == (status == 0)
    signs: list[dict[str, str]] = found["signs"]
    return signs


def verdict(signs: list[dict[str, str]], topic: str, expected: str) -> bool:
    """Whether there is a sign of that kind."""
    return any(sign["topic"] == topic and sign["verdict"] == expected for sign in signs)


def cure(signs: list[dict[str, str]], topic: str, told: str) -> bool:
    """Whether there is a fault of that topic whose cure says so."""
    return any(sign["topic"] == topic and sign["verdict"] == "fault" and told in sign["cure"] for sign in signs)


def unsigned(claims: dict[str, Any]) -> str:
    """A JWT that nobody signed."""
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in ({}, claims)]
    return ".".join([*parts, "c2lnbmF0dXJl"])


def copy_of(data: Path, target: Path) -> None:
    """Copy a running Label Studio's database, which saves the half minute of migrations."""
    target.mkdir()
    name = "label_studio.sqlite3"
    with sqlite3.connect(data / name) as source, sqlite3.connect(target / name) as copy:
        source.backup(copy)
    source.close()
    copy.close()
    if (data / ".env").exists():
        (target / ".env").write_bytes((data / ".env").read_bytes())
