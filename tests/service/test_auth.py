import base64

import pytest
from starlette.testclient import TestClient

from tests.service.conftest import OpenClient

PATHS = [
    "/",
    "/health",
    "/setup",
    "/predict",
    "/webhook",
    "/versions",
    "/metrics",
    "/docs",
    "/openapi.json",
    "/nowhere",
]


def basic(text: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(text.encode()).decode()}


@pytest.mark.parametrize("path", PATHS)
def test_every_path_wants_the_password(open_client: OpenClient, path: str) -> None:
    with open_client(basic_auth_user="u", basic_auth_pass="p:ä") as client:
        for headers in ({}, basic("u:wrong"), basic("x:p:ä"), basic("u"), basic("")):
            answer = client.get(path, headers=headers)
            assert answer.status_code == 401
            assert answer.headers["WWW-Authenticate"].startswith("Basic ")
            assert answer.json()["error"]["code"] == "unauthorized"
        assert client.get(path, headers=basic("u:p:ä")).status_code != 401


@pytest.mark.parametrize(
    "header", ["Basic", "Basic ???", "Bearer abc", "Token abc", "basic " + "A" * 10_000, "Basic /w=="]
)
def test_a_malformed_header_is_a_refusal(open_client: OpenClient, header: str) -> None:
    with open_client(basic_auth_user="u", basic_auth_pass="p") as client:
        assert client.get("/health", headers={"Authorization": header}).status_code == 401


def test_liveness_needs_no_password(open_client: OpenClient) -> None:
    with open_client(basic_auth_user="u", basic_auth_pass="p") as client:
        assert client.get("/livez").json() == {"status": "alive"}
        assert client.get("/livez/").status_code == 401


def test_without_a_password_everything_is_open(client: TestClient) -> None:
    assert client.get("/health").status_code == 200
