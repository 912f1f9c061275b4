"""Findings as text: a table for people, JSON, JSON lines or CSV for programs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal, get_args

from imagefaulty.checks import Check
from imagefaulty.finding import Answer, Finding

Format = Literal["table", "json", "jsonl", "csv"]
FORMATS: Final[tuple[str, ...]] = get_args(Format)

#: What marks an answer that a person should look at.
_DOUBT: Final = "?"
#: What a spreadsheet takes for the beginning of a formula (OWASP, "CSV Injection").
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")
#: Width of a table that goes to a file or a pipe: wide enough for four checks and a long path.
_PIPE_WIDTH: Final = 160
#: Below this width (characters) four answers and a name do not fit side by side; the terminal then breaks the lines.
_LEAST_WIDTH: Final = 80
_LEAST_NAME: Final = 10


def write(findings: Iterable[Finding], form: Format, *, checks: Sequence[Check], width: int | None) -> Iterator[str]:
    """Turn findings into text, piece by piece as they come (a table comes whole, since its columns must fit).

    Args:
        findings: The findings.
        form: ``"table"``, ``"json"`` (one list), ``"jsonl"`` (one object a line) or ``"csv"``.
        checks: The checks that have a column.
        width: Width of the terminal in characters for a table; None where there is no terminal.
    """
    writers: dict[str, Callable[[], Iterator[str]]] = {
        "table": lambda: _table(findings, checks, width),
        "json": lambda: _json(findings),
        "jsonl": lambda: (json.dumps(finding.to_dict(), ensure_ascii=False) + "\n" for finding in findings),
        "csv": lambda: _csv(findings, checks),
    }
    return (_encodable(text) for text in writers[form]())


def _encodable(text: str) -> str:
    """Escape what UTF-8 cannot hold: bytes of a file name that are not text. In JSON the escapes mean those bytes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def row(finding: Finding, checks: Sequence[Check]) -> dict[str, Any]:
    """Return a finding as one flat row: the columns of the CSV form."""
    flat: dict[str, Any] = {
        "source": _no_formula(finding.provenance.source),
        "page": finding.provenance.page,
        "pages": finding.provenance.pages,
    }
    for check in checks:
        answer = finding.answers.get(check.name)
        flat |= _columns(check, answer)
    return flat | {
        "certainty": round(finding.certainty, 4),
        "error_code": "" if finding.failure is None else finding.failure.code,
        "error": "" if finding.failure is None else _no_formula(finding.failure.message),
        "sha256": finding.provenance.sha256,
    }


def _no_formula(text: str) -> str:
    """Keep a spreadsheet from calculating a file name such as ``=1+1.jpg``: as a path it means the same with ``./``."""
    return f"./{text}" if text.startswith(_FORMULA_STARTS) else text


def _columns(check: Check, answer: Answer | None) -> Mapping[str, Any]:
    return {
        check.name: "" if answer is None else answer.label,
        f"{check.name}_confidence": "" if answer is None else round(answer.confidence, 4),
        f"{check.name}_verdict": "" if answer is None else answer.verdict,
    }


def _json(findings: Iterable[Finding]) -> Iterator[str]:
    lead = "[\n"
    for finding in findings:
        yield lead + json.dumps(finding.to_dict(), ensure_ascii=False)
        lead = ",\n"
    yield "[]\n" if lead == "[\n" else "\n]\n"


def _csv(findings: Iterable[Finding], checks: Sequence[Check]) -> Iterator[str]:
    buffer = io.StringIO()
    writer: csv.DictWriter[str] | None = None
    for finding in findings:
        flat = row(finding, checks)
        if writer is None:
            writer = csv.DictWriter(buffer, flat.keys(), lineterminator="\n")
            writer.writeheader()
        writer.writerow(flat)
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()


def _table(findings: Iterable[Finding], checks: Sequence[Check], width: int | None) -> Iterator[str]:
    from rich import box  # noqa: PLC0415 - only the table needs rich; it costs a tenth of a cold start
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=box.SIMPLE, pad_edge=False, padding=(0, 1, 0, 0))
    # Where the terminal is narrow, names fold and answers do not.
    table.add_column("page", overflow="fold", min_width=_LEAST_NAME)
    for check in checks:
        table.add_column(check.name.replace("_", " "), no_wrap=True)
    for finding in findings:
        cells = [_printable(_name(finding))]
        if finding.failure is not None:
            cells.append(f"error: {finding.failure.code}")
        else:
            cells += [_cell(check, finding.answers[check.name]) for check in checks]
        table.add_row(*(Text(cell) for cell in cells))
    console = Console(file=io.StringIO(), width=max(width or _PIPE_WIDTH, _LEAST_WIDTH), color_system=None)
    with console.capture() as capture:
        console.print(table)
    yield capture.get()


def _printable(text: str) -> str:
    """Escape control characters: on a terminal, those of a file name could rewrite what stands there."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def _name(finding: Finding) -> str:
    provenance = finding.provenance
    return f"{provenance.source}, page {provenance.page + 1}" if provenance.pages > 1 else provenance.source


def _cell(check: Check, answer: Answer) -> str:
    label = "-" if check.fault is not None and answer.label != check.fault else answer.label
    return f"{label} {answer.confidence:.0%}{_DOUBT if answer.verdict == 'look' else ''}"
