"""The national roll-up of weather warnings (気象警報・注意報の集約通報): JMA telegram VPWS50, a check of VPWW55–61.

Source: www.data.jma.go.jp/developer/xml/feed/regular.xml, every ten minutes, about 3.8 MB; schema jmx_mete.xsd
(type.Warning), 気象警報・注意報（Ｒ０６）解説資料. Tables in vocab/data/jma_warning_*.csv.

One telegram says for every municipality of Japan (or part of one) which warnings of all seven families are in force
at its time: scope ``jma/weather_warning_summary``, always complete. Items are made exactly as `jma_warning` makes
them, by the same code and with the same ids (``1410000/heavy_rain``), so that the two can be compared; but they are
of a kind of their own and never among the warnings: each warning comes from its own telegram, once.
`consolidate.warning_check` tells where the two differ.

Oddities
* EventID and Serial are empty; a 取消 takes back the newest roll-up.
* The roll-up is put together at its ReportDateTime and sent about a minute later.

Known gaps:
* no real VPWS50 was at hand: built to the schema and to what others say of the live ones; only synthetic samples
* the coarser layers and the layer 高潮予報区間 are passed over
* floods (指定河川洪水予報) are not part of the roll-up
"""

from __future__ import annotations

from collections.abc import Iterator

from bousai.formats import jma_warning_items, jma_xml
from bousai.formats.jma_warning_items import Family
from bousai.model import Bulletin, Issue, table_of

VERSION = "1"
HANDLES = ("VPWS50",)

_KIND = "weather_warning_summary"
_SCOPE = "jma/weather_warning_summary"
_READ_AS = Family(code_space="jma_warning_r06", telegram="VPWS50", valid_to=None, tells_last_kind=True)


def parse(body: bytes) -> Iterator[Bulletin | Issue]:
    """At most one bulletin of kind `weather_warning_summary`, then issues.

    Raises `ParseError`: those of `jma_xml.read` and of `jma_warning_items.statement`.
    """
    telegram = jma_xml.read(body)
    if issue := jma_xml.no_parser(telegram, HANDLES):
        yield issue
        return
    node = jma_xml.body(telegram)
    findings: list[Issue] = []
    if telegram.msg_type == "withdraw":
        # What is taken back: on a 取消 the Body has Text alone, or what was said.
        node.drop("Text", "Warning", "Notice", "Comment", "OfficeInfo", "MeteorologicalInfos", "AdditionalInfo")
        yield jma_xml.withdrawal(telegram, kind=_KIND, scope=_SCOPE, event_id="")
    else:
        said = jma_warning_items.statement(telegram.bulletin_type, _READ_AS, node, findings)
        yield jma_xml.statement(
            telegram, kind=_KIND, scope=_SCOPE, event_id="", items=table_of(said.items), complete=True
        )
    yield from jma_warning_items.counted(findings)
    yield from jma_xml.nothing_left(telegram, node)
