"""Our own server as a real process, started as a user starts it."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2

from tests.integration.processes import ServerProcess, free_port

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

USER = "archive"
PASSWORD = "s3cret-of-the-backend"


def backend(
    arguments: Sequence[str] = (), environment: Mapping[str, str] | None = None, *, name: str = "imagefaulty"
) -> ServerProcess:
    """``imagefaulty serve`` on a free port.

    Args:
        arguments: Added to the command.
        environment: Variables to add; those of the developer that would change its behaviour are emptied.
        name: Name of the log file.
    """
    port = free_port()
    # What to start can be replaced, e.g. by a container: IMAGEFAULTY_COMMAND="docker run ...".
    default = shlex.quote(str(Path(sys.executable).with_name("imagefaulty")))
    command = shlex.split(os.environ.get("IMAGEFAULTY_COMMAND") or default)
    command += ["serve", "--host", "127.0.0.1", "--port", str(port), *arguments]
    clean = dict.fromkeys((key for key in os.environ if key.startswith(("LABEL_STUDIO_", "BASIC_AUTH_"))), "")
    return ServerProcess(name, command, f"http://127.0.0.1:{port}", environment={**clean, **(environment or {})})


def model_version(url: str, config: str, auth: tuple[str, str] | None = None) -> str:
    """What ``/setup`` says, asked as Label Studio asks it."""
    question = {"project": "1.1", "schema": config, "hostname": "http://localhost:8080", "access_token": ""}
    version: str = httpx2.post(f"{url}/setup", json=question, auth=auth).raise_for_status().json()["model_version"]
    return version
