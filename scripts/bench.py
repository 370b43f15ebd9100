"""``make bench``: run every benchmarks/bench_*.py and print one table of ratios.

Each benchmark measures ours and a named peer in one run and, with ``--json``, ends with one line of JSON whose
``ratios`` maps a label to a number. The bound stands in the label: ``… (at most 1.5)`` or ``… (at least 3)``.
Exit code 1 when a benchmark fails or a bound is missed: ratios of one run do not depend on the machine much.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]


def met(label: str, ratio: float) -> str:
    """``yes``, ``no``, or nothing where the label has no bound."""
    bound = re.search(r"\(at (most|least) ([\d.]+)\)", label)
    if bound is None:
        return ""
    limit = float(bound[2])
    return "yes" if (ratio <= limit if bound[1] == "most" else ratio >= limit) else "no"


def measure(path: Path) -> dict[str, float] | None:
    """The ratios of one benchmark, or None if it failed; its errors go to the terminal."""
    environment = {**os.environ, "PYTHONPATH": str(PROJECT / "scripts")}
    command = [sys.executable, str(path), "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=environment, check=False)
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        return None
    ratios: dict[str, float] = json.loads(lines[-1])["ratios"]
    return ratios


def main() -> int:
    rows: list[tuple[str, str, str, str]] = []
    for path in sorted(PROJECT.glob("benchmarks/bench_*.py")):
        name = path.stem.removeprefix("bench_")
        began = time.monotonic()
        ratios = measure(path)
        print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr)
        if ratios is None:
            rows.append((name, "failed, see above", "", "no"))
            continue
        rows += [(name, label, f"{ratio:.2f}", met(label, ratio)) for label, ratio in ratios.items()]
    head = ("benchmark", "ratio", "value", "met")
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(4)]
    for row in [head, *rows]:
        print(f"{row[0]:{widths[0]}}  {row[1]:{widths[1]}}  {row[2]:>{widths[2]}}  {row[3]}".rstrip())
    return 1 if any(row[3] == "no" for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
