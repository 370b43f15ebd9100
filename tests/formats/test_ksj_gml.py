"""GML of 国土数値情報: three steps by reference, in any order, of any length, and what nobody should open."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely

from bousai.errors import ParseError
from bousai.formats import ksj, ksj_gml

OPEN = (
    '<?xml version="1.0" encoding="UTF-8"?><ksj:Dataset xmlns:ksj="http://nlftp.mlit.go.jp/ksj/schemas/ksj-app"'
    ' xmlns:gml="http://schemas.opengis.net/gml/3.2.1" xmlns:xlink="http://www.w3.org/1999/xlink">'
)
SQUARE = "35 139 36 139 36 140 35 140 35 139"
HOLE = "35.2 139.2 35.2 139.4 35.4 139.4 35.4 139.2 35.2 139.2"
POLYGON = shapely.box(139, 35, 140, 36)
WITH_HOLE = POLYGON.difference(shapely.box(139.2, 35.2, 139.4, 35.4))


def curve(name: str, places: str = SQUARE) -> str:
    return (
        f'<gml:Curve gml:id="{name}"><gml:segments><gml:LineStringSegment><gml:posList>{places}</gml:posList>'
        "</gml:LineStringSegment></gml:segments></gml:Curve>"
    )


def ring(*curves: str) -> str:
    return "<gml:Ring>" + "".join(f'<gml:curveMember xlink:href="#{one}"/>' for one in curves) + "</gml:Ring>"


def surface(name: str, outer: str, *inner: str) -> str:
    holes = "".join(f"<gml:interior>{one}</gml:interior>" for one in inner)
    return (
        f'<gml:Surface gml:id="{name}"><gml:patches><gml:PolygonPatch><gml:exterior>{outer}</gml:exterior>{holes}'
        "</gml:PolygonPatch></gml:patches></gml:Surface>"
    )


def feature(place: str, kind: str = "Zone", **attributes: str) -> str:
    said = "".join(f"<ksj:{name}>{value}</ksj:{name}>" for name, value in attributes.items())
    return f'<ksj:{kind} gml:id="f"><ksj:bounds xlink:href="#{place}"/>{said}</ksj:{kind}>'


def document(*elements: str) -> bytes:
    return (OPEN + "".join(elements) + "</ksj:Dataset>").encode()


def read(body: bytes) -> list[ksj_gml.Block]:
    return list(ksj_gml.blocks("x.xml", io.BytesIO(body), ksj_gml.Header()))


def shapes(body: bytes) -> list[Any]:
    return [None if one is None else shapely.from_wkb(one) for block in read(body) for one in block.geometry]


def code_of(body: bytes) -> str:
    with pytest.raises(ParseError) as caught:
        read(body)
    assert caught.value.remedy
    assert len(caught.value.cause) < 300
    return caught.value.code


def test_latitude_stands_first_and_holes_are_holes() -> None:
    body = document(
        curve("c"), curve("h", HOLE), surface("s", ring("c"), ring("h")), feature("s", a="1", b=" 訓練 ", e="")
    )
    (block,) = read(body)
    assert block.columns == {"a": ["1"], "b": ["訓練"], "e": [None]}
    assert (block.element, block.first, block.unreadable) == ("Zone", 0, [])
    assert shapely.from_wkb(block.geometry[0]).equals(WITH_HOLE)


ELEMENTS = [curve("c"), curve("h", HOLE), surface("s", ring("_c"), ring("h")), feature("s", a="1")]


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1), (2, 3, 0, 1)])
def test_the_order_of_elements_does_not_matter(order: tuple[int, ...]) -> None:
    """Nor that the reference has an underline which the id has not."""
    (found,) = shapes(document(*(ELEMENTS[n] for n in order)))
    assert found is not None
    assert found.equals(WITH_HOLE)


def test_a_ring_of_several_curves_some_backwards() -> None:
    halves = curve("a", "35 139 36 139 36 140"), curve("b", "35 139 35 140 36 140")
    turned = '<gml:OrientableCurve gml:id="r" orientation="-"><gml:baseCurve xlink:href="#b"/></gml:OrientableCurve>'
    (found,) = shapes(document(*halves, turned, surface("s", ring("a", "r")), feature("s")))
    assert found.equals(POLYGON)


def test_other_geometries() -> None:
    point = '<gml:Point gml:id="p"><gml:pos>35.5 139.5</gml:pos></gml:Point>'
    group = (
        '<gml:MultiSurface gml:id="m"><gml:surfaceMember xlink:href="#s"/><gml:surfaceMember xlink:href="#s2"/>'
        "</gml:MultiSurface>"
    )
    line = f"<gml:LinearRing><gml:posList>{SQUARE}</gml:posList></gml:LinearRing>"
    inline = f"<ksj:Zone><ksj:area>{surface('q', line)}</ksj:area></ksj:Zone>"
    found = shapes(
        document(
            curve("c"),
            curve("d", "35 141 36 141 36 142 35 142 35 141"),
            surface("s", ring("c")),
            surface("s2", ring("d")),
            point,
            group,
            feature("c", "Line"),
            feature("p", "Point"),
            feature("m", "Many"),
            inline,
        )
    )
    assert [shape.geom_type for shape in found] == ["LineString", "Point", "MultiPolygon", "Polygon"]
    assert (found[1].x, found[1].y) == (139.5, 35.5)
    assert found[2].area == pytest.approx(2)
    assert found[3].equals(POLYGON)


@pytest.mark.parametrize(
    "elements",
    [
        [feature("nowhere")],
        [surface("s", ring("nowhere")), feature("s")],
        [curve("c", "35 139 36"), surface("s", ring("c")), feature("s")],
        [curve("c", "35 139 x y"), surface("s", ring("c")), feature("s")],
        [curve("c"), surface("s", ring("c"), ring("nowhere")), feature("s")],  # half an area is a wrong area
        ["<ksj:Zone><ksj:a>1</ksj:a></ksj:Zone>"],
    ],
)
def test_a_geometry_that_cannot_be_had_is_named(elements: list[str]) -> None:
    (block,) = read(document(*elements))
    assert (block.geometry, block.unreadable) == ([None], [0])


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "empty"),
        (b"  ", "empty"),
        (b"PK", "not_xml"),
        (b"<html><body>", "not_xml"),
        (document(*ELEMENTS)[:-30], "not_xml"),
        (document(curve("c")), "not_ksj_gml"),
        (b"<a><b/></a>", "not_ksj_gml"),
        (b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]>' + document(*ELEMENTS)[38:], "doctype"),
        (b'<?xml version="1.0"?><!--' + b" " * 100_000 + b"--><!DOCTYPE x>" + document(*ELEMENTS)[38:], "not_xml"),
    ],
)
def test_refused(body: bytes, code: str) -> None:
    assert code_of(body) == code


def test_entities_and_files_of_this_machine_stay_closed(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    include = f'<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="{secret}" parse="text"/>'
    body = document(*ELEMENTS).replace(b"<ksj:a>1<", f"<ksj:a>{include}<".encode())
    assert "secret" not in repr(read(body))


def test_one_line_of_twenty_megabytes_is_read() -> None:
    """libxml2 ends a text at 10 MB unless it is told otherwise."""
    angle = np.linspace(0, 2 * np.pi, 700_000, endpoint=False)
    places = np.column_stack([35.5 + 0.1 * np.sin(angle), 139.5 + 0.1 * np.cos(angle)])
    text = " ".join(f"{y:.9f} {x:.9f}" for y, x in places.tolist())
    assert len(text) > 15_000_000
    (found,) = shapes(document(curve("c", text), surface("s", ring("c")), feature("s")))
    assert len(found.exterior.coords) == 700_001


def test_blocks_are_cut_by_number_and_by_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ksj_gml, "_ROWS", 2)
    zones = [feature("s", "A", n=str(n)) for n in range(3)] + [feature("s", "B", n=str(n)) for n in range(2)]
    found = read(document(curve("c"), surface("s", ring("c")), *zones))
    assert [(block.first, block.element, block.columns["n"]) for block in found] == [
        (0, "A", ["0", "1"]),
        (2, "A", ["2"]),
        (3, "B", ["0", "1"]),
    ]


def test_the_real_delivery_says_the_same_in_gml_and_in_its_shapefile(realdata: Path) -> None:
    body = (realdata / "ksj/A30a5-11_4939-jgd_GML.zip").read_bytes()
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        gml = archive.read("A30a5-11_4939.xml")
    (block,) = read(gml)
    shape = ksj.read(body, "A30")
    assert shapely.from_wkb(block.geometry[0]).equals(shapely.from_wkb(shape.geometry[0]))
    assert block.columns["cityName"] == shape.columns["A30a5_002"] == ["八丈町"]
    assert block.columns["hazardDate"] == shape.columns["A30a5_003"]


@pytest.mark.parametrize(
    ("system", "expected"),
    [
        ("JGD2011 / (B, L)", (139.5, 35.5)),
        ("JGD2000 / (B, L)", (139.5, 35.5)),
        (None, (139.5, 35.5)),
        ("TD / (B, L)", (139.49676, 35.50325)),
    ],
)
def test_the_named_system_is_heeded(system: str | None, expected: tuple[float, float]) -> None:
    place = '<gml:Point gml:id="p"><gml:pos>35.5 139.5</gml:pos></gml:Point>'
    said = "" if system is None else f'<gml:boundedBy><gml:Envelope srsName="{system}"/></gml:boundedBy>'
    with ksj.opened(io.BytesIO(document(said, place, feature("p"))), "x") as delivery:
        (block,) = delivery.layers[0].blocks()
        notices = delivery.layers[0].notices
    found = shapely.from_wkb(block.geometry[0])
    assert (found.x, found.y) == pytest.approx(expected, abs=2e-4)
    assert bool(notices) == (system == "TD / (B, L)")


def test_plane_coordinates_are_converted_and_others_refused() -> None:
    place = '<gml:Point gml:id="p"><gml:pos>-45000 60000</gml:pos></gml:Point>'

    def opened(system: str) -> Any:
        said = f'<gml:boundedBy><gml:Envelope srsName="{system}"/></gml:boundedBy>'
        with ksj.opened(io.BytesIO(document(said, place, feature("p"))), "x") as delivery:
            (block,) = delivery.layers[0].blocks()
            return shapely.from_wkb(block.geometry[0])

    found = opened("JGD2011 / 9 (X, Y)")
    # zone IX begins at 36°N 139°50′E; X points north: 45 km south and 60 km east of it
    assert found.y == pytest.approx(36 - 45 / 110.9, abs=0.01)
    assert found.x == pytest.approx(139 + 50 / 60 + 60 / 90.3, abs=0.01)
    with pytest.raises(ParseError, match="cannot be converted"):
        opened("local grid")
