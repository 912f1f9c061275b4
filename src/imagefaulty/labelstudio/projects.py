"""Projects of a Label Studio and their connections to backends, through its API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from imagefaulty.errors import LabelStudioError, LabelStudioNotFound, LabelStudioRejected, LabelStudioUnauthorized
from imagefaulty.labelstudio.client import LabelStudioClient

#: What Label Studio says of a connection, by its code.
_STATES: Final = {"CO": "connected", "DI": "disconnected", "ER": "error", "TR": "training", "PR": "predicting"}
#: Title of the tab that :func:`add_review_tab` adds.
REVIEW_TAB: Final = "Least certain first"
_HIDDEN_COLUMNS: Final = (
    *("inner_id", "completed_at", "cancelled_annotations", "annotators", "annotations_results", "annotations_ids"),
    *("predictions_model_versions", "predictions_results", "total_predictions", "file_upload", "storage_filename"),
    *("created_at", "updated_at", "updated_by", "avg_lead_time", "draft_exists", "data.pages", "data.sha256"),
)
_CALLED_BLOCKED: Final = "reserved network address"
Guard = Literal["ML_BLOCK_LOCAL_IP", "SSRF_PROTECTION_ENABLED"]


@dataclass(frozen=True, slots=True)
class Project:
    """A project.

    Attributes:
        number: Its number, as in the address of its page.
        title: Its title.
        label_config: Its labelling configuration, XML.
        model_version: The predictions it shows: a version, or a connection's title; "" if none is chosen.
        tasks: Number of its tasks.
        prelabels: Whether annotators get the predictions as a start.
    """

    number: int
    title: str
    label_config: str
    model_version: str
    tasks: int
    prelabels: bool


@dataclass(frozen=True, slots=True)
class Connection:
    """A project's connection to a backend.

    Attributes:
        number: Its number.
        url: The backend's address as Label Studio calls it.
        title: Its title.
        state: ``"connected"``, ``"disconnected"``, ``"error"``, ...
        error: What Label Studio says went wrong, "" if nothing.
        model_version: What the backend answered to the last ``/setup``, "" if unknown.
        user: User name for HTTP Basic authentication, "" for none.
    """

    number: int
    url: str
    title: str
    state: str
    error: str
    model_version: str
    user: str


@dataclass(frozen=True, slots=True)
class Webhook:
    """An address that Label Studio tells about a project's events.

    Attributes:
        number: Its number.
        url: The address.
        headers: Headers that are sent along; they may hold credentials.
        active: Whether it is switched on.
    """

    number: int
    url: str
    headers: Mapping[str, str]
    active: bool

    def __repr__(self) -> str:
        return f"<Webhook {self.number}: {self.url}>"


async def whoami(client: LabelStudioClient) -> str:
    """Return the e-mail address of the token's owner: the cheapest proof that the token works."""
    return str(_mapping(await client.get("/api/current-user/whoami")).get("email", ""))


async def release(client: LabelStudioClient) -> str:
    """Return Label Studio's version, such as ``"1.23.2"``; needs no token.

    Raises:
        LabelStudioUnreachable: Nothing answers, or no Label Studio.
    """
    try:
        answer = await client.ask("/api/version")
    except (LabelStudioUnauthorized, LabelStudioNotFound, LabelStudioRejected):
        answer = None
    if not isinstance(answer, dict) or "release" not in answer:
        raise client.stranger()
    return str(answer["release"])


async def get_project(client: LabelStudioClient, number: int) -> Project:
    """Return a project.

    Raises:
        LabelStudioNotFound: There is none of that number, as far as the token's owner may see; the message lists some.
    """
    try:
        found = _mapping(await client.get(f"/api/projects/{number}/"))
    except LabelStudioNotFound:
        others = ", ".join(f"{each} ({title})" for each, title in (await list_projects(client)).items())
        raise LabelStudioNotFound(
            f"Label Studio at {client.url} has no project {number} for this token's owner; it has {others or 'none'}"
        ) from None
    return _project(found)


async def list_projects(client: LabelStudioClient, *, most: int = 20) -> dict[int, str]:
    """Return titles by number, newest first."""
    listed = _mapping(await client.get("/api/projects/", page_size=most, include="id,title"))
    return {int(project["id"]): str(project["title"]) for project in listed.get("results", [])}


async def create_project(client: LabelStudioClient, title: str, label_config: str) -> Project:
    """Make a project; its title needs 3 to 50 characters."""
    made = await client.post("/api/projects/", {"title": title, "label_config": label_config})
    return _project(_mapping(made))


async def change_project(client: LabelStudioClient, number: int, changes: Mapping[str, object]) -> None:
    """Change fields of a project, such as ``label_config`` or ``model_version``."""
    await client.patch(f"/api/projects/{number}/", dict(changes))


async def model_versions(client: LabelStudioClient, number: int) -> dict[str, int]:
    """Return how many predictions a project has, by model version."""
    return {str(name): int(count) for name, count in _mapping(await client.get(_versions_path(number))).items()}


def _versions_path(number: int) -> str:
    return f"/api/projects/{number}/model-versions/"


async def list_connections(client: LabelStudioClient, project: int) -> list[Connection]:
    """Return a project's connections; the first is the one that is asked for predictions.

    Label Studio asks every backend for its state at that occasion.
    """
    return [_connection(each) for each in await client.get("/api/ml/", project=project)]


