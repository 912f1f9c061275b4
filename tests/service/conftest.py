"""The application over a tiny bundle, and a real server for what a test client cannot show."""

from __future__ import annotations

import base64
import io
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI
from PIL import Image
from starlette.testclient import TestClient

from imagefaulty import Inspector
from imagefaulty.customising import Customisation
from imagefaulty.service.app import create_app
from imagefaulty.service.settings import read_settings
from imagefaulty.service.uploads import InspectsPages
from tests.bundles import tiny_bundle

OpenClient = Callable[..., AbstractContextManager[TestClient]]


def picture(colour: tuple[int, int, int] = (255, 255, 255)) -> bytes:
    """A page in one colour; the tiny bundle answers by colour."""
    buffer = io.BytesIO()
    Image.new("RGB", (60, 80), colour).save(buffer, "PNG")
    return buffer.getvalue()


def data_uri(data: bytes) -> str:
    """The bytes as a reference."""
    return "data:image/png;base64," + base64.b64encode(data).decode()


def task(number: int, reference: Any) -> dict[str, Any]:
    """A task as Label Studio sends it, shortened."""
    return {"id": number, "data": {"image": reference}, "project": 2, "annotations": [], "predictions": []}


@pytest.fixture(scope="session")
def inspector(tmp_path_factory: pytest.TempPathFactory) -> Inspector:
    return Inspector.load(tiny_bundle(tmp_path_factory.mktemp("bundle")))


@pytest.fixture
def open_client(inspector: Inspector, monkeypatch: pytest.MonkeyPatch) -> OpenClient:
    """Call with settings (and maybe another engine) to get a client as a context manager."""
    for name in ("BASIC_AUTH_USER", "BASIC_AUTH_PASS", "LABEL_STUDIO_URL", "LABEL_STUDIO_API_KEY", "MODEL_DIR", "HOST"):
        monkeypatch.delenv(name, raising=False)

    @contextmanager
    def opened(
        engine: InspectsPages = inspector, customisation: Customisation | None = None, **flags: object
    ) -> Iterator[TestClient]:
        settings = read_settings(env_file=None, **flags)
        with TestClient(create_app(settings, engine, customisation), raise_server_exceptions=True) as client:
            yield client

    return opened


@pytest.fixture
def client(open_client: OpenClient) -> Iterator[TestClient]:
    with open_client() as opened:
        yield opened


@contextmanager
def running(app: FastAPI) -> Iterator[str]:
    """Serve an application on loopback with uvicorn, in a thread; gives its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="on"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            while not server.started:
                time.sleep(0.01)
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
