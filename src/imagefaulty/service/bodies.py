"""JSON in and out, never holding the event loop for long: a request may bring thousands of tasks."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Sequence
from typing import Any, Final

from fastapi import Request

from imagefaulty.errors import BadRequest, RequestTooLarge

# The standard parser reads some 100 MB/s and keeps all threads waiting meanwhile: up to here, 10 ms.
_AT_ONCE_BYTES: Final = 1_000_000
# Health checks have a second; other callers should not notice.
_SLICE_S: Final = 0.01
_SPACE: Final = re.compile(r"[ \t\n\r]*")


async def read_object(request: Request, *, limit_bytes: int) -> dict[str, Any]:
    """Read a JSON object; an empty body counts as an empty one.

    Args:
        request: The request.
        limit_bytes: Largest body; what is more is not taken in.

    Raises:
        RequestTooLarge: The body is larger.
        BadRequest: The body is no JSON object.
    """
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > limit_bytes:
            raise RequestTooLarge(f"the request has more than {limit_bytes:,} bytes; raise MAX_REQUEST_BYTES")
    try:
        body = await parse(data) if data else {}
    except (ValueError, RecursionError):
        raise BadRequest("the body is not JSON; send a JSON object") from None
    if not isinstance(body, dict):
        raise BadRequest(f"the body must be a JSON object, not {type(body).__name__}")
    return body


async def parse(data: bytearray) -> Any:  # noqa: ANN401 - JSON may hold anything
    """Parse JSON as :func:`json.loads` does, letting others work in between where it is long.

    Raises:
        ValueError: It is no JSON.
        RecursionError: It is nested too deeply.
    """
    if len(data) <= _AT_ONCE_BYTES:
        return json.loads(data)
    text = data.decode(json.detect_encoding(data), "surrogatepass")
    return await _Reader(text).document()


async def dump_list(entries: Sequence[object]) -> bytes:
    """Return the JSON of a list, letting others work in between where it is long.

    Raises:
        ValueError: An entry holds a number that is none (NaN, infinity).
        TypeError: An entry holds what JSON cannot.
    """
    pause = _Pause()
    parts = []
    for entry in entries:
        parts.append(dump(entry))
        await pause.due()
    return b"[" + b",".join(parts) + b"]"


def dump(value: object) -> bytes:
    """Return the JSON of a value; lone surrogates, which UTF-8 cannot hold, are escaped.

    Raises:
        ValueError: It holds a number that is none (NaN, infinity).
        TypeError: It holds what JSON cannot.
    """
    return json.dumps(value, allow_nan=False, separators=(",", ":")).encode()


class _Pause:
    """Gives the event loop to the others when it was held for a slice of time."""

    def __init__(self) -> None:
        self._since = time.monotonic()

    async def due(self) -> None:
        if time.monotonic() - self._since > _SLICE_S:
            await asyncio.sleep(0)
            self._since = time.monotonic()


class _Reader:
    """Reads the outer two levels of a document step by step; what lies deeper is read in one go each."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._decoder = json.JSONDecoder()
        self._pause = _Pause()

    async def document(self) -> Any:  # noqa: ANN401 - JSON may hold anything
        value = await self._object() if self._peek() == "{" else self._value()
        if self._peek():
            raise self._error("Extra data")
        return value

    async def _object(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        self._at += 1
        closed = self._closes("}")
        while not closed:
            if self._peek() != '"':
                raise self._error("Expecting property name enclosed in double quotes")
            key = self._value()
            if self._peek() != ":":
                raise self._error("Expecting ':' delimiter")
            self._at += 1
            found[key] = await self._list() if self._peek() == "[" else self._value()
            closed = self._ends("}")
            await self._pause.due()
        return found

    async def _list(self) -> list[Any]:
        found = []
        self._at += 1
        closed = self._closes("]")
        while not closed:
            found.append(self._value())
            closed = self._ends("]")
            await self._pause.due()
        return found

    def _value(self) -> Any:  # noqa: ANN401 - JSON may hold anything
        self._peek()
        value, self._at = self._decoder.raw_decode(self._text, self._at)
        return value

    def _peek(self) -> str:
        """Return the next character that is no space, "" at the end."""
        space = _SPACE.match(self._text, self._at)
        self._at = space.end() if space else self._at
        return self._text[self._at : self._at + 1]

    def _closes(self, bracket: str) -> bool:
        closes = self._peek() == bracket
        self._at += closes
        return closes

    def _ends(self, bracket: str) -> bool:
        """Go over a comma, or the bracket that ends the list."""
        if self._closes(bracket):
            return True
        if self._peek() != ",":
            raise self._error("Expecting ',' delimiter")
        self._at += 1
        return False

    def _error(self, message: str) -> ValueError:
        return json.JSONDecodeError(message, self._text, self._at)
