"""Labelling configuration (XML) → bindings: which control shows which check, and what to emit for each class.

Controls and choices are found by what they say, never by where they stand: a user may reorder, rename and translate.
What cannot be matched without doubt is left alone, with a reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

from imagefaulty.checks import CHECKS, Check, CheckName
from imagefaulty.errors import LabelConfigError
from imagefaulty.labelstudio._meaning import (
    Option,
    Unmatched,
    check_called,
    emissions,
    faults_meant,
    options,
    score_threshold,
)
from imagefaulty.labelstudio._xml import Tag, read_tags

#: Controls that show a place on the page, by lower-case tag name, which is also the type of their results.
MarkerKind: TypeAlias = Literal["rectanglelabels", "keypointlabels", "brushlabels"]
_MARKER_KINDS: Final[tuple[MarkerKind, ...]] = ("rectanglelabels", "keypointlabels", "brushlabels")


@dataclass(frozen=True, slots=True)
class Picture:
    """An ``Image`` tag.

    Attributes:
        name: Its name, ``to_name`` in a result.
        data_key: Key in a task's data that holds the image reference.
        listed: Whether that is a list of references, one per page (``valueList``).
    """

    name: str
    data_key: str
    listed: bool = False


@dataclass(frozen=True, slots=True)
class Binding:
    """One control that shows one check.

    Attributes:
        check: The check that fills the control in.
        control: Name of the ``Choices`` tag, ``from_name`` in a result.
        picture: The image that the control is about.
        emits: Class name → the string that makes Label Studio show the choice selected: the choice's alias if it has
            one, else its value. Classes that the control does not offer are missing.
        per_page: Whether each page of a list is answered for itself (``perItem``), rather than all as one.
        threshold: Score below which the control stays blank (``model_score_threshold``).
    """

    check: CheckName
    control: str
    picture: Picture
    emits: Mapping[str, str]
    per_page: bool = False
    threshold: float = 0.0

    @property
    def to_name(self) -> str:
        """Name of the image tag that the control is about."""
        return self.picture.name

    @property
    def data_key(self) -> str:
        """Key in a task's data that holds the image reference."""
        return self.picture.data_key


@dataclass(frozen=True, slots=True)
class Marker:
    """One control that shows where faults are.

    Attributes:
        kind: Type of its results.
        control: Name of the tag, ``from_name`` in a result.
        picture: The image that it is drawn on.
        emits: Check → the label for its fault.
        threshold: Score below which a place is not shown (``model_score_threshold``).
    """

    kind: MarkerKind
    control: str
    picture: Picture
    emits: Mapping[CheckName, str]
    threshold: float = 0.0


@dataclass(frozen=True, slots=True)
class ControlNote:
    """Why a control is not, or not wholly, filled in; for the log and the status page."""

    control: str
    reason: str

    def __str__(self) -> str:
        return f"control {self.control!r} {self.reason}"


@dataclass(frozen=True, slots=True)
class LabelConfig:
    """What a labelling configuration offers us: at least one binding or marker.

    Attributes:
        bindings: Controls that can be filled in, in the order of the configuration.
        notes: Controls that are skipped or incomplete, with the reason.
        markers: Controls that can show where a fault is.
    """

    bindings: tuple[Binding, ...]
    notes: tuple[ControlNote, ...]
    markers: tuple[Marker, ...] = ()

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """Images that are needed, each once, in the order of the controls."""
        controls: tuple[Binding | Marker, ...] = self.bindings + self.markers
        return tuple({control.picture.data_key: control.picture for control in controls}.values())

    @property
    def data_keys(self) -> tuple[str, ...]:
        """Keys of the task data that are needed, each once, in the order of the controls."""
        return tuple(picture.data_key for picture in self.pictures)


@dataclass(frozen=True, slots=True)
class _Control:
    name: str
    check: str
    picture: Picture
    choices: tuple[Option, ...]
    per_page: bool
    threshold: float


