"""A reader for untrusted labelling configurations: elements and attributes.

Document types are refused, so no entity can be declared, let alone expanded or fetched.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NoReturn
from xml.parsers import expat

from imagefaulty.errors import LabelConfigError

# A configuration for a whole questionnaire is some 50 kB; a megabyte is parsed in about 10 ms.
_LIMIT_CHARACTERS = 1_000_000
_LIMIT_DEPTH = 200


@dataclass(frozen=True, slots=True)
class Tag:
    """One element of a labelling configuration.

    Attributes:
        name: Tag name in lower case; Label Studio does not tell ``<Image>`` from ``<image>`` either.
        attributes: Attributes as written.
        children: Child elements in document order.
    """

    name: str
    attributes: Mapping[str, str]
    children: list[Tag] = field(default_factory=list)

    def get(self, attribute: str) -> str:
        """Return an attribute without surrounding space, ``""`` where it is missing."""
        return self.attributes.get(attribute, "").strip()

    def descendants(self, name: str | None = None) -> Iterator[Tag]:
        """Yield all elements of that lower-case name (None: of any) below this one, in document order."""
        for child in self.children:
            if name is None or child.name == name:
                yield child
            yield from child.descendants(name)


class _TreeBuilder:
    def __init__(self) -> None:
        self.root = Tag("", {})
        self._open = [self.root]

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self._open) > _LIMIT_DEPTH:
            raise LabelConfigError(f"the labelling configuration is nested deeper than {_LIMIT_DEPTH} tags; flatten it")
        tag = Tag(name.lower(), attributes)
        self._open[-1].children.append(tag)
        self._open.append(tag)

    def end(self, _name: str) -> None:
        self._open.pop()


def _refuse_doctype(*_declaration: object) -> NoReturn:
    raise LabelConfigError("the labelling configuration has a <!DOCTYPE>; remove it, Label Studio needs none")


def read_tags(text: str) -> Tag:
    """Parse a labelling configuration.

    Args:
        text: XML as Label Studio sends it.

    Returns:
        A nameless tag that holds the root element.

    Raises:
        LabelConfigError: The text is empty, no XML, too long, too deep, or declares a document type.
    """
    if not text.strip():
        raise LabelConfigError("the labelling configuration is empty; save one in the project's Labeling Interface")
    if len(text) > _LIMIT_CHARACTERS:
        raise LabelConfigError(f"the labelling configuration is longer than {_LIMIT_CHARACTERS:,} characters")
    builder = _TreeBuilder()
    parser = expat.ParserCreate()
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.StartDoctypeDeclHandler = _refuse_doctype
    try:
        parser.Parse(text, True)
    except (expat.ExpatError, UnicodeError) as error:
        raise LabelConfigError(f"the labelling configuration is not well-formed XML: {error}") from None
    return builder.root
