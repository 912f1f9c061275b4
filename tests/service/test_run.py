import logging
import os
import re
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from imagefaulty.errors import BundleNotFound, SettingsError
from imagefaulty.service.logs import configure_logging
from imagefaulty.service.run import serve
from imagefaulty.service.settings import read_settings
from tests.bundles import tiny_bundle

PROGRAM = """
from imagefaulty.service.run import serve
from imagefaulty.service.settings import read_settings

if __name__ == "__main__":
    serve(read_settings())
"""


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """Whoever serves sets logging up for good; no other test is to inherit that."""
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


@pytest.mark.parametrize("workers", [1, 2])
def test_it_serves_until_it_is_interrupted_and_shows_no_password(tmp_path: Path, workers: int) -> None:
    port = free_port()
    own = {
        "MODEL_PATH": str(tiny_bundle(tmp_path / "bundle")),
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "WORKERS": str(workers),
        "BASIC_AUTH_USER": "u",
        "BASIC_AUTH_PASS": "secret-password",
        "LABEL_STUDIO_API_KEY": "secret-token",
        "LOG_LEVEL": "debug",
    }
    script = tmp_path / "program.py"
    script.write_text(PROGRAM)
    environment = {**os.environ, **own}
    process = subprocess.Popen(
        [sys.executable, str(script)], env=environment, cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        log = _until(process, b"Application startup complete", workers)
        answer = httpx2.get(f"http://127.0.0.1:{port}/health", auth=("u", "secret-password"))
        assert answer.json()["status"] == "UP"
        assert httpx2.get(f"http://127.0.0.1:{port}/").status_code == 401
    finally:
        process.send_signal(signal.SIGINT)
        output, rest = process.communicate(timeout=30)
    log += rest
    assert output == b""
    assert process.returncode in (0, -signal.SIGINT)
    assert b"serving tiny-1.0-" in log
    assert b"secret" not in log
    assert b"Traceback" not in log


def _until(process: subprocess.Popen[bytes], text: bytes, times: int) -> bytes:
    assert process.stderr is not None
    log = b""
    while log.count(text) < times:
        ready, _, _ = select.select([process.stderr], [], [], 60)
        chunk = os.read(process.stderr.fileno(), 4096) if ready else b""
        assert chunk, log.decode()
        log += chunk
    return log


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings = read_settings(
            env_file=None, host="127.0.0.1", port=port, log_level="error", model_path=tiny_bundle(tmp_path)
        )
        with pytest.raises(SettingsError, match=f"cannot listen on 127.0.0.1 port {port}"):
            serve(settings)


def test_a_missing_bundle_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(BundleNotFound):
        serve(read_settings(env_file=None, model_path=tmp_path / "none"))


def test_a_log_message_stays_on_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("INFO")
    logging.getLogger("test").warning("one\ntwo\x1b[0m")
    assert re.fullmatch(r"\S+ \S+ WARNING test: one�two�\[0m\n", capsys.readouterr().err)
    assert logging.getLogger("httpcore2").level == logging.WARNING
