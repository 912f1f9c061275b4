"""Which control of an export shows which check, and which class a stored choice means."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from imagefaulty.checks import CHECKS, Check, check_named
from imagefaulty.errors import LabelConfigError, ManifestError
from imagefaulty.labelstudio._meaning import check_called, folded
from imagefaulty.labelstudio.config import Binding, parse_label_config
from imagefaulty.training._export_tasks import Task
from imagefaulty.training._words import class_meant

_LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Control:
    """One control that shows a check.

    Attributes:
        check: The check.
        data_key: Key of the task's data that holds the image, "" where no configuration says it.
        stored: Stored choice → the classes that the configuration gives it.
    """

    check: Check
    data_key: str = ""
    stored: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def class_of(self, choice: str) -> str | None:
        """Return the class that a stored choice means; None if none or several."""
        if classes := self.stored.get(choice):
            return next(iter(classes)) if len(classes) == 1 else None
        return class_meant(choice, self.check)


def configured_controls(path: Path) -> dict[str, Control]:
    """Return the controls of a labelling configuration, by name.

    Raises:
        ManifestError: The file cannot be read, or has no control that shows a check.
    """
    try:
        config = parse_label_config(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise ManifestError(f"{path}: cannot be read as a labelling configuration ({error})") from None
    except LabelConfigError as error:
        raise ManifestError(f"{path}: {error}") from None
    for note in config.notes:
        _LOG.warning("%s: %s", path, note)
    return {binding.control: _control(binding) for binding in config.bindings}


def _control(binding: Binding) -> Control:
    stored: dict[str, frozenset[str]] = {}
    for name, emitted in binding.emits.items():
        stored[emitted] = stored.get(emitted, frozenset()) | {name}
    return Control(check_named(binding.check), binding.data_key, stored)


def guessed_controls(tasks: Iterable[Task], *, ignored: frozenset[str]) -> dict[str, Control]:
    """Return the controls that show a check by their names, else by what was chosen.

    Args:
        tasks: The tasks of an export.
        ignored: Folded choices that mean nothing.
    """
    chosen: dict[str, set[str]] = {}
    for task in tasks:
        for answer in task.answers:
            # Fields of a JSON-MIN record may be data, so only those that are called like a check are answers.
            if not task.is_min or check_called(answer.control, CHECKS):
                chosen.setdefault(answer.control, set()).update(answer.choices)
    found: dict[str, Control] = {}
    for name, choices in chosen.items():
        telling = {choice for choice in choices if folded(choice) not in ignored}
        if meant := _check_shown(name, telling):
            found[name] = Control(meant)
    return found


def _check_shown(name: str, choices: set[str]) -> Check | None:
    if named := check_called(name, CHECKS):
        return named
    fitting = [check for check in CHECKS if choices and all(class_meant(choice, check) for choice in choices)]
    if len(fitting) > 1:
        several = ", ".join(check.name for check in fitting)
        _LOG.warning(
            "the control %r could show any of %s, so it is passed over; give the labelling configuration with --config",
            name,
            several,
        )
    return fitting[0] if len(fitting) == 1 else None
