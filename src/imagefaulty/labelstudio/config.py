"""Labelling configuration (XML) → bindings: which control shows which check, and what to emit for each class.

Controls and choices are found by what they say, never by where they stand: a user may reorder, rename and translate.
What cannot be matched without doubt is left alone, with a reason.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from imagefaulty.checks import CHECKS, Check, CheckName, PageClass
from imagefaulty.errors import LabelConfigError
from imagefaulty.labelstudio._xml import Tag, read_tags

# For checks with a fault, a control that is known to be about the check may also ask in yes and no.
_AFFIRMATIVE: Final = ("yes", "true", "1")
_NEGATIVE: Final = ("no", "false", "0")


@dataclass(frozen=True, slots=True)
class Binding:
    """One control that shows one check.

    Attributes:
        check: The check that fills the control in.
        control: Name of the ``Choices`` tag, ``from_name`` in a result.
        to_name: Name of the image tag that the control is about.
        data_key: Key in a task's data that holds the image reference (a list of references for ``valueList``).
        emits: Class name → the string that makes Label Studio show the choice selected: the choice's alias if it has
            one, else its value. Classes that the control does not offer are missing.
    """

    check: CheckName
    control: str
    to_name: str
    data_key: str
    emits: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ControlNote:
    """Why a control is not, or not wholly, filled in; for the log and the status page."""

    control: str
    reason: str

    def __str__(self) -> str:
        return f"control {self.control!r} {self.reason}"


@dataclass(frozen=True, slots=True)
class LabelConfig:
    """What a labelling configuration offers us.

    Attributes:
        bindings: Controls that can be filled in, in the order of the configuration; at least one.
        notes: Controls that are skipped or incomplete, with the reason.
    """

    bindings: tuple[Binding, ...]
    notes: tuple[ControlNote, ...]

    @property
    def data_keys(self) -> tuple[str, ...]:
        """Keys of the task data that are needed, each once, in the order of the bindings."""
        return tuple(dict.fromkeys(binding.data_key for binding in self.bindings))


@dataclass(frozen=True, slots=True)
class _Choice:
    value: str
    alias: str
    predicted: tuple[str, ...]

    @property
    def emitted(self) -> str:
        return self.alias or self.value


@dataclass(frozen=True, slots=True)
class _Control:
    name: str
    check: str
    to_name: str
    data_key: str
    choices: tuple[_Choice, ...]


class _Unmatched(Exception):
    """A control cannot be bound; the text is the reason, to be read after the control's name."""


@lru_cache(maxsize=64)
def parse_label_config(text: str, checks: tuple[Check, ...] = CHECKS) -> LabelConfig:
    """Find the controls that the checks can fill in.

    A control belongs to a check by its attribute ``check="corner"``, else by its name, else by its choices. A choice
    belongs to a class by ``predicted_values`` (comma-separated), else by value and alias, compared with the class's
    name, alias and synonyms without regard to case, space, hyphen and underscore.

    Args:
        text: The XML as Label Studio sends it with every request.
        checks: The checks that there are; the four, and those that somebody added.

    Raises:
        LabelConfigError: The text is not usable XML, or none of its controls can be filled in.
    """
    root = read_tags(text)
    notes: list[ControlNote] = []
    controls = list(_usable_controls(root, notes))
    bindings = _bind(controls, checks, notes)
    if not bindings:
        reasons = "; ".join(str(note) for note in notes) or "it has no Choices tag"
        raise LabelConfigError(
            f"the labelling configuration has no control that can be filled in: {reasons}. Add a Choices tag named "
            f"{_names(checks)} or with the attribute check=..., with the choices of that check"
        )
    order = {control.name: position for position, control in enumerate(controls)}
    return LabelConfig(tuple(sorted(bindings, key=lambda binding: order[binding.control])), tuple(notes))


def _usable_controls(root: Tag, notes: list[ControlNote]) -> Iterator[_Control]:
    """Yield the Choices tags about an image; note the others."""
    images = {tag.get("name"): tag for tag in root.descendants("image") if tag.get("name")}
    seen: set[str] = set()
    for tag in root.descendants("choices"):
        name = tag.get("name")
        if name in seen:
            notes.append(ControlNote(name, "stands twice in the configuration: give each control a name of its own"))
            continue
        seen.add(name)
        try:
            yield _control(tag, images)
        except _Unmatched as reason:
            notes.append(ControlNote(name, str(reason)))


