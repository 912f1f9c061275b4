"""Looks for each fault that is known to keep Label Studio and a backend apart, and says the cure. Changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, Literal

import httpx2

from imagefaulty.errors import (
    ImageFaultyError,
    LabelConfigError,
    LabelStudioError,
)
from imagefaulty.labelstudio.client import LabelStudioClient
from imagefaulty.labelstudio.config import LabelConfig, parse_label_config
from imagefaulty.labelstudio.connecting import BackendAddress, blocked_cure, is_blank, is_loopback
from imagefaulty.labelstudio.media import Access, MediaReader
from imagefaulty.labelstudio.projects import (
    Connection,
    Project,
    Webhook,
    blocked_by,
    get_project,
    is_predicting,
    list_connections,
    list_projects,
    list_webhooks,
    release,
    whoami,
)
from imagefaulty.labelstudio.references import Studio, TaskIdentity, shown
from imagefaulty.labelstudio.tasks import list_tasks

Verdict = Literal["ok", "warning", "fault"]

_CONNECT: Final = "run: imagefaulty labelstudio connect --project {project}"
_BACKEND_TIMEOUT_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Sign:
    """One thing that was looked at.

    Attributes:
        topic: Stable name of what was looked at, such as ``"token"``.
        verdict: ``"ok"``, ``"warning"`` (works, but not all of it) or ``"fault"``.
        message: What was seen.
        cure: What to do, "" where nothing.
    """

    topic: str
    verdict: Verdict
    message: str
    cure: str = ""

    def to_dict(self) -> dict[str, str]:
        """Return the sign as JSON-ready values."""
        return {"topic": self.topic, "verdict": self.verdict, "message": self.message, "cure": self.cure}


@dataclass(slots=True)
class Examination:
    """What was found.

    Attributes:
        signs: Everything that was looked at, in order.
    """

    signs: list[Sign] = field(default_factory=list)

    @property
    def healthy(self) -> bool:
        """Whether there is no fault; warnings do not count."""
        return all(sign.verdict != "fault" for sign in self.signs)

    def ok(self, topic: str, message: str) -> None:
        """Note that something is as it should be."""
        self.signs.append(Sign(topic, "ok", message))

    def warn(self, topic: str, message: str, cure: str) -> None:
        """Note something that works, but not all of it."""
        self.signs.append(Sign(topic, "warning", message, cure))

    def fault(self, topic: str, message: str, cure: str = "") -> None:
        """Note something that does not work."""
        self.signs.append(Sign(topic, "fault", message, cure))


async def examine(
    client: LabelStudioClient,
    *,
    project: int | None = None,
    backend_url: str = "",
    credentials: tuple[str, str] = ("", ""),
    reader: MediaReader | None = None,
    in_container: Callable[[], bool] = lambda: Path("/.dockerenv").exists() or Path("/run/.containerenv").exists(),
) -> Examination:
    """Look at a Label Studio, and at a project of it.

    Args:
        client: Label Studio.
        project: The project's number; None looks at the server and the token only.
        backend_url: The backend's address, where a project is not connected yet, or to compare; "" for the project's.
        credentials: The backend's user and password, as this program knows them.
        reader: Fetches an image of the project as a trial; None leaves that out.
        in_container: Says whether this process runs in a container.
    """
    found = Examination()
    if not await _server(client, found, in_container=in_container()) or not await _token(client, found):
        return found
    if backend_url:
        await _guards(client, backend_url, found)
    if project is None:
        titles = await list_projects(client)
        listed = ", ".join(f"{number} ({title})" for number, title in titles.items()) or "none yet"
        found.ok("project", f"no project was named, so none was looked at; there are: {listed}")
        return found
    try:
        looked_at = await get_project(client, project)
    except LabelStudioError as error:
        found.fault("project", error.message, "name another with --project, or use its member's token")
        return found
    found.ok("project", f"project {project} is {looked_at.title!r} with {looked_at.tasks} tasks")
    config = _configuration(looked_at, found)
    await _images(client, looked_at, config, reader, found)
    await _connections(client, looked_at, backend_url, credentials, found)
    return found


async def _server(client: LabelStudioClient, found: Examination, *, in_container: bool) -> bool:
    try:
        version = await release(client)
    except LabelStudioError as error:
        message, cure = _split(error)
        if in_container and is_loopback(client.url) and message.startswith("no connection"):
            message += " (this runs in a container, and that address is the container itself)"
            cure = "set LABEL_STUDIO_URL to Label Studio's container, or to the host: http://host.docker.internal:8080"
        found.fault("server", message, cure)
        return False
    found.ok("server", f"Label Studio {version} answers at {client.url}")
    return True


async def _token(client: LabelStudioClient, found: Examination) -> bool:
    try:
        owner = await whoami(client)
    except LabelStudioError as error:
        found.fault("token", *_split(error))
        return False
    if client.token.kind == "access":
        found.warn(
            "token",
            f"{client.token.description} works for {owner}, but lives five minutes only",
            "set LABEL_STUDIO_API_KEY to a personal access token",
        )
        return True
    found.ok("token", f"{client.token.description} works; it belongs to {owner}")
    return True


async def _guards(client: LabelStudioClient, backend_url: str, found: Examination) -> None:
    guard = await blocked_by(client, backend_url)
    if guard is None:
        found.ok("guard", f"Label Studio may call {shown(backend_url)}")
    else:
        found.fault("guard", f"Label Studio refuses to call {shown(backend_url)}", blocked_cure(guard))


def _configuration(project: Project, found: Examination) -> LabelConfig | None:
    connect = _CONNECT.format(project=project.number)
    if is_blank(project.label_config):
        found.fault("configuration", "the project has no labelling configuration yet", connect)
        return None
    try:
        config = parse_label_config(project.label_config)
    except LabelConfigError as error:
        found.fault("configuration", error.message, "docs/label-studio.md shows a configuration that works")
        return None
    filled = ", ".join(f"{binding.control} ({binding.check})" for binding in config.bindings)
    found.ok("configuration", f"can be filled in: {filled}")
    for note in config.notes:
        found.warn("configuration", str(note), "docs/label-studio.md says how controls are matched")
    return config


async def _images(
    client: LabelStudioClient,
    project: Project,
    config: LabelConfig | None,
    reader: MediaReader | None,
    found: Examination,
) -> None:
    """Look at the first task: has it the key, and can its image be fetched?"""
    if not project.tasks:
        found.warn("images", "the project has no tasks", "import some, e.g. with: imagefaulty labelstudio import")
        return
    if config is None or reader is None:
        return
    async for page in list_tasks(client, project.number, page_tasks=1):
        task = page.tasks[0]
        break
    else:
        return
    for key in config.data_keys:
        value = task["data"].get(key)
        reference = value[0] if isinstance(value, list) and value else value
        if not isinstance(reference, str) or not reference:
            keys = ", ".join(task["data"]) or "none"
            found.fault("images", f"task {task['id']} has no image under {key!r}; its keys are {keys}", _key_cure(key))
            continue
        await _fetch(client, reader, TaskIdentity(task["id"], project.number), reference, found)


def _key_cure(key: str) -> str:
    return f'import tasks with the key "{key}", or name the right one in the Image tag: value="$key"'


async def _fetch(
    client: LabelStudioClient, reader: MediaReader, task: TaskIdentity, reference: str, found: Examination
) -> None:
    try:
        data = await reader.read(reference, Access(Studio(client.url), (client.token,)), task)
    except ImageFaultyError as error:
        found.fault("images", f"task {task.task_id}: {_split(error)[0]}", _split(error)[1])
    else:
        found.ok("images", f"task {task.task_id}: {shown(reference)} can be fetched ({len(data):,} bytes)")


async def _connections(
    client: LabelStudioClient, project: Project, backend_url: str, credentials: tuple[str, str], found: Examination
) -> None:
    connect = _CONNECT.format(project=project.number)
    connections = await list_connections(client, project.number)
    if not connections:
        found.fault("connection", "the project is connected to no backend", f"{connect} --backend-url URL")
        return
    first, *others = connections
    if others:
        urls = ", ".join(shown(other.url) for other in others)
        found.warn("connection", f"Label Studio asks {shown(first.url)} only, not {urls}", f"{connect} --replace")
    url = first.url.rstrip("/")
    if not backend_url:
        await _guards(client, url, found)
    elif backend_url != url:
        found.warn("connection", f"the project asks {shown(url)}, not {shown(backend_url)}", f"{connect} --replace")
    health = await _backend(first, BackendAddress(url, *credentials), found)
    _state(first, health, found)
    _title(project, first, str(health.get("model_version") or first.model_version), connect, found)
    _webhooks(await list_webhooks(client, project.number), first, connect, found)
    if project.tasks:
        await _prediction(client, first, found)
    if not project.prelabels:
        found.warn(
            "prelabelling",
            "annotators get no predictions as a start",
            'switch "Use predictions to prelabel tasks" on in the project\'s settings, unless that is intended',
        )


async def _backend(connection: Connection, backend: BackendAddress, found: Examination) -> Mapping[str, Any]:
    """Ask the backend itself; Label Studio may reach it under a name that means nothing here."""
    try:
        async with httpx2.AsyncClient(timeout=_BACKEND_TIMEOUT_S) as http:
            answer = await http.get(f"{backend.url}/health", headers=backend.headers)
    except (httpx2.HTTPError, httpx2.InvalidURL):
        message = f"nothing answers at {shown(backend.url)} from here"
        if connection.state == "connected":
            found.warn("backend", message, "no matter, if that is the name of a container that Label Studio reaches")
        else:
            found.fault("backend", message, f"start it: imagefaulty serve{_container_hint(backend.url)}")
        return {}
    if answer.status_code == HTTPStatus.UNAUTHORIZED:
        _unauthorized(connection, backend, found)
        return {}
    try:
        health = answer.json()
    except ValueError:
        health = None
    if answer.is_error or not isinstance(health, dict):
        found.fault(
            "backend",
            f"what answers at {shown(backend.url)} is no ML backend ({answer.status_code})",
            "correct the connection's address",
        )
        return {}
    found.ok("backend", f"{shown(backend.url)} is up, with model {health.get('model_version', 'unknown')}")
    return health


def _unauthorized(connection: Connection, backend: BackendAddress, found: Examination) -> None:
    if backend.user:
        message = f"{shown(backend.url)} refuses the user {backend.user!r} and password given here"
        found.fault("backend", message, "set BASIC_AUTH_USER and BASIC_AUTH_PASS to the backend's own")
    elif connection.state == "connected":
        found.ok("backend", f"{shown(backend.url)} is up and wants a password, which Label Studio has")
    else:
        found.fault(
            "backend",
            f"{shown(backend.url)} wants a password, and Label Studio has none or a wrong one",
            "set BASIC_AUTH_USER and BASIC_AUTH_PASS and connect again",
        )


def _container_hint(url: str) -> str:
    if not is_loopback(url):
        return ""
    return "; inside a container this address is the container itself: use the backend's container name or host"


def _state(connection: Connection, health: Mapping[str, Any], found: Examination) -> None:
    if connection.state not in ("disconnected", "error"):
        found.ok("connection", f"Label Studio says that {shown(connection.url)} is {connection.state}")
        return
    reason = f": {' '.join(connection.error.split())[:300]}" if connection.error else ""
    cure = "start the backend"
    if health:
        cure = (
            "the backend answers from here, so Label Studio cannot reach it or has a wrong password: "
            f"connect again{_container_hint(connection.url)}"
        )
    found.fault("connection", f"Label Studio says that {shown(connection.url)} is {connection.state}{reason}", cure)


async def _prediction(client: LabelStudioClient, connection: Connection, found: Examination) -> None:
    if await is_predicting(client, connection.number):
        found.ok("prediction", "asked through Label Studio, the backend predicts a random task")
    else:
        message = "asked through Label Studio about a random task, the backend gave no prediction"
        found.fault("prediction", message, "its log and its page /status say why")


def _title(project: Project, connection: Connection, version: str, connect: str, found: Examination) -> None:
    """The score column, sorting and uncertainty sampling need one text in three places."""
    if not version:
        return
    seen = {"the connection's title": connection.title, "the project's model version": project.model_version}
    wrong = [f"{where} is {text!r}" for where, text in seen.items() if text != version]
    if wrong:
        message = f"the score column stays empty: {' and '.join(wrong)}, but the predictions' version is {version!r}"
        found.fault("title", message, connect)
    else:
        found.ok("title", f"title and chosen model version are {version!r}: the score column is filled")


def _webhooks(webhooks: Sequence[Webhook], connection: Connection, connect: str, found: Examination) -> None:
    url = f"{connection.url.rstrip('/')}/webhook"
    own = next((hook for hook in webhooks if hook.url == url), None)
    if own is None or not own.active:
        found.fault("webhook", "the backend is not told about annotations", connect)
    elif connection.user and not any(name.lower() == "authorization" for name in own.headers):
        found.fault("webhook", "the backend's password is missing from the webhook, so its events are refused", connect)
    else:
        found.ok("webhook", "the backend is told about annotations")
    for hook in webhooks:
        if hook is not own and hook.url.endswith("/webhook"):
            cure = "remove it under Settings → Webhooks if that backend is gone"
            found.warn("webhook", f"{shown(hook.url)} is told about annotations, too", cure)


def _split(error: ImageFaultyError) -> tuple[str, str]:
    """Part a message at its first semicolon: what is wrong, and what to do."""
    what, _, cure = error.message.partition("; ")
    return what, cure
