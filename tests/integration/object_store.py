"""An S3-compatible object store (moto's server) as a process."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2

from tests.integration.processes import ServerProcess, free_port

if TYPE_CHECKING:
    from collections.abc import Mapping

KEYS = {"aws_access_key_id": "rig", "aws_secret_access_key": "rig-secret-of-the-store", "region_name": "us-east-1"}


def executable() -> Path | None:
    """The ``moto_server`` command: IMAGEFAULTY_MOTO, or the one that `make test` installs."""
    default = Path(__file__).resolve().parent.parent.parent / ".venv-object-store" / "bin" / "moto_server"
    command = Path(os.environ.get("IMAGEFAULTY_MOTO") or default)
    return command if command.is_file() else None


def object_store(command: Path) -> ServerProcess:
    """The store, empty."""
    port = free_port()
    arguments = [str(command), "--host", "127.0.0.1", "--port", str(port)]
    return ServerProcess("object-store", arguments, f"http://127.0.0.1:{port}", health="/moto-api/")


def fill(url: str, bucket: str, objects: Mapping[str, bytes]) -> None:
    """Make a bucket and put objects into it."""
    with httpx2.Client(base_url=url, headers={"Authorization": _SIGNED}, timeout=30) as client:
        client.put(f"/{bucket}").raise_for_status()
        for key, content in objects.items():
            client.put(f"/{bucket}/{key}", content=content).raise_for_status()


# moto looks at the form of a signature only.
_SIGNED = "AWS4-HMAC-SHA256 Credential=rig/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"
