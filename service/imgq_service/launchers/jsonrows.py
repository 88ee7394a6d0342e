"""Rows as JSON, for launchers whose plug-ins run in a Python, or a language, of their own.

`python -m imgq_service.launchers.jsonrows WORDS` prints one object,
`{"rows": [{"title", "subtitle", "icon", "uri"}], "note"}`, and ends. `icon` is the path of a
PNG or empty, `note` a line for the person or empty; both and all texts are plain text.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from imgq_service.launchers.rows import Page, Row, found


def main() -> int:
    """Answer one line."""
    query = " ".join(sys.argv[1:])
    page = found(query) if query.strip() else Page()
    sys.stdout.write(json.dumps({"rows": [_row(row) for row in page.rows], "note": page.note}))
    return 0


def _row(row: Row) -> dict[str, Any]:
    return {"title": row.title, "subtitle": row.subtitle, "icon": row.icon, "uri": row.uri}


if __name__ == "__main__":
    sys.exit(main())
