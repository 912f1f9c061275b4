"""What the choices and labels of a configuration mean: matched by what they say, never by where they stand."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from imagefaulty.checks import Check, PageClass
from imagefaulty.labelstudio._xml import Tag

# For checks with a fault, a control that is known to be about the check may also ask in yes and no.
_AFFIRMATIVE: Final = ("yes", "true", "1")
_NEGATIVE: Final = ("no", "false", "0")


class Unmatched(Exception):
    """A control cannot be bound; the text is the reason, to be read after the control's name."""


@dataclass(frozen=True, slots=True)
class Option:
    """A ``Choice`` or ``Label`` tag.

    Attributes:
        value: What people see.
        alias: What Label Studio stores instead, "" for the value.
        predicted: Classes that it is said to mean; goes before value and alias.
        check: Check that it is said to belong to, "" if nothing is said.
    """

    value: str
    alias: str
    predicted: tuple[str, ...]
    check: str = ""

    @property
    def emitted(self) -> str:
        """The string that makes Label Studio show it selected."""
        return self.alias or self.value


def options(tag: Tag, kind: str) -> tuple[Option, ...]:
    """Return the options of a control: its tags of one lower-case name."""
    return tuple(_option(each) for each in tag.descendants(kind))


def _option(tag: Tag) -> Option:
    predicted = tuple(word.strip() for word in tag.get("predicted_values").split(",") if word.strip())
    # Emitted strings are compared by Label Studio as written, so they keep their space.
    return Option(tag.attributes.get("value", ""), tag.attributes.get("alias", ""), predicted, tag.get("check"))


def score_threshold(tag: Tag) -> float:
    """Return a control's ``model_score_threshold``, 0 if it has none.

    Raises:
        Unmatched: It is no number from 0 to 1.
    """
    text = tag.get("model_score_threshold")
    if not text:
        return 0.0
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:
        raise Unmatched(f"has model_score_threshold={text!r}: write a number from 0 to 1")
    return value


def check_called(name: str, checks: Iterable[Check]) -> Check | None:
    """Return the check of a name, however it is written."""
    return next((check for check in checks if folded(check.name) == folded(name)), None)


def emissions(among: Sequence[Option], check: Check) -> dict[str, str]:
    """Return class name → emitted string, for the classes that are offered.

    Raises:
        Unmatched: None is offered, or which option means a class is in doubt.
    """
    claims: dict[str, list[tuple[int, Option]]] = {}
    for option in among:
        for class_name, strength in _meanings(option, check).items():
            claims.setdefault(class_name, []).append((strength, option))
    if not claims:
        wanted = " / ".join(f"{page_class.name} ({page_class.alias})" for page_class in check.classes)
        raise Unmatched(
            f"is about {check.name}, but none of its choices means one of {wanted}: rename them or add predicted_values"
        )
    emits = {name: _strongest(name, claims[name]) for name in check.class_names if name in claims}
    repeated = [emitted for emitted, count in Counter(option.emitted for option in among).items() if count > 1]
    if doubtful := [emitted for emitted in repeated if emitted in emits.values()]:
        raise Unmatched(f"has two choices that are both stored as {doubtful[0]!r}: give each an alias of its own")
    return emits


def faults_meant(option: Option, checks: Iterable[Check]) -> list[Check]:
    """Return the checks whose fault an option means: its fault class, or the check itself."""
    found = []
    for check in checks:
        fault = next((page_class for page_class in check.classes if page_class.name == check.fault), None)
        words = option.predicted or (option.value, option.alias)
        if fault and any(_names_class(word, fault) or folded(word) == folded(check.name) for word in words):
            found.append(check)
    return found


def folded(word: str) -> str:
    """Return a word without regard to case, space, hyphen and underscore."""
    return re.sub(r"[\s_\-]+", "", word.casefold())


def _names_class(word: str, page_class: PageClass) -> bool:
    known = (page_class.name, page_class.alias, *page_class.synonyms)
    return bool(folded(word)) and folded(word) in {folded(name) for name in known}


def _strongest(class_name: str, claims: list[tuple[int, Option]]) -> str:
    best = max(strength for strength, _ in claims)
    strongest = [option for strength, option in claims if strength == best]
    if len(strongest) > 1:
        named = " and ".join(repr(option.value or option.alias) for option in strongest)
        raise Unmatched(f"has several choices that mean {class_name} ({named}): tell them by predicted_values")
    if not strongest[0].emitted:
        raise Unmatched(f"has a choice for {class_name} without value and alias")
    return strongest[0].emitted


def _meanings(option: Option, check: Check) -> dict[str, int]:
    """Return the classes that an option means, with the strength of the evidence.

    4 is said so, 3 its name, 2 its alias, 1 a word like it.

    Only ``predicted_values`` may give one option several classes.
    """
    if option.predicted:
        return {c.name: 4 for c in check.classes if any(_strength(word, c, check) for word in option.predicted)}
    strengths = {
        c.name: max(_strength(option.value, c, check), _strength(option.alias, c, check)) for c in check.classes
    }
    meant = {name: strength for name, strength in strengths.items() if strength}
    if len(meant) > 1:
        said = f"value {option.value!r} and alias {option.alias!r}"
        raise Unmatched(f"has a choice whose {said} mean different classes ({', '.join(meant)})")
    return meant


def _strength(word: str, page_class: PageClass, check: Check) -> int:
    plain = folded(word)
    if not plain:
        return 0
    if plain == folded(page_class.name):
        return 3
    if plain == folded(page_class.alias):
        return 2
    answers = _AFFIRMATIVE if page_class.name == check.fault else _NEGATIVE
    synonyms = page_class.synonyms + (answers if check.fault else ())
    return int(plain in {folded(synonym) for synonym in synonyms})
