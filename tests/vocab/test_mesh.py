"""地域メッシュコード: every level, both ways, against JIS X 0410's own numbers and against jismesh."""

from __future__ import annotations

import doctest

import jismesh.utils
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bousai.vocab import mesh
from bousai.vocab.mesh import LEVELS

PEER = {
    "80km": 1,
    "10km": 2,
    "5km": 5000,
    "2km": 2000,
    "1km": 3,
    "500m": 4,
    "250m": 5,
    "125m": 6,
}
"""The levels as jismesh calls them."""

LEVEL = st.sampled_from(list(LEVELS))
LON = st.floats(122, 153.999, exclude_max=True)
LAT = st.floats(20, 45.999, exclude_max=True)


def test_module_examples() -> None:
    result = doctest.testmod(mesh)
    assert result.attempted >= 6
    assert not result.failed


@pytest.mark.parametrize(
    ("code", "level", "west", "south", "east", "north"),
    [
        ("5339", "80km", 139.0, 35.333333, 140.0, 36.0),
        ("533946", "10km", 139.75, 35.666667, 139.875, 35.75),
        ("5339464", "5km", 139.8125, 35.708333, 139.875, 35.75),
        ("533946225", "2km", 139.775, 35.683333, 139.8, 35.7),
        ("53394611", "1km", 139.7625, 35.675, 139.775, 35.683333),
        ("533946113", "500m", 139.7625, 35.679167, 139.76875, 35.683333),
        ("5339461132", "250m", 139.765625, 35.679167, 139.76875, 35.68125),
        ("53394611324", "125m", 139.767188, 35.680208, 139.76875, 35.68125),
    ],
)
def test_the_squares_about_tokyo_station(
    code: str, level: str, west: float, south: float, east: float, north: float
) -> None:
    """By hand: 53 / 1.5 = 35°20′, 8ths of 40′ and 1°, then 5′ and 7′30″ in ten, and halves of 30″ and 45″."""
    assert mesh.level(code) == level
    assert mesh.bounds([code]).tolist() == [[west, south, east, north]]


@given(LEVEL, LON, LAT)
def test_the_code_of_a_point_is_that_of_jismesh(level: str, lon: float, lat: float) -> None:
    # jismesh reckons in degrees: close to a side, the last bit decides there.
    x, y = (lon - 100) * 640, lat * 960
    if min(abs(x - round(x)), abs(y - round(y))) < 1e-6:
        return
    (code,) = mesh.codes_at([lon], [lat], level).tolist()
    assert code == str(jismesh.utils.to_meshcode(lat, lon, PEER[level]))
    assert jismesh.utils.to_meshlevel(code) == PEER[level]
    west, south, east, north = mesh.bounds([code])[0].tolist()
    assert jismesh.utils.to_meshpoint(code, 0, 0) == pytest.approx((south, west), abs=6e-7)
    assert jismesh.utils.to_meshpoint(code, 1, 1) == pytest.approx((north, east), abs=6e-7)


@given(LEVEL, LON, LAT)
def test_a_point_lies_in_its_square_and_the_middle_of_a_square_has_its_code(
    level: str, lon: float, lat: float
) -> None:
    codes = mesh.codes_at([lon], [lat], level)
    assert mesh.levels(codes).tolist() == [level]
    assert len(codes[0]) == LEVELS[level].digits
    west, south, east, north = mesh.bounds(codes)[0].tolist()
    assert west - 1e-6 <= lon <= east + 1e-6
    assert south - 1e-6 <= lat <= north + 1e-6
    x, y = mesh.centres(codes)
    assert mesh.codes_at(x, y, level).tolist() == codes.tolist()


@given(st.integers(30 * 640, 69 * 640 - 1), st.integers(22 * 640, 54 * 640 - 1), LEVEL)
def test_the_south_west_corner_belongs_to_its_square(y: int, x: int, level: str) -> None:
    steps = LEVELS[level].steps
    corner = (100 + x // steps * steps / 640, y // steps * steps / 960)
    (code,) = mesh.codes_at([corner[0]], [corner[1]], level).tolist()
    west, south, _, _ = mesh.bounds([code])[0].tolist()
    assert (west, south) == pytest.approx(corner, abs=6e-7)


@given(LEVEL, LEVEL, LON, LAT)
def test_a_square_lies_in_its_parent(fine: str, coarse: str, lon: float, lat: float) -> None:
    codes = mesh.codes_at([lon], [lat], fine)
    if LEVELS[coarse].steps % LEVELS[fine].steps:
        with pytest.raises(ValueError, match="no single square"):
            mesh.parents(codes, coarse)
        return
    assert mesh.parents(codes, coarse).tolist() == mesh.codes_at([lon], [lat], coarse).tolist()


@pytest.mark.parametrize("level", [name for name, level in LEVELS.items() if level.steps <= 80])
def test_the_squares_of_a_level_tile_a_10_km_square(level: str) -> None:
    """No gap, no overlap: as many as there are, and each one's area adds up to the whole."""
    n = 80 // LEVELS[level].steps
    step = np.arange(n) + 0.5
    x, y = np.meshgrid(139.75 + step * 0.125 / n, 35 + 40 / 60 + step / 12 / n)
    codes = mesh.codes_at(x.ravel(), y.ravel(), level)
    assert len(set(codes.tolist())) == n * n
    assert set(mesh.parents(codes, "10km").tolist()) == {"533946"}
    box = mesh.bounds(codes)
    assert ((box[:, 2] - box[:, 0]) * (box[:, 3] - box[:, 1])).sum() == pytest.approx(0.125 / 12, rel=1e-4)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "533",
        "53394",
        "533986",  # 8 of 0–7
        "533968",
        "5339460",  # quarters are 1–4
        "5339465",
        "53396811",
        "533946110",
        "533946115",  # 2 km squares begin at even places
        "533946006",
        "5339461105",
        "5339461150",
        "53394611325",
        "533946113243",
        "5339461132431",
        "2939",  # south and north, west and east of Japan
        "6939",
        "5321",
        "5354",
        "5339.0",
        "53394611 ",
        "+5339461",
        "５３３９",
        "5339 611",
        "5.33946E+08",
        "5339461ⅱ",
    ],
)
def test_what_is_no_code(text: str) -> None:
    assert mesh.levels([text]).tolist() == [""]
    with pytest.raises(ValueError, match="メッシュコード"):
        mesh.level(text)
    with pytest.raises(ValueError, match="メッシュコード"):
        mesh.bounds(["5339", text])


@given(st.text(alphabet="0123456789", max_size=12))
def test_whatever_is_a_code_is_the_code_of_its_middle(text: str) -> None:
    (level,) = mesh.levels([text]).tolist()
    if level:
        assert mesh.codes_at(*mesh.centres([text]), level).tolist() == [text]


@given(st.text(max_size=13))
def test_any_text_has_an_answer(text: str) -> None:
    assert mesh.levels([text.replace("\0", "")])[0] in ("", *LEVELS)


def test_no_place_has_a_code_outside_japan() -> None:
    x = [0.0, 121.99, 154.0, 139.0, 139.0, float("nan"), float("inf")]
    y = [0.0, 35.0, 35.0, 19.99, 46.0, 35.0, 35.0]
    assert mesh.codes_at(x, y, "1km").tolist() == [""] * 7
    assert mesh.codes_at([], [], "1km").tolist() == []
    assert mesh.bounds([]).shape == (0, 4)


def test_a_level_that_is_none() -> None:
    with pytest.raises(ValueError, match="no level '100m'"):
        mesh.codes_at([139.0], [35.5], "100m")
