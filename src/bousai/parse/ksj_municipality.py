"""行政区域 (国土数値情報 N03): the area of every municipality.

Source: nlftp.mlit.go.jp/ksj/gml/datalist/KsjTmplt-N03-2024.html, GeoJSON or ZIP of one prefecture or of the country.
Scope ``ksj/municipality/<prefecture code>``, complete. One municipality is many polygons (islands): they become
one MultiPolygon. Until 2023 N03_003 is a designated city or a 郡 and N03_004 the ward or municipality; since then
N03_005 is the ward. 所属未定地 (land that belongs to no municipality yet) has no code and is left out, with an issue.

Known gaps:
* the edition by prefecture is refused
* only the editions to 2021 were seen as real files; those since 2024 (N03_005) as composed ones
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import numpy as np
import shapely

from bousai.errors import ParseError
from bousai.formats import ksj, refusal
from bousai.model import Bulletin, Issue, Item, table_of

VERSION = "1"
_PREF, _SUBPREF, _COUNTY, _NAME, _WARD, _CODE = (f"N03_00{n}" for n in (1, 2, 3, 4, 5, 7))
_UNASSIGNED = "所属未定地"
_POLYGONS = (3, 6)  # shapely's type ids of Polygon and MultiPolygon
_FIVE_DIGITS = re.compile(r"\d{5}", re.ASCII)


def parse(body: bytes) -> Iterator[Bulletin | Issue]:
    """One statement a prefecture. Raises `ParseError`: those of `ksj.read`, and ``not_n03``."""
    features = ksj.read(body, "N03")
    columns = features.columns
    missing = [name for name in (_PREF, _NAME, _CODE) if name not in columns]
    if missing or not len(features):
        what = f"no attribute {', '.join(missing)}" if missing else "no feature"
        raise ParseError(
            f"{what}: not the municipalities of N03",
            code="not_n03",
            remedy="fetch the edition by municipality, not the one by prefecture",
        )
    with np.errstate(all="ignore"):  # coordinates that are no numbers are seen to in normalise
        shapes = shapely.from_wkb(np.array(features.geometry, dtype=object))
    areas = np.isin(shapely.get_type_id(shapes), _POLYGONS)
    issues: list[Issue] = []
    rows: dict[str, list[int]] = defaultdict(list)
    for index, code in enumerate(columns[_CODE]):
        name = columns[_NAME][index]
        position = f"features[{index}]"
        if not areas[index]:
            raise ParseError(
                f"{_shown(name)} has no polygon that can be read",
                code="bad_geometry",
                remedy=refusal.AGAIN,
                position=position,
            )
        if isinstance(code, str) and _FIVE_DIGITS.fullmatch(code) and isinstance(name, str) and name:
            rows[code].append(index)
        elif code is None and name == _UNASSIGNED:
            cause = f"{_shown(columns[_PREF][index])}: {_UNASSIGNED} has no municipality"
            issues.append(Issue("unassigned_land", cause, "none needed", "info", position))
        else:
            raise ParseError(
                f"{_shown(name)} has the code {_shown(code)}",
                code="not_n03",
                remedy="see N03_004 and N03_007",
                position=position,
            )
    by_pref: dict[str, list[Item]] = defaultdict(list)
    for code, found in sorted(rows.items()):
        by_pref[code[:2]].append(_item(code, found, features.columns, shapes[found]))
    for pref, items in sorted(by_pref.items()):
        yield Bulletin(
            kind="municipality",
            scope=f"ksj/municipality/{pref}",
            issued_at=None,
            status="actual",
            items=table_of(items),
            issuer="国土交通省",
            complete=True,
            bulletin_type="N03",
        )
    yield from issues


def _shown(value: Any) -> str:
    text = str(value)
    return text if text.isprintable() and len(text) <= 40 else repr(text[:40])


def _item(code: str, rows: list[int], columns: dict[str, list[Any]], shapes: Any) -> Item:
    def said(name: str) -> str | None:
        value: Any = columns[name][rows[0]] if name in columns else None
        return value if value and isinstance(value, str) else None

    pref, county, name, ward = said(_PREF), said(_COUNTY), said(_NAME), said(_WARD)
    if county is not None and county.endswith("市"):  # until 2023: 政令指定都市 here, its ward in N03_004
        county, name, ward = None, county, name
    polygons = shapely.get_parts(shapes)
    shape = polygons[0] if len(polygons) == 1 else shapely.multipolygons(polygons)
    return Item(
        item_id=code,
        props={
            "pref_name": pref,
            "subprefecture_name": said(_SUBPREF),
            "county_name": county,
            "name": f"{name}{ward or ''}",
            "city_name": name if ward else None,
        },
        muni_code=code,
        geometry=shapely.to_wkb(shape),
        position=f"features[{rows[0]}]",
    )
