"""What a killed run leaves behind does not go on."""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SCRIPT = """
import os, sys, time
from imagefaulty.training.pools import pool

def begin():
    print(os.getpid(), flush=True)

if __name__ == "__main__":
    with pool(1, begin) as processes:
        processes.submit(time.sleep, 60).result()
"""


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_processes_end_when_the_run_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "run.py"
    script.write_text(SCRIPT, encoding="utf-8")
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        child = int(run.stdout.readline())
        run.send_signal(signal.SIGKILL)
        deadline = time.monotonic() + 20
        while _lives(child) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert not _lives(child)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc's memory is told to stay")
def test_freed_memory_is_kept_when_asked() -> None:
    script = """
import resource
from imagefaulty.training.pools import keep_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        bytes(bytearray(40 << 20))
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

given_back = faults()
keep_memory()
faults()
print(given_back, faults())
"""
    run = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    given_back, kept = map(int, run.stdout.split())
    assert kept < given_back / 20
