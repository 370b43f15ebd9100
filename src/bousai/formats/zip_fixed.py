"""A zip file without the clock and the order of whoever wrote it: the same members, the same bytes.

Word and Excel files are zip files; their writers stamp each member with the time of day.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

_FIRST = "[Content_Types].xml"
_UNIX = 3


def fixed(content: bytes, instead: Mapping[str, bytes] | None = None) -> bytes:
    """The zip file `content` with every member dated 1980-01-01, in the order of their names and readable by all.

    ``[Content_Types].xml`` comes first, as Word and Excel write it. `instead` gives members other bytes; one that
    was not there is added. Raises ``zipfile.BadZipFile`` where `content` is no zip file.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as source:
        members = {info.filename: source.read(info) for info in source.infolist()}
    members.update(instead or {})
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as target:
        for name in sorted(members, key=lambda name: (name != _FIRST, name)):
            member = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            member.compress_type = zipfile.ZIP_DEFLATED
            member.create_system = _UNIX
            member.external_attr = 0o644 << 16
            target.writestr(member, members[name])
    return body.getvalue()
