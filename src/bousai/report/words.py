"""People's words: what only they can say, kept in a YAML file that no rebuild touches."""

from __future__ import annotations

from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from bousai.errors import UsageError
from bousai.model import Incident


class Step(BaseModel):
    """One row of the improvement plan (改善計画). `owner` is a post or an office, not a person."""

    model_config = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True)

    issue: str
    cause: str = ""
    action: str = ""
    owner: str = ""
    due: str = ""


class Words(BaseModel):
    """Texts by place; '' where nobody has written anything. `final`: the report is no draft any more."""

    model_config = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True)

    final: bool = False
    summary: str = ""
    aims: str = ""
    good: str = ""
    problems: str = ""
    causes: str = ""
    lessons: str = ""
    plan: tuple[Step, ...] = ()


PROMPTS = {
    "summary": ("要約（担当者の記入）", "何が起き、何をし、何が分かったか。三つまで。"),
    "aims": ("検証の目的と方法（担当者の記入）", "誰が、何のために、誰に聞いて検証したか。"),
    "good": ("良かった点", "効果のあった取組と、それを支えたもの。"),
    "problems": ("課題", "うまくいかなかったこと。いつ、どこで、誰に影響したか。"),
    "causes": ("原因", "課題ごとに、なぜそうなったか。"),
    "lessons": ("共有すべき教訓", "他の自治体・機関に伝えたいこと。国・県への要望。"),
}
"""Place → its title and what is asked for."""


def empty_words(incident: Incident) -> str:
    """The file for an incident as it is before anybody has written: YAML, UTF-8."""
    lines = [
        f"# {incident.title_ja}: 報告書に入る人の言葉。作り直しても上書きされない。個人の名前は書かない。",
        "# 書き終えたら final: true にすると「草案」の表示が消える。",
        "final: false",
    ]
    for name, (title, prompt) in PROMPTS.items():
        lines += [f"# {title}: {prompt}", f"{name}: |", ""]
    lines += [
        "# 改善計画（担当は部署・役職、期限は日付）",
        "# - {issue: 課題, cause: 原因, action: 改善策, owner: 担当課, due: 2027-03-31}",
    ]
    return "\n".join([*lines, "plan: []", ""])


def read_words(text: str, name: str) -> Words:
    """Raises `UsageError` that names the file and the key."""
    try:
        # every scalar as it is written: a date stays what people wrote
        found: Any = yaml.load(text, Loader=yaml.BaseLoader) or {}  # noqa: S506 - makes nothing but texts
        if not isinstance(found, dict):
            raise UsageError(f"{name}: not a mapping of places to texts", remedy="see the comments in a new file")
        return Words.model_validate(found | {"plan": found.get("plan") or []})
    except yaml.YAMLError as error:
        raise UsageError(
            f"{name}: not YAML: {' '.join(str(error).split())}", remedy="see the line it names"
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UsageError(
            f"{name}: {where}: {first['msg']}", remedy=f"keys: final, plan, {', '.join(PROMPTS)}"
        ) from error
