"""An evaluation as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from imagefaulty.training.drawn_figures import STRICT, DrawnFigures, KindFigures
from imagefaulty.training.evaluation import Report
from imagefaulty.training.figures import VERDICTS, CheckFigures, Interval, Share, SourceFigures, VerdictFigures


def text_of(report: Report, *, by_source: bool = False) -> str:
    """Return a report as text.

    Args:
        report: What an evaluation found.
        by_source: Also list every source under each check.
    """
    return "\n".join(_lines(report, by_source=by_source))


def percent(share: float | None) -> str:
    """Return a share in per cent, ``"-"`` for None."""
    return "-" if share is None else f"{share:.1%}"


def ends(interval: Interval | None, *, scale: float = 100, digits: int = 0) -> str:
    """Return an interval as ``"52-72"``, in per cent unless scaled otherwise, ``"-"`` for None."""
    return "-" if interval is None else "-".join(f"{end * scale:.{digits}f}" for end in interval)


def number(value: float | None) -> str:
    """Return a figure between 0 and 1 with three digits, ``"-"`` for None."""
    return "-" if value is None else f"{value:.3f}"


def wrong_words(each: VerdictFigures) -> Iterator[str]:
    """Yield what is wrong at an operating point, in words."""
    if each.wrong_no is None:
        yield f"wrong among the relied on: {_share(each.wrong_yes)}"
        return
    # Said in full where it matters most: nobody looks at a page again that is called empty.
    sound = "written pages with the verdict yes, empty" if each.title.startswith("empty") else "sound pages called yes"
    yield f"{sound}: {_share(each.wrong_yes)}"
    yield f"faulty pages called no: {_share(each.wrong_no)}"


def _share(share: Share) -> str:
    return f"{share.hits} of {share.pages}, at most {share.upper_95:.1%}" if share.pages else "no such pages"


def _lines(report: Report, *, by_source: bool) -> Iterator[str]:
    of = f"{report.pages} pages of {report.sources} sources ({report.split})"
    yield f"{report.model_version} on {of} in {report.manifest}"
    yield from (f"failed: {failure}" for failure in report.failures)
    for figures in report.figures:
        yield ""
        yield from _figures(figures)
        if by_source:
            yield from _sources(figures)
    yield from ("", "what an operator gets, by operating point")
    for verdicts in report.verdicts:
        yield from _verdicts(verdicts)
    called, written, bound = report.false_empty
    yield from ("", f"written pages called empty: {called} of {written} (95 % sure: at most {bound:.2%})")
    if report.drawn:
        yield from ("", f"drawn pages, {report.drawn_per_kind} of each kind (seed {report.drawn_seed}); not real ones")
    for drawn in report.drawn:
        yield ""
        yield from _drawn(drawn)


def _figures(figures: CheckFigures) -> Iterator[str]:
    names = [each.name for each in figures.classes]
    wide = max(13, *(len(name) for name in names))
    chance = f", {words}" if (words := by_chance(figures)) else ""
    yield (
        f"{figures.title}: {percent(figures.accuracy)} right ({ends(figures.accuracy_95)}),"
        f" balanced {percent(figures.balanced_accuracy)} ({ends(figures.balanced_accuracy_95)}),"
        f" calibration error {number(figures.calibration_error)}"
        f" ({ends(figures.calibration_error_95, scale=1, digits=3)}){chance}"
    )
    head = "".join(f"{name:>{wide + 1}}" for name in names)
    yield f"  {'truth':<{wide}}{head}   recall (95 %)  sources   precision      F1             AUC"
    for row, each in zip(figures.table, figures.classes, strict=True):
        cells = "".join(f"{count:>{wide + 1}}" for count in row)
        recall = "-" if each.recall is None else f"{each.recall:.3f} ({ends(each.recall_95)})"
        precision = "-" if each.precision is None else f"{each.precision:.3f} ({ends(each.precision_95)})"
        f1 = "-" if each.f1 is None else f"{each.f1:.3f} ({ends(each.f1_95)})"
        auc = "-" if each.auc is None else f"{each.auc:.3f} ({ends(each.auc_95)})"
        over = ends(each.recall_sources_95)
        yield f"  {each.name:<{wide}}{cells}   {recall:<15}{over:<10}{precision:<15}{f1:<15}{auc}"


def by_chance(figures: CheckFigures) -> str:
    """Return in words what the calibration error would be by chance alone; nothing where that is not known."""
    if figures.calibration_error_by_chance is None:
        return ""
    mean, most = figures.calibration_error_by_chance
    return f"by chance alone {mean:.3f}, at most {most:.3f}"


def _sources(figures: CheckFigures) -> Iterator[str]:
    names = [each.name for each in figures.classes]
    yield "  " + "".join(f"{name:>15}" for name in ("right", *names)) + "   source"
    for each in figures.by_source:
        yield "  " + "".join(f"{counted(share):>15}" for share in (each.right, *each.recalls)) + f"   {each.source}"


def counted(share: Share) -> str:
    """Return a share as ``"11 of 21"``, nothing without pages."""
    return f"{share.hits} of {share.pages}" if share.pages else ""


def recalls(each: SourceFigures) -> tuple[str, ...]:
    """Return the cells of a source: right answers, then found pages of each class."""
    return tuple(counted(share) for share in (each.right, *each.recalls))


def _verdicts(each: VerdictFigures) -> Iterator[str]:
    yield f"  {each.title}, {each.operating_point}: {'; '.join(wrong_words(each))}"
    for name, row in zip(each.classes, each.table.tolist(), strict=True):
        if total := sum(row):
            words = VERDICTS if each.wrong_no is not None else VERDICTS[:-1]  # labels are relied on or looked at
            said = ", ".join(f"{word} {count / total:.0%}" for word, count in zip(words, row, strict=False))
            yield f"    {name:<14}{said}"


def _drawn(each: DrawnFigures) -> Iterator[str]:
    yield (
        f"{each.title}: {counted(each.found)} found ({percent(each.found.value)}), false alarms"
        f" {counted(each.false_alarms)} ({percent(each.false_alarms.value)}), AUC {number(each.auc)}"
    )
    for trade in each.trade_offs:
        yield f"  at {trade.allowed:.1%} false alarms (score {trade.score:.3f}): {percent(trade.found.value)} found"
    yield f"  {'':<22}{'found':>12}{f'at {STRICT:.1%}':>9}{'shown':>8}{'IoU':>6}"
    yield from map(_kind, each.faults)
    worst = [kind for kind in each.sound if kind.called.hits]
    if worst:
        yield "  false alarms on: " + ", ".join(f"{kind.kind} {counted(kind.called)}" for kind in worst)


def _kind(kind: KindFigures) -> str:
    shown = "" if kind.pointed is None or kind.pointed.value is None else f"{kind.pointed.value:.0%}"
    overlap = "" if kind.overlap is None else f"{kind.overlap:.2f}"
    strict = f"{kind.called_strict.value:.0%}" if kind.called_strict.value is not None else ""
    return f"  {kind.kind:<22}{counted(kind.called):>12}{strict:>9}{shown:>8}{overlap:>6}"