async def save_connection(
    client: LabelStudioClient,
    project: int,
    *,
    number: int | None,
    url: str,
    title: str,
    user: str = "",
    password: str = "",
) -> Connection:
    """Make a connection, or change the one of that number; Label Studio checks the backend first.

    Raises:
        LabelStudioRejected: Label Studio cannot reach the backend, or the backend refuses the password.
        LabelStudioUnauthorized: Label Studio blocks the address; see :func:`blocked_by`.
    """
    body: dict[str, Any] = {"project": project, "url": url, "title": title, "auth_method": "NONE"}
    if user:
        body |= {"auth_method": "BASIC_AUTH", "basic_auth_user": user, "basic_auth_pass": password}
    if number is None:
        return _connection(await client.post("/api/ml/", body))
    return _connection(await client.patch(f"/api/ml/{number}", body))


async def delete_connection(client: LabelStudioClient, number: int) -> None:
    """Remove a connection; its webhook stays."""
    await client.delete(f"/api/ml/{number}")


async def is_predicting(client: LabelStudioClient, connection: int) -> bool:
    """Return whether the backend, asked through Label Studio about a random task, gives a prediction."""
    try:
        answer = _mapping(await client.post(f"/api/ml/{connection}/predict/test", random="true"))
    except LabelStudioError:
        # Label Studio itself answers 500 where the backend has nothing to say.
        return False
    response = answer.get("response")
    first = response[0] if isinstance(response, list) and response else None
    return isinstance(first, dict) and bool(first.get("result"))


async def blocked_by(client: LabelStudioClient, backend_url: str) -> Guard | None:
    """Return which of Label Studio's guards keeps it from a backend's address, or None.

    Sends requests that are wrong in another respect, so that they are never carried out: Label Studio looks at the
    address first.
    """
    if await _blocks(client, "/api/ml/", {"url": backend_url}):
        return "ML_BLOCK_LOCAL_IP"
    if await _blocks(client, "/api/webhooks/", {"url": f"{backend_url}/webhook", "actions": ["NONE"]}):
        return "SSRF_PROTECTION_ENABLED"
    return None


async def _blocks(client: LabelStudioClient, path: str, body: object) -> bool:
    try:
        await client.post(path, body)
    except LabelStudioError as error:
        return _CALLED_BLOCKED in error.message
    return False


async def list_webhooks(client: LabelStudioClient, project: int) -> list[Webhook]:
    """Return a project's webhooks."""
    return [
        Webhook(int(each["id"]), str(each["url"]), dict(each.get("headers") or {}), bool(each.get("is_active")))
        for each in await client.get("/api/webhooks/", project=project)
        if each.get("project") == project
    ]


async def save_webhook(
    client: LabelStudioClient, project: int, *, number: int | None, url: str, headers: Mapping[str, str]
) -> None:
    """Make a webhook for all of a project's events, or change the one of that number."""
    body = {"url": url, "headers": dict(headers), "is_active": True}
    if number is None:
        await client.post("/api/webhooks/", {"project": project, "send_payload": True, **body})
    else:
        await client.patch(f"/api/webhooks/{number}/", body)


async def add_review_tab(client: LabelStudioClient, project: int) -> bool:
    """Add a tab to the Data Manager that shows the prediction score, the least certain page first.

    Returns:
        Whether it was added; False if the project has one of that title.
    """
    tabs = await client.get("/api/dm/views/", project=project)
    if any((tab.get("data") or {}).get("title") == REVIEW_TAB for tab in tabs):
        return False
    hidden = [f"tasks:{column}" for column in _HIDDEN_COLUMNS]
    data = {
        "title": REVIEW_TAB,
        "type": "list",
        "target": "tasks",
        "ordering": ["tasks:predictions_score"],
        "hiddenColumns": {"explore": hidden, "labeling": hidden},
        # All that the Data Manager's page expects to find.
        "columnsWidth": {},
        "columnsDisplayType": {},
        "gridWidth": 4,
    }
    await client.post("/api/dm/views/", {"project": project, "data": data})
    return True


async def serve_local_folder(client: LabelStudioClient, project: int, path: str) -> None:
    """Have Label Studio hand out the files of a folder to the members of a project.

    The storage is for serving only: a synchronisation would make a second task of each page, so its filter lets no
    file through.

    Raises:
        LabelStudioRejected: Serving local files is switched off, or the folder is not below the document root.
    """
    for storage in await client.get("/api/storages/localfiles/", project=project):
        if str(storage.get("path", "")).rstrip("/") == path.rstrip("/"):
            return
    body = {"project": project, "path": path, "title": "ImageFaulty pages", "use_blob_urls": True}
    await client.post("/api/storages/localfiles/", {**body, "regex_filter": "(?!)"})


def _project(found: Mapping[str, Any]) -> Project:
    return Project(
        number=int(found["id"]),
        title=str(found.get("title") or ""),
        label_config=str(found.get("label_config") or ""),
        model_version=str(found.get("model_version") or ""),
        tasks=int(found.get("task_number") or 0),
        prelabels=bool(found.get("show_collab_predictions")),
    )


def _connection(found: Mapping[str, Any]) -> Connection:
    return Connection(
        number=int(found["id"]),
        url=str(found.get("url") or ""),
        title=str(found.get("title") or ""),
        state=_STATES.get(str(found.get("state")), str(found.get("readable_state") or found.get("state"))),
        error=str(found.get("error_message") or ""),
        model_version=str(found.get("model_version") or ""),
        user=str(found.get("basic_auth_user") or ""),
    )


def _mapping(value: object) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise LabelStudioError("Label Studio answered in an unknown form; look whether its version is supported")
    return value
