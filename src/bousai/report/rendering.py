"""A report → bytes of one format."""

from __future__ import annotations

from bousai.report.document import Report

FORMATS = ("html", "pdf", "docx", "xlsx")


def render(report: Report, name: str) -> bytes:
    """The report as one of `FORMATS`; the same bytes for the same report. Each library is loaded only where it is
    needed: charts take a second of a command that asks for none."""
    if name == "html":
        from bousai.report.html import html

        return html(report)
    if name == "pdf":
        from bousai.report.pdf import pdf

        return pdf(report)
    if name == "docx":
        from bousai.report.docx import docx

        return docx(report)
    from bousai.report.xlsx import xlsx

    return xlsx(report)