def _control(tag: Tag, images: Mapping[str, Tag]) -> _Control:
    if not tag.get("name"):
        raise _Unmatched("has no name: give it one")
    if tag.get("perRegion").lower() == "true":
        raise _Unmatched("asks about single regions (perRegion), not about the page")
    targets = [name.strip() for name in tag.get("toName").split(",")]
    to_name = next((name for name in targets if name in images), None)
    if to_name is None:
        raise _Unmatched(f"has toName={tag.get('toName')!r}, which names no Image tag")
    choices = tuple(_choices(tag))
    if not choices:
        raise _Unmatched("takes its choices from the task data, so their meaning is not known beforehand")
    return _Control(tag.get("name"), tag.get("check"), to_name, _data_key(images[to_name]), choices)


def _data_key(image: Tag) -> str:
    variable = image.get("value") or image.get("valueList")
    if not variable.startswith("$") or len(variable) == 1:
        raise _Unmatched(f'is about an Image tag whose value is {variable!r}: write it as value="$image"')
    return variable[1:]


def _choices(tag: Tag) -> Iterator[_Choice]:
    for choice in tag.descendants("choice"):
        predicted = tuple(word.strip() for word in choice.get("predicted_values").split(",") if word.strip())
        # Emitted strings are compared by Label Studio as written, so they keep their space.
        yield _Choice(choice.attributes.get("value", ""), choice.attributes.get("alias", ""), predicted)


def _names(checks: Iterable[Check]) -> str:
    return ", ".join(check.name for check in checks)


def _bind(controls: Iterable[_Control], checks: tuple[Check, ...], notes: list[ControlNote]) -> list[Binding]:
    """Bind by attribute, then by name, then by choices; a check already shown for an image is not bound again."""
    remaining = list(controls)
    bindings: list[Binding] = []
    for strategy in (_by_attribute, _by_name, _by_choices):
        found: list[Binding] = []
        unbound: list[_Control] = []
        for control in remaining:
            try:
                binding = strategy(control, checks)
            except _Unmatched as reason:
                notes.append(ControlNote(control.name, str(reason)))
                continue
            if binding is None:
                unbound.append(control)
            else:
                found.append(binding)
        bindings += found if strategy is _by_attribute else _unrivalled(found, bindings, notes)
        remaining = unbound
    notes += [ControlNote(control.name, "is about none of the checks") for control in remaining]
    notes += _gaps(bindings, checks)
    return bindings


def _unrivalled(found: list[Binding], bound: list[Binding], notes: list[ControlNote]) -> list[Binding]:
    """Keep bindings whose check has no other control on the same image."""
    taken = {(binding.check, binding.to_name): binding.control for binding in bound}
    rivals = Counter((binding.check, binding.to_name) for binding in found)
    kept = []
    for binding in found:
        place = (binding.check, binding.to_name)
        if place in taken:
            notes.append(ControlNote(binding.control, f"is not needed: {taken[place]!r} already shows {binding.check}"))
        elif rivals[place] > 1:
            cure = f'mark the right one with check="{binding.check}"'
            notes.append(ControlNote(binding.control, f"is one of several that could show {binding.check}: {cure}"))
        else:
            kept.append(binding)
    return kept


def _gaps(bindings: Iterable[Binding], checks: tuple[Check, ...]) -> Iterator[ControlNote]:
    by_name = {check.name: check for check in checks}
    for binding in bindings:
        missing = [name for name in by_name[binding.check].class_names if name not in binding.emits]
        if missing:
            yield ControlNote(binding.control, f"offers no choice for {', '.join(missing)}: it stays blank then")


def _by_attribute(control: _Control, checks: tuple[Check, ...]) -> Binding | None:
    if not control.check:
        return None
    check = next((check for check in checks if _folded(check.name) == _folded(control.check)), None)
    if check is None:
        raise _Unmatched(f"has check={control.check!r}; the checks are {_names(checks)}")
    return _binding(control, check, _emits(control, check))


