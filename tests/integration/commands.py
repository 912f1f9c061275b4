"""``imagefaulty labelstudio`` as a user runs it, and what a project looks like afterwards."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any, TypeVar

from imagefaulty.labelstudio.client import LabelStudioClient
from imagefaulty.labelstudio.tokens import Token

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path

    from tests.integration import label_studio

Result = TypeVar("Result")


class Commands:
    """Runs commands against one Label Studio, with one model.

    Args:
        studio: The Label Studio.
        bundle: The model bundle; None is the embedded one.
    """

    def __init__(self, studio: label_studio.LabelStudioClient, bundle: Path | None) -> None:
        self.studio = studio
        self.bundle = bundle

    def start(self, *arguments: object, environment: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """Start ``imagefaulty labelstudio`` with arguments."""
        command = [sys.executable, "-m", "imagefaulty", "labelstudio", *map(str, arguments)]
        clean = dict.fromkeys((key for key in os.environ if key.startswith(("LABEL_STUDIO_", "BASIC_AUTH_"))), "")
        return subprocess.Popen(
            command,
            env={**os.environ, **clean, **self.environment(), **(environment or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def environment(self) -> dict[str, str]:
        """What a user sets: address and token."""
        return {
            "LABEL_STUDIO_URL": self.studio.url,
            "LABEL_STUDIO_API_KEY": self.studio.personal_token,
            "MODEL_DIR": str(self.bundle or ""),
            "MODEL_PATH": "",
        }

    def run(self, *arguments: object, status: int = 0, environment: Mapping[str, str] | None = None) -> tuple[Any, str]:
        """Run a command to its end with ``--format json``; returns its data and what it said."""
        process = self.start(*arguments, "--format", "json", environment=environment)
        data, talk = process.communicate(timeout=200)
        assert process.returncode == status, f"{arguments} ended with {process.returncode}\n{data}\n{talk}"
        return json.loads(data) if data else None, talk

    def call(self, work: Callable[[LabelStudioClient], Awaitable[Result]], token: str = "") -> Result:
        """Call one of the functions behind the commands."""

        async def inside() -> Result:
            secret = token or self.studio.personal_token
            async with LabelStudioClient(self.studio.url, Token(secret, "the test")) as client:
                return await work(client)

        return asyncio.run(inside())


def versions(task: Mapping[str, Any]) -> list[str]:
    """Model versions of a task's predictions."""
    return [prediction["model_version"] for prediction in task["predictions"]]
