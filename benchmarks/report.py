"""Make docs/benchmarks.md of the results that are kept in benchmarks/results."""

from __future__ import annotations

import json
from typing import Any, Final

from measure import RESULTS, ROOT, Table

_HEAD: Final = """# Figures

Every figure that this project claims, and the command that gives it. This page is made of
`benchmarks/results` by `python benchmarks/report.py`; a benchmark keeps its result with
`--json benchmarks/results/NAME.json`. Absolute times are one machine's: compare the ratios.
"""


def main() -> None:
    """Write the page."""
    results = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(RESULTS.glob("*"))]
    page = "\n".join([_HEAD, *(_section(result) for result in results)])
    (ROOT / "docs" / "benchmarks.md").write_text(page, encoding="utf-8")
    print(f"docs/benchmarks.md: {len(results)} results")


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
