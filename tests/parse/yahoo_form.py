"""The form 「避難場所・避難所データフォーマット」 as a workbook: explanations first, the list on the second sheet.

The sample tests/feeds/hachioji_evacuation_site/hinanjo_kunren.xlsx is ``book(KUNREN)`` of this module.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

import openpyxl

HEADER = [
    "ID (v2.0)", "削除", "名称", "名称カナ", "住所", "緯度", "経度", "電話番号", "自治体名", "コード", "避難場所",
    "避難所", "施設種別呼称", "洪水", "崖崩れ、土石流及び地滑り", "高潮", "地震", "津波", "火事", "内水氾濫", "火山",
    "想定収容人数", "備蓄品", "URL", "備考",
]  # fmt: skip
KUNREN: list[dict[str, object]] = [
    {
        "ID (v2.0)": "1320190001", "名称": "【訓練】訓練公園", "住所": "東京都八王子市訓練町1-1", "緯度": 35.667613,
        "経度": 139.314149, "自治体名": "八王子市", "コード": "13201", "避難場所": "true", "避難所": "false",
        "洪水": "0", "崖崩れ、土石流及び地滑り": "0", "高潮": "9", "地震": 1, "津波": "9", "火事": "9",
        "内水氾濫": "0", "火山": None, "備考": "【訓練】広域避難場所", "備蓄品": "訓練用毛布",
    },
    {
        "ID (v2.0)": "1320190002", "名称": "【訓練】訓練小学校", "住所": "東京都八王子市訓練町2-2",
        "緯度": 35.65, "経度": 139.32, "自治体名": "八王子市", "コード": 13201, "避難場所": "true", "避難所": "true",
        "洪水": 1, "崖崩れ、土石流及び地滑り": 1, "高潮": "9", "地震": 1, "津波": "9", "火事": "9", "内水氾濫": 1,
        "火山": "9", "想定収容人数": "837000",
    },
    {
        "ID (v2.0)": "1320190003", "削除": "true", "名称": "【訓練】廃止された会館", "住所": "東京都八王子市訓練町3",
        "緯度": 35.64, "経度": 139.33, "自治体名": "八王子市", "コード": "13201", "避難場所": "false",
        "避難所": "false", "洪水": "2",
    },
]  # fmt: skip


def book(rows: Sequence[dict[str, object]], header: Sequence[str] = HEADER) -> bytes:
    """A workbook with the form's explanations and the rows."""
    made = openpyxl.Workbook()
    first = made.active
    assert first is not None
    first.title = "フォーマットの仕様について"
    first.append(["", "フィールド名", "必須", "データ型", "データ例", "備考"])
    first.append(["", "名称", "○", "文字列", "大阪城公園", ""])
    second = made.create_sheet("投入データ")
    second.append(list(header))
    for row in rows:
        second.append([row.get(name) for name in header])
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()
