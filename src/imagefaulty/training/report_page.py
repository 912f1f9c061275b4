"""An evaluation as one HTML file for people: no scripts, nothing loaded from elsewhere, light and dark."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final
from xml.etree.ElementTree import Element, SubElement

from imagefaulty.errors import ImageFaultyError
from imagefaulty.training.drawn_figures import STRICT, DrawnFigures, DrawnPage, KindFigures, answered
from imagefaulty.training.elements import clean, document, table, text, written
from imagefaulty.training.evaluation import Mistake, Report
from imagefaulty.training.figures import VERDICTS, CheckFigures, Interval, VerdictFigures
from imagefaulty.training.report_charts import reliability_diagram, trade_off_bar, verdict_bar
from imagefaulty.training.report_text import by_chance, counted, ends, number, percent, recalls, wrong_words
from imagefaulty.training.thumbnails import thumbnail_of

#: Thumbnails for each check; with four checks, real and drawn, at most sixty, a third of a megabyte.
_REAL, _DRAWN = 10, 5
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_STYLE: Final = """
:root { color-scheme: light dark; --line: #8886; --dim: #666; --back: #fff; --card: #f4f4f2; --ink: #1b1b1b;
  --yes: #0b6e99; --look: #e0b04c; --no: #c9c9c4; --on-yes: #fff; --on-other: #1b1b1b; --bad: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --dim: #a0a0a0; --back: #161616; --card: #222; --ink: #e8e8e8;
  --yes: #4fb3dd; --look: #b98a2c; --no: #555; --on-yes: #101010; --on-other: #fff; --bad: #ff8b7f; } }
* { box-sizing: border-box; }
body { font: .95rem/1.5 system-ui, sans-serif; max-width: 80rem; margin: 0 auto; padding: 1rem;
  background: var(--back); color: var(--ink); }
h1 { font-size: 1.5rem; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.3rem; margin: 3rem 0 .5rem; border-top: 2px solid var(--line); padding-top: 1rem; }
h3 { font-size: 1rem; margin: 1.5rem 0 .25rem; }
p { margin: .25rem 0; max-width: 52rem; } .dim { color: var(--dim); } .bad { color: var(--bad); }
nav { display: flex; flex-wrap: wrap; gap: .25rem 1rem; margin: 1rem 0; }
.side { display: flex; flex-wrap: wrap; gap: 0 2.5rem; align-items: flex-start; }
.side > div { min-width: 0; } .wide { flex: 1 1 30rem; }
h3 .dim { font-weight: 400; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; }
th, td { text-align: left; vertical-align: top; padding: .25rem 1.1rem .25rem 0; border-top: 1px solid var(--line); }
th { color: var(--dim); font-weight: 500; border-top: 0; vertical-align: bottom; }
td:first-child { overflow-wrap: anywhere; min-width: 8rem; }
.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.of { display: block; color: var(--dim); font-size: .85em; }
details { margin: 1rem 0; } summary { cursor: pointer; font-weight: 600; }
svg text { fill: var(--ink); font-size: 11px; } svg { display: block; max-width: 100%; }
.bar { margin: .2rem 0; border-radius: 2px; }
.frame { fill: none; stroke: var(--line); } .grid { stroke: var(--line); stroke-dasharray: 1 3; }
.diagonal { stroke: var(--dim); stroke-dasharray: 5 3; } .whisker { stroke: var(--yes); opacity: .6; }
.dot { fill: var(--yes); } .rest { fill: var(--no); opacity: .5; }
.verdict-yes { fill: var(--yes); } .verdict-look { fill: var(--look); } .verdict-no { fill: var(--no); }
svg .on-yes { fill: var(--on-yes); } svg .on-look, svg .on-no { fill: var(--on-other); }
.key span { display: inline-block; width: .8em; height: .8em; margin: 0 .3em 0 1em; border-radius: 2px; }
.key .yes { background: var(--yes); margin-left: 0; } .key .look { background: var(--look); }
.key .no { background: var(--no); }
.pages { display: grid; grid-template-columns: repeat(auto-fill, minmax(12.5rem, 1fr)); gap: .75rem; }
figure { margin: 0; background: var(--card); border-radius: 6px; padding: .6rem; }
figure img { display: block; margin: 0 auto; max-width: 100%; max-height: 200px; }
figcaption { font-size: .82rem; line-height: 1.35; margin-top: .4rem; overflow-wrap: anywhere; }
@media print { details:not([open]) > * { display: block; } figure { break-inside: avoid; } }
"""
_NOTE: Final = (
    "In brackets: 95 % intervals. Wilson's, over pages, for shares; “over sources” and all others by drawing whole"
    " sources again 500 times, for pages of one source resemble one another. A dash: no draw differs, so nothing can be"
    " said."
)


def write_page(report: Report, file: Path) -> None:
    """Write a report as one HTML file, with thumbnails of the worst mistakes.

    Args:
        report: What an evaluation found; its pages must still lie where they lay.
        file: Where it is written.
    """
    file.write_text(page(report), encoding="utf-8")


def page(report: Report) -> str:
    """Return a report as HTML, see :func:`write_page`."""
    html, main = document(f"{report.model_version}: evaluation", _STYLE, _POLICY)
    text(main, "h1", f"How often {report.model_version} is right")
    on = f"{report.pages} pages of {report.sources} sources ({report.split}) in {report.manifest}"
    text(main, "p", f"Real pages: {on}.", "dim")
    contents = SubElement(main, "nav")
    for failure in report.failures:
        text(main, "p", f"failed: {failure}", "bad")
    called, of, bound = report.false_empty
    text(main, "p", f"Written pages called empty: {called} of {of}; with 95 % certainty at most {bound:.2%}.")
    text(main, "p", _NOTE, "dim")
    _key(main)
    for figures in report.figures:
        _check(main, report, figures)
        text(contents, "a", figures.title).set("href", f"#{_anchor(figures.title)}")
    for drawn in report.drawn:
        _drawn(main, report, drawn)
        text(contents, "a", drawn.title).set("href", f"#{_anchor(drawn.title)}")
    return written(html)


def _key(main: Element) -> None:
    key = text(main, "p", "", "key dim")
    for name in VERDICTS:
        SubElement(key, "span", {"class": name}).tail = name
    text(key, "small", " (verdicts; for writing_type, yes means that the label can be relied on)")


def _check(main: Element, report: Report, figures: CheckFigures) -> None:
    text(main, "h2", figures.title).set("id", _anchor(figures.title))
    error = _with(number(figures.calibration_error), figures.calibration_error_95, digits=3)
    error = "; ".join(filter(None, (error, by_chance(figures))))
    text(
        main,
        "p",
        f"{_with(percent(figures.accuracy), figures.accuracy_95)} right, balanced"
        f" {_with(percent(figures.balanced_accuracy), figures.balanced_accuracy_95)}, calibration error {error}.",
    )
    side = SubElement(main, "div", {"class": "side"})
    left = SubElement(side, "div", {"class": "wide"})
    _classes(left, figures)
    _verdicts(left, [each for each in report.verdicts if each.title == figures.title])
    right = SubElement(side, "div")
    text(right, "h3", "Right, by confidence")
    right.append(reliability_diagram(figures.reliability, f"{figures.title}: share of right answers by confidence"))
    _sources(main, figures)
    mistakes = [each for each in report.mistakes if each.title == figures.title]
    if mistakes:
        text(main, "h3", f"Worst mistakes, surest first ({min(_REAL, len(mistakes))} of {len(mistakes)})")
        _gallery(main, (_mistake(Path(report.manifest), each) for each in mistakes[:_REAL]))


def _classes(parent: Element, figures: CheckFigures) -> None:
    text(parent, "h3", "By true class")
    head = ["", *(f"→ {each.name}" for each in figures.classes), "recall", "over sources", "precision", "F1", "AUC"]
    rows: list[list[str | Element]] = []
    for row, each in zip(figures.table.tolist(), figures.classes, strict=True):
        rows.append([
            each.name,
            *(str(count) for count in row),
            _cell(percent(each.recall), each.recall_95 if each.pages else None),
            ends(each.recall_sources_95),
            _cell(percent(each.precision), None if each.precision is None else each.precision_95),
            _cell(percent(each.f1), each.f1_95),
            _cell(number(each.auc), each.auc_95, digits=2),
        ])  # fmt: skip
    table(parent, head, rows)


def _verdicts(parent: Element, verdicts: Sequence[VerdictFigures]) -> None:
    for each in verdicts:
        has_no = each.wrong_no is not None
        thresholds = f" yes from {each.thresholds.yes:.3f}" + (f", no below {each.thresholds.no:.3f}" if has_no else "")
        text(text(parent, "h3", f"What an operator gets: {each.operating_point}"), "span", thresholds, "dim")
        words = "; ".join(wrong_words(each))
        text(parent, "p", f"{words[0].upper()}{words[1:]}.")
        columns = VERDICTS if has_no else VERDICTS[:-1]  # labels are relied on or looked at
        rows: list[list[str | Element]] = [
            [name, verdict_bar(counts), *(str(count) for count in counts[: len(columns)])]
            for name, counts in zip(each.classes, each.table.tolist(), strict=True)
            if sum(counts)
        ]
        table(parent, ["truth", "", *columns], rows, words=2)


def _sources(main: Element, figures: CheckFigures) -> None:
    if not figures.by_source:
        return
    details = SubElement(main, "details")
    text(details, "summary", f"By source, surely worst first ({len(figures.by_source)})")
    head = ["source", "right", *(f"found: {each.name}" for each in figures.classes)]
    table(details, head, [[each.source, *recalls(each)] for each in figures.by_source])


def _drawn(main: Element, report: Report, figures: DrawnFigures) -> None:
    text(main, "h2", figures.title).set("id", _anchor(figures.title))
    text(
        main,
        "p",
        f"Not real pages: {report.drawn_per_kind} drawn of each kind (seed {report.drawn_seed}), on sound pages of the"
        " split. They say which looks of a fault are known, not what an archive will give.",
        "dim",
    )
    text(
        main,
        "p",
        f"As labelled: {counted(figures.found)} found ({percent(figures.found.value)}), false alarms on"
        f" {counted(figures.false_alarms)} sound pages ({percent(figures.false_alarms.value)}),"
        f" AUC {number(figures.auc)}.",
    )
    text(main, "h3", "Found, by allowed share of false alarms")
    rows: list[list[str | Element]] = [
        [f"{each.allowed:.1%}", trade_off_bar(each), percent(each.found.value), number(each.score)]
        for each in figures.trade_offs
    ]
    table(main, ["false alarms", "", "found", "from score"], rows, words=2)
    side = SubElement(main, "div", {"class": "side"})
    _kinds(SubElement(side, "div"), f"{figures.wanted}, least found first", "found", figures.faults)
    _kinds(SubElement(side, "div"), "Sound pages, most false alarms first", "called", figures.sound)
    if figures.missed:
        text(main, "h3", f"Missed most surely ({min(_DRAWN, len(figures.missed))} of {len(figures.missed)})")
        _gallery(main, (_missed(figures, each) for each in figures.missed[:_DRAWN]))


def _kinds(parent: Element, title: str, verb: str, kinds: Sequence[KindFigures]) -> None:
    text(parent, "h3", title)
    placed = any(each.pointed is not None for each in kinds)
    head = ["kind", verb, f"at {STRICT:.1%} false alarms", *(["box hits", "IoU"] if placed else [])]
    rows = []
    for each in kinds:
        row = [each.kind, counted(each.called), counted(each.called_strict)]
        if placed:
            row += [
                "" if each.pointed is None else counted(each.pointed),
                "" if each.overlap is None else f"{each.overlap:.2f}",
            ]
        rows.append(row)
    table(parent, head, rows)


def _gallery(parent: Element, figures: Iterator[Element]) -> None:
    SubElement(parent, "div", {"class": "pages"}).extend(list(figures))


def _mistake(root: Path, each: Mistake) -> Element:
    try:
        picture = thumbnail_of(root / each.file, shown=each.boxes)
    except ImageFaultyError:  # it was there when it was judged; the figures stand without its picture
        picture = b""
    return _figure(picture, each.file, f"{each.truth} → {each.answer}, {each.confidence:.1%} sure", each.source)


def _missed(figures: DrawnFigures, each: DrawnPage) -> Element:
    check = figures.title.removesuffix(", drawn")
    answer = answered(each, check)
    said = f"{figures.wanted} → {answer}, {each.probabilities[check][answer]:.1%} sure"
    return _figure(each.thumbnail, each.recipe, said, each.base)


def _figure(picture: bytes, name: str, said: str, source: str) -> Element:
    figure = Element("figure")
    if picture:
        data = f"data:image/webp;base64,{base64.b64encode(picture).decode()}"
        SubElement(figure, "img", {"src": data, "alt": clean(name), "loading": "lazy"})
    caption = SubElement(figure, "figcaption")
    text(caption, "strong", said)
    text(caption, "span", name, "of")
    text(caption, "span", source, "of")
    return figure


def _cell(value: str, interval: Interval | None, *, digits: int = 0) -> Element:
    """Return a figure with its interval below."""
    element = Element("div", {"class": "number"})
    element.text = value
    if value != "-":
        scale = 1 if digits else 100
        text(element, "span", ends(interval, scale=scale, digits=digits), "of")
    return element


def _with(value: str, interval: Interval | None, *, digits: int = 0) -> str:
    return f"{value} ({ends(interval, scale=1 if digits else 100, digits=digits)})"


def _anchor(title: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in title)
