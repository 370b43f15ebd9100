"""A prefecture's flood zones of a gigabyte (invented, 訓練), as Shapefile and as GML: seconds and peak memory.

Each is archived, parsed, normalised and stored by ``bousai ingest`` in a process of its own, whose peak of resident
memory (VmHWM) the kernel tells. Then the same again, which must write nothing. ``--make FILE`` only writes one.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import struct
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from measure import show, timed

NAME = "A31a-20-24_14_10"
HEAD = "\n".join(
    (
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<ksj:Dataset gml:id="KUNREN" xmlns:ksj="http://nlftp.mlit.go.jp/ksj/schemas/ksj-app"',
        ' xmlns:gml="http://schemas.opengis.net/gml/3.2.1" xmlns:xlink="http://www.w3.org/1999/xlink">',
        "<gml:description>訓練</gml:description>",
        '<gml:boundedBy><gml:EnvelopeWithTimePeriod srsName="JGD2011 / (B, L)"/></gml:boundedBy>\n',
    )
)
FIELDS = (("01", 10), ("02", 20), ("04", 20), ("05", 2), ("06", 10), ("07", 20), ("08", 40))


def rings(points: int) -> Iterator[npt.NDArray[np.float64]]:
    """Closed rings that turn clockwise, most of them small and a few very large, until they have so many points."""
    random = np.random.default_rng(20260101)
    while points > 0:
        count = int(min(max(4, random.lognormal(4.5, 1.3)), 60_000))
        angle = np.linspace(0, -2 * np.pi, count, endpoint=False)
        radius = 0.002 + 0.001 * random.random(count)
        x, y = random.uniform(139.0, 139.7), random.uniform(35.2, 35.6)
        ring = np.round(np.column_stack([x + radius * np.cos(angle), y + radius * np.sin(angle)]), 8)
        points -= count + 1
        yield np.vstack([ring, ring[:1]])


def attributes(n: int) -> dict[str, str]:
    """What is said of zone `n`."""
    return {
        "01": f"14000{n % 90 + 1:05d}",
        "02": f"訓練川{n % 90}",
        "04": "訓練県",
        "05": str(n % 6 + 1),
        "06": "2026/11/05",
        "07": f"訓練告示第{n % 40}号",
        "08": "訓練 24時間総雨量567mm",
    }


def write_shapefile(path: Path, points: int, *, hole_every: int = 0) -> int:
    """A ZIP with the three parts and .prj, CP932; returns how many zones it has. Every so many zones have a hole."""
    shp, shx, dbf = (tempfile.TemporaryFile() for _ in range(3))  # noqa: SIM115
    with shp, shx, dbf:
        shp.write(bytes(100))
        shx.write(bytes(100))
        count, at = 0, 50
        for ring in rings(points):
            parts = [ring]
            if hole_every and count % hole_every == 0:
                middle = ring[:-1].mean(axis=0)
                parts.append(np.round(middle + (ring[::-1] - middle) * 0.5, 8))
            whole = np.vstack(parts)
            starts = np.cumsum([0, *(len(part) for part in parts[:-1])]).astype("<i4").tobytes()
            box = [*whole.min(axis=0), *whole.max(axis=0)]
            content = struct.pack("<I4dII", 5, *box, len(parts), len(whole)) + starts + whole.astype("<f8").tobytes()
            shp.write(struct.pack(">II", count + 1, len(content) // 2) + content)
            shx.write(struct.pack(">II", at, len(content) // 2))
            at += 4 + len(content) // 2
            row = attributes(count)
            dbf.write(b" " + b"".join(row[key].encode("cp932")[:size].ljust(size) for key, size in FIELDS))
            count += 1
        for file, size in ((shp, at), (shx, 50 + 4 * count)):
            file.seek(0)
            file.write(struct.pack(">I20xI", 9994, size) + struct.pack("<II8d", 1000, 5, *([0.0] * 8)))
        head = struct.pack("<BBBBIHH20x", 3, 126, 11, 5, count, 33 + 32 * len(FIELDS), 1 + sum(s for _, s in FIELDS))
        for key, size in FIELDS:
            head += f"A31a_2{key}".encode().ljust(11, b"\0") + b"C" + bytes(4) + bytes([size, 0]) + bytes(14)
        with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
            for suffix, file in ((".shp", shp), (".shx", shx), (".dbf", dbf)):
                file.seek(0)
                with archive.open(NAME + suffix, "w", force_zip64=True) as member:
                    if suffix == ".dbf":
                        member.write(head + b"\r")
                    while chunk := file.read(1 << 20):
                        member.write(chunk)
            archive.writestr(f"{NAME}.prj", 'GEOGCS["GCS_JGD_2011",DATUM["D_JGD_2011"]]')
    return count


def write_gml(path: Path, points: int) -> int:
    """The same zones (without holes) as GML in three steps: all curves, all surfaces, all features."""
    count = 0
    with path.open("w", encoding="utf-8") as file:
        file.write(HEAD)
        for count, ring in enumerate(rings(points), start=1):
            text = io.StringIO()
            np.savetxt(text, ring[:, ::-1], fmt="%.8f")
            file.write(
                f'<gml:Curve gml:id="cv{count}_0"><gml:segments><gml:LineStringSegment><gml:posList>\n'
                f"{text.getvalue()}"
                "</gml:posList></gml:LineStringSegment></gml:segments></gml:Curve>\n"
            )
        for n in range(1, count + 1):
            file.write(
                f'<gml:Surface gml:id="sf{n}"><gml:patches><gml:PolygonPatch><gml:exterior><gml:Ring>'
                f'<gml:curveMember xlink:href="#_cv{n}_0"/></gml:Ring></gml:exterior></gml:PolygonPatch>'
                "</gml:patches></gml:Surface>\n"
            )
        for n in range(count):
            said = attributes(n)
            file.write(
                f'<ksj:MaximumScale gml:id="id{n}"><ksj:bounds xlink:href="#sf{n + 1}"/>'
                f"<ksj:riverNumber>{said['01']}</ksj:riverNumber><ksj:riverName>{said['02']}</ksj:riverName>"
                f"<ksj:riverManager>{said['04']}</ksj:riverManager><ksj:waterDepth>{said['05']}</ksj:waterDepth>"
                "</ksj:MaximumScale>\n"
            )
        file.write("</ksj:Dataset>\n")
    return count


_CHILD = """
import resource, sys
from bousai import cli
code = cli.main(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
sys.exit(code)
"""


def ingest(folder: Path, *arguments: str) -> tuple[float, int, list[dict[str, object]]]:
    """Seconds, peak resident memory in MB and the lines of ``bousai <arguments>`` in a process of its own."""
    env = {**os.environ, "BOUSAI_DATA": str(folder / "var"), "TMPDIR": str(folder)}
    done: list[subprocess.CompletedProcess[str]] = []

    def run() -> None:
        done.append(
            subprocess.run(
                [sys.executable, "-c", _CHILD, *arguments], env=env, capture_output=True, text=True, check=False
            )
        )

    seconds = timed(run)
    if done[0].returncode:
        raise RuntimeError(done[0].stderr)
    lines = [json.loads(line) for line in done[0].stdout.splitlines()]
    return seconds, int(done[0].stderr.split()[-1]) // 1024, lines


def main() -> None:
    """Write both, load both, print seconds and peaks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=1024)
    parser.add_argument("--make", type=Path, metavar="FILE", help="write one (.zip or .xml) and stop")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    size = options.megabytes * 1024 * 1024
    ways = {".zip": (write_shapefile, size // 16), ".xml": (write_gml, size // 24)}
    if options.make is not None:
        write, points = ways[options.make.suffix]
        print(write(options.make, points))
        return
    seconds: dict[str, list[float]] = {}
    peaks: dict[str, float] = {}
    for suffix, (write, points) in ways.items():
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            zones = write(folder / f"{NAME}{suffix}", points)
            ingest(folder, "prepare")
            for label in ("first", "again"):
                arguments = ("ingest", "--status", "exercise", "ksj_flood", str(folder / f"{NAME}{suffix}"))
                took, peak, lines = ingest(folder, *arguments)
                assert lines[0]["opened" if label == "first" else "unchanged"] == zones, lines
                seconds[f"{suffix} {label}"] = [took]
                peaks[f"peak of {suffix} {label} in MB (below 2048)"] = float(peak)
    show(seconds, peaks, as_json=options.json)


if __name__ == "__main__":
    main()
