"""The report room: what the store knows of an incident → an after-action report as HTML, PDF, DOCX and XLSX.

In: `Evidence` of one incident (claims with both clocks, receipts, alerts, ledger rows) and people's `Words`. Out: a
`document.Report`, and bytes of it, the same for the same input. May use: `formats`, `vocab`, `model`. Never: query,
read the clock, do I/O. `compose` puts the sections together (`damage`, `orders`, `shelters`, `outages`, `lag`,
`readings`,
`moments`, `chronology`), `rendering` chooses the format. Add here: a section (a module that gives blocks, named in
`compose`), a format (a module that renders a `Report`, named in `rendering`). Tests: tests/report.
"""

from bousai.report.chronology import CATEGORIES, OUR_OWN
from bousai.report.compare import compare
from bousai.report.compose import compose
from bousai.report.document import Report
from bousai.report.evidence import Evidence, FeedRecord, Sent, areas_of
from bousai.report.rendering import FORMATS, render
from bousai.report.selection import belonging
from bousai.report.words import Words, empty_words, read_words

KINDS = frozenset(CATEGORIES)
"""The kinds of items that reports are made of."""

__all__ = [
    "CATEGORIES",
    "FORMATS",
    "KINDS",
    "OUR_OWN",
    "Evidence",
    "FeedRecord",
    "Report",
    "Sent",
    "Words",
    "areas_of",
    "belonging",
    "compare",
    "compose",
    "empty_words",
    "read_words",
    "render",
]
