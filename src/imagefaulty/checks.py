"""The four checks: their names, classes, wire order and aliases. The one vocabulary of the project.

Everything that names a check or a class (bundles, findings, Label Studio, the HTTP API, training) takes the words
from here, so that a class is never identified by its position in somebody's configuration.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

#: Name of a check: one of :data:`CHECK_NAMES`, or of a check that somebody added (:mod:`imagefaulty.extras`).
CheckName: TypeAlias = str


@dataclass(frozen=True, slots=True)
class PageClass:
    """One possible answer to a check.

    Attributes:
        name: The label as stored in findings and shown in Label Studio, e.g. ``"folded_corner"``.
        alias: The short label that the fixed labelling configuration stores, e.g. ``"C"``.
        synonyms: Other spellings (lower case) by which a labelling configuration may mean this class.
    """

    name: str
    alias: str
    synonyms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Check:
    """One question that is asked of every page.

    Attributes:
        name: Stable identifier, e.g. ``"post_it"``.
        question: The question in words, for people.
        classes: Possible answers; the index of a class is its code on the wire.
        fault: Name of the class that marks a faulty page, or None where no class is a fault.
    """

    name: CheckName
    question: str
    classes: tuple[PageClass, ...]
    fault: str | None = None

    @property
    def class_names(self) -> tuple[str, ...]:
        """Class names in wire order."""
        return tuple(page_class.name for page_class in self.classes)

    def code(self, class_name: str) -> int:
        """Return the wire code of a class.

        Args:
            class_name: One of :attr:`class_names`.

        Raises:
            ValueError: The check has no such class.
        """
        try:
            return self.class_names.index(class_name)
        except ValueError:
            raise ValueError(
                f"check {self.name!r} has no class {class_name!r}; use one of {', '.join(self.class_names)}"
            ) from None


WRITING_TYPE: Final = Check(
    name="writing_type",
    question="How was it written?",
    classes=(
        PageClass("Handwritten", "H", ("handwriting", "hand-written", "manuscript")),
        PageClass("Typewritten", "T", ("typed", "printed", "print", "machine-written", "typeset")),
        PageClass("Combination", "C", ("both", "mixed", "combined")),
    ),
)
POST_IT: Final = Check(
    name="post_it",
    question="Does a sticky note or slip lie on it?",
    classes=(
        PageClass("ok", "NP", ("no post-it", "no_post_it", "no note", "none")),
        PageClass("post-it", "P", ("post_it", "postit", "sticky note", "sticky_note", "note", "slip")),
    ),
    fault="post-it",
)
CORNER: Final = Check(
    name="corner",
    question="Is a corner or an edge folded or torn?",
    classes=(
        PageClass("ok", "NC", ("no folded corner", "no_folded_corner", "no fold", "intact", "none")),
        PageClass("folded_corner", "C", ("folded corner", "folded", "torn", "fold", "dog-ear", "corner")),
    ),
    fault="folded_corner",
)
EMPTY: Final = Check(
    name="empty",
    question="Is nothing written on it?",
    classes=(
        PageClass("ok", "NE", ("not empty", "not_empty", "written", "content", "none")),
        PageClass("empty", "E", ("blank", "blank page", "empty page")),
    ),
    fault="empty",
)

#: All checks in wire order.
CHECKS: Final[tuple[Check, ...]] = (WRITING_TYPE, POST_IT, CORNER, EMPTY)
#: Names of all checks in wire order.
CHECK_NAMES: Final[tuple[CheckName, ...]] = tuple(check.name for check in CHECKS)

_BY_NAME: Final[dict[str, Check]] = {check.name: check for check in CHECKS}


def check_named(name: str) -> Check:
    """Return the check of that name.

    Raises:
        ValueError: There is no such check; the message lists the known names.
    """
    try:
        return _BY_NAME[name]
    except KeyError:
        raise ValueError(f"unknown check {name!r}; the checks are {', '.join(CHECK_NAMES)}") from None
