"""``make studio``: everything starts with one command, and stops with Ctrl-C."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import httpx2
import pytest

from tests import studio_environment
from tests.conftest import absent
from tests.integration.label_studio import LabelStudioClient
from tests.integration.processes import free_port

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.integration


def test_one_command_shows_predicted_samples_and_ctrl_c_ends_it(repository: Path, tmp_path: Path) -> None:
    executable = studio_environment.executable()
    if executable is None:
        absent("Label Studio is not here; `make studio-env` installs it")
    ports = free_port(), free_port()
    command = [sys.executable, str(repository / "examples" / "studio.py"), "--label-studio", str(executable)]
    command += ["--port", str(ports[0]), "--backend-port", str(ports[1]), "--data", str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        told = until_ready(process)
        address, password = (re.search(rf"{name} +(\S+)", told) for name in ("address", "password"))
        assert address is not None
        assert password is not None
        account = json.loads((tmp_path / "account.json").read_text())
        assert password[1] == account["password"]
        studio = LabelStudioClient(f"http://127.0.0.1:{ports[0]}", account["token"])
        tasks = studio.tasks(1)
        studio.close()
        assert address[1].endswith("/projects/1/data")
        assert {task["data"]["source"] for task in tasks} >= {"memorandum.tif", "torn-memo.webp"}
        assert [len(task["predictions"]) for task in tasks] == [1] * 7
        assert None not in [task["predictions_score"] for task in tasks]
        empty = {task["data"]["source"]: task["predictions"][0]["result"][3]["value"]["choices"] for task in tasks}
        assert empty["blank-sheet.webp"] == ["E"]
    finally:
        process.send_signal(signal.SIGINT)
        rest, talk = process.communicate(timeout=60)
    assert process.returncode == 0, rest + talk
    for port in ports:
        with pytest.raises(httpx2.ConnectError):
            httpx2.get(f"http://127.0.0.1:{port}/", timeout=5)


def until_ready(process: subprocess.Popen[str]) -> str:
    """What it prints until it says how to stop it."""
    assert process.stdout is not None
    lines = []
    deadline = time.monotonic() + 240
    for line in process.stdout:
        lines.append(line)
        if "Ctrl-C" in line:
            return "".join(lines)
        assert time.monotonic() < deadline
    raise AssertionError(f"ended with {process.wait()}: {''.join(lines)} {process.stderr and process.stderr.read()}")
