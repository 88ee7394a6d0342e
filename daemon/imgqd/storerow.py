"""How the shared store is, as status shows it."""

from __future__ import annotations

import re
from typing import Any

from imgqd.outbox import Outbox


async def row(outbox: Outbox) -> dict[str, Any] | None:
    """Return what is known of the store without asking it; None where the settings name none."""
    if not outbox.is_on:
        return None
    place = await outbox.place()
    behind = 0 if place is None else await outbox.behind(place)
    filling = outbox.telling.filling if place is not None and place.filled is not None else None
    trouble, looked = outbox.trouble, outbox.looked
    if trouble is not None:
        state = trouble.state
    elif place is None:
        state = "starting"
    elif place.filled is not None or outbox.telling.begins:
        state = "filling"
    else:
        state = "behind" if behind else "in_step"
    return {
        "host": outbox.host,
        "machine": outbox.machine,
        "state": state,
        "detail": "" if trouble is None else _short(str(trouble), outbox.host),
        "since": outbox.since,
        "next_try": outbox.due,
        "behind": behind,
        "filling": None if filling is None else {"done": filling[0], "total": filling[1]},
        "rows": looked.get("rows"),
        "unindexed": looked.get("unindexed"),
        "answers": looked.get("answers"),
        "waits_for": looked.get("waits_for", []),
        "work": outbox.work,
    }


def _short(text: str, host: str) -> str:
    """Return what is wrong without the address before it, which is said anyway."""
    return re.sub(rf"^https?://{re.escape(host)}\S*?:? ", "", text)
