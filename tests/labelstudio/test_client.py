"""The API client: tokens, retries of what may pass, and errors that say the cure without secrets."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import stamina

from imagefaulty.errors import (
    LabelStudioError,
    LabelStudioNotFound,
    LabelStudioRejected,
    LabelStudioUnauthorized,
    LabelStudioUnreachable,
    SettingsError,
)
from imagefaulty.labelstudio.client import LabelStudioClient
from imagefaulty.labelstudio.tokens import Token

Answer = tuple[int, dict[str, str], bytes]
LEGACY = "0123456789abcdef0123456789abcdef01234567"


class ApiServer(ThreadingHTTPServer):
    """Answers each request with the next of the prepared answers; the last one is repeated.

    Attributes:
        answers: What is left to answer; an answer of status 0 breaks the connection off.
        asked: (method, path, Authorization) of each request.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: list[Answer] = []
        self.asked: list[tuple[str, str, str]] = []

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: ApiServer

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        self.rfile.read(length)
        self.server.asked.append((self.command, self.path, self.headers.get("Authorization", "")))
        answers = self.server.answers
        status, headers, body = answers.pop(0) if len(answers) > 1 else answers[0]
        if not status:
            self.close_connection = True
            return
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815 - the base class calls it so

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[ApiServer]:
    """The server."""
    with ApiServer() as running, stamina.set_testing(True, attempts=4):
        threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True).start()
        yield running
        running.shutdown()


def told(status: int, body: object = None, **headers: str) -> Answer:
    """An answer in JSON."""
    return status, {"Content-Type": "application/json", **headers}, json.dumps(body).encode()


def jwt(**claims: object) -> str:
    """A token that nobody signed."""
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in ({}, claims)]
    return ".".join([*parts, "c2lnbmF0dXJl"])


def call(server: ApiServer, work: Callable[[LabelStudioClient], Any], secret: str = LEGACY) -> Any:
    """Do something with a client."""

    async def inside() -> Any:
        async with LabelStudioClient(server.url, Token(secret, "LABEL_STUDIO_API_KEY"), timeout_s=5) as client:
            return await work(client)

    return asyncio.run(inside())


def test_an_answer_is_json_and_the_token_goes_along(server: ApiServer) -> None:
    server.answers = [told(200, {"id": 1})]
    assert call(server, lambda client: client.get("/api/projects/1/", page=2)) == {"id": 1}
    assert server.asked == [("GET", "/api/projects/1/?page=2", f"Token {LEGACY}")]


def test_what_needs_no_token_is_asked_without(server: ApiServer) -> None:
    server.answers = [told(200, {})]
    call(server, lambda client: client.ask("/api/version"))
    assert server.asked[0][2] == ""


def test_a_personal_token_is_swapped_once_and_again_when_refused(server: ApiServer) -> None:
    first, second = jwt(token_type="access", n=1, exp=8e9), jwt(token_type="access", n=2, exp=8e9)
    server.answers = [
        told(200, {"access": first}),
        *[told(200, 1), told(200, 2), told(401, {"detail": "expired"})],
        *[told(200, {"access": second}), told(200, 3)],
    ]

    async def work(client: LabelStudioClient) -> list[Any]:
        return [await client.get("/a"), await client.get("/b"), await client.get("/c")]

    assert call(server, work, jwt(token_type="refresh")) == [1, 2, 3]
    assert [path for _, path, _ in server.asked] == [
        *("/api/token/refresh/", "/a", "/b", "/c", "/api/token/refresh/", "/c")
    ]
    assert server.asked[-1][2] == f"Bearer {second}"


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_what_may_pass_is_tried_again(server: ApiServer, status: int) -> None:
    server.answers = [told(status), told(status), told(200, "well")]
    assert call(server, lambda client: client.get("/x")) == "well"


