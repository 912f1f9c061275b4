"""Two PDFs of one A4 page: a scan, as scanners write it, and a typed letter."""

from __future__ import annotations

_A4_PT = (595.2, 841.92)
_LINES = 48


def scanned_pdf(jpeg: bytes, size: tuple[int, int]) -> bytes:
    """A page that shows the JPEG and nothing else.

    Args:
        jpeg: A JPEG in colour.
        size: Its width and height in px.
    """
    picture = (
        b"<< /Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace /DeviceRGB /BitsPerComponent 8 "
        b"/Filter /DCTDecode /Length %d >>\nstream\n" % (*size, len(jpeg))
    )
    content = b"q %.2f 0 0 %.2f 0 0 cm /P Do Q" % _A4_PT
    return _pdf(content, picture + jpeg + b"\nendstream", b"/XObject << /P 5 0 R >>")


def born_digital_pdf() -> bytes:
    """A page full of text."""
    lines = b"".join(
        b"BT /F 10 Tf 60 %d Td (%02d. Received of the clerk of court the sum of %d pounds and %d shillings.) Tj ET\n"
        % (780 - 15 * line, line, 97 * line, line % 20)
        for line in range(_LINES)
    )
    font = b"<< /Type /Font /Subtype /Type1 /BaseFont /Times-Roman >>"
    return _pdf(lines, font, b"/Font << /F 5 0 R >>")


def _pdf(content: bytes, resource: bytes, resources: bytes) -> bytes:
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Count 1 /Kids [3 0 R] >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %.2f %.2f] /Contents 4 0 R /Resources << " % _A4_PT
        + resources
        + b" >> >>",
        b"<< /Length %d >>\nstream\n" % len(content) + content + b"\nendstream",
        resource,
    ]
    body, table = b"%PDF-1.5\n", b"0000000000 65535 f \n"
    for number, each in enumerate(objects, start=1):
        table += b"%010d 00000 n \n" % len(body)
        body += b"%d 0 obj\n" % number + each + b"\nendobj\n"
    count = len(objects) + 1
    return (
        body
        + b"xref\n0 %d\n" % count
        + table
        + b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (count, len(body))
    )
