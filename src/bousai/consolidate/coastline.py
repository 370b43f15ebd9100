"""Which municipalities have no coast, by their areas: those whose whole outline is shared with others.

In 国土数値情報 N03 neighbours have the same points along their border, so that a stretch of outline that only one
municipality has is a coast, or the border to one that is not loaded, or of a lagoon or land that belongs to no
municipality yet. All of these count as a coast, and so does a border whose points are not the same: a municipality is
taken to have none only where nothing else is possible. `vocab.tsunami_coast` has what is known without any map.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import shapely

from bousai.vocab.municipality import wards


def inland(areas: Mapping[str, bytes]) -> frozenset[str]:
    """The codes of the municipalities without a coast, of `areas` (5-digit code → WKB of a polygon).

    A designated city has none where all of its wards that are there have none.
    """
    codes = np.array(sorted(areas))
    if not len(codes):
        return frozenset()
    polygons, whose = shapely.get_parts(
        shapely.from_wkb(np.array([areas[code] for code in codes.tolist()], dtype=object)), return_index=True
    )
    rings, of_polygon = shapely.get_rings(polygons, return_index=True)
    points, of_ring = shapely.get_coordinates(rings, return_index=True)
    joined = of_ring[:-1] == of_ring[1:]
    # The sum of its ends is the same in whichever direction a piece of outline is walked.
    pieces = (points[:-1] + points[1:])[joined]
    owner = whose[of_polygon[of_ring[:-1][joined]]]
    _, which, times = np.unique(pieces[:, 0] + 1j * pieces[:, 1], return_inverse=True, return_counts=True)
    coastal = np.zeros(len(codes), dtype=bool)
    coastal[owner[times[which] == 1]] = True
    drawn = np.zeros(len(codes), dtype=bool)
    drawn[owner] = True
    found = set(codes[drawn & ~coastal].tolist())
    cities = {
        city for city, parts in wards().items() if (here := [p for p in parts if p in areas]) and found >= {*here}
    }
    return frozenset(found | cities)
