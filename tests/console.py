"""Reads the commands in a Markdown document, so that tests can run what the document promises.

A fenced block marked ``console`` holds commands, each on a line after ``$ ``; a backslash at the end continues it. The
other lines show output and are for the reader. Blocks with any other mark are not commands.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Command:
    """One command of a document.

    Attributes:
        text: What is typed, without the prompt.
        line: Number of its line in the document, from 1.
        output: The lines shown below it.
    """

    text: str
    line: int
    output: str


def commands(markdown: str) -> list[Command]:
    """All commands of a document, in order."""
    found = []
    for block in _BLOCK.finditer(markdown):
        line = markdown.count("\n", 0, block.start(1)) + 1
        for part in re.split(r"^(?=\$ )", block.group(1), flags=re.MULTILINE):
            if part.startswith("$ "):
                typed = re.match(r"\$ ((?:.*\\\n)*.*)\n?", part)
                assert typed is not None
                found.append(Command(typed.group(1), line, part[typed.end() :]))
            line += part.count("\n")
    return found
