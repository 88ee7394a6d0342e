"""Lets a thread of watchdog's die in the daemon once a root holds a folder named `deafen`.

As it does by itself, now and then, over folders that come and go; Linux. Python imports this
module at its start where PYTHONPATH names this folder: the product has no door for it.
"""

from __future__ import annotations

import os
import sys
from typing import Any

if sys.platform == "linux" and os.path.basename(sys.orig_argv[-1]) == "imgqd":
    from watchdog.observers.inotify import InotifyEmitter

    _as_it_is = InotifyEmitter.queue_events

    def _queue_events(self: InotifyEmitter, timeout: float, **more: Any) -> None:
        _as_it_is(self, timeout, **more)
        if os.path.exists(os.path.join(os.fsdecode(self.watch.path), "deafen")):
            raise KeyError("deafen")

    InotifyEmitter.queue_events = _queue_events  # type: ignore[method-assign]
