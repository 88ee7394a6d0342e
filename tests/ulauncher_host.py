"""A stand-in for Ulauncher 5.15: `ulauncher_host.py MAIN` runs an extension's main.py.

Events come as lines of JSON (`["query", text]`, `["enter", data]`), and what the extension
answers goes out as lines. It knows what the extension API 2 has of names and arguments, and is
started in a Python without site-packages, as strange to imgq as Ulauncher's own.
"""

from __future__ import annotations

import json
import runpy
import sys
from types import ModuleType, SimpleNamespace
from typing import Any


class Record(SimpleNamespace):
    pass


class DoNothingAction(Record):
    pass


class ExtensionCustomAction(Record):
    def __init__(self, data: Any) -> None:
        super().__init__(data=data)


class RenderResultListAction(Record):
    def __init__(self, result_list: list[Any]) -> None:
        super().__init__(result_list=result_list)


class ExtensionResultItem(Record):
    def __init__(self, *, name: Any, description: Any = "", icon: str, **more: Any) -> None:
        if not (isinstance(name, str) and isinstance(description, str)):
            raise TypeError("texts are str")
        unknown = more.keys() - {"highlightable", "on_enter", "on_alt_enter"}
        if unknown:
            raise TypeError(f"ExtensionResultItem has no {unknown}")
        super().__init__(name=name, description=description, icon=icon, **more)


class EventListener:
    pass


class KeywordQueryEvent(Record):
    def get_argument(self) -> str | None:
        return self.text or None


class ItemEnterEvent(Record):
    def get_data(self) -> Any:
        return self.data


class Extension:
    def __init__(self) -> None:
        self.listeners: dict[Any, Any] = {}

    def subscribe(self, event_type: Any, listener: Any) -> None:
        self.listeners[event_type] = listener

    def run(self) -> None:
        for line in sys.stdin:
            kind, said = json.loads(line)
            event: Record = ItemEnterEvent(data=said)
            if kind == "query":
                event = KeywordQueryEvent(text=said)
            action = self.listeners[type(event)].on_event(event, self)
            sys.stdout.write(json.dumps(action, default=vars) + "\n")
            sys.stdout.flush()


_SHARED = "ulauncher.api.shared."
_PLACES: dict[str, Any] = {
    "ulauncher.api.client.EventListener": EventListener,
    "ulauncher.api.client.Extension": Extension,
    _SHARED + "action.DoNothingAction": DoNothingAction,
    _SHARED + "action.ExtensionCustomAction": ExtensionCustomAction,
    _SHARED + "action.RenderResultListAction": RenderResultListAction,
    _SHARED + "item.ExtensionResultItem": ExtensionResultItem,
    _SHARED + "event": (KeywordQueryEvent, ItemEnterEvent),
}

for place, classes in _PLACES.items():
    parts = place.split(".")
    for end in range(1, len(parts) + 1):
        sys.modules.setdefault(".".join(parts[:end]), ModuleType(".".join(parts[:end])))
    for one in classes if isinstance(classes, tuple) else (classes,):
        setattr(sys.modules[place], one.__name__, one)

runpy.run_path(sys.argv[1], run_name="__main__")
