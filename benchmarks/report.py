"""Make docs/benchmarks.md of the results that are kept in benchmarks/results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import goals
from measure import RESULTS, ROOT, Table

_HEAD: Final = """# Figures

Every figure that this project claims, and the command that gives it. This page is made of
`benchmarks/results` by `python benchmarks/report.py`; a benchmark keeps its result with
`--json benchmarks/results/NAME.json`, and `make bench` runs all that need no GPU. Absolute
times are one machine's: compare the ratios. Date, machine and versions stand under each table.

## Goals

On two cores without a GPU.
"""


def main(folder: Path = RESULTS) -> None:
    """Write the page of the results in a folder; of another one beside them."""
    results = {
        path.stem: json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(folder.glob("*.json"))
    }
    head = f"{_HEAD}\n{goals.table(results).markdown()}\n"
    if "gpu" not in results:
        head += (
            "\n## A GPU at work\n\n`python benchmarks/gpu.py` was not run: no GPU was at hand.\n"
        )
    page = "\n".join([head, *map(_section, results.values())])
    place = ROOT / "docs" / "benchmarks.md" if folder == RESULTS else folder / "benchmarks.md"
    place.write_text(page, encoding="utf-8")
    print(f"{place}: {len(results)} results")


def _section(result: dict[str, Any]) -> str:
    tables = [
        Table(tuple(table["columns"]), tuple(map(tuple, table["rows"]))).markdown()
        for table in result["tables"]
    ]
    where = f"{result['made']}, {result['machine']}"
    body = [f"## {result['title']}", f"`{result['command']}`", result["text"], *tables, where]
    return "\n\n".join(body) + "\n"


if __name__ == "__main__":
    main()
