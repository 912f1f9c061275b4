"""HTML as a tree of elements, so that whatever stands in a name or message is escaped; no template engine is needed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from xml.etree.ElementTree import Element, SubElement, tostring


def document(title: str, style: str, policy: str) -> tuple[Element, Element]:
    """Return a page without a body's content, and the element that the content goes into.

    Args:
        title: Title of the window.
        style: CSS of ours; it is not escaped.
        policy: Content security policy: what the page may load.
    """
    html = Element("html", lang="en")
    head = SubElement(html, "head")
    SubElement(head, "meta", charset="utf-8")
    SubElement(head, "meta", {"http-equiv": "Content-Security-Policy", "content": policy})
    SubElement(head, "meta", name="viewport", content="width=device-width, initial-scale=1")
    text(head, "title", title)
    SubElement(head, "style").text = style
    return html, SubElement(SubElement(html, "body"), "main")


def written(html: Element) -> str:
    """Return a page as text."""
    return f"<!DOCTYPE html>\n{tostring(html, encoding='unicode', method='html')}\n"


def text(parent: Element, tag: str, content: object = "", kind: str = "") -> Element:
    """Add an element with text, and a CSS class if one is given."""
    element = SubElement(parent, tag, {"class": kind} if kind else {})
    element.text = clean(content)
    return element


def clean(content: object) -> str:
    """Return text without what a page cannot hold, such as halves of characters in broken file names."""
    return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in str(content))


def table(parent: Element, head: Sequence[str], rows: Iterable[Sequence[str | Element]], *, words: int = 1) -> None:
    """Add a table; its first columns hold words, the others numbers.

    Args:
        parent: What it is added to.
        head: Titles of the columns.
        rows: Texts or elements, one per column.
        words: How many columns hold words.
    """
    element = SubElement(SubElement(parent, "div", {"class": "scroll"}), "table")
    line = SubElement(SubElement(element, "thead"), "tr")
    for column, name in enumerate(head):
        text(line, "th", name, "" if column < words else "number").set("scope", "col")
    body = SubElement(element, "tbody")
    for row in rows:
        line = SubElement(body, "tr")
        for column, cell in enumerate(row):
            kind = "" if column < words else "number"
            if isinstance(cell, str):
                text(line, "td", cell, kind)
            else:
                text(line, "td").append(cell)
