"""Asks ``label_studio_sdk`` whether predictions are valid, through a pipe to the environment that has it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any, Self

_PROGRAM = Path(__file__).with_name("judge_program.py")


class Judge:
    """A context manager; the process behind it starts with the first question (2 s), then each answer takes 1 ms."""

    def __init__(self, python: Path) -> None:
        self._python = python
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._process is not None:
            self._process.communicate()  # closes its input, which ends it

    def errors(self, config: str, prediction: dict[str, Any]) -> list[str]:
        """What is wrong with a prediction for a labelling configuration; an empty list where nothing is.

        Args:
            config: The labelling configuration, XML.
            prediction: One entry of a ``/predict`` answer's ``results``, or a prediction as Label Studio stores it.
        """
        process = self._started()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps({"config": config, "prediction": prediction}) + "\n")
        process.stdin.flush()
        answer = process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the judge ended with status {process.wait()}; its message is above")
        errors: list[str] = json.loads(answer)
        return errors

    def _started(self) -> subprocess.Popen[str]:
        if self._process is None:
            command = [str(self._python), "-W", "ignore", str(_PROGRAM)]
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return self._process
