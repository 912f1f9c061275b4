"""Try ImageFaulty in a real Label Studio: starts both, makes a project of the sample pages, connects and predicts it.

``make studio`` runs this. Ctrl-C stops both; accounts, projects and annotations are kept for the next time.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NoReturn

import httpx2

from imagefaulty.errors import ImageFaultyError
from imagefaulty.labelstudio.client import LabelStudioClient
from imagefaulty.labelstudio.connecting import backend_address, connect_backend, fixed_label_config
from imagefaulty.labelstudio.importing import import_folder
from imagefaulty.labelstudio.projects import create_project, list_projects
from imagefaulty.labelstudio.tokens import Token

REPOSITORY = Path(__file__).resolve().parent.parent
TITLE = "ImageFaulty samples"
EMAIL = "archive@example.com"
# The first start migrates the database, which takes 25 to 40 s on two cores.
READY_S = 300
STOP_S = 15


class Stopped(Exception):
    """Something keeps this from going on; the text says what, and what to do."""


@dataclass(frozen=True, slots=True)
class Account:
    """The one user of this Label Studio.

    Attributes:
        password: To log in with.
        token: For its API.
    """

    password: str
    token: str


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until interrupted; returns the exit status."""
    options = parsed(arguments)
    # A kill and a closed terminal must stop the servers just as Ctrl-C does.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    try:
        run(options)
    except KeyboardInterrupt:
        say("stopped; `make studio` goes on from here")
    except (Stopped, ImageFaultyError) as error:
        say(f"error: {error}")
        return 1
    return 0


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    program = REPOSITORY / ".venv-labelstudio" / "bin" / "label-studio"
    parser = argparse.ArgumentParser(prog="examples/studio.py", description=__doc__)
    parser.add_argument("--label-studio", type=Path, default=program, help="the label-studio command")
    parser.add_argument("--port", type=int, default=8080, help="port of Label Studio")
    parser.add_argument("--backend-port", type=int, default=9090, help="port of the backend")
    parser.add_argument("--data", type=Path, default=REPOSITORY / ".cache" / "studio", help="where everything is kept")
    return parser.parse_args(arguments)


def run(options: argparse.Namespace) -> None:
    """Start both servers, prepare the project, and wait."""
    if not options.label_studio.is_file():
        raise Stopped(f"there is no {options.label_studio}; `make studio-env` installs Label Studio")
    options.data.mkdir(parents=True, exist_ok=True)
    account = the_account(options.data / "account.json")
    url, backend_url = (f"http://127.0.0.1:{port}" for port in (options.port, options.backend_port))
    for port, flag in ((options.port, "--port"), (options.backend_port, "--backend-port")):
        refuse_taken(port, flag)
    with (
        server("label-studio", studio_command(options), studio_environment(options.data, account), options.data) as one,
        server("backend", backend_command(options), backend_environment(url, account), options.data) as other,
    ):
        say("starting Label Studio and the backend; the first time takes about half a minute")
        ready(one, f"{url}/health", options.data / "label-studio.log")
        ready(other, f"{backend_url}/livez", options.data / "backend.log")
        project = asyncio.run(prepare(url, backend_url, account))
        sys.stdout.write(
            f"\n  address   {url}/projects/{project}/data\n  user      {EMAIL}\n  password  {account.password}\n"
            f"  backend   {backend_url}\n\nCtrl-C stops both.\n"
        )
        sys.stdout.flush()
        watch({"Label Studio": one, "the backend": other}, options.data)


async def prepare(url: str, backend_url: str, account: Account) -> int:
    """Make the sample project unless it is there, connect and predict it; return its number."""
    async with LabelStudioClient(url, Token(account.token, "this demonstration")) as client:
        titles = await list_projects(client, most=100)
        project = next((number for number, title in titles.items() if title == TITLE), None)
        if project is None:
            project = (await create_project(client, TITLE, fixed_label_config())).number
        await import_folder(client, project, REPOSITORY / "examples" / "samples")
        await connect_backend(client, project, backend_address(backend_url))
        # The same as Actions → Retrieve Predictions in the Data Manager; tasks that have one are left alone.
        everything = {"selectedItems": {"all": True, "excluded": []}}
        await client.post("/api/dm/actions", everything, id="retrieve_tasks_predictions", project=project)
        return project


