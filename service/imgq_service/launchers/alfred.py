"""Alfred's Script Filter: `python -m imgq_service.launchers.alfred WORDS` prints its JSON.

No item has a `uid`: Alfred would sort by what was chosen before, and the order is the answer.

Source: https://www.alfredapp.com/help/workflows/inputs/script-filter/json/
"""

from __future__ import annotations

import json
import sys
from typing import Any

from imgq_service.launchers.rows import Page, Row, found


def main() -> int:
    """Answer one line."""
    query = " ".join(sys.argv[1:])
    sys.stdout.write(json.dumps(answer(found(query) if query.strip() else Page())))
    return 0


def answer(page: Page) -> dict[str, Any]:
    """Return what Alfred reads: an item for each row, and one that says the note."""
    items = [_item(row) for row in page.rows]
    if page.note:
        items.append({"title": page.note, "valid": False})
    return {"items": items, "skipknowledge": True}


def _item(row: Row) -> dict[str, Any]:
    item: dict[str, Any] = {"title": row.title, "subtitle": row.subtitle}
    if row.icon:
        item["icon"] = {"path": row.icon}
    try:
        path = row.path.decode()
    except UnicodeDecodeError:
        # Not on a Mac's own disk; JSON could not carry it.
        return {**item, "valid": False}
    return {**item, "arg": path, "type": "file", "quicklookurl": path}


if __name__ == "__main__":
    sys.exit(main())