@dataclass(frozen=True, slots=True)
class _Names:
    """Names in a configuration: the Image tags by theirs, and names that several controls have."""

    pictures: Mapping[str, Tag]
    repeated: frozenset[str]

    @classmethod
    def of(cls, root: Tag) -> _Names:
        pictures = {tag.get("name"): tag for tag in root.descendants("image") if tag.get("name")}
        controls = Counter(tag.get("name") for tag in root.descendants() if tag.get("toName") and tag.get("name"))
        return cls(pictures, frozenset(name for name, count in controls.items() if count > 1))


_Strategy: TypeAlias = Callable[[_Control, tuple[Check, ...]], Binding | None]


@lru_cache(maxsize=64)
def parse_label_config(text: str, checks: tuple[Check, ...] = CHECKS) -> LabelConfig:
    """Find the controls that the checks can fill in.

    A ``Choices`` control belongs to a check by its attribute ``check="corner"``, else by its name, else by its
    choices. A choice belongs to a class by ``predicted_values`` (comma-separated), else by value and alias, compared
    with the class's name, alias and synonyms without regard to case, space, hyphen and underscore. ``RectangleLabels``,
    ``KeyPointLabels`` and ``BrushLabels`` show where a fault is if a label means one.

    Args:
        text: The XML as Label Studio sends it with every request.
        checks: The checks that there are; the four, and those that somebody added.

    Raises:
        LabelConfigError: The text is not usable XML, or none of its controls can be filled in.
    """
    root = read_tags(text)
    notes: list[ControlNote] = []
    names = _Names.of(root)
    controls = list(_usable_controls(root, names, notes))
    bindings = _bind(controls, checks, notes)
    markers = tuple(_markers(root, names, checks, notes))
    if not bindings and not markers:
        reasons = "; ".join(str(note) for note in notes) or "it has no Choices tag"
        raise LabelConfigError(
            f"the labelling configuration has no control that can be filled in: {reasons}. Add a Choices tag named "
            f"{_names(checks)} or with the attribute check=..., with the choices of that check"
        )
    order = {control.name: position for position, control in enumerate(controls)}
    return LabelConfig(tuple(sorted(bindings, key=lambda binding: order[binding.control])), tuple(notes), markers)


def _usable_controls(root: Tag, names: _Names, notes: list[ControlNote]) -> Iterator[_Control]:
    """Yield the Choices tags about an image; note the others."""
    for tag in root.descendants("choices"):
        try:
            yield _control(tag, names)
        except Unmatched as reason:
            notes.append(ControlNote(tag.get("name"), str(reason)))


def _control(tag: Tag, names: _Names) -> _Control:
    picture = _picture(tag, names)
    if _is_true(tag, "perRegion"):
        raise Unmatched("asks about single regions (perRegion), not about the page")
    choices = options(tag, "choice")
    if not choices:
        raise Unmatched("takes its choices from the task data, so their meaning is not known beforehand")
    per_page = picture.listed and _is_true(tag, "perItem")
    return _Control(tag.get("name"), tag.get("check"), picture, choices, per_page, score_threshold(tag))


def _picture(tag: Tag, names: _Names) -> Picture:
    """Return the image that a control is about."""
    if not tag.get("name"):
        raise Unmatched("has no name: give it one")
    if tag.get("name") in names.repeated:
        # Which of them Label Studio would take a result for is not ours to guess.
        raise Unmatched("stands twice in the configuration: give each control a name of its own")
    targets = [name.strip() for name in tag.get("toName").split(",")]
    name = next((name for name in targets if name in names.pictures), None)
    if name is None:
        raise Unmatched(f"has toName={tag.get('toName')!r}, which names no Image tag")
    image = names.pictures[name]
    single, several = image.get("value"), image.get("valueList")
    variable = several or single
    if not variable.startswith("$") or len(variable) == 1:
        raise Unmatched(f'is about an Image tag whose value is {variable!r}: write it as value="$image"')
    return Picture(name, variable[1:], listed=bool(several))


def _is_true(tag: Tag, attribute: str) -> bool:
    return tag.get(attribute).lower() == "true"


