"""Typed reading of a JSON object, with errors that say where in which file something is wrong."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from imagefaulty.checks import CHECK_NAMES
from imagefaulty.errors import BundleDamaged

_Choice = TypeVar("_Choice", bound=str)


def digest_of(path: Path) -> str:
    """Return the hex SHA-256 of a file.

    Raises:
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of one JSON object of a manifest.

    Attributes:
        raw: The object.
        where: The file and the path inside it, for messages.
    """

    raw: Mapping[str, Any]
    where: str

    def damaged(self, what: str) -> BundleDamaged:
        """Return the error that says what is wrong here."""
        return BundleDamaged(f"{self.where}: {what}; install the bundle again or mend its manifest")

    def text(self, key: str, *, default: str | None = None) -> str:
        """Return a string field."""
        value = self.raw.get(key, default)
        if not isinstance(value, str):
            raise self.damaged(f"{key!r} must be a string")
        return value

    def optional_text(self, key: str) -> str | None:
        """Return a string field, or None where it is null or missing."""
        return None if self.raw.get(key) is None else self.text(key)

    def truth(self, key: str, *, default: bool) -> bool:
        """Return a field that is true or false."""
        value = self.raw.get(key, default)
        if not isinstance(value, bool):
            raise self.damaged(f"{key!r} must be true or false")
        return value

    def integer(self, key: str, *, at_least: int = 0) -> int:
        """Return a whole-number field."""
        value = self.raw.get(key)
        if not isinstance(value, int) or isinstance(value, bool) or value < at_least:
            raise self.damaged(f"{key!r} must be a whole number of at least {at_least}")
        return value

    def number(self, key: str) -> float:
        """Return a finite number field."""
        return self._finite(self.raw.get(key), key)

    def numbers(self, key: str) -> tuple[float, ...]:
        """Return a field that is a list of finite numbers."""
        value = self.raw.get(key)
        if not isinstance(value, list):
            raise self.damaged(f"{key!r} must be a list of numbers")
        return tuple(self._finite(each, key) for each in value)

    def triple(self, key: str, *, default: tuple[float, float, float]) -> tuple[float, float, float]:
        """Return a field of three finite numbers."""
        value = self.raw.get(key, default)
        if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != len(default):
            raise self.damaged(f"{key!r} must be three numbers")
        first, second, third = (self._finite(each, key) for each in value)
        return first, second, third

    def choice(self, key: str, choices: tuple[_Choice, ...], *, default: str | None = None) -> _Choice:
        """Return a field that is one of a closed set of strings."""
        value = self.raw.get(key, default)
        for choice in choices:
            if choice == value:
                return choice
        raise self.damaged(f"{key!r} must be one of {', '.join(choices)}")

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a field that is a list of strings."""
        value = self.raw.get(key)
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise self.damaged(f"{key!r} must be a list of strings")
        return tuple(value)

    def mapping(self, key: str) -> Mapping[str, Any]:
        """Return an object field as it is, empty where it is missing."""
        value = self.raw.get(key, {})
        if not isinstance(value, dict):
            raise self.damaged(f"{key!r} must be an object")
        return value

    def section(self, key: str) -> Fields:
        """Return an object field."""
        if not isinstance(self.raw.get(key), dict):
            raise self.damaged(f"{key!r} must be an object")
        return Fields(self.raw[key], f"{self.where}: {key}")

    def optional_section(self, key: str) -> Fields | None:
        """Return an object field, or None where it is null or missing."""
        return None if self.raw.get(key) is None else self.section(key)

    def sections(self, key: str) -> Iterator[Fields]:
        """Yield the objects of a list field."""
        value = self.raw.get(key)
        if not isinstance(value, list):
            raise self.damaged(f"{key!r} must be a list of objects")
        for index, each in enumerate(value):
            if not isinstance(each, dict):
                raise self.damaged(f"{key}[{index}] must be an object")
            yield Fields(each, f"{self.where}: {key}[{index}]")

    def named_sections(self, key: str) -> Iterator[tuple[str, Fields]]:
        """Yield name and object for each entry of an object field, checks in wire order and others after them."""
        entries = self.section(key)
        order = {name: index for index, name in enumerate(CHECK_NAMES)}
        for name in sorted(entries.raw, key=lambda each: order.get(each, len(order))):
            yield name, entries.section(name)

    def _finite(self, value: object, key: str) -> float:
        if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
            raise self.damaged(f"{key!r} must hold finite numbers")
        return float(value)
