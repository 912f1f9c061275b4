"""Servers as child processes: a free port, a log file, readiness, a clean end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

import httpx2

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: Logs stay here after a run, for whoever has to find out why it failed. Ignored by git.
LOGS = Path(__file__).resolve().parent.parent.parent / ".cache" / "logs"


def free_port() -> int:
    """A port of the loopback interface that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class ServerProcess:
    """A server in a process group of its own.

    Args:
        name: What messages and the log file call it.
        command: Program and arguments.
        url: Where it will listen.
        health: Path that answers with 2xx or 401 as soon as it is ready.
        environment: Variables to add to ours, or to replace.
        ready_s: How long it may take to get ready.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        url: str,
        *,
        health: str = "/health",
        environment: Mapping[str, str] | None = None,
        ready_s: float = 60,
    ) -> None:
        self.name = name
        self.url = url
        self.log = LOGS / f"{name}.log"
        self._command = list(command)
        self._health = url + health
        self._environment = {**os.environ, **(environment or {})}
        self._ready_s = ready_s
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command, stdout=log, stderr=log, env=self._environment, start_new_session=True
            )
        try:
            self._wait_until_ready(self._process)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def stop(self, *, patience_s: float = 15) -> int:
        """End the process and its children; returns its exit status (negative: the signal that ended it)."""
        process = self._process
        assert process is not None, f"{self.name} was not started"
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(patience_s)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
        return process.wait()

    @property
    def pid(self) -> int:
        """Number of the process."""
        assert self._process is not None, f"{self.name} was not started"
        return self._process.pid

    def wait(self, patience_s: float) -> int:
        """Wait for it to end by itself; returns its exit status."""
        assert self._process is not None, f"{self.name} was not started"
        return self._process.wait(patience_s)

    def log_text(self) -> str:
        """Everything it has written so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + self._ready_s
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise RuntimeError(f"{self.name} ended with status {process.returncode}\n{self._last_words()}")
            try:
                answer = httpx2.get(self._health, timeout=2)
            except httpx2.TransportError:
                time.sleep(0.1)
                continue
            if answer.is_success or answer.status_code == httpx2.codes.UNAUTHORIZED:
                return
            time.sleep(0.1)
        raise RuntimeError(f"{self.name} was not ready after {self._ready_s:.0f} s\n{self._last_words()}")

    def _last_words(self) -> str:
        return f"{self.log}:\n" + "\n".join(self.log_text().splitlines()[-30:])
