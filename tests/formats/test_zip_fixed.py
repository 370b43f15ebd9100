"""A zip file without the clock of its writer."""

from __future__ import annotations

import io
import zipfile

import pytest

from bousai.formats.zip_fixed import fixed


def written(names: list[str], year: int) -> bytes:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        for name in names:
            archive.writestr(zipfile.ZipInfo(name, (year, 2, 3, 4, 5, 6)), f"【訓練】{name}")
    return body.getvalue()


def test_order_and_clock_do_not_count() -> None:
    one = fixed(written(["b.xml", "a.xml", "[Content_Types].xml"], 2026))
    assert one == fixed(written(["[Content_Types].xml", "a.xml", "b.xml"], 2030))
    with zipfile.ZipFile(io.BytesIO(one)) as archive:
        assert archive.namelist() == ["[Content_Types].xml", "a.xml", "b.xml"]
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert archive.read("a.xml").decode() == "【訓練】a.xml"


def test_members_get_other_bytes() -> None:
    with zipfile.ZipFile(io.BytesIO(fixed(written(["a.xml"], 2026), {"a.xml": b"1", "c.xml": b"2"}))) as archive:
        assert (archive.read("a.xml"), archive.read("c.xml")) == (b"1", b"2")


def test_no_zip_file() -> None:
    with pytest.raises(zipfile.BadZipFile):
        fixed(b"no")