def _names(checks: Iterable[Check]) -> str:
    return ", ".join(check.name for check in checks)


def _bind(controls: Iterable[_Control], checks: tuple[Check, ...], notes: list[ControlNote]) -> list[Binding]:
    """Bind by attribute, then by name, then by choices; a check already shown for an image is not bound again."""
    remaining = list(controls)
    bindings: list[Binding] = []
    for strategy in (_by_attribute, _by_name, _by_choices):
        found, remaining = _bound_by(strategy, remaining, checks, notes)
        bindings += found if strategy is _by_attribute else _unrivalled(found, bindings, notes)
    notes += [ControlNote(control.name, "is about none of the checks") for control in remaining]
    notes += _gaps(bindings, checks)
    return bindings


def _bound_by(
    strategy: _Strategy, controls: Iterable[_Control], checks: tuple[Check, ...], notes: list[ControlNote]
) -> tuple[list[Binding], list[_Control]]:
    """Return the bindings that a strategy finds, and the controls that it says nothing about."""
    found: list[Binding] = []
    unbound: list[_Control] = []
    for control in controls:
        try:
            binding = strategy(control, checks)
        except Unmatched as reason:
            notes.append(ControlNote(control.name, str(reason)))
            continue
        if binding is None:
            unbound.append(control)
        else:
            found.append(binding)
    return found, unbound


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
    check = check_called(control.check, checks)
    if check is None:
        raise Unmatched(f"has check={control.check!r}; the checks are {_names(checks)}")
    return _binding(control, check, emissions(control.choices, check))


def _by_name(control: _Control, checks: tuple[Check, ...]) -> Binding | None:
    check = check_called(control.name, checks)
    return _binding(control, check, emissions(control.choices, check)) if check else None


def _by_choices(control: _Control, checks: tuple[Check, ...]) -> Binding | None:
    """Bind a control with a name of its own, if its choices mean all classes of exactly one check and nothing else."""
    candidates = []
    for check in checks:
        try:
            emits = emissions(control.choices, check)
        except Unmatched:
            continue
        complete = len(emits) == len(check.classes)
        if complete and set(emits.values()) == {choice.emitted for choice in control.choices}:
            candidates.append(_binding(control, check, emits))
    if len(candidates) > 1:
        several = ", ".join(binding.check for binding in candidates)
        raise Unmatched(f"could show any of {several}: say which with the attribute check=...")
    return candidates[0] if candidates else None


def _binding(control: _Control, check: Check, emits: Mapping[str, str]) -> Binding:
    return Binding(
        check.name, control.name, control.picture, MappingProxyType(dict(emits)), control.per_page, control.threshold
    )


def _markers(root: Tag, names: _Names, checks: tuple[Check, ...], notes: list[ControlNote]) -> Iterator[Marker]:
    """Yield the controls that can show where a fault is; note those that could but for their labels."""
    for kind in _MARKER_KINDS:
        for tag in root.descendants(kind):
            try:
                yield _marker(kind, tag, names, checks)
            except Unmatched as reason:
                notes.append(ControlNote(tag.get("name"), str(reason)))


def _marker(kind: MarkerKind, tag: Tag, names: _Names, checks: tuple[Check, ...]) -> Marker:
    picture = _picture(tag, names)
    emits: dict[CheckName, str] = {}
    for label in options(tag, "label"):
        named = label.check or tag.get("check")
        meant = [check_called(named, checks)] if named else faults_meant(label, checks)
        for check in meant:
            if check is None or check.fault is None:
                raise Unmatched(f"has check={named!r}, which is no check with a fault to show")
            if check.name in emits:
                raise Unmatched(f"has several labels for {check.name}: tell them by check or predicted_values")
            if label.emitted:
                emits[check.name] = label.emitted
    if not emits:
        raise Unmatched("has no label that names a fault: call one post-it or folded_corner, or add check=...")
    return Marker(kind, tag.get("name"), picture, MappingProxyType(emits), score_threshold(tag))
