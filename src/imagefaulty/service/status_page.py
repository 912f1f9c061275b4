"""The status as a page for people: plain HTML without scripts or outside assets."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from xml.etree.ElementTree import Element, SubElement, tostring

_STYLE: Final = """
:root { color-scheme: light dark; --line: #8886; --dim: #777; --good: #18794e; --bad: #c0362c; }
@media (prefers-color-scheme: dark) { :root { --dim: #9a9a9a; --good: #4cc38a; --bad: #ff8b7f; } }
* { box-sizing: border-box; }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 62rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; } h3 { font-size: 1rem; }
dl { display: grid; grid-template-columns: minmax(8rem, max-content) 1fr; gap: .25rem 1rem; margin: 0; }
dt { color: var(--dim); } dd { margin: 0; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .3rem .75rem .3rem 0; border-top: 1px solid var(--line); }
th { color: var(--dim); font-weight: 500; border-top: 0; } td { overflow-wrap: break-word; }
.good { color: var(--good); } .bad { color: var(--bad); } .dim { color: var(--dim); }
"""
_STYLE_DIGEST: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
#: The page needs its own style and nothing else.
CONTENT_SECURITY_POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_DIGEST}'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)


def page(status: Mapping[str, Any]) -> bytes:
    """Return the page.

    Args:
        status: See :meth:`imagefaulty.service.status.Status.to_dict`. Anything may be in its texts: they are escaped
            by building a tree of elements, never by putting strings together.
    """
    html = Element("html", lang="en")
    head = SubElement(html, "head")
    SubElement(head, "meta", charset="utf-8")
    SubElement(head, "meta", name="viewport", content="width=device-width, initial-scale=1")
    _text(head, "title", "ImageFaulty: status")
    _text(head, "style", _STYLE)
    main = SubElement(SubElement(html, "body"), "main")
    _text(main, "h1", "ImageFaulty")
    _text(
        main,
        "p",
        f"{_clock(status['at'])} UTC, process {status['process']}, up for {_duration(status['uptime_s'])}",
        "dim",
    )
    _label_studio(main, status["label_studio"])
    _work(main, status)
    _incidents(main, status["incidents"])
    _projects(main, status["projects"])
    _model(main, status["model"], status["code_version"])
    return f"<!DOCTYPE html>\n{tostring(html, encoding='unicode', method='html')}".encode()


def _label_studio(main: Element, state: Mapping[str, Any]) -> None:
    _text(main, "h2", "Label Studio")
    kind = {True: "good", False: "bad", None: ""}[state["token_ok"]]
    _facts(main, {"Address": state["url"] or "that of each /setup call"})
    _text(main, "p", state["message"], kind)


def _work(main: Element, status: Mapping[str, Any]) -> None:
    work, caches = status["work"], status["caches"]
    images = caches["images"]
    _text(main, "h2", "Work")
    _facts(
        main,
        {
            "Now": f"{_counted(work['tasks_waiting'], 'task')} to do, {_counted(work['requests_running'], 'request')}",
            "Since the start": f"{_counted(work['tasks_predicted'], 'task')} predicted, {work['tasks_failed']} failed",
            "Throughput": ", ".join(
                f"{rate} tasks a minute over the last {_counted(int(minutes), 'minute')}"
                for minutes, rate in work["tasks_per_minute"].items()
            ),
            "Limits": f"{_counted(work['threads'], 'thread')}, {work['fetches']} fetches ahead, "
            f"{work['budget_s']:g} s a request",
            "Results kept": f"{_counted(caches['results']['pages'], 'page')}, used {caches['results']['hits']} times",
            "Images kept": "no (CACHE_DIR is not set)" if images is None else _images(images),
        },
    )


def _images(cache: Mapping[str, int]) -> str:
    return f"{cache['bytes'] >> 20} of {cache['limit_bytes'] >> 20} MiB, used {cache['hits']} times"


def _incidents(main: Element, incidents: Sequence[Mapping[str, Any]]) -> None:
    _text(main, "h2", "Tasks without a prediction")
    if not incidents:
        _text(main, "p", "None since the start.", "good")
        return
    rows = [
        [_clock(each["at"]), f"{each['project'] or '?'} / {each['task']}", f"{each['message']} ({each['code']})"]
        for each in incidents
    ]
    _table(main, ["when (UTC)", "project / task", "what, and what to do"], rows)


def _projects(main: Element, projects: Sequence[Mapping[str, Any]]) -> None:
    _text(main, "h2", "Projects")
    if not projects:
        _text(main, "p", "None has called yet. Connect the model in a project's Settings → Model.", "dim")
    for project in projects:
        at = f" at {project['label_studio']}" if project["label_studio"] else ""
        _text(main, "h3", f"Project {project['project'] or '?'}{at}")
        rows = [
            [
                control["control"],
                ", ".join(control["shows"]),
                ", ".join(f"{name} → {text}" for name, text in control["emits"].items()),
                f"blank below {control['threshold']:g}" if control["threshold"] else "",
            ]
            for control in project["controls"]
        ]
        if rows:
            _table(main, ["control", "shows", "as", ""], rows)
        if project["notes"]:
            notes = SubElement(main, "ul")
            for note in project["notes"]:
                _text(notes, "li", note, "bad")


def _model(main: Element, model: Mapping[str, Any], code_version: str) -> None:
    _text(main, "h2", "Model")
    _facts(
        main,
        {
            "Version": model["model_version"],
            "Bundle": f"{model['name']} {model['version']}, digest {model['digest']}",
            "About": model["description"],
            "Program": f"imagefaulty {code_version}",
        },
    )
    rows = [
        [
            check["name"],
            ", ".join(check["classes"]),
            "; ".join(
                f"{name}: no ≤ {pair['no']:g}, yes ≥ {pair['yes']:g}" for name, pair in check["thresholds"].items()
            ),
        ]
        for check in model["checks"]
    ]
    _table(main, ["check", "classes", "thresholds"], rows)


def _threshold(point: tuple[str, Mapping[str, float]]) -> str:
    name, pair = point
    return f"{name}: no ≤ {pair['no']:g}, yes ≥ {pair['yes']:g}"


def _facts(parent: Element, facts: Mapping[str, str]) -> None:
    listed = SubElement(parent, "dl")
    for name, value in facts.items():
        _text(listed, "dt", name)
        _text(listed, "dd", value)


def _table(parent: Element, head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    table = SubElement(SubElement(parent, "div", {"class": "scroll"}), "table")
    line = SubElement(SubElement(table, "thead"), "tr")
    for name in head:
        _text(line, "th", name).set("scope", "col")
    body = SubElement(table, "tbody")
    for row in rows:
        line = SubElement(body, "tr")
        for value in row:
            _text(line, "td", value)


def _text(parent: Element, tag: str, text: object, kind: str = "") -> Element:
    element = SubElement(parent, tag, {"class": kind} if kind else {})
    # What XML cannot hold would be sent as it is.
    element.text = "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in str(text))
    return element


def _clock(at: str) -> str:
    """Return a time of ISO 8601, in UTC, without its zone."""
    return at.partition("+")[0].replace("T", " ")


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _duration(seconds: int) -> str:
    hours, minutes = seconds // 3600, seconds % 3600 // 60
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds % 60} s"
