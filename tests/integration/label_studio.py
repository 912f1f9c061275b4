"""A real Label Studio on SQLite, and the few calls of its API that the tests make."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import httpx2

from tests.integration.processes import ServerProcess, free_port

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

USERNAME = "rig@example.com"
PASSWORD = "rig-password-1"
LEGACY_TOKEN = "r1g0000000000000000000000000000000token1"
#: Both are needed before Label Studio talks to a backend on loopback or a private network.
GUARDS_OFF = {"ML_BLOCK_LOCAL_IP": "false", "SSRF_PROTECTION_ENABLED": "false"}
#: A personal access token buys access for 300 s.
_ACCESS_S = 240


def label_studio(executable: Path, folder: Path, *, guards: Mapping[str, str] | None = None) -> ServerProcess:
    """Label Studio with its data below a folder: no telemetry, no internet, backends on loopback allowed.

    The first start takes 25 to 40 s, nearly all of it database migrations.

    Args:
        executable: The ``label-studio`` command.
        folder: Where its data goes; ``files`` below it is the root of what it serves as local files.
        guards: Variables that decide which addresses it may call; both guards are off if None.
    """
    port = free_port()
    for name in ("data", "home", "files"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    environment = {
        "LABEL_STUDIO_BASE_DATA_DIR": str(folder / "data"),
        "HOME": str(folder / "home"),
        "COLLECT_ANALYTICS": "0",
        "LATEST_VERSION_CHECK": "0",
        "SENTRY_DSN": "",
        "FRONTEND_SENTRY_DSN": "",
        "LOCAL_FILES_SERVING_ENABLED": "true",
        "LOCAL_FILES_DOCUMENT_ROOT": str(folder / "files"),
        # Ours, meant for the backend.
        "LABEL_STUDIO_URL": "",
        "LABEL_STUDIO_HOST": "",
        **(GUARDS_OFF if guards is None else guards),
    }
    command = [str(executable), "start", "-b", "--internal-host", "127.0.0.1", "--port", str(port)]
    command += ["--username", USERNAME, "--password", PASSWORD]
    command += ["--user-token", LEGACY_TOKEN, "--enable-legacy-api-token"]
    return ServerProcess("label-studio", command, f"http://127.0.0.1:{port}", environment=environment, ready_s=240)


class PersonalAccess(httpx2.Auth):
    """Swaps a personal access token for access, as often as needed."""

    requires_response_body = True

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._token = token
        self._access = ""
        self._until = 0.0

    def auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        """Add the header, after the swap where the last one is too old."""
        if time.monotonic() > self._until:
            answer = yield httpx2.Request("POST", f"{self._url}/api/token/refresh/", json={"refresh": self._token})
            answer.raise_for_status()
            self._access = answer.json()["access"]
            self._until = time.monotonic() + _ACCESS_S
        request.headers["Authorization"] = f"Bearer {self._access}"
        yield request


class LabelStudioClient:
    """Calls Label Studio's API as its first user, with a personal access token.

    Attributes:
        url: Where Label Studio is.
        folder: Where its data is, if told.
        personal_token: The personal access token of that user.
    """

    def __init__(self, url: str, token: str = LEGACY_TOKEN, *, folder: Path = Path()) -> None:
        self.url = url
        self.folder = folder
        made = httpx2.post(f"{url}/api/token/", headers={"Authorization": f"Token {token}"}, timeout=30)
        made.raise_for_status()
        self.personal_token: str = made.json()["token"]
        self._http = httpx2.Client(base_url=url, auth=PersonalAccess(url, self.personal_token), timeout=180)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def call(self, method: Literal["GET", "POST", "PATCH", "DELETE"], path: str, **arguments: Any) -> Any:
        """One call; returns the answer's JSON.

        Raises:
            RuntimeError: Label Studio answered with an error; the message holds its reason.
        """
        answer = self._http.request(method, path, **arguments)
        if answer.is_error:
            raise RuntimeError(f"{method} {path} answered {answer.status_code}: {answer.text[:2000]}")
        return answer.json() if answer.content else None

    def allow_legacy_tokens(self, *, allowed: bool) -> None:
        """Switch the organisation's legacy tokens on, or off as in a fresh Label Studio."""
        settings = {"api_tokens_enabled": True, "legacy_api_tokens_enabled": allowed}
        self.call("POST", "/api/jwt/settings", json=settings)

    def create_project(self, title: str, config: str) -> int:
        """Make a project; its title needs 3 to 50 characters."""
        project: int = self.call("POST", "/api/projects/", json={"title": title, "label_config": config})["id"]
        return project

    def upload(self, project: int, files: Mapping[str, bytes]) -> None:
        """Import files by direct upload: one task per file."""
        parts = [(f"file{number}", (name, content)) for number, (name, content) in enumerate(files.items())]
        self.call("POST", f"/api/projects/{project}/import", files=parts)

    def import_tasks(self, project: int, tasks: Sequence[Mapping[str, Any]]) -> None:
        """Import tasks by reference."""
        self.call("POST", f"/api/projects/{project}/import", json=list(tasks))

    def connect(self, project: int, url: str, title: str, *, user: str = "", password: str = "") -> dict[str, Any]:
        """Connect a backend, with basic auth where a user is named; returns the connection."""
        connection = {"project": project, "url": url, "title": title}
        if user:
            connection |= {"auth_method": "BASIC_AUTH", "basic_auth_user": user, "basic_auth_pass": password}
        made: dict[str, Any] = self.call("POST", "/api/ml/", json=connection)
        return made

    def retrieve_predictions(self, project: int) -> dict[str, Any]:
        """What "Retrieve Predictions" does for all tasks of a project."""
        answer: dict[str, Any] = self.call(
            "POST",
            "/api/dm/actions",
            params={"id": "retrieve_tasks_predictions", "project": project},
            json={"selectedItems": {"all": True, "excluded": []}},
        )
        return answer

    def tasks(self, project: int, *, ordering: str = "tasks:id") -> list[dict[str, Any]]:
        """All tasks as the Data Manager lists them: data, predictions, and the columns about predictions.

        Args:
            project: Its number.
            ordering: A column such as ``tasks:predictions_score``; a minus before it reverses the order.
        """
        query = json.dumps({"ordering": [ordering]})
        listed = self.call(
            "GET", "/api/tasks", params={"project": project, "fields": "all", "page_size": 1000, "query": query}
        )
        tasks: list[dict[str, Any]] = listed["tasks"]
        return tasks
