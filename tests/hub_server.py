"""A small server that speaks the part of the Hugging Face Hub's protocol that fetching a snapshot takes."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit


@dataclass(slots=True)
class Hub:
    """What the server has.

    Attributes:
        repository: ``"OWNER/NAME"`` of its one repository.
        files: Content by path.
        revisions: Names of branches and tags that lead to the one commit.
        url: Where it answers.
        asked: Method and path of every request.
        token: Where set, what the requests must carry.
    """

    repository: str
    files: dict[str, bytes]
    revisions: tuple[str, ...] = ("main",)
    url: str = ""
    asked: list[str] = field(default_factory=list)
    token: str = ""

    @property
    def commit(self) -> str:
        """A commit hash that follows the content."""
        return hashlib.sha1(b"".join(self.files.values()), usedforsecurity=False).hexdigest()

    def knows(self, revision: str) -> bool:
        return revision in (*self.revisions, self.commit)


@contextlib.contextmanager
def serving(hub: Hub) -> Iterator[Hub]:
    """Serve until left."""
    server = _Server(hub)
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    def __init__(self, hub: Hub) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.hub = hub


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def hub(self) -> Hub:
        assert isinstance(self.server, _Server)
        return self.server.hub

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.hub.asked.append(f"{self.command} {path}")
        if self.hub.token and self.headers.get("Authorization") != f"Bearer {self.hub.token}":
            self._refuse(401, "RepoNotFound", "Invalid username or password.")
        elif path.startswith(f"/api/models/{self.hub.repository}"):
            self._tell(path.removeprefix(f"/api/models/{self.hub.repository}").strip("/"))
        elif path.startswith(f"/{self.hub.repository}/resolve/"):
            self._hand_out(*path.removeprefix(f"/{self.hub.repository}/resolve/").split("/", 1))
        else:
            self._refuse(404, "RepoNotFound", "Repository not found")

    def _tell(self, what: str) -> None:
        """Answer ``revision/REV`` (what the repository is) and ``tree/REV`` (what is in it)."""
        kind, _, revision = what.partition("/")
        if not self.hub.knows(revision.partition("/")[0] or "main"):
            self._refuse(404, "RevisionNotFound", "Invalid rev id")
        elif kind == "tree":
            self._json([self._entry(name, data) for name, data in self.hub.files.items()])
        else:
            siblings = [{"rfilename": name} for name in self.hub.files]
            self._json(
                {"id": self.hub.repository, "sha": self.hub.commit, "siblings": siblings, "tags": [], "private": False}
            )

    def _entry(self, name: str, data: bytes) -> dict[str, object]:
        return {"type": "file", "path": name, "size": len(data), "oid": _etag(data)}

    def _hand_out(self, revision: str, name: str) -> None:
        data = self.hub.files.get(name)
        if not self.hub.knows(revision):
            self._refuse(404, "RevisionNotFound", "Invalid rev id")
        elif data is None:
            self._refuse(404, "EntryNotFound", "Entry not found")
        else:
            self._send(200, data, {"ETag": f'"{_etag(data)}"', "X-Repo-Commit": self.hub.commit})

    def _json(self, value: object) -> None:
        self._send(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _refuse(self, status: int, code: str, message: str) -> None:
        self._send(status, b"{}", {"X-Error-Code": code, "X-Error-Message": message})

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Stay quiet; ``hub.asked`` has the requests."""


def _etag(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
