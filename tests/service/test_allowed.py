from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.responses import RedirectResponse, Response

from imagefaulty.errors import SettingsError, SourceForbidden, SourceNotFound, SourceTooLarge, SourceUnreachable
from imagefaulty.service.allowed import AllowedSources
from tests.service.conftest import OpenClient, picture, running


@contextmanager
def shelf() -> Iterator[str]:
    """A host with one folder that may be fetched from, and more."""
    app = FastAPI()

    @app.get("/open/scan.png")
    def scan() -> Response:
        return Response(picture((0, 0, 0)), media_type="image/png")

    @app.get("/open/away")
    def away() -> Response:
        return RedirectResponse("/closed/scan.png")

    @app.get("/closed/scan.png")
    def closed() -> Response:
        return Response(picture(), media_type="image/png")

    with running(app) as url:
        yield url


def allowing(*addresses: str, limit_bytes: int = 10**6) -> AllowedSources:
    return AllowedSources.read("", ",".join(addresses), limit_bytes=limit_bytes, timeout_s=5)


@pytest.fixture(scope="module")
def host() -> Iterator[str]:
    with shelf() as url:
        yield url


def test_addresses_below_an_allowed_one_may_be_named(open_client: OpenClient, host: str) -> None:
    with open_client(allowed_urls=f"{host}/open/") as client:
        for path in ("/cornerurl", "/corner_url"):
            answer = client.get(path, params={"url": f"{host}/open/scan.png"})
            assert answer.json()["prediction"] == "folded_corner"
        refused = client.get("/cornerurl", params={"url": f"{host}/closed/scan.png"})
        assert refused.status_code == 403
        assert "ALLOWED_URLS" in refused.json()["detail"]


async def _fetch(sources: AllowedSources, url: str) -> bytes:
    return await sources.fetch(url)


def test_an_allowed_address_may_hold_escapes(host: str) -> None:
    assert asyncio.run(_fetch(allowing(f"{host}/op%65n/"), f"{host}/open/scan.png"))


@pytest.mark.parametrize(
    "path",
    [
        "/closed/scan.png",
        "/openly/scan.png",
        "/open/../closed/scan.png",
        "/open/%2e%2e/closed/scan.png",
        "/open/..%2fclosed/scan.png",
        "/open",
    ],
)
def test_what_lies_elsewhere_is_not_fetched(host: str, path: str) -> None:
    with pytest.raises(SourceForbidden, match="ALLOWED_URLS"):
        asyncio.run(_fetch(allowing(f"{host}/open/"), host + path))


def test_another_port_scheme_or_user_is_elsewhere(host: str) -> None:
    sources = allowing(f"{host}/open/")
    address = host.removeprefix("http://")
    for url in (
        f"https://{address}/open/scan.png",
        "http://127.0.0.1:1/open/scan.png",
        f"http://u:p@{address}/open/scan.png",
        "file:///open/scan.png",
        f"//{address}/open/scan.png",
        "",
    ):
        with pytest.raises(SourceForbidden) as caught:
            asyncio.run(_fetch(sources, url))
        assert "u:p" not in caught.value.message


@pytest.mark.parametrize(
    ("path", "error"),
    [("/open/away", SourceForbidden), ("/open/none.png", SourceNotFound)],
    ids=["redirect", "missing"],
)
def test_a_redirect_is_not_followed_and_a_missing_file_is_missing(host: str, path: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        asyncio.run(_fetch(allowing(f"{host}/open/"), host + path))


def test_a_large_answer_is_cut_off(host: str) -> None:
    with pytest.raises(SourceTooLarge):
        asyncio.run(_fetch(allowing(f"{host}/open/", limit_bytes=50), f"{host}/open/scan.png"))


def test_a_host_that_is_away_is_said_so() -> None:
    with pytest.raises(SourceUnreachable, match="could not be fetched"):
        asyncio.run(_fetch(allowing("http://127.0.0.1:9/"), "http://127.0.0.1:9/scan.png"))


def test_settings_that_allow_nothing_sensible_stop_the_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="ALLOWED_PATHS"):
        AllowedSources.read(str(tmp_path / "none"), "", limit_bytes=1, timeout_s=1)
    with pytest.raises(SettingsError, match="ALLOWED_URLS"):
        allowing("archive.example")
