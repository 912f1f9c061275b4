"""The directory that Label Studio's old launcher starts: its flags, the launcher itself, gunicorn."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bundles import tiny_bundle
from tests.conftest import REPOSITORY, absent

#: The launcher is the last release on PyPI. It does not declare redis and rq, which it imports.
LAUNCHER = ["label-studio-ml==1.0.9", "redis", "rq"]
WSGI = REPOSITORY / "label" / "_wsgi.py"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def ask(port: int, path: str = "/", *, user: str = "") -> tuple[int, dict[str, Any]]:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}")
    if user:
        import base64  # noqa: PLC0415

        request.add_header("Authorization", "Basic " + base64.b64encode(user.encode()).decode())
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


@contextlib.contextmanager
def serving(command: list[str], port: int, **options: Any) -> Iterator[Path]:
    """Run a server, wait until it answers, and end all of its processes afterwards; gives its log."""
    log = options.pop("log")
    with log.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, start_new_session=True, **options)
        try:
            deadline = time.monotonic() + 60
            while True:
                with contextlib.suppress(urllib.error.URLError, ConnectionError):
                    ask(port, "/livez")
                    break
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.1)
            yield log
        finally:
            # The launcher starts its server through a shell, so the signal goes to the group.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGINT)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(20)


def environment(**extra: str) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("BASIC_AUTH", "MODEL_", "ML_"))}
    return clean | {"PYTHONWARNINGS": "", **extra}


def wsgi(*arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(WSGI), *arguments],
        env=environment(**extra),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bundle(tmp_path_factory.mktemp("bundle"))


def test_all_flags_of_the_launchers_projects_are_taken(bundle: Path, tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, str(WSGI), "-p", str(port), "--host", "127.0.0.1", "--with", "threads=2", "fetches=3"]
    command += ["-d", "--log-level", "INFO", "--model-dir", str(bundle), "--check"]
    command += ["--basic-auth-user", "ada", "--basic-auth-pass", "secret"]
    with serving(command, port, env=environment(), cwd=tmp_path, log=tmp_path / "log") as log:
        assert ask(port)[0] == 401
        status, body = ask(port, user="ada:secret")
        assert status == 200
        assert body["status"] == "UP"
        assert body["model_version"].startswith("tiny-1.0-")
        assert "answers writing_type, post_it, corner, empty" in log.read_text()
        assert "secret" not in log.read_text()


def test_the_launchers_names_of_user_and_password_work(bundle: Path, tmp_path: Path) -> None:
    port = free_port()
    names = environment(ML_SERVER_BASIC_AUTH_USER="ada", ML_SERVER_BASIC_AUTH_PASS="secret", MODEL_DIR=str(bundle))
    command = [sys.executable, str(WSGI), "--port", str(port), "--host", "127.0.0.1"]
    with serving(command, port, env=names, cwd=tmp_path, log=tmp_path / "log"):
        assert ask(port)[0] == 401
        assert ask(port, user="ada:secret")[0] == 200


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--with", "threads"], "write it as KEY=VAL"),
        (["--with", "hotness=9"], "unknown setting hotness"),
        (["--port", "99999"], "PORT"),
        (["--check", "--with", "model_path=/nowhere/at/all"], "no such directory"),
    ],
)
def test_a_wrong_flag_is_one_line(arguments: list[str], message: str) -> None:
    done = wsgi(*arguments)
    assert done.returncode in (2, 3)
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.integration
def test_label_studio_ml_start_serves_the_directory(bundle: Path, tmp_path: Path) -> None:
    launcher = _launcher(tmp_path / "launcher")
    port = free_port()
    # The launcher runs whatever `python` comes first; ours has the package.
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    if subprocess.run(["python", "-c", "import imagefaulty"], env={**os.environ, "PATH": path}, check=False).returncode:
        absent("there is no `python` with the package beside the one that runs the tests")
    command = [str(launcher), "start", "--root-dir", ".", "label", "--port", str(port), "--host", "127.0.0.1"]
    names = environment(PATH=path, MODEL_DIR=str(bundle))
    with serving(command, port, env=names, cwd=REPOSITORY, log=tmp_path / "log"):
        status, body = ask(port)
        assert status == 200
        assert body["status"] == "UP"
        assert body["model_version"].startswith("tiny-")


def _launcher(folder: Path) -> Path:
    """Install the launcher in an environment of its own: it pins a Flask of 2020."""
    venv.create(folder, with_pip=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
    done = subprocess.run([*pip, *LAUNCHER], capture_output=True, text=True, timeout=280, check=False)
    if done.returncode:
        absent(f"the launcher cannot be installed: {done.stderr.strip().splitlines()[-1]}")
    return folder / "bin" / "label-studio-ml"


@pytest.mark.parametrize("application", ["label._wsgi:app", "_wsgi:app"])
def test_gunicorn_serves_it_with_uvicorn_workers(bundle: Path, tmp_path: Path, application: str) -> None:
    pytest.importorskip("gunicorn")
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "--worker-class", "uvicorn.workers.UvicornWorker", "--workers", "2"]
    command += ["--bind", f"127.0.0.1:{port}", "--chdir", str(REPOSITORY if "." in application else WSGI.parent)]
    names = environment(MODEL_DIR=str(bundle))
    with serving([*command, application], port, env=names, cwd=tmp_path, log=tmp_path / "log"):
        status, body = ask(port)
        assert status == 200
        assert body["model_version"].startswith("tiny-")
