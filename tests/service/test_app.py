import logging
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from imagefaulty.errors import BundleDamaged, BundleNotFound
from imagefaulty.service.app import create_app
from imagefaulty.service.settings import read_settings
from tests.service.conftest import OpenClient


def test_a_damaged_bundle_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "bundle.json").write_text("{")
    with pytest.raises(BundleDamaged):
        create_app(read_settings(env_file=None, model_dir=tmp_path))
    with pytest.raises(BundleNotFound):
        create_app(read_settings(env_file=None, model_dir=tmp_path / "typo"))


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/nowhere", 404), ("GET", "/predict", 405), ("PUT", "/", 405)]
)
def test_a_wrong_address_is_answered_in_json(client: TestClient, method: str, path: str, status: int) -> None:
    answer = client.request(method, path)
    assert answer.status_code == status
    assert path in answer.json()["error"]["message"]


def test_the_unforeseen_is_a_plain_500_and_logged_once(
    open_client: OpenClient, caplog: pytest.LogCaptureFixture, inspector: Any
) -> None:
    class Broken:
        @property
        def bundle(self) -> Any:
            raise RuntimeError("secret")

        inspect = inspector.inspect

    with open_client(Broken()) as client, caplog.at_level(logging.INFO):
        answer = client.get("/health")
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "internal"
    assert "secret" not in answer.text + caplog.text
    (logged,) = [record.message for record in caplog.records if record.levelno >= logging.ERROR]
    assert logged.startswith("GET /health: unforeseen RuntimeError at test_app.py:")


def test_numbers_are_counted(client: TestClient) -> None:
    client.get("/health")
    client.get("/made/up")
    text = client.get("/metrics").text
    assert 'imagefaulty_requests_total{path="/health",status="200"} 1.0' in text
    assert 'imagefaulty_requests_total{path="other",status="404"} 1.0' in text
    assert "/made/up" not in text