def the_account(path: Path) -> Account:
    """Return the account of the last time, or make one up."""
    with contextlib.suppress(OSError, ValueError, TypeError):
        return Account(**json.loads(path.read_text(encoding="utf-8")))
    account = Account(password=secrets.token_urlsafe(9), token=secrets.token_hex(20))
    path.touch(mode=0o600)
    path.write_text(json.dumps(asdict(account)), encoding="utf-8")
    return account


def studio_command(options: argparse.Namespace) -> list[str]:
    """Return what starts Label Studio, on the loopback interface only."""
    command = [str(options.label_studio), "start", "--no-browser", "--internal-host", "127.0.0.1"]
    return [*command, "--port", str(options.port)]


def studio_environment(data: Path, account: Account) -> dict[str, str]:
    """Return Label Studio's settings: data in one folder, no telemetry, backends on this machine allowed."""
    (data / "home").mkdir(exist_ok=True)
    return {
        "LABEL_STUDIO_BASE_DATA_DIR": str(data / "label-studio"),
        "HOME": str(data / "home"),
        "LABEL_STUDIO_USERNAME": EMAIL,
        "LABEL_STUDIO_PASSWORD": account.password,
        "LABEL_STUDIO_USER_TOKEN": account.token,
        "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
        "ML_BLOCK_LOCAL_IP": "false",
        "SSRF_PROTECTION_ENABLED": "false",
        "COLLECT_ANALYTICS": "0",
        "LATEST_VERSION_CHECK": "0",
        "SENTRY_DSN": "",
        "FRONTEND_SENTRY_DSN": "",
        # Meant for the backend, and read by Label Studio as well.
        "LABEL_STUDIO_URL": "",
        "LABEL_STUDIO_HOST": "",
    }


def backend_command(options: argparse.Namespace) -> list[str]:
    """Return what starts the backend, on the loopback interface only."""
    return [sys.executable, "-m", "imagefaulty", "serve", "--host", "127.0.0.1", "--port", str(options.backend_port)]


def backend_environment(url: str, account: Account) -> dict[str, str]:
    """Return the backend's settings."""
    open_to_all = {"BASIC_AUTH_USER": "", "BASIC_AUTH_PASS": ""}
    return {"LABEL_STUDIO_URL": url, "LABEL_STUDIO_API_KEY": account.token, **open_to_all}


@contextlib.contextmanager
def server(
    name: str, command: Sequence[str], environment: Mapping[str, str], data: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server in a process group of its own, so that Ctrl-C reaches it only through us, and in order."""
    with (data / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - our own commands
            command, stdout=log, stderr=log, env={**os.environ, **environment}, start_new_session=True
        )
    try:
        yield process
    finally:
        stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a server and its children."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_S)
            return


def ready(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    """Wait until a server answers."""
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise Stopped(f"a server ended with status {process.returncode}; {log} says why")
        with contextlib.suppress(httpx2.TransportError):
            if httpx2.get(url, timeout=5).is_success:
                return
        time.sleep(0.3)
    raise Stopped(f"{url} did not answer within {READY_S} s; {log} says why")


def refuse_taken(port: int, flag: str) -> None:
    """Stop early where a port is taken: Label Studio would silently take another one."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise Stopped(f'port {port} is taken; choose another: make studio ARGS="{flag} {port + 10}"') from None


def watch(processes: Mapping[str, subprocess.Popen[bytes]], data: Path) -> NoReturn:
    """Wait until interrupted, or until one of the servers ends."""
    while True:
        for name, process in processes.items():
            if process.poll() is not None:
                raise Stopped(f"{name} ended with status {process.returncode}; the logs in {data} say why")
        time.sleep(0.5)


def interrupt(_number: int, _frame: object) -> NoReturn:
    """Handle a signal as Ctrl-C."""
    raise KeyboardInterrupt


def say(text: str) -> None:
    """Talk to the person at the terminal."""
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
