"""Evidence and people's words → the report, section by section."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from bousai.report import damage, lag, moments, orders, outages, readings, shelters
from bousai.report.chronology import CATEGORIES, OUR_OWN, Event, events
from bousai.report.cited import Citations
from bousai.report.document import (
    Area,
    Block,
    Cell,
    Column,
    Heading,
    Map,
    Panel,
    Paragraph,
    Points,
    Report,
    Run,
    Slot,
    Table,
    cell,
)
from bousai.report.evidence import Evidence, areas_of, municipality_name, outline_credit, prefectures_of
from bousai.report.observed import Said, full_clock, said
from bousai.report.words import PROMPTS, Words
from bousai.vocab.map_scale import scales
from bousai.vocab.municipality import wards

_STATUS = {"actual": "実災害", "exercise": "訓練", "test": "試験"}
_PLACES = 8


def compose(
    evidence: Evidence, words: Words, *, munis: Collection[str] = (), categories: Collection[str] = ()
) -> Report:
    """The report. `munis` (5-digit codes) and `categories` leave of the chronology only such rows; the rest of the
    report stays whole."""
    incident = evidence.incident
    cited = Citations(evidence.titles)
    happened = events(evidence)
    shown = [
        one
        for one in happened
        if (not munis or not set(one.munis).isdisjoint(munis)) and (not categories or one.category in categories)
    ]
    blocks: list[Block] = [
        Heading("summary", 1, "要約"),
        _slot("summary", words),
        *_overview(evidence, happened, cited),
        *_method(evidence, words),
        *damage.sections(evidence, cited),
        *_chronology(shown, len(happened), cited),
        *moments.sections(evidence, cited),
        *orders.sections(evidence, cited),
        *shelters.sections(evidence, cited),
        *outages.sections(evidence, cited),
        *lag.sections(evidence, cited),
        *readings.sections(evidence),
        *_review(words),
    ]
    return Report(
        title=f"{incident.title_ja} 事後検証報告書",
        subtitle=incident.title_en,
        status=incident.status,
        draft=not words.final,
        known_at=evidence.known_at,
        facts=_facts(evidence),
        blocks=tuple(blocks),
        sources=cited.sources(),
        credits=tuple(dict.fromkeys(feed.credit for feed in evidence.feeds)),
    )


def _facts(evidence: Evidence) -> tuple[tuple[str, str], ...]:
    incident = evidence.incident
    munis = [code for code in incident.areas if len(code) == 5]
    whole = [code for code in incident.areas if len(code) == 2]
    named = [*(prefectures_of(incident) if whole else ()), *(municipality_name(code) for code in munis)]
    return (
        ("区分", _STATUS[incident.status]),
        ("対象期間", f"{full_clock(incident.since)} ～ {full_clock(incident.until)}（日本時間）"),
        ("対象地域", "、".join(named)),
        ("データの時点", f"{full_clock(evidence.known_at)} までに記録したもの"),
        ("資料", f"{len({one.stated.sha256 for one in evidence.claims})}件の文書、{len(evidence.claims)}件の記載"),
    )


def _slot(name: str, words: Words) -> Slot:
    title, prompt = PROMPTS[name]
    return Slot(f"words-{name}", title, prompt, getattr(words, name).strip() or None)


def _overview(evidence: Evidence, happened: Sequence[Event], cited: Citations) -> list[Block]:
    """Earthquakes and the largest intensity of each municipality, and what else was issued, counted."""
    blocks: list[Block] = [Heading("overview", 1, "災害の概要")]
    counts: dict[str, int] = {}
    for one in happened:
        counts[one.category] = counts.get(one.category, 0) + 1
    order = dict.fromkeys((*CATEGORIES.values(), *OUR_OWN))
    told = "、".join(f"{name} {counts[name]}" for name in order if name in counts)
    blocks.append(Paragraph(cell(f"時系列の行数: {told or '記録なし'}。")))
    quakes = [one for one in happened if one.kind == "earthquake" and not one.struck]
    if quakes:
        blocks.append(
            Points(
                tuple(
                    (Run(f"{full_clock(one.at)} {'、'.join(one.places)} {one.text}", cited.nearest(one.claims)),)
                    for one in quakes[-5:]
                )
            )
        )
    return blocks + _intensities(evidence, cited)


def _intensities(evidence: Evidence, cited: Citations) -> list[Block]:
    steps = {step.value: step for step in scales()["intensity"]}
    rows = [
        row for row in said(evidence.claims, "seismic_intensity") if row.muni and row.props.get("intensity") in steps
    ]
    if not rows:
        return []
    largest: dict[str | None, Said] = {}
    for row in rows:
        before = largest.get(row.muni)
        if before is None or steps[row.props["intensity"]].rank > steps[before.props["intensity"]].rank:
            largest[row.muni] = row
    found = sorted({row.props["intensity"] for row in largest.values()}, key=lambda value: -steps[value].rank)
    classes = tuple(steps[value].ja for value in found)
    body: list[list[Cell]] = [
        [
            cell(steps[value].ja),
            tuple(
                Run(f"{'、' if n else ''}{municipality_name(muni)}", cited.of(row.claim))
                for n, (muni, row) in enumerate(
                    sorted((m, r) for m, r in largest.items() if m and r.props["intensity"] == value)
                )
            ),
        ]
        for value in found
    ]
    shade = {muni: found.index(row.props["intensity"]) for muni, row in largest.items()}
    blocks: list[Block] = []
    if evidence.outlines:
        areas = tuple(
            Area(code, municipality_name(code), outline, shade.get(code))
            for code, outline in sorted(evidence.outlines.items())
        )
        alt = f"最大震度を市町村別に示した地図。{classes[0]}は" + "、".join(
            municipality_name(code) for code, n in sorted((c, n) for c, n in shade.items() if c) if n == 0
        )
        credit = f"{outline_credit(evidence.incident)}、震度: 気象庁"
        blocks.append(
            Map(
                "intensity-map",
                "市町村別の最大震度（記録のある地震）",
                alt,
                classes,
                (Panel("", areas),),
                credit,
                "intensity-table",
            )
        )
    columns = (Column("最大震度"), Column("市町村", weight=1))
    told = sorted({str(row.props.get("event_id")) for row in rows})
    silent = [one for one in evidence.incident.events if one not in told]
    note = f"記録のある{len(told)}回の地震（識別番号 {'、'.join(told[:_PLACES])}）のうち最大のもの。"
    if silent:
        words = f"識別番号 {'、'.join(silent)} の地震の市町村別の震度は記録にない。下の図表はそれを含まない。"
        blocks.insert(0, Paragraph(cell(words), "warning"))
    return [*blocks, Table("intensity-table", "市町村別の最大震度（記録のある地震）", columns, body, note=note)]


def _method(evidence: Evidence, words: Words) -> list[Block]:
    late = [one for one in evidence.claims if (one.opened.recorded_at - one.stated.issued_at).days >= 1]
    limits = [
        "この報告書の数と表は、記録した文書だけから作られる。文書にないことは起きなかったという意味ではない。",
        "「発生・発表」は出典が述べた時刻、「記録」はこの装置が知った時刻。二つは別の時計である。",
        "上付きの番号は付録の出典を指す。bousai trace に出典の番号を与えると、保存した原本の行や要素に着く。",
    ]
    if late:
        share = len(late) / len(evidence.claims)
        limits.append(
            f"記載の{share:.0%}は発表の1日より後に取り込まれた。それらの「記録」の時刻は、当時の状況を示さない。"
        )
    missing = [
        code
        for code in areas_of(evidence.incident)
        if code not in evidence.outlines and evidence.outlines.keys().isdisjoint(wards().get(code, ()))
    ]
    if missing and evidence.outlines:
        named = "、".join(municipality_name(code) for code in missing[:_PLACES])
        more = f"ほか{len(missing) - _PLACES}" if len(missing) > _PLACES else ""
        limits.append(f"市町村の形がなく地図に描かれない: {named}{more}")
    return [
        Heading("method", 1, "目的・対象・方法とデータの限界"),
        _slot("aims", words),
        Points(tuple(cell(one) for one in limits)),
    ]


def _chronology(rows: Sequence[Event], whole: int, cited: Citations) -> list[Block]:
    body: list[list[Cell]] = []
    for n, one in enumerate(rows, start=1):
        struck = bool(one.struck)
        body.append(
            [
                cell(n),
                cell(full_clock(one.at), struck=struck),
                cell(full_clock(one.known_at)),
                cell(one.category),
                cell(_placed(one), struck=struck),
                (
                    Run(one.text, cited.nearest(one.claims), struck),
                    *((Run(f"（{one.struck}）", (), strong=True),) if struck else ()),
                ),
                cell(one.issuer),
            ]
        )
    columns = (
        Column("番号", "right"),
        Column("発生・発表"),
        Column("記録"),
        Column("種別"),
        Column("場所", weight=1),
        Column("内容", weight=3),
        Column("発表者", weight=1),
    )
    only = f"{whole}行のうち、条件に合う{len(rows)}行。" if len(rows) < whole else f"{whole}行。"
    note = f"{only}時刻は日本時間。訂正・取消されたものは消さず、線を引いて理由を添える。"
    return [Heading("chronology", 1, "クロノロジー"), Table("chronology-table", "時系列", columns, body, note=note)]


def _placed(one: Event) -> str:
    if len(one.places) <= _PLACES:
        return "、".join(one.places)
    return f"{'、'.join(one.places[:_PLACES])}ほか{len(one.places) - _PLACES}"


def _review(words: Words) -> list[Block]:
    blocks: list[Block] = [Heading("review", 1, "良かった点・課題・原因・改善計画")]
    blocks += [_slot(name, words) for name in ("good", "problems", "causes", "lessons")]
    body: list[list[Cell]] = [
        [cell(n), *(cell(getattr(step, name) or None) for name in ("issue", "cause", "action", "owner", "due"))]
        for n, step in enumerate(words.plan, start=1)
    ]
    columns = (
        Column("番号", "right"),
        Column("課題", weight=1),
        Column("原因", weight=1),
        Column("改善策", weight=1),
        Column("担当"),
        Column("期限"),
    )
    return [*blocks, Table("plan-table", "改善計画", columns, body)]