def test_writing_is_repeated_only_when_it_was_refused_unread(server: ApiServer) -> None:
    server.answers = [told(429), told(200, "well")]
    assert call(server, lambda client: client.post("/x", {})) == "well"
    server.answers = [told(504), told(200, "done twice")]
    with pytest.raises(LabelStudioUnreachable, match="busy"):
        call(server, lambda client: client.post("/x", {}))
    assert len(server.answers) == 1


def test_reading_is_repeated_when_the_connection_breaks_off(server: ApiServer) -> None:
    server.answers = [(0, {}, b""), told(200, "well")]
    assert call(server, lambda client: client.get("/x")) == "well"


def test_writing_is_not_repeated_when_the_connection_breaks_off(server: ApiServer) -> None:
    server.answers = [(0, {}, b""), told(200, "done twice")]
    with pytest.raises(LabelStudioUnreachable, match="broke off"):
        call(server, lambda client: client.post("/x", {}))
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (told(401, {"detail": "Invalid token."}), LabelStudioUnauthorized, "make a personal access token"),
        (told(401, {"detail": "legacy token authentication disabled"}), LabelStudioUnauthorized, "administrator"),
        (told(403, {"detail": "reserved network address"}), LabelStudioUnauthorized, "reserved network address"),
        (told(404, {"detail": "No Project"}), LabelStudioNotFound, "No Project"),
        (told(400, {"validation_errors": {"title": ["too long"]}}), LabelStudioRejected, "title: too long"),
        (told(400, ["a", "b"]), LabelStudioRejected, "a; b"),
        (told(500, {"detail": "boom"}), LabelStudioError, "look into its log"),
        ((500, {}, b"<html>"), LabelStudioError, "Internal Server Error"),
        ((200, {}, b"<html>"), LabelStudioUnreachable, "is no Label Studio"),
        (told(302, Location="https://elsewhere/x?token=1"), LabelStudioUnreachable, "final address"),
        (told(503), LabelStudioUnreachable, "busy"),
    ],
)
def test_errors_say_what_is_wrong(server: ApiServer, answer: Answer, error: type[LabelStudioError], words: str) -> None:
    server.answers = [answer]
    with pytest.raises(error, match=words) as refusal:
        call(server, lambda client: client.get("/api/x"))
    assert LEGACY not in refusal.value.message
    assert "token=1" not in refusal.value.message
    assert len(refusal.value.message.splitlines()) == 1


def test_a_reason_is_shown_without_markup_and_passwords(server: ApiServer) -> None:
    reason = "Can't connect to http://user:secret@host:1/ <a href='x'>Learn more</a> about it"
    server.answers = [told(400, {"validation_errors": {"non_field_errors": [reason]}})]
    with pytest.raises(LabelStudioRejected) as refusal:
        call(server, lambda client: client.post("/api/ml/"))
    assert refusal.value.message.endswith("Can't connect to http://host:1/")


def test_a_refused_personal_token_is_named_by_its_source(server: ApiServer) -> None:
    server.answers = [told(401, {"detail": "Token is invalid"})]
    secret = jwt(token_type="refresh")
    with pytest.raises(LabelStudioUnauthorized, match="personal access token from LABEL_STUDIO_API_KEY") as refusal:
        call(server, lambda client: client.get("/api/x"), secret)
    assert secret not in refusal.value.message


def test_an_expired_access_token_is_told_from_a_wrong_one(server: ApiServer) -> None:
    server.answers = [told(401, {"detail": "Authentication credentials were not provided."})]
    with pytest.raises(LabelStudioUnauthorized, match="live five minutes"):
        call(server, lambda client: client.get("/api/x"), jwt(token_type="access"))


def test_nobody_at_home_is_told_with_a_hint_about_containers(server: ApiServer) -> None:
    server.server_close()
    with pytest.raises(LabelStudioUnreachable, match=r"host\.docker\.internal"):
        call(server, lambda client: client.get("/api/x"))


def test_an_address_is_needed() -> None:
    with pytest.raises(SettingsError, match="LABEL_STUDIO_URL"):
        LabelStudioClient("", Token(LEGACY, "x"))