def _by_name(control: _Control, checks: tuple[Check, ...]) -> Binding | None:
    check = next((check for check in checks if _folded(check.name) == _folded(control.name)), None)
    return _binding(control, check, _emits(control, check)) if check else None


def _by_choices(control: _Control, checks: tuple[Check, ...]) -> Binding | None:
    """Bind a control with a name of its own, if its choices mean all classes of exactly one check and nothing else."""
    candidates = []
    for check in checks:
        try:
            emits = _emits(control, check)
        except _Unmatched:
            continue
        complete = len(emits) == len(check.classes)
        if complete and set(emits.values()) == {choice.emitted for choice in control.choices}:
            candidates.append(_binding(control, check, emits))
    if len(candidates) > 1:
        rivals = ", ".join(binding.check for binding in candidates)
        raise _Unmatched(f"could show any of {rivals}: say which with the attribute check=...")
    return candidates[0] if candidates else None


def _binding(control: _Control, check: Check, emits: Mapping[str, str]) -> Binding:
    return Binding(check.name, control.name, control.to_name, control.data_key, MappingProxyType(dict(emits)))


def _emits(control: _Control, check: Check) -> dict[str, str]:
    """Return class name → emitted string, for the classes that the control offers; raise where that is in doubt."""
    claims: dict[str, list[tuple[int, _Choice]]] = {}
    for choice in control.choices:
        for class_name, strength in _meanings(choice, check).items():
            claims.setdefault(class_name, []).append((strength, choice))
    if not claims:
        wanted = " / ".join(f"{page_class.name} ({page_class.alias})" for page_class in check.classes)
        raise _Unmatched(
            f"is about {check.name}, but none of its choices means one of {wanted}: rename them or add predicted_values"
        )
    emits = {name: _strongest(name, claims[name]) for name in check.class_names if name in claims}
    repeated = [emitted for emitted, count in Counter(c.emitted for c in control.choices).items() if count > 1]
    if set(repeated) & set(emits.values()):
        raise _Unmatched(f"has two choices that are both stored as {repeated[0]!r}: give each an alias of its own")
    return emits


def _strongest(class_name: str, claims: list[tuple[int, _Choice]]) -> str:
    best = max(strength for strength, _ in claims)
    strongest = [choice for strength, choice in claims if strength == best]
    if len(strongest) > 1:
        choices = " and ".join(repr(choice.value or choice.alias) for choice in strongest)
        raise _Unmatched(f"has several choices that mean {class_name} ({choices}): tell them by predicted_values")
    if not strongest[0].emitted:
        raise _Unmatched(f"has a choice for {class_name} without value and alias")
    return strongest[0].emitted


def _meanings(choice: _Choice, check: Check) -> dict[str, int]:
    """Return the classes that a choice means, with the strength of the evidence: 4 said so, 3 name, 2 alias, 1 like it.

    Only ``predicted_values`` may give one choice several classes.
    """
    if choice.predicted:
        return {c.name: 4 for c in check.classes if any(_strength(word, c, check) for word in choice.predicted)}
    strengths = {
        c.name: max(_strength(choice.value, c, check), _strength(choice.alias, c, check)) for c in check.classes
    }
    meant = {name: strength for name, strength in strengths.items() if strength}
    if len(meant) > 1:
        said = f"value {choice.value!r} and alias {choice.alias!r}"
        raise _Unmatched(f"has a choice whose {said} mean different classes ({', '.join(meant)})")
    return meant


def _strength(word: str, page_class: PageClass, check: Check) -> int:
    folded = _folded(word)
    if not folded:
        return 0
    if folded == _folded(page_class.name):
        return 3
    if folded == _folded(page_class.alias):
        return 2
    plain = _AFFIRMATIVE if page_class.name == check.fault else _NEGATIVE
    synonyms = page_class.synonyms + (plain if check.fault else ())
    return int(folded in {_folded(synonym) for synonym in synonyms})


def _folded(word: str) -> str:
    return re.sub(r"[\s_\-]+", "", word.casefold())
