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
#: Width of a table that goes to a file or a pipe: wide enough for four checks and a long path.
_PIPE_WIDTH: Final = 160


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
    return writers[form]()


def row(finding: Finding, checks: Sequence[Check]) -> dict[str, Any]:
    """Return a finding as one flat row: the columns of the CSV form."""
    flat: dict[str, Any] = {
        "source": finding.provenance.source,
        "page": finding.provenance.page,
        "pages": finding.provenance.pages,
    }
    for check in checks:
        answer = finding.answers.get(check.name)
        flat |= _columns(check, answer)
    return flat | {
        "certainty": round(finding.certainty, 4),
        "error_code": "" if finding.failure is None else finding.failure.code,
        "error": "" if finding.failure is None else finding.failure.message,
        "sha256": finding.provenance.sha256,
    }


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

    table = Table(box=box.SIMPLE, pad_edge=False)
    table.add_column("page", overflow="fold")
    for check in checks:
        table.add_column(check.name.replace("_", " "))
    for finding in findings:
        cells = [_name(finding)]
        if finding.failure is not None:
            cells.append(f"error: {finding.failure.code}")
        else:
            cells += [_cell(check, finding.answers[check.name]) for check in checks]
        table.add_row(*(Text(cell) for cell in cells))
    console = Console(file=io.StringIO(), width=width or _PIPE_WIDTH, color_system=None)
    with console.capture() as capture:
        console.print(table)
    yield capture.get()


def _name(finding: Finding) -> str:
    provenance = finding.provenance
    return f"{provenance.source}, page {provenance.page + 1}" if provenance.pages > 1 else provenance.source


def _cell(check: Check, answer: Answer) -> str:
    label = "-" if check.fault is not None and answer.label != check.fault else answer.label
    return f"{label} {answer.confidence:.0%}{_DOUBT if answer.verdict == 'look' else ''}"
