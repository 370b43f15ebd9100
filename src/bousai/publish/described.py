"""What a file says of itself in words: what it shows, whose it is, how old."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bousai.model import Layer


def description(layer: Layer, members: Mapping[str, Any]) -> str:
    """Description, credit and licence lines, times and the state of the sources, a line each, in Japanese.

    An exercise says so in the first line.
    """
    mark = {
        "actual": [],
        "exercise": ["【訓練】実際の災害ではありません。"],
        "test": ["【試験】実際の災害ではありません。"],
    }
    licences = [f"{one['name']} {one['url']}".strip() for one in members["bousai:licences"]]
    return "\n".join(
        [
            *mark[members["bousai:status"]],
            layer.description_ja,
            *dict.fromkeys(members["bousai:credits"]),
            *(f"利用条件：{one}" for one in dict.fromkeys(licences)),
            f"時点：{members['bousai:valid_at']}　公開：{members['timeStamp']}",
            *(_state(one) for one in members["bousai:freshness"] if one["state"] != "ok"),
        ]
    )


def _state(source: Mapping[str, Any]) -> str:
    words = {
        "late": "更新が遅れています",
        "dead": "応答がありません",
        "held": "新しい内容を確認中のため、前の内容を表示しています",
        "paused": "取得を止めています",
    }
    last = source.get("last_content_at")
    since = f"（最後の内容：{last}）" if last else ""
    return f"注意：{source['feed']} は{words.get(source['state'], source['state'])}{since}"
